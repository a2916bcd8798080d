//! Who may do what with an inode (`path_resolution(7)`, `inode(7)`).

use bitflags::bitflags;
use linux_raw_sys::general as linux;

use super::inode::{Inode, Kind, Metadata};
use crate::errno::{Errno, Result};
use crate::task::Groups;

bitflags! {
    /// The three permission bits.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Access: u32 {
        /// Run a file, search a directory.
        const EXECUTE = 1;
        /// Change the contents.
        const WRITE = 2;
        /// See the contents.
        const READ = 4;
    }
}

/// Whose permissions count: the effective ids, or the real ones for `access(2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Groups,
}

impl Caller {
    /// The superuser.
    #[must_use]
    pub fn root() -> Self {
        Self {
            uid: 0,
            gid: 0,
            groups: Groups::default(),
        }
    }

    /// Whether it is the superuser.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether it is a member of the group.
    #[must_use]
    pub fn is_in(&self, group: u32) -> bool {
        self.gid == group || self.groups.contains(group)
    }

    /// Whether it is the owner of the file, or the superuser.
    #[must_use]
    pub fn owns(&self, metadata: &Metadata) -> bool {
        self.is_root() || self.uid == metadata.uid
    }
}

/// Whether `caller` may do all of `access`.
///
/// # Errors
/// `EACCES`.
pub fn check(inode: &dyn Inode, caller: &Caller, access: Access) -> Result<()> {
    // The superuser runs what somebody may run, and searches every directory.
    let runs = access.contains(Access::EXECUTE) && inode.kind() != Kind::Directory;
    if caller.is_root() && !runs {
        return Ok(());
    }
    let metadata = inode.metadata();
    let allowed = if caller.is_root() {
        metadata.permissions & 0o111 != 0
    } else {
        let shift = match () {
            () if metadata.uid == caller.uid => 6,
            () if caller.is_in(metadata.gid) => 3,
            () => 0,
        };
        Access::from_bits_truncate(metadata.permissions >> shift).contains(access)
    };
    if allowed { Ok(()) } else { Err(Errno::EACCES) }
}

/// Whether `caller` may make names in `directory`.
///
/// # Errors
/// `EACCES`; `ENOENT` where the directory has been removed.
pub fn check_create(directory: &dyn Inode, caller: &Caller) -> Result<()> {
    if directory.metadata().links == 0 {
        return Err(Errno::ENOENT);
    }
    check(directory, caller, Access::WRITE | Access::EXECUTE)
}

/// Whether `caller` may remove the name of `victim` from `directory`.
///
/// # Errors
/// `EACCES`; `EPERM` where the directory is sticky and neither it nor `victim` is the
/// caller's.
pub fn check_remove(directory: &dyn Inode, victim: &dyn Inode, caller: &Caller) -> Result<()> {
    check(directory, caller, Access::WRITE | Access::EXECUTE)?;
    let above = directory.metadata();
    if above.permissions & linux::S_ISVTX != 0
        && !caller.owns(&above)
        && !caller.owns(&victim.metadata())
    {
        return Err(Errno::EPERM);
    }
    Ok(())
}
