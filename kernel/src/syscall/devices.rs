//! Roentgen's calls for devices: interrupt lines, ports, registers, and who may use them.

use core::time::Duration;
use std::sync::Arc;

use linux_raw_sys::general as linux;
use roentgen_abi::syscall::{
    FOREVER, GRANT_DEVICES, GRANT_INHERIT, LINE_EDGE, LINE_GSI, LINE_LEVEL,
};
use smp::madt::Trigger;

use crate::cpu::start;
use crate::devices;
use crate::devices::lines::{self, Wish};
use crate::errno::{Errno, Result};
use crate::first_process;
use crate::fs::{OpenFile, line, pidfd, ports, registers};
use crate::task;
use crate::time::Instant;

const FILE_FLAGS: u32 = linux::O_CLOEXEC | linux::O_NONBLOCK;
/// How long a server's runs may be, in nanoseconds.
const RUN_LIMITS: core::ops::RangeInclusive<u64> = 1_000_000..=10_000_000_000;

/// The global system interrupt that number and flags mean.
fn gsi(number: usize, flags: u32) -> Result<u32> {
    if flags & LINE_GSI != 0 {
        return u32::try_from(number).map_err(|_| Errno::EINVAL);
    }
    let irq = u8::try_from(number)
        .ok()
        .filter(|irq| *irq != start::CASCADE)
        .ok_or(Errno::EINVAL)?;
    let (gsi, ..) = start::with_io_apics(|io_apics| io_apics.isa(irq))
        .and_then(core::result::Result::ok)
        .ok_or(Errno::EINVAL)?;
    Ok(gsi)
}

fn install(file: Arc<OpenFile>, closes_on_exec: bool) -> Result<usize> {
    task::current_process()
        .files()
        .install(file, closes_on_exec)
}

/// `line(number, core, flags, rate, limit)`.
#[inline(never)]
pub(super) fn line([number, core, flags, rate, limit, _]: [usize; 6]) -> Result<usize> {
    devices::check_permission()?;
    let flags = flags as u32;
    let trigger = match flags & (LINE_EDGE | LINE_LEVEL) {
        0 => None,
        LINE_EDGE => Some(Trigger::Edge),
        LINE_LEVEL => Some(Trigger::Level),
        _ => return Err(Errno::EINVAL),
    };
    let rate = u32::try_from(rate).ok().filter(|rate| *rate > 0);
    if flags & !(LINE_GSI | LINE_EDGE | LINE_LEVEL | FILE_FLAGS) != 0
        || !RUN_LIMITS.contains(&(limit as u64))
    {
        return Err(Errno::EINVAL);
    }
    let wish = Wish {
        gsi: gsi(number, flags)?,
        core,
        trigger,
        rate: rate.ok_or(Errno::EINVAL)?,
        limit: limit as u64,
    };
    let file = line::create(&wish, flags & linux::O_NONBLOCK)?;
    install(file, flags & linux::O_CLOEXEC != 0)
}

/// `line_wait(fd, timeout)`.
#[inline(never)]
pub(super) fn line_wait([descriptor, timeout, ..]: [usize; 6]) -> Result<usize> {
    let file = task::current_process().file(descriptor as i32)?;
    let timeout = timeout as u64;
    let deadline = (timeout != FOREVER).then(|| Instant::now() + Duration::from_nanos(timeout));
    line::wait(&file, deadline).map(|count| count as usize)
}

/// `line_detach(number, flags)`.
#[inline(never)]
pub(super) fn line_detach([number, flags, ..]: [usize; 6]) -> Result<usize> {
    devices::check_permission()?;
    let flags = flags as u32;
    if flags & !LINE_GSI != 0 {
        return Err(Errno::EINVAL);
    }
    lines::detach(gsi(number, flags)?)?;
    Ok(0)
}

/// `grant(pidfd, grants)`.
#[inline(never)]
pub(super) fn grant([descriptor, grants, ..]: [usize; 6]) -> Result<usize> {
    let me = task::current_process();
    if me.id() != first_process::id() {
        return Err(Errno::EPERM);
    }
    let grants = grants as u32;
    let is_known = matches!(grants, 0 | GRANT_DEVICES) || grants == GRANT_DEVICES | GRANT_INHERIT;
    if !is_known {
        return Err(Errno::EINVAL);
    }
    let file = me.file(descriptor as i32)?;
    pidfd::process_of(&file)?.set_grants(grants);
    Ok(0)
}

/// `ports(first, count)`.
#[inline(never)]
pub(super) fn ports([first, count, ..]: [usize; 6]) -> Result<usize> {
    devices::check_permission()?;
    install(ports::create(first, count)?, true)
}

/// `registers(physical, length)`.
#[inline(never)]
pub(super) fn registers([physical, length, ..]: [usize; 6]) -> Result<usize> {
    devices::check_permission()?;
    install(registers::create(physical as u64, length as u64)?, true)
}
