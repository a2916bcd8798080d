//! The file system in memory: the root, /dev, /tmp and /dev/shm are each one of these.
//!
//! - `mod.rs`: one file system, its inodes and their metadata.
//! - `directory.rs`: names in directories. `rename.rs`: moving them.
//! - `data.rs`: the bytes of regular files.
//! - `special.rs`: places of sockets.
//!
//! Locks, outermost first: the file system's `renaming`; directories' `children`, an
//! ancestor before its descendants, otherwise the lower inode number first; a file's
//! `writing`; any inode's `attributes` (a leaf).

mod data;
mod directory;
mod rename;
mod special;

use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use linux_raw_sys::general as linux;

use super::extended::ExtendedAttributes;
use super::file::FileObject;
use super::inode::{
    Change, DirectoryEntry, Inode, Kind, Metadata, NewContent, NewInode, Replace, Time,
};
use super::locks::FileLocks;
use super::text::TextUse;
use crate::errno::{Errno, Result};
use crate::memory::PAGE_SIZE;
use crate::memory::object::MemoryObject;
use crate::memory::pressure;
use crate::sync::{IrqLock, SleepMutex};
pub use data::Data;
pub(in crate::fs) use data::seek_to;
use directory::Directory;
pub use special::SocketPlace;

/// One file system in memory.
pub struct TmpFs {
    device: u64,
    next_ino: AtomicU64,
    /// Held while a directory moves from one directory to another, so that no circle
    /// comes about.
    renaming: SleepMutex<()>,
}

impl TmpFs {
    /// A new file system; its root directory has these permissions and is the
    /// superuser's.
    #[must_use]
    pub fn root(permissions: u32) -> Arc<Node> {
        let system = Arc::new(Self {
            device: super::mount::anonymous_device(),
            next_ino: AtomicU64::new(1),
            renaming: SleepMutex::new(()),
        });
        Node::new(
            &system,
            super::root_owned(NewContent::Directory, permissions),
            2,
        )
    }
}

/// What changes about any inode.
#[derive(Clone, Copy)]
struct Attributes {
    permissions: u32,
    links: u32,
    uid: u32,
    gid: u32,
    accessed: Time,
    modified: Time,
    changed: Time,
    born: Time,
    /// Made with `O_TMPFILE` and not yet linked: a first name may be given.
    is_linkable: bool,
}

/// An inode.
pub struct Node {
    system: Arc<TmpFs>,
    ino: u64,
    me: Weak<Self>,
    attributes: IrqLock<Attributes>,
    extended: ExtendedAttributes,
    locks: FileLocks,
    content: Content,
}

enum Content {
    File(Data),
    Directory(Directory),
    Symlink(Vec<u8>),
    Device(Kind, u64),
    Fifo,
    Socket(SocketPlace),
}

impl Node {
    fn new(system: &Arc<TmpFs>, new: NewInode, links: u32) -> Arc<Self> {
        let content = match new.content {
            NewContent::File => Content::File(Data::new(MemoryObject::new(0))),
            NewContent::Directory => Content::Directory(Directory::default()),
            NewContent::Symlink(target) => Content::Symlink(target),
            NewContent::Device(kind, device) => Content::Device(kind, device),
            NewContent::Fifo => Content::Fifo,
            NewContent::Socket => Content::Socket(SocketPlace::default()),
        };
        Self::with_content(system, content, (new.permissions, new.uid, new.gid), links)
    }

    fn with_content(
        system: &Arc<TmpFs>,
        content: Content,
        (permissions, uid, gid): (u32, u32, u32),
        links: u32,
    ) -> Arc<Self> {
        let now = Time::now();
        Arc::new_cyclic(|me| Self {
            system: system.clone(),
            ino: system.next_ino.fetch_add(1, Ordering::Relaxed),
            me: me.clone(),
            attributes: IrqLock::new(Attributes {
                permissions,
                links,
                uid,
                gid,
                accessed: now,
                modified: now,
                changed: now,
                born: now,
                is_linkable: false,
            }),
            extended: ExtendedAttributes::new(),
            locks: FileLocks::new(),
            content,
        })
    }

    /// A regular file of `data` that has no name yet and may be given one; `owner` is
    /// user and group.
    #[must_use]
    pub fn unlinked_file(
        system: &Arc<TmpFs>,
        data: Data,
        permissions: u32,
        owner: (u32, u32),
    ) -> Arc<Self> {
        let (uid, gid) = owner;
        let node = Self::with_content(system, Content::File(data), (permissions, uid, gid), 0);
        node.attributes.lock().is_linkable = true;
        node
    }

    /// A file that was made without a name never gets one.
    pub fn forbid_names(&self) {
        self.attributes.lock().is_linkable = false;
    }

    /// The file system it is on.
    #[must_use]
    pub fn system(&self) -> &Arc<TmpFs> {
        &self.system
    }

    /// A regular file's bytes.
    ///
    /// # Errors
    /// `EISDIR` for a directory, `EINVAL` for all else.
    pub fn data(&self) -> Result<&Data> {
        match &self.content {
            Content::File(data) => Ok(data),
            Content::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    /// A socket's place.
    #[must_use]
    pub fn socket_place(&self) -> Option<&SocketPlace> {
        match &self.content {
            Content::Socket(place) => Some(place),
            _ => None,
        }
    }

    fn directory(&self) -> Result<&Directory> {
        match &self.content {
            Content::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn arc(&self) -> Result<Arc<Self>> {
        self.me.upgrade().ok_or(Errno::ENOENT)
    }

    /// Notes a change of the contents, and so of the metadata.
    fn touch_modified(&self) {
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        attributes.modified = now;
        attributes.changed = now;
    }

    fn touch_changed(&self) {
        self.attributes.lock().changed = Time::now();
    }

    /// Notes a read, as a mount with `relatime` does: only where the last noted one is
    /// older than the last change, or than a day.
    fn touch_accessed(&self) {
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        if attributes.accessed <= attributes.modified
            || attributes.accessed <= attributes.changed
            || now.seconds.saturating_sub(attributes.accessed.seconds) >= 24 * 3600
        {
            attributes.accessed = now;
        }
    }

    fn change_links(&self, difference: i32) {
        let mut attributes = self.attributes.lock();
        attributes.links = attributes.links.saturating_add_signed(difference);
    }

    /// Takes one name away from it and notes the time.
    fn lose_link(&self) {
        self.change_links(-1);
        self.touch_changed();
    }
}

impl Inode for Node {
    fn metadata(&self) -> Metadata {
        let (size, blocks) = match &self.content {
            Content::File(data) => (data.memory().length(), data.blocks()),
            Content::Directory(directory) => (directory.size(), 0),
            Content::Symlink(target) => (target.len() as u64, 0),
            _ => (0, 0),
        };
        let attributes = *self.attributes.lock();
        Metadata {
            device: self.system.device,
            ino: self.ino,
            kind: self.kind(),
            permissions: attributes.permissions,
            links: attributes.links,
            uid: attributes.uid,
            gid: attributes.gid,
            rdev: match &self.content {
                Content::Device(_, device) => *device,
                _ => 0,
            },
            size,
            blocks,
            accessed: attributes.accessed,
            modified: attributes.modified,
            changed: attributes.changed,
            born: Some(attributes.born),
        }
    }

    fn kind(&self) -> Kind {
        match &self.content {
            Content::File(_) => Kind::File,
            Content::Directory(_) => Kind::Directory,
            Content::Symlink(_) => Kind::Symlink,
            Content::Device(kind, _) => *kind,
            Content::Fifo => Kind::Fifo,
            Content::Socket(_) => Kind::Socket,
        }
    }

    fn identity(&self) -> (u64, u64) {
        (self.system.device, self.ino)
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        Ok(self.directory()?.get(name)?)
    }

    fn parent(&self) -> Option<Arc<dyn Inode>> {
        let (parent, _) = self.directory().ok()?.place()?;
        Some(parent)
    }

    fn name(&self) -> Vec<u8> {
        let place = self.directory().ok().and_then(Directory::place);
        place.map(|(_, name)| name).unwrap_or_default()
    }

    fn create(&self, name: &[u8], new: NewInode) -> Result<Arc<dyn Inode>> {
        pressure::check_room(Errno::ENOSPC)?;
        Ok(self.create_child(name, new)?)
    }

    fn create_unnamed(&self, new: NewInode, is_linkable: bool) -> Result<Arc<dyn Inode>> {
        pressure::check_room(Errno::ENOSPC)?;
        let node = Self::new(&self.system, new, 0);
        node.attributes.lock().is_linkable = is_linkable;
        Ok(node)
    }

    fn link(&self, name: &[u8], inode: &Arc<dyn Inode>) -> Result<()> {
        let node = inode.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        self.link_child(name, &node.arc()?)
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        self.unlink_child(name)
    }

    fn rmdir(&self, name: &[u8]) -> Result<()> {
        self.remove_directory(name)
    }

    fn rename(&self, old: &[u8], to: &Arc<dyn Inode>, new: &[u8], replace: Replace) -> Result<()> {
        let to = to.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if !Arc::ptr_eq(&self.system, &to.system) {
            return Err(Errno::EXDEV);
        }
        rename::rename(&*self.arc()?, old, &*to.arc()?, new, replace)
    }

    fn list(&self, after: u64, emit: &mut dyn FnMut(DirectoryEntry<'_>) -> bool) -> Result<()> {
        self.directory()?.list(after, emit);
        self.touch_accessed();
        Ok(())
    }

    fn target(&self) -> Result<Vec<u8>> {
        match &self.content {
            Content::Symlink(target) => {
                self.touch_accessed();
                Ok(target.clone())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn FileObject>> {
        match &self.content {
            Content::File(_) | Content::Directory(_) => Ok(self),
            Content::Symlink(_) => Err(Errno::ELOOP),
            Content::Device(_, device) => {
                let device = *device;
                super::devices::open(self, device, flags)
            }
            Content::Fifo => super::pipe::open_fifo(self, flags),
            Content::Socket(_) => Err(Errno::ENXIO),
        }
    }

    fn change(&self, change: &Change) -> Result<()> {
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        attributes.permissions = change.permissions.unwrap_or(attributes.permissions);
        attributes.uid = change.uid.unwrap_or(attributes.uid);
        attributes.gid = change.gid.unwrap_or(attributes.gid);
        attributes.accessed = change.accessed.unwrap_or(attributes.accessed);
        attributes.modified = change.modified.unwrap_or(attributes.modified);
        attributes.changed = now;
        Ok(())
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.data()?.set_length(length)?;
        self.note_write();
        Ok(())
    }

    fn extended_attributes(&self) -> Option<&ExtendedAttributes> {
        Some(&self.extended)
    }

    fn locks(&self) -> Option<&FileLocks> {
        Some(&self.locks)
    }

    fn text_use(&self) -> Option<&TextUse> {
        match &self.content {
            Content::File(data) => Some(data.text_use()),
            _ => None,
        }
    }

    fn statfs(&self) -> linux::statfs {
        let memory = crate::memory::frame::memory_info();
        let mut answer = super::empty_statfs(linux::TMPFS_MAGIC, self.system.device);
        // There is no limit but the machine's memory, which all share: what is used is
        // not only this file system's.
        answer.f_blocks = (memory.total / PAGE_SIZE as u64).cast_signed();
        answer.f_bfree = (pressure::room() / PAGE_SIZE as u64).cast_signed();
        answer.f_bavail = answer.f_bfree;
        answer.f_files = answer.f_blocks;
        answer.f_ffree = answer.f_bfree;
        answer
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
