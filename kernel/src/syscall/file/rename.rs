//! `rename(2)`.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::{last_at, read_path};
use crate::errno::{Errno, Result};
use crate::fs::inode::{Inode, Kind, Replace, is_same};
use crate::fs::mount;
use crate::fs::path::{LastName, find};
use crate::fs::permission::{Access, check, check_create, check_remove};

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_rename => rename([CWD, args[0], CWD, args[1], 0, 0]),
        linux::__NR_renameat => rename([args[0], args[1], args[2], args[3], 0, 0]),
        linux::__NR_renameat2 => rename(args),
        _ => return None,
    })
}

fn rename([old_directory, old, new_directory, new, flags, _]: [usize; 6]) -> Result<usize> {
    let replace = match flags as u32 {
        0 => Replace::Yes,
        linux::RENAME_NOREPLACE => Replace::No,
        linux::RENAME_EXCHANGE => Replace::Exchange,
        _ => return Err(Errno::EINVAL),
    };
    let (old, new) = (read_path(old)?, read_path(new)?);
    let (base, from) = last_at(old_directory, &old)?;
    let (_, to) = last_at(new_directory, &new)?;
    if from.directory.identity().0 != to.directory.identity().0 {
        return Err(Errno::EXDEV);
    }
    let LastName::Name(old_name) = from.name else {
        return Err(Errno::EBUSY);
    };
    let LastName::Name(new_name) = to.name else {
        return Err(if replace == Replace::No {
            Errno::EEXIST
        } else {
            Errno::EBUSY
        });
    };
    let moving = find(&from.directory, &old_name)?;
    let target = match find(&to.directory, &new_name) {
        Ok(target) => Some(target),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error),
    };
    match (&target, replace) {
        (Some(_), Replace::No) => return Err(Errno::EEXIST),
        (None, Replace::Exchange) => return Err(Errno::ENOENT),
        _ => {}
    }
    let is_directory = moving.kind() == Kind::Directory;
    if let (Some(target), Replace::Exchange) = (&target, replace)
        && target.kind() != Kind::Directory
        && to.has_slash
    {
        return Err(Errno::ENOTDIR);
    }
    if !is_directory && (from.has_slash || (to.has_slash && replace != Replace::Exchange)) {
        return Err(Errno::ENOTDIR);
    }
    // Asked again, with the locks held, by the file system itself.
    if is_above(&moving, &from.directory, &to.directory) {
        return Err(Errno::EINVAL);
    }
    if let Some(target) = &target {
        if is_above(target, &to.directory, &from.directory) {
            return Err(match replace {
                Replace::Exchange => Errno::EINVAL,
                Replace::Yes | Replace::No => Errno::ENOTEMPTY,
            });
        }
        if is_same(&**target, &*moving) {
            return Ok(0);
        }
    }
    check_remove(&*from.directory, &*moving, &base.caller)?;
    match &target {
        Some(target) => check_remove(&*to.directory, &**target, &base.caller)?,
        None => check_create(&*to.directory, &base.caller)?,
    }
    if let (Some(target), Replace::Yes) = (&target, replace) {
        match (is_directory, target.kind() == Kind::Directory) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            _ => {}
        }
    }
    // A directory that changes its parent has its `..` written.
    if !is_same(&*from.directory, &*to.directory) {
        if is_directory {
            check(&*moving, &base.caller, Access::WRITE)?;
        }
        if let (Some(target), Replace::Exchange) = (&target, replace)
            && target.kind() == Kind::Directory
        {
            check(&**target, &base.caller, Access::WRITE)?;
        }
    }
    if mount::is_mount(&moving) || target.as_ref().is_some_and(mount::is_mount) {
        return Err(Errno::EBUSY);
    }
    from.directory
        .rename(&old_name, &to.directory, &new_name, replace)?;
    Ok(0)
}

/// Whether `inode`, a name in `holder`, is `directory` or above it.
fn is_above(inode: &Arc<dyn Inode>, holder: &Arc<dyn Inode>, directory: &Arc<dyn Inode>) -> bool {
    if inode.kind() != Kind::Directory || is_same(&**holder, &**directory) {
        return false;
    }
    let mut at = Some(directory.clone());
    while let Some(here) = at {
        if is_same(&*here, &**inode) {
            return true;
        }
        at = here.parent();
    }
    false
}
