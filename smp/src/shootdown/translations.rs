//! One address space, as TLBs see it: how often it was narrowed, where lately, and which
//! cores run it.

use super::CoreSet;
use super::batch::{Batch, EVERYTHING, PageRange, RANGES};
use crate::sync::{AtomicU64, Ordering, fence};

/// Ranges that are remembered: who is further behind flushes everything.
const LOG: usize = 16;
/// The generations that one may be behind, and still read the log: the ranges of a batch
/// that is being written have replaced as many of the oldest.
const REACH: u64 = (LOG - RANGES) as u64;

/// What TLBs must know of an address space.
pub struct Translations {
    id: u64,
    /// Raised by one for each range that was narrowed.
    generation: AtomicU64,
    /// The range of each generation of late, as words, at the generation modulo [`LOG`].
    log: [AtomicU64; LOG],
    running: CoreSet,
}

/// The right to publish for one space: there is one, which lies with the space's tables
/// under their lock. So batches are published one after another.
pub struct Pen {
    space: u64,
}

/// What a core has missed.
#[derive(Debug, PartialEq, Eq)]
pub struct Missed {
    /// What must go from its TLB.
    pub batch: Batch,
    /// How new it is then.
    pub generation: u64,
}

impl Translations {
    /// Of a new space, which nobody runs. `id` is no other space's, ever, and not 0.
    #[must_use]
    pub fn new(id: u64) -> (Self, Pen) {
        let translations = Self {
            id,
            generation: AtomicU64::new(0),
            log: core::array::from_fn(|_| AtomicU64::new(EVERYTHING)),
            running: CoreSet::new(),
        };
        (translations, Pen { space: id })
    }

    /// The space's id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The cores that run the space.
    #[must_use]
    pub fn running(&self) -> &CoreSet {
        &self.running
    }

    /// The generation now.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Says what was narrowed, after the tables were changed: the generation from which
    /// on it counts. Cores that run the space are to be read after this.
    ///
    /// # Panics
    /// Where the pen is another space's.
    pub fn publish(&self, pen: &mut Pen, batch: &Batch) -> u64 {
        assert_eq!(pen.space, self.id, "another space's pen");
        // Only the pen's holder writes it.
        let mut generation = self.generation.load(Ordering::Relaxed);
        let mut note = |word| {
            generation += 1;
            // Release, for a reader whom this surprises: see `since`.
            self.log[generation as usize % LOG].store(word, Ordering::Release);
        };
        match batch.ranges() {
            Some(ranges) => ranges.iter().for_each(|range| note(range.to_word())),
            None => note(EVERYTHING),
        }
        // Whoever sees the generation sees the tables and the log as they are now.
        self.generation.store(generation, Ordering::SeqCst);
        // The set of cores is read after this: pairs with the fence in `CoreSpaces::enter`.
        fence(Ordering::SeqCst);
        generation
    }

    /// What somebody who is as new as `seen` has missed; None: nothing.
    #[must_use]
    pub fn since(&self, seen: u64) -> Option<Missed> {
        let generation = self.generation();
        if generation == seen {
            return None;
        }
        let mut batch = Batch::new();
        if generation.wrapping_sub(seen) > REACH {
            batch.add_everything();
        } else {
            for missed in seen + 1..=generation {
                let word = self.log[missed as usize % LOG].load(Ordering::Acquire);
                match PageRange::from_word(word) {
                    Some(range) => batch.add(range.first, u64::from(range.count)),
                    None => batch.add_everything(),
                }
            }
            // A word that was replaced meanwhile was so by somebody who had made the
            // generation this high before.
            if self.generation().wrapping_sub(seen) > REACH {
                batch.add_everything();
            }
        }
        Some(Missed { batch, generation })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn batch(pages: &[u64]) -> Batch {
        let mut batch = Batch::new();
        pages.iter().for_each(|page| batch.add(*page, 1));
        batch
    }

    #[test]
    fn who_is_a_little_behind_is_told_which_pages() {
        let (space, mut pen) = Translations::new(1);
        assert_eq!(space.since(0), None);
        assert_eq!(space.publish(&mut pen, &batch(&[10, 20])), 2);
        assert_eq!(space.publish(&mut pen, &batch(&[21])), 3);
        let missed = space.since(0).unwrap();
        assert_eq!(missed.generation, 3);
        assert_eq!(missed.batch, batch(&[10, 20, 21]));
        assert_eq!(space.since(2).unwrap().batch, batch(&[21]));
        assert_eq!(space.since(3), None);
    }

    #[test]
    fn who_is_far_behind_flushes_everything() {
        let (space, mut pen) = Translations::new(1);
        for page in 0..REACH {
            space.publish(&mut pen, &batch(&[page]));
        }
        assert!(space.since(0).unwrap().batch.ranges().is_some());
        space.publish(&mut pen, &batch(&[100]));
        let missed = space.since(0).unwrap();
        assert_eq!(missed.batch, Batch::everything());
        assert_eq!(missed.generation, REACH + 1);
        assert!(space.since(1).unwrap().batch.ranges().is_some());
    }

    #[test]
    fn everything_stays_everything_beside_pages() {
        let (space, mut pen) = Translations::new(1);
        space.publish(&mut pen, &batch(&[1]));
        space.publish(&mut pen, &Batch::everything());
        space.publish(&mut pen, &batch(&[2]));
        assert_eq!(space.since(0).unwrap().batch, Batch::everything());
        assert_eq!(space.since(2).unwrap().batch, batch(&[2]));
    }

    #[test]
    fn nothing_is_not_published_as_something() {
        let (space, mut pen) = Translations::new(1);
        assert_eq!(space.publish(&mut pen, &Batch::new()), 0);
        assert_eq!(space.since(0), None);
    }

    #[test]
    #[should_panic(expected = "another space's pen")]
    fn a_pen_writes_for_its_own_space_only() {
        let (space, _pen) = Translations::new(1);
        let (_other, mut pen) = Translations::new(2);
        space.publish(&mut pen, &Batch::everything());
    }
}
