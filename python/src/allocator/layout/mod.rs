//! Where blocks of the heap lie: those that every copy of a template writes lie together.
//!
//! A copy of a process writes little, but all over the heap: a count in an object here, a
//! lock there. Each costs a page. Which blocks these are is learnt once: an interpreter that
//! [records](record) numbers its allocations, becomes a template, and has what its processes
//! write [traced](roentgen_abi::syscall::RG_TRACE_WRITES); where the blocks that were written
//! are to lie is a [`profile`]. An interpreter that starts in the same way makes the same
//! allocations in the same order, and has those with these numbers in an [`arena`].
//! Blocks are numbered by their size: where a start differs from another by a few blocks all
//! the same, that shifts no numbers but those of their sizes.
//!
//! A profile is a hint: where the order has changed, other blocks lie in the arena, and
//! nothing else happens. What is numbered ends where a process begins with its own work
//! ([`stop`]), since that is another one each time.

mod arena;
mod profile;
mod record;

use std::alloc::Layout;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

pub(super) use arena::is_placed;
pub(crate) use record::profile;

/// What is done with blocks, as bits: they are given their places in the arena.
const PLACING: u8 = 1;
/// Where they lie is kept.
const RECORDING: u8 = 2;
/// All lie aside, at the arena's end.
const ASIDE: u8 = 4;

static MODE: AtomicU8 = AtomicU8::new(0);

/// Sizes that are told apart, in units of eight bytes; larger ones are the last.
const SIZES: usize = 1 << 10;
/// The next number of each size.
static NEXT: [AtomicU32; SIZES] = [const { AtomicU32::new(0) }; SIZES];
/// A block's number is that of its size times this, and its own behind it.
const EACH: u32 = u32::MAX / SIZES as u32 + 1;

/// Environment variable: the profile's file, `record:SEED`, or `again:` and the file of a profile
/// that is to be tried and recorded.
const VARIABLE: &CStr = c"ROENTGEN_HEAP_LAYOUT";

/// The seed of the interpreter's hashes: the order of its allocations depends on it.
static SEED: OnceLock<u32> = OnceLock::new();

/// Does what the environment asks for. Called once, before the interpreter starts.
pub(crate) fn begin() {
    // SAFETY: reads the environment, which nobody changes yet.
    let wish = unsafe { libc::getenv(VARIABLE.as_ptr()) };
    if wish.is_null() {
        return;
    }
    // SAFETY: a string of the environment.
    let wish = unsafe { CStr::from_ptr(wish) }.to_str().unwrap_or_default();
    let begun = if let Some(seed) = wish.strip_prefix("record:") {
        seed.parse().ok().map(|seed| (seed, RECORDING))
    } else if let Some(path) = wish.strip_prefix("again:") {
        place(path).map(|seed| (seed, PLACING | RECORDING))
    } else {
        place(wish).map(|seed| (seed, PLACING))
    };
    let begun = begun.filter(|(_, mode)| mode & RECORDING == 0 || record::reserve());
    if let Some((seed, mode)) = begun {
        let _ = SEED.set(seed);
        MODE.store(mode, Ordering::Release);
    }
    // Neither this nor the fixed addresses (`spawn_program`) are for what this process starts.
    // SAFETY: there is one thread yet; the other call takes a number.
    unsafe {
        libc::unsetenv(VARIABLE.as_ptr());
        libc::personality(0);
    }
}

/// Makes the arena that a profile's file asks for; the profile's seed.
fn place(path: &str) -> Option<u32> {
    if !arena::reserve() {
        return None;
    }
    MODE.store(ASIDE, Ordering::Relaxed);
    let seed = std::fs::read(path)
        .ok()
        .and_then(|bytes| profile::read(&bytes))
        .and_then(|(seed, places)| arena::set(places).then_some(seed));
    MODE.store(0, Ordering::Relaxed);
    seed
}

/// The seed of hashes of an interpreter whose heap is recorded or laid out.
pub(crate) fn hash_seed() -> Option<u32> {
    SEED.get().copied()
}

/// Nothing is numbered any more. What is in the arena stays there.
pub(crate) fn stop() {
    MODE.store(0, Ordering::Relaxed);
}

/// Whether each block has a number, so that one that grows is a new one.
#[inline]
pub(super) fn is_numbering() -> bool {
    MODE.load(Ordering::Relaxed) != 0
}

/// The block for an allocation: what `system` gives, or one of the arena, where its number has
/// a place there.
#[cold]
pub(super) fn allocate(layout: Layout, system: impl FnOnce() -> *mut u8) -> *mut u8 {
    let mode = MODE.load(Ordering::Relaxed);
    if mode == ASIDE {
        return arena::aside(layout).unwrap_or_else(system);
    }
    let block = system();
    let Some(number) = next_number(layout.size()).filter(|_| !block.is_null()) else {
        return block;
    };
    let placed = (mode & PLACING != 0).then(|| arena::block(number, layout, block));
    let block = placed.flatten().unwrap_or(block);
    if mode & RECORDING != 0 {
        record::note(block, layout.size(), number);
    }
    block
}

/// Gives back a block: to `system`, and of one of the arena its stand-in, while others are to
/// lie where it lay.
#[cold]
pub(super) fn release(block: *mut u8, system: impl FnOnce(*mut u8)) {
    let mode = MODE.load(Ordering::Relaxed);
    if mode & RECORDING != 0 {
        record::note_freed(block);
    }
    if !is_placed(block) {
        system(block);
    } else if mode & PLACING != 0
        && let Some(stand_in) = arena::stand_in(block)
    {
        system(stand_in);
    }
}

/// The number of the next block of this size, as long as there are any.
fn next_number(size: usize) -> Option<u32> {
    let class = (size / 8).min(SIZES - 1);
    let own = NEXT[class].fetch_add(1, Ordering::Relaxed);
    (own < EACH).then_some(class as u32 * EACH + own)
}
