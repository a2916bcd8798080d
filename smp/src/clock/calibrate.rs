//! Frequencies measured against a timer whose frequency is known.
//!
//! Each end of a measured stretch is the middle of the tightest of some readings
//! "counter, reference, counter", so that an interruption (SMI, a preempted virtual core)
//! at one of them does not count. The median of some stretches is the result, sooner
//! where two agree. All loops are bounded, also for a reference that stands still.

use super::is_sane_frequency;
use alloc::vec::Vec;
use core::fmt;

/// A timer whose frequency is known. Counts up and wraps.
pub trait Reference {
    /// Ticks a second.
    fn frequency_hz(&self) -> u64;
    /// The highest value before it wraps: all ones.
    fn mask(&self) -> u64;
    /// Its value now; bits above the mask mean nothing.
    fn read(&mut self) -> u64;
}

/// A timer that counts down, whose frequency is to be found (the local APIC's).
pub trait CountdownTimer {
    /// Starts at 2^32 - 1, without an interrupt at the end.
    fn start(&mut self);
    /// Counts since the start.
    fn elapsed(&mut self) -> u32;
    /// Leaves it as it is wanted afterwards.
    fn stop(&mut self);
}

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Length of a stretch, in microseconds.
    pub stretch_us: u32,
    /// Stretches at most (at least 1 is measured).
    pub stretches: u32,
    /// Two stretches that differ by less than this many parts in a million are enough.
    pub agreement_ppm: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            stretch_us: 10_000,
            stretches: 5,
            agreement_ppm: 200,
        }
    }
}

/// Why there is no measured frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalibrationError {
    /// The reference does not tick (or ticks so slowly that it is as good as dead).
    ReferenceStuck,
    /// The counter does not tick, or backwards.
    CounterStuck,
    /// The reference wraps within a stretch.
    ReferenceTooShort,
    /// The result is no frequency that such a counter has.
    NotSane { hz: u64 },
}

impl fmt::Display for CalibrationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReferenceStuck => formatter.write_str("reference timer stands still"),
            Self::CounterStuck => formatter.write_str("counter stands still"),
            Self::ReferenceTooShort => formatter.write_str("reference timer wraps too soon"),
            Self::NotSane { hz } => write!(formatter, "{hz} Hz cannot be"),
        }
    }
}

impl core::error::Error for CalibrationError {}

/// Readings for one end of a stretch.
const READINGS: usize = 5;
/// Readings of a reference that does not move, before it is dead. A reading takes some
/// 100 ns at least, the slowest reference ticks every 840 ns.
const STUCK_READINGS: u32 = 100_000;
/// Readings for each microsecond of a stretch, before a reference that moves but gets
/// nowhere is given up. No reading, with the pause after it, takes less than 5 ns.
const READINGS_PER_US: u64 = 200;

/// The reference and the counter at one moment.
struct Moment {
    reference: u64,
    counter: u64,
}

fn moment(reference: &mut impl Reference, counter: &mut impl FnMut() -> u64) -> Moment {
    let mut best = Moment {
        reference: 0,
        counter: 0,
    };
    let mut tightest = u64::MAX;
    for _ in 0..READINGS {
        let before = counter();
        let value = reference.read();
        let width = counter().wrapping_sub(before);
        if width < tightest {
            tightest = width;
            best = Moment {
                reference: value,
                counter: before.wrapping_add(width / 2),
            };
        }
    }
    best
}

/// Measures the frequency of `counter` (the time-stamp counter, read in order) in hertz.
///
/// # Errors
/// [`CalibrationError`].
pub fn calibrate_tsc(
    reference: &mut impl Reference,
    mut counter: impl FnMut() -> u64,
    plan: &Plan,
) -> Result<u64, CalibrationError> {
    let mut results: Vec<u64> = Vec::new();
    for _ in 0..plan.stretches.max(1) {
        let hz = measure_stretch(reference, &mut counter, plan.stretch_us)?;
        let agreeing = results.iter().find(|known| {
            known.abs_diff(hz) as u128 * 1_000_000 < u128::from(hz) * u128::from(plan.agreement_ppm)
        });
        if let Some(&known) = agreeing {
            return Ok(known.midpoint(hz));
        }
        results.push(hz);
    }
    results.sort_unstable();
    Ok(results[results.len() / 2])
}

fn measure_stretch(
    reference: &mut impl Reference,
    counter: &mut impl FnMut() -> u64,
    stretch_us: u32,
) -> Result<u64, CalibrationError> {
    let mask = reference.mask();
    let reference_hz = reference.frequency_hz();
    let wanted = (u128::from(reference_hz) * u128::from(stretch_us) / 1_000_000).max(1);
    // Half of the range: the end is read some time after the stretch is over.
    if wanted > u128::from(mask / 2) {
        return Err(CalibrationError::ReferenceTooShort);
    }
    let wanted = wanted as u64;
    let start = moment(reference, counter);
    let mut last = start.reference;
    let mut unmoved = 0;
    let mut readings_left = u64::from(stretch_us) * READINGS_PER_US;
    loop {
        let now = reference.read();
        if now.wrapping_sub(start.reference) & mask >= wanted {
            break;
        }
        readings_left = readings_left
            .checked_sub(1)
            .ok_or(CalibrationError::ReferenceStuck)?;
        if (now ^ last) & mask == 0 {
            unmoved += 1;
            if unmoved == STUCK_READINGS {
                return Err(CalibrationError::ReferenceStuck);
            }
        } else {
            unmoved = 0;
            last = now;
        }
        core::hint::spin_loop();
    }
    let end = moment(reference, counter);
    let reference_ticks = end.reference.wrapping_sub(start.reference) & mask;
    let ticks = end.counter.wrapping_sub(start.counter);
    if reference_ticks == 0 {
        return Err(CalibrationError::ReferenceStuck);
    }
    if ticks == 0 || ticks > u64::MAX / 2 {
        return Err(CalibrationError::CounterStuck);
    }
    let hz = u128::from(ticks) * u128::from(reference_hz) / u128::from(reference_ticks);
    let hz = u64::try_from(hz).unwrap_or(u64::MAX);
    if is_sane_frequency(hz) {
        Ok(hz)
    } else {
        Err(CalibrationError::NotSane { hz })
    }
}

/// Measures the frequency of a countdown timer in hertz, against a counter (the
/// time-stamp counter) of known frequency. The timer is stopped in any case.
///
/// # Errors
/// [`CalibrationError`].
pub fn calibrate_countdown(
    mut timer: impl CountdownTimer,
    mut counter: impl FnMut() -> u64,
    counter_hz: u64,
    plan: &Plan,
) -> Result<u64, CalibrationError> {
    timer.start();
    let mut reference = CounterReference {
        counter: &mut counter,
        hz: counter_hz,
    };
    let result = calibrate_tsc(&mut reference, || u64::from(timer.elapsed()), plan);
    timer.stop();
    result
}

/// A counter of known frequency, as the reference for another.
struct CounterReference<'a, F> {
    counter: &'a mut F,
    hz: u64,
}

impl<F: FnMut() -> u64> Reference for CounterReference<'_, F> {
    fn frequency_hz(&self) -> u64 {
        self.hz
    }

    fn mask(&self) -> u64 {
        u64::MAX
    }

    fn read(&mut self) -> u64 {
        (self.counter)()
    }
}

#[cfg(test)]
mod tests;
