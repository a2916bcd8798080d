//! Directories and files that are made up when they are read: what /proc and /sys are
//! built of.
//!
//! An inode here lives only as long as somebody refers to it; its number is computed from
//! its path, so that the next lookup gives the same one. A file's text is made anew by
//! every read at offset 0 and stays for the reads behind it: one open file shows one
//! moment.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::file::{FileObject, OpenFile};
use super::inode::{DirectoryEntry, Inode, Kind, Metadata, Time};
use super::path::Location;
use super::tmpfs::seek_to;
use crate::errno::{Errno, Result};
use crate::memory::user::Destination;
use crate::sync::SleepMutex;

/// Makes a file's text.
pub type Text = Arc<dyn Fn() -> Result<Vec<u8>> + Send + Sync>;
/// Tells where a link leads that goes by no path.
pub type Jump = Arc<dyn Fn() -> Result<Location> + Send + Sync>;

/// What a node is.
#[derive(Clone)]
pub enum Body {
    /// A directory.
    Directory(Arc<dyn Listing>),
    /// A file.
    Text(Text),
    /// A symbolic link by its text.
    Link(Text),
    /// A symbolic link that is followed without looking at its text.
    Jump(Text, Jump),
}

impl Body {
    /// A file's body from a function.
    #[must_use]
    pub fn text(make: impl Fn() -> Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::Text(Arc::new(make))
    }

    /// A link's body from a function.
    #[must_use]
    pub fn link(make: impl Fn() -> Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::Link(Arc::new(make))
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Directory(_) => Kind::Directory,
            Self::Text(_) => Kind::File,
            Self::Link(_) | Self::Jump(..) => Kind::Symlink,
        }
    }
}

/// A child of a directory.
#[derive(Clone)]
pub struct Child {
    /// What it is.
    pub body: Body,
    /// Permissions.
    pub permissions: u32,
    /// User and group.
    pub owner: (u32, u32),
}

impl Child {
    /// A child that is the superuser's.
    #[must_use]
    pub fn new(body: Body, permissions: u32) -> Self {
        Self {
            body,
            permissions,
            owner: (0, 0),
        }
    }
}

/// The names in a directory.
pub trait Listing: Send + Sync {
    /// All names, in an order that stays, with a number that is never 0 and grows from
    /// one to the next.
    fn names(&self) -> Vec<(u64, Vec<u8>)>;

    /// What a name refers to.
    fn get(&self, name: &[u8]) -> Option<Child>;
}

/// A file system of such nodes.
pub struct System {
    device: u64,
    magic: u32,
    born: Time,
}

impl System {
    /// A new file system; `magic` is `f_type` of `statfs(2)`. Returns its root.
    #[must_use]
    pub fn root(magic: u32, listing: Arc<dyn Listing>) -> Arc<Node> {
        let system = Arc::new(Self {
            device: super::mount::anonymous_device(),
            magic,
            born: Time::now(),
        });
        Arc::new_cyclic(|me| Node {
            me: me.clone(),
            system,
            ino: 1,
            parent: None,
            name: Vec::new(),
            child: Child::new(Body::Directory(listing), 0o555),
        })
    }
}

/// An inode.
pub struct Node {
    me: std::sync::Weak<Self>,
    system: Arc<System>,
    ino: u64,
    parent: Option<Arc<Self>>,
    name: Vec<u8>,
    child: Child,
}

/// FNV-1a over the parent's number and the name.
fn number_of(parent: u64, name: &[u8]) -> u64 {
    let parent = parent.to_le_bytes();
    let hash = parent
        .iter()
        .chain(name)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // Small numbers stay for roots, and 64 bits are more than some programs print.
    (hash >> 16) | (1 << 40)
}

impl Node {
    /// Its name, where it is in the root directory of a file system with this `magic`.
    #[must_use]
    pub fn name_in_root(&self, magic: u32) -> Option<&[u8]> {
        let above = self.parent.as_ref()?;
        (self.system.magic == magic && above.parent.is_none()).then_some(&*self.name)
    }

    fn listing(&self) -> Result<&Arc<dyn Listing>> {
        match &self.child.body {
            Body::Directory(listing) => Ok(listing),
            _ => Err(Errno::ENOTDIR),
        }
    }
}

impl Inode for Node {
    fn metadata(&self) -> Metadata {
        let kind = self.child.body.kind();
        Metadata {
            device: self.system.device,
            ino: self.ino,
            kind,
            permissions: self.child.permissions,
            links: if kind == Kind::Directory { 2 } else { 1 },
            uid: self.child.owner.0,
            gid: self.child.owner.1,
            rdev: 0,
            size: if matches!(self.child.body, Body::Jump(..)) {
                64
            } else {
                0
            },
            blocks: 0,
            accessed: self.system.born,
            modified: self.system.born,
            changed: self.system.born,
            born: None,
        }
    }

    fn kind(&self) -> Kind {
        self.child.body.kind()
    }

    fn identity(&self) -> (u64, u64) {
        (self.system.device, self.ino)
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let child = self.listing()?.get(name).ok_or(Errno::ENOENT)?;
        let parent = self.me.upgrade();
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            system: self.system.clone(),
            ino: number_of(self.ino, name),
            parent,
            name: name.to_vec(),
            child,
        }))
    }

    fn parent(&self) -> Option<Arc<dyn Inode>> {
        let parent = self.parent.clone()?;
        Some(parent)
    }

    fn name(&self) -> Vec<u8> {
        self.name.clone()
    }

    fn create(&self, _name: &[u8], _new: super::inode::NewInode) -> Result<Arc<dyn Inode>> {
        // What Linux's procfs answers, which does not know how to make names.
        Err(if self.system.magic == linux::PROC_SUPER_MAGIC {
            Errno::ENOENT
        } else {
            Errno::EPERM
        })
    }

    fn list(&self, after: u64, emit: &mut dyn FnMut(DirectoryEntry<'_>) -> bool) -> Result<()> {
        let listing = self.listing()?;
        for (cookie, name) in listing.names() {
            if cookie <= after {
                continue;
            }
            // Gone since the names were made: left out.
            let Some(child) = listing.get(&name) else {
                continue;
            };
            let is_wanted = emit(DirectoryEntry {
                name: &name,
                ino: number_of(self.ino, &name),
                kind: child.body.kind(),
                cookie,
            });
            if !is_wanted {
                break;
            }
        }
        Ok(())
    }

    fn target(&self) -> Result<Vec<u8>> {
        match &self.child.body {
            Body::Link(text) | Body::Jump(text, _) => text(),
            _ => Err(Errno::EINVAL),
        }
    }

    fn follow(&self) -> Option<Result<Location>> {
        match &self.child.body {
            Body::Jump(_, jump) => Some(jump()),
            _ => None,
        }
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Arc<dyn FileObject>> {
        Ok(Arc::new(OpenNode {
            text: SleepMutex::new(None),
            node: self,
        }))
    }

    fn statfs(&self) -> linux::statfs {
        super::empty_statfs(self.system.magic, self.system.device)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open file or directory, with the text that its readers see.
struct OpenNode {
    node: Arc<Node>,
    text: SleepMutex<Option<Arc<Vec<u8>>>>,
}

impl OpenNode {
    fn text(&self, offset: u64) -> Result<Arc<Vec<u8>>> {
        let make = match &self.node.child.body {
            Body::Text(make) => make,
            Body::Directory(_) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        };
        let mut text = self.text.lock();
        match &*text {
            Some(text) if offset > 0 => Ok(text.clone()),
            _ => Ok(text.insert(Arc::new(make()?)).clone()),
        }
    }
}

impl FileObject for OpenNode {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        let mut position = file.position.lock();
        let read = self.read_at(file, *position, to)?;
        *position += read as u64;
        Ok(read)
    }

    fn read_at(&self, _file: &OpenFile, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let text = self.text(offset)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        match text.get(start..) {
            Some(rest) if !rest.is_empty() => to.write(rest),
            _ => Ok(0),
        }
    }

    fn seek(&self, file: &OpenFile, offset: i64, whence: u32) -> Result<u64> {
        let mut position = file.position.lock();
        if whence == linux::SEEK_END && self.node.kind() == Kind::File {
            return Err(Errno::EINVAL);
        }
        *position = seek_to(*position, 0, offset, whence)?;
        Ok(*position)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.node.metadata().to_stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A directory whose names never change: a table of name, permissions and body.
pub struct Table(pub Vec<(&'static str, Child)>);

impl Listing for Table {
    fn names(&self) -> Vec<(u64, Vec<u8>)> {
        let names = self.0.iter().map(|(name, _)| name.as_bytes().to_vec());
        (3..).zip(names).collect()
    }

    fn get(&self, name: &[u8]) -> Option<Child> {
        let found = self.0.iter().find(|(known, _)| known.as_bytes() == name)?;
        Some(found.1.clone())
    }
}

/// An entry of a [`Table`]: a file whose text this function makes.
#[must_use]
pub fn file(name: &'static str, make: fn() -> Vec<u8>) -> (&'static str, Child) {
    (name, Child::new(Body::text(move || Ok(make())), 0o444))
}

/// An entry of a [`Table`]: a directory.
#[must_use]
pub fn directory(name: &'static str, entries: Vec<(&'static str, Child)>) -> (&'static str, Child) {
    (
        name,
        Child::new(Body::Directory(Arc::new(Table(entries))), 0o555),
    )
}
