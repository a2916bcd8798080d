//! Files: inodes, path names, descriptors, and the file systems.
//!
//! - [`file`]: open file descriptions. [`table`]: a process's descriptors. [`context`]:
//!   its root, working directory and umask.
//! - [`inode`], [`path`], [`mount`], [`open`], [`permission`], [`locks`], [`extended`],
//!   [`text`]: what all file systems share.
//! - [`tmpfs`] (the root and all that is writable), [`pseudo`] with [`procfs`] and
//!   [`sysfs`] (made up when they are read), [`devices`] (/dev).
//! - [`archive`]: the boot archive becomes the root file system.
//! - [`anonymous`] and the files without a name: [`pipe`], [`socket`], [`channel`],
//!   [`eventfd`], [`epoll`], [`timerfd`], [`signalfd`]; and the terminal, [`tty`].
//!
//! Lock order, outermost first: a description's position; a file's `writing`; a
//! directory's names (see [`tmpfs`]); locks of memory objects; attributes. A user copy
//! happens under the first two at most.

pub mod anonymous;
pub mod archive;
pub mod channel;
pub mod context;
pub mod devices;
pub mod epoll;
pub mod eventfd;
pub mod extended;
pub mod file;
pub mod inode;
pub mod line;
pub mod locks;
pub mod mount;
pub mod open;
pub mod path;
pub mod permission;
pub mod pidfd;
pub mod pipe;
pub mod policy;
pub mod ports;
pub mod procfs;
pub mod pseudo;
pub mod registers;
pub mod signalfd;
pub mod socket;
pub mod sysfs;
pub mod table;
pub mod template;
pub mod text;
pub mod timerfd;
pub mod tmpfs;
pub mod tty;

use std::sync::Arc;

use linux_raw_sys::general as linux;

pub use context::FsContext;
pub use file::{FileObject, OpenFile};
pub use table::FdTable;

use crate::errno::{Errno, Result};
use crate::memory::user::Source;
use inode::{Inode, NewContent, NewInode};
use mount::Mount;
use path::{Base, Location};
use permission::Caller;

/// Builds the tree: a root in memory with /proc, /sys, /dev, /dev/shm and /tmp mounted,
/// and the boot archive unpacked into it. `archive_physical` is the archive's physical
/// address: files that lie on page borders are shown from there without a copy.
pub fn init(archive: &'static [u8], archive_physical: u64) {
    let root: Arc<dyn Inode> = tmpfs::TmpFs::root(0o755);
    let devices: Arc<dyn Inode> = tmpfs::TmpFs::root(0o755);
    let mut mounts = Vec::new();
    let wanted: [(&str, &'static str, Arc<dyn Inode>); 4] = [
        ("dev", "/dev", devices.clone()),
        ("proc", "/proc", procfs::root()),
        ("sys", "/sys", sysfs::root()),
        ("tmp", "/tmp", tmpfs::TmpFs::root(0o1777)),
    ];
    for (name, path, mounted) in wanted {
        mounts.extend(make_mount(&root, name, path, mounted));
    }
    devices::populate(&devices);
    let shared = tmpfs::TmpFs::root(0o1777);
    mounts.extend(make_mount(&devices, "shm", "/dev/shm", shared));
    mount::set(root, mounts);
    archive::unpack(archive, archive_physical);
}

fn make_mount(
    above: &Arc<dyn Inode>,
    name: &str,
    path: &'static str,
    root: Arc<dyn Inode>,
) -> Option<Mount> {
    let kind = match path {
        "/proc" => "proc",
        "/sys" => "sysfs",
        _ => "tmpfs",
    };
    match above.create(name.as_bytes(), root_owned(NewContent::Directory, 0o755)) {
        Ok(point) => Some(Mount {
            point,
            root,
            path,
            kind,
        }),
        Err(error) => {
            crate::warn!("fs: {path} is not mounted: {error:?}");
            None
        }
    }
}

/// Something new that is the superuser's.
#[must_use]
pub fn root_owned(content: NewContent, permissions: u32) -> NewInode {
    NewInode {
        content,
        permissions,
        uid: 0,
        gid: 0,
    }
}

/// The effective ids of the current process.
#[must_use]
pub fn caller() -> Caller {
    let credentials = crate::task::current_process().credentials();
    Caller {
        uid: credentials.euid,
        gid: credentials.egid,
        groups: credentials.groups,
    }
}

/// Lookups by the current process: from its root and working directory, with its
/// effective ids.
#[must_use]
pub fn base() -> Base {
    let (root, start) = crate::task::current_process().fs().both();
    Base {
        root,
        start,
        caller: caller(),
    }
}

/// Lookups by the kernel, from the root of all.
///
/// # Errors
/// `ENOENT` before the file system is there.
pub fn kernel_base() -> Result<Base> {
    let root = mount::root().ok_or(Errno::ENOENT)?;
    Ok(Base {
        start: root.clone(),
        root,
        caller: Caller::root(),
    })
}

/// Finds `path` for the current process, through symbolic links.
///
/// # Errors
/// Those of `path_resolution(7)`.
pub fn lookup(path: &[u8]) -> Result<Location> {
    path::resolve(&base(), path, true)
}

/// Finds a program for the current process: its location, and the description to read
/// and map it.
///
/// # Errors
/// Those of `execve(2)` for the path: `EACCES` where it is no regular file or nobody may
/// run it, `ETXTBSY` where somebody writes it. Nobody will while the description lives.
pub fn open_for_exec(path: &[u8]) -> Result<Arc<OpenFile>> {
    open_for_exec_from(&base(), path)
}

/// As [`open_for_exec`], from another base: the kernel's, for the first process, or the
/// descriptor's of `execveat(2)`.
///
/// # Errors
/// As [`open_for_exec`].
pub fn open_for_exec_from(base: &Base, path: &[u8]) -> Result<Arc<OpenFile>> {
    let location = path::resolve(base, path, true)?;
    if location.inode.kind() != inode::Kind::File {
        return Err(Errno::EACCES);
    }
    permission::check(&*location.inode, &base.caller, permission::Access::EXECUTE)?;
    let claim = text::TextClaim::to_run(&location.inode)?;
    let object = location.inode.clone().open(linux::O_RDONLY)?;
    Ok(OpenFile::claiming(object, linux::O_RDONLY, location, claim))
}

/// Binds a socket to `path`: makes the inode that [`connect_socket`] finds.
///
/// # Errors
/// `EADDRINUSE` where the name is there already; those of `mknod(2)`.
pub fn bind_socket(
    path: &[u8],
    socket: std::sync::Weak<dyn core::any::Any + Send + Sync>,
) -> Result<Location> {
    let base = base();
    let last = path::resolve_last(&base, path)?;
    let path::LastName::Name(name) = last.name else {
        return Err(Errno::EADDRINUSE);
    };
    match path::find(&last.directory, &name) {
        Ok(_) => return Err(Errno::EADDRINUSE),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(error),
    }
    permission::check_create(&*last.directory, &base.caller)?;
    let umask = crate::task::current_process().fs().umask();
    let new = NewInode {
        content: NewContent::Socket,
        permissions: 0o777 & !umask,
        uid: base.caller.uid,
        gid: open::inherited_group(&*last.directory, base.caller.gid),
    };
    let inode = last
        .directory
        .create(&name, new)
        .map_err(|error| match error {
            Errno::EEXIST => Errno::EADDRINUSE,
            other => other,
        })?;
    if let Some(place) = inode
        .as_any()
        .downcast_ref::<tmpfs::Node>()
        .and_then(tmpfs::Node::socket_place)
    {
        place.set(socket);
    }
    let directory = last.directory;
    Ok(Location {
        inode,
        place: Some(path::Place { directory, name }),
    })
}

/// The socket that is bound to `path`.
///
/// # Errors
/// `ECONNREFUSED` where there is no socket, or no longer one; those of a lookup; `EACCES`
/// where the inode may not be written.
pub fn connect_socket(path: &[u8]) -> Result<Arc<dyn core::any::Any + Send + Sync>> {
    let base = base();
    let inode = path::resolve(&base, path, true)?.inode;
    permission::check(&*inode, &base.caller, permission::Access::WRITE)?;
    let node = inode.as_any().downcast_ref::<tmpfs::Node>();
    let place = node.and_then(tmpfs::Node::socket_place);
    place.ok_or(Errno::ECONNREFUSED)?.get()
}

/// Applies `RLIMIT_FSIZE` to a write at `offset`: shortens it, or fails where not one byte
/// is allowed.
///
/// # Errors
/// `EFBIG`, with `SIGXFSZ` sent.
pub fn limit_write(offset: u64, from: &mut Source<'_>) -> Result<()> {
    let process = crate::task::current_process();
    let (soft, _) = process.limit(linux::RLIMIT_FSIZE);
    if soft == u64::MAX {
        return Ok(());
    }
    let room = soft.saturating_sub(offset);
    if room == 0 {
        process.send_signal(linux::SIGXFSZ);
        return Err(Errno::EFBIG);
    }
    from.shorten(usize::try_from(room).unwrap_or(usize::MAX));
    Ok(())
}

/// A `statfs` with everything that is the same for all file systems.
#[must_use]
pub fn empty_statfs(magic: u32, device: u64) -> linux::statfs {
    linux::statfs {
        f_type: i64::from(magic),
        f_bsize: 4096,
        f_blocks: 0,
        f_bfree: 0,
        f_bavail: 0,
        f_files: 0,
        f_ffree: 0,
        f_fsid: linux::__kernel_fsid_t {
            val: [device as i32, 0],
        },
        f_namelen: 255,
        f_frsize: 4096,
        // ST_VALID | ST_RELATIME, as Linux shows for its own.
        f_flags: 0x20 | 0x1000,
        f_spare: [0; 4],
    }
}
