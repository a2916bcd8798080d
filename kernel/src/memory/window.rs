//! Windows of kernel addresses in slots of one size, that frames are mapped in and taken out
//! of again: kernel stacks, and what of the heap is no small block.
//!
//! The frames of a slot are free as soon as they are unmapped. Its addresses are used again
//! only after a flush of every TLB, for many slots at once ([`smp::addresses`]); tables stay,
//! one for each 2 MiB of a window that was ever in use. Which slot is free next is written in
//! the entry of its first page, which a CPU does not look at while it is not present (Intel
//! SDM vol. 3A, figure 4-11): giving back takes no memory.
//!
//! Lock order: a window's slots, then the kernel's tables. Neither is held while all cores
//! are asked to flush.

use bugs::Bug;
use smp::addresses::{Links, Slots};

use super::frame::{Frame, OUT_OF_MEMORY, OutOfMemory};
use super::{PAGE_SIZE, kernel_map, tlb};
use crate::sync::IrqLock;

/// So much of a window's addresses may be stale before a flush is due, in bytes.
const MOST_STALE: u64 = 64 << 20;

/// A window. Slots begin with a guard that is never mapped.
pub struct Window {
    base: u64,
    length: u64,
    slot_size: u64,
    guard: u64,
    slots: IrqLock<Slots>,
}

/// Links in the entries of the slots' first pages.
struct Entries {
    first: u64,
    slot_size: u64,
}

impl Links for Entries {
    fn read(&self, slot: u32) -> u32 {
        kernel_map::read_link(self.first + u64::from(slot) * self.slot_size)
    }

    fn write(&mut self, slot: u32, link: u32) {
        kernel_map::write_link(self.first + u64::from(slot) * self.slot_size, link);
    }
}

impl Window {
    /// The window of `length` bytes at `base`, a multiple of `slot_size`, which is a power of
    /// two. Each slot has `guard` bytes of guard below what is mapped.
    #[must_use]
    pub const fn new(base: u64, length: u64, slot_size: u64, guard: u64) -> Self {
        assert!(base.is_multiple_of(slot_size) && slot_size.is_power_of_two());
        assert!(length / slot_size < u32::MAX as u64 && guard < slot_size);
        let most_stale = match MOST_STALE / slot_size {
            0 => 1,
            count => count as u32,
        };
        Self {
            base,
            length,
            slot_size,
            guard,
            slots: IrqLock::new(Slots::new((length / slot_size) as u32, most_stale)),
        }
    }

    fn entries(&self) -> Entries {
        Entries {
            first: self.base + self.guard,
            slot_size: self.slot_size,
        }
    }

    /// Maps `pages` frames, as `allocate` gives them, in a slot that no TLB knows anything of.
    /// Returns the address of the first.
    ///
    /// # Errors
    /// `allocate`'s; no slot is free, or no frame for a table.
    pub fn map(
        &self,
        pages: usize,
        mut allocate: impl FnMut() -> Result<Frame, OutOfMemory>,
    ) -> Result<u64, OutOfMemory> {
        debug_assert!((pages * PAGE_SIZE) as u64 <= self.slot_size - self.guard);
        // First of all: without one no addresses are taken.
        let mut at_hand = Some(allocate()?);
        let slot = self.take().ok_or(OUT_OF_MEMORY)?;
        let first = self.base + u64::from(slot) * self.slot_size + self.guard;
        for index in 0..pages {
            let frame = at_hand.take().map_or_else(&mut allocate, Ok);
            let address = first + (index * PAGE_SIZE) as u64;
            if let Err(error) = frame.and_then(|frame| kernel_map::map_page(address, frame)) {
                // Where there was none for the slot's first table, its addresses are lost.
                if index > 0 {
                    self.unmap(first, index);
                }
                return Err(error);
            }
        }
        Ok(first)
    }

    /// A clean slot.
    fn take(&self) -> Option<u32> {
        let mut slots = self.slots.lock();
        if slots.is_flush_due() && tlb::can_ask_others() {
            let flushing = slots.begin_flush();
            drop(slots);
            if !bugs::has(Bug::StaleAddress) {
                tlb::forget_kernel_mappings();
            }
            slots = self.slots.lock();
            slots.end_flush(flushing, &mut self.entries());
        }
        slots.take(&self.entries())
    }

    /// Gives back the frames of a slot's `pages` pages, and the slot. Nobody uses its
    /// addresses any more.
    pub fn unmap(&self, first: u64, pages: usize) {
        for index in 0..pages {
            drop(kernel_map::unmap_page(first + (index * PAGE_SIZE) as u64));
        }
        let slot = ((first - self.base) / self.slot_size) as u32;
        self.slots.lock().give(slot, &mut self.entries());
    }

    /// Whether `address` lies in a guard.
    #[must_use]
    pub fn is_guard(&self, address: u64) -> bool {
        address
            .checked_sub(self.base)
            .is_some_and(|offset| offset < self.length && offset % self.slot_size < self.guard)
    }
}
