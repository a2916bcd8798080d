//! When a core loads again the address space that it runs already, for an emulator's sake.
//!
//! QEMU's TCG gives its software TLB another size only while it flushes it: twice as large
//! where more than 70 % of it was in use, smaller where less than 30 % was
//! (`accel/tcg/cputlb.c`, `tlb_mmu_resize_locked`). A process that has a core for itself
//! under a kernel without a tick flushes nothing: it keeps the TLB that its first moments
//! left, often of 256 entries, for as long as it runs, and takes twice the time. A load of
//! CR3 is such a flush, whatever its bit 63 says.
//!
//! So there the space is loaded again 4 ms after it was loaded, and then each time after
//! twice as long, up to half a second. Nowhere else: [`is_wanted`].

use crate::clock::{CpuId, HYPERVISOR_BASE, HYPERVISOR_PRESENT};

/// Nanoseconds from a load to the first one again.
const FIRST: u64 = 4_000_000;
/// Nanoseconds between two at most.
const LONGEST: u64 = 512_000_000;

/// Whether the running machine is one that sizes its TLB when it flushes it: the vendor of
/// its hypervisor is "TCGTCGTCGTCG" (leaf 0x4000_0000).
#[must_use]
pub fn is_wanted(cpuid: &impl CpuId) -> bool {
    let name = |text: &[u8; 4]| u32::from_le_bytes(*text);
    cpuid.leaf(1, 0)[2] & HYPERVISOR_PRESENT != 0
        && cpuid.leaf(HYPERVISOR_BASE, 0)[1..] == [name(b"TCGT"), name(b"CGTC"), name(b"GTCG")]
}

/// One core's loads, in nanoseconds of one clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reloads {
    next: Option<u64>,
    pause: u64,
}

impl Reloads {
    /// A space was loaded for the first time since another one was.
    pub fn loaded(&mut self, now: u64) {
        self.pause = FIRST;
        self.next = Some(now.saturating_add(FIRST));
    }

    /// Nothing that runs is loaded any more.
    pub fn left(&mut self) {
        self.next = None;
    }

    /// When the core is to look here; None: not at all.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// Whether the space is to be loaded again now. Whoever asks does so where it is.
    pub fn is_due(&mut self, now: u64) -> bool {
        let is_due = self.next.is_some_and(|next| now >= next);
        if is_due {
            self.pause = (self.pause * 2).min(LONGEST);
            self.next = Some(now.saturating_add(self.pause));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Leaf 1 with or without a hypervisor, and the hypervisor's name.
    struct Machine(u32, &'static [u8; 12]);

    impl CpuId for Machine {
        fn leaf(&self, leaf: u32, _: u32) -> [u32; 4] {
            let word = |at: usize| u32::from_le_bytes(self.1[at..at + 4].try_into().unwrap());
            match leaf {
                1 => [0, 0, self.0, 0],
                HYPERVISOR_BASE => [0x4000_0001, word(0), word(4), word(8)],
                _ => [0; 4],
            }
        }
    }

    #[test]
    fn only_tcg_wants_it() {
        assert!(is_wanted(&Machine(HYPERVISOR_PRESENT, b"TCGTCGTCGTCG")));
        assert!(!is_wanted(&Machine(0, b"TCGTCGTCGTCG")));
        assert!(!is_wanted(&Machine(HYPERVISOR_PRESENT, b"KVMKVMKVM\0\0\0")));
    }

    #[test]
    fn the_pauses_double_up_to_half_a_second() {
        let mut reloads = Reloads::default();
        reloads.loaded(1_000);
        let mut last = 1_000;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let next = reloads.next().unwrap();
            assert!(!reloads.is_due(next - 1));
            assert!(reloads.is_due(next));
            pauses.push((next - last) / 1_000_000);
            last = next;
        }
        assert_eq!(pauses, [4, 8, 16, 32, 64, 128, 256, 512, 512, 512]);
    }

    #[test]
    fn another_space_begins_anew_and_none_ends_it() {
        let mut reloads = Reloads::default();
        assert!(!reloads.is_due(u64::MAX));
        reloads.loaded(0);
        assert!(reloads.is_due(FIRST));
        reloads.loaded(FIRST + 5);
        assert_eq!(reloads.next(), Some(2 * FIRST + 5));
        reloads.left();
        assert_eq!(reloads.next(), None);
        assert!(!reloads.is_due(u64::MAX));
    }
}
