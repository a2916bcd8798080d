//! Frequencies that CPUID claims: leaves 0x15 and 0x16 (SDM vol. 2A, CPUID; vol. 3B,
//! "Invariant Time-Keeping"), and the hypervisors' timing leaf 0x4000_0010 (VMware's,
//! KVM's and others': EAX is the TSC in kHz).

use super::is_sane_frequency;
use core::arch::x86_64::__cpuid_count;

/// CPUID, so that it can be a table in a test.
pub trait CpuId {
    /// EAX, EBX, ECX and EDX.
    fn leaf(&self, leaf: u32, subleaf: u32) -> [u32; 4];
}

/// The running core's.
#[derive(Clone, Copy, Debug)]
pub struct HardwareCpuId;

impl CpuId for HardwareCpuId {
    fn leaf(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        let result = __cpuid_count(leaf, subleaf);
        [result.eax, result.ebx, result.ecx, result.edx]
    }
}

/// A frequency that is claimed for the time-stamp counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// In hertz.
    pub hz: u64,
    /// By whom.
    pub source: ClaimSource,
}

/// Who claims a frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimSource {
    /// The hypervisor's timing leaf.
    Hypervisor,
    /// Leaf 0x15: crystal frequency and ratio.
    Crystal,
    /// Leaf 0x16: the frequency on the box, in MHz. The counter's is near it.
    NominalFrequency,
}

const HYPERVISOR_PRESENT: u32 = 1 << 31;
const HYPERVISOR_BASE: u32 = 0x4000_0000;
const HYPERVISOR_TIMING: u32 = 0x4000_0010;
const HYPERVISOR_LAST: u32 = 0x4000_00FF;

/// The best claim there is, if it is one that can be.
#[must_use]
pub fn claimed_tsc(cpuid: &impl CpuId) -> Option<Claim> {
    [hypervisor, crystal, nominal]
        .into_iter()
        .filter_map(|ask| ask(cpuid))
        .find(|claim| is_sane_frequency(claim.hz))
}

fn hypervisor<C: CpuId>(cpuid: &C) -> Option<Claim> {
    if cpuid.leaf(1, 0)[2] & HYPERVISOR_PRESENT == 0 {
        return None;
    }
    let highest = cpuid.leaf(HYPERVISOR_BASE, 0)[0];
    if !(HYPERVISOR_TIMING..=HYPERVISOR_LAST).contains(&highest) {
        return None;
    }
    let [kilohertz, ..] = cpuid.leaf(HYPERVISOR_TIMING, 0);
    Some(Claim {
        hz: u64::from(kilohertz) * 1_000,
        source: ClaimSource::Hypervisor,
    })
}

fn crystal<C: CpuId>(cpuid: &C) -> Option<Claim> {
    if cpuid.leaf(0, 0)[0] < 0x15 {
        return None;
    }
    let [denominator, numerator, hz, _] = cpuid.leaf(0x15, 0);
    if denominator == 0 || numerator == 0 || hz == 0 {
        return None;
    }
    Some(Claim {
        hz: u64::from(hz) * u64::from(numerator) / u64::from(denominator),
        source: ClaimSource::Crystal,
    })
}

fn nominal<C: CpuId>(cpuid: &C) -> Option<Claim> {
    if cpuid.leaf(0, 0)[0] < 0x16 {
        return None;
    }
    // Bits 16 to 31 are reserved.
    let megahertz = cpuid.leaf(0x16, 0)[0] & 0xFFFF;
    Some(Claim {
        hz: u64::from(megahertz) * 1_000_000,
        source: ClaimSource::NominalFrequency,
    })
}

/// Whether the counter ticks at one rate in all power states (SDM vol. 3B, 18.17.1).
#[must_use]
pub fn has_invariant_tsc(cpuid: &impl CpuId) -> bool {
    const POWER_LEAF: u32 = 0x8000_0007;
    cpuid.leaf(0x8000_0000, 0)[0] >= POWER_LEAF && cpuid.leaf(POWER_LEAF, 0)[3] & 1 << 8 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Leaves<'a>(&'a [(u32, [u32; 4])]);

    impl CpuId for Leaves<'_> {
        fn leaf(&self, leaf: u32, _subleaf: u32) -> [u32; 4] {
            self.0
                .iter()
                .find(|entry| entry.0 == leaf)
                .map_or([0; 4], |entry| entry.1)
        }
    }

    #[test]
    fn crystal_and_ratio_make_the_frequency() {
        let leaves = Leaves(&[(0, [0x16, 0, 0, 0]), (0x15, [2, 200, 24_000_000, 0])]);
        let claim = claimed_tsc(&leaves).unwrap();
        assert_eq!(claim.hz, 2_400_000_000);
        assert_eq!(claim.source, ClaimSource::Crystal);
    }

    #[test]
    fn without_a_crystal_the_nominal_frequency_is_claimed() {
        let leaves = Leaves(&[
            (0, [0x16, 0, 0, 0]),
            (0x15, [2, 200, 0, 0]),
            (0x16, [2_400, 3_000, 100, 0]),
        ]);
        let claim = claimed_tsc(&leaves).unwrap();
        assert_eq!(claim.source, ClaimSource::NominalFrequency);
        assert_eq!(claim.hz, 2_400_000_000);
    }

    #[test]
    fn the_hypervisor_knows_best() {
        let leaves = Leaves(&[
            (0, [0x16, 0, 0, 0]),
            (1, [0, 0, HYPERVISOR_PRESENT, 0]),
            (0x15, [2, 200, 24_000_000, 0]),
            (HYPERVISOR_BASE, [HYPERVISOR_TIMING, 0, 0, 0]),
            (HYPERVISOR_TIMING, [2_593_905, 1_000_000, 0, 0]),
        ]);
        let claim = claimed_tsc(&leaves).unwrap();
        assert_eq!(claim.hz, 2_593_905_000);
        assert_eq!(claim.source, ClaimSource::Hypervisor);
    }

    #[test]
    fn the_hypervisor_leaf_is_not_read_without_a_hypervisor() {
        let leaves = Leaves(&[
            (HYPERVISOR_BASE, [HYPERVISOR_TIMING, 0, 0, 0]),
            (HYPERVISOR_TIMING, [2_593_905, 0, 0, 0]),
        ]);
        assert_eq!(claimed_tsc(&leaves), None);
    }

    #[test]
    fn an_old_processor_claims_nothing() {
        assert_eq!(claimed_tsc(&Leaves(&[(0, [0xD, 0, 0, 0])])), None);
    }

    proptest! {
        #[test]
        fn whatever_cpuid_says_a_claim_is_sane(
            highest: u32, features: u32, hypervisor: u32,
            timing: [u32; 4], ratio: [u32; 4], frequencies: [u32; 4],
        ) {
            let leaves = [
                (0, [highest, 0, 0, 0]),
                (1, [0, 0, features, 0]),
                (0x15, ratio),
                (0x16, frequencies),
                (HYPERVISOR_BASE, [hypervisor, 0, 0, 0]),
                (HYPERVISOR_TIMING, timing),
            ];
            if let Some(claim) = claimed_tsc(&Leaves(&leaves)) {
                prop_assert!(is_sane_frequency(claim.hz));
            }
        }
    }
}
