//! Kernel stacks: 16 KiB each, in a window of their own, each above an unmapped guard.
//!
//! A slot is 32 KiB: the guard below, the stack above. A small reserve keeps its pages for
//! the next threads, unless memory is short; the others' frames are free when their threads
//! are gone. Stacks never fault on demand, because the fault's frame would have to be pushed
//! on the very stack that is missing.
//!
//! With `check=stacks` each is painted when it is made, and how deep it was used is looked at when
//! it is given back.

use core::mem;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::frame::{Frame, FrameUse, OUT_OF_MEMORY, OutOfMemory};
use super::window::Window;
use super::{PAGE_SIZE, failing, layout};
use crate::sync::IrqLock;

/// Usable bytes of a kernel stack.
pub const STACK_SIZE: u64 = 16 * 1024;
const SLOT_SIZE: u64 = 2 * STACK_SIZE;
const PAGES: usize = STACK_SIZE as usize / PAGE_SIZE;

/// Stacks that are kept for the next threads, of all cores together: 1 MiB.
const RESERVE: usize = 64;

/// What an unused word holds that was painted.
const PAINT: u64 = u64::from_le_bytes(*b"painted\n");
/// Bytes that must be left over of every stack.
const LEAST_LEFT: u64 = 2048;

static IS_CHECKED: AtomicBool = AtomicBool::new(false);
static DEEPEST: AtomicU64 = AtomicU64::new(0);

static SLOTS: Window = Window::new(
    layout::STACKS,
    layout::WINDOW,
    SLOT_SIZE,
    SLOT_SIZE - STACK_SIZE,
);

/// The lowest bytes of stacks that are mapped and unused.
struct Reserve {
    bottoms: [u64; RESERVE],
    length: usize,
}

static KEPT: IrqLock<Reserve> = IrqLock::new(Reserve {
    bottoms: [0; RESERVE],
    length: 0,
});

crate::counters! {
    /// Kernel stacks whose frames were given back.
    static GIVEN_BACK = "kernel_stacks_given_back";
}

/// A kernel stack, given back on drop.
#[derive(Debug)]
pub struct KernelStack {
    bottom: u64,
}

impl KernelStack {
    /// A stack.
    ///
    /// # Errors
    /// No frame is free, or no slot.
    pub fn new() -> Result<Self, OutOfMemory> {
        // Also where one is at hand.
        if failing::must_fail() {
            return Err(OUT_OF_MEMORY);
        }
        let kept = KEPT.lock().pop();
        let bottom = match kept {
            Some(bottom) => bottom,
            None => SLOTS.map(PAGES, || Frame::allocate_zeroed(FrameUse::KernelStack))?,
        };
        let mut stack = Self { bottom };
        if IS_CHECKED.load(Ordering::Relaxed) {
            stack.words().fill(PAINT);
        }
        Ok(stack)
    }

    /// All of it: nobody runs on it.
    fn words(&mut self) -> &mut [u64] {
        let length = STACK_SIZE as usize / size_of::<u64>();
        // SAFETY: mapped until it is dropped, and this reference's alone until then.
        unsafe { core::slice::from_raw_parts_mut(self.bottom as *mut u64, length) }
    }

    /// How deep it was used.
    fn check_depth(&mut self) {
        let unused = self.words().iter().take_while(|word| **word == PAINT);
        let left = (unused.count() * size_of::<u64>()) as u64;
        DEEPEST.fetch_max(STACK_SIZE - left, Ordering::Relaxed);
        assert!(
            left >= LEAST_LEFT,
            "check=stacks: of a kernel stack {left} bytes were left"
        );
    }

    /// The stack that holds `address`, whose owner gave it away by `mem::forget`.
    ///
    /// # Safety
    /// There is such a stack, and nobody else owns it.
    #[must_use]
    pub unsafe fn holding(address: u64) -> Self {
        Self {
            bottom: address / STACK_SIZE * STACK_SIZE,
        }
    }

    /// For something of `core`'s that lives for ever, and its stack with it; the top.
    ///
    /// # Panics
    /// Where there is no memory for it: at the start of a core.
    #[must_use]
    pub fn for_ever(core: usize) -> u64 {
        let Ok(stack) = Self::new() else {
            panic!("no memory for the stacks of core {core}");
        };
        let top = stack.top();
        mem::forget(stack);
        top
    }

    /// The lowest usable byte; below it lies the guard.
    #[must_use]
    pub fn bottom(&self) -> u64 {
        self.bottom
    }

    /// Behind the highest usable byte; 16-byte aligned.
    #[must_use]
    pub fn top(&self) -> u64 {
        self.bottom + STACK_SIZE
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        if IS_CHECKED.load(Ordering::Relaxed) {
            self.check_depth();
        }
        if KEPT.lock().push(self.bottom) {
            return;
        }
        SLOTS.unmap(self.bottom, PAGES);
        GIVEN_BACK.add(1);
    }
}

/// Turns the check on: before there is a stack that is given back.
pub fn turn_check_on() {
    IS_CHECKED.store(true, Ordering::Relaxed);
}

/// The most bytes that a stack was used by that has been given back; 0 without the check.
#[must_use]
pub fn deepest() -> u64 {
    DEEPEST.load(Ordering::Relaxed)
}

/// Gives back the reserve; whether there was any.
pub fn give_back_reserve() -> bool {
    let mut has_given = false;
    loop {
        let Some(bottom) = KEPT.lock().pop() else {
            return has_given;
        };
        SLOTS.unmap(bottom, PAGES);
        GIVEN_BACK.add(1);
        has_given = true;
    }
}

impl Reserve {
    fn pop(&mut self) -> Option<u64> {
        self.length = self.length.checked_sub(1)?;
        Some(self.bottoms[self.length])
    }

    /// Keeps a stack; false where there are enough.
    fn push(&mut self, bottom: u64) -> bool {
        let Some(place) = self.bottoms.get_mut(self.length) else {
            return false;
        };
        *place = bottom;
        self.length += 1;
        true
    }
}

/// Whether `address` lies in a stack's guard: what a double fault tells about itself.
#[must_use]
pub fn is_guard(address: u64) -> bool {
    SLOTS.is_guard(address)
}
