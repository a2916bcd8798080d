//! Sets of cores.

use crate::MAX_CORES;
use crate::sync::{AtomicU64, Ordering};

const WORDS: usize = MAX_CORES.div_ceil(64);

/// A set of cores that each core puts itself into and takes itself out of.
pub struct CoreSet {
    words: [AtomicU64; WORDS],
}

impl Default for CoreSet {
    fn default() -> Self {
        Self::new()
    }
}

impl CoreSet {
    /// No core.
    #[must_use]
    pub fn new() -> Self {
        Self {
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Adds a core; what it does afterwards is not seen before this.
    pub fn insert(&self, core: usize) {
        self.words[core / 64].fetch_or(1 << (core % 64), Ordering::SeqCst);
    }

    /// Removes a core; what it did before is seen before this.
    pub fn remove(&self, core: usize) {
        self.words[core / 64].fetch_and(!(1 << (core % 64)), Ordering::SeqCst);
    }

    /// Who is in it now.
    #[must_use]
    pub fn now(&self) -> Cores {
        Cores(core::array::from_fn(|word| {
            self.words[word].load(Ordering::SeqCst)
        }))
    }
}

/// Some cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cores([u64; WORDS]);

impl Cores {
    /// The cores with a number below `count`.
    #[must_use]
    pub fn below(count: usize) -> Self {
        Self(core::array::from_fn(|word| {
            let bits = count.saturating_sub(word * 64).min(64) as u32;
            u64::MAX.checked_shr(64 - bits).unwrap_or(0)
        }))
    }

    /// Whether a core is one of them.
    #[must_use]
    pub fn contains(&self, core: usize) -> bool {
        self.0
            .get(core / 64)
            .is_some_and(|word| word & (1 << (core % 64)) != 0)
    }

    /// All of them but one.
    #[must_use]
    pub fn without(mut self, core: usize) -> Self {
        if let Some(word) = self.0.get_mut(core / 64) {
            *word &= !(1 << (core % 64));
        }
        self
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            core::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit)
            })
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn cores_come_and_go() {
        let set = CoreSet::new();
        let cores = [0, 5, 63, 64, 130, MAX_CORES - 1];
        for core in cores {
            set.insert(core);
        }
        assert_eq!(set.now().iter().collect::<Vec<_>>(), cores);
        set.remove(64);
        set.remove(0);
        assert_eq!(set.now().iter().collect::<Vec<_>>(), [5, 63, 130, 255]);
        assert!(set.now().contains(63));
        assert!(!set.now().contains(64));
        assert!(!set.now().contains(MAX_CORES + 100));
        assert!(!set.now().without(5).contains(5));
        assert!(set.now().without(5).contains(63));
        assert_eq!(set.now().without(MAX_CORES + 100), set.now());
        let none = cores
            .iter()
            .fold(set.now(), |some, core| some.without(*core));
        assert!(none.is_empty() && !set.now().is_empty());
    }

    #[test]
    fn all_cores_below_a_number() {
        for count in [0, 1, 63, 64, 65, 200, MAX_CORES] {
            let cores: Vec<_> = Cores::below(count).iter().collect();
            assert_eq!(cores, (0..count).collect::<Vec<_>>());
        }
    }
}
