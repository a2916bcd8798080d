//! Allocations that fail on purpose, for tests of what happens then: the manner of Linux's
//! `fail-nth` (its `Documentation/fault-injection`).
//!
//! A thread says which of its next allocations fails, and how many from that one on. What can
//! fail for want of memory asks [`must_fail`] first: frames (but the kernel heap's own), and
//! [`super::pressure`], which says whether there is room for something new. Not here: small
//! blocks of the kernel heap, which cannot fail.
//!
//! While no thread has asked, this costs a look at one word that nobody writes.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::task::{self, scheduler};

/// Threads that have asked, and whose failures are not all over.
static ARMED: AtomicU32 = AtomicU32::new(0);

/// Which allocation of a thread fails. Its own thread's alone.
#[derive(Default)]
pub struct Failing {
    /// Allocations to come, up to the first that fails; 0: that one has come.
    left: AtomicU32,
    /// How many are still to fail; 0: nothing was asked for, or it is over.
    count: AtomicU32,
    /// Whether a failure has been asked for and has come, and nobody has taken note.
    has_failed: AtomicBool,
}

impl Failing {
    /// Has `count` allocations fail, the `nth` from now on the first; 0: none. How many were
    /// to come up to the first that was asked for before; 0 where that one has come, or none
    /// was asked for.
    pub fn arm(&self, nth: u32, count: u32) -> u32 {
        let count = if nth == 0 { 0 } else { count };
        let before = self.count.swap(count, Ordering::Relaxed);
        self.has_failed.store(false, Ordering::Relaxed);
        if count != 0 {
            ARMED.fetch_add(1, Ordering::Relaxed);
        }
        if before != 0 {
            ARMED.fetch_sub(1, Ordering::Relaxed);
        }
        self.left.swap(nth, Ordering::Relaxed)
    }

    /// Whether an allocation has failed on purpose since this was asked last.
    pub fn take_note(&self) -> bool {
        self.has_failed.swap(false, Ordering::Relaxed)
    }

    /// One more allocation; whether it fails.
    fn note(&self) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        if count == 0 {
            return false;
        }
        let left = self.left.load(Ordering::Relaxed).saturating_sub(1);
        self.left.store(left, Ordering::Relaxed);
        if left != 0 {
            return false;
        }
        self.has_failed.store(true, Ordering::Relaxed);
        self.count.store(count - 1, Ordering::Relaxed);
        if count == 1 {
            ARMED.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.arm(0, 0);
    }
}

/// Whether the current thread's allocation is to fail.
#[must_use]
pub fn must_fail() -> bool {
    ARMED.load(Ordering::Relaxed) != 0 && note()
}

#[cold]
fn note() -> bool {
    scheduler::is_in_thread() && task::current().failing.note()
}
