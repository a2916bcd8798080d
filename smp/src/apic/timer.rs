//! The local APIC's timer as a one-shot alarm (SDM vol. 3A, 12.5.4).

use super::{LVT_MASKED, LocalApic, registers};
use crate::clock::{CountdownTimer, Scale};
use core::arch::x86_64::{__cpuid, _rdtsc};
use x2apic::lapic::TimerDivide;
use x86_64::registers::model_specific::Msr;

const TSC_DEADLINE: u32 = 0x6E0;
const MODE_ONE_SHOT: u32 = 0b00 << 17;
const MODE_TSC_DEADLINE: u32 = 0b10 << 17;

/// How the timer is told when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerMode {
    /// A time-stamp counter value is reached.
    TscDeadline,
    /// A count of the APIC's own clock runs out.
    OneShot,
}

/// Whether the timer can wait for a time-stamp counter value.
#[must_use]
pub(super) fn has_tsc_deadline() -> bool {
    __cpuid(1).ecx & 1 << 24 != 0
}

/// The alarm of this core, with what it takes to translate a deadline. Kept beside the
/// [`LocalApic`]; plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Deadlines are given to the hardware as they are.
    TscDeadline,
    /// Deadlines are turned into counts.
    OneShot {
        /// From time-stamp counter ticks to counts.
        counts: Scale,
    },
}

impl Timer {
    /// The timer of an APIC in that mode. `tsc_hz` and `count_hz` are the frequencies of
    /// the time-stamp counter and of the APIC's own clock (used for one-shot mode only).
    #[must_use]
    pub fn new(mode: TimerMode, tsc_hz: u64, count_hz: u64) -> Self {
        match mode {
            TimerMode::TscDeadline => Self::TscDeadline,
            TimerMode::OneShot => Self::OneShot {
                counts: Scale::between(tsc_hz, count_hz),
            },
        }
    }

    /// The count to start with, so that it runs out at, or a little after, a deadline.
    /// Never 0, which would stop the timer. One too far away for 32 bits ends early.
    #[must_use]
    fn count(counts: Scale, deadline: u64, now: u64) -> u32 {
        let ticks = deadline.saturating_sub(now);
        u32::try_from(counts.convert(ticks).saturating_add(1)).unwrap_or(u32::MAX)
    }
}

impl LocalApic {
    /// How this core's timer is told when.
    #[must_use]
    pub fn timer_mode(&self) -> TimerMode {
        self.timer_mode
    }

    /// Uses one-shot mode although the TSC-deadline mode is there (a TSC that is no clock:
    /// warped, or not constant).
    pub fn force_one_shot(&mut self) {
        self.disarm();
        self.timer_mode = TimerMode::OneShot;
        self.configure_timer();
    }

    /// Unmasks the timer, disarmed, in its mode.
    pub(super) fn configure_timer(&self) {
        let mode = match self.timer_mode {
            TimerMode::OneShot => MODE_ONE_SHOT,
            TimerMode::TscDeadline => MODE_TSC_DEADLINE,
        };
        self.write(registers::INITIAL_COUNT, 0);
        self.write(registers::LVT_TIMER, LVT_MASKED | mode);
        // SAFETY: this core's timer, disarmed.
        self.with_driver(|driver| unsafe { driver.set_timer_divide(TimerDivide::Div1) });
        self.write(registers::LVT_TIMER, mode | u32::from(self.vectors.timer));
        // In xAPIC mode the LVT write must be done before the first deadline is written
        // (SDM vol. 3A, 12.5.4.1).
        super::fence_before_msr_write();
    }

    /// The timer interrupts this core when its time-stamp counter reaches `deadline`, at
    /// once if it has. Replaces the deadline before. In one-shot mode a deadline more
    /// than 2^32 counts away interrupts early: the handler looks at the clock and arms
    /// again.
    #[inline]
    pub fn arm_deadline(&self, timer: &Timer, deadline: u64) {
        match timer {
            Timer::TscDeadline => self.arm_tsc(deadline),
            Timer::OneShot { counts } => {
                // SAFETY: the time-stamp counter is there on every x86-64.
                let now = unsafe { _rdtsc() };
                self.arm_count(Timer::count(*counts, deadline, now));
            }
        }
    }

    /// TSC-deadline mode: an absolute time-stamp counter value.
    #[inline]
    pub fn arm_tsc(&self, deadline: u64) {
        debug_assert_eq!(self.timer_mode, TimerMode::TscDeadline);
        // Zero would disarm.
        self.write_tsc_deadline(deadline.max(1));
    }

    /// One-shot mode: counts of the APIC's clock from now. 0 disarms.
    #[inline]
    pub fn arm_count(&self, count: u32) {
        debug_assert_eq!(self.timer_mode, TimerMode::OneShot);
        self.write(registers::INITIAL_COUNT, count);
    }

    /// No timer interrupt any more. One that is already pending still comes.
    #[inline]
    pub fn disarm(&self) {
        match self.timer_mode {
            TimerMode::TscDeadline => self.write_tsc_deadline(0),
            TimerMode::OneShot => self.write(registers::INITIAL_COUNT, 0),
        }
    }

    #[inline]
    fn write_tsc_deadline(&self, deadline: u64) {
        // SAFETY: CPUID has the mode, so the MSR is there; it only times our interrupt.
        unsafe { Msr::new(TSC_DEADLINE).write(deadline) }
    }
}

/// The APIC's own clock, to be calibrated: runs masked, and is left disarmed.
impl CountdownTimer for &LocalApic {
    fn start(&mut self) {
        self.write(registers::LVT_TIMER, LVT_MASKED | MODE_ONE_SHOT);
        self.write(registers::INITIAL_COUNT, u32::MAX);
    }

    fn elapsed(&mut self) -> u32 {
        u32::MAX - self.read(registers::CURRENT_COUNT)
    }

    fn stop(&mut self) {
        self.configure_timer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_deadline_is_the_shortest_count_and_never_zero() {
        let counts = Scale::between(3_000_000_000, 1_000_000_000);
        assert_eq!(Timer::count(counts, 10, 20), 1);
        assert_eq!(Timer::count(counts, 20, 20), 1);
    }

    #[test]
    fn a_deadline_is_met_at_most_one_count_late_and_never_early() {
        let counts = Scale::between(3_000_000_000, 1_000_000_000);
        for ticks in [1_u64, 2, 3, 1_000, 2_999_999, 3_000_000, 9_000_000_001] {
            let count = u64::from(Timer::count(counts, ticks, 0));
            assert!(count * 3 >= ticks, "{ticks} {count}");
            assert!(count <= ticks / 3 + 1, "{ticks} {count}");
        }
    }

    #[test]
    fn a_deadline_too_far_for_the_counter_is_the_longest_count() {
        let counts = Scale::between(1_000_000_000, 1_000_000_000);
        assert_eq!(Timer::count(counts, u64::MAX, 0), u32::MAX);
    }
}
