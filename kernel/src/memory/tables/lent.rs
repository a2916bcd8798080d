//! Leaf tables between spaces: what a message's ranges are made of while they travel.
//!
//! Here: a table of read-only leaves that no tree has to have, and how a tree lends its
//! leaves and takes such a table in. Not here: which areas may be lent, and when cores
//! flush ([`super::super::space`]).

use bugs::Bug;
use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags as Flags;
use x86_64::structures::paging::page_table::PageTableEntry;

use super::super::PAGE_SIZE;
use super::super::frame::{Frame, FrameUse, OutOfMemory};
use super::{
    Gather, Tables, UPPER, clear_writable, index, is_borrowed, note_own, release, table_at,
};

/// Bytes that a leaf table spans, and its alignment in a space.
pub const SPAN: usize = 512 * PAGE_SIZE;

/// A leaf that can be read, and copied by who writes.
const READ_ONLY: Flags = Flags::PRESENT
    .union(Flags::USER_ACCESSIBLE)
    .union(Flags::NO_EXECUTE);

/// A reference to a leaf table whose pages nobody writes in place: every tree that refers
/// to it does so by an entry without W. A table with just one reference becomes that
/// tree's own when it is written ([`make_own`]).
pub struct LeafTable(PhysAddr);

impl LeafTable {
    /// A table that maps nothing.
    ///
    /// # Errors
    /// No frame is free.
    pub fn new() -> Result<Self, OutOfMemory> {
        Ok(Self(
            Frame::allocate_zeroed(FrameUse::PageTable)?.into_entry(),
        ))
    }

    /// Puts a frame where `address` falls in the table. Only for a table that is nobody
    /// else's, and for a place that is empty.
    pub fn put(&mut self, address: usize, frame: Frame) {
        let slot = index(address, 0);
        // SAFETY: this reference keeps the table, and nobody else has one.
        let entry = unsafe {
            note_own(self.0, slot);
            &mut (&mut *table_at(self.0))[slot]
        };
        debug_assert!(entry.is_unused());
        entry.set_addr(frame.into_entry(), READ_ONLY);
    }

    fn into_entry(self) -> PhysAddr {
        core::mem::ManuallyDrop::new(self).0
    }
}

impl Clone for LeafTable {
    fn clone(&self) -> Self {
        // SAFETY: this reference stays meanwhile.
        unsafe { Frame::add_reference(self.0) };
        Self(self.0)
    }
}

impl Drop for LeafTable {
    fn drop(&mut self) {
        // SAFETY: no tree held this reference. A tree that held one has flushed before it
        // gave it up.
        unsafe { release(self.0, 0) };
    }
}

/// What a tree has for a leaf table's span.
pub enum Lent {
    /// Nothing: all of it is zeros.
    Nothing,
    /// This table, which maps so many pages. The tree's own entry lost its W, which cores
    /// may still remember.
    Shared(LeafTable, usize),
    /// Pages that are not the tree's to share.
    Mixed,
}

impl Tables {
    /// The entry that refers to the leaf table for `address`, and whether any on the way
    /// down to it is borrowed; None where there is no such table.
    fn find_table(&mut self, address: usize) -> Option<(&mut PageTableEntry, bool)> {
        let mut table = table_at(self.root);
        let mut borrowed = false;
        for level in (1..4).rev() {
            // SAFETY: tables in the tree stay while this tree refers to them.
            let entry = unsafe { &mut (&mut *table)[index(address, level)] };
            if entry.is_unused() {
                return None;
            }
            borrowed |= is_borrowed(entry);
            if level == 1 {
                return Some((entry, borrowed));
            }
            table = table_at(entry.addr());
        }
        None
    }

    /// Shares the leaf table for the span that begins at `address`.
    pub fn lend_table(&mut self, address: usize) -> Lent {
        let Some((entry, is_borrowed_above)) = self.find_table(address) else {
            return Lent::Nothing;
        };
        if is_borrowed_above {
            return Lent::Mixed;
        }
        let mut pages = 0;
        // SAFETY: `entry` refers to the table.
        for leaf in unsafe { &*table_at(entry.addr()) }.iter() {
            if leaf.is_unused() {
                continue;
            }
            if is_borrowed(leaf) || !leaf.flags().contains(Flags::PRESENT) {
                return Lent::Mixed;
            }
            pages += 1;
        }
        if pages == 0 {
            return Lent::Nothing;
        }
        if !bugs::has(Bug::WritableMessage) {
            clear_writable(entry);
        }
        // SAFETY: `entry` refers to the table.
        unsafe { Frame::add_reference(entry.addr()) };
        Lent::Shared(LeafTable(entry.addr()), pages)
    }

    /// Calls `lend(page, frame, has_narrowed)` for every page that is mapped in
    /// `[start, end)`, which lies in one leaf table. The frame is shared from now on: its
    /// leaf has no W, and `has_narrowed` says whether it had one. A frame that is a
    /// template's is copied.
    ///
    /// # Errors
    /// No frame is free, and those of `lend`.
    pub fn lend_pages(
        &mut self,
        start: usize,
        end: usize,
        mut lend: impl FnMut(usize, Frame, bool) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let Some((entry, is_borrowed_above)) = self.find_table(start) else {
            return Ok(());
        };
        let table = table_at(entry.addr());
        for page in (start..end).step_by(PAGE_SIZE) {
            // SAFETY: the tree refers to the table. Where other trees do as well, clearing
            // W is the one change that is allowed.
            let leaf = unsafe { &mut (&mut *table)[index(page, 0)] };
            if leaf.is_unused() {
                continue;
            }
            if is_borrowed_above || is_borrowed(leaf) {
                // SAFETY: the template keeps the frame; this reference is never dropped.
                let shown = core::mem::ManuallyDrop::new(unsafe { Frame::from_entry(leaf.addr()) });
                lend(page, shown.copy(FrameUse::User)?, false)?;
                continue;
            }
            let was_writable = leaf.flags().contains(Flags::WRITABLE);
            if was_writable {
                clear_writable(leaf);
            }
            // SAFETY: the leaf refers to the frame; the reference that is added is the one
            // that is handed over.
            let frame = unsafe {
                Frame::add_reference(leaf.addr());
                Frame::from_entry(leaf.addr())
            };
            lend(page, frame, was_writable)?;
        }
        Ok(())
    }

    /// Has `table` map the span that begins at `address`, in the place of whatever did.
    ///
    /// # Errors
    /// No frame is free.
    pub fn adopt(
        &mut self,
        address: usize,
        table: LeafTable,
        gather: &mut Gather,
    ) -> Result<(), OutOfMemory> {
        self.unmap(address, address + SPAN, gather)?;
        let entry = self.entry(address, 1, gather)?;
        entry.set_addr(table.into_entry(), UPPER.difference(Flags::WRITABLE));
        Ok(())
    }

    /// Takes `table` out, where it still maps the span that begins at `address`.
    ///
    /// # Errors
    /// No frame is free, where a table above it came to be shared since it was taken in.
    pub fn disown(
        &mut self,
        address: usize,
        table: &LeafTable,
        gather: &mut Gather,
    ) -> Result<(), OutOfMemory> {
        let entry = self.entry(address, 1, gather)?;
        if !entry.is_unused() && entry.addr() == table.0 {
            let reference = entry.addr();
            entry.set_unused();
            gather.take_table(reference, 0, address, address + SPAN);
        }
        Ok(())
    }
}
