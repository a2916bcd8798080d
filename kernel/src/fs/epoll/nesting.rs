//! Epoll sets that watch epoll sets: no circles, and not too deep.

use std::sync::Arc;

use super::Epoll;
use crate::errno::{Errno, Result};
use crate::fs::file::OpenFile;
use crate::sync::{SleepMutex, SleepMutexGuard};

/// Sets above one another at most (`EP_MAX_NESTS`).
const DEPTH: usize = 5;

/// Two nestings at once could close a circle that neither sees. Before every set's
/// `interests` in the lock order.
static NESTING: SleepMutex<()> = SleepMutex::new(());

/// Checks that `outer` may watch `inner`; to be held until it does.
///
/// # Errors
/// `EINVAL` where both are one; `ELOOP` for a circle, or too many levels.
pub fn check(outer: &Epoll, inner: &Epoll) -> Result<SleepMutexGuard<'static, ()>> {
    if core::ptr::eq(outer, inner) {
        return Err(Errno::EINVAL);
    }
    let guard = NESTING.lock();
    descend(outer, inner.inner(), 1)?;
    Ok(guard)
}

fn descend(outer: &Epoll, below: Vec<Arc<OpenFile>>, depth: usize) -> Result<()> {
    if depth >= DEPTH {
        return Err(Errno::ELOOP);
    }
    for file in below {
        let epoll = Epoll::of(&file)?;
        if core::ptr::eq(outer, epoll) {
            return Err(Errno::ELOOP);
        }
        descend(outer, epoll.inner(), depth + 1)?;
    }
    Ok(())
}
