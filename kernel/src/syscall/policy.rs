//! Roentgen's calls for scheduling policies.

use linux_raw_sys::general as linux;
use roentgen_abi::policy::Kind;
use roentgen_abi::syscall::{FOREVER, POLICY_RANKED};

use crate::devices;
use crate::errno::{Errno, Result};
use crate::fs::policy;
use crate::task;

/// `policy(flags, events)`.
#[inline(never)]
pub(super) fn attach([flags, events, ..]: [usize; 6]) -> Result<usize> {
    devices::check_permission()?;
    let (flags, events) = (flags as u32, events as u32);
    let known = Kind::ALL.iter().fold(0, |bits, kind| bits | kind.bit());
    if flags & !(POLICY_RANKED | linux::O_CLOEXEC) != 0 || events & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let files = task::current_process().files();
    files.check_room()?;
    let file = policy::create(events, flags & POLICY_RANKED != 0)?;
    files.install(file, flags & linux::O_CLOEXEC != 0)
}

/// `policy_wait(fd, kicks, pause, timeout)`.
#[inline(never)]
pub(super) fn wait([descriptor, kicks, pause, timeout, ..]: [usize; 6]) -> Result<usize> {
    let file = task::current_process().file(descriptor as i32)?;
    let timeout = Some(timeout as u64).filter(|timeout| *timeout != FOREVER);
    let seat = policy::seat_of(&file)?;
    seat.wait(kicks as u64, pause as u64, timeout)
        .map(|count| count as usize)
}
