//! `memfd_create(2)` and seals.

use std::sync::Arc;

use linux_raw_sys::general as linux;
use spin::Once;

use super::files;
use crate::errno::{Errno, Result};
use crate::fs::inode::Inode;
use crate::fs::path::{Location, Place};
use crate::fs::tmpfs::{Data, Node, TmpFs};
use crate::fs::{FileObject, OpenFile, caller};
use crate::memory::object::MemoryObject;
use crate::memory::user;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_memfd_create => memfd_create(args),
        _ => return None,
    })
}

/// Longest name, in bytes, without its NUL (`MFD_NAME_MAX_LEN`).
const LONGEST_NAME: usize = 249;

/// The file system that memfds are on, which is mounted nowhere.
fn system() -> &'static Arc<Node> {
    static ROOT: Once<Arc<Node>> = Once::new();
    ROOT.call_once(|| TmpFs::root(0o700))
}

fn memfd_create([name, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::MFD_CLOEXEC | linux::MFD_ALLOW_SEALING) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = match user::read_string(name, LONGEST_NAME + 1) {
        Err(Errno::ENAMETOOLONG) => return Err(Errno::EINVAL),
        name => name?,
    };
    let files = files();
    files.check_room()?;
    let seals = if flags & linux::MFD_ALLOW_SEALING != 0 {
        0
    } else {
        linux::F_SEAL_SEAL
    };
    let data = Data::with_seals(MemoryObject::new(0), seals);
    let caller = caller();
    let root = system();
    let inode = Node::unlinked_file(root.system(), data, 0o777, (caller.uid, caller.gid));
    inode.forbid_names();
    let name = [b"memfd:", name.as_slice()].concat();
    let directory: Arc<dyn Inode> = root.clone();
    let location = Location {
        inode: inode.clone(),
        place: Some(Place { directory, name }),
    };
    let object: Arc<dyn FileObject> = inode;
    let file = OpenFile::at(object, linux::O_RDWR, location);
    files.install_in_room(file, flags & linux::MFD_CLOEXEC != 0)
}

/// The bytes of a file that can have seals.
fn sealable(file: &OpenFile) -> Result<&Data> {
    let location = file.location().ok_or(Errno::EINVAL)?;
    let node = location.inode.as_any().downcast_ref::<Node>();
    node.ok_or(Errno::EINVAL)?.data().map_err(|_| Errno::EINVAL)
}

/// Whether the file is sealed against being written, so that no mapping may write either.
#[must_use]
pub fn is_sealed_for_writing(file: &OpenFile) -> bool {
    let seals = sealable(file).map_or(0, Data::seals);
    seals & (linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE) != 0
}

/// `F_ADD_SEALS`.
pub(super) fn add_seals(file: &OpenFile, seals: u32) -> Result<usize> {
    let known = linux::F_SEAL_SEAL
        | linux::F_SEAL_SHRINK
        | linux::F_SEAL_GROW
        | linux::F_SEAL_WRITE
        | linux::F_SEAL_FUTURE_WRITE;
    let data = sealable(file)?;
    if !file.is_writable() {
        return Err(Errno::EPERM);
    }
    if seals & !known != 0 {
        return Err(Errno::EINVAL);
    }
    data.add_seals(seals)?;
    Ok(0)
}

/// `F_GET_SEALS`.
pub(super) fn seals(file: &OpenFile) -> Result<usize> {
    Ok(sealable(file)?.seals() as usize)
}
