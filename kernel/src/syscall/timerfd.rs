//! `timerfd_create(2)`, `timerfd_settime(2)`, `timerfd_gettime(2)`, `signalfd4(2)`.

use linux_raw_sys::general as linux;

use super::timeout::nanos_of;
use crate::errno::{Errno, Result};
use crate::fs::signalfd;
use crate::fs::timerfd::{self, Setting, TimerFd};
use crate::memory::user;
use crate::task;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The calls of this file; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_timerfd_create => create(args),
        linux::__NR_timerfd_settime => set(args),
        linux::__NR_timerfd_gettime => get(args),
        linux::__NR_signalfd => signalfd4([args[0], args[1], args[2], 0, 0, 0]),
        linux::__NR_signalfd4 => signalfd4(args),
        _ => return None,
    })
}

fn create([clock, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let file = timerfd::create(clock as u32, flags)?;
    let close_on_exec = flags & linux::TFD_CLOEXEC != 0;
    task::current_process().files().install(file, close_on_exec)
}

fn set([descriptor, flags, new, old, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let [interval_seconds, interval_nanos, first_seconds, first_nanos] =
        user::read::<[i64; 4]>(new)?;
    let setting = Setting {
        first: nanos_of(first_seconds, first_nanos)?,
        interval: nanos_of(interval_seconds, interval_nanos)?,
    };
    if flags & !(linux::TFD_TIMER_ABSTIME | linux::TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = task::current_process().files().get(descriptor as i32)?;
    let timer = TimerFd::of(&file)?;
    let before = timer.set(setting, flags & linux::TFD_TIMER_ABSTIME != 0);
    if old != 0 {
        write_setting(old, before)?;
    }
    Ok(0)
}

fn get([descriptor, address, ..]: [usize; 6]) -> Result<usize> {
    let file = task::current_process().files().get(descriptor as i32)?;
    write_setting(address, TimerFd::of(&file)?.get())?;
    Ok(0)
}

fn write_setting(address: usize, setting: Setting) -> Result<()> {
    let Setting { first, interval } = setting;
    user::write(
        address,
        &[
            interval / NANOS_PER_SECOND,
            interval % NANOS_PER_SECOND,
            first / NANOS_PER_SECOND,
            first % NANOS_PER_SECOND,
        ],
    )
}

fn signalfd4([descriptor, mask, mask_size, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK) != 0 || mask_size != size_of::<u64>() {
        return Err(Errno::EINVAL);
    }
    let mask: u64 = user::read(mask)?;
    let files = task::current_process().files();
    match descriptor as i32 {
        -1 => {
            let file = signalfd::create(mask, flags & linux::O_NONBLOCK);
            files.install(file, flags & linux::O_CLOEXEC != 0)
        }
        existing => {
            let file = files.get(existing)?;
            signalfd::SignalFd::of(&file)?.set_mask(mask);
            Ok(descriptor)
        }
    }
}
