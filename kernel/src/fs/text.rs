//! `ETXTBSY`: a file is written or run as a program, never both at once.
//!
//! Here: the count that an inode has, and the claim that an open file description holds
//! on it. Who claims what: [`super::open`] for writing, [`super::open_for_exec`] for
//! running.

use core::sync::atomic::{AtomicI32, Ordering};
use std::sync::Arc;

use super::inode::Inode;
use crate::errno::{Errno, Result};

/// What a regular file is used for now: above zero the number of claims to write it,
/// below zero the number of claims to run it.
#[derive(Default)]
pub struct TextUse(AtomicI32);

impl TextUse {
    fn add(&self, step: i32) -> Result<()> {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                (now == 0 || now.signum() == step).then_some(now + step)
            })
            .map(|_| ())
            .map_err(|_| Errno::ETXTBSY)
    }
}

/// A claim on a file's bytes, until it is dropped.
pub struct TextClaim {
    inode: Arc<dyn Inode>,
    step: i32,
}

impl TextClaim {
    /// The right to write; None for what nobody can run.
    ///
    /// # Errors
    /// `ETXTBSY` while it runs.
    pub fn to_write(inode: &Arc<dyn Inode>) -> Result<Option<Self>> {
        Self::new(inode, 1)
    }

    /// The right to run; None for what has no such count.
    ///
    /// # Errors
    /// `ETXTBSY` while somebody may write it.
    pub fn to_run(inode: &Arc<dyn Inode>) -> Result<Option<Self>> {
        Self::new(inode, -1)
    }

    fn new(inode: &Arc<dyn Inode>, step: i32) -> Result<Option<Self>> {
        let Some(text) = inode.text_use() else {
            return Ok(None);
        };
        text.add(step)?;
        let inode = inode.clone();
        Ok(Some(Self { inode, step }))
    }
}

impl Drop for TextClaim {
    fn drop(&mut self) {
        if let Some(text) = self.inode.text_use() {
            text.0.fetch_sub(self.step, Ordering::AcqRel);
        }
    }
}
