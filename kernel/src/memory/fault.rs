//! Page faults: demand zero, copy-on-write, file pages, growing stacks.

use bugs::Bug;
use std::sync::Arc;

use x86_64::structures::paging::PageTableFlags as Flags;

use super::area::{Area, AreaName, Backing, Protection};
use super::frame::{Frame, FrameUse, OutOfMemory};
use super::object::MemoryObject;
use super::space::{AddressSpace, LOWEST, Layout, STACK_GAP, leaf_flags};
use super::tables::{BORROWED, Gather, KEPT};
use super::trace::Served;
use super::user::USER_END;
use super::{PAGE_SIZE, tlb};

crate::counters! {
    /// Page faults served.
    static FAULTS = "page_faults";
    /// Of those, pages copied because they were shared.
    static COPIES = "page_copies";
    /// Of those, fresh pages of zeros.
    static ZEROED = "page_zeroed";
}

/// Pages of a file that one fault maps at most: its own and those behind it.
const FILE_WINDOW: usize = 16;

/// Why a fault cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// Nothing is mapped there (`SEGV_MAPERR`).
    NotMapped,
    /// It is mapped, but not for this (`SEGV_ACCERR`).
    Forbidden,
    /// Behind the end of the file (`SIGBUS`).
    BeyondEnd,
    /// No frame is free.
    OutOfMemory,
    /// A memory limit of the process, or of those that it belongs to, was reached.
    Limit,
}

impl From<OutOfMemory> for FaultError {
    fn from(error: OutOfMemory) -> Self {
        if error.is_limit {
            Self::Limit
        } else {
            Self::OutOfMemory
        }
    }
}

impl AddressSpace {
    /// Serves a fault at `address` by an access that needs `access`.
    ///
    /// # Errors
    /// Why the thread cannot go on.
    pub fn serve_fault(&self, address: usize, access: Protection) -> Result<Served, FaultError> {
        if !(LOWEST..USER_END).contains(&address) {
            return Err(FaultError::NotMapped);
        }
        FAULTS.add(1);
        let mut layout = self.layout.lock();
        let mut gather = Gather::new();
        let result = serve(&mut layout, address, access, &mut gather);
        self.finish(&mut layout.pen, &mut gather);
        // What the tables now say, this core must not remember otherwise; other cores
        // find out by a fault of their own.
        tlb::flush_page_here(address);
        result.map(|()| layout.trace(address, access))
    }

    /// The frame behind `address` after an access of that kind was served, for accesses
    /// through the direct map; it is valid while `body` runs, under the space's lock.
    ///
    /// # Errors
    /// As [`AddressSpace::serve_fault`].
    pub fn with_frame<T>(
        &self,
        address: usize,
        access: Protection,
        body: impl FnOnce(*mut u8) -> T,
    ) -> Result<T, FaultError> {
        if !(LOWEST..USER_END).contains(&address) {
            return Err(FaultError::NotMapped);
        }
        let mut layout = self.layout.lock();
        let mut gather = Gather::new();
        let result = serve(&mut layout, address, access, &mut gather);
        self.finish(&mut layout.pen, &mut gather);
        result?;
        let entry = layout.tables.lookup(address).ok_or(FaultError::NotMapped)?;
        let pointer = super::direct::pointer(entry.addr());
        // SAFETY: stays within the frame, which the table keeps while the lock is held.
        Ok(body(unsafe { pointer.add(address % PAGE_SIZE) }))
    }

    /// The memory object and byte offset behind `address`, where it is mapped shared:
    /// what identifies a futex between processes.
    #[must_use]
    pub fn shared_object_at(&self, address: usize) -> Option<(u64, u64)> {
        let layout = self.layout.lock();
        let area = layout.areas.find(address).filter(|area| area.is_shared)?;
        match &area.backing {
            Backing::Object(object, offset) => {
                Some((object.id(), offset + (address - area.start) as u64))
            }
            Backing::Anonymous => None,
        }
    }

    /// Reads this space's memory from another one (`/proc/PID/cmdline`); the bytes read.
    pub fn read_remote(&self, address: usize, to: &mut [u8]) -> usize {
        let mut done = 0;
        while done < to.len() {
            let Some(at) = address.checked_add(done) else {
                break;
            };
            let length = (PAGE_SIZE - at % PAGE_SIZE).min(to.len() - done);
            let piece = &mut to[done..done + length];
            let copied = self.with_frame(at, Protection::READ, |from| {
                // SAFETY: `length` bytes from here lie within the frame.
                unsafe { core::ptr::copy_nonoverlapping(from, piece.as_mut_ptr(), length) };
            });
            if copied.is_err() {
                break;
            }
            done += length;
        }
        done
    }
}

fn serve(
    layout: &mut Layout,
    address: usize,
    access: Protection,
    gather: &mut Gather,
) -> Result<(), FaultError> {
    let area = match layout.areas.find(address) {
        Some(area) => area,
        None => {
            grow_stack(layout, address)?;
            layout.areas.find(address).ok_or(FaultError::NotMapped)?
        }
    };
    if !area.protection.contains(access) || area.protection.is_empty() {
        return Err(FaultError::Forbidden);
    }
    let page = address / PAGE_SIZE * PAGE_SIZE;
    let for_writing = access.contains(Protection::WRITE);
    let area = area.clone();
    let entry = layout.tables.leaf(page, gather)?;
    if entry.is_unused() {
        return map_new(layout, &area, page, for_writing, gather);
    }
    let physical = entry.addr();
    let borrowed = entry.flags() & BORROWED;
    if entry.flags().contains(KEPT) {
        entry.set_flags(leaf_flags(area.protection, false) | borrowed);
    }
    if !for_writing || entry.flags().contains(Flags::WRITABLE) {
        // Another thread was faster, or this core remembered an older entry.
        return Ok(());
    }
    let is_own = borrowed.is_empty() || bugs::has(Bug::TemplateWrite);
    // SAFETY: the entry refers to the frame.
    let is_alone = is_own && unsafe { Frame::references_of(physical) } == 1;
    if is_alone || area.is_shared || bugs::has(Bug::SharedWrite) {
        entry.set_flags(leaf_flags(area.protection, true) | borrowed);
        return Ok(());
    }
    COPIES.add(1);
    if !borrowed.is_empty() {
        // SAFETY: the space's template keeps the frame.
        let copy = unsafe { Frame::copy_of(physical, FrameUse::User) }?;
        entry.set_addr(copy.into_entry(), leaf_flags(area.protection, true));
        gather.note_narrowed(page, page + 1);
        return Ok(());
    }
    // SAFETY: the entry's own reference, given up here; it lives until the flush.
    let old = unsafe { Frame::from_entry(physical) };
    match old.copy(FrameUse::User) {
        Ok(copy) => {
            entry.set_addr(copy.into_entry(), leaf_flags(area.protection, true));
            gather.take_frame(page, old);
            Ok(())
        }
        Err(error) => {
            core::mem::forget(old);
            Err(error.into())
        }
    }
}

fn map_new(
    layout: &mut Layout,
    area: &Area,
    page: usize,
    for_writing: bool,
    gather: &mut Gather,
) -> Result<(), FaultError> {
    let Backing::Object(object, offset) = &area.backing else {
        ZEROED.add(1);
        let frame = Frame::allocate_zeroed(FrameUse::User)?;
        let entry = layout.tables.leaf(page, gather)?;
        entry.set_addr(frame.into_entry(), leaf_flags(area.protection, true));
        return Ok(());
    };
    let frame = object_page(object, area, area.object_page(*offset, page), for_writing)?;
    let entry = layout.tables.leaf(page, gather)?;
    let writable = for_writing || area.is_shared;
    entry.set_addr(frame.into_entry(), leaf_flags(area.protection, writable));
    if !for_writing && !area.is_shared {
        map_around(layout, area, object, *offset, page, gather);
    }
    Ok(())
}

/// The frame that a mapping of `object` gets: the object's own where writes are to be
/// seen by others, a copy where a private page is written at once.
fn object_page(
    object: &Arc<MemoryObject>,
    area: &Area,
    index: u64,
    for_writing: bool,
) -> Result<Frame, FaultError> {
    if index >= object.length().div_ceil(PAGE_SIZE as u64) {
        return Err(FaultError::BeyondEnd);
    }
    if area.is_shared {
        return Ok(object.page_for_writing(index)?);
    }
    let shown = object.page_for_reading(index)?;
    if for_writing {
        COPIES.add(1);
        return Ok(shown.copy(FrameUse::User)?);
    }
    Ok(shown)
}

/// Maps the pages behind a file page that is read: programs rarely want just one, and a
/// fault costs more than an entry.
fn map_around(
    layout: &mut Layout,
    area: &Area,
    object: &Arc<MemoryObject>,
    offset: u64,
    page: usize,
    gather: &mut Gather,
) {
    let first = page + PAGE_SIZE;
    let last = area.end.min(page + FILE_WINDOW * PAGE_SIZE);
    for next in (first..last).step_by(PAGE_SIZE) {
        let index = area.object_page(offset, next);
        if index >= object.length().div_ceil(PAGE_SIZE as u64) || !object.has_page(index) {
            return;
        }
        let Ok(entry) = layout.tables.leaf(next, gather) else {
            return;
        };
        if !entry.is_unused() {
            continue;
        }
        let Ok(frame) = object.page_for_reading(index) else {
            return;
        };
        entry.set_addr(frame.into_entry(), leaf_flags(area.protection, false));
    }
}

/// Grows the stack area above `address` down to it, if there is one, its limit allows
/// that, and the gap below stays free.
fn grow_stack(layout: &mut Layout, address: usize) -> Result<(), FaultError> {
    let page = address / PAGE_SIZE * PAGE_SIZE;
    let stack = layout
        .areas
        .at_or_above(address)
        .filter(|area| area.name == AreaName::Stack)
        .cloned()
        .ok_or(FaultError::NotMapped)?;
    let gap = page.saturating_sub(STACK_GAP)..stack.start;
    if stack.end - page > layout.stack_limit
        || !layout.areas.is_free(&gap)
        || layout.check_growth(stack.start - page).is_err()
    {
        return Err(FaultError::NotMapped);
    }
    let mut more = stack.clone();
    more.start = page;
    more.end = stack.start;
    layout.areas_mut().insert(more);
    Ok(())
}
