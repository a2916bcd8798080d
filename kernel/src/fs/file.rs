//! Open file descriptions and what they can refer to.

use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use bitflags::bitflags;
use linux_raw_sys::general as linux;
use spin::Once;

use super::path::Location;
use super::text::TextClaim;
use crate::errno::{Errno, Result};
use crate::memory::object::MemoryObject;
use crate::memory::user::{Destination, Source};
use crate::sync::{SleepMutex, WaitQueue};

bitflags! {
    /// What a file is ready for: the bits of `poll(2)` and `epoll(7)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Events: u32 {
        /// There is data to read, or the end of it.
        const IN = 0x001;
        /// Exceptional condition.
        const PRI = 0x002;
        /// A write would not block.
        const OUT = 0x004;
        /// An error condition; always reported.
        const ERR = 0x008;
        /// The other side is gone; always reported.
        const HUP = 0x010;
        /// The descriptor is not open; `poll(2)` only.
        const NVAL = 0x020;
        /// Normal data may be read.
        const RDNORM = 0x040;
        /// Normal data may be written.
        const WRNORM = 0x100;
        /// The peer has shut down its writing half.
        const RDHUP = 0x2000;
    }
}

/// Something that can be open: a regular file, a pipe's end, a socket, an epoll, …
///
/// The methods that an object does not have answer with the error that Linux gives for
/// such a file. Blocking follows [`OpenFile::is_nonblocking`]; a blocking call that a
/// signal interrupts returns [`Errno::RestartOrEintr`] when nothing was transferred.
pub trait FileObject: Any + Send + Sync {
    /// Reads at the description's position (or from the stream) and moves it.
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        let _ = (file, to);
        Err(Errno::EINVAL)
    }

    /// Writes at the description's position (or to the stream) and moves it.
    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let _ = (file, from);
        Err(Errno::EINVAL)
    }

    /// Reads at `offset` bytes; the position stays.
    fn read_at(&self, file: &OpenFile, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let _ = (file, offset, to);
        Err(Errno::ESPIPE)
    }

    /// Writes at `offset` bytes; the position stays.
    fn write_at(&self, file: &OpenFile, offset: u64, from: &mut Source<'_>) -> Result<usize> {
        let _ = (file, offset, from);
        Err(Errno::ESPIPE)
    }

    /// `lseek(2)`: `whence` is one of Linux's `SEEK_` values; the new position.
    fn seek(&self, file: &OpenFile, offset: i64, whence: u32) -> Result<u64> {
        let _ = (file, offset, whence);
        Err(Errno::ESPIPE)
    }

    /// What the file is ready for, now.
    fn poll(&self, file: &OpenFile) -> Events {
        let _ = file;
        Events::IN | Events::OUT | Events::RDNORM | Events::WRNORM
    }

    /// Told whenever [`FileObject::poll`] may answer differently; None where it never
    /// does.
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// `ioctl(2)`.
    fn ioctl(&self, file: &OpenFile, request: u32, argument: usize) -> Result<usize> {
        let _ = (file, request, argument);
        Err(Errno::ENOTTY)
    }

    /// `fstat(2)`.
    fn stat(&self) -> Result<linux::stat>;

    /// The memory behind the file, for `mmap(2)`.
    fn memory(&self) -> Result<Arc<MemoryObject>> {
        Err(Errno::ENODEV)
    }

    /// `ftruncate(2)`.
    fn truncate(&self, length: u64) -> Result<()> {
        let _ = length;
        Err(Errno::EINVAL)
    }

    /// What opening `/proc/self/fd/N` of this object opens, where it has no inode; `flags`
    /// are those of `open(2)`.
    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileObject>> {
        let _ = flags;
        Err(Errno::ENXIO)
    }

    /// Called when the last descriptor of `file` is closed, before it is dropped.
    fn release(&self, file: &OpenFile) {
        let _ = file;
    }

    /// Whether it may keep other files open: what travels inside of a channel. Asked under
    /// spin locks.
    fn holds_files(&self) -> bool {
        false
    }

    /// Gives `visit` every file that it keeps open and that [holds
    /// files](FileObject::holds_files) itself, with no lock held. Objects that keep one
    /// another open in a circle would never go.
    fn visit_holders(&self, visit: &mut dyn FnMut(Arc<OpenFile>)) {
        let _ = visit;
    }

    /// Lines of `/proc/PID/fdinfo/N` that only this kind of file has, each with its
    /// newline (`proc(5)`).
    fn describe(&self) -> String {
        String::new()
    }

    /// For those who must know which kind of object it is (epoll, sockets, the loader).
    fn as_any(&self) -> &dyn Any;
}

/// An open file description (POSIX.1-2017, 3.258): what one or several descriptors, of
/// one or several processes, refer to.
pub struct OpenFile {
    /// What is open.
    pub object: Arc<dyn FileObject>,
    /// The position, in bytes, of objects that have one.
    pub position: SleepMutex<u64>,
    status: AtomicU32,
    /// The inode that was opened, and by which name; None for what has no name (pipes,
    /// sockets, …).
    location: Option<Location>,
    /// What `/proc/self/fd/N` links to: a path, or `pipe:[ino]` and the like. A path is
    /// made up when it is first asked for.
    name: Once<Vec<u8>>,
    /// The right to write a file that could be run, or the other way round.
    _claim: Option<TextClaim>,
}

impl OpenFile {
    /// Opens `object` with the access mode and status flags of `open(2)` in `flags`.
    #[must_use]
    pub fn new(object: Arc<dyn FileObject>, flags: u32, name: Vec<u8>) -> Arc<Self> {
        Arc::new(Self {
            object,
            position: SleepMutex::new(0),
            status: AtomicU32::new(flags),
            location: None,
            name: Once::initialized(name),
            _claim: None,
        })
    }

    /// As [`OpenFile::new`], for an object that was found at `location`.
    #[must_use]
    pub fn at(object: Arc<dyn FileObject>, flags: u32, location: Location) -> Arc<Self> {
        Self::claiming(object, flags, location, None)
    }

    /// As [`OpenFile::at`], with a claim that it holds while it lives.
    #[must_use]
    pub fn claiming(
        object: Arc<dyn FileObject>,
        flags: u32,
        location: Location,
        claim: Option<TextClaim>,
    ) -> Arc<Self> {
        Arc::new(Self {
            object,
            position: SleepMutex::new(0),
            status: AtomicU32::new(flags),
            name: Once::new(),
            location: Some(location),
            _claim: claim,
        })
    }

    /// The inode that was opened and its name; None for what has none.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Access mode and status flags (`F_GETFL`).
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.status.load(Ordering::Relaxed)
    }

    /// Changes the flags that `F_SETFL` may change.
    pub fn set_flags(&self, flags: u32) {
        let changeable = linux::O_APPEND | linux::O_NONBLOCK | linux::O_DIRECT | linux::O_NOATIME;
        let _ = self
            .status
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
                Some((old & !changeable) | (flags & changeable))
            });
    }

    /// Whether calls that would block answer `EAGAIN`.
    #[must_use]
    pub fn is_nonblocking(&self) -> bool {
        self.flags() & linux::O_NONBLOCK != 0
    }

    /// Whether the access mode allows reading.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let mode = self.flags() & linux::O_ACCMODE;
        self.flags() & linux::O_PATH == 0 && (mode == linux::O_RDONLY || mode == linux::O_RDWR)
    }

    /// Whether the access mode allows writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let mode = self.flags() & linux::O_ACCMODE;
        self.flags() & linux::O_PATH == 0 && (mode == linux::O_WRONLY || mode == linux::O_RDWR)
    }

    /// The path by which it was opened, or `pipe:[ino]` and the like.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.name
            .call_once(|| self.location.as_ref().map_or_else(Vec::new, Location::path))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(locks) = self.location.as_ref().and_then(|found| found.inode.locks()) {
            locks.release_description(self);
        }
        self.object.release(self);
    }
}
