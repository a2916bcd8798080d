//! Making and removing names, and reading links.

use linux_raw_sys::general as linux;

use super::{find_at, last_at, read_path};
use crate::errno::{Errno, Result};
use crate::fs::inode::{Kind, NewContent, NewInode};
use crate::fs::mount;
use crate::fs::open::inherited_group;
use crate::fs::path::{LastName, Location, find};
use crate::fs::permission::{check_create, check_remove};
use crate::memory::user;

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let removes_directory = linux::AT_REMOVEDIR as usize;
    Some(match number {
        linux::__NR_mkdir => mkdirat([CWD, args[0], args[1], 0, 0, 0]),
        linux::__NR_mkdirat => mkdirat(args),
        linux::__NR_mknod => mknodat([CWD, args[0], args[1], args[2], 0, 0]),
        linux::__NR_mknodat => mknodat(args),
        linux::__NR_symlink => symlinkat([args[0], CWD, args[1], 0, 0, 0]),
        linux::__NR_symlinkat => symlinkat(args),
        linux::__NR_link => linkat([CWD, args[0], CWD, args[1], 0, 0]),
        linux::__NR_linkat => linkat(args),
        linux::__NR_unlink => unlinkat([CWD, args[0], 0, 0, 0, 0]),
        linux::__NR_rmdir => unlinkat([CWD, args[0], removes_directory, 0, 0, 0]),
        linux::__NR_unlinkat => unlinkat(args),
        linux::__NR_readlink => readlinkat([CWD, args[0], args[1], args[2], 0, 0]),
        linux::__NR_readlinkat => readlinkat(args),
        linux::__NR_mount | linux::__NR_umount2 | linux::__NR_pivot_root => Err(Errno::EPERM),
        _ => return None,
    })
}

/// Makes something at `path`; `permissions` without the umask applied.
fn make(directory: usize, path: &[u8], content: NewContent, permissions: u32) -> Result<()> {
    let is_directory = matches!(content, NewContent::Directory);
    let (base, last) = last_at(directory, path)?;
    let LastName::Name(name) = last.name else {
        return Err(Errno::EEXIST);
    };
    match find(&last.directory, &name) {
        Ok(_) => return Err(Errno::EEXIST),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(error),
    }
    if last.has_slash && !is_directory {
        return Err(Errno::ENOENT);
    }
    check_create(&*last.directory, &base.caller)?;
    let umask = crate::task::current_process().fs().umask();
    let above = last.directory.metadata();
    let mut permissions = if matches!(content, NewContent::Symlink(_)) {
        0o777
    } else {
        permissions & !umask
    };
    if is_directory && above.permissions & linux::S_ISGID != 0 {
        permissions |= linux::S_ISGID;
    }
    let new = NewInode {
        content,
        permissions,
        uid: base.caller.uid,
        gid: inherited_group(&*last.directory, base.caller.gid),
    };
    last.directory.create(&name, new).map(drop)
}

fn mkdirat([directory, path, mode, ..]: [usize; 6]) -> Result<usize> {
    let path = read_path(path)?;
    make(
        directory,
        &path,
        NewContent::Directory,
        mode as u32 & 0o1777,
    )?;
    Ok(0)
}

fn mknodat([directory, path, mode, device, ..]: [usize; 6]) -> Result<usize> {
    let path = read_path(path)?;
    let mode = mode as u32;
    let is_root = crate::fs::caller().is_root();
    let content = match mode & linux::S_IFMT {
        0 | linux::S_IFREG => NewContent::File,
        linux::S_IFIFO => NewContent::Fifo,
        linux::S_IFSOCK => NewContent::Socket,
        linux::S_IFCHR | linux::S_IFBLK if !is_root => return Err(Errno::EPERM),
        linux::S_IFCHR => NewContent::Device(Kind::CharacterDevice, u64::from(device as u32)),
        linux::S_IFBLK => NewContent::Device(Kind::BlockDevice, u64::from(device as u32)),
        linux::S_IFDIR => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    };
    make(directory, &path, content, mode & 0o7777)?;
    Ok(0)
}

fn symlinkat([target, directory, path, ..]: [usize; 6]) -> Result<usize> {
    let target = read_path(target)?;
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    let path = read_path(path)?;
    make(directory, &path, NewContent::Symlink(target), 0o777)?;
    Ok(0)
}

fn linkat([old_directory, old, new_directory, new, flags, _]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::AT_SYMLINK_FOLLOW | linux::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let follow = flags & linux::AT_SYMLINK_FOLLOW != 0;
    let may_be_empty = flags & linux::AT_EMPTY_PATH != 0;
    let source: Location = find_at(old_directory, old, follow, may_be_empty)?;
    let new = read_path(new)?;
    let (base, last) = last_at(new_directory, &new)?;
    let LastName::Name(name) = last.name else {
        return Err(Errno::EEXIST);
    };
    match find(&last.directory, &name) {
        Ok(_) => return Err(Errno::EEXIST),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(error),
    }
    if last.has_slash {
        return Err(Errno::ENOENT);
    }
    if source.inode.identity().0 != last.directory.identity().0 {
        return Err(Errno::EXDEV);
    }
    check_create(&*last.directory, &base.caller)?;
    if source.inode.kind() == Kind::Directory {
        return Err(Errno::EPERM);
    }
    last.directory.link(&name, &source.inode)?;
    Ok(0)
}

fn unlinkat([directory, path, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !linux::AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let path = read_path(path)?;
    let (base, last) = last_at(directory, &path)?;
    let removes_directory = flags & linux::AT_REMOVEDIR != 0;
    let name = match last.name {
        LastName::Name(name) => name,
        LastName::Here if path.iter().all(|byte| *byte == b'/') && removes_directory => {
            return Err(Errno::EBUSY);
        }
        LastName::Here if removes_directory => return Err(Errno::EINVAL),
        LastName::Up if removes_directory => return Err(Errno::ENOTEMPTY),
        LastName::Here | LastName::Up => return Err(Errno::EISDIR),
    };
    let victim = find(&last.directory, &name)?;
    let is_directory = victim.kind() == Kind::Directory;
    if !removes_directory && last.has_slash {
        return Err(if is_directory {
            Errno::EISDIR
        } else {
            Errno::ENOTDIR
        });
    }
    check_remove(&*last.directory, &*victim, &base.caller)?;
    if removes_directory {
        if !is_directory {
            return Err(Errno::ENOTDIR);
        }
        if mount::is_mount(&victim) {
            return Err(Errno::EBUSY);
        }
        last.directory.rmdir(&name)?;
    } else {
        if is_directory {
            return Err(Errno::EISDIR);
        }
        last.directory.unlink(&name)?;
    }
    Ok(0)
}

fn readlinkat([directory, path, address, size, ..]: [usize; 6]) -> Result<usize> {
    let size = size as i32;
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    let is_empty = user::read::<u8>(path)? == 0;
    // An empty path is the link that an O_PATH descriptor stands for.
    let inode = match find_at(directory, path, false, is_empty && directory as i32 >= 0) {
        Err(Errno::EINVAL) if is_empty => return Err(Errno::ENOENT),
        found => found?.inode,
    };
    if inode.kind() != Kind::Symlink {
        return Err(if is_empty {
            Errno::ENOENT
        } else {
            Errno::EINVAL
        });
    }
    let target = inode.target()?;
    let length = target.len().min(size as usize);
    user::copy_out(address, target.get(..length).unwrap_or_default())?;
    Ok(length)
}
