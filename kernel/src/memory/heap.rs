//! The kernel heap: size-class lists per core in front of `linked_list_allocator`.
//!
//! Small blocks (up to 2 KiB) come from per-core free lists, filled a frame at a time. Frames
//! that became small blocks stay small blocks until memory is short ([`trim()`]). Larger ones
//! ([`large`]) give back what they leave empty at once.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};

use super::frame::{Frame, FrameUse};
use super::{PAGE_SIZE, direct};
use crate::cpu;
use crate::sync::{InterruptsOff, IrqLock};

mod large;
mod trim;

pub use trim::{answer, trim};

/// Block sizes in bytes; a block is aligned to the largest power of two dividing it.
const CLASSES: [usize; 12] = [16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 1360, 2048];

/// Larger ones are the large part's, which can take many frames at once.
pub const LARGEST_BLOCK: usize = 2048;

/// Blocks that a core keeps of a class before it gives half to the others.
const CORE_BLOCKS: usize = 256;

struct Block {
    next: *mut Block,
}

#[derive(Clone, Copy)]
struct List {
    head: *mut Block,
    length: usize,
}

impl List {
    const EMPTY: Self = Self {
        head: ptr::null_mut(),
        length: 0,
    };

    fn pop(&mut self) -> *mut Block {
        let block = self.head;
        if !block.is_null() {
            // SAFETY: blocks on a list are free memory that only the list's holder uses.
            self.head = unsafe { (*block).next };
            self.length -= 1;
        }
        block
    }

    fn push(&mut self, block: *mut Block) {
        // SAFETY: the block was just freed, or just cut from a frame: it is ours, and
        // every class is large enough for the link.
        unsafe { (*block).next = self.head };
        self.head = block;
        self.length += 1;
    }
}

/// One core's free blocks, by class.
pub struct CoreBlocks {
    lists: [List; CLASSES.len()],
}

impl CoreBlocks {
    /// No blocks.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lists: [List::EMPTY; CLASSES.len()],
        }
    }

    /// How many there are of each class.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lists.iter().map(|list| list.length)
    }
}

struct Shared {
    lists: [List; CLASSES.len()],
}

// SAFETY: the lists own their blocks; the lock around them orders all access.
unsafe impl Send for Shared {}

static SHARED: IrqLock<Shared> = IrqLock::new(Shared {
    lists: [List::EMPTY; CLASSES.len()],
});

/// Blocks of each class that frames were cut into, less those of frames that were given back.
static CUT: [AtomicU64; CLASSES.len()] = [const { AtomicU64::new(0) }; CLASSES.len()];

/// The kernel's global allocator.
pub struct KernelHeap;

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size().max(1);
    let class = CLASSES.iter().position(|class| *class >= size)?;
    // Blocks of a class lie one behind the other from the start of a frame.
    (class..CLASSES.len())
        .find(|class| CLASSES[*class].is_multiple_of(layout.align()))
        .filter(|_| layout.align() <= LARGEST_BLOCK)
}

// SAFETY: blocks are disjoint, aligned by their class, and stay until they are freed.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            Some(class) => allocate_small(class),
            None => large::allocate(layout),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match class_of(layout) {
            Some(class) => free_small(class, pointer.cast()),
            None => {
                if let Some(pointer) = NonNull::new(pointer) {
                    // SAFETY: it came from `large::allocate` with the same layout.
                    unsafe { large::free(pointer, layout) };
                }
            }
        }
    }
}

fn allocate_small(class: usize) -> *mut u8 {
    let interrupts_off = InterruptsOff::new();
    let Some(core) = cpu::blocks(&interrupts_off) else {
        let mut shared = SHARED.lock();
        let block = shared.lists[class].pop();
        if !block.is_null() {
            return block.cast();
        }
        cut_frame(class, &mut shared.lists[class]);
        return shared.lists[class].pop().cast();
    };
    let list = &mut core.lists[class];
    let block = list.pop();
    if !block.is_null() {
        return block.cast();
    }
    let mut shared = SHARED.lock();
    while list.length < CORE_BLOCKS / 4 {
        let block = shared.lists[class].pop();
        if block.is_null() {
            break;
        }
        list.push(block);
    }
    drop(shared);
    if list.length == 0 {
        cut_frame(class, list);
    }
    list.pop().cast()
}

fn free_small(class: usize, block: *mut Block) {
    let interrupts_off = InterruptsOff::new();
    let Some(core) = cpu::blocks(&interrupts_off) else {
        SHARED.lock().lists[class].push(block);
        return;
    };
    let list = &mut core.lists[class];
    list.push(block);
    if list.length > CORE_BLOCKS {
        let mut shared = SHARED.lock();
        while list.length > CORE_BLOCKS / 2 {
            shared.lists[class].push(list.pop());
        }
    }
}

/// Bytes of the pieces that are in use, in blocks and regions and whole pages. What is free
/// within a frame, a region or a core's lists is not, so it is what it was once all that was
/// made has gone: what has grown is left behind. Exact while nobody allocates.
#[must_use]
pub fn used() -> u64 {
    let mut free = SHARED.lock().lists.map(|list| list.length);
    for (class, length) in cpu::spare_blocks() {
        free[class] += length;
    }
    let in_blocks: u64 = CUT
        .iter()
        .zip(free)
        .zip(CLASSES)
        .map(|((cut, free), size)| {
            let used = cut.load(Ordering::Relaxed).saturating_sub(free as u64);
            used * size as u64
        })
        .sum();
    in_blocks + large::used()
}

const fn blocks_per_frame(class: usize) -> usize {
    PAGE_SIZE / CLASSES[class]
}

/// Makes a frame into blocks of a class. Without a frame the list stays empty.
fn cut_frame(class: usize, list: &mut List) {
    let Ok(frame) = Frame::allocate(FrameUse::KernelHeap) else {
        return;
    };
    let start = direct::pointer(frame.into_entry());
    let size = CLASSES[class];
    CUT[class].fetch_add(blocks_per_frame(class) as u64, Ordering::Relaxed);
    for index in (0..blocks_per_frame(class)).rev() {
        // SAFETY: stays within the frame.
        list.push(unsafe { start.add(index * size) }.cast());
    }
}
