//! How near the end of memory is, and who may still take some.
//!
//! The last frames are the kernel heap's alone, because most of what is allocated there
//! cannot fail: a `Box`, an `Arc`, a tree's node or a growing `Vec` that gets nothing ends
//! in a panic. What keeps that from happening is here. Well above that line new things are
//! refused, each with an error of its own (processes, mappings, descriptors, names, file
//! pages), so that what runs already can go on. In between, page faults are served and bytes
//! are queued. What is as long as a program likes asks for its whole length first
//! ([`check_reserve_beside`], [`reserve_exact`]): one such piece could take all that is kept.
//!
//! Before anything is refused, the heap gives back what it keeps for itself ([`heap::trim`]).

use core::sync::atomic::{AtomicU64, Ordering};

use super::{PAGE_SIZE, failing, frame, heap};
use crate::errno::{Errno, Result};

/// Bytes that only the kernel heap may take.
static RESERVE: AtomicU64 = AtomicU64::new(0);

/// Of these, so many make the room that is kept from new things.
const ROOM: u64 = 4;

/// Draws the lines, once the machine's free memory (in bytes) is known.
pub fn init(free: u64) {
    let reserve = (free / 64).clamp(2 << 20, 16 << 20);
    RESERVE.store(reserve, Ordering::Relaxed);
}

/// Frames that only the kernel heap may take.
#[must_use]
pub fn reserved_frames() -> u64 {
    RESERVE.load(Ordering::Relaxed) / PAGE_SIZE as u64
}

/// Bytes that files may still take.
#[must_use]
pub fn room() -> u64 {
    let kept = ROOM * RESERVE.load(Ordering::Relaxed);
    if has_more_than(kept) {
        frame::memory_info().free.saturating_sub(kept)
    } else {
        0
    }
}

/// Whether so many bytes are free, or are once the heap has given back what it can.
fn has_more_than(bytes: u64) -> bool {
    let has = || frame::memory_info().free > bytes;
    has() || (heap::trim() && has())
}

/// Whether there is room for something new; `refusal` is what its maker says where not.
///
/// # Errors
/// `refusal`.
pub fn check_room(refusal: Errno) -> Result<()> {
    if room() > 0 && !failing::must_fail() {
        Ok(())
    } else {
        Err(refusal)
    }
}

/// Whether bytes may still be queued: only the heap's own frames are left where not.
///
/// # Errors
/// `refusal`.
pub fn check_reserve(refusal: Errno) -> Result<()> {
    check_reserve_beside(0, refusal)
}

/// Whether there is what giving something back takes: half of the heap's own frames.
///
/// # Errors
/// `refusal`.
pub fn check_release(refusal: Errno) -> Result<()> {
    if has_more_than(RESERVE.load(Ordering::Relaxed) / 2) {
        Ok(())
    } else {
        Err(refusal)
    }
}

/// As [`check_reserve`], for so many bytes at once.
///
/// # Errors
/// `refusal`.
pub fn check_reserve_beside(bytes: usize, refusal: Errno) -> Result<()> {
    let kept = RESERVE.load(Ordering::Relaxed);
    let needed = kept.saturating_add(bytes as u64);
    if has_more_than(needed) && !failing::must_fail() {
        Ok(())
    } else {
        Err(refusal)
    }
}

/// Makes room for `count` values in a vector, where a program chose how many; `refusal` is
/// what it is told where memory is short.
///
/// # Errors
/// `refusal`.
pub fn reserve_exact<T>(vector: &mut Vec<T>, count: usize, refusal: Errno) -> Result<()> {
    let bytes = count.saturating_mul(size_of::<T>());
    if bytes > heap::LARGEST_BLOCK {
        check_reserve_beside(bytes, refusal)?;
    } else if failing::must_fail() {
        return Err(refusal);
    }
    vector.try_reserve_exact(count).map_err(|_| refusal)
}
