//! Time: how fast the time-stamp counter (and the APIC timer) ticks, ticks to nanoseconds
//! and back, and whether two cores agree.
//!
//! | file | what is there |
//! |---|---|
//! | `scale` | exact-enough tick conversion with one multiplication |
//! | `cpuid` | frequencies that the processor or the hypervisor claims |
//! | `calibrate` | frequencies measured against a reference timer |
//! | `reference` | the reference timers: PM timer, HPET, PIT |
//! | `warp` | whether one core's counter is ever behind another's |
//!
//! [`decide`] weighs claim and measurement.

mod calibrate;
mod cpuid;
mod reference;
mod scale;
mod warp;

pub use calibrate::{
    CalibrationError, CountdownTimer, Plan, Reference, calibrate_countdown, calibrate_tsc,
};
pub use cpuid::{Claim, ClaimSource, CpuId, HardwareCpuId, claimed_tsc, has_invariant_tsc};
pub use reference::{Hpet, HpetError, Pit, PmTimerReference};
pub use scale::Scale;
pub use warp::{WarpCheck, WarpVerdict};

/// Nanoseconds in a second.
pub const NANOSECONDS: u64 = 1_000_000_000;

/// Frequencies that no time-stamp counter or APIC timer has.
pub(crate) fn is_sane_frequency(hz: u64) -> bool {
    (1_000_000..=100_000_000_000).contains(&hz)
}

/// The time-stamp counter's frequency, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TscFrequency {
    /// In hertz.
    pub hz: u64,
    /// Where it is from.
    pub source: FrequencySource,
}

/// What a frequency rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrequencySource {
    /// Claimed by CPUID, and measured to be about that.
    Confirmed(ClaimSource),
    /// Claimed by CPUID; there was nothing to measure it with.
    Claimed(ClaimSource),
    /// Measured; there was no claim.
    Measured,
    /// Measured; the claim was something else.
    MeasuredAgainst(Claim),
}

/// Chooses between what is claimed and what was measured. A claim that the measurement
/// bears out (to one part in a hundred) is the more exact of the two; one that it does not
/// is a lie: emulators copy the CPUID of a processor that they do not run as fast as.
/// `None` when there is neither.
#[must_use]
pub fn decide(claim: Option<Claim>, measured: Option<u64>) -> Option<TscFrequency> {
    let (hz, source) = match (claim, measured) {
        (Some(claim), Some(measured)) if claim.hz.abs_diff(measured) <= measured / 100 => {
            // A nominal frequency is rounded to MHz: confirmed, but less exact than the
            // measurement.
            let hz = match claim.source {
                ClaimSource::NominalFrequency => measured,
                ClaimSource::Crystal | ClaimSource::Hypervisor => claim.hz,
            };
            (hz, FrequencySource::Confirmed(claim.source))
        }
        (Some(claim), Some(measured)) => (measured, FrequencySource::MeasuredAgainst(claim)),
        (Some(claim), None) => (claim.hz, FrequencySource::Claimed(claim.source)),
        (None, Some(measured)) => (measured, FrequencySource::Measured),
        (None, None) => return None,
    };
    Some(TscFrequency { hz, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn claim(hz: u64, source: ClaimSource) -> Option<Claim> {
        Some(Claim { hz, source })
    }

    #[test]
    fn a_claim_that_the_measurement_bears_out_is_taken() {
        let decided = decide(
            claim(2_400_000_000, ClaimSource::Crystal),
            Some(2_400_731_000),
        )
        .unwrap();
        assert_eq!(decided.hz, 2_400_000_000);
        assert_eq!(
            decided.source,
            FrequencySource::Confirmed(ClaimSource::Crystal)
        );
    }

    #[test]
    fn a_claim_that_the_measurement_denies_is_not_taken() {
        let decided = decide(claim(2_400_000_000, ClaimSource::Crystal), Some(11_000_000));
        assert_eq!(decided.unwrap().hz, 11_000_000);
    }

    #[test]
    fn a_nominal_frequency_only_confirms() {
        let decided = decide(
            claim(2_400_000_000, ClaimSource::NominalFrequency),
            Some(2_394_231_000),
        );
        assert_eq!(decided.unwrap().hz, 2_394_231_000);
    }

    #[test]
    fn without_claim_and_measurement_there_is_no_frequency() {
        assert_eq!(decide(None, None), None);
    }
}
