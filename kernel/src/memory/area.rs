//! Areas: which addresses of a space mean what. Pure bookkeeping, no tables.

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use bitflags::bitflags;
use formats::gaps::Gaps;

use super::PAGE_SIZE;
use super::object::MemoryObject;

bitflags! {
    /// What user code may do with a page.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Protection: u8 {
        /// Loads.
        const READ = 1;
        /// Stores.
        const WRITE = 2;
        /// Instruction fetches.
        const EXECUTE = 4;
    }

    /// What a child does not find as it is (`madvise(2)`); mostly nothing.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct AtFork: u8 {
        /// It is not mapped there (`MADV_DONTFORK`).
        const LEFT = 1;
        /// It is zeros there (`MADV_WIPEONFORK`).
        const WIPED = 2;
    }
}

/// What `/proc/PID/maps` calls an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AreaName {
    /// No name.
    None,
    /// The program break's area.
    Heap,
    /// The first thread's stack, which grows on demand.
    Stack,
    /// A mapped file's path.
    File(Arc<[u8]>),
}

/// Where an area's first contents come from.
#[derive(Clone)]
pub enum Backing {
    /// Zeros.
    Anonymous,
    /// A memory object, from this byte offset (page-aligned) on.
    Object(Arc<MemoryObject>, u64),
}

/// A run of pages that are treated alike.
#[derive(Clone)]
pub struct Area {
    /// First byte; page-aligned.
    pub start: usize,
    /// Byte after the last; page-aligned.
    pub end: usize,
    /// What user code may do.
    pub protection: Protection,
    /// What `mprotect` may allow.
    pub allowed: Protection,
    /// Whether writes go to the object, for all to see.
    pub is_shared: bool,
    /// First contents.
    pub backing: Backing,
    /// Its name.
    pub name: AreaName,
    /// What a child does not find as it is here.
    pub at_fork: AtFork,
}

impl Area {
    /// Whether it counts for `RLIMIT_DATA`: private, writable, and no stack.
    #[must_use]
    pub fn is_data(&self) -> bool {
        !self.is_shared
            && self.protection.contains(Protection::WRITE)
            && self.name != AreaName::Stack
    }

    /// The object's page index for `address`.
    #[must_use]
    pub fn object_page(&self, offset: u64, address: usize) -> u64 {
        (offset + (address - self.start) as u64) / PAGE_SIZE as u64
    }

    fn split(&mut self, at: usize) -> Self {
        let mut upper = self.clone();
        upper.start = at;
        if let Backing::Object(_, offset) = &mut upper.backing {
            *offset += (at - self.start) as u64;
        }
        self.end = at;
        upper
    }

    /// Whether `next`, which begins where this one ends, continues it.
    fn is_continued_by(&self, next: &Self) -> bool {
        let backing = match (&self.backing, &next.backing) {
            (Backing::Anonymous, Backing::Anonymous) => true,
            (Backing::Object(mine, offset), Backing::Object(other, next_offset)) => {
                Arc::ptr_eq(mine, other) && offset + (self.end - self.start) as u64 == *next_offset
            }
            _ => false,
        };
        backing
            && self.end == next.start
            && self.protection == next.protection
            && self.allowed == next.allowed
            && self.is_shared == next.is_shared
            && self.name == next.name
            && self.at_fork == next.at_fork
    }
}

/// The areas of a space, disjoint, by address.
#[derive(Clone, Default)]
pub struct AreaMap {
    areas: BTreeMap<usize, Area>,
    gaps: Gaps,
    total: usize,
    data: usize,
}

impl AreaMap {
    /// The area that holds `address`.
    #[must_use]
    pub fn find(&self, address: usize) -> Option<&Area> {
        let (_, area) = self.areas.range(..=address).next_back()?;
        (address < area.end).then_some(area)
    }

    /// The first area that ends above `address`.
    #[must_use]
    pub fn at_or_above(&self, address: usize) -> Option<&Area> {
        self.find(address)
            .or_else(|| self.areas.range(address..).next().map(|(_, area)| area))
    }

    /// The last area that begins below `address`.
    #[must_use]
    pub fn below(&self, address: usize) -> Option<&Area> {
        self.areas
            .range(..address)
            .next_back()
            .map(|(_, area)| area)
    }

    /// All areas, by address.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Area> {
        self.areas.values()
    }

    /// How many areas there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.areas.len()
    }

    /// Bytes in all areas.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Bytes in those that [are data](Area::is_data).
    #[must_use]
    pub fn data(&self) -> usize {
        self.data
    }

    /// The areas that have bytes in the range, by address.
    pub fn within(&self, range: &Range<usize>) -> impl Iterator<Item = &Area> {
        let first = self
            .find(range.start)
            .map_or(range.start, |area| area.start);
        let areas = self.areas.range(first..range.end.max(first));
        areas.map(|(_, area)| area)
    }

    /// Bytes of the range that lie in areas of this kind.
    #[must_use]
    pub fn bytes_within(&self, range: &Range<usize>, is_meant: impl Fn(&Area) -> bool) -> usize {
        self.within(range)
            .filter(|area| is_meant(area))
            .map(|area| area.end.min(range.end) - area.start.max(range.start))
            .sum()
    }

    /// Whether nothing lies in the range.
    #[must_use]
    pub fn is_free(&self, range: &Range<usize>) -> bool {
        self.at_or_above(range.start)
            .is_none_or(|area| area.start >= range.end)
    }

    /// Whether every byte of the range lies in some area.
    #[must_use]
    pub fn covers(&self, range: &Range<usize>) -> bool {
        let mut at = range.start;
        while at < range.end {
            match self.find(at) {
                Some(area) => at = area.end,
                None => return false,
            }
        }
        true
    }

    /// How many areas are divided where the range is cut out.
    #[must_use]
    pub fn divided_by(&self, range: &Range<usize>) -> usize {
        let is_within = |border: usize| self.find(border).is_some_and(|area| area.start < border);
        usize::from(is_within(range.start)) + usize::from(is_within(range.end))
    }

    /// Adds an area where nothing is, joining it with its neighbours where it can.
    pub fn insert(&mut self, mut area: Area) {
        self.total += area.end - area.start;
        if area.is_data() {
            self.data += area.end - area.start;
        }
        if let Some(lower) = self.below(area.start)
            && lower.is_continued_by(&area)
        {
            let start = lower.start;
            if let Some(mut lower) = self.areas.remove(&start) {
                lower.end = area.end;
                area = lower;
            }
        }
        if let Some(upper) = self.areas.get(&area.end)
            && area.is_continued_by(upper)
        {
            let end = upper.end;
            self.areas.remove(&area.end);
            area.end = end;
        }
        self.areas.insert(area.start, area);
    }

    /// Takes everything in the range out, splitting areas at its borders.
    pub fn remove(&mut self, range: &Range<usize>) -> Vec<Area> {
        self.split_at(range.start);
        self.split_at(range.end);
        let starts: Vec<usize> = self
            .areas
            .range(range.clone())
            .map(|(start, _)| *start)
            .collect();
        let removed: Vec<Area> = starts
            .iter()
            .filter_map(|start| self.areas.remove(start))
            .collect();
        for area in &removed {
            let bytes = area.end - area.start;
            self.total -= bytes;
            if area.is_data() {
                self.data -= bytes;
            }
        }
        if !removed.is_empty() {
            let start = self.below(range.start).map_or(0, |area| area.end);
            let end = self.at_or_above(range.start);
            self.gaps
                .freed(start..end.map_or(usize::MAX, |area| area.start));
        }
        removed
    }

    fn split_at(&mut self, address: usize) {
        let Some(area) = self.find(address) else {
            return;
        };
        if area.start == address {
            return;
        }
        let start = area.start;
        if let Some(area) = self.areas.get_mut(&start) {
            let upper = area.split(address);
            self.areas.insert(upper.start, upper);
        }
    }

    /// The highest free range of `length` bytes within `[lowest, highest)`.
    #[must_use]
    pub fn find_gap(&mut self, length: usize, lowest: usize, highest: usize) -> Option<usize> {
        let areas = &self.areas;
        let below = |top| {
            let areas = areas.range(..top).rev();
            areas.map(|(start, area)| *start..area.end)
        };
        self.gaps.find(below, length, lowest, highest)
    }
}
