//! `epoll_create1(2)`, `epoll_ctl(2)`, `epoll_wait(2)` and their relatives.

use linux_raw_sys::general as linux;

use super::timeout::{Timeout, with_signal_mask};
use crate::errno::{Errno, Result};
use crate::fs::epoll::{self, Epoll};
use crate::memory::user;
use crate::task;
use crate::time::Instant;

/// `struct epoll_event`: packed on x86-64, a word of events and two of data.
const EVENT_SIZE: usize = 12;

/// Events given out at a time; more wait for the next call.
const MOST: usize = 4096;

/// `EP_MAX_EVENTS` of Linux: more than this overflows a signed byte count.
const LIMIT: usize = i32::MAX as usize / EVENT_SIZE;

/// The calls of this file; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let [set, events, most, timeout, mask, mask_size] = args;
    Some(match number {
        linux::__NR_epoll_create if (args[0] as i32) <= 0 => Err(Errno::EINVAL),
        linux::__NR_epoll_create => create(0),
        linux::__NR_epoll_create1 => create(args[0] as u32),
        linux::__NR_epoll_ctl => ctl(args),
        linux::__NR_epoll_wait => {
            let timeout = Timeout::from_milliseconds(timeout as i32);
            wait(set, events, most, timeout.deadline())
        }
        linux::__NR_epoll_pwait => {
            let timeout = Timeout::from_milliseconds(timeout as i32);
            with_signal_mask(mask, mask_size, || {
                wait(set, events, most, timeout.deadline())
            })
        }
        linux::__NR_epoll_pwait2 => Timeout::from_timespec(timeout).and_then(|timeout| {
            with_signal_mask(mask, mask_size, || {
                wait(set, events, most, timeout.deadline())
            })
        }),
        _ => return None,
    })
}

fn create(flags: u32) -> Result<usize> {
    if flags & !linux::EPOLL_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let close_on_exec = flags & linux::EPOLL_CLOEXEC != 0;
    let files = task::current_process().files();
    files.install(epoll::create(), close_on_exec)
}

fn ctl([set, operation, descriptor, event, ..]: [usize; 6]) -> Result<usize> {
    let operation = operation as u32;
    let event = match operation {
        linux::EPOLL_CTL_DEL => (0, 0),
        _ => read_event(event)?,
    };
    let files = task::current_process().files();
    let set = files.get(set as i32)?;
    let descriptor = descriptor as i32;
    let file = files.get(descriptor)?;
    if file.object.wait_queue().is_none() {
        return Err(Errno::EPERM);
    }
    if std::sync::Arc::ptr_eq(&set, &file) {
        return Err(Errno::EINVAL);
    }
    let epoll = Epoll::of(&set)?;
    match operation {
        linux::EPOLL_CTL_ADD => epoll.add(descriptor, &file, event)?,
        linux::EPOLL_CTL_MOD => epoll.modify(descriptor, &file, event)?,
        linux::EPOLL_CTL_DEL => epoll.delete(descriptor, &file)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn read_event(address: usize) -> Result<(u32, u64)> {
    let [events, low, high] = user::read::<[u32; 3]>(address)?;
    Ok((events, u64::from(low) | u64::from(high) << 32))
}

fn wait(set: usize, events: usize, most: usize, deadline: Option<Instant>) -> Result<usize> {
    let most = usize::try_from(most as i32).unwrap_or(0);
    if most == 0 || most > LIMIT {
        return Err(Errno::EINVAL);
    }
    if !user::is_user_range(events, most * EVENT_SIZE) {
        return Err(Errno::EFAULT);
    }
    let file = task::current_process().files().get(set as i32)?;
    let happened = Epoll::of(&file)?.wait(most.min(MOST), deadline)?;
    for (index, (bits, data)) in happened.iter().enumerate() {
        let words = [*bits, *data as u32, (*data >> 32) as u32];
        match user::write(events + index * EVENT_SIZE, &words) {
            Ok(()) => {}
            Err(error) if index == 0 => return Err(error),
            Err(_) => return Ok(index),
        }
    }
    Ok(happened.len())
}
