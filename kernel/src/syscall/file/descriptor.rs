//! Duplicating descriptors, and `fcntl(2)`.

use linux_raw_sys::general as linux;

use super::{files, lock, memfd};
use crate::errno::{Errno, Result};

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_dup => dup(args),
        linux::__NR_dup2 => dup2(args),
        linux::__NR_dup3 => dup3(args),
        linux::__NR_fcntl => fcntl(args),
        _ => return None,
    })
}

fn dup([descriptor, ..]: [usize; 6]) -> Result<usize> {
    let files = files();
    files.install(files.get_any(descriptor as i32)?, false)
}

fn dup2([old, new, ..]: [usize; 6]) -> Result<usize> {
    let files = files();
    let file = files.get_any(old as i32)?;
    if old as i32 != new as i32 {
        files.replace(new as i32, file, false)?;
    }
    Ok(new as u32 as usize)
}

fn dup3([old, new, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !linux::O_CLOEXEC != 0 || old as i32 == new as i32 {
        return Err(Errno::EINVAL);
    }
    let files = files();
    let file = files.get_any(old as i32)?;
    files.replace(new as i32, file, flags & linux::O_CLOEXEC != 0)?;
    Ok(new as u32 as usize)
}

fn fcntl([descriptor, command, argument, ..]: [usize; 6]) -> Result<usize> {
    let files = files();
    let number = descriptor as i32;
    let file = files.get_any(number)?;
    match command as u32 {
        linux::F_DUPFD => return duplicate(number, argument, false),
        linux::F_DUPFD_CLOEXEC => return duplicate(number, argument, true),
        linux::F_GETFD => return Ok(usize::from(files.closes_on_exec(number)?)),
        linux::F_SETFD => {
            files.set_closes_on_exec(number, argument as u32 & linux::FD_CLOEXEC != 0)?;
            return Ok(0);
        }
        linux::F_GETFL if file.flags() & linux::O_PATH != 0 => return Ok(file.flags() as usize),
        // O_LARGEFILE is what every 64-bit process has.
        linux::F_GETFL => return Ok((file.flags() | linux::O_LARGEFILE) as usize),
        _ if file.flags() & linux::O_PATH != 0 => return Err(Errno::EBADF),
        _ => {}
    }
    match command as u32 {
        linux::F_SETFL => {
            let flags = argument as u32;
            if flags & linux::O_NOATIME != 0
                && let Some(location) = file.location()
                && !crate::fs::caller().owns(&location.inode.metadata())
            {
                return Err(Errno::EPERM);
            }
            file.set_flags(flags);
            Ok(0)
        }
        linux::F_GETLK | linux::F_OFD_GETLK => lock::query(&file, command as u32, argument),
        linux::F_SETLK | linux::F_SETLKW | linux::F_OFD_SETLK | linux::F_OFD_SETLKW => {
            lock::set(&file, number, command as u32, argument)
        }
        linux::F_ADD_SEALS => memfd::add_seals(&file, argument as u32),
        linux::F_GET_SEALS => memfd::seals(&file),
        linux::F_SETPIPE_SZ => crate::fs::pipe::set_size(&file, argument),
        linux::F_GETPIPE_SZ => crate::fs::pipe::size(&file),
        // Nobody is told of anything: no owner was ever set, the signal is SIGIO.
        linux::F_GETOWN | linux::F_GETSIG => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

fn duplicate(descriptor: i32, minimum: usize, closes_on_exec: bool) -> Result<usize> {
    let files = files();
    let file = files.get_any(descriptor)?;
    let process = crate::task::current_process();
    let (limit, _) = process.limit(linux::RLIMIT_NOFILE);
    let minimum = minimum as u32;
    if u64::from(minimum) >= limit {
        return Err(Errno::EINVAL);
    }
    files.install_from(file, minimum as usize, closes_on_exec)
}
