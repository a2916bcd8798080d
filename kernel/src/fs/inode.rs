//! Inodes: what names in directories refer to, and what can be asked of them.
//!
//! Here: the trait and its plain data. Not here: any file system ([`super::tmpfs`],
//! [`super::pseudo`]), nor permission checks: an inode does what it is told, and
//! [`super::permission`] and the system calls ask before.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::extended::ExtendedAttributes;
use super::file::FileObject;
use super::locks::FileLocks;
use super::path::Location;
use super::text::TextUse;
use crate::errno::{Errno, Result};

/// The file types of `st_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket's place.
    Socket,
}

impl Kind {
    /// The type bits of `st_mode`.
    #[must_use]
    pub fn mode_bits(self) -> u32 {
        match self {
            Self::File => linux::S_IFREG,
            Self::Directory => linux::S_IFDIR,
            Self::Symlink => linux::S_IFLNK,
            Self::CharacterDevice => linux::S_IFCHR,
            Self::BlockDevice => linux::S_IFBLK,
            Self::Fifo => linux::S_IFIFO,
            Self::Socket => linux::S_IFSOCK,
        }
    }

    /// The type that `mode` names in its type bits.
    #[must_use]
    pub fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & linux::S_IFMT {
            linux::S_IFREG => Self::File,
            linux::S_IFDIR => Self::Directory,
            linux::S_IFLNK => Self::Symlink,
            linux::S_IFCHR => Self::CharacterDevice,
            linux::S_IFBLK => Self::BlockDevice,
            linux::S_IFIFO => Self::Fifo,
            linux::S_IFSOCK => Self::Socket,
            _ => return None,
        })
    }

    /// `d_type` of `getdents64(2)`.
    #[must_use]
    pub fn directory_type(self) -> u8 {
        (self.mode_bits() >> 12) as u8
    }
}

/// A point in time of a file: seconds since 1970, which may be negative, and nanoseconds
/// below one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds.
    pub nanos: u32,
}

impl Time {
    /// The time of day.
    #[must_use]
    pub fn now() -> Self {
        let nanos = crate::time::realtime_nanos();
        Self {
            seconds: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
            nanos: (nanos % 1_000_000_000) as u32,
        }
    }
}

/// What `stat(2)` and `statx(2)` tell.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    /// Device number of the file system, as [`device_number`] makes it.
    pub device: u64,
    /// Inode number, unique within `device`.
    pub ino: u64,
    /// File type.
    pub kind: Kind,
    /// Permission, set-id and sticky bits (07777).
    pub permissions: u32,
    /// Number of names.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Which device a device node is.
    pub rdev: u64,
    /// Length in bytes.
    pub size: u64,
    /// Memory taken, in units of 512 bytes.
    pub blocks: u64,
    /// Last read.
    pub accessed: Time,
    /// Last change of the contents.
    pub modified: Time,
    /// Last change of the metadata.
    pub changed: Time,
    /// Creation, where the file system keeps it.
    pub born: Option<Time>,
}

impl Metadata {
    /// `st_mode`.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.kind.mode_bits() | self.permissions
    }

    /// The structure of `stat(2)`.
    #[must_use]
    pub fn to_stat(self) -> linux::stat {
        linux::stat {
            st_dev: self.device,
            st_ino: self.ino,
            st_nlink: u64::from(self.links),
            st_mode: self.mode(),
            st_uid: self.uid,
            st_gid: self.gid,
            __pad0: 0,
            st_rdev: self.rdev,
            st_size: self.size.cast_signed(),
            st_blksize: 4096,
            st_blocks: self.blocks.cast_signed(),
            st_atime: self.accessed.seconds.cast_unsigned(),
            st_atime_nsec: u64::from(self.accessed.nanos),
            st_mtime: self.modified.seconds.cast_unsigned(),
            st_mtime_nsec: u64::from(self.modified.nanos),
            st_ctime: self.changed.seconds.cast_unsigned(),
            st_ctime_nsec: u64::from(self.changed.nanos),
            __unused: [0; 3],
        }
    }
}

/// `dev_t` as system calls carry it (`new_encode_dev`).
#[must_use]
pub const fn device_number(major: u32, minor: u32) -> u64 {
    (minor as u64 & 0xff) | ((major as u64) << 8) | ((minor as u64 & !0xff) << 12)
}

/// Major and minor number of a `dev_t`.
#[must_use]
pub const fn device_parts(device: u64) -> (u32, u32) {
    (
        (device >> 8) as u32 & 0xfff,
        (device & 0xff) as u32 | ((device >> 12) as u32 & 0xfff_ff00),
    )
}

/// What to make in a directory.
pub struct NewInode {
    /// What it is, with what that needs.
    pub content: NewContent,
    /// Permissions, with the umask already applied.
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// See [`NewInode`].
pub enum NewContent {
    /// An empty regular file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link to this path.
    Symlink(Vec<u8>),
    /// A device node; the kind is one of the two devices.
    Device(Kind, u64),
    /// A named pipe.
    Fifo,
    /// The place of a bound socket.
    Socket,
}

/// A change of metadata; what is None stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// Permission bits (07777).
    pub permissions: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last read.
    pub accessed: Option<Time>,
    /// Last change of the contents.
    pub modified: Option<Time>,
}

/// One name that a directory lists.
pub struct DirectoryEntry<'a> {
    /// The name.
    pub name: &'a [u8],
    /// Inode number.
    pub ino: u64,
    /// File type.
    pub kind: Kind,
    /// Where the listing goes on behind this entry.
    pub cookie: u64,
}

/// What becomes of a name that is already there when something is renamed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It is replaced where POSIX allows it.
    Yes,
    /// `EEXIST` (`RENAME_NOREPLACE`).
    No,
    /// The two change places (`RENAME_EXCHANGE`).
    Exchange,
}

/// Something that a name can refer to. What an inode cannot do answers with the error
/// that Linux gives for such a file.
pub trait Inode: Any + Send + Sync {
    /// Everything `stat(2)` tells, at one moment.
    fn metadata(&self) -> Metadata;

    /// File type; never changes.
    fn kind(&self) -> Kind {
        self.metadata().kind
    }

    /// Device and inode number: the same for two inodes only if they are one.
    fn identity(&self) -> (u64, u64) {
        let metadata = self.metadata();
        (metadata.device, metadata.ino)
    }

    /// What `name` (neither `.` nor `..`) refers to in this directory.
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let _ = name;
        Err(Errno::ENOTDIR)
    }

    /// The directory that holds this one; None at the root of a file system.
    fn parent(&self) -> Option<Arc<dyn Inode>> {
        None
    }

    /// This directory's name in its parent.
    fn name(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Makes `name` in this directory.
    fn create(&self, name: &[u8], new: NewInode) -> Result<Arc<dyn Inode>> {
        let _ = (name, new);
        Err(Errno::EPERM)
    }

    /// A new regular file on this directory's file system, without a name.
    fn create_unnamed(&self, new: NewInode, is_linkable: bool) -> Result<Arc<dyn Inode>> {
        let _ = (new, is_linkable);
        Err(Errno::EOPNOTSUPP)
    }

    /// Makes `name` in this directory another name of `inode`.
    fn link(&self, name: &[u8], inode: &Arc<dyn Inode>) -> Result<()> {
        let _ = (name, inode);
        Err(Errno::EPERM)
    }

    /// Removes a name that is no directory's.
    fn unlink(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::EPERM)
    }

    /// Removes an empty directory.
    fn rmdir(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::EPERM)
    }

    /// Moves `old` to the name `new` in directory `to`.
    fn rename(&self, old: &[u8], to: &Arc<dyn Inode>, new: &[u8], replace: Replace) -> Result<()> {
        let _ = (old, to, new, replace);
        Err(Errno::EPERM)
    }

    /// Calls `emit` for the entries behind cookie `after` (0 is the start) until it says
    /// false.
    fn list(&self, after: u64, emit: &mut dyn FnMut(DirectoryEntry<'_>) -> bool) -> Result<()> {
        let _ = (after, emit);
        Err(Errno::ENOTDIR)
    }

    /// A symbolic link's text.
    fn target(&self) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// Where a link leads that goes by no path (`/proc/self/fd/N`).
    fn follow(&self) -> Option<Result<Location>> {
        None
    }

    /// What an open file description of this inode refers to. `flags` are those of
    /// `open(2)`; may block (a FIFO waits for its other side).
    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn FileObject>>;

    /// Changes metadata.
    fn change(&self, change: &Change) -> Result<()> {
        let _ = change;
        Err(Errno::EPERM)
    }

    /// `truncate(2)`.
    fn truncate(&self, length: u64) -> Result<()> {
        let _ = length;
        Err(Errno::EINVAL)
    }

    /// Extended attributes, where the file system has them.
    fn extended_attributes(&self) -> Option<&ExtendedAttributes> {
        None
    }

    /// Advisory locks, where the file can have them.
    fn locks(&self) -> Option<&FileLocks> {
        None
    }

    /// Whether it is written or run, where it can be a program.
    fn text_use(&self) -> Option<&TextUse> {
        None
    }

    /// `statfs(2)` of the file system it is on.
    fn statfs(&self) -> linux::statfs;

    /// For those who must know which kind of inode it is.
    fn as_any(&self) -> &dyn Any;
}

/// Whether `one` and `other` are the same inode.
#[must_use]
pub fn is_same(one: &dyn Inode, other: &dyn Inode) -> bool {
    one.identity() == other.identity()
}
