//! Opening and closing.

use linux_raw_sys::general as linux;

use super::{base_at, files, read_path};
use crate::errno::{Errno, Result};
use crate::fs;
use crate::memory::user;

/// `close_range(2)`: give the process a table of its own first.
const CLOSE_RANGE_UNSHARE: u32 = 1 << 1;
/// `close_range(2)`: mark as closing on exec instead of closing.
const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_open => openat([CWD, args[0], args[1], args[2], 0, 0]),
        linux::__NR_creat => {
            let flags = linux::O_CREAT | linux::O_WRONLY | linux::O_TRUNC;
            openat([CWD, args[0], flags as usize, args[1], 0, 0])
        }
        linux::__NR_openat => openat(args),
        linux::__NR_openat2 => openat2(args),
        linux::__NR_close => close(args),
        linux::__NR_close_range => close_range(args),
        _ => return None,
    })
}

fn openat([directory, path, flags, mode, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let makes = flags & (linux::O_CREAT | linux::__O_TMPFILE) != 0;
    let mode = if makes { mode as u32 & 0o7777 } else { 0 };
    open(directory, path, flags, mode)
}

fn open(directory: usize, path: usize, flags: u32, mode: u32) -> Result<usize> {
    fs::open::effective_flags(flags)?;
    let path = read_path(path)?;
    let files = files();
    files.check_room()?;
    let base = base_at(directory, &path)?;
    let umask = crate::task::current_process().fs().umask();
    let file = fs::open::open(&base, &path, flags, mode & !umask)?;
    files.install_in_room(file, flags & linux::O_CLOEXEC != 0)
}

/// `openat2(2)`, without its restrictions on resolution.
fn openat2([directory, path, how, size, ..]: [usize; 6]) -> Result<usize> {
    if size < 24 {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let [flags, mode, resolve]: [u64; 3] = user::read(how)?;
    for address in (how + 24..how + size).take(size - 24) {
        if user::read::<u8>(address)? != 0 {
            return Err(Errno::E2BIG);
        }
    }
    let flags = u32::try_from(flags).map_err(|_| Errno::EINVAL)?;
    let makes = flags & (linux::O_CREAT | linux::__O_TMPFILE) != 0;
    if mode & !0o7777 != 0 || (mode != 0 && !makes) {
        return Err(Errno::EINVAL);
    }
    if resolve != 0 {
        return Err(Errno::EINVAL);
    }
    open(directory, path, flags, mode as u32)
}

fn close([descriptor, ..]: [usize; 6]) -> Result<usize> {
    drop(files().close(descriptor as i32)?);
    Ok(0)
}

fn close_range([first, last, flags, ..]: [usize; 6]) -> Result<usize> {
    let (first, last, flags) = (first as u32, last as u32, flags as u32);
    if first > last || flags & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        // Tables are shared by the threads of a process only, and nobody asks for this.
        return Err(Errno::EINVAL);
    }
    let only_mark = flags & CLOSE_RANGE_CLOEXEC != 0;
    files().close_range(first as usize, last as usize, only_mark);
    Ok(0)
}
