//! Channels: `RG_CHANNEL`, `RG_CHANNEL_END`, `RG_CHANNEL_CLOSE`, `RG_SEND`, `RG_RECEIVE`.

use std::sync::Arc;

use linux_raw_sys::general as linux;
use roentgen_abi::syscall::{RG_CHANNEL, RG_CHANNEL_CLOSE, RG_CHANNEL_END, RG_RECEIVE, RG_SEND};

use crate::errno::{Errno, Result};
use crate::fs::channel;
use crate::fs::file::OpenFile;
use crate::task;

/// The calls of this file; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number as usize {
        RG_CHANNEL => create(args),
        RG_CHANNEL_END => further_end(args),
        RG_CHANNEL_CLOSE => close(args),
        RG_SEND => send(args),
        RG_RECEIVE => receive(args),
        _ => return None,
    })
}

const FLAGS: u32 = linux::O_CLOEXEC | linux::O_NONBLOCK;

/// `channel(capacity, flags)`.
fn create([capacity, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    install(channel::create(capacity, flags & linux::O_NONBLOCK)?, flags)
}

/// `channel_end(fd, mode)`.
fn further_end([descriptor, mode, ..]: [usize; 6]) -> Result<usize> {
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
fn close([descriptor, ..]: [usize; 6]) -> Result<usize> {
    channel::close(&*file(descriptor)?)?;
    Ok(0)
}

/// `send(fd, message, timeout)`.
fn send([descriptor, message, timeout, ..]: [usize; 6]) -> Result<usize> {
    channel::send(&*file(descriptor)?, message, timeout as u64)?;
    Ok(0)
}

/// `receive(fd, message, timeout)`.
fn receive([descriptor, message, timeout, ..]: [usize; 6]) -> Result<usize> {
    channel::receive(&*file(descriptor)?, message, timeout as u64)?;
    Ok(0)
}
