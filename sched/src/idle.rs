//! Who has nothing to do: idling, halting, searching. No wake-up is lost, and none is
//! sent twice.
//!
//! A core that finds no work *announces* itself. It may poll for a while; before it
//! *halts* it says so, and then looks at everything once more. Whoever makes work first
//! puts it where it can be found, and then looks for a core that is announced. Between
//! what each of the two writes and what it reads of the other stands a fence, so at least
//! one of them sees the other: either the work is found, or the core is.
//!
//! To *claim* a core is to take it off the list: of two wakers one gets it. Only who takes
//! away the note that it halts sends it an interrupt; a core that is awake needs none.
//!
//! While somebody searches, nobody else is woken to search: a searcher that finds work
//! and is the last one wakes the next (Tokio's rule, `runtime/scheduler/multi_thread/idle.rs`).

use crate::mask::{AtomicCoreMask, CoreMask};
use crate::sync::atomic::{AtomicUsize, Ordering, fence};

/// The cores that have nothing to do.
pub struct Idle {
    /// Announced and not claimed.
    announced: AtomicCoreMask,
    /// Halts, or is about to: needs an interrupt.
    halted: AtomicCoreMask,
    /// Cores that search.
    searching: AtomicUsize,
}

impl Default for Idle {
    fn default() -> Self {
        Self::new()
    }
}

impl Idle {
    /// Nobody idles.
    #[must_use]
    pub fn new() -> Self {
        Self {
            announced: AtomicCoreMask::new(CoreMask::NONE),
            halted: AtomicCoreMask::new(CoreMask::NONE),
            searching: AtomicUsize::new(0),
        }
    }

    /// This core has nothing to do and can be claimed.
    pub fn announce(&self, core: usize) {
        self.announced.insert(core);
        // Pairs with the fence of whoever made work: see the head of this file.
        fence(Ordering::SeqCst);
    }

    /// This core goes on by itself. False: somebody had claimed it.
    pub fn withdraw(&self, core: usize) -> bool {
        self.announced.remove(core)
    }

    /// Whether it is announced and not claimed.
    #[must_use]
    pub fn is_announced(&self, core: usize) -> bool {
        self.announced.contains(core)
    }

    /// Takes this core off the list. True: it is the caller's to give work to.
    #[must_use]
    pub fn claim(&self, core: usize) -> bool {
        self.announced.contains(core) && self.announced.remove(core)
    }

    /// Takes an announced core of `allowed` off the list, one that does not halt if there
    /// is one. The caller made its work visible, and fenced, before.
    #[must_use]
    pub fn claim_any(&self, allowed: &CoreMask, cores: usize) -> Option<usize> {
        let announced = self.announced.snapshot(cores).and(allowed);
        if announced.is_empty() {
            return None;
        }
        let awake = announced.without(&self.halted.snapshot(cores));
        awake
            .iter()
            .chain(announced.iter())
            .find(|core| self.claim(*core))
    }

    /// Any announced core of `allowed`: a hint, nothing is claimed.
    #[must_use]
    pub fn find(&self, allowed: &CoreMask, cores: usize) -> Option<usize> {
        let announced = self.announced.snapshot(cores).and(allowed);
        let first = announced.first_core()?;
        let awake = announced.without(&self.halted.snapshot(cores));
        Some(awake.first_core().unwrap_or(first))
    }

    /// This core is about to halt: from now on it needs an interrupt. It must look at
    /// everything once more between this and the halt.
    pub fn begin_halt(&self, core: usize) {
        self.halted.insert(core);
        fence(Ordering::SeqCst);
    }

    /// This core does not halt, or not any more.
    pub fn end_halt(&self, core: usize) {
        self.halted.remove(core);
    }

    /// Whether the caller has to interrupt that core; of several callers, one. The caller
    /// made its work visible, and fenced, before.
    #[must_use]
    pub fn must_interrupt(&self, core: usize) -> bool {
        self.halted.contains(core) && self.halted.remove(core)
    }

    /// Whether this core may search; then it is counted until [`Idle::end_search`]. About
    /// half of `cores` search at once, at most.
    #[must_use]
    pub fn start_search(&self, cores: usize) -> bool {
        let mut now = self.searching.load(Ordering::SeqCst);
        loop {
            if now > 0 && 2 * now >= cores {
                return false;
            }
            match self
                .searching
                .compare_exchange(now, now + 1, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
    }

    /// The search is over. True: nobody else searches.
    pub fn end_search(&self) -> bool {
        let was_last = self.searching.fetch_sub(1, Ordering::SeqCst) == 1;
        // Pairs with the fence of whoever made work and saw a searcher.
        fence(Ordering::SeqCst);
        was_last
    }

    /// Whether any core searches.
    #[must_use]
    pub fn is_searched(&self) -> bool {
        self.searching.load(Ordering::SeqCst) > 0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_claimed_once_and_interrupted_once() {
        let idle = Idle::new();
        idle.announce(3);
        idle.begin_halt(3);
        assert_eq!(idle.find(&CoreMask::ALL, 8), Some(3));
        assert_eq!(idle.claim_any(&CoreMask::only(2), 8), None);
        assert_eq!(idle.claim_any(&CoreMask::ALL, 8), Some(3));
        assert_eq!(idle.claim_any(&CoreMask::ALL, 8), None);
        assert!(!idle.claim(3));
        assert!(idle.must_interrupt(3));
        assert!(!idle.must_interrupt(3));
        assert!(!idle.withdraw(3), "it learns that it was claimed");
    }

    #[test]
    fn a_core_that_is_awake_is_preferred() {
        let idle = Idle::new();
        for core in [0, 1, 2] {
            idle.announce(core);
        }
        idle.begin_halt(0);
        idle.begin_halt(1);
        assert_eq!(idle.find(&CoreMask::ALL, 4), Some(2));
        assert_eq!(idle.claim_any(&CoreMask::ALL, 4), Some(2));
        assert_eq!(idle.claim_any(&CoreMask::ALL, 4), Some(0));
    }

    #[test]
    fn about_half_of_the_cores_search_at_once() {
        for (cores, most) in [(1, 1), (2, 1), (3, 2), (4, 2), (64, 32)] {
            let idle = Idle::new();
            let started = (0..cores).filter(|_| idle.start_search(cores)).count();
            assert_eq!(started, most, "{cores} cores");
            for left in (0..started).rev() {
                assert_eq!(idle.end_search(), left == 0);
            }
        }
    }
}
