//! Frozen address spaces: the memory of a template.
//!
//! Freezing makes a tree of tables of its own over the frames of a space, each with a
//! reference, and marks every entry of it [`BORROWED`]. Nothing in it changes ever after,
//! so a space that is made from it begins with one copy: that of the top-level table. What
//! such a space writes it copies first, page by page and table by table, and a copied table
//! needs no counting: what its entries refer to is kept by the [`FrozenSpace`], which the
//! space keeps. So what a start costs does not depend on how much memory was frozen, and
//! neither does what it leaves to count back at its end.
//!
//! Not frozen: pages of shared mappings (a space finds them in the object again), and what
//! `madvise(2)` keeps from children.

use core::ops::Range;
use std::sync::Arc;

use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use super::PAGE_SIZE;
use super::area::{Area, AreaMap, AtFork};
use super::frame::{self, Frame, FrameUse, OutOfMemory};
use super::space::{AddressSpace, Layout, new_translations};
use super::tables::{
    BORROWED, Gather, Tables, UPPER, USER_TOP, clear_writable, index, span, table_at,
};
use super::trace::Trace;
use super::written::Written;
use crate::errno::Result;

/// The user half of a tree of tables that never changes.
pub(super) struct FrozenTables {
    root: PhysAddr,
    /// Tables in it, the top one among them.
    table_count: u64,
    /// Pages that it maps.
    page_count: u64,
}

/// The memory of a template.
pub struct FrozenSpace {
    pub(super) tables: FrozenTables,
    pub(super) areas: Arc<AreaMap>,
    pub(super) break_start: usize,
    pub(super) break_end: usize,
    pub(super) mmap_top: usize,
    pub(super) written: Written,
    pub(super) trace: Trace,
}

impl FrozenTables {
    /// What `from` maps, but for `left_out` (disjoint, by address). Takes the write
    /// permission away in `from`: whoever runs there must flush, also after an error.
    fn of(from: &mut Tables, left_out: &[Range<usize>]) -> core::result::Result<Self, OutOfMemory> {
        let root = Frame::allocate_zeroed(FrameUse::PageTable)?.into_entry();
        let mut frozen = Self {
            root,
            table_count: 1,
            page_count: 0,
        };
        // Where there is no frame on the way, what is there goes with `frozen`.
        frozen.fill(root, from.root, 3, 0, left_out)?;
        Ok(frozen)
    }

    /// None yet; its maker [puts](Self::put) pages in.
    pub(super) fn empty() -> core::result::Result<Self, OutOfMemory> {
        Ok(Self {
            root: Frame::allocate_zeroed(FrameUse::PageTable)?.into_entry(),
            table_count: 1,
            page_count: 0,
        })
    }

    /// Maps a page where none is.
    pub(super) fn put(
        &mut self,
        address: usize,
        frame: Frame,
        flags: Flags,
    ) -> core::result::Result<(), OutOfMemory> {
        let mut table = self.root;
        for level in (1..4).rev() {
            // SAFETY: a table that nobody but the maker knows yet.
            let entry = unsafe { &mut (&mut *table_at(table))[index(address, level)] };
            if entry.is_unused() {
                let fresh = Frame::allocate_zeroed(FrameUse::PageTable)?.into_entry();
                self.table_count += 1;
                entry.set_addr(fresh, UPPER.difference(Flags::WRITABLE) | BORROWED);
            }
            table = entry.addr();
        }
        // SAFETY: as above.
        let entry = unsafe { &mut (&mut *table_at(table))[index(address, 0)] };
        debug_assert!(entry.is_unused());
        entry.set_addr(frame.into_entry(), flags | BORROWED);
        self.page_count += 1;
        Ok(())
    }

    /// Calls `visit` with each page's address and frame, by address.
    pub(super) fn for_each_page(&self, visit: &mut dyn FnMut(usize, PhysAddr)) {
        visit_pages(self.root, 3, 0, visit);
    }

    /// Fills table `to`, of zeros, with what `from` maps from `base` on.
    fn fill(
        &mut self,
        to: PhysAddr,
        from: PhysAddr,
        level: u32,
        base: usize,
        left_out: &[Range<usize>],
    ) -> core::result::Result<(), OutOfMemory> {
        let slots = if level == 3 { USER_TOP } else { 512 };
        for slot in 0..slots {
            // SAFETY: a table of the space that is frozen, whose lock the caller holds; the
            // references do not outlive the round.
            let source = unsafe { &mut (&mut *table_at(from))[slot] };
            if source.is_unused() {
                continue;
            }
            // SAFETY: a table that nobody but this function knows yet.
            let target = unsafe { &mut (&mut *table_at(to))[slot] };
            let address = base + slot * span(level);
            if level > 0 {
                let table = Frame::allocate_zeroed(FrameUse::PageTable)?.into_entry();
                self.table_count += 1;
                target.set_addr(table, UPPER.difference(Flags::WRITABLE) | BORROWED);
                self.fill(table, source.addr(), level - 1, address, left_out)?;
                continue;
            }
            if left_out.iter().any(|range| range.contains(&address)) {
                continue;
            }
            if source.flags().contains(Flags::WRITABLE) {
                clear_writable(source);
            }
            // SAFETY: `source` refers to the frame, or the template does that it borrows
            // from, which the space keeps.
            unsafe { Frame::add_reference(source.addr()) };
            target.set_addr(source.addr(), source.flags() | BORROWED);
            self.page_count += 1;
        }
        Ok(())
    }
}

fn visit_pages(table: PhysAddr, level: u32, base: usize, visit: &mut dyn FnMut(usize, PhysAddr)) {
    // SAFETY: a frozen table, which stays and never changes while the caller has it.
    let entries = unsafe { &*table_at(table) };
    for (slot, entry) in entries.iter().enumerate() {
        let address = base + slot * span(level);
        match level {
            _ if entry.is_unused() => {}
            0 => visit(address, entry.addr()),
            _ => visit_pages(entry.addr(), level - 1, address, visit),
        }
    }
}

impl Drop for FrozenTables {
    /// No space borrows from it any more.
    fn drop(&mut self) {
        // SAFETY: every space that had these frames in its tables is gone; where a TLB has
        // entries of them still, they are under ids that no space has (see `smp::pcid`).
        unsafe { release(self.root, 3) };
    }
}

/// Gives a frozen table of `level` back, and all below it.
///
/// # Safety
/// Nobody has it in a table, nor loaded.
unsafe fn release(table: PhysAddr, level: u32) {
    // SAFETY: the caller's promise; a frozen table has one reference, its parent's.
    unsafe {
        frame::release_table(table, || {
            for entry in (*table_at(table)).iter() {
                if entry.is_unused() {
                    continue;
                }
                if level == 0 {
                    drop(Frame::from_entry(entry.addr()));
                } else {
                    release(entry.addr(), level - 1);
                }
            }
        });
    }
}

impl FrozenSpace {
    /// Bytes of the tables.
    #[must_use]
    pub fn table_bytes(&self) -> u64 {
        self.tables.table_count * PAGE_SIZE as u64
    }

    /// Bytes of the pages that they map.
    #[must_use]
    pub fn page_bytes(&self) -> u64 {
        self.tables.page_count * PAGE_SIZE as u64
    }

    /// Traces what processes write that begin from now on; what was traced so far, in order.
    #[must_use]
    pub fn traced_writes(&self) -> Vec<usize> {
        self.trace.start();
        self.trace.addresses()
    }

    /// A space that begins as this one is.
    ///
    /// # Errors
    /// No frame is free for the top-level table.
    pub fn space(self: &Arc<Self>) -> Result<Arc<AddressSpace>> {
        let mut tables = Tables::new()?;
        // SAFETY: the new root is this function's own; the frozen one never changes.
        unsafe {
            let from = &*table_at(self.tables.root);
            let to = &mut *table_at(tables.root);
            for slot in 0..USER_TOP {
                to[slot] = from[slot].clone();
            }
        }
        let is_traced = self.trace.is_on();
        if !is_traced {
            self.written.copy_into(&mut tables)?;
        }
        let (translations, pen) = new_translations();
        let mut layout = Layout::new(tables, pen, self.mmap_top);
        layout.areas = self.areas.clone();
        layout.template = Some(self.clone());
        layout.is_traced = is_traced;
        (layout.break_start, layout.break_end) = (self.break_start, self.break_end);
        Ok(AddressSpace::with(translations, layout))
    }
}

impl AddressSpace {
    /// Has the template that this space began from, if it did, know which pages were
    /// written: this one has done what it was for.
    pub fn tell_written(&self) {
        let layout = self.layout.lock();
        if let Some(template) = &layout.template {
            template.written.learn(&layout.tables, &template.areas);
        }
    }

    /// The memory as it is now, for others to begin with. This space goes on, and copies
    /// what it writes.
    ///
    /// # Errors
    /// No frame is free.
    pub fn freeze(&self) -> Result<Arc<FrozenSpace>> {
        let mut layout = self.layout.lock();
        let is_left_out = |area: &&Area| area.is_shared || !area.at_fork.is_empty();
        let left_out: Vec<Range<usize>> = layout
            .areas
            .iter()
            .filter(is_left_out)
            .map(|area| area.start..area.end)
            .collect();
        let tables = FrozenTables::of(&mut layout.tables, &left_out);
        let mut gather = Gather::new();
        gather.note_all_narrowed();
        self.finish(&mut layout.pen, &mut gather);
        let tables = tables?;
        let mut areas = layout.areas.clone();
        let unmapped: Vec<Range<usize>> = areas
            .iter()
            .filter(|area| area.at_fork.contains(AtFork::LEFT))
            .map(|area| area.start..area.end)
            .collect();
        for range in unmapped {
            drop(Arc::make_mut(&mut areas).remove(&range));
        }
        Ok(Arc::new(FrozenSpace {
            tables,
            areas,
            break_start: layout.break_start,
            break_end: layout.break_end,
            mmap_top: layout.mmap_top,
            written: Written::new(),
            trace: Trace::new(),
        }))
    }
}
