//! The table of a process's file descriptors.

use core::mem;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::file::OpenFile;
use super::locks::{Family, Owner};
use crate::errno::{Errno, Result};
use crate::memory::pressure;
use crate::sync::IrqLock;
use formats::record_locks::Range;

/// Slots of a new table.
const FIRST_SIZE: usize = 64;
/// Most descriptors that any process can have (`fs.nr_open`).
pub const MOST_DESCRIPTORS: usize = 1 << 20;

#[derive(Clone)]
struct Entry {
    file: Arc<OpenFile>,
    closes_on_exec: bool,
}

#[derive(Default)]
struct Slots {
    entries: Vec<Option<Entry>>,
    /// No slot below is free.
    first_free: usize,
}

impl Slots {
    fn free_from(&self, minimum: usize) -> usize {
        let start = minimum.max(self.first_free);
        let rest = self.entries.get(start..).unwrap_or_default();
        match rest.iter().position(Option::is_none) {
            Some(position) => start + position,
            None => start.max(self.entries.len()),
        }
    }

    fn take(&mut self, descriptor: usize) -> Option<Entry> {
        let entry = self.entries.get_mut(descriptor)?.take()?;
        self.first_free = self.first_free.min(descriptor);
        Some(entry)
    }

    /// Fills a slot that exists; gives back what was in it.
    fn put(&mut self, descriptor: usize, entry: Entry) -> Option<Entry> {
        if self.first_free == descriptor {
            self.first_free += 1;
        }
        self.entries
            .get_mut(descriptor)
            .and_then(|slot| slot.replace(entry))
    }
}

/// Which file description each descriptor refers to. Threads, and processes cloned with
/// `CLONE_FILES`, share one table.
///
/// The lock is a leaf: the table grows outside of it, and files are dropped outside of it.
pub struct FdTable {
    slots: IrqLock<Slots>,
    /// Processes that have this table: the last one's end closes the files.
    holders: AtomicUsize,
}

impl Default for FdTable {
    fn default() -> Self {
        Self::new()
    }
}

/// How many descriptors the current process may have (`RLIMIT_NOFILE`).
fn limit() -> usize {
    let (soft, _) = crate::task::current_process().limit(linux::RLIMIT_NOFILE);
    usize::try_from(soft)
        .unwrap_or(usize::MAX)
        .min(MOST_DESCRIPTORS)
}

impl FdTable {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: IrqLock::new(Slots {
                entries: Vec::new(),
                first_free: 0,
            }),
            holders: AtomicUsize::new(1),
        }
    }

    /// What `descriptor` refers to, also where it was opened with `O_PATH`.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn get_any(&self, descriptor: i32) -> Result<Arc<OpenFile>> {
        self.find(descriptor, |_| true)
    }

    /// What `descriptor` refers to, for everything that works on the open object itself.
    ///
    /// # Errors
    /// `EBADF`, also where it was opened with `O_PATH`.
    pub fn get(&self, descriptor: i32) -> Result<Arc<OpenFile>> {
        self.find(descriptor, |file| file.flags() & linux::O_PATH == 0)
    }

    /// Looked at under the lock: nothing is dropped here, which may be the last reference.
    fn find(
        &self,
        descriptor: i32,
        is_wanted: impl FnOnce(&OpenFile) -> bool,
    ) -> Result<Arc<OpenFile>> {
        let descriptor = usize::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        let slots = self.slots.lock();
        let entry = slots.entries.get(descriptor).and_then(Option::as_ref);
        entry
            .map(|entry| &entry.file)
            .filter(|file| is_wanted(file))
            .cloned()
            .ok_or(Errno::EBADF)
    }

    /// Gives `file` the lowest free descriptor.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE` (memory is short), `ENOMEM`.
    pub fn install(&self, file: Arc<OpenFile>, closes_on_exec: bool) -> Result<usize> {
        self.install_from(file, 0, closes_on_exec)
    }

    /// Gives `file` the lowest free descriptor that is not below `minimum`.
    ///
    /// # Errors
    /// As [`FdTable::install`].
    pub fn install_from(
        &self,
        file: Arc<OpenFile>,
        minimum: usize,
        closes_on_exec: bool,
    ) -> Result<usize> {
        pressure::check_room(Errno::ENFILE)?;
        self.fill_from(file, minimum, closes_on_exec)
    }

    /// Gives `file` the lowest free descriptor, where [`FdTable::check_room`] has said that
    /// there is one: this fails only where another thread took it since.
    ///
    /// # Errors
    /// As [`FdTable::install`].
    pub fn install_in_room(&self, file: Arc<OpenFile>, closes_on_exec: bool) -> Result<usize> {
        self.fill_from(file, 0, closes_on_exec)
    }

    fn fill_from(
        &self,
        file: Arc<OpenFile>,
        minimum: usize,
        closes_on_exec: bool,
    ) -> Result<usize> {
        let limit = limit();
        let entry = Entry {
            file,
            closes_on_exec,
        };
        loop {
            let needed = {
                let mut slots = self.slots.lock();
                let descriptor = slots.free_from(minimum);
                if descriptor >= limit {
                    return Err(Errno::EMFILE);
                }
                if descriptor < slots.entries.len() {
                    slots.put(descriptor, entry);
                    return Ok(descriptor);
                }
                descriptor + 1
            };
            self.grow(needed)?;
        }
    }

    /// Makes room for one more; asked before what should have no effect where there is
    /// none.
    ///
    /// # Errors
    /// As [`FdTable::install`].
    pub fn check_room(&self) -> Result<()> {
        pressure::check_room(Errno::ENFILE)?;
        let descriptor = self.slots.lock().free_from(0);
        if descriptor >= limit() {
            return Err(Errno::EMFILE);
        }
        self.grow(descriptor + 1)
    }

    /// Makes `descriptor` refer to `file`; what it referred to is closed (`dup2(2)`).
    ///
    /// # Errors
    /// `EBADF` where `descriptor` is not below the limit; `ENOMEM`.
    pub fn replace(
        &self,
        descriptor: i32,
        file: Arc<OpenFile>,
        closes_on_exec: bool,
    ) -> Result<()> {
        if let Some(before) = self.put(descriptor, file, closes_on_exec)? {
            closed(&before.file);
        }
        Ok(())
    }

    /// Makes `descriptor` refer to `file`, in the table of a process that has not begun:
    /// nothing of what was there has to be undone.
    ///
    /// # Errors
    /// As [`FdTable::replace`].
    pub fn place(&self, descriptor: i32, file: Arc<OpenFile>) -> Result<()> {
        drop(self.put(descriptor, file, false)?);
        Ok(())
    }

    /// Fills the slot of `descriptor`; gives back what was in it.
    fn put(
        &self,
        descriptor: i32,
        file: Arc<OpenFile>,
        closes_on_exec: bool,
    ) -> Result<Option<Entry>> {
        let descriptor = usize::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        if descriptor >= limit() {
            return Err(Errno::EBADF);
        }
        self.grow(descriptor + 1)?;
        let entry = Entry {
            file,
            closes_on_exec,
        };
        let before = self.slots.lock().put(descriptor, entry);
        Ok(before)
    }

    /// Takes `descriptor` out of the table; the file is closed when the answer is dropped
    /// and nobody else refers to it.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn close(&self, descriptor: i32) -> Result<Arc<OpenFile>> {
        let descriptor = usize::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        let entry = self.slots.lock().take(descriptor);
        let file = entry.ok_or(Errno::EBADF)?.file;
        closed(&file);
        Ok(file)
    }

    /// Closes, or marks as closing on exec, all descriptors from `first` to `last`.
    pub fn close_range(&self, first: usize, last: usize, only_mark: bool) {
        let mut descriptor = first;
        while let Some(found) = self.next(descriptor).filter(|found| *found <= last) {
            let taken = {
                let mut slots = self.slots.lock();
                if only_mark {
                    if let Some(Some(entry)) = slots.entries.get_mut(found) {
                        entry.closes_on_exec = true;
                    }
                    None
                } else {
                    slots.take(found)
                }
            };
            if let Some(entry) = taken {
                closed(&entry.file);
            }
            descriptor = found + 1;
        }
    }

    /// Closes what `execve(2)` closes.
    pub fn close_on_exec(&self) {
        let mut descriptor = 0;
        while let Some(found) = self.next(descriptor) {
            let taken = {
                let mut slots = self.slots.lock();
                let entry = slots.entries.get(found).and_then(Option::as_ref);
                match entry {
                    Some(entry) if entry.closes_on_exec => slots.take(found),
                    _ => None,
                }
            };
            if let Some(entry) = taken {
                closed(&entry.file);
            }
            descriptor = found + 1;
        }
    }

    /// One more process has this table (`CLONE_FILES`).
    #[must_use]
    pub fn share(self: &Arc<Self>) -> Arc<Self> {
        self.holders.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }

    /// Whether other processes have this table too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.holders.load(Ordering::Acquire) > 1
    }

    /// A process gives the table up; where it was the last, everything is closed.
    pub fn leave(&self) {
        if self.holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close_all();
        }
    }

    /// A process that never began gives the table up: nothing is closed in its name.
    pub fn abandon(&self) {
        if self.holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            let slots = mem::take(&mut *self.slots.lock());
            drop(slots);
        }
    }

    fn close_all(&self) {
        let slots = mem::take(&mut *self.slots.lock());
        for entry in slots.entries.into_iter().flatten() {
            closed(&entry.file);
        }
    }

    /// The first open descriptor that is not below `descriptor`.
    #[must_use]
    pub fn next(&self, descriptor: usize) -> Option<usize> {
        let slots = self.slots.lock();
        let rest = slots.entries.get(descriptor..)?;
        let position = rest.iter().position(Option::is_some)?;
        Some(descriptor + position)
    }

    /// How many slots there are (`FDSize` in `/proc/self/status`).
    #[must_use]
    pub fn size(&self) -> usize {
        self.slots.lock().entries.len().max(FIRST_SIZE)
    }

    /// Whether `descriptor` is closed by `execve(2)`.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn closes_on_exec(&self, descriptor: i32) -> Result<bool> {
        let descriptor = usize::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        let slots = self.slots.lock();
        let entry = slots.entries.get(descriptor).and_then(Option::as_ref);
        entry.map(|entry| entry.closes_on_exec).ok_or(Errno::EBADF)
    }

    /// Sets whether `descriptor` is closed by `execve(2)`.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_closes_on_exec(&self, descriptor: i32, closes: bool) -> Result<()> {
        let descriptor = usize::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        let mut slots = self.slots.lock();
        let entry = slots.entries.get_mut(descriptor).and_then(Option::as_mut);
        entry.ok_or(Errno::EBADF)?.closes_on_exec = closes;
        Ok(())
    }

    /// A copy for a forked child: the same descriptions.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn fork(&self) -> Result<Arc<Self>> {
        let mut entries: Vec<Option<Entry>> = Vec::new();
        loop {
            let needed = self.slots.lock().entries.len();
            pressure::reserve_exact(&mut entries, needed, Errno::ENOMEM)?;
            let slots = self.slots.lock();
            if slots.entries.len() > entries.capacity() {
                continue;
            }
            entries.extend(slots.entries.iter().cloned());
            let first_free = slots.first_free;
            drop(slots);
            return Ok(Arc::new(Self {
                slots: IrqLock::new(Slots {
                    entries,
                    first_free,
                }),
                holders: AtomicUsize::new(1),
            }));
        }
    }

    /// Makes at least `needed` slots. The new vector is allocated outside of the lock.
    fn grow(&self, needed: usize) -> Result<()> {
        loop {
            let size = self.slots.lock().entries.len();
            if size >= needed {
                return Ok(());
            }
            let wanted = needed.next_power_of_two().max(FIRST_SIZE);
            let mut larger: Vec<Option<Entry>> = Vec::new();
            pressure::reserve_exact(&mut larger, wanted, Errno::ENOMEM)?;
            let old = {
                let mut slots = self.slots.lock();
                if slots.entries.len() >= wanted {
                    continue;
                }
                larger.append(&mut slots.entries);
                larger.resize_with(wanted, || None);
                mem::replace(&mut slots.entries, larger)
            };
            drop(old);
        }
    }
}

/// What closing any descriptor of a file does: the process's record locks on it go
/// (`fcntl(2)`: "bad semantics", but POSIX's).
fn closed(file: &OpenFile) {
    if let Some(locks) = file.location().and_then(|found| found.inode.locks()) {
        let owner = Owner::Process(crate::task::current_process().id());
        locks.release(Family::Record, owner, Range::WHOLE);
    }
}
