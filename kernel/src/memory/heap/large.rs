//! What is larger than a small block: up to 64 KiB from regions, above that in whole pages.
//!
//! A region is 64 pages and a little more, with a heap of crate `linked_list_allocator` of its
//! own behind its head. The one that was used last is asked first; what finds no room in any
//! has a new one made. A region in which nothing is left gives its frames back, but for one
//! that is kept. A piece of whole pages has them for itself, and gives them back with itself, but
//! for the last one of each of the smaller sizes.
//! Both are in windows whose slots are aligned to their size, so that an address says where
//! its piece or its region begins.
//!
//! Lock order: [`REGIONS`] and [`SPARE`] are leaves; frames and mappings are taken and given
//! without them.

use core::alloc::Layout;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};

use linked_list_allocator::Heap;

use super::super::frame::{Frame, FrameUse, OutOfMemory};
use super::super::window::Window;
use super::super::{PAGE_SIZE, layout};
use crate::sync::IrqLock;

/// The largest piece that a region serves, in bytes; and what it can be aligned to.
const LARGEST_IN_REGION: usize = 64 * 1024;
const MOST_ALIGNED: usize = PAGE_SIZE;

/// Four of the largest, and a page for the head and smaller ones.
const REGION_PAGES: usize = 4 * LARGEST_IN_REGION / PAGE_SIZE + 1;
const REGION_SLOT: u64 = 512 * 1024;

/// All sizes and places in a region are multiples of this.
const GRAIN: usize = 16;

/// The lower half of the heap's addresses is the regions', and the upper half that of pieces,
/// an equal share for each power of two.
const HALF: u64 = layout::WINDOW / 2;
const PIECES: u64 = layout::HEAP + HALF;

/// The smallest and largest slots of pieces, as powers of two.
const LEAST_ORDER: u32 = (2 * LARGEST_IN_REGION).trailing_zeros();
const ORDERS: usize = 16;
const SHARE: u64 = HALF / ORDERS as u64;

static REGION_WINDOW: Window = Window::new(layout::HEAP, HALF, REGION_SLOT, 0);
static PIECE_WINDOWS: [Window; ORDERS] = {
    let mut windows = [const { Window::new(PIECES, SHARE, 1 << LEAST_ORDER, 0) }; ORDERS];
    let mut index = 1;
    while index < ORDERS {
        let base = PIECES + index as u64 * SHARE;
        windows[index] = Window::new(base, SHARE, 1 << (LEAST_ORDER + index as u32), 0);
        index += 1;
    }
    windows
};

/// Of this many orders, up to 1 MiB, the piece that was freed last keeps its pages, for the next
/// one of its size: what a message of that size takes again and again.
const SPARE_ORDERS: usize = 4;

/// A free piece that is still mapped: its first byte and its pages.
type Spare = Option<(u64, usize)>;

static SPARE: [IrqLock<Spare>; SPARE_ORDERS] = [const { IrqLock::new(None) }; SPARE_ORDERS];

/// Pages of the pieces of whole pages that are in use.
static PIECE_PAGES: AtomicU64 = AtomicU64::new(0);

crate::counters! {
    /// Regions of the kernel heap that were given back.
    static REGIONS_GIVEN_BACK = "heap_regions_given_back";
    /// Pieces of whole pages that were given back.
    static PIECES_GIVEN_BACK = "heap_pieces_given_back";
}

/// The head of a region, at its first byte.
struct Region {
    heap: Heap,
    /// No hole can hold so many bytes.
    refused: usize,
    previous: *mut Region,
    next: *mut Region,
}

/// The regions, the one that was used last first.
struct Regions {
    first: *mut Region,
    /// Those in which nothing is left: one at most, but while somebody makes another one.
    empty: usize,
}

// SAFETY: the list owns the regions' heads; the lock around it orders all access.
unsafe impl Send for Regions {}

static REGIONS: IrqLock<Regions> = IrqLock::new(Regions {
    first: ptr::null_mut(),
    empty: 0,
});

/// A piece that is too large for a small block, or null.
pub(super) fn allocate(layout: Layout) -> *mut u8 {
    let Some(in_region) = region_layout(layout) else {
        return map_piece(layout).unwrap_or(ptr::null_mut());
    };
    if let Some(piece) = REGIONS.lock().allocate(in_region) {
        return piece.as_ptr();
    }
    let Ok(region) = map_region() else {
        // The last frames need not be so many.
        return map_piece(layout).unwrap_or(ptr::null_mut());
    };
    let mut regions = REGIONS.lock();
    // SAFETY: the region is new, and nobody else's.
    unsafe { regions.push(region) };
    regions.empty += 1;
    regions
        .allocate(in_region)
        .map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Takes back a piece.
///
/// # Safety
/// It came from [`allocate`] with the same layout, and is used no more.
pub(super) unsafe fn free(piece: NonNull<u8>, layout: Layout) {
    let address = piece.as_ptr() as u64;
    if address >= PIECES {
        free_piece(address, layout);
        return;
    }
    let region = (address / REGION_SLOT * REGION_SLOT) as *mut Region;
    let Some(in_region) = region_layout(layout) else {
        unreachable!("no region serves this layout");
    };
    // SAFETY: a region's slot begins with its head; the caller's promise for the rest.
    if unsafe { REGIONS.lock().free(region, piece, in_region) } {
        REGION_WINDOW.unmap(region as u64, REGION_PAGES);
        REGIONS_GIVEN_BACK.add(1);
    }
}

/// Bytes in use.
pub(super) fn used() -> u64 {
    PIECE_PAGES.load(Ordering::Relaxed) * PAGE_SIZE as u64 + REGIONS.lock().used()
}

/// What a region is asked for; None: it does not serve such.
fn region_layout(layout: Layout) -> Option<Layout> {
    if layout.size() > LARGEST_IN_REGION || layout.align() > MOST_ALIGNED {
        return None;
    }
    let size = layout.size().next_multiple_of(GRAIN);
    Layout::from_size_align(size, layout.align().max(GRAIN)).ok()
}

fn order_index(layout: Layout) -> usize {
    let order = layout.size().max(layout.align()).next_power_of_two();
    order.trailing_zeros().saturating_sub(LEAST_ORDER) as usize
}

fn frame() -> Result<Frame, OutOfMemory> {
    Frame::allocate(FrameUse::KernelHeap)
}

fn map_piece(layout: Layout) -> Option<*mut u8> {
    let index = order_index(layout);
    let pages = layout.size().div_ceil(PAGE_SIZE);
    let spare = SPARE.get(index).and_then(|spare| {
        let mut spare = spare.lock();
        spare.take_if(|(_, mapped)| *mapped == pages)
    });
    let first = match spare {
        Some((first, _)) => first,
        None => PIECE_WINDOWS.get(index)?.map(pages, frame).ok()?,
    };
    PIECE_PAGES.fetch_add(pages as u64, Ordering::Relaxed);
    Some(first as *mut u8)
}

fn free_piece(first: u64, layout: Layout) {
    let index = order_index(layout);
    let piece = (first, layout.size().div_ceil(PAGE_SIZE));
    PIECE_PAGES.fetch_sub(piece.1 as u64, Ordering::Relaxed);
    let surplus = match SPARE.get(index) {
        Some(spare) => spare.lock().replace(piece),
        None => Some(piece),
    };
    if let Some((first, pages)) = surplus {
        PIECE_WINDOWS[index].unmap(first, pages);
        PIECES_GIVEN_BACK.add(1);
    }
}

/// Gives back what is kept for the next piece; whether there was anything.
pub(super) fn give_back_spares() -> bool {
    let mut has_given = false;
    for (spare, window) in SPARE.iter().zip(&PIECE_WINDOWS) {
        let piece = spare.lock().take();
        if let Some((first, pages)) = piece {
            window.unmap(first, pages);
            PIECES_GIVEN_BACK.add(1);
            has_given = true;
        }
    }
    let empty = REGIONS.lock().take_empty();
    if let Some(region) = empty {
        REGION_WINDOW.unmap(region as u64, REGION_PAGES);
        REGIONS_GIVEN_BACK.add(1);
        has_given = true;
    }
    has_given
}

fn map_region() -> Result<*mut Region, OutOfMemory> {
    const HEAD: usize = size_of::<Region>().next_multiple_of(GRAIN);
    let first = REGION_WINDOW.map(REGION_PAGES, frame)? as *mut u8;
    let region: *mut Region = first.cast();
    // SAFETY: these pages are mapped, for this region alone.
    unsafe {
        region.write(Region {
            heap: Heap::new(first.add(HEAD), REGION_PAGES * PAGE_SIZE - HEAD),
            refused: usize::MAX,
            previous: ptr::null_mut(),
            next: ptr::null_mut(),
        });
    }
    Ok(region)
}

impl Regions {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let mut at = self.first;
        // SAFETY: what is on the list is a region's head, and the lock is held.
        while let Some(region) = unsafe { at.as_mut() } {
            let was_empty = region.heap.used() == 0;
            if let Some(piece) = region.allocate(layout) {
                self.empty -= usize::from(was_empty);
                // SAFETY: it is on the list.
                unsafe { self.move_to_front(at) };
                return Some(piece);
            }
            at = region.next;
        }
        None
    }

    /// Frees a piece of a region. True: the region is off the list, and to be given back.
    ///
    /// # Safety
    /// The piece came from that region, with that layout.
    unsafe fn free(&mut self, at: *mut Region, piece: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: a region with a piece of it in use is on the list, and the lock is held.
        let region = unsafe { &mut *at };
        // SAFETY: the caller's promise.
        unsafe { region.heap.deallocate(piece, layout) };
        region.refused = usize::MAX;
        let is_empty = region.heap.used() == 0;
        if is_empty && self.empty > 0 {
            // SAFETY: it is on the list.
            unsafe { self.remove(at) };
            return true;
        }
        self.empty += usize::from(is_empty);
        // SAFETY: it is on the list.
        unsafe { self.move_to_front(at) };
        false
    }

    /// Bytes in use in all of them.
    fn used(&self) -> u64 {
        let mut sum = 0;
        let mut at = self.first;
        // SAFETY: what is on the list is a region's head, and the lock is held.
        while let Some(region) = unsafe { at.as_ref() } {
            sum += region.heap.used() as u64;
            at = region.next;
        }
        sum
    }

    /// A region in which nothing is left, off the list.
    fn take_empty(&mut self) -> Option<*mut Region> {
        self.empty.checked_sub(1)?;
        let mut at = self.first;
        // SAFETY: what is on the list is a region's head, and the lock is held.
        while let Some(region) = unsafe { at.as_ref() } {
            if region.heap.used() == 0 {
                // SAFETY: it is on the list.
                unsafe { self.remove(at) };
                self.empty -= 1;
                return Some(at);
            }
            at = region.next;
        }
        None
    }

    /// # Safety
    /// The region is on the list.
    unsafe fn move_to_front(&mut self, at: *mut Region) {
        if self.first != at {
            // SAFETY: the caller's promise; then it is on no list.
            unsafe {
                self.remove(at);
                self.push(at);
            }
        }
    }

    /// # Safety
    /// A region's head, on no list.
    unsafe fn push(&mut self, at: *mut Region) {
        // SAFETY: the caller's promise; the first is on the list.
        unsafe {
            (*at).previous = ptr::null_mut();
            (*at).next = self.first;
            if let Some(next) = self.first.as_mut() {
                next.previous = at;
            }
        }
        self.first = at;
    }

    /// # Safety
    /// The region is on the list.
    unsafe fn remove(&mut self, at: *mut Region) {
        // SAFETY: the caller's promise, and so are its neighbours.
        unsafe {
            let (previous, next) = ((*at).previous, (*at).next);
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => self.first = next,
            }
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
        }
    }
}

impl Region {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // What is aligned to more than all else may find no room where others would.
        let is_plain = layout.align() == GRAIN;
        if self.heap.free() < layout.size() || (is_plain && layout.size() >= self.refused) {
            return None;
        }
        match self.heap.allocate_first_fit(layout) {
            Ok(piece) => Some(piece),
            Err(()) => {
                if is_plain {
                    self.refused = layout.size();
                }
                None
            }
        }
    }
}
