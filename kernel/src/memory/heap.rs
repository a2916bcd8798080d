//! The kernel heap: size-class lists per core in front of `linked_list_allocator`.
//!
//! Small blocks (up to 2 KiB) come from per-core free lists, filled a frame at a time;
//! larger ones from crate `linked_list_allocator` behind one lock, over a window that
//! grows page by page. Frames that became small blocks stay small blocks.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};

use linked_list_allocator::Heap;

use super::frame::{Frame, FrameUse};
use super::{PAGE_SIZE, direct, kernel_map, layout};
use crate::cpu;
use crate::sync::{InterruptsOff, IrqLock};

/// Block sizes in bytes; a block is aligned to the largest power of two dividing it.
const CLASSES: [usize; 12] = [16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 1360, 2048];

/// Larger ones are the large part's, which can take many frames at once.
pub const LARGEST_BLOCK: usize = 2048;

/// How far the large part grows at least, in bytes.
const GROWTH: usize = 256 * 1024;

/// Largest heap window: what the address layout reserves.
const WINDOW: u64 = 1 << 40;

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
}

struct Shared {
    lists: [List; CLASSES.len()],
}

// SAFETY: the lists own their blocks; the lock around them orders all access.
unsafe impl Send for Shared {}

struct Large {
    heap: Heap,
    /// Bytes of the window that are mapped.
    mapped: u64,
}

static SHARED: IrqLock<Shared> = IrqLock::new(Shared {
    lists: [List::EMPTY; CLASSES.len()],
});
static LARGE: IrqLock<Large> = IrqLock::new(Large {
    heap: Heap::empty(),
    mapped: 0,
});

/// Allocations served by the per-core lists, and by the large part: for the benches.
pub static LARGE_ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

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
            None => allocate_large(layout),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match class_of(layout) {
            Some(class) => free_small(class, pointer.cast()),
            None => {
                if let Some(pointer) = NonNull::new(pointer) {
                    // SAFETY: it came from `allocate_large` with the same layout.
                    unsafe { LARGE.lock().heap.deallocate(pointer, layout) };
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

/// Makes a frame into blocks of a class. Without a frame the list stays empty.
fn cut_frame(class: usize, list: &mut List) {
    let Ok(frame) = Frame::allocate(FrameUse::KernelHeap) else {
        return;
    };
    let start = direct::pointer(frame.into_entry());
    let size = CLASSES[class];
    for index in (0..PAGE_SIZE / size).rev() {
        // SAFETY: stays within the frame.
        list.push(unsafe { start.add(index * size) }.cast());
    }
}

fn allocate_large(layout: Layout) -> *mut u8 {
    LARGE_ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    let mut large = LARGE.lock();
    if let Ok(pointer) = large.heap.allocate_first_fit(layout) {
        return pointer.as_ptr();
    }
    let needed = layout
        .size()
        .saturating_add(layout.align())
        .saturating_add(64);
    let Some(needed) = needed.max(GROWTH).checked_next_multiple_of(PAGE_SIZE) else {
        return ptr::null_mut();
    };
    if large.mapped + needed as u64 > WINDOW {
        return ptr::null_mut();
    }
    for offset in (0..needed).step_by(PAGE_SIZE) {
        let Ok(frame) = Frame::allocate(FrameUse::KernelHeap) else {
            // What was mapped so far is used, if it is anything.
            extend(&mut large, offset);
            return ptr::null_mut();
        };
        let at = layout::HEAP + large.mapped + offset as u64;
        if kernel_map::map_page(at, frame).is_err() {
            extend(&mut large, offset);
            return ptr::null_mut();
        }
    }
    extend(&mut large, needed);
    large
        .heap
        .allocate_first_fit(layout)
        .map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Tells the allocator of `bytes` more mapped bytes at the end of the window.
fn extend(large: &mut Large, bytes: usize) {
    if bytes == 0 {
        return;
    }
    let end = layout::HEAP + large.mapped;
    // SAFETY: these pages were just mapped, behind the heap's current end, for it alone.
    unsafe {
        if large.heap.size() == 0 {
            large.heap.init(end as *mut u8, bytes);
        } else {
            large.heap.extend(bytes);
        }
    }
    large.mapped += bytes as u64;
}
