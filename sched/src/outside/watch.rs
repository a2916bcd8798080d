//! Whether a policy answers in time, and how much of the time it may take.
//!
//! It is woken for events and at the end of its timeout, and must be back, waiting, within
//! [`PATIENCE`] of the first of what it is woken for. While it waits for nothing there is
//! no deadline: what it has decided holds. So one that sleeps, loops, hangs or is stopped
//! is found by a timer, wherever it hangs; and one that comes back too often waits longer.

use core::sync::atomic::{AtomicU64, Ordering};

use roentgen_abi::syscall::POLICY_PATIENCE;

/// How long it may take to answer, in nanoseconds.
pub const PATIENCE: u64 = POLICY_PATIENCE;

/// How far its runs may be ahead of half of the time, in nanoseconds.
pub const AHEAD: u64 = 50_000_000;

const NEVER: u64 = u64::MAX;

/// The deadline of a policy. Any core may tell; only the policy's own thread rests and
/// begins.
pub struct Watch(AtomicU64);

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Nothing is asked of it yet.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU64::new(NEVER))
    }

    /// It waits, and wakes by itself at `until`, if at all.
    pub fn rest(&self, until: Option<u64>) {
        let deadline = until.map_or(NEVER, |until| until.saturating_add(PATIENCE));
        self.0.store(deadline, Ordering::SeqCst);
    }

    /// It is woken for something. The deadline, to be timed by the caller.
    pub fn tell(&self, now: u64) -> u64 {
        let deadline = now.saturating_add(PATIENCE);
        self.0.fetch_min(deadline, Ordering::SeqCst).min(deadline)
    }

    /// When it is late; None: nothing is asked of it.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst)).filter(|deadline| *deadline != NEVER)
    }

    /// Whether it is late.
    #[must_use]
    pub fn is_late(&self, now: u64) -> bool {
        self.0.load(Ordering::SeqCst) <= now
    }
}

/// What a policy's runs took, against half of the time. Its own thread's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// What it has run and not yet rested for.
    debt: u64,
    /// When that was reckoned.
    at: u64,
}

impl Budget {
    /// It ran from `began` until `now`: the moment before which it may not run again.
    pub fn spend(&mut self, began: u64, now: u64) -> u64 {
        let rested = began.saturating_sub(self.at);
        let ran = now.saturating_sub(began);
        self.debt = self.debt.saturating_sub(rested).saturating_add(ran);
        self.at = now;
        now.saturating_add(self.debt.saturating_sub(AHEAD))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn the_first_of_what_it_is_told_sets_the_deadline() {
        let watch = Watch::new();
        assert!(!watch.is_late(NEVER - 1));
        assert_eq!(watch.tell(5), 5 + PATIENCE);
        assert_eq!(watch.tell(9), 5 + PATIENCE);
        assert!(!watch.is_late(4 + PATIENCE) && watch.is_late(5 + PATIENCE));
        watch.rest(None);
        assert_eq!(watch.deadline(), None);
        watch.rest(Some(100));
        assert_eq!(watch.tell(50), 50 + PATIENCE);
    }

    #[test]
    fn whoever_runs_all_the_time_rests_half_of_it() {
        let mut budget = Budget::default();
        let (mut now, mut ran) = (SECOND, 0);
        const SECOND: u64 = 1000 * MILLISECOND;
        while now < 11 * SECOND {
            let began = now;
            now += 7 * MILLISECOND;
            ran += 7 * MILLISECOND;
            now = budget.spend(began, now);
        }
        assert!(ran <= (now - SECOND) / 2 + AHEAD + 7 * MILLISECOND);
        assert!(ran >= (now - SECOND) / 2);
    }

    #[test]
    fn whoever_runs_little_never_rests_for_it() {
        let mut budget = Budget::default();
        for round in 1..1000 {
            let began = round * 10 * MILLISECOND;
            let now = began + 4 * MILLISECOND;
            assert_eq!(budget.spend(began, now), now);
        }
    }
}
