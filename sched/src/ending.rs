//! How a process ends, and who takes back what is left of it: the words that decide.
//!
//! Here: that one way of ending counts ([`Ending`]), and that of all who see a process end
//! (its parent, or the parent's own end) one gives its id back ([`Fate`]). Not here: what
//! ending does, who is told, and the lists of threads, children and accounts (the kernel's
//! `task::exit`, `task::wait`, `task::account`); `tests/loom/ending.rs` plays those beside
//! this very code.

use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};

const NOT_ENDING: u64 = u64::MAX;

/// Whether a process ends, and with which wait status.
pub struct Ending(AtomicU64);

impl Default for Ending {
    fn default() -> Self {
        Self::new()
    }
}

impl Ending {
    /// Of a process that goes on.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU64::new(NOT_ENDING))
    }

    /// It ends, with this wait status. True where nobody was faster: the caller then tells
    /// every thread. A thread that is added later sees that it ends.
    pub fn begin(&self, status: u32) -> bool {
        let is_first = self
            .0
            .compare_exchange(
                NOT_ENDING,
                u64::from(status),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok();
        // Whoever reads next where a thread runs either finds the core that it came to, or
        // that thread finds what was written here: it says where it runs before it looks.
        fence(Ordering::SeqCst);
        is_first
    }

    /// Whether it ends.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire) != NOT_ENDING
    }

    /// Its wait status, once it ends.
    #[must_use]
    pub fn status(&self) -> u32 {
        self.0.load(Ordering::Acquire) as u32
    }
}

/// It has ended.
const ENDED: u8 = 1;
/// It has no parent that could wait for it.
const ORPHANED: u8 = 2;

/// What becomes of a process when it has ended. It is its parent's to wait for, unless that
/// one has ended itself; then whoever comes second of the two ends gives its id back.
#[derive(Default)]
pub struct Fate(AtomicU8);

impl Fate {
    /// Of a process that has not ended.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// It has ended. True where it is nobody's to wait for: the caller gives its id back.
    /// False: the parent does, when it waits or when it ends.
    #[must_use]
    pub fn end(&self) -> bool {
        self.0.fetch_or(ENDED, Ordering::AcqRel) & ORPHANED != 0
    }

    /// Its parent has ended, or it never had one. True where it had ended before: the caller
    /// gives its id back.
    #[must_use]
    pub fn orphan(&self) -> bool {
        self.0.fetch_or(ORPHANED, Ordering::AcqRel) & ENDED != 0
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.load(Ordering::Acquire) & ENDED != 0
    }
}
