//! The bytes of regular files: reading, writing, holes, seals.

use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::Node;
use crate::errno::{Errno, Result};
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::fs::inode::{Inode, Kind};
use crate::fs::text::TextUse;
use crate::memory::PAGE_SIZE;
use crate::memory::object::MemoryObject;
use crate::memory::pressure;
use crate::memory::user::{Destination, Source};
use crate::sync::SleepMutex;

/// Longest file, in bytes.
pub const MAX_LENGTH: u64 = i64::MAX as u64;

/// The bytes of one regular file.
pub struct Data {
    memory: Arc<MemoryObject>,
    /// Held while the file is written or its length changes: an append is atomic.
    writing: SleepMutex<()>,
    /// `F_SEAL_` bits; what cannot be sealed has `F_SEAL_SEAL` from the start.
    seals: AtomicU32,
    /// Bytes shown straight from the boot archive: they count as memory taken.
    archived: u64,
    text_use: TextUse,
}

impl Data {
    /// The bytes of `memory`, which cannot be sealed.
    #[must_use]
    pub fn new(memory: Arc<MemoryObject>) -> Self {
        Self::with_seals(memory, linux::F_SEAL_SEAL)
    }

    /// As [`Data::new`], with these seals.
    #[must_use]
    pub fn with_seals(memory: Arc<MemoryObject>, seals: u32) -> Self {
        Self {
            memory,
            writing: SleepMutex::new(()),
            seals: AtomicU32::new(seals),
            archived: 0,
            text_use: TextUse::default(),
        }
    }

    /// Bytes that lie in the boot archive.
    #[must_use]
    pub fn from_archive(memory: Arc<MemoryObject>, archived: u64) -> Self {
        Self {
            archived,
            ..Self::new(memory)
        }
    }

    /// The memory itself.
    #[must_use]
    pub fn memory(&self) -> &Arc<MemoryObject> {
        &self.memory
    }

    /// Whether it is written or run.
    #[must_use]
    pub fn text_use(&self) -> &TextUse {
        &self.text_use
    }

    /// Memory taken, in units of 512 bytes.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        let shown = self.archived.next_multiple_of(PAGE_SIZE as u64);
        let whole = self.memory.length().next_multiple_of(PAGE_SIZE as u64);
        (self.memory.resident().max(shown.min(whole))) / 512
    }

    /// `F_GET_SEALS`.
    #[must_use]
    pub fn seals(&self) -> u32 {
        self.seals.load(Ordering::Acquire)
    }

    /// `F_ADD_SEALS`.
    ///
    /// # Errors
    /// `EPERM` where it is sealed against that.
    pub fn add_seals(&self, seals: u32) -> Result<()> {
        let _writing = self.writing.lock();
        if self.seals() & linux::F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        self.seals.fetch_or(seals, Ordering::AcqRel);
        Ok(())
    }

    fn is_sealed(&self, seals: u32) -> bool {
        self.seals() & seals != 0
    }

    /// Sets the length; what is new reads as zeros.
    pub fn set_length(&self, length: u64) -> Result<()> {
        if length > MAX_LENGTH {
            return Err(Errno::EFBIG);
        }
        let _writing = self.writing.lock();
        let old = self.memory.length();
        if (length < old && self.is_sealed(linux::F_SEAL_SHRINK))
            || (length > old && self.is_sealed(linux::F_SEAL_GROW))
        {
            return Err(Errno::EPERM);
        }
        self.memory.set_length(length);
        Ok(())
    }

    /// Writes at `offset`, or at the end; says where and how much.
    fn write(&self, offset: Option<u64>, from: &mut Source<'_>) -> Result<(u64, usize)> {
        let _writing = self.writing.lock();
        let end = self.memory.length();
        let offset = offset.unwrap_or(end);
        if from.remaining() == 0 {
            return Ok((offset, 0));
        }
        if self.is_sealed(linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE) {
            return Err(Errno::EPERM);
        }
        crate::fs::limit_write(offset, from)?;
        let room = MAX_LENGTH.checked_sub(offset).filter(|room| *room > 0);
        from.shorten(usize::try_from(room.ok_or(Errno::EFBIG)?).unwrap_or(usize::MAX));
        if offset.saturating_add(from.remaining() as u64) > end
            && self.is_sealed(linux::F_SEAL_GROW)
        {
            return Err(Errno::EPERM);
        }
        if offset.saturating_add(from.remaining() as u64) > end {
            let room = usize::try_from(pressure::room()).unwrap_or(usize::MAX);
            if room == 0 {
                return Err(Errno::ENOSPC);
            }
            from.shorten(room);
        }
        let written = self.memory.write_at(offset, from)?;
        Ok((offset, written))
    }

    /// `fallocate(2)`.
    pub fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let end = offset.checked_add(length).filter(|end| *end <= MAX_LENGTH);
        let end = end.ok_or(Errno::EFBIG)?;
        let _writing = self.writing.lock();
        if mode & linux::FALLOC_FL_PUNCH_HOLE != 0 {
            if self.is_sealed(linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE) {
                return Err(Errno::EPERM);
            }
            self.memory.punch(offset, end);
            return Ok(());
        }
        let grows = mode & linux::FALLOC_FL_KEEP_SIZE == 0 && end > self.memory.length();
        if grows && self.is_sealed(linux::F_SEAL_GROW) {
            return Err(Errno::EPERM);
        }
        if end - offset > pressure::room() {
            return Err(Errno::ENOSPC);
        }
        let page = PAGE_SIZE as u64;
        for index in offset / page..end.div_ceil(page) {
            self.memory
                .page_for_writing(index)
                .map_err(|_| Errno::ENOSPC)?;
        }
        if grows {
            self.memory.set_length(end);
        }
        Ok(())
    }

    /// `SEEK_DATA` and `SEEK_HOLE`.
    fn seek_data(&self, offset: i64, for_data: bool) -> Result<u64> {
        let end = self.memory.length();
        let offset = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
        if offset >= end {
            return Err(Errno::ENXIO);
        }
        let page = PAGE_SIZE as u64;
        let found = if for_data {
            let index = self.memory.next_page(offset / page).ok_or(Errno::ENXIO)?;
            index.saturating_mul(page).max(offset)
        } else {
            let index = self.memory.next_hole(offset / page);
            index.saturating_mul(page).max(offset).min(end)
        };
        if for_data && found >= end {
            return Err(Errno::ENXIO);
        }
        Ok(found)
    }
}

/// `lseek(2)` for the whences that every seekable file has.
pub(in crate::fs) fn seek_to(position: u64, end: u64, offset: i64, whence: u32) -> Result<u64> {
    let base = match whence {
        linux::SEEK_SET => 0,
        linux::SEEK_CUR => position,
        linux::SEEK_END => end,
        _ => return Err(Errno::EINVAL),
    };
    let base = i64::try_from(base).map_err(|_| Errno::EOVERFLOW)?;
    let target = base.checked_add(offset).ok_or(Errno::EOVERFLOW)?;
    u64::try_from(target).map_err(|_| Errno::EINVAL)
}

impl FileObject for Node {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        let mut position = file.position.lock();
        let read = self.read_at(file, *position, to)?;
        *position += read as u64;
        Ok(read)
    }

    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let data = self.data()?;
        let mut position = file.position.lock();
        let appends = file.flags() & linux::O_APPEND != 0;
        let (offset, written) = data.write((!appends).then_some(*position), from)?;
        *position = offset + written as u64;
        if written > 0 {
            self.note_write();
        }
        Ok(written)
    }

    fn read_at(&self, file: &OpenFile, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let read = self.data()?.memory.read_at(offset, to)?;
        if file.flags() & linux::O_NOATIME == 0 {
            self.touch_accessed();
        }
        Ok(read)
    }

    fn write_at(&self, file: &OpenFile, offset: u64, from: &mut Source<'_>) -> Result<usize> {
        // pwrite(2), "Bugs": with O_APPEND Linux appends whatever the offset is.
        let appends = file.flags() & linux::O_APPEND != 0;
        let (_, written) = self.data()?.write((!appends).then_some(offset), from)?;
        if written > 0 {
            self.note_write();
        }
        Ok(written)
    }

    fn seek(&self, file: &OpenFile, offset: i64, whence: u32) -> Result<u64> {
        let mut position = file.position.lock();
        let target = match self.data() {
            Ok(data) => match whence {
                linux::SEEK_DATA | linux::SEEK_HOLE => {
                    data.seek_data(offset, whence == linux::SEEK_DATA)?
                }
                _ => seek_to(*position, data.memory.length(), offset, whence)?,
            },
            // A directory's position is the cookie of the last entry that was listed.
            Err(_) if whence == linux::SEEK_END => return Err(Errno::EINVAL),
            Err(_) => seek_to(*position, 0, offset, whence)?,
        };
        *position = target;
        Ok(target)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        Events::IN | Events::OUT | Events::RDNORM | Events::WRNORM
    }

    fn ioctl(&self, file: &OpenFile, request: u32, argument: usize) -> Result<usize> {
        if request != linux_raw_sys::ioctl::FIONREAD || self.kind() != Kind::File {
            return Err(Errno::ENOTTY);
        }
        let position = *file.position.lock();
        let left = self.data()?.memory.length().saturating_sub(position);
        let left = i32::try_from(left).unwrap_or(i32::MAX);
        crate::memory::user::write(argument, &left)?;
        Ok(0)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.metadata().to_stat())
    }

    fn memory(&self) -> Result<Arc<MemoryObject>> {
        self.data()
            .map(|data| data.memory.clone())
            .map_err(|_| Errno::ENODEV)
    }

    fn truncate(&self, length: u64) -> Result<()> {
        Inode::truncate(self, length)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Node {
    /// Notes a change of the contents: times, and the set-id bits, which a write by anybody but the
    /// superuser takes away.
    pub fn note_write(&self) {
        self.touch_modified();
        let set_id = linux::S_ISUID | linux::S_ISGID;
        let permissions = self.attributes.lock().permissions;
        if permissions & set_id == 0 || crate::fs::caller().is_root() {
            return;
        }
        let is_group_executable = permissions & linux::S_IXGRP != 0;
        let lost = if is_group_executable {
            set_id
        } else {
            linux::S_ISUID
        };
        self.attributes.lock().permissions &= !lost;
    }
}
