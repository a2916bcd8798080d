//! Whether a policy answers in time, and how much of the time it may take.
//!
//! It is woken for events and at the end of its timeout, and must be back, waiting, within
//! [`PATIENCE`] of the first of what it is woken for. While it waits for nothing there is
//! no deadline: what it has decided holds. So one that sleeps, loops, hangs or is stopped
//! is found by a timer, wherever it hangs; and one that comes back too often waits longer.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use roentgen_abi::syscall::POLICY_PATIENCE;

/// How long it may take to answer, in nanoseconds.
pub const PATIENCE: u64 = POLICY_PATIENCE;

/// How far its runs may be ahead of half of the time, in nanoseconds.
pub const AHEAD: u64 = 50_000_000;

/// How late a core may be with its look, in nanoseconds: one that is later did not run, and
/// so the policy did not on it (an emulator's host was busy).
pub const STALL: u64 = 5_000_000;

/// How often a policy gets more time, from one answer to the next.
pub const STALLS: u32 = 10;

/// How long nobody is believed to stand still, in nanoseconds past the deadline.
pub const SILENCE: u64 = STALLS as u64 * PATIENCE;

const NEVER: u64 = u64::MAX;

/// The deadline of a policy. Any core may tell and look; only the policy's own thread rests
/// and begins.
pub struct Watch {
    deadline: AtomicU64,
    /// How often it was given more time.
    stalls: AtomicU32,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Nothing is asked of it yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            deadline: AtomicU64::new(NEVER),
            stalls: AtomicU32::new(0),
        }
    }

    /// It waits, and wakes by itself at `until`, if at all.
    pub fn rest(&self, until: Option<u64>) {
        let deadline = until.map_or(NEVER, |until| until.saturating_add(PATIENCE));
        self.stalls.store(0, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::SeqCst);
    }

    /// It is woken for something. The deadline, to be timed by the caller.
    pub fn tell(&self, now: u64) -> u64 {
        let deadline = now.saturating_add(PATIENCE);
        let before = self.deadline.fetch_min(deadline, Ordering::SeqCst);
        before.min(deadline)
    }

    /// When it is late; None: nothing is asked of it.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        Some(self.deadline.load(Ordering::SeqCst)).filter(|deadline| *deadline != NEVER)
    }

    /// By how many nanoseconds it is late, if it is.
    #[must_use]
    pub fn late_by(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.deadline.load(Ordering::SeqCst))
    }

    /// It is late, says the core that it ran on, which was to look at `planned` and looks at
    /// `now`: whether it gets more time, since the core itself did not run.
    pub fn forgives(&self, planned: u64, now: u64) -> bool {
        if now.saturating_sub(planned) <= STALL
            || self.stalls.fetch_add(1, Ordering::Relaxed) >= STALLS
        {
            return false;
        }
        // Unless it has just come back.
        let anew = now.saturating_add(PATIENCE);
        let late = |deadline| (deadline <= now).then_some(anew);
        let _ = self
            .deadline
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, late);
        true
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
        assert_eq!(watch.late_by(NEVER - 1), None);
        assert_eq!(watch.tell(5), 5 + PATIENCE);
        assert_eq!(watch.tell(9), 5 + PATIENCE);
        assert_eq!(watch.late_by(4 + PATIENCE), None);
        assert_eq!(watch.late_by(7 + PATIENCE), Some(2));
        watch.rest(None);
        assert_eq!(watch.deadline(), None);
        watch.rest(Some(100));
        assert_eq!(watch.tell(50), 50 + PATIENCE);
    }

    #[test]
    fn whose_core_stood_still_gets_more_time_but_not_for_ever() {
        let watch = Watch::new();
        let mut deadline = watch.tell(0);
        assert!(!watch.forgives(deadline, deadline + STALL));
        for _ in 0..STALLS {
            let now = deadline + STALL + 1;
            assert!(watch.forgives(deadline, now));
            deadline = watch.deadline().unwrap();
            assert_eq!(deadline, now + PATIENCE);
        }
        assert!(!watch.forgives(deadline, deadline + 2 * STALL));
        // An answer ends that, and is not taken back.
        watch.rest(None);
        assert!(watch.forgives(deadline, deadline + 2 * STALL));
        assert_eq!(watch.deadline(), None);
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
