//! Where small blocks lie: those that every copy of a template writes lie together.
//!
//! A copy of a process writes little, but all over the heap: a count in an object here, a
//! lock there. Each costs a page. Which blocks these are is learnt once: an interpreter that
//! [records](record) numbers its allocations, becomes a template, and has what its processes
//! write [traced](roentgen_abi::syscall::RG_TRACE_WRITES); the numbers of the blocks written
//! are a [`Profile`]. An interpreter that starts in the same way makes the same allocations
//! in the same order, and [places](place) those with these numbers in an arena of their own.
//! Blocks are numbered by their size: a start differs from another by a few blocks that
//! depend on hashes, and shifts no numbers but those of their sizes.
//!
//! A profile is a hint: where the order has changed, other blocks lie in the arena, and
//! nothing else happens. What is numbered ends where a process begins with its own work
//! ([`stop`]), since that is another one each time.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// Nothing is numbered.
const OFF: u8 = 0;
/// Blocks are numbered, and where they lie is kept.
const RECORDING: u8 = 1;
/// Blocks are numbered, and some are placed.
const PLACING: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(OFF);

/// Sizes that are told apart, in units of eight bytes; larger ones are the last.
const SIZES: usize = 1 << 10;
/// The next number of each size.
static NEXT: [AtomicU32; SIZES] = [const { AtomicU32::new(0) }; SIZES];
/// A block's number is that of its size times this, and its own behind it.
const EACH: u32 = u32::MAX / SIZES as u32 + 1;

/// Most blocks that are recorded: an interpreter makes some hundred thousand as it starts.
const MOST_RECORDED: usize = 1 << 22;
static RECORD: AtomicPtr<Block> = AtomicPtr::new(std::ptr::null_mut());
static RECORDED: AtomicUsize = AtomicUsize::new(0);

/// What blocks of the arena are aligned to, as the system allocator's.
const UNIT: usize = 16;

/// The largest block that is placed: of a larger one, most pages are not written.
const LARGEST: usize = 2048;

/// Bytes of the arena.
const ARENA: usize = 1 << 20;
static ARENA_START: AtomicUsize = AtomicUsize::new(0);
static ARENA_USED: AtomicUsize = AtomicUsize::new(0);

/// Numbers to place, in order.
static WANTED: AtomicPtr<u32> = AtomicPtr::new(std::ptr::null_mut());
static WANTED_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Environment variable: `record:SEED`, or the layout's file.
const VARIABLE: &CStr = c"ROENTGEN_HEAP_LAYOUT";

/// The seed of the interpreter's hashes: the order of its allocations depends on it.
static SEED: OnceLock<u32> = OnceLock::new();

/// A block that was allocated.
#[derive(Clone, Copy)]
struct Block {
    address: usize,
    size: u32,
    number: u32,
}

/// Does what the environment asks for. Called once, before the interpreter starts.
pub(crate) fn begin() {
    // SAFETY: reads the environment, which nobody changes yet.
    let wish = unsafe { libc::getenv(VARIABLE.as_ptr()) };
    if wish.is_null() {
        return;
    }
    // SAFETY: a string of the environment.
    if let Ok(wish) = unsafe { CStr::from_ptr(wish) }.to_str() {
        match wish.strip_prefix("record:") {
            Some(seed) => record(seed),
            None => place(wish),
        }
    }
    // Not for those that this process starts.
    // SAFETY: there is one thread yet.
    unsafe { libc::unsetenv(VARIABLE.as_ptr()) };
}

/// Memory that is there for ever; null where there is none.
fn reserve(size: usize) -> *mut u8 {
    super::map(size)
}

/// The seed of hashes of an interpreter whose heap is recorded or laid out.
pub(crate) fn hash_seed() -> Option<u32> {
    SEED.get().copied()
}

fn record(seed: &str) {
    let Ok(seed) = seed.parse() else { return };
    let blocks = reserve(MOST_RECORDED * size_of::<Block>());
    if !blocks.is_null() {
        let _ = SEED.set(seed);
        RECORD.store(blocks.cast(), Ordering::Relaxed);
        MODE.store(RECORDING, Ordering::Release);
    }
}

/// Places the blocks of a profile from here on, where there is one in this file: the seed of
/// hashes, and the numbers in order, each of four bytes, little-endian.
fn place(path: &str) {
    let Ok(words) = std::fs::read(path) else {
        return;
    };
    let mut words = words
        .as_chunks()
        .0
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes));
    let Some(seed) = words.next() else { return };
    let numbers: Vec<u32> = words.collect();
    let arena = reserve(ARENA);
    if numbers.is_empty() || !numbers.is_sorted() || arena.is_null() {
        return;
    }
    let _ = SEED.set(seed);
    ARENA_START.store(arena.expose_provenance(), Ordering::Relaxed);
    WANTED_COUNT.store(numbers.len(), Ordering::Relaxed);
    WANTED.store(numbers.leak().as_mut_ptr(), Ordering::Relaxed);
    MODE.store(PLACING, Ordering::Release);
}

/// Nothing is numbered any more. What is in the arena stays there.
pub(crate) fn stop() {
    MODE.store(OFF, Ordering::Relaxed);
}

/// The number of the next block of this size.
fn next_number(size: usize) -> u32 {
    let class = (size / 8).min(SIZES - 1);
    let own = NEXT[class].fetch_add(1, Ordering::Relaxed).min(EACH - 1);
    class as u32 * EACH + own
}

/// Whether blocks are placed, so that each one that grows may be wanted.
#[inline]
pub(super) fn is_placing() -> bool {
    MODE.load(Ordering::Relaxed) == PLACING
}

/// A block of the arena for the next allocation, where its number is wanted.
#[inline]
pub(super) fn placed(layout: Layout) -> Option<*mut u8> {
    if MODE.load(Ordering::Relaxed) != PLACING {
        return None;
    }
    place_next(layout)
}

#[cold]
fn place_next(layout: Layout) -> Option<*mut u8> {
    let number = next_number(layout.size());
    let wanted = WANTED.load(Ordering::Relaxed);
    let count = WANTED_COUNT.load(Ordering::Relaxed);
    // SAFETY: so many numbers lie there, for ever.
    let wanted = unsafe { std::slice::from_raw_parts(wanted, count) };
    if layout.size() > LARGEST || layout.align() > UNIT || wanted.binary_search(&number).is_err() {
        return None;
    }
    let size = layout.size().next_multiple_of(UNIT);
    let offset = ARENA_USED.fetch_add(size, Ordering::Relaxed);
    if offset.checked_add(size).is_none_or(|end| end > ARENA) {
        return None;
    }
    let address = ARENA_START.load(Ordering::Relaxed) + offset;
    Some(std::ptr::with_exposed_provenance_mut(address))
}

/// Whether a block lies in the arena. It is given back to nobody.
#[inline]
pub(super) fn is_placed(block: *mut u8) -> bool {
    let start = ARENA_START.load(Ordering::Relaxed);
    start != 0 && block.addr().wrapping_sub(start) < ARENA
}

/// Keeps where a block was allocated.
#[inline]
pub(super) fn note(block: *mut u8, size: usize) {
    if MODE.load(Ordering::Relaxed) == RECORDING {
        note_next(block, size);
    }
}

#[cold]
fn note_next(block: *mut u8, size: usize) {
    let number = next_number(size);
    let index = RECORDED.fetch_add(1, Ordering::Relaxed);
    if index < MOST_RECORDED {
        let noted = Block {
            address: block.addr(),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            number,
        };
        // SAFETY: within the record, and this index is this call's own.
        unsafe { RECORD.load(Ordering::Relaxed).add(index).write(noted) };
    }
}

/// The profile of a recorded process whose copies wrote at these addresses, as [`place`]
/// reads it; empty where nothing was recorded.
pub(crate) fn profile(addresses: &[usize]) -> Vec<u8> {
    let record = RECORD.load(Ordering::Relaxed);
    if record.is_null() {
        return Vec::new();
    }
    let count = RECORDED.load(Ordering::Relaxed).min(MOST_RECORDED);
    // SAFETY: so many were noted, and nobody notes any more.
    let blocks = unsafe { std::slice::from_raw_parts(record, count) };
    let mut numbers: Vec<u32> = written(blocks, addresses).collect();
    numbers.sort_unstable();
    numbers.dedup();
    hash_seed()
        .iter()
        .chain(&numbers)
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// The numbers of the blocks that lay last where these addresses are.
fn written(blocks: &[Block], addresses: &[usize]) -> impl Iterator<Item = u32> {
    let mut last = BTreeMap::new();
    for block in blocks {
        last.insert(block.address, *block);
    }
    addresses.iter().filter_map(move |&address| {
        let (_, block) = last.range(..=address).next_back()?;
        (address - block.address < block.size as usize).then_some(block.number)
    })
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
        let blocks = [block(100, 20, 1), block(200, 50, 2), block(100, 10, 3)];
        let found: Vec<u32> = written(&blocks, &[99, 100, 109, 110, 200, 249, 250]).collect();
        assert_eq!(found, [3, 3, 2, 2]);
    }
}
