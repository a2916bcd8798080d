//! The warp check: two cores take turns reading their counters; each reading must not be
//! below the last of either (Linux's `check_tsc_warp`, after Ingo Molnar).
//!
//! Both cores call [`WarpCheck::run`] on the same check at the same time; each then reads
//! the verdict when the other is done too.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A check between two cores, shared by both.
#[derive(Debug, Default)]
pub struct WarpCheck {
    is_locked: AtomicBool,
    last: AtomicU64,
    last_reader: AtomicU64,
    readings: AtomicU64,
    turns: AtomicU64,
    warps: AtomicU64,
    worst: AtomicU64,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarpVerdict {
    /// No reading was below an earlier one, and the cores did take turns that often.
    InStep {
        /// How often the reading before was the other core's.
        turns: u64,
    },
    /// The counters disagree.
    Warped {
        /// How many readings were below an earlier one.
        warps: u64,
        /// By how many ticks at most.
        worst: u64,
    },
    /// The cores did not meet: nothing is known.
    NotCompared,
}

impl WarpCheck {
    /// A new check.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_locked: AtomicBool::new(false),
            last: AtomicU64::new(0),
            last_reader: AtomicU64::new(0),
            readings: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            warps: AtomicU64::new(0),
            worst: AtomicU64::new(0),
        }
    }

    /// Takes `readings` readings on this core. `reader` tells the cores apart, and is not
    /// 0. `counter` reads the time-stamp counter in order (`lfence; rdtsc`).
    pub fn run(&self, reader: u64, readings: u32, mut counter: impl FnMut() -> u64) {
        for _ in 0..readings {
            self.step(reader, &mut counter);
            core::hint::spin_loop();
        }
    }

    fn step(&self, reader: u64, counter: &mut impl FnMut() -> u64) {
        while self
            .is_locked
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            core::hint::spin_loop();
        }
        // All of this is under the lock, which orders it.
        let last = self.last.load(Ordering::Relaxed);
        let now = counter();
        self.last.store(now, Ordering::Relaxed);
        let before = self.last_reader.swap(reader, Ordering::Relaxed);
        let is_first = self.readings.fetch_add(1, Ordering::Relaxed) == 0;
        if !is_first && before != reader {
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
        if !is_first && now < last {
            self.warps.fetch_add(1, Ordering::Relaxed);
            self.worst.fetch_max(last - now, Ordering::Relaxed);
        }
        self.is_locked.store(false, Ordering::Release);
    }

    /// What was found up to now.
    #[must_use]
    pub fn verdict(&self) -> WarpVerdict {
        let turns = self.turns.load(Ordering::Acquire);
        let warps = self.warps.load(Ordering::Relaxed);
        if warps > 0 {
            WarpVerdict::Warped {
                warps,
                worst: self.worst.load(Ordering::Relaxed),
            }
        } else if turns > 0 {
            WarpVerdict::InStep { turns }
        } else {
            WarpVerdict::NotCompared
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn counters_in_step_are_in_step() {
        let clock = AtomicU64::new(0);
        let check = WarpCheck::new();
        for _ in 0..100 {
            check.run(1, 3, || clock.fetch_add(1, Ordering::Relaxed));
            check.run(2, 3, || clock.fetch_add(1, Ordering::Relaxed));
        }
        assert_eq!(check.verdict(), WarpVerdict::InStep { turns: 199 });
    }

    #[test]
    fn a_counter_that_lags_is_found_with_how_much_it_lags() {
        let clock = AtomicU64::new(1_000);
        let check = WarpCheck::new();
        check.run(1, 5, || clock.fetch_add(1, Ordering::Relaxed));
        check.run(2, 5, || clock.fetch_add(1, Ordering::Relaxed) - 500);
        // Reading 1004, then 1005 - 500.
        assert_eq!(
            check.verdict(),
            WarpVerdict::Warped {
                warps: 1,
                worst: 499
            }
        );
    }

    #[test]
    fn cores_that_did_not_meet_are_not_called_in_step() {
        let check = WarpCheck::new();
        check.run(1, 100, || 7);
        assert_eq!(check.verdict(), WarpVerdict::NotCompared);
    }

    #[test]
    fn two_threads_with_one_clock_never_warp() {
        let clock = AtomicU64::new(0);
        let check = WarpCheck::new();
        std::thread::scope(|scope| {
            for reader in 1..=2 {
                let (check, clock) = (&check, &clock);
                scope.spawn(move || {
                    check.run(reader, 20_000, || clock.fetch_add(1, Ordering::Relaxed))
                });
            }
        });
        assert!(!matches!(check.verdict(), WarpVerdict::Warped { .. }));
    }

    #[test]
    fn two_threads_whose_clocks_differ_are_found_out() {
        let clock = AtomicU64::new(1 << 40);
        let check = WarpCheck::new();
        // On a busy host one thread may do all its readings before the other begins: both
        // go on until they have met.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let is_found = || matches!(check.verdict(), WarpVerdict::Warped { .. });
        std::thread::scope(|scope| {
            for reader in 1..=2 {
                let (check, clock) = (&check, &clock);
                scope.spawn(move || {
                    let lag = if reader == 2 { 1 << 30 } else { 0 };
                    while !is_found() && std::time::Instant::now() < end {
                        check.run(reader, 1_000, || {
                            clock.fetch_add(1, Ordering::Relaxed) - lag
                        });
                    }
                });
            }
        });
        assert!(matches!(check.verdict(), WarpVerdict::Warped { .. }));
    }
}
