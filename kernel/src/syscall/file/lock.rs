//! Advisory locks: `flock(2)`, and the lock commands of `fcntl(2)`.

use formats::record_locks::{Lock, Range};
use linux_raw_sys::general as linux;

use super::{file, files};
use crate::errno::{Errno, Result};
use crate::fs::OpenFile;
use crate::fs::locks::{Family, FileLocks, Owner};
use crate::memory::user;
use crate::task::current_process;

user::plain!(linux::flock);

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_flock => flock(args),
        _ => return None,
    })
}

/// The locks of the inode that is open; what has none cannot be locked.
fn locks(file: &OpenFile) -> Result<&FileLocks> {
    let location = file.location().ok_or(Errno::EINVAL)?;
    location.inode.locks().ok_or(Errno::EINVAL)
}

fn flock([descriptor, operation, ..]: [usize; 6]) -> Result<usize> {
    let operation = operation as u32;
    let file = file(descriptor)?;
    let owner = Owner::description(&file);
    let is_exclusive = match operation & !linux::LOCK_NB {
        linux::LOCK_SH => false,
        linux::LOCK_EX => true,
        linux::LOCK_UN => {
            locks(&file)?.release(Family::Flock, owner, Range::WHOLE);
            return Ok(0);
        }
        _ => return Err(Errno::EINVAL),
    };
    let wanted = Lock {
        owner,
        range: Range::WHOLE,
        is_exclusive,
    };
    let locks = locks(&file)?;
    if operation & linux::LOCK_NB != 0 {
        locks.try_take(Family::Flock, wanted)?;
    } else {
        locks.take(Family::Flock, wanted)?;
    }
    Ok(0)
}

/// The range that a `struct flock` means for this file.
fn range(file: &OpenFile, wanted: &linux::flock) -> Result<Range> {
    let base = match u32::try_from(wanted.l_whence).map_err(|_| Errno::EINVAL)? {
        linux::SEEK_SET => 0,
        linux::SEEK_CUR => *file.position.lock(),
        linux::SEEK_END => {
            let location = file.location().ok_or(Errno::EINVAL)?;
            location.inode.metadata().size
        }
        _ => return Err(Errno::EINVAL),
    };
    let base = i64::try_from(base).map_err(|_| Errno::EOVERFLOW)?;
    Range::from_flock(base, wanted.l_start, wanted.l_len).ok_or_else(|| {
        match base.checked_add(wanted.l_start) {
            Some(start) if start >= 0 && wanted.l_len > 0 => Errno::EOVERFLOW,
            None => Errno::EOVERFLOW,
            _ => Errno::EINVAL,
        }
    })
}

/// Who asks: the process, or the description for the `F_OFD_` commands, whose `l_pid`
/// must be 0.
fn owner(file: &OpenFile, is_description: bool, wanted: &linux::flock) -> Result<Owner> {
    if !is_description {
        return Ok(Owner::Process(current_process().id()));
    }
    if wanted.l_pid != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Owner::description(file))
}

/// `F_GETLK`, `F_OFD_GETLK`.
pub(super) fn query(file: &OpenFile, command: u32, address: usize) -> Result<usize> {
    let mut wanted: linux::flock = user::read(address)?;
    let is_exclusive = match wanted.l_type as u32 {
        linux::F_RDLCK => false,
        linux::F_WRLCK => true,
        _ => return Err(Errno::EINVAL),
    };
    let lock = Lock {
        owner: owner(file, command == linux::F_OFD_GETLK, &wanted)?,
        range: range(file, &wanted)?,
        is_exclusive,
    };
    match locks(file)?.conflict(&lock) {
        None => wanted.l_type = linux::F_UNLCK as i16,
        Some(held) => {
            let kind = if held.is_exclusive {
                linux::F_WRLCK
            } else {
                linux::F_RDLCK
            };
            wanted.l_type = kind as i16;
            wanted.l_whence = linux::SEEK_SET as i16;
            wanted.l_start = held.range.start.cast_signed();
            wanted.l_len = held.range.flock_length().cast_signed();
            wanted.l_pid = match held.owner {
                Owner::Process(id) => id.cast_signed(),
                Owner::Description(_) => -1,
            };
        }
    }
    user::write(address, &wanted)?;
    Ok(0)
}

/// `F_SETLK`, `F_SETLKW` and their `F_OFD_` relatives.
pub(super) fn set(file: &OpenFile, descriptor: i32, command: u32, address: usize) -> Result<usize> {
    let wanted: linux::flock = user::read(address)?;
    let is_description = matches!(command, linux::F_OFD_SETLK | linux::F_OFD_SETLKW);
    let waits = matches!(command, linux::F_SETLKW | linux::F_OFD_SETLKW);
    let locks = locks(file)?;
    let range = range(file, &wanted)?;
    let owner = owner(file, is_description, &wanted)?;
    let is_exclusive = match wanted.l_type as u32 {
        linux::F_RDLCK if file.is_readable() => false,
        linux::F_WRLCK if file.is_writable() => true,
        linux::F_RDLCK | linux::F_WRLCK => return Err(Errno::EBADF),
        linux::F_UNLCK => {
            locks.release(Family::Record, owner, range);
            return Ok(0);
        }
        _ => return Err(Errno::EINVAL),
    };
    let lock = Lock {
        owner,
        range,
        is_exclusive,
    };
    if waits {
        locks.take(Family::Record, lock)?;
    } else {
        locks.try_take(Family::Record, lock)?;
    }
    // Another thread may have closed the descriptor meanwhile, and its locks with it.
    let is_still_open = files()
        .get_any(descriptor)
        .is_ok_and(|now| core::ptr::eq(&raw const *now, file));
    if !is_still_open && !is_description {
        locks.release(Family::Record, owner, range);
        return Err(Errno::EBADF);
    }
    Ok(0)
}
