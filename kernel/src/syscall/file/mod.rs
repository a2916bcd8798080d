//! System calls on files and path names.
//!
//! Here: the table, and what all of them share: reading paths from user memory, and the
//! `at` calls' directory. Each file beside this one holds one family. Not here: what the
//! calls do ([`crate::fs`]); pipes, polling and sockets.

mod attributes;
mod control;
mod descriptor;
mod directory;
mod extended;
mod lock;
pub mod memfd;
mod names;
mod open;
mod rename;
mod status;
mod transfer;
mod vector;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::fs::inode::Inode;
use crate::fs::path::{self, Base, Last, Location};
use crate::memory::user;

/// Answers `number` if it is one of this family's.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let families = [
        transfer::dispatch,
        status::dispatch,
        open::dispatch,
        descriptor::dispatch,
        control::dispatch,
        directory::dispatch,
        names::dispatch,
        rename::dispatch,
        attributes::dispatch,
        extended::dispatch,
        lock::dispatch,
        memfd::dispatch,
    ];
    families.iter().find_map(|family| family(number, args))
}

/// The current process's descriptors.
fn files() -> std::sync::Arc<crate::fs::FdTable> {
    crate::task::current_process().files()
}

/// The open file that an `int fd` argument names; not one opened with `O_PATH`.
fn file(descriptor: usize) -> Result<std::sync::Arc<crate::fs::OpenFile>> {
    crate::task::current().process().file(descriptor as i32)
}

/// A path name in user memory; may be empty.
fn read_path(address: usize) -> Result<Vec<u8>> {
    user::read_string(address, formats::path::PATH_MAX)
}

/// Where a relative path of an `at` call starts. An empty path is no path.
fn base_at(descriptor: usize, path: &[u8]) -> Result<Base> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let mut base = crate::fs::base();
    let descriptor = descriptor as i32;
    if descriptor == linux::AT_FDCWD || formats::path::is_absolute(path) {
        return Ok(base);
    }
    let file = files().get_any(descriptor)?;
    let location = file.location().ok_or(Errno::ENOTDIR)?;
    base.start = location.inode.clone();
    Ok(base)
}

/// What an `at` call's path refers to. `flags` may have `AT_SYMLINK_NOFOLLOW` (or its
/// opposite, where `follow` is false from the start) and `AT_EMPTY_PATH`.
fn find_at(
    descriptor: usize,
    address: usize,
    follow: bool,
    may_be_empty: bool,
) -> Result<Location> {
    let path = if may_be_empty && address == 0 {
        Vec::new()
    } else {
        read_path(address)?
    };
    if path.is_empty() && may_be_empty {
        return location_of(descriptor);
    }
    let base = base_at(descriptor, &path)?;
    path::resolve(&base, &path, follow)
}

/// The inode behind a descriptor, or the working directory.
fn location_of(descriptor: usize) -> Result<Location> {
    let descriptor = descriptor as i32;
    if descriptor == linux::AT_FDCWD {
        return Ok(Location::bare(crate::fs::base().start));
    }
    let file = files().get_any(descriptor)?;
    // Pipes and sockets have no inode that could be named or changed.
    file.location().cloned().ok_or(Errno::EINVAL)
}

/// The directory and the name that an `at` call's path ends in.
fn last_at(descriptor: usize, path: &[u8]) -> Result<(Base, Last)> {
    let base = base_at(descriptor, path)?;
    let last = path::resolve_last(&base, path)?;
    Ok((base, last))
}

/// Whether `caller` owns the inode.
fn check_owner(inode: &dyn Inode, base: &Base) -> Result<()> {
    if base.caller.owns(&inode.metadata()) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}
