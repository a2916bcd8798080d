//! Channels: `RG_CHANNEL`, `RG_CHANNEL_END`, `RG_CHANNEL_CLOSE`, `RG_SEND`, `RG_RECEIVE`.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::fs::channel;
use crate::fs::file::OpenFile;
use crate::task;

const FLAGS: u32 = linux::O_CLOEXEC | linux::O_NONBLOCK;

/// `channel(capacity, flags)`.
#[inline(never)]
pub(super) fn create([capacity, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    install(channel::create(capacity, flags & linux::O_NONBLOCK)?, flags)
}

/// `channel_end(fd, mode)`.
#[inline(never)]
pub(super) fn further_end([descriptor, mode, ..]: [usize; 6]) -> Result<usize> {
    let mode = mode as u32;
    if mode & !(FLAGS | linux::O_ACCMODE) != 0 {
        return Err(Errno::EINVAL);
    }
    let end = channel::further(&*file(descriptor)?, mode & !linux::O_CLOEXEC)?;
    install(end, mode)
}

fn install(end: Arc<OpenFile>, flags: u32) -> Result<usize> {
    let closes_on_exec = flags & linux::O_CLOEXEC != 0;
    task::current_process().files().install(end, closes_on_exec)
}

fn file(descriptor: usize) -> Result<Arc<OpenFile>> {
    task::current_process().file(descriptor as i32)
}

/// `channel_close(fd)`.
#[inline(never)]
pub(super) fn close([descriptor, ..]: [usize; 6]) -> Result<usize> {
    channel::close(&*file(descriptor)?)?;
    Ok(0)
}

/// `send(fd, message, timeout)`.
#[inline(never)]
pub(super) fn send([descriptor, message, timeout, ..]: [usize; 6]) -> Result<usize> {
    channel::send(&*file(descriptor)?, message, timeout as u64)?;
    Ok(0)
}

/// `receive(fd, message, timeout)`.
#[inline(never)]
pub(super) fn receive([descriptor, message, timeout, ..]: [usize; 6]) -> Result<usize> {
    channel::receive(&*file(descriptor)?, message, timeout as u64)?;
    Ok(0)
}
