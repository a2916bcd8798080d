//! User page tables that several address spaces share.
//!
//! A table's frame is counted by the entries that point to it. Forking shares the whole
//! tree at its top and takes the write permission away from the entries above what is
//! shared; whoever must change a shared table copies that one table first. So the cost
//! of a fork or a spawn does not grow with the memory it shares.
//!
//! Rules that the rest relies on:
//! - A table with more than one reference is never changed, but for clearing W bits.
//! - An entry that holds a reference lies in a group that is [noted](frame::groups_of).
//! - Leaves below a shared table are not writable, whatever their own W bit says,
//!   because the entry above is not; copying the table clears those bits in both.
//! - What is taken out (frames, references to tables) goes into a [`Gather`], and is
//!   only dropped after every core that runs the space has flushed.

pub mod lent;

use bugs::Bug;
use core::sync::atomic::{AtomicU64, Ordering};
use std::vec::Vec;

use smp::shootdown::Batch;
use x86_64::PhysAddr;
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTable, PageTableFlags as Flags};

use super::frame::{self, Frame, FrameUse, OutOfMemory};
use super::{PAGE_SIZE, direct, kernel_map};

/// Marks a leaf that keeps its frame while `PROT_NONE` forbids every access: the
/// present bit is clear, this one is set.
pub const KEPT: Flags = Flags::BIT_9;

/// Marks an entry whose frame, or whose table and all below it, belongs to a template
/// ([`super::frozen`]) that the space keeps alive: the entry holds no reference, and what
/// it refers to is never changed through it.
pub const BORROWED: Flags = Flags::BIT_10;

crate::counters! {
    /// Tables of templates that were copied, because a process was to change them.
    static TEMPLATE_TABLES_COPIED = "template_tables_copied";
}

pub(super) const UPPER: Flags = Flags::PRESENT
    .union(Flags::WRITABLE)
    .union(Flags::USER_ACCESSIBLE);

/// User entries of the top-level table.
pub(super) const USER_TOP: usize = 256;

/// What was taken out of the tables and waits for the flush.
#[derive(Default)]
pub struct Gather {
    frames: Vec<Frame>,
    tables: Vec<(PhysAddr, u32)>,
    narrowed: Batch,
}

impl Gather {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The translations that some core may hold and that are no longer right.
    #[must_use]
    pub fn narrowed(&self) -> &Batch {
        &self.narrowed
    }

    /// Notes that existing translations of `[start, end)` were narrowed.
    pub fn note_narrowed(&mut self, start: usize, end: usize) {
        let (first, end) = (start / PAGE_SIZE, end.div_ceil(PAGE_SIZE));
        self.narrowed.add(first as u64, (end - first) as u64);
    }

    /// Notes what was narrowed.
    pub fn note_batch(&mut self, narrowed: &Batch) {
        match narrowed.ranges() {
            Some(ranges) => {
                for range in ranges {
                    self.narrowed.add(range.first, u64::from(range.count));
                }
            }
            None => self.narrowed.add_everything(),
        }
    }

    /// Notes that translations all over the space were narrowed.
    pub fn note_all_narrowed(&mut self) {
        self.narrowed.add_everything();
    }

    /// Takes over the frame that was mapped at `address`.
    pub fn take_frame(&mut self, address: usize, frame: Frame) {
        self.frames.push(frame);
        self.note_narrowed(address, address + 1);
    }

    /// Takes over a reference to a table of `level`, which mapped `[start, end)`.
    fn take_table(&mut self, table: PhysAddr, level: u32, start: usize, end: usize) {
        self.tables.push((table, level));
        self.note_narrowed(start, end);
    }

    /// Drops everything.
    ///
    /// # Safety
    /// All cores that run the space have flushed since the last change.
    pub unsafe fn release(&mut self) {
        if bugs::has(Bug::LeakedFrames) {
            core::mem::forget(core::mem::take(&mut self.frames));
        }
        self.frames.clear();
        for (table, level) in self.tables.drain(..) {
            // SAFETY: the caller's promise.
            unsafe { release(table, level) };
        }
        self.narrowed = Batch::new();
    }
}

/// Drops a reference to a table of `level` (0: its entries are leaves).
///
/// # Safety
/// As [`frame::release_table`].
unsafe fn release(table: PhysAddr, level: u32) {
    // SAFETY: the caller's promise; `on_last` runs while the table is nobody's.
    unsafe {
        frame::release_table(table, || {
            for_each_own(table, |_, entry| {
                if level == 0 {
                    drop(Frame::from_entry(entry.addr()));
                } else {
                    release(entry.addr(), level - 1);
                }
            });
        });
    }
}

/// Calls `body` for every entry of a user table that holds a reference, with its slot.
///
/// # Safety
/// Nobody changes the table meanwhile, but for clearing W bits.
unsafe fn for_each_own(table: PhysAddr, mut body: impl FnMut(usize, &PageTableEntry)) {
    // SAFETY: the caller's promise.
    let (entries, mut groups) = unsafe { (&*table_at(table), frame::groups_of(table)) };
    while groups != 0 {
        let first = groups.trailing_zeros() as usize * frame::GROUP_SIZE;
        groups &= groups - 1;
        for slot in first..first + frame::GROUP_SIZE {
            let entry = &entries[slot];
            if !entry.is_unused() && !is_borrowed(entry) {
                body(slot, entry);
            }
        }
    }
}

/// Notes that the entry `slot` of `table` holds a reference, or is about to.
///
/// # Safety
/// The table is the caller's own.
unsafe fn note_own(table: PhysAddr, slot: usize) {
    // SAFETY: the caller's promise.
    unsafe { frame::add_groups(table, 1 << (slot / frame::GROUP_SIZE)) };
}

pub(super) fn table_at(physical: PhysAddr) -> *mut PageTable {
    direct::pointer(physical).cast()
}

/// Whether what `entry` refers to is a template's.
#[must_use]
pub fn is_borrowed(entry: &PageTableEntry) -> bool {
    entry.flags().contains(BORROWED)
}

pub(super) fn index(address: usize, level: u32) -> usize {
    (address >> (12 + 9 * level)) & 511
}

/// Bytes that an entry of a table of `level` spans.
pub(super) fn span(level: u32) -> usize {
    PAGE_SIZE << (9 * level)
}

/// A tree of user tables, with the kernel's half beside them.
pub struct Tables {
    pub(super) root: PhysAddr,
}

impl Tables {
    /// An empty user half.
    ///
    /// # Errors
    /// No frame is free.
    pub fn new() -> Result<Self, OutOfMemory> {
        let root = Frame::allocate_zeroed(FrameUse::PageTable)?.into_entry();
        // SAFETY: a fresh frame, ours alone.
        kernel_map::share_with(unsafe { &mut *table_at(root) });
        Ok(Self { root })
    }

    /// What goes into CR3.
    #[must_use]
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// The leaf that maps `address`, present or kept; None where nothing is mapped.
    #[must_use]
    pub fn lookup(&self, address: usize) -> Option<PageTableEntry> {
        let mut table = table_at(self.root);
        for level in (1..4).rev() {
            // SAFETY: tables in the tree stay while this tree refers to them.
            let entry = unsafe { &(&*table)[index(address, level)] };
            if entry.is_unused() {
                return None;
            }
            table = table_at(entry.addr());
        }
        // SAFETY: as above.
        let entry = unsafe { (&*table)[index(address, 0)].clone() };
        (!entry.is_unused()).then_some(entry)
    }

    /// The leaf entry for `address`, to be changed: missing tables on the way are made,
    /// shared ones copied.
    ///
    /// # Errors
    /// No frame is free.
    pub fn leaf(
        &mut self,
        address: usize,
        gather: &mut Gather,
    ) -> Result<&mut PageTableEntry, OutOfMemory> {
        self.entry(address, 0, gather)
    }

    /// The entry for `address` in a table of `level`, to be changed, as [`Tables::leaf`].
    fn entry(
        &mut self,
        address: usize,
        level: u32,
        gather: &mut Gather,
    ) -> Result<&mut PageTableEntry, OutOfMemory> {
        let mut table = self.root;
        for above in (level + 1..4).rev() {
            let slot = index(address, above);
            // SAFETY: `table` is the root or was made this tree's own below.
            let entry = unsafe { &mut (&mut *table_at(table))[slot] };
            if entry.is_unused() {
                let fresh = Frame::allocate_zeroed(FrameUse::PageTable)?;
                entry.set_addr(fresh.into_entry(), UPPER);
                // SAFETY: as above.
                unsafe { note_own(table, slot) };
            } else {
                make_own(table, slot, above - 1, address, gather)?;
            }
            table = entry.addr();
        }
        let slot = index(address, level);
        // SAFETY: as above; the caller may put a reference there.
        unsafe {
            note_own(table, slot);
            Ok(&mut (&mut *table_at(table))[slot])
        }
    }

    /// Takes everything in `[start, end)` out of the tables.
    ///
    /// # Errors
    /// No frame is free to copy a shared table at the range's borders; then all is as it was.
    pub fn unmap(
        &mut self,
        start: usize,
        end: usize,
        gather: &mut Gather,
    ) -> Result<(), OutOfMemory> {
        self.own_border(start, gather)?;
        self.own_border(end, gather)?;
        unmap_in(self.root, 3, 0, start, end, gather)
    }

    /// Makes the tables this tree's own that map addresses on both sides of `border`: all
    /// that must be copied where a range that begins or ends there is taken out.
    ///
    /// # Errors
    /// No frame is free.
    pub fn own_border(&mut self, border: usize, gather: &mut Gather) -> Result<(), OutOfMemory> {
        let mut table = self.root;
        for above in (1..4).rev() {
            let slot = index(border, above);
            if border.is_multiple_of(span(above)) {
                break;
            }
            // SAFETY: `table` is the root or was made this tree's own below.
            let entry = unsafe { &(&*table_at(table))[slot] };
            if entry.is_unused() {
                break;
            }
            make_own(table, slot, above - 1, border, gather)?;
            table = entry.addr();
        }
        Ok(())
    }

    /// Calls `change` for every leaf in `[start, end)` that maps something.
    ///
    /// # Errors
    /// No frame is free to copy a shared table.
    pub fn change(
        &mut self,
        start: usize,
        end: usize,
        gather: &mut Gather,
        change: &mut dyn FnMut(usize, &mut PageTableEntry),
    ) -> Result<(), OutOfMemory> {
        change_in(self.root, 3, 0, start, end, gather, change)
    }

    /// A tree with the same user half, shared: neither side can write to what is
    /// mapped now without copying. The caller flushes this space everywhere.
    ///
    /// # Errors
    /// No frame is free for the top-level table.
    pub fn share(&mut self) -> Result<Self, OutOfMemory> {
        let copy = Self::new()?;
        // SAFETY: both roots are this caller's own; entries are changed in place.
        unsafe {
            let (from, to) = (&mut *table_at(self.root), &mut *table_at(copy.root));
            for index in 0..USER_TOP {
                if from[index].is_unused() {
                    continue;
                }
                if !is_borrowed(&from[index]) {
                    Frame::add_reference(from[index].addr());
                    note_own(copy.root, index);
                }
                if !bugs::has(Bug::WritableFork) {
                    clear_writable(&mut from[index]);
                }
                to[index] = from[index].clone();
            }
        }
        Ok(copy)
    }
}

impl Drop for Tables {
    /// The space is loaded nowhere any more.
    fn drop(&mut self) {
        // SAFETY: nobody else has this root, and no core has it loaded. Where a TLB has
        // entries of it still, they are under a PCID that is flushed when it is loaded
        // next: it is this space's, whose id no other one gets (see `smp::pcid`).
        unsafe {
            for_each_own(self.root, |_, entry| release(entry.addr(), 2));
            frame::release_table(self.root, || {});
        }
    }
}

/// Clears W in an entry that another core may be copying, or its hardware walking.
pub(super) fn clear_writable(entry: &mut PageTableEntry) {
    let word = core::ptr::from_mut(entry).cast::<AtomicU64>();
    // SAFETY: an entry is one aligned word.
    unsafe { (*word).fetch_and(!Flags::WRITABLE.bits(), Ordering::AcqRel) };
}

/// Makes the table below entry `slot` of `parent`, of `level`, this tree's own: copies it if others
/// refer to it too. The copy maps what the table did, so no translation changes; but a
/// core that walked the table may go on from there until it flushes. One page does that
/// (see [`super::tlb`]): `address`, which the table maps.
fn make_own(
    parent: PhysAddr,
    slot: usize,
    level: u32,
    address: usize,
    gather: &mut Gather,
) -> Result<(), OutOfMemory> {
    // SAFETY: this tree's own table, made so by the caller.
    let entry = unsafe { &mut (&mut *table_at(parent))[slot] };
    let old = entry.addr();
    if is_borrowed(entry) {
        // All its entries are borrowed too, and none has W: the bytes are the copy.
        // SAFETY: the template keeps the table, which nobody changes.
        let copy = unsafe { Frame::copy_of(old, FrameUse::PageTable) }?;
        entry.set_addr(copy.into_entry(), UPPER);
        // SAFETY: as above.
        unsafe { note_own(parent, slot) };
        gather.note_narrowed(address, address + 1);
        TEMPLATE_TABLES_COPIED.add(1);
        return Ok(());
    }
    // SAFETY: `entry` refers to it.
    if unsafe { Frame::references_of(old) } == 1 {
        if !entry.flags().contains(Flags::WRITABLE) {
            // The other sharers are gone: what it holds is ours again, and the leaves'
            // own W bits were cleared where anyone copied.
            restrict_children(old);
            entry.set_flags(UPPER);
        }
        return Ok(());
    }
    let copy = Frame::allocate(FrameUse::PageTable)?;
    // SAFETY: `old` stays while `entry` refers to it; the copy is ours alone. Both
    // tables' children get one more reference, and lose W in both.
    unsafe {
        let (from, to) = (
            &mut *table_at(old),
            &mut *copy.pointer().cast::<PageTable>(),
        );
        for index in 0..512 {
            if from[index].is_unused() {
                to[index].set_unused();
                continue;
            }
            if !is_borrowed(&from[index]) {
                Frame::add_reference(from[index].addr());
                clear_writable(&mut from[index]);
            }
            to[index] = from[index].clone();
        }
        frame::add_groups(copy.physical(), frame::groups_of(old));
    }
    entry.set_addr(copy.into_entry(), UPPER);
    gather.take_table(old, level, address, address + 1);
    Ok(())
}

/// Clears W in all entries of a table that was shared and is not any more: its children
/// (frames or tables) may still be shared, and whether each one is, is found out when
/// it is written.
fn restrict_children(table: PhysAddr) {
    // SAFETY: this tree's own table.
    for entry in unsafe { &mut *table_at(table) }.iter_mut() {
        if !entry.is_unused() {
            clear_writable(entry);
        }
    }
}

fn unmap_in(
    table: PhysAddr,
    level: u32,
    base: usize,
    start: usize,
    end: usize,
    gather: &mut Gather,
) -> Result<(), OutOfMemory> {
    let (first, last) = (index(start, level), index(end - 1, level));
    for slot in first..=last {
        // SAFETY: this tree's own table, made so by the caller.
        let entry = unsafe { &mut (&mut *table_at(table))[slot] };
        if entry.is_unused() {
            continue;
        }
        let from = base + slot * span(level);
        let to = from + span(level);
        let is_whole = start <= from && to <= end;
        if is_whole && is_borrowed(entry) {
            gather.note_narrowed(from, to);
            entry.set_unused();
        } else if level == 0 {
            let physical = entry.addr();
            entry.set_unused();
            // SAFETY: the entry is gone; the frame is kept until the flush.
            gather.take_frame(from, unsafe { Frame::from_entry(physical) });
        } else if is_whole {
            gather.take_table(entry.addr(), level - 1, from, to);
            entry.set_unused();
        } else {
            let (inner_start, inner_end) = (start.max(from), end.min(to));
            make_own(table, slot, level - 1, inner_start, gather)?;
            unmap_in(
                entry.addr(),
                level - 1,
                from,
                inner_start,
                inner_end,
                gather,
            )?;
        }
    }
    Ok(())
}

fn change_in(
    table: PhysAddr,
    level: u32,
    base: usize,
    start: usize,
    end: usize,
    gather: &mut Gather,
    change: &mut dyn FnMut(usize, &mut PageTableEntry),
) -> Result<(), OutOfMemory> {
    let (first, last) = (index(start, level), index(end - 1, level));
    for slot in first..=last {
        // SAFETY: this tree's own table, made so by the caller.
        let entry = unsafe { &mut (&mut *table_at(table))[slot] };
        if entry.is_unused() {
            continue;
        }
        let from = base + slot * span(level);
        if level == 0 {
            change(from, entry);
        } else {
            let (inner_start, inner_end) = (start.max(from), end.min(from + span(level)));
            make_own(table, slot, level - 1, inner_start, gather)?;
            change_in(
                entry.addr(),
                level - 1,
                from,
                inner_start,
                inner_end,
                gather,
                change,
            )?;
        }
    }
    Ok(())
}

impl Tables {
    /// Pages that this tree has a reference to, and tables that are its own.
    #[must_use]
    pub fn count_own(&self) -> u64 {
        let mut count = 1;
        // SAFETY: the tree is borrowed, and nobody changes a table that it shares.
        unsafe { for_each_own(self.root, |_, entry| count += count_own_in(entry.addr(), 2)) };
        count
    }

    /// Calls `body` with the address of every page that this tree has a reference to.
    pub fn for_each_own_page(&self, body: &mut dyn FnMut(usize)) {
        own_pages_in(self.root, 3, 0, body);
    }

    /// Pages mapped in `[start, end)`.
    #[must_use]
    pub fn count(&mut self, start: usize, end: usize) -> u64 {
        count_in(table_at(self.root), 3, 0, start, end)
    }
}

fn count_own_in(table: PhysAddr, level: u32) -> u64 {
    let mut count = 1;
    // SAFETY: a table of a tree that is borrowed.
    unsafe {
        for_each_own(table, |_, entry| {
            count += match level {
                0 => 1,
                _ => count_own_in(entry.addr(), level - 1),
            };
        });
    }
    count
}

fn own_pages_in(table: PhysAddr, level: u32, base: usize, body: &mut dyn FnMut(usize)) {
    // SAFETY: a table of a tree that is borrowed.
    unsafe {
        for_each_own(table, |slot, entry| {
            let address = base + slot * span(level);
            match level {
                0 => body(address),
                _ => own_pages_in(entry.addr(), level - 1, address, body),
            }
        });
    }
}

fn count_in(table: *mut PageTable, level: u32, base: usize, start: usize, end: usize) -> u64 {
    let mut count = 0;
    for slot in index(start, level)..=index(end - 1, level) {
        // SAFETY: a table of this tree, which stays while the tree is borrowed.
        let entry = unsafe { &(&*table)[slot] };
        if entry.is_unused() {
            continue;
        }
        if level == 0 {
            count += 1;
        } else {
            let from = base + slot * span(level);
            let (inner_start, inner_end) = (start.max(from), end.min(from + span(level)));
            count += count_in(
                table_at(entry.addr()),
                level - 1,
                from,
                inner_start,
                inner_end,
            );
        }
    }
    count
}
