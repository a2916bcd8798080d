//! Fairness over first-in-first-out queues.
//!
//! Each task has a virtual time: what it has run, divided by its weight. Each core has
//! one too. A picked task that is ahead of its core's by more than a slice goes to the
//! back, [`MAX_DEFERRALS`] times at most. If all that were looked at are ahead, the one
//! that is least so runs, and its time becomes the core's: so the core's never passes that
//! of a task that waits, and one of great weight, whose time hardly moves, is picked again
//! and again until it has had its share. A task that comes from another core is as far
//! ahead or behind as it was there, within bounds.
//!
//! The bound, for tasks that want to run all the time on one core, and no more of them
//! than [`MAX_DEFERRALS`]: the virtual times of any two differ by at most
//! [`SPREAD`], whatever their weights. `tests/simulation` holds it against that.

use crate::weight::NORMAL_WEIGHT;

/// How long a task of weight 1024 runs while others wait, in nanoseconds.
pub const SLICE: u64 = 4_000_000;
/// Slices of light tasks are no shorter, and of heavy ones no longer.
const SHORTEST: u64 = SLICE / 4;
const LONGEST: u64 = SLICE * 4;

/// How often a pick sends a task that is ahead to the back, at most.
pub const MAX_DEFERRALS: usize = 32;

/// What a task keeps of the share that it did not use while it slept.
pub const CREDIT: u64 = SLICE;

/// How far behind or ahead a task can be when it comes to another core.
const MOST_AHEAD: u64 = 100_000_000;

/// How far the virtual times of two tasks differ at most, on one core: none is behind the
/// core's, and one that is a slice ahead of that may still run, for no more virtual time
/// than the shortest slice is to the lightest task.
pub const SPREAD: u64 = SLICE + SHORTEST * NORMAL_WEIGHT as u64 / 15;

/// A woken task that is behind the running one by more than this takes the core at once.
pub const WAKE_GRANULARITY: u64 = 1_000_000;

/// How long a task of this weight runs while others wait.
#[must_use]
pub fn slice(weight: u32) -> u64 {
    (SLICE * u64::from(weight) / u64::from(NORMAL_WEIGHT)).clamp(SHORTEST, LONGEST)
}

/// Whether a task is so far ahead that others go first.
#[must_use]
pub fn is_ahead(task: u64, core: u64) -> bool {
    task > core.saturating_add(SLICE)
}

/// A task's virtual time, no further from its core's than a task may be: it keeps little
/// of the share that it did not use, and what it ran in another class is not held against
/// it for long.
#[must_use]
pub fn limit(task: u64, core: u64) -> u64 {
    task.clamp(core.saturating_sub(CREDIT), core.saturating_add(MOST_AHEAD))
}

/// The virtual time on the scale of core `to` of a task that has `time` on that of `from`.
#[must_use]
pub fn transfer(time: u64, from: u64, to: u64) -> u64 {
    let moved = i128::from(to) + i128::from(time) - i128::from(from);
    let moved = u64::try_from(moved.max(0)).unwrap_or(u64::MAX);
    limit(moved, to)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_with_the_weight_within_bounds() {
        assert_eq!(slice(NORMAL_WEIGHT), SLICE);
        assert_eq!(slice(15), SHORTEST);
        assert_eq!(slice(88_761), LONGEST);
        assert!(slice(2048) == 2 * SLICE && slice(820) < SLICE);
    }

    #[test]
    fn who_moves_is_as_far_ahead_as_before_within_bounds() {
        assert_eq!(transfer(107, 100, 1000), 1007);
        assert_eq!(transfer(93, 100, 1000), 993);
        assert_eq!(transfer(u64::MAX, 0, 1000), 1000 + MOST_AHEAD);
        assert_eq!(transfer(0, u64::MAX, 2 * CREDIT), CREDIT);
        assert_eq!(transfer(0, 50, 10), 0);
    }
}
