//! The allocator of the process: the system's, but large blocks are mappings of their own.
//!
//! A block of [`LEAST`] bytes or more begins at a page and ends with one, so a channel can
//! move it by page, and a range that a channel delivered can be adopted as a block. Which
//! of both a block is follows from its size alone, so nothing is remembered. Some small
//! blocks lie in an arena ([`layout`]), and are known by their address.

pub(crate) mod layout;

use std::alloc::{GlobalAlloc, Layout, System};

use roentgen_abi::message::LEAST_RANGE;

/// The least size of a block that is a mapping.
pub(crate) const LEAST: usize = LEAST_RANGE;

const PAGE: usize = 4096;

/// See the module.
pub(crate) struct PageAllocator;

/// Whether a block of this layout is a mapping. No type asks for more than a page's
/// alignment in practice; those that do are the system allocator's.
fn is_mapped(layout: Layout) -> bool {
    layout.size() >= LEAST && layout.align() <= PAGE
}

/// `size` in whole pages; 0 where that is more than there are addresses.
fn whole_pages(size: usize) -> usize {
    size.checked_next_multiple_of(PAGE).unwrap_or(0)
}

/// A new mapping of zeros, or null.
fn map(size: usize) -> *mut u8 {
    let length = whole_pages(size);
    // SAFETY: an anonymous mapping where the kernel wants it touches nothing that exists;
    // a length of 0 is refused.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        std::ptr::null_mut()
    } else {
        address.cast()
    }
}

/// Takes a mapping away.
///
/// # Safety
/// `address` is the start of a mapping of `size` bytes in whole pages, nobody uses it.
pub(crate) unsafe fn unmap(address: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(address.cast(), whole_pages(size)) };
}

/// A block: a mapping, one of the arena, or what `system` gives. The first two are zeros, as
/// nothing of the arena is used twice.
#[inline]
fn allocate(layout: Layout, system: impl FnOnce() -> *mut u8) -> *mut u8 {
    if is_mapped(layout) {
        return map(layout.size());
    }
    if layout::is_numbering() {
        layout::allocate(layout, system)
    } else {
        system()
    }
}

// SAFETY: each block comes from exactly one of two allocators, and `is_mapped` of its
// layout says from which, on every call; both give distinct blocks of at least the size and
// alignment asked for (a page's for mappings).
unsafe impl GlobalAlloc for PageAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout`.
        allocate(layout, || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        allocate(layout, || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapped(layout) {
            // SAFETY: a block of such a layout is a mapping of that size.
            unsafe { unmap(block, layout.size()) };
            return;
        }
        // SAFETY: every other block, and what stands in for one, is the system allocator's.
        let system = |block| unsafe { System.dealloc(block, layout) };
        if layout::is_numbering() || layout::is_placed(block) {
            layout::release(block, system);
        } else {
            system(block);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: `realloc`'s caller promises that `size` is not 0 and does not overflow
        // when rounded up to the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_mapped(layout), is_mapped(wanted)) {
            (false, false) if !layout::is_placed(block) && !layout::is_numbering() => {
                // SAFETY: such a block is the system allocator's, and stays its.
                unsafe { System.realloc(block, layout, size) }
            }
            (true, true) => {
                let (old, new) = (whole_pages(layout.size()), whole_pages(size));
                if old == new {
                    return block;
                }
                // SAFETY: the block is a mapping of `old` bytes that the caller owns.
                let moved = unsafe { libc::mremap(block.cast(), old, new, libc::MREMAP_MAYMOVE) };
                if moved == libc::MAP_FAILED {
                    std::ptr::null_mut()
                } else {
                    moved.cast()
                }
            }
            _ => {
                // SAFETY: `wanted` is a valid layout, see above.
                let new = unsafe { self.alloc(wanted) };
                if !new.is_null() {
                    let kept = layout.size().min(size);
                    // SAFETY: both blocks are at least `kept` long, and distinct; the old
                    // one has its own layout.
                    unsafe {
                        std::ptr::copy_nonoverlapping(block, new, kept);
                        self.dealloc(block, layout);
                    }
                }
                new
            }
        }
    }
}

/// Takes all free blocks among those in use, for ever: what is allocated from now on lies
/// together behind them.
///
/// For a process that is about to become a template. Free blocks lie wherever something was
/// freed once, and each one that a copy of the process takes makes it copy a page; those
/// behind the last one in use are all its own, and few pages.
pub(crate) fn fill_holes() {
    // SAFETY: reads numbers.
    let end = unsafe { libc::sbrk(0) }.addr();
    // SAFETY: reads numbers.
    let last = end - unsafe { libc::mallinfo2() }.keepcost;
    // Large ones first, or small blocks would be cut out of large holes.
    let large = (1..=64).rev().map(|kilobytes| kilobytes * 1024);
    let small = (1..64).rev().map(|units| units * 16 + 8);
    for size in large.chain(small) {
        loop {
            // SAFETY: any size may be asked for.
            let block = unsafe { libc::malloc(size) };
            if block.is_null() || block.addr() >= last {
                // SAFETY: it was allocated above, or is null.
                unsafe { libc::free(block) };
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test program runs on the allocator itself.
    fn is_page_aligned(bytes: &[u8]) -> bool {
        bytes.as_ptr().addr().is_multiple_of(PAGE)
    }

    #[test]
    fn large_blocks_begin_at_a_page_and_are_zeroed_when_asked() {
        for size in [LEAST, LEAST + 1, 3 * LEAST + 4095] {
            let bytes = vec![0_u8; size];
            assert!(is_page_aligned(&bytes));
            assert!(bytes.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_block_keeps_its_bytes_across_the_border_in_both_directions() {
        let mut bytes: Vec<u8> = (0..1000).map(|n| n as u8).collect();
        let expected = bytes.clone();
        let sizes = [
            LEAST - 1,
            LEAST,
            LEAST + 1,
            5 * LEAST,
            2 * LEAST + 17,
            LEAST,
            LEAST - 1,
            2000,
            LEAST,
        ];
        for size in sizes {
            if size > bytes.capacity() {
                bytes.reserve_exact(size - bytes.len());
            } else {
                bytes.shrink_to(size);
            }
            assert_eq!(bytes.capacity(), size);
            assert_eq!(bytes, expected);
            if size >= LEAST {
                assert!(is_page_aligned(&bytes));
            }
        }
    }

    #[test]
    fn a_mapping_is_adopted_as_a_block_and_given_back() {
        let size = 2 * LEAST + 5;
        let address = map(size);
        assert!(!address.is_null());
        // SAFETY: the mapping is `size` long, zeroed, and nobody else's.
        let mut bytes = unsafe { Vec::from_raw_parts(address, size, size) };
        bytes[size - 1] = 7;
        bytes.extend_from_slice(&[1; PAGE]);
        assert_eq!((bytes[size - 1], bytes[size]), (7, 1));
        drop(bytes);
        let mut resident = 0_u8;
        // SAFETY: `mincore` writes one byte for one page.
        let result = unsafe { libc::mincore(address.cast(), 1, &raw mut resident) };
        assert_eq!(result, -1, "still mapped");
    }

    #[test]
    fn too_much_is_null_and_no_fault() {
        let layout = Layout::from_size_align(isize::MAX as usize - PAGE, 1).unwrap();
        // SAFETY: the layout is valid and not empty.
        assert!(unsafe { PageAllocator.alloc(layout) }.is_null());
    }
}
