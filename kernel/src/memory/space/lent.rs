//! Ranges of memory that move from one space to another: by page, not by copy.
//!
//! The sender's pages are shared copy-on-write, as by a fork, but a range at a time; what
//! was never touched arrives as zeros that take no memory. Copied are only pages that
//! others may write in place (shared mappings, pages of files), a template's, and the last
//! page of a range that ends within it. Where both sides are aligned to a leaf table's span
//! (2 MiB), whole tables are shared; the receiver's side always is.

use core::ops::Range;

use super::super::area::{Area, AreaName, AtFork, Backing, Protection};
use super::super::frame::{Frame, FrameUse, OutOfMemory};
use super::super::tables::Gather;
use super::super::tables::lent::{LeafTable, Lent, SPAN};
use super::super::{PAGE_SIZE, frame, pressure};
use super::{AddressSpace, Layout, page_range, page_up};
use crate::errno::{Errno, Result};

crate::counters! {
    /// Pages that went into a message without a copy.
    static MOVED = "message_pages_moved";
    /// Bytes of messages that were copied: into the kernel, out of it, or within a range.
    pub static BYTES_COPIED = "message_bytes_copied";
}

/// The pages of a range on their way.
pub struct LentPages {
    /// Bytes that are carried; the rest of the last page is zeros.
    length: usize,
    /// One for each [`SPAN`]; None where all of it is zeros.
    tables: Vec<Option<LeafTable>>,
}

impl LentPages {
    /// Bytes that are carried.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl AddressSpace {
    /// Lends `length` bytes from `start` (page-aligned) on, as they are now.
    ///
    /// # Errors
    /// `EFAULT` where some of them cannot be read; `ENOBUFS` for more than the machine's
    /// memory, or where it is short.
    pub fn lend(&self, start: usize, length: usize) -> Result<LentPages> {
        if length as u64 > frame::memory_info().total {
            return Err(Errno::ENOBUFS);
        }
        let range = page_range(start, length).map_err(|_| Errno::EFAULT)?;
        let mut layout = self.layout.lock();
        let mut lending = Lending {
            end: start + length,
            pages: LentPages {
                length,
                tables: Vec::new(),
            },
            gather: Gather::new(),
            moved: 0,
            copied: 0,
        };
        let result = lending.all(&mut layout, &range);
        // Also where it failed: what lost its W meanwhile, cores must not write.
        self.finish(&mut layout.pen, &mut lending.gather);
        drop(layout);
        result?;
        MOVED.add(lending.moved);
        BYTES_COPIED.add(lending.copied);
        Ok(lending.pages)
    }

    /// Maps lent pages where nothing was: private memory that can be read and written. Its
    /// first address. The pages stay shared with `pages` until that is dropped.
    ///
    /// # Errors
    /// `ENOMEM` (no room, a limit, memory is short).
    pub fn map_lent(&self, pages: &LentPages) -> Result<usize> {
        pressure::check_room(Errno::ENOMEM)?;
        let length = page_up(pages.length).ok_or(Errno::ENOMEM)?;
        let spanned = pages.tables.len() * SPAN;
        let mut layout = self.layout.lock();
        let start = layout
            .find_gap(spanned + SPAN - PAGE_SIZE)?
            .next_multiple_of(SPAN);
        let area = Area {
            start,
            end: start + length,
            protection: Protection::READ | Protection::WRITE,
            allowed: Protection::all(),
            is_shared: false,
            backing: Backing::Anonymous,
            name: AreaName::None,
            at_fork: AtFork::empty(),
        };
        layout.check_limits(&area, false)?;
        let mut gather = Gather::new();
        let tables = (start..).step_by(SPAN).zip(&pages.tables);
        let mut result = Ok(());
        for (address, table) in tables {
            if let Some(table) = table {
                result = layout.tables.adopt(address, table.clone(), &mut gather);
            }
            if result.is_err() {
                if address > start {
                    // What is above these tables is this tree's own: nothing has to be
                    // copied, and nothing fails.
                    let _ = layout.tables.unmap(start, address, &mut gather);
                }
                break;
            }
        }
        if result.is_ok() {
            layout.areas_mut().insert(area);
        }
        self.finish(&mut layout.pen, &mut gather);
        result?;
        Ok(start)
    }
}

impl AddressSpace {
    /// Takes back what [`AddressSpace::map_lent`] has just mapped at `start`. It needs no
    /// memory, but where the process has done something to the range meanwhile: then pages
    /// may stay, which are the process's own affair.
    pub fn unmap_lent(&self, start: usize, pages: &LentPages) {
        let end = start + pages.length.next_multiple_of(PAGE_SIZE);
        let mut layout = self.layout.lock();
        let mut gather = Gather::new();
        for (address, table) in (start..).step_by(SPAN).zip(&pages.tables) {
            if let Some(table) = table {
                let _ = layout.tables.disown(address, table, &mut gather);
            }
        }
        // Nothing is left to be divided: those tables the message has as well.
        let result = layout.tables.unmap(start, end, &mut gather);
        if result.is_ok() {
            drop(layout.areas_mut().remove(&(start..end)));
        }
        self.finish(&mut layout.pen, &mut gather);
    }
}

type FrameResult = core::result::Result<(), OutOfMemory>;

/// A range being lent.
struct Lending {
    /// The byte after the last one that is carried.
    end: usize,
    pages: LentPages,
    gather: Gather,
    /// Pages shared, and bytes copied.
    moved: u64,
    copied: u64,
}

/// Whether an area's pages are its space's alone: copy-on-write makes them anybody's.
fn can_share(area: &Area) -> bool {
    matches!(area.backing, Backing::Anonymous) && !area.is_shared
}

impl Lending {
    fn all(&mut self, layout: &mut Layout, range: &Range<usize>) -> Result<()> {
        let is_readable = |area: &Area| area.protection.contains(Protection::READ);
        if layout.areas.bytes_within(range, is_readable) < range.len() {
            return Err(Errno::EFAULT);
        }
        let count = range.len().div_ceil(SPAN);
        let tables = &mut self.pages.tables;
        pressure::reserve_exact(tables, count, Errno::ENOBUFS)?;
        for start in range.clone().step_by(SPAN) {
            let span = start..range.end.min(start + SPAN);
            let table = match self.shared(layout, &span) {
                Some(table) => table,
                None => self.built(layout, &span)?,
            };
            self.pages.tables.push(table);
        }
        Ok(())
    }

    /// The table of a whole span of the sender's, where that can be shared as it is.
    fn shared(&mut self, layout: &mut Layout, span: &Range<usize>) -> Option<Option<LeafTable>> {
        if !span.start.is_multiple_of(SPAN) || span.len() < SPAN || span.end > self.end {
            return None;
        }
        let area = layout.areas.find(span.start)?;
        let is_executable = area.protection.contains(Protection::EXECUTE);
        if area.end < span.end || !can_share(area) || is_executable {
            return None;
        }
        match layout.tables.lend_table(span.start) {
            Lent::Nothing => Some(None),
            Lent::Shared(table, pages) => {
                self.gather.note_narrowed(span.start, span.end);
                self.moved += pages as u64;
                Some(Some(table))
            }
            Lent::Mixed => None,
        }
    }

    /// A table of the span's pages, one by one.
    fn built(&mut self, layout: &mut Layout, span: &Range<usize>) -> Result<Option<LeafTable>> {
        let mut building = Building {
            start: span.start,
            table: None,
        };
        let mut at = span.start;
        while at < span.end {
            // The range is covered: `all` has looked.
            let area = layout.areas.find(at).cloned().ok_or(Errno::EFAULT)?;
            let piece = at..area.end.min(span.end);
            if can_share(&area) {
                self.private(layout, &piece, &mut building)?;
            } else {
                self.others(layout, &area, &piece, &mut building)?;
            }
            at = piece.end;
        }
        Ok(building.table)
    }

    /// Pages that are shared copy-on-write.
    fn private(
        &mut self,
        layout: &mut Layout,
        piece: &Range<usize>,
        building: &mut Building,
    ) -> FrameResult {
        let mut start = piece.start;
        while start < piece.end {
            // A table of the sender's at a time.
            let end = piece.end.min((start / SPAN + 1) * SPAN);
            layout
                .tables
                .lend_pages(start, end, |page, frame, was_writable| {
                    if was_writable {
                        self.gather.note_narrowed(page, page + 1);
                    }
                    if page + PAGE_SIZE > self.end {
                        return building.copy(page, &frame, self.end - page, &mut self.copied);
                    }
                    self.moved += 1;
                    building.put(page, frame)
                })?;
            start = end;
        }
        Ok(())
    }

    /// Pages that others may write in place: files', and those mapped shared.
    fn others(
        &mut self,
        layout: &Layout,
        area: &Area,
        piece: &Range<usize>,
        building: &mut Building,
    ) -> Result<()> {
        for page in piece.clone().step_by(PAGE_SIZE) {
            let count = PAGE_SIZE.min(self.end - page);
            if let Some(leaf) = layout.tables.lookup(page) {
                // SAFETY: the leaf keeps the frame under the layout's lock; this reference
                // is never dropped.
                let frame = core::mem::ManuallyDrop::new(unsafe { Frame::from_entry(leaf.addr()) });
                building.copy(page, &frame, count, &mut self.copied)?;
                continue;
            }
            let Backing::Object(object, offset) = &area.backing else {
                continue;
            };
            let index = area.object_page(*offset, page);
            if index >= object.length().div_ceil(PAGE_SIZE as u64) {
                return Err(Errno::EFAULT);
            }
            if object.has_page(index) {
                let frame = object.page_for_reading(index)?;
                building.copy(page, &frame, count, &mut self.copied)?;
            }
        }
        Ok(())
    }
}

/// A table for a span of the receiver's, made from pages of the sender's.
struct Building {
    /// The sender's address of the span's first byte.
    start: usize,
    table: Option<LeafTable>,
}

impl Building {
    fn put(&mut self, page: usize, frame: Frame) -> FrameResult {
        let table = match &mut self.table {
            Some(table) => table,
            none => none.insert(LeafTable::new()?),
        };
        table.put(page - self.start, frame);
        Ok(())
    }

    /// Puts a copy of the page's first `count` bytes, and zeros behind them.
    fn copy(&mut self, page: usize, frame: &Frame, count: usize, copied: &mut u64) -> FrameResult {
        *copied += count as u64;
        let copy = if count < PAGE_SIZE {
            let copy = Frame::allocate_zeroed(FrameUse::User)?;
            // SAFETY: the copy is ours alone.
            let bytes = unsafe { copy.bytes_mut() };
            bytes[..count].copy_from_slice(&frame.bytes()[..count]);
            copy
        } else {
            frame.copy(FrameUse::User)?
        };
        self.put(page, copy)
    }
}
