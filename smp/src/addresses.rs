//! A window of kernel addresses in slots of one size: a slot that was unmapped is mapped
//! again only once every TLB has forgotten what it was.
//!
//! The frames behind a slot may be given away at once, since nobody uses its addresses any
//! more; what a TLB still holds of them does harm only when they are somebody's again. So
//! slots that were given back are stale, a whole batch of them is flushed at once, and only
//! then are they clean (Linux's lazy purge in `mm/vmalloc.c`). No model: one owner's lock is
//! around all of it.
//!
//! Not here: the mapping, the flush, and where the links of free slots are kept.

/// A word for each slot that is free. Whoever has the slots says where they are.
pub trait Links {
    /// What was written for a free slot.
    fn read(&self, slot: u32) -> u32;
    /// Keeps `link` for a free slot.
    fn write(&mut self, slot: u32, link: u32);
}

/// Free slots, one behind the other; a link is a slot's number plus one, 0 the end.
#[derive(Debug)]
struct Chain {
    first: u32,
    last: u32,
    length: u32,
}

impl Chain {
    const EMPTY: Self = Self {
        first: 0,
        last: 0,
        length: 0,
    };

    fn push(&mut self, slot: u32, links: &mut impl Links) {
        links.write(slot, self.first);
        self.first = slot + 1;
        if self.last == 0 {
            self.last = self.first;
        }
        self.length += 1;
    }

    fn pop(&mut self, links: &impl Links) -> Option<u32> {
        let slot = self.first.checked_sub(1)?;
        self.first = links.read(slot);
        if self.first == 0 {
            self.last = 0;
        }
        self.length -= 1;
        Some(slot)
    }

    /// Puts all of `other` in front.
    fn prepend(&mut self, other: Self, links: &mut impl Links) {
        let Some(last) = other.last.checked_sub(1) else {
            return;
        };
        links.write(last, self.first);
        self.first = other.first;
        if self.last == 0 {
            self.last = other.last;
        }
        self.length += other.length;
    }
}

/// The slots of a window.
#[derive(Debug)]
pub struct Slots {
    count: u32,
    most_stale: u32,
    /// Those from here on were never used.
    next: u32,
    clean: Chain,
    stale: Chain,
}

/// Stale slots on their way to being clean: between the two ends of a flush.
#[derive(Debug)]
#[must_use]
pub struct Flushing(Chain);

impl Slots {
    /// `count` slots that were never used, of which a flush is due when `most_stale` are
    /// stale.
    #[must_use]
    pub const fn new(count: u32, most_stale: u32) -> Self {
        Self {
            count,
            most_stale,
            next: 0,
            clean: Chain::EMPTY,
            stale: Chain::EMPTY,
        }
    }

    /// A slot that no TLB knows; None where a flush must come first, or all are in use.
    pub fn take(&mut self, links: &impl Links) -> Option<u32> {
        if let Some(slot) = self.clean.pop(links) {
            return Some(slot);
        }
        if self.next == self.count {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// Takes back a slot whose mapping is gone from the tables.
    pub fn give(&mut self, slot: u32, links: &mut impl Links) {
        self.stale.push(slot, links);
    }

    /// Whether a flush should come before the next [`Slots::take`]: enough are stale for it
    /// to be worth its price, or there are no others.
    #[must_use]
    pub fn is_flush_due(&self) -> bool {
        let stale = self.stale.length;
        self.clean.length == 0 && stale > 0 && (stale >= self.most_stale || self.next == self.count)
    }

    /// All slots that are stale now. When every TLB has been flushed since, they are for
    /// [`Slots::end_flush`].
    pub fn begin_flush(&mut self) -> Flushing {
        Flushing(core::mem::replace(&mut self.stale, Chain::EMPTY))
    }

    /// These are clean.
    pub fn end_flush(&mut self, flushed: Flushing, links: &mut impl Links) {
        self.clean.prepend(flushed.0, links);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::{Links, Slots};

    /// Links that tell of a read of what was never written, or was a slot's in use.
    #[derive(Default)]
    struct Words(Vec<Option<u32>>);

    impl Links for Words {
        fn read(&self, slot: u32) -> u32 {
            self.0[slot as usize].unwrap()
        }

        fn write(&mut self, slot: u32, link: u32) {
            let slot = slot as usize;
            if self.0.len() <= slot {
                self.0.resize(slot + 1, None);
            }
            self.0[slot] = Some(link);
        }
    }

    #[test]
    fn what_was_given_back_is_not_used_again_before_a_flush() {
        let mut links = Words::default();
        let mut slots = Slots::new(4, 2);
        let first = slots.take(&links).unwrap();
        slots.give(first, &mut links);
        assert!(!slots.is_flush_due());
        let second = slots.take(&links).unwrap();
        assert_ne!(second, first);
        slots.give(second, &mut links);
        assert!(slots.is_flush_due());
        let flushing = slots.begin_flush();
        assert!(!slots.is_flush_due());
        slots.end_flush(flushing, &mut links);
        let again = [slots.take(&links), slots.take(&links)];
        assert!(again.contains(&Some(first)) && again.contains(&Some(second)));
    }

    #[test]
    fn a_full_window_is_flushed_however_few_are_stale() {
        let mut links = Words::default();
        let mut slots = Slots::new(3, 100);
        let all: Vec<u32> = core::iter::from_fn(|| slots.take(&links)).collect();
        assert_eq!(all, [0, 1, 2]);
        assert!(!slots.is_flush_due());
        slots.give(1, &mut links);
        assert_eq!(slots.take(&links), None);
        assert!(slots.is_flush_due());
        let flushing = slots.begin_flush();
        slots.end_flush(flushing, &mut links);
        assert_eq!(slots.take(&links), Some(1));
    }

    proptest! {
        /// Two flushes may overlap. No slot is somebody's twice, none is taken that was given
        /// back after the begin of the last flush that is over, and none is lost.
        #[test]
        fn a_slot_is_clean_whenever_it_is_taken(
            steps in proptest::collection::vec((0..5_u8, any::<usize>()), 0..400),
            most_stale in 1..8_u32,
        ) {
            const COUNT: u32 = 24;
            let mut links = Words::default();
            let mut slots = Slots::new(COUNT, most_stale);
            let mut used = Vec::new();
            let mut stale = BTreeSet::new();
            let mut flushing = Vec::new();
            for (step, choice) in steps {
                match step {
                    0 | 1 => match slots.take(&links) {
                        Some(slot) => {
                            prop_assert!(slot < COUNT && !used.contains(&slot));
                            prop_assert!(!stale.contains(&slot));
                            used.push(slot);
                            links.0.resize(COUNT as usize, None);
                            links.0[slot as usize] = None;
                        }
                        None => prop_assert_eq!(used.len() + stale.len(), COUNT as usize),
                    },
                    2 if !used.is_empty() => {
                        let slot = used.swap_remove(choice % used.len());
                        stale.insert(slot);
                        slots.give(slot, &mut links);
                    }
                    3 if flushing.len() < 2 => {
                        let flushed: BTreeSet<u32> = stale
                            .iter()
                            .copied()
                            .filter(|slot| flushing.iter().all(|(_, of)| {
                                let of: &BTreeSet<u32> = of;
                                !of.contains(slot)
                            }))
                            .collect();
                        flushing.push((slots.begin_flush(), flushed));
                    }
                    4 if !flushing.is_empty() => {
                        let (ended, flushed) = flushing.swap_remove(choice % flushing.len());
                        stale.retain(|slot| !flushed.contains(slot));
                        slots.end_flush(ended, &mut links);
                    }
                    _ => {}
                }
            }
            for (ended, flushed) in flushing {
                stale.retain(|slot| !flushed.contains(slot));
                slots.end_flush(ended, &mut links);
            }
            let last = slots.begin_flush();
            slots.end_flush(last, &mut links);
            while let Some(slot) = slots.take(&links) {
                prop_assert!(!used.contains(&slot));
                used.push(slot);
            }
            prop_assert_eq!(used.len(), COUNT as usize);
        }
    }
}
