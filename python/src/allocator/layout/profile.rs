//! A profile: the seed of the interpreter's hashes, and which blocks are to lie where in the
//! arena. In its file these are words of four bytes, little-endian.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What blocks of the arena are aligned to, as the system allocator's.
pub(super) const UNIT: usize = 16;

/// Of a block beyond this size, few pages are written: it lies behind the smaller ones, so
/// that it shares nothing but their page table.
const SMALL: u32 = 2048;

/// One block's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The block's number.
    pub(super) number: u32,
    /// Its bytes at most.
    pub(super) size: u32,
    /// Where it lies in the arena, in bytes.
    pub(super) offset: u32,
}

/// Blocks that were written: by number, their size, and by how many traces they are known.
#[derive(Default)]
pub(super) struct Written(BTreeMap<u32, (u32, u32)>);

impl Written {
    /// Notes a block in which an address was written that is in so many traces.
    pub(super) fn note(&mut self, number: u32, size: u32, traces: u32) {
        let (_, most) = self.0.entry(number).or_insert((size, 0));
        *most = traces.max(*most);
    }

    /// Where they are to lie: what is in most traces first, so that a process that does
    /// little writes few pages.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut blocks: Vec<_> = self.0.iter().collect();
        blocks.sort_by_key(|&(number, &(size, traces))| (size > SMALL, Reverse(traces), *number));
        let mut offset = 0;
        let mut places: Vec<Place> = blocks
            .into_iter()
            .map(|(&number, &(size, _))| {
                let place = Place {
                    number,
                    size,
                    offset,
                };
                offset += size.next_multiple_of(UNIT as u32);
                place
            })
            .collect();
        places.sort_by_key(|place| place.number);
        places
    }
}

/// The bytes of a profile's file.
pub(super) fn write(seed: u32, places: &[Place]) -> Vec<u8> {
    let words = places
        .iter()
        .flat_map(|place| [place.number, place.size, place.offset]);
    std::iter::once(seed)
        .chain(words)
        .flat_map(u32::to_le_bytes)
        .collect()
}

/// Seed and places, by number; None where that is no profile.
pub(super) fn read(bytes: &[u8]) -> Option<(u32, Vec<Place>)> {
    let (words, []) = bytes.as_chunks() else {
        return None;
    };
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let (seed, words) = words.split_first()?;
    let (places, []) = words.as_chunks() else {
        return None;
    };
    let places: Vec<Place> = places
        .iter()
        .map(|&[number, size, offset]| Place {
            number,
            size,
            offset,
        })
        .collect();
    let is_sorted = places.is_sorted_by(|a, b| a.number < b.number);
    let mut by_offset: Vec<&Place> = places.iter().collect();
    by_offset.sort_by_key(|place| place.offset);
    let is_apart = by_offset.is_sorted_by(|a, b| {
        a.offset
            .checked_add(a.size)
            .is_some_and(|end| end <= b.offset)
    });
    let is_aligned = places
        .iter()
        .all(|place| (place.offset as usize).is_multiple_of(UNIT));
    (is_sorted && is_apart && is_aligned).then_some((*seed, places))
}

#[cfg(test)]
mod tests {
    use super::{Place, UNIT, Written, read, write};

    fn places(words: [[u32; 3]; 3]) -> Vec<Place> {
        let place = |[number, size, offset]: [u32; 3]| Place {
            number,
            size,
            offset,
        };
        words.map(place).to_vec()
    }

    #[test]
    fn what_is_written_most_lies_first_and_large_blocks_last() {
        let mut written = Written::default();
        for (number, size, traces) in [(1, 5000, 4), (2, 24, 1), (3, 20, 2), (3, 20, 1)] {
            written.note(number, size, traces);
        }
        let expected = places([[1, 5000, 64], [2, 24, 32], [3, 20, 0]]);
        assert_eq!(written.places(), expected);
        assert_eq!(read(&write(7, &expected)), Some((7, expected)));
    }

    #[test]
    fn what_is_no_profile_is_none() {
        let unit = UNIT as u32;
        let good = places([[1, 8, 0], [2, 8, 2 * unit], [3, 16, unit]]);
        assert!(read(&write(1, &good)).is_some());
        let bytes = write(1, &good);
        for bytes in [&bytes[..0], &bytes[..3], &bytes[..8], &bytes[..39]] {
            assert_eq!(read(bytes), None);
        }
        for bad in [
            [[2, 8, 0], [1, 8, unit], [3, 8, 2 * unit]],
            [[1, 8, 0], [1, 8, unit], [3, 8, 2 * unit]],
            [[1, 17, 0], [2, 8, unit], [3, 8, 2 * unit]],
            [[1, 8, 8], [2, 8, unit], [3, 8, 2 * unit]],
            [[1, 8, 0], [2, u32::MAX, unit], [3, 8, 2 * unit]],
        ] {
            assert_eq!(read(&write(1, &places(bad))), None, "{bad:?}");
        }
    }
}
