//! The record: where each block of a starting interpreter was allocated, and which were freed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::profile::{self, Written};
use crate::allocator::map;

/// Most blocks that are recorded: an interpreter makes some hundred thousand as it starts.
const MOST: usize = 1 << 22;
static BLOCKS: AtomicPtr<Block> = AtomicPtr::new(std::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A block that was allocated; one of no bytes: one that was freed there.
#[derive(Clone, Copy)]
struct Block {
    address: usize,
    size: u32,
    number: u32,
}

/// Makes room; false where there is none.
pub(super) fn reserve() -> bool {
    let blocks = map(MOST * size_of::<Block>());
    BLOCKS.store(blocks.cast(), Ordering::Relaxed);
    !blocks.is_null()
}

/// Keeps that a block was freed: who has its memory then, has no number.
pub(super) fn note_freed(block: *mut u8) {
    note(block, 0, 0);
}

/// Keeps a block.
pub(super) fn note(block: *mut u8, size: usize, number: u32) {
    let index = COUNT.fetch_add(1, Ordering::Relaxed);
    if index < MOST {
        let noted = Block {
            address: block.addr(),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            number,
        };
        // SAFETY: within the record, and this index is this call's own.
        unsafe { BLOCKS.load(Ordering::Relaxed).add(index).write(noted) };
    }
}

/// The profile of a recorded process whose copies wrote at these addresses; what is in
/// several traces is there as often. Empty where nothing was recorded.
pub(crate) fn profile(addresses: &[usize]) -> Vec<u8> {
    let record = BLOCKS.load(Ordering::Relaxed);
    let Some(seed) = super::hash_seed().filter(|_| !record.is_null()) else {
        return Vec::new();
    };
    let count = COUNT.load(Ordering::Relaxed).min(MOST);
    // SAFETY: so many were noted, and nobody notes any more.
    let blocks = unsafe { std::slice::from_raw_parts(record, count) };
    profile::write(seed, &written(blocks, addresses).places())
}

/// The blocks that lay last where these addresses are.
fn written(blocks: &[Block], addresses: &[usize]) -> Written {
    let last: BTreeMap<usize, &Block> = blocks.iter().map(|block| (block.address, block)).collect();
    let mut traces: BTreeMap<usize, u32> = BTreeMap::new();
    for &address in addresses {
        *traces.entry(address).or_default() += 1;
    }
    let mut written = Written::default();
    for (address, traces) in traces {
        if let Some((_, block)) = last.range(..=address).next_back()
            && address - block.address < block.size as usize
        {
            written.note(block.number, block.size, traces);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{Block, written};

    #[test]
    fn an_address_is_of_the_last_block_that_lay_there() {
        let block = |address, size, number| Block {
            address,
            size,
            number,
        };
        let freed = block(300, 0, 0);
        let blocks = [
            block(100, 20, 1),
            block(200, 50, 2),
            block(100, 10, 3),
            block(300, 9, 4),
            freed,
        ];
        let addresses = [99, 100, 109, 110, 200, 249, 249, 250, 300, 301];
        let places = written(&blocks, &addresses).places();
        let found: Vec<_> = places
            .iter()
            .map(|place| (place.number, place.offset))
            .collect();
        // The one with an address that is there twice lies first.
        assert_eq!(found, [(2, 0), (3, 64)]);
    }
}
