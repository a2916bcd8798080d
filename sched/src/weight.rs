//! Classes, nice values and weights.

/// What kind of work a task does; an earlier one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Serves an interrupt: ahead of everything else.
    Interrupt = 0,
    /// Everything that nobody says anything about (`SCHED_OTHER`, `SCHED_BATCH`).
    Normal = 1,
    /// Runs while nothing else wants to (`SCHED_IDLE`), and now and then all the same:
    /// it may hold a lock that others wait for.
    Idle = 2,
}

impl Class {
    /// The class with this number; [`Class::Normal`] for numbers that none has.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Interrupt,
            2 => Self::Idle,
            _ => Self::Normal,
        }
    }
}

/// Weight of a task that is neither nice nor not.
pub const NORMAL_WEIGHT: u32 = 1024;

/// The greatest weight, that of nice -20.
pub const HEAVIEST: u32 = WEIGHTS[0];

/// The weight of each nice value from -20 to 19: a step is about 1.25, so that one nice
/// level is worth 10 % of a core against one other task. Linux's `sched_prio_to_weight`
/// (kernel/sched/core.c), whose shares programs expect.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];

/// The weight of a nice value; values beyond -20 and 19 count as those.
#[must_use]
pub fn of_nice(nice: i32) -> u32 {
    WEIGHTS[(nice.clamp(-20, 19) + 20) as usize]
}

/// The time that `real` nanoseconds are for a task of this weight, on the clock of one of
/// [`NORMAL_WEIGHT`].
#[must_use]
pub fn virtual_nanos(real: u64, weight: u32) -> u64 {
    if weight == NORMAL_WEIGHT {
        return real;
    }
    real.saturating_mul(u64::from(NORMAL_WEIGHT)) / u64::from(weight.max(1))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_nice_level_is_worth_about_a_tenth_of_a_core() {
        for nice in -20..19 {
            let (more, less) = (f64::from(of_nice(nice)), f64::from(of_nice(nice + 1)));
            let share = more / (more + less);
            assert!((0.53..0.58).contains(&share), "nice {nice}: {share}");
        }
        assert_eq!(of_nice(0), NORMAL_WEIGHT);
        assert_eq!((of_nice(-99), of_nice(99)), (of_nice(-20), of_nice(19)));
    }

    #[test]
    fn twice_the_weight_is_half_the_virtual_time() {
        assert_eq!(virtual_nanos(1000, NORMAL_WEIGHT), 1000);
        assert_eq!(virtual_nanos(1000, 2 * NORMAL_WEIGHT), 500);
        assert_eq!(virtual_nanos(u64::MAX, 0), u64::MAX);
    }
}
