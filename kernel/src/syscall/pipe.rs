//! Pipes and event counters: `pipe(2)`, `eventfd(2)`.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::fs::file::OpenFile;
use crate::fs::{eventfd, pipe};
use crate::memory::user;
use crate::task;

/// The calls of this file; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_pipe => pipe2([args[0], 0, 0, 0, 0, 0]),
        linux::__NR_pipe2 => pipe2(args),
        linux::__NR_eventfd => eventfd2([args[0], 0, 0, 0, 0, 0]),
        linux::__NR_eventfd2 => eventfd2(args),
        _ => return None,
    })
}

fn pipe2([address, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK | linux::O_DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let close_on_exec = flags & linux::O_CLOEXEC != 0;
    let (reading, writing) = pipe::create(flags & (linux::O_NONBLOCK | linux::O_DIRECT));
    install_pair(reading, writing, close_on_exec, address)
}

/// Installs two files and writes their descriptors to user address `address`; takes both
/// back where that fails.
pub(super) fn install_pair(
    first: Arc<OpenFile>,
    second: Arc<OpenFile>,
    close_on_exec: bool,
    address: usize,
) -> Result<usize> {
    let process = task::current_process();
    let files = process.files();
    let first = files.install(first, close_on_exec)?;
    let written = files.install(second, close_on_exec).and_then(|second| {
        user::write(address, &[first as i32, second as i32]).inspect_err(|_| {
            let _ = files.close(second as i32);
        })
    });
    if let Err(error) = written {
        let _ = files.close(first as i32);
        return Err(error);
    }
    Ok(0)
}

fn eventfd2([count, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let file = eventfd::create(count as u32, flags)?;
    let close_on_exec = flags & linux::EFD_CLOEXEC != 0;
    task::current_process().files().install(file, close_on_exec)
}
