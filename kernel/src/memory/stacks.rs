//! Kernel stacks: 16 KiB each, in a window of their own, each above an unmapped guard.
//!
//! A slot is 32 KiB: the guard below, the stack above. Slots keep their pages when they
//! are given back, up to a small reserve; stacks never fault on demand, because the
//! fault's frame would have to be pushed on the very stack that is missing.

use core::mem::ManuallyDrop;
use std::vec::Vec;

use super::frame::{Frame, FrameUse, OUT_OF_MEMORY, OutOfMemory};
use super::{PAGE_SIZE, failing, kernel_map, layout};
use crate::sync::IrqLock;

/// Usable bytes of a kernel stack.
pub const STACK_SIZE: u64 = 16 * 1024;
const SLOT_SIZE: u64 = 2 * STACK_SIZE;
/// Most slots: what the address layout reserves.
const WINDOW: u64 = 1 << 40;

struct Slots {
    /// Slots whose stacks are mapped and unused.
    mapped: Vec<u32>,
    next: u32,
}

static SLOTS: IrqLock<Slots> = IrqLock::new(Slots {
    mapped: Vec::new(),
    next: 0,
});

/// A kernel stack, given back on drop.
#[derive(Debug)]
pub struct KernelStack {
    slot: u32,
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
        let unused = SLOTS.lock().mapped.pop();
        if let Some(slot) = unused {
            return Ok(Self { slot });
        }
        // All frames first: a slot is either whole or not there.
        let mut frames = [const { None }; STACK_SIZE as usize / PAGE_SIZE];
        for frame in &mut frames {
            *frame = Some(Frame::allocate_zeroed(FrameUse::KernelStack)?);
        }
        let slot = {
            let mut slots = SLOTS.lock();
            if (u64::from(slots.next) + 1) * SLOT_SIZE > WINDOW {
                return Err(OUT_OF_MEMORY);
            }
            slots.next += 1;
            slots.next - 1
        };
        // Not dropped before it is whole: others would take it for one that can be used.
        let stack = ManuallyDrop::new(Self { slot });
        for (index, frame) in frames.into_iter().flatten().enumerate() {
            kernel_map::map_page(stack.bottom() + (index * PAGE_SIZE) as u64, frame)?;
        }
        Ok(ManuallyDrop::into_inner(stack))
    }

    /// The stack that holds `address`, whose owner gave it away by `mem::forget`.
    ///
    /// # Safety
    /// There is such a stack, and nobody else owns it.
    #[must_use]
    pub unsafe fn holding(address: u64) -> Self {
        Self {
            slot: ((address - layout::STACKS) / SLOT_SIZE) as u32,
        }
    }

    /// The lowest usable byte; below it lies the guard.
    #[must_use]
    pub fn bottom(&self) -> u64 {
        layout::STACKS + u64::from(self.slot) * SLOT_SIZE + (SLOT_SIZE - STACK_SIZE)
    }

    /// Behind the highest usable byte; 16-byte aligned.
    #[must_use]
    pub fn top(&self) -> u64 {
        self.bottom() + STACK_SIZE
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        let mut slots = SLOTS.lock();
        if slots.mapped.len() < slots.mapped.capacity() {
            slots.mapped.push(self.slot);
            return;
        }
        let needed = slots.mapped.len() * 2 + 64;
        drop(slots);
        // Grown outside of the lock.
        let mut bigger = Vec::with_capacity(needed);
        let mut slots = SLOTS.lock();
        if bigger.capacity() > slots.mapped.len() {
            bigger.append(&mut slots.mapped);
            std::mem::swap(&mut bigger, &mut slots.mapped);
        }
        if slots.mapped.len() < slots.mapped.capacity() {
            slots.mapped.push(self.slot);
        }
        drop(slots);
    }
}

/// Whether `address` lies in a stack's guard: what a double fault tells about itself.
#[must_use]
pub fn is_guard(address: u64) -> bool {
    address
        .checked_sub(layout::STACKS)
        .is_some_and(|offset| offset < WINDOW && offset % SLOT_SIZE < SLOT_SIZE - STACK_SIZE)
}
