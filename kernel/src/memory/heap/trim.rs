//! Gives back what is kept for the next of its kind, when memory is short: spare pieces and
//! stacks, and frames of small blocks that are wholly free.
//!
//! The lists of small blocks know nothing of frames, so that the fast path need not. A trim has all cores
//! give their own blocks to the shared lists, takes these one after the other, counts for
//! each frame how many of its blocks are there, and leaves out those of frames of which all
//! are. It runs in thread context, with interrupts on and no lock; the kernel is not
//! preempted, so a list is away for as long as it takes to walk it, and who needs a block
//! meanwhile cuts a frame.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use super::super::frame::{self, Frame};
use super::super::{PAGE_SIZE, direct, stacks, tlb};
use super::{Block, CLASSES, CUT, List, SHARED, blocks_per_frame, large};
use crate::cpu::{self, interrupts};
use crate::sync::InterruptsOff;
use crate::time::Instant;

/// So many bytes must have come to the shared lists since the last trim for another one.
const WORTHWHILE: u64 = 256 * 1024;

/// How long the other cores are waited for. All that is lost without one is its blocks.
const PATIENCE: Duration = Duration::from_millis(10);

/// Whether somebody trims.
static IS_UNDERWAY: AtomicBool = AtomicBool::new(false);

/// Bytes that the last trim left on the shared lists, or that have been there since, if less.
static LEFT: AtomicU64 = AtomicU64::new(0);

crate::counters! {
    /// Trims of the small blocks.
    static TRIMS = "heap_trims";
    /// Frames of small blocks that they gave back.
    static FRAMES_GIVEN_BACK = "heap_block_frames_given_back";
}

/// Gives back what can be, where that may be done here and is worth its while. Whether
/// somebody did: there may be room now.
pub fn trim() -> bool {
    // With interrupts off, who calls may hold a lock, or be in the heap itself.
    if !x86_64::instructions::interrupts::are_enabled() || !tlb::can_ask_others() {
        return false;
    }
    if IS_UNDERWAY.swap(true, Ordering::Acquire) {
        // On another core, with nothing to wait for but this one's blocks.
        while IS_UNDERWAY.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
        return true;
    }
    let has_spared = large::give_back_spares() | stacks::give_back_reserve();
    let has_trimmed = is_worthwhile();
    if has_trimmed {
        gather();
        let frames = (0..CLASSES.len()).map(trim_class).sum();
        LEFT.store(shared_bytes(), Ordering::Relaxed);
        TRIMS.add(1);
        FRAMES_GIVEN_BACK.add(frames);
    }
    IS_UNDERWAY.store(false, Ordering::Release);
    has_spared || has_trimmed
}

fn shared_bytes() -> u64 {
    let shared = SHARED.lock();
    let lists = shared.lists.iter().zip(CLASSES);
    lists.map(|(list, size)| (list.length * size) as u64).sum()
}

fn is_worthwhile() -> bool {
    let now = shared_bytes();
    let left = LEFT.fetch_min(now, Ordering::Relaxed).min(now);
    now - left >= WORTHWHILE
}

/// Has all cores give their blocks to the shared lists.
fn gather() {
    let here = {
        let off = InterruptsOff::new();
        give_blocks(&off);
        cpu::this(&off).id
    };
    let others = || cpu::all().filter(|core| core.id != here);
    for core in others() {
        core.is_asked_for_blocks.store(true, Ordering::Release);
        interrupts::send(core, interrupts::SHOOTDOWN);
    }
    let end = Instant::now() + PATIENCE;
    while others().any(|core| core.is_asked_for_blocks.load(Ordering::Acquire))
        && Instant::now() < end
    {
        core::hint::spin_loop();
    }
}

/// Gives this core's blocks to the shared lists, if a trim has asked for that. For an
/// interrupt's handler: the heap is not in the middle of anything here.
pub fn answer(off: &InterruptsOff) {
    let asked = &cpu::this(off).is_asked_for_blocks;
    if asked.load(Ordering::Acquire) {
        give_blocks(off);
        asked.store(false, Ordering::Release);
    }
}

fn give_blocks(off: &InterruptsOff) {
    let Some(own) = cpu::blocks(off) else {
        return;
    };
    let mut shared = SHARED.lock();
    for (own, shared) in own.lists.iter_mut().zip(&mut shared.lists) {
        loop {
            let block = own.pop();
            if block.is_null() {
                break;
            }
            shared.push(block);
        }
    }
}

/// Gives back the frames of which all blocks are on a class's shared list; how many.
fn trim_class(class: usize) -> u64 {
    let whole = blocks_per_frame(class) as u32;
    let mut list = core::mem::replace(&mut SHARED.lock().lists[class], List::EMPTY);
    let mut at = list.head;
    while !at.is_null() {
        // SAFETY: the list's blocks are this function's now, and lie in frames of the heap.
        at = unsafe {
            count(at).fetch_add(1, Ordering::Relaxed);
            (*at).next
        };
    }
    let mut kept = List::EMPTY;
    let mut last = ptr::null_mut();
    let mut frames = 0;
    loop {
        let block = list.pop();
        if block.is_null() {
            break;
        }
        // SAFETY: as above. The counts of frames that are kept are 0 again afterwards; those
        // of the others go on up to twice a whole frame.
        let count = unsafe { count(block) };
        let seen = count.load(Ordering::Relaxed);
        if seen < whole {
            count.store(0, Ordering::Relaxed);
            if kept.length == 0 {
                last = block;
            }
            kept.push(block);
        } else if seen + 1 < 2 * whole {
            count.store(seen + 1, Ordering::Relaxed);
        } else {
            let physical = direct::to_physical(block.cast());
            let page = PAGE_SIZE as u64;
            // SAFETY: all blocks of the frame are off the lists, and nobody's.
            drop(unsafe { Frame::from_entry(physical.align_down(page)) });
            frames += 1;
        }
    }
    put_back(class, kept, last);
    CUT[class].fetch_sub(frames * u64::from(whole), Ordering::Relaxed);
    frames
}

/// Puts blocks back, of which `last` is the last; null: there are none.
fn put_back(class: usize, kept: List, last: *mut Block) {
    if last.is_null() {
        return;
    }
    let mut shared = SHARED.lock();
    let list = &mut shared.lists[class];
    // SAFETY: the blocks are still this function's.
    unsafe { (*last).next = list.head };
    list.head = kept.head;
    list.length += kept.length;
}

/// The count of a block's frame.
///
/// # Safety
/// The block lies in a frame of the heap, which stays one meanwhile.
unsafe fn count(block: *mut Block) -> &'static AtomicU32 {
    // SAFETY: the caller's promise.
    unsafe { frame::free_blocks_of(direct::to_physical(block.cast())) }
}
