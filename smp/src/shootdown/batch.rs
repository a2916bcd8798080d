//! What is flushed of an address space: a few ranges of pages, or everything.

/// Pages that a batch can name; more of them, and it is everything. How many are better
/// flushed one by one is for whoever flushes to say.
pub const MOST_PAGES: u32 = 255;

/// Ranges in a batch; more of them, and everything is flushed.
pub(super) const RANGES: usize = 4;

/// Pages in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageRange {
    /// The first page's number: its address by 4096.
    pub first: u64,
    /// How many; at least one.
    pub count: u32,
}

impl PageRange {
    /// As one word that is not zero: so it is read whole or not at all.
    pub(super) fn to_word(self) -> u64 {
        // 52 bits of page number at most, and a count up to MOST_PAGES.
        self.first << 8 | u64::from(self.count)
    }

    /// What [`Self::to_word`] made a word of; None: everything.
    pub(super) fn from_word(word: u64) -> Option<Self> {
        (word != EVERYTHING).then_some(Self {
            first: word >> 8,
            count: (word & 0xff) as u32,
        })
    }
}

/// The word for everything.
pub(super) const EVERYTHING: u64 = 0;

/// What is flushed. Starts as nothing, and grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    ranges: [PageRange; RANGES],
    used: usize,
    is_everything: bool,
}

impl Batch {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything.
    #[must_use]
    pub fn everything() -> Self {
        let mut batch = Self::new();
        batch.add_everything();
        batch
    }

    /// Adds `count` pages from page number `first` on.
    pub fn add(&mut self, first: u64, count: u64) {
        if self.is_everything || count == 0 {
            return;
        }
        let Some(count) = u32::try_from(count).ok().filter(|n| *n <= MOST_PAGES) else {
            return self.add_everything();
        };
        // Most changes go through the pages in order.
        if let Some(last) = self.ranges[..self.used].last_mut()
            && (last.first..=last.first + u64::from(last.count)).contains(&first)
        {
            let end = (first + u64::from(count)).max(last.first + u64::from(last.count));
            last.count = (end - last.first) as u32;
        } else if self.used < RANGES {
            self.ranges[self.used] = PageRange { first, count };
            self.used += 1;
        } else {
            return self.add_everything();
        }
        if self.pages() > MOST_PAGES {
            self.add_everything();
        }
    }

    /// Makes it everything.
    pub fn add_everything(&mut self) {
        *self = Self {
            is_everything: true,
            ..Self::default()
        };
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0 && !self.is_everything
    }

    /// The ranges; None where it is everything.
    #[must_use]
    pub fn ranges(&self) -> Option<&[PageRange]> {
        (!self.is_everything).then_some(&self.ranges[..self.used])
    }

    /// Pages in the ranges.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.ranges[..self.used]
            .iter()
            .map(|range| range.count)
            .sum()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn range(first: u64, count: u32) -> PageRange {
        PageRange { first, count }
    }

    #[test]
    fn pages_in_order_become_one_range() {
        let mut batch = Batch::new();
        assert!(batch.is_empty());
        for page in 100..110 {
            batch.add(page, 1);
        }
        batch.add(105, 2);
        batch.add(7, 3);
        assert_eq!(
            batch.ranges(),
            Some([range(100, 10), range(7, 3)].as_slice())
        );
        assert_eq!(batch.pages(), 13);
    }

    #[test]
    fn too_many_pages_or_ranges_are_everything() {
        let mut pages = Batch::new();
        pages.add(1, u64::from(MOST_PAGES));
        assert_eq!(pages.ranges().map(<[_]>::len), Some(1));
        pages.add(1000, 1);
        assert_eq!(pages, Batch::everything());
        let mut huge = Batch::new();
        huge.add(1, u64::MAX / 2);
        assert_eq!(huge, Batch::everything());
        let mut ranges = Batch::new();
        for page in 0..=RANGES as u64 {
            assert!(ranges.ranges().is_some());
            ranges.add(page * 10, 1);
        }
        assert_eq!(ranges, Batch::everything());
        assert!(!ranges.is_empty());
        ranges.add(1, 1);
        assert_eq!(ranges, Batch::everything());
    }

    #[test]
    fn a_range_is_one_word() {
        for whole in [range(0, 1), range((1 << 52) - 1, MOST_PAGES)] {
            assert_ne!(whole.to_word(), EVERYTHING);
            assert_eq!(PageRange::from_word(whole.to_word()), Some(whole));
        }
        assert_eq!(PageRange::from_word(EVERYTHING), None);
    }
}
