//! Listing directories, the working directory, the root and the umask.

use linux_raw_sys::general as linux;

use super::{file, find_at, location_of};
use crate::errno::{Errno, Result};
use crate::fs::inode::{DirectoryEntry, Inode, Kind};
use crate::fs::path::{Location, absolute_path};
use crate::fs::permission::{Access, check};
use crate::fs::{caller, mount};
use crate::memory::user;
use crate::task::current_process;

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_getdents64 => getdents64(args),
        linux::__NR_getcwd => getcwd(args),
        linux::__NR_chdir => chdir(args),
        linux::__NR_fchdir => fchdir(args),
        linux::__NR_chroot => chroot(args),
        linux::__NR_umask => umask(args),
        _ => return None,
    })
}

/// Bytes of `struct linux_dirent64` before the name.
const HEADER: usize = 19;
/// Most bytes that one call lists; a larger buffer is not filled.
const MOST_BYTES: usize = 256 << 10;

/// Positions: 0 is `.`, 1 is `..`, 2 the first name; behind a name it is the name's
/// cookie plus this.
const FIRST: u64 = 2;

fn getdents64([descriptor, address, size, ..]: [usize; 6]) -> Result<usize> {
    let file = file(descriptor)?;
    let location = file.location().ok_or(Errno::ENOTDIR)?;
    let directory = &location.inode;
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    let size = (size as u32 as usize).min(MOST_BYTES);
    let mut position = file.position.lock();
    if directory.metadata().links == 0 {
        return Err(Errno::ENOENT);
    }
    let mut listing = Listing {
        bytes: Vec::new(),
        room: size,
        is_full: false,
    };
    let mut at = *position;
    if at == 0 && listing.add(b".", directory.identity().1, Kind::Directory, 1) {
        at = 1;
    }
    if at == 1 {
        let above = mount::parent(directory).map_or_else(|| directory.clone(), |(above, _)| above);
        if listing.add(b"..", above.identity().1, Kind::Directory, FIRST) {
            at = FIRST;
        }
    }
    if at >= FIRST && !listing.is_full {
        let after = at - FIRST;
        directory.list(after, &mut |entry: DirectoryEntry<'_>| {
            let next = entry.cookie.saturating_add(FIRST);
            let fits = listing.add(entry.name, entry.ino, entry.kind, next);
            if fits {
                at = next;
            }
            fits
        })?;
    }
    if listing.bytes.is_empty() && listing.is_full {
        return Err(Errno::EINVAL);
    }
    user::copy_out(address, &listing.bytes)?;
    *position = at;
    Ok(listing.bytes.len())
}

struct Listing {
    bytes: Vec<u8>,
    room: usize,
    is_full: bool,
}

impl Listing {
    /// Adds one `struct linux_dirent64` if it fits.
    fn add(&mut self, name: &[u8], ino: u64, kind: Kind, next: u64) -> bool {
        let length = (HEADER + name.len() + 1).next_multiple_of(8);
        if self.bytes.len() + length > self.room {
            self.is_full = true;
            return false;
        }
        let end = self.bytes.len() + length;
        self.bytes.extend_from_slice(&ino.to_le_bytes());
        self.bytes.extend_from_slice(&next.to_le_bytes());
        self.bytes.extend_from_slice(&(length as u16).to_le_bytes());
        self.bytes.push(kind.directory_type());
        self.bytes.extend_from_slice(name);
        self.bytes.resize(end, 0);
        true
    }
}

fn getcwd([address, size, ..]: [usize; 6]) -> Result<usize> {
    let (root, directory) = current_process().fs().both();
    let mut path = match absolute_path(&directory, Some(&root)) {
        Some(path) => path,
        None if directory.metadata().links == 0 => return Err(Errno::ENOENT),
        // Outside of the root that chroot(2) set: as Linux marks it.
        None => [
            b"(unreachable)",
            absolute_path(&directory, None)
                .unwrap_or_default()
                .as_slice(),
        ]
        .concat(),
    };
    path.push(0);
    if path.len() > formats::path::PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    if path.len() > size {
        return Err(Errno::ERANGE);
    }
    user::copy_out(address, &path)?;
    Ok(path.len())
}

/// The directory at `location`, if the caller may enter it.
fn enter(location: Location) -> Result<std::sync::Arc<dyn Inode>> {
    if location.inode.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    check(&*location.inode, &caller(), Access::EXECUTE)?;
    Ok(location.inode)
}

fn chdir([path, ..]: [usize; 6]) -> Result<usize> {
    let directory = enter(find_at(CWD, path, true, false)?)?;
    current_process().fs().set_directory(directory);
    Ok(0)
}

fn fchdir([descriptor, ..]: [usize; 6]) -> Result<usize> {
    if (descriptor as i32) < 0 {
        return Err(Errno::EBADF);
    }
    let location = match location_of(descriptor) {
        Err(Errno::EINVAL) => return Err(Errno::ENOTDIR),
        found => found?,
    };
    current_process().fs().set_directory(enter(location)?);
    Ok(0)
}

fn chroot([path, ..]: [usize; 6]) -> Result<usize> {
    let directory = enter(find_at(CWD, path, true, false)?)?;
    if !caller().is_root() {
        return Err(Errno::EPERM);
    }
    current_process().fs().set_root(directory);
    Ok(0)
}

fn umask([mask, ..]: [usize; 6]) -> Result<usize> {
    Ok(current_process().fs().set_umask(mask as u32) as usize)
}
