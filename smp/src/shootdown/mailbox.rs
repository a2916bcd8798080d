//! What a core was asked, and has answered.

use crate::sync::{AtomicU64, Ordering, fence};

/// A core's mailbox: requests are counted, and so are answers. An answer is for all
/// requests that were made before the core looked.
pub struct Mailbox {
    pub(super) asked: AtomicU64,
    pub(super) answered: AtomicU64,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Mailbox {
    /// Nothing asked.
    #[must_use]
    pub fn new() -> Self {
        Self {
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// Makes a request: its number, and whether another one is before the core already,
    /// so that the core needs no interrupt.
    pub(super) fn ask(&self) -> (u64, bool) {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        // Pairs with the fence in `answer`: if the answer to what was before is not seen
        // here, then the core sees this request once it has given that answer.
        fence(Ordering::SeqCst);
        let is_merged = self.answered.load(Ordering::SeqCst) != before;
        (before + 1, is_merged)
    }

    /// Whether the request with that number was answered; what the core did before is
    /// seen then.
    pub(super) fn has_answered(&self, ticket: u64) -> bool {
        self.answered.load(Ordering::SeqCst) >= ticket
    }

    /// On the mailbox's own core: calls `catch_up` if anything was asked, and answers.
    /// The requests that were answered.
    pub fn answer(&self, mut catch_up: impl FnMut()) -> u64 {
        let first = self.answered.load(Ordering::Relaxed);
        let mut answered = first;
        loop {
            let asked = self.asked.load(Ordering::SeqCst);
            if asked == answered {
                return answered - first;
            }
            catch_up();
            answered = asked;
            self.answered.store(answered, Ordering::SeqCst);
            // Look again: whoever asked before it saw that answer sent no interrupt.
            fence(Ordering::SeqCst);
        }
    }
}
