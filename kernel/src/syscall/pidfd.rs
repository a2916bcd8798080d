//! `pidfd_open(2)`, `pidfd_send_signal(2)`. Waiting for one is in [`super::process`].
//! `pidfd_getfd(2)` is not there.

use linux_raw_sys::general as linux;

use super::signal::{read_info_for, send_to_all, sender};
use crate::errno::{Errno, Result};
use crate::fs::pidfd;
use crate::task::signal::{self, info};
use crate::task::{self, process};

/// A wait by this descriptor does not block.
const PIDFD_NONBLOCK: u32 = linux::O_NONBLOCK;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_pidfd_open => open(args),
        linux::__NR_pidfd_send_signal => send_signal(args),
        _ => return None,
    })
}

fn open([id, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !PIDFD_NONBLOCK != 0 || id as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let id = id as u32;
    let process = process::find(id).ok_or_else(|| match process::find_thread(id) {
        // A thread that is not its process's first.
        Some(_) => Errno::EINVAL,
        None => Errno::ESRCH,
    })?;
    let file = pidfd::create(process, flags & PIDFD_NONBLOCK);
    task::current_process().files().install(file, true)
}

fn send_signal([descriptor, number, info, flags, ..]: [usize; 6]) -> Result<usize> {
    if flags as u32 != 0 {
        return Err(Errno::EINVAL);
    }
    let file = task::current_process().files().get(descriptor as i32)?;
    let target = pidfd::process_of_either(&file)?;
    let number = number as u32;
    let info = match info {
        0 if number > signal::COUNT => return Err(Errno::EINVAL),
        0 => sender(info::SI_USER, number),
        address => read_info_for(number, address, target.id())?,
    };
    if !target.is_registered() {
        return Err(Errno::ESRCH);
    }
    // Signal 0 only asks whether it could be sent.
    send_to_all(&[target], (number != 0).then_some(info), number)
}
