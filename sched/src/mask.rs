//! Sets of cores.

use crate::MAX_CORES;
use crate::sync::atomic::{AtomicU64, Ordering};

const WORDS: usize = MAX_CORES / 64;

fn bit(core: usize) -> u64 {
    1 << (core % 64)
}

/// A set of cores, core 0 the lowest bit of the first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreMask(pub [u64; WORDS]);

impl CoreMask {
    /// Every core.
    pub const ALL: Self = Self([u64::MAX; WORDS]);
    /// No core.
    pub const NONE: Self = Self([0; WORDS]);

    /// The cores from 0 to `count`, exclusive.
    #[must_use]
    pub fn first(count: usize) -> Self {
        let mut mask = Self::NONE;
        for core in 0..count.min(MAX_CORES) {
            mask.insert(core);
        }
        mask
    }

    /// Only this core.
    #[must_use]
    pub fn only(core: usize) -> Self {
        let mut mask = Self::NONE;
        mask.insert(core);
        mask
    }

    /// Adds a core.
    pub fn insert(&mut self, core: usize) {
        self.0[core / 64] |= bit(core);
    }

    /// Whether a core is in it.
    #[must_use]
    pub fn contains(&self, core: usize) -> bool {
        self.0[core / 64] & bit(core) != 0
    }

    /// Whether no core is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The lowest core in it.
    #[must_use]
    pub fn first_core(&self) -> Option<usize> {
        let index = self.0.iter().position(|word| *word != 0)?;
        Some(index * 64 + self.0[index].trailing_zeros() as usize)
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// What is in it and not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] & !other.0[word]))
    }

    /// The cores in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            core::iter::from_fn(move || {
                let lowest = rest.trailing_zeros() as usize;
                rest &= rest.wrapping_sub(1);
                (lowest < 64).then_some(index * 64 + lowest)
            })
        })
    }

    /// Whether it leaves out any of the first `count` cores.
    #[must_use]
    pub fn lacks_any_of_first(&self, count: usize) -> bool {
        self.0.iter().enumerate().any(|(index, word)| {
            let cores = count.saturating_sub(index * 64).min(64);
            let wanted = 1_u64
                .checked_shl(cores as u32)
                .map_or(u64::MAX, |top| top - 1);
            !word & wanted != 0
        })
    }
}

/// A set of cores that several cores change. Each word is atomic, the whole is not: ask
/// for one core, or take a snapshot and check again what you do with it.
pub struct AtomicCoreMask([AtomicU64; WORDS]);

impl AtomicCoreMask {
    /// The cores of `mask`.
    #[must_use]
    pub fn new(mask: CoreMask) -> Self {
        Self(mask.0.map(AtomicU64::new))
    }

    /// Adds a core; whether it was new.
    pub fn insert(&self, core: usize) -> bool {
        self.0[core / 64].fetch_or(bit(core), Ordering::SeqCst) & bit(core) == 0
    }

    /// Removes a core; whether it was there.
    pub fn remove(&self, core: usize) -> bool {
        self.0[core / 64].fetch_and(!bit(core), Ordering::SeqCst) & bit(core) != 0
    }

    /// Whether a core is in it.
    #[must_use]
    pub fn contains(&self, core: usize) -> bool {
        self.0[core / 64].load(Ordering::SeqCst) & bit(core) != 0
    }

    /// What is in it, word by word.
    #[must_use]
    pub fn snapshot(&self, cores: usize) -> CoreMask {
        let mut mask = CoreMask::NONE;
        for index in 0..cores.div_ceil(64).min(WORDS) {
            mask.0[index] = self.0[index].load(Ordering::SeqCst);
        }
        mask
    }

    /// Makes it `mask`. What is new comes before what is old goes, so that it never lacks
    /// both. Of several callers, one at a time.
    pub fn set(&self, mask: CoreMask) {
        for (word, value) in self.0.iter().zip(mask.0) {
            word.fetch_or(value, Ordering::SeqCst);
        }
        for (word, value) in self.0.iter().zip(mask.0) {
            word.store(value, Ordering::SeqCst);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_mask_iterates_over_what_was_put_in() {
        let mut mask = CoreMask::NONE;
        for core in [0, 63, 64, 200, 255] {
            mask.insert(core);
            assert!(mask.contains(core));
        }
        assert_eq!(mask.iter().collect::<Vec<_>>(), [0, 63, 64, 200, 255]);
    }

    #[test]
    fn a_mask_knows_whether_it_leaves_out_a_core_that_is_there() {
        assert!(!CoreMask::ALL.lacks_any_of_first(MAX_CORES));
        for count in [1, 63, 64, 65, 128, 256] {
            assert!(!CoreMask::first(count).lacks_any_of_first(count));
            if count < MAX_CORES {
                assert!(CoreMask::first(count).lacks_any_of_first(count + 1));
            }
        }
        assert!(CoreMask::only(3).lacks_any_of_first(4));
        assert!(!CoreMask::only(0).lacks_any_of_first(1));
    }

    #[test]
    fn inserting_and_removing_say_what_was_there() {
        let mask = AtomicCoreMask::new(CoreMask::NONE);
        assert!(mask.insert(70));
        assert!(!mask.insert(70));
        assert_eq!(mask.snapshot(MAX_CORES), CoreMask::only(70));
        assert!(mask.remove(70));
        assert!(!mask.remove(70));
    }
}
