//! What is not there: `ENOSYS`, counted, and named once in the log.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::errno::{Errno, Result};
use crate::task::Thread;

crate::counters! {
    /// System calls that this kernel does not have.
    static UNKNOWN_CALLS = "unknown_system_calls";
}

/// Numbers that the log has named, a bit each; larger ones are named every time.
static NAMED: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// Answers a call that nobody knows.
pub(super) fn answer(number: u32, thread: &Thread) -> Result<usize> {
    UNKNOWN_CALLS.add(1);
    let bit = 1 << (number % 64);
    let is_new = NAMED
        .get(number as usize / 64)
        .is_none_or(|word| word.fetch_or(bit, Ordering::Relaxed) & bit == 0);
    if is_new {
        crate::log!(
            "system call {number} is not there (process {}, {})",
            thread.process().id(),
            String::from_utf8_lossy(&thread.name())
        );
    }
    Err(Errno::ENOSYS)
}
