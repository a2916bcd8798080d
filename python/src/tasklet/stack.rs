//! Stacks for tasklets: address space by the slab, memory when it is touched.
//!
//! The lowest page of a stack is a guard, so that native code which recurses past the
//! interpreter's own limit (`bounds`) faults instead of writing into another stack. A guard
//! costs the kernel two areas, so only the first [`GUARDED`] stacks of a process have one;
//! the others have the interpreter's limit alone, which is [`MARGIN`] above the bottom.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustpython_vm::common::lock::PyMutex;

const PAGE: usize = 4096;
/// What the interpreter leaves free below its own limit (`VirtualMachine`'s
/// `calculate_c_stack_soft_limit`): twice 4096 words.
pub(super) const MARGIN: usize = 64 * 1024;
/// Least size of a stack: half of it can be used.
pub(super) const LEAST: usize = 2 * MARGIN;
/// Largest size.
pub(super) const MOST: usize = 1 << 30;
/// Stacks that have a guard page. Linux allows 65,530 areas.
const GUARDED: usize = 8192;
/// Address space that is mapped at once.
const SLAB: usize = 128 << 20;
/// Free stacks that keep their memory.
const WARM: usize = 64;

/// Size of the stacks that are made from now on: that of a thread of Rust's, which the
/// interpreter's parser and compiler are content with (they look at their depth, not at the
/// stack). Address space costs a page table for each 2 MiB.
static SIZE: AtomicUsize = AtomicUsize::new(2 << 20);
static GUARDS: AtomicUsize = AtomicUsize::new(0);
static FREE: PyMutex<Free> = PyMutex::new(Free {
    stacks: VecDeque::new(),
    next: 0,
    left: 0,
});

/// What can be taken: stacks that were used, and the rest of the last slab.
struct Free {
    stacks: VecDeque<Stack>,
    next: usize,
    left: usize,
}

/// A stack: its lowest address, below which nothing of it is.
#[derive(Debug)]
pub(super) struct Stack {
    base: usize,
    size: usize,
}

/// Size of the stacks that are made from now on.
pub(super) fn size() -> usize {
    SIZE.load(Ordering::Relaxed)
}

/// Sets it, rounded up to pages; the one before. The caller has checked the bounds.
pub(super) fn set_size(size: usize) -> usize {
    SIZE.swap(size.next_multiple_of(PAGE), Ordering::Relaxed)
}

impl Stack {
    /// One that nobody uses.
    ///
    /// # Errors
    /// The kernel's, where it has no address space left.
    pub(super) fn new() -> io::Result<Self> {
        let size = size();
        let mut free = FREE.lock();
        while let Some(stack) = free.stacks.pop_back() {
            if stack.size == size {
                return Ok(stack);
            }
            // SAFETY: nobody uses it, and nobody will.
            unsafe { libc::munmap(pointer(stack.base), stack.size) };
        }
        if free.left < size {
            let length = SLAB.next_multiple_of(size);
            // SAFETY: a new mapping, where the kernel likes.
            let slab = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    length,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                    -1,
                    0,
                )
            };
            if slab == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            (free.next, free.left) = (slab.expose_provenance(), length);
        }
        let base = free.next;
        free.next += size;
        free.left -= size;
        drop(free);
        if GUARDS.load(Ordering::Relaxed) < GUARDED {
            GUARDS.fetch_add(1, Ordering::Relaxed);
            // Where that fails the kernel has no areas left: then there is no guard.
            // SAFETY: the page is in the slab, and of this stack alone.
            unsafe { libc::mprotect(pointer(base), PAGE, libc::PROT_NONE) };
        }
        Ok(Self { base, size })
    }

    /// Lowest address and size, as the interpreter is told.
    pub(super) fn bounds(&self) -> (usize, usize) {
        (self.base, self.size)
    }

    /// Where it begins: the first address above it.
    pub(super) fn top(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.base + self.size)
    }

    /// For the next one that needs a stack. Nothing that lies on it may be used any more.
    pub(super) fn give_back(self) {
        let mut free = FREE.lock();
        if free.stacks.len() >= WARM {
            let usable = self.base + PAGE;
            // SAFETY: nobody uses what is on it.
            unsafe { libc::madvise(pointer(usable), self.size - PAGE, libc::MADV_DONTNEED) };
            free.stacks.push_front(self);
        } else {
            free.stacks.push_back(self);
        }
    }
}

fn pointer(address: usize) -> *mut libc::c_void {
    std::ptr::with_exposed_provenance_mut(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_can_be_written_above_its_guard_and_comes_back() {
        let stack = Stack::new().unwrap();
        let (base, size) = stack.bounds();
        assert!(base.is_multiple_of(PAGE) && size.is_multiple_of(PAGE));
        // SAFETY: both bytes are of the stack.
        unsafe {
            stack.top().sub(1).write(1);
            std::ptr::with_exposed_provenance_mut::<u8>(base + PAGE).write(2);
        }
        stack.give_back();
        assert_eq!(Stack::new().unwrap().bounds(), (base, size));
    }
}
