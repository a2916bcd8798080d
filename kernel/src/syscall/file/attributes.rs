//! Changing metadata and lengths.

use linux_raw_sys::general as linux;

use super::{check_owner, file, find_at, location_of};
use crate::errno::{Errno, Result};
use crate::fs;
use crate::fs::inode::{Change, Kind, Time};
use crate::fs::path::Location;
use crate::fs::permission::{Access, check};
use crate::fs::tmpfs::Node;
use crate::memory::user;

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let nofollow = linux::AT_SYMLINK_NOFOLLOW as usize;
    Some(match number {
        linux::__NR_chmod => chmod(find_at(CWD, args[0], true, false), args[1]),
        linux::__NR_fchmod => chmod(open_location(args[0]), args[1]),
        linux::__NR_fchmodat => chmod(find_at(args[0], args[1], true, false), args[2]),
        linux::__NR_chown => fchownat([CWD, args[0], args[1], args[2], 0, 0]),
        linux::__NR_lchown => fchownat([CWD, args[0], args[1], args[2], nofollow, 0]),
        linux::__NR_fchown => chown(open_location(args[0]), args[1], args[2]),
        linux::__NR_fchownat => fchownat(args),
        linux::__NR_utimensat => utimensat(args),
        linux::__NR_utimes => utimes(CWD, args[0], args[1]),
        linux::__NR_futimesat => utimes(args[0], args[1], args[2]),
        linux::__NR_utime => utime(args),
        linux::__NR_truncate => truncate(args),
        linux::__NR_ftruncate => ftruncate(args),
        linux::__NR_fallocate => fallocate(args),
        linux::__NR_fadvise64 => file(args[0]).and_then(|file| match args[3] as u32 {
            _ if file.location().is_none() => Err(Errno::ESPIPE),
            0..=5 => Ok(0),
            _ => Err(Errno::EINVAL),
        }),
        linux::__NR_readahead => file(args[0]).map(|_| 0),
        _ => return None,
    })
}

/// The inode behind a descriptor that was not opened with `O_PATH`.
fn open_location(descriptor: usize) -> Result<Location> {
    file(descriptor)?;
    location_of(descriptor)
}

fn chmod(location: Result<Location>, mode: usize) -> Result<usize> {
    let inode = location?.inode;
    let base = fs::base();
    check_owner(&*inode, &base)?;
    let mut permissions = mode as u32 & 0o7777;
    let metadata = inode.metadata();
    if metadata.kind == Kind::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    // Only members of the file's group may make it set-group-id.
    if !base.caller.is_root() && !base.caller.is_in(metadata.gid) {
        permissions &= !linux::S_ISGID;
    }
    inode.change(&Change {
        permissions: Some(permissions),
        ..Change::default()
    })?;
    Ok(0)
}

fn fchownat([directory, path, uid, gid, flags, _]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let follow = flags & linux::AT_SYMLINK_NOFOLLOW == 0;
    let may_be_empty = flags & linux::AT_EMPTY_PATH != 0;
    chown(find_at(directory, path, follow, may_be_empty), uid, gid)
}

fn chown(location: Result<Location>, uid: usize, gid: usize) -> Result<usize> {
    let inode = location?.inode;
    let caller = fs::caller();
    let metadata = inode.metadata();
    // -1 leaves as it is.
    let wanted = |id: usize| (id as u32 != u32::MAX).then_some(id as u32);
    let (uid, gid) = (wanted(uid), wanted(gid));
    if !caller.is_root() {
        let keeps_owner = uid.is_none_or(|uid| uid == metadata.uid);
        let own_group = gid.is_none_or(|gid| caller.is_in(gid) || gid == metadata.gid);
        if caller.uid != metadata.uid && (uid.is_some() || gid.is_some())
            || !keeps_owner
            || !own_group
        {
            return Err(Errno::EPERM);
        }
    }
    let mut change = Change {
        uid,
        gid,
        ..Change::default()
    };
    // The set-id bits of what is no directory go, whoever asks, and whatever for.
    if metadata.kind != Kind::Directory {
        let mut kept = metadata.permissions & !linux::S_ISUID;
        if kept & linux::S_IXGRP != 0 {
            kept &= !linux::S_ISGID;
        }
        if kept != metadata.permissions {
            if !caller.owns(&metadata) {
                return Err(Errno::EPERM);
            }
            change.permissions = Some(kept);
        }
    }
    inode.change(&change)?;
    Ok(0)
}

/// What a time argument asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Now,
    Keep,
    At(Time),
    /// Nanoseconds out of range, which is told only once the file was found.
    Bad,
}

fn set_times(location: Location, accessed: Wanted, modified: Wanted) -> Result<usize> {
    let inode = location.inode;
    if accessed == Wanted::Bad || modified == Wanted::Bad {
        return Err(Errno::EINVAL);
    }
    let base = fs::base();
    let metadata = inode.metadata();
    if !base.caller.owns(&metadata) {
        // Whoever may write may set both to now.
        if accessed != Wanted::Now || modified != Wanted::Now {
            return Err(Errno::EPERM);
        }
        check(&*inode, &base.caller, Access::WRITE)?;
    }
    let now = Time::now();
    let time = |wanted: Wanted| match wanted {
        Wanted::Now => Some(now),
        Wanted::Keep | Wanted::Bad => None,
        Wanted::At(time) => Some(time),
    };
    inode.change(&Change {
        accessed: time(accessed),
        modified: time(modified),
        ..Change::default()
    })?;
    Ok(0)
}

fn utimensat([directory, path, times, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let [accessed, modified] = if times == 0 {
        [Wanted::Now; 2]
    } else {
        let values: [[i64; 2]; 2] = user::read(times)?;
        values.map(wanted)
    };
    // Linux does not even look at the path then.
    if accessed == Wanted::Keep && modified == Wanted::Keep {
        return Ok(0);
    }
    let location = if path == 0 {
        // futimens(3): the descriptor itself.
        if directory as i32 == linux::AT_FDCWD {
            return Err(Errno::EFAULT);
        }
        if flags & !linux::AT_EMPTY_PATH != 0 {
            return Err(Errno::EINVAL);
        }
        open_location(directory)?
    } else {
        let follow = flags & linux::AT_SYMLINK_NOFOLLOW == 0;
        let may_be_empty = flags & linux::AT_EMPTY_PATH != 0;
        find_at(directory, path, follow, may_be_empty)?
    };
    set_times(location, accessed, modified)
}

/// From a `struct timespec`.
fn wanted([seconds, nanos]: [i64; 2]) -> Wanted {
    match nanos {
        nanos if nanos == i64::from(linux::UTIME_NOW) => Wanted::Now,
        nanos if nanos == i64::from(linux::UTIME_OMIT) => Wanted::Keep,
        0..1_000_000_000 => Wanted::At(Time {
            seconds,
            nanos: nanos as u32,
        }),
        _ => Wanted::Bad,
    }
}

/// With a `struct timeval` for each of the two.
fn utimes(directory: usize, path: usize, times: usize) -> Result<usize> {
    let [accessed, modified] = if times == 0 {
        [Wanted::Now; 2]
    } else {
        let values: [[i64; 2]; 2] = user::read(times)?;
        let [accessed, modified] = values.map(|[seconds, micros]| match micros {
            0..1_000_000 => Ok(Wanted::At(Time {
                seconds,
                nanos: micros as u32 * 1000,
            })),
            _ => Err(Errno::EINVAL),
        });
        [accessed?, modified?]
    };
    set_times(find_at(directory, path, true, false)?, accessed, modified)
}

fn utime([path, times, ..]: [usize; 6]) -> Result<usize> {
    let [accessed, modified] = if times == 0 {
        [Wanted::Now; 2]
    } else {
        user::read::<[i64; 2]>(times)?.map(|seconds| Wanted::At(Time { seconds, nanos: 0 }))
    };
    set_times(find_at(CWD, path, true, false)?, accessed, modified)
}

fn check_length(length: usize) -> Result<u64> {
    let length = i64::try_from(length)
        .map_err(|_| Errno::EINVAL)?
        .cast_unsigned();
    let process = crate::task::current_process();
    let (soft, _) = process.limit(linux::RLIMIT_FSIZE);
    if length > soft {
        process.send_signal(linux::SIGXFSZ);
        return Err(Errno::EFBIG);
    }
    Ok(length)
}

fn truncate([path, length, ..]: [usize; 6]) -> Result<usize> {
    i64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let inode = find_at(CWD, path, true, false)?.inode;
    match inode.kind() {
        Kind::File => {}
        Kind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    check(&*inode, &fs::caller(), Access::WRITE)?;
    fs::open::truncate(&inode, check_length(length)?)?;
    Ok(0)
}

fn ftruncate([descriptor, length, ..]: [usize; 6]) -> Result<usize> {
    i64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let file = file(descriptor)?;
    if !file.is_writable() {
        return Err(Errno::EINVAL);
    }
    let length = match file.location().map(|found| found.inode.kind()) {
        Some(Kind::File) => check_length(length)?,
        _ => return Err(Errno::EINVAL),
    };
    file.object.truncate(length)?;
    Ok(0)
}

fn fallocate([descriptor, mode, offset, length, ..]: [usize; 6]) -> Result<usize> {
    let file = file(descriptor)?;
    let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let length = i64::try_from(length).map_err(|_| Errno::EINVAL)?;
    if length == 0 {
        return Err(Errno::EINVAL);
    }
    let mode = mode as u32;
    let punches = linux::FALLOC_FL_PUNCH_HOLE | linux::FALLOC_FL_KEEP_SIZE;
    if mode != 0 && mode != linux::FALLOC_FL_KEEP_SIZE && mode != punches {
        return Err(Errno::EOPNOTSUPP);
    }
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    let location = file.location().ok_or(Errno::ESPIPE)?;
    match location.inode.kind() {
        Kind::File => {}
        Kind::Fifo => return Err(Errno::ESPIPE),
        Kind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::ENODEV),
    }
    let node = location.inode.as_any().downcast_ref::<Node>();
    let node = node.ok_or(Errno::EOPNOTSUPP)?;
    let (offset, length) = (offset.cast_unsigned(), length.cast_unsigned());
    if mode == 0 {
        let end = usize::try_from(offset.saturating_add(length)).unwrap_or(usize::MAX);
        check_length(end).map_err(|_| Errno::EFBIG)?;
    }
    node.data()?.allocate(mode, offset, length)?;
    node.note_write();
    Ok(0)
}
