//! Where blocks of the heap lie: those that every copy of a template writes lie together.
//!
//! A copy of a process writes little, but all over the heap: a count in an object here, a
//! lock there. Each costs a page. Which blocks these are is learnt once: an interpreter that
//! [records](record) numbers its allocations, becomes a template, and has what its processes
//! write [traced](roentgen_abi::syscall::RG_TRACE_WRITES); where the blocks that were written
//! are to lie is a [`profile`]. An interpreter that starts in the same way makes the same
//! allocations in the same order, and has those with these numbers in an [`arena`].
//! Blocks are numbered by their size: a start differs from another by a few blocks that
//! depend on hashes, and shifts no numbers but those of their sizes.
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

/// Environment variable: `record:SEED`, or the profile's file.
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
    let begun = match wish.strip_prefix("record:") {
        Some(seed) => seed
            .parse()
            .ok()
            .and_then(|seed| record::reserve().then_some((seed, RECORDING))),
        None => std::fs::read(wish)
            .ok()
            .and_then(|bytes| profile::read(&bytes))
            .and_then(|(seed, places)| arena::reserve(places).then_some((seed, PLACING))),
    };
    if let Some((seed, mode)) = begun {
        let _ = SEED.set(seed);
        MODE.store(mode, Ordering::Release);
    }
    // Not for those that this process starts.
    // SAFETY: there is one thread yet.
    unsafe { libc::unsetenv(VARIABLE.as_ptr()) };
}

/// The seed of hashes of an interpreter whose heap is recorded or laid out.
pub(crate) fn hash_seed() -> Option<u32> {
    SEED.get().copied()
}

/// Nothing is numbered any more. What is in the arena stays there.
pub(crate) fn stop() {
    MODE.store(OFF, Ordering::Relaxed);
}

/// Whether blocks are placed, so that each one that grows may be wanted.
#[inline]
pub(super) fn is_placing() -> bool {
    MODE.load(Ordering::Relaxed) == PLACING
}

/// A block of the arena for the next allocation, where it is to lie there.
#[inline]
pub(super) fn placed(layout: Layout) -> Option<*mut u8> {
    if is_placing() {
        next_number(layout.size()).and_then(|number| arena::block(number, layout))
    } else {
        None
    }
}

/// Keeps where a block was allocated.
#[inline]
pub(super) fn note(block: *mut u8, size: usize) {
    if MODE.load(Ordering::Relaxed) == RECORDING
        && let Some(number) = next_number(size)
    {
        record::note(block, size, number);
    }
}

/// The number of the next block of this size, as long as there are any.
#[cold]
fn next_number(size: usize) -> Option<u32> {
    let class = (size / 8).min(SIZES - 1);
    let own = NEXT[class].fetch_add(1, Ordering::Relaxed);
    (own < EACH).then_some(class as u32 * EACH + own)
}
