//! The search for free addresses: the highest gap between areas that is long enough.
//!
//! Looking at all areas, from the highest down, is slow where there are many, such as the
//! stacks of ten thousand threads. So it is kept how far down is known, and how long the longest
//! gap is that is known there: a request for more begins below (Linux's `cached_hole_size`, before
//! its trees knew of gaps). What is found is the same.

use core::ops::Range;

/// What is known of the gaps that end above an address.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    /// Where the addresses end that are searched; what is known is known of these.
    highest: usize,
    /// No gap that ends above this is longer than `longest`.
    below: usize,
    /// In bytes.
    longest: usize,
}

impl Gaps {
    /// The start of the highest free range of `length` bytes, not 0, within
    /// `[lowest, highest)`.
    ///
    /// `areas` gives the areas, disjoint, that begin below an address, from the highest down.
    pub fn find<'a, I: Iterator<Item = Range<usize>> + 'a>(
        &mut self,
        areas: impl FnOnce(usize) -> I,
        length: usize,
        lowest: usize,
        highest: usize,
    ) -> Option<usize> {
        if highest != self.highest {
            *self = Self {
                highest,
                below: highest,
                longest: 0,
            };
        }
        let is_known = length > self.longest;
        let mut top = if is_known { self.below } else { highest };
        let mut longest = if is_known { self.longest } else { 0 };
        for area in areas(top) {
            let gap = top.saturating_sub(area.end);
            if gap >= length || top <= lowest {
                break;
            }
            longest = longest.max(gap);
            top = top.min(area.start);
        }
        // Or what was known reaches further down.
        if top <= self.below {
            (self.below, self.longest) = (top, longest);
        }
        top.checked_sub(length).filter(|start| *start >= lowest)
    }

    /// This range became free, with what was free around it.
    pub fn freed(&mut self, gap: Range<usize>) {
        if gap.end > self.below {
            self.longest = self.longest.max(gap.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use core::ops::Range;

    use proptest::prelude::*;

    use super::Gaps;

    const LOWEST: usize = 3;
    const SIZE: usize = 64;

    /// The obvious search.
    fn highest_free(
        areas: &BTreeMap<usize, usize>,
        length: usize,
        highest: usize,
    ) -> Option<usize> {
        let is_free = |start: &usize| {
            let end = start + length;
            end <= highest && areas.iter().all(|(from, to)| *to <= *start || end <= *from)
        };
        (LOWEST..SIZE).rev().find(is_free)
    }

    /// What is free around an address, as whoever keeps areas says it.
    fn gap_at(areas: &BTreeMap<usize, usize>, at: usize) -> Range<usize> {
        let start = areas.range(..=at).next_back().map_or(0, |(_, end)| *end);
        let end = areas
            .range(at..)
            .next()
            .map_or(usize::MAX, |(start, _)| *start);
        start..end
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_all_areas_finds(
            steps in prop::collection::vec((0..8_u8, 1..12_usize, 0..SIZE), 1..80)
        ) {
            let mut areas = BTreeMap::new();
            let mut gaps = Gaps::default();
            for (action, length, at) in steps {
                match action {
                    0..=4 => {
                        // Now and then another end.
                        let highest = if action == 4 { SIZE / 2 } else { SIZE };
                        let below = |top: usize| {
                            let areas: Vec<_> = areas.range(..top).map(|(s, e)| *s..*e).collect();
                            areas.into_iter().rev()
                        };
                        let found = gaps.find(below, length, LOWEST, highest);
                        prop_assert_eq!(found, highest_free(&areas, length, highest));
                        if let Some(start) = found.filter(|_| action != 3) {
                            areas.insert(start, start + length);
                        }
                    }
                    5 => {
                        // Where somebody wants it.
                        if areas.iter().all(|(s, e)| *e <= at || at + length <= *s) {
                            areas.insert(at, at + length);
                        }
                    }
                    _ => {
                        let area = areas.range(..=at).next_back().map(|(s, e)| *s..*e);
                        if let Some(area) = area.filter(|area| area.contains(&at)) {
                            // All of it, or what is behind the address.
                            areas.remove(&area.start);
                            if action == 7 && area.start < at {
                                areas.insert(area.start, at);
                            }
                            gaps.freed(gap_at(&areas, at));
                        }
                    }
                }
            }
        }
    }
}
