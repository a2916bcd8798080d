//! Memory objects: pages by index, which files, shared mappings and memfds are made of.
//!
//! An object's pages come into being when they are first touched, zero or from the boot
//! archive in place. Whoever holds a [`Frame`] of an object keeps that page alive, also
//! after the object was truncated.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::frame::{Frame, FrameUse, OutOfMemory};
use super::user::{Destination, Source};
use super::{PAGE_SIZE, space};
use crate::errno::{Errno, Result};
use crate::sync::SleepMutex;

/// Bytes of the boot archive that an object shows without a copy.
#[derive(Clone, Copy)]
struct BootBytes {
    /// Physical address; page-aligned.
    start: u64,
    length: u64,
}

struct Pages {
    frames: BTreeMap<u64, Frame>,
    boot: Option<BootBytes>,
}

/// A growable run of pages, shared by everybody who refers to it.
pub struct MemoryObject {
    id: u64,
    length: AtomicU64,
    /// Whether a mapping ever showed it: where not, nobody needs to be told of a
    /// truncation.
    was_mapped: AtomicBool,
    pages: SleepMutex<Pages>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl MemoryObject {
    /// An object of `length` zero bytes.
    #[must_use]
    pub fn new(length: u64) -> Arc<Self> {
        Self::build(length, None)
    }

    /// An object that shows `length` bytes of the boot archive from physical address
    /// `start`, which must be page-aligned. Pages that are written become copies; the
    /// rest of the last page must be zero or padding that may be seen.
    #[must_use]
    pub fn from_boot_archive(start: u64, length: u64) -> Arc<Self> {
        debug_assert!(start.is_multiple_of(PAGE_SIZE as u64));
        Self::build(length, Some(BootBytes { start, length }))
    }

    fn build(length: u64, boot: Option<BootBytes>) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            length: AtomicU64::new(length),
            was_mapped: AtomicBool::new(false),
            pages: SleepMutex::new(Pages {
                frames: BTreeMap::new(),
                boot,
            }),
        })
    }

    /// A number that no other object ever has: the key of a shared futex.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A mapping is about to show it.
    pub(super) fn note_mapped(&self) {
        self.was_mapped.store(true, Ordering::Release);
    }

    /// Pages in these bytes are gone: mappings must fault to see it.
    fn forget_mapped(&self, bytes: Range<u64>) {
        if self.was_mapped.load(Ordering::Acquire) {
            space::forget_everywhere(self, &bytes);
        }
    }

    /// Length in bytes. A mapping past its last page is `SIGBUS`.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Where the boot archive has all of the object, one page behind the other: physical
    /// address and length in bytes. None where it was written, or does not end with a page.
    #[must_use]
    pub fn archived(&self) -> Option<(u64, u64)> {
        let pages = self.pages.lock();
        let boot = pages.boot?;
        let is_whole = boot.length == self.length() && pages.frames.is_empty();
        is_whole.then_some((boot.start, boot.length))
    }

    /// Bytes of memory that the object's pages take.
    #[must_use]
    pub fn resident(&self) -> u64 {
        self.pages.lock().frames.len() as u64 * PAGE_SIZE as u64
    }

    /// The page with this index, for reading: also one of the boot archive's own.
    ///
    /// # Errors
    /// No frame is free.
    pub fn page_for_reading(&self, index: u64) -> core::result::Result<Frame, OutOfMemory> {
        self.page(index, false)
    }

    /// The page with this index, the object's own, which may be written.
    ///
    /// # Errors
    /// No frame is free.
    pub fn page_for_writing(&self, index: u64) -> core::result::Result<Frame, OutOfMemory> {
        self.page(index, true)
    }

    fn page(&self, index: u64, for_writing: bool) -> core::result::Result<Frame, OutOfMemory> {
        let mut pages = self.pages.lock();
        if let Some(frame) = pages.frames.get(&index) {
            return Ok(frame.clone());
        }
        let boot = pages.boot.and_then(|boot| boot.page(index));
        let frame = match boot {
            Some(shown) if !for_writing => return Ok(shown),
            Some(shown) => shown.copy(FrameUse::User)?,
            None => Frame::allocate_zeroed(FrameUse::User)?,
        };
        pages.frames.insert(index, frame.clone());
        Ok(frame)
    }

    /// Whether the page exists (its own or the boot archive's): a hole reads as zeros.
    #[must_use]
    pub fn has_page(&self, index: u64) -> bool {
        let pages = self.pages.lock();
        pages.frames.contains_key(&index) || pages.boot.is_some_and(|boot| boot.covers(index))
    }

    /// Reads from byte `offset` up to the object's end or the buffer's.
    ///
    /// # Errors
    /// `EFAULT` where nothing could be copied.
    pub fn read_at(&self, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let end = self.length();
        let mut position = offset;
        let before = to.done();
        while position < end && to.remaining() > 0 {
            let in_page = (position % PAGE_SIZE as u64) as usize;
            let wanted = (PAGE_SIZE - in_page).min((end - position).min(PAGE_SIZE as u64) as usize);
            let index = position / PAGE_SIZE as u64;
            let wanted = wanted.min(to.remaining());
            let copied = if self.has_page(index) {
                let frame = self.page_for_reading(index).map_err(|_| Errno::ENOMEM)?;
                // Not under the object's lock: the copy may fault, and the fault may
                // need this very object.
                to.write(&frame.bytes()[in_page..in_page + wanted])
            } else {
                to.write_zeros(wanted)
            };
            match copied {
                Ok(count) => {
                    position += count as u64;
                    if count < wanted {
                        break;
                    }
                }
                Err(error) if to.done() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(to.done() - before)
    }

    /// Writes at byte `offset`, growing the object.
    ///
    /// # Errors
    /// `EFAULT`, `ENOSPC` (no frame is free) or `EFBIG`, where nothing was written.
    pub fn write_at(&self, offset: u64, from: &mut Source<'_>) -> Result<usize> {
        offset
            .checked_add(from.remaining() as u64)
            .filter(|end| *end <= i64::MAX as u64)
            .ok_or(Errno::EFBIG)?;
        let mut position = offset;
        let before = from.done();
        while from.remaining() > 0 {
            let in_page = (position % PAGE_SIZE as u64) as usize;
            let wanted = (PAGE_SIZE - in_page).min(from.remaining());
            let result = self
                .page_for_writing(position / PAGE_SIZE as u64)
                .map_err(|_| Errno::ENOSPC)
                .and_then(|frame| {
                    // SAFETY: file pages are shared memory: other cores may read or write
                    // the same bytes meanwhile, as they may in any kernel; bytes only.
                    let bytes = unsafe { frame.bytes_mut() };
                    from.read(&mut bytes[in_page..in_page + wanted])
                });
            match result {
                Ok(count) => {
                    position += count as u64;
                    self.length.fetch_max(position, Ordering::AcqRel);
                    if count < wanted {
                        break;
                    }
                }
                Err(error) if from.done() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(from.done() - before)
    }

    /// Sets the length. What is cut off is gone, and reads as zeros when it grows again.
    pub fn set_length(&self, length: u64) {
        let mut cut = BTreeMap::new();
        {
            let mut pages = self.pages.lock();
            let old = self.length.swap(length, Ordering::AcqRel);
            // Also where it stays: pages beyond the end (`fallocate`) go.
            if length <= old {
                let keep = length.div_ceil(PAGE_SIZE as u64);
                cut = pages.frames.split_off(&keep);
                if let Some(boot) = &mut pages.boot {
                    boot.length = boot.length.min(length);
                }
                let in_page = (length % PAGE_SIZE as u64) as usize;
                let last = length / PAGE_SIZE as u64;
                if in_page > 0 {
                    drop(pages);
                    self.clear_tail(last, in_page);
                }
            }
        }
        drop(cut);
        let first_gone = length.next_multiple_of(PAGE_SIZE as u64);
        self.forget_mapped(first_gone..u64::MAX);
    }

    /// The first page at or behind `index` that exists, as [`MemoryObject::has_page`].
    #[must_use]
    pub fn next_page(&self, index: u64) -> Option<u64> {
        let pages = self.pages.lock();
        if pages.boot.is_some_and(|boot| boot.covers(index)) {
            return Some(index);
        }
        pages.frames.range(index..).next().map(|(index, _)| *index)
    }

    /// The first page at or behind `index` that does not exist.
    #[must_use]
    pub fn next_hole(&self, index: u64) -> u64 {
        let pages = self.pages.lock();
        let archived = pages
            .boot
            .map_or(0, |boot| boot.length.div_ceil(PAGE_SIZE as u64));
        let mut hole = index.max(archived);
        for (index, _) in pages.frames.range(hole..) {
            if *index != hole {
                break;
            }
            hole += 1;
        }
        hole
    }

    /// Makes bytes `start..end` a hole that reads as zeros; the length stays.
    pub fn punch(&self, start: u64, end: u64) {
        let page = PAGE_SIZE as u64;
        let mut position = start;
        while position < end {
            let index = position / page;
            let to = end.min((index + 1) * page);
            let Some(next) = self.next_page(index) else {
                return;
            };
            if next > index {
                position = next.saturating_mul(page);
                continue;
            }
            let is_whole = position.is_multiple_of(page) && to.is_multiple_of(page);
            let is_archived = {
                let pages = self.pages.lock();
                pages.boot.is_some_and(|boot| boot.covers(index))
            };
            if is_whole && !is_archived {
                let removed = self.pages.lock().frames.remove(&index);
                drop(removed);
                self.forget_mapped(position..to);
            } else if let Ok(frame) = self.page_for_writing(index) {
                let (from, to) = ((position % page) as usize, (to - index * page) as usize);
                // SAFETY: shared bytes, as in `write_at`.
                unsafe { frame.bytes_mut()[from..to].fill(0) };
            }
            position = to;
        }
    }

    /// Zeroes page `index` from byte `from` on.
    fn clear_tail(&self, index: u64, from: usize) {
        if !self.has_page(index) {
            return;
        }
        if let Ok(frame) = self.page_for_writing(index) {
            // SAFETY: shared bytes, as in `write_at`.
            unsafe { frame.bytes_mut()[from..].fill(0) };
        }
    }
}

impl BootBytes {
    fn covers(&self, index: u64) -> bool {
        index * (PAGE_SIZE as u64) < self.length
    }

    fn page(&self, index: u64) -> Option<Frame> {
        self.covers(index)
            .then(|| Frame::from_boot_archive(self.start + index * PAGE_SIZE as u64))
    }
}
