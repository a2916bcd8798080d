//! Thread-local storage of the kernel, one block per core (FS), as the ELF TLS
//! specification's variant II lays it out: the image ends where the thread pointer
//! points, and the word there points to itself.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

unsafe extern "C" {
    static __tdata_start: u8;
    static __tdata_end: u8;
    static __tdata_to_tbss: u8;
    static __tbss_size: u8;
    static __tls_align: u8;
}

/// A fresh block; its thread pointer.
pub(super) fn new_block() -> u64 {
    // Linker symbols whose addresses are numbers.
    let align = (core::ptr::addr_of!(__tls_align) as usize).max(16);
    let to_tbss = core::ptr::addr_of!(__tdata_to_tbss) as usize;
    let size = to_tbss + core::ptr::addr_of!(__tbss_size) as usize;
    let image = core::ptr::addr_of!(__tdata_start);
    let image_size = core::ptr::addr_of!(__tdata_end) as usize - image as usize;
    // PT_TLS starts at .tdata, which may be less aligned than the block: the thread
    // pointer is congruent to the segment's end modulo its alignment.
    let rounded = size.next_multiple_of(align);
    let Ok(layout) = Layout::from_size_align(rounded + 64, align) else {
        panic!("thread-local storage of {size} bytes aligned to {align}");
    };
    // SAFETY: the size is not zero; the image is copied within the block.
    unsafe {
        let block = alloc_zeroed(layout);
        if block.is_null() {
            handle_alloc_error(layout);
        }
        let pointer = block.add(rounded);
        core::ptr::copy_nonoverlapping(image, pointer.sub(rounded), image_size);
        pointer.cast::<u64>().write(pointer as u64);
        pointer as u64
    }
}
