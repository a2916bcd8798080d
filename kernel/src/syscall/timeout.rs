//! Timeouts as `poll(2)` and its relatives take them, and the signal mask that some of
//! them swap while they wait.

use core::time::Duration;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::memory::user::{self, plain};
use crate::time::Instant;

plain!(linux::__kernel_timespec, linux::__kernel_old_timeval);

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Where the time that is left is written to when the call ends.
enum WriteBack {
    Nowhere,
    Timespec(usize),
    Timeval(usize),
}

/// When a call gives up; never, where there is no deadline.
pub struct Timeout {
    deadline: Option<Instant>,
    write_back: WriteBack,
}

impl Timeout {
    /// From milliseconds; a negative number is for ever.
    #[must_use]
    pub fn from_milliseconds(milliseconds: i32) -> Self {
        let nanos = u64::try_from(milliseconds)
            .ok()
            .map(|value| value * 1_000_000);
        Self {
            deadline: nanos.map(after),
            write_back: WriteBack::Nowhere,
        }
    }

    /// From the `timespec` at user address `address`; null is for ever.
    ///
    /// # Errors
    /// `EFAULT`; `EINVAL` for one that is not normal.
    pub fn from_timespec(address: usize) -> Result<Self> {
        if address == 0 {
            return Ok(Self::from_milliseconds(-1));
        }
        let time: linux::__kernel_timespec = user::read(address)?;
        let nanos = nanos_of(time.tv_sec, time.tv_nsec)?;
        Ok(Self {
            deadline: Some(after(nanos)),
            write_back: WriteBack::Timespec(address),
        })
    }

    /// From the `timeval` at user address `address`; null is for ever.
    ///
    /// # Errors
    /// `EFAULT`; `EINVAL` for a negative one.
    pub fn from_timeval(address: usize) -> Result<Self> {
        if address == 0 {
            return Ok(Self::from_milliseconds(-1));
        }
        let time: linux::__kernel_old_timeval = user::read(address)?;
        // Linux lets microseconds above a second pass here.
        let seconds = time.tv_sec.checked_add(time.tv_usec / 1_000_000);
        let micros = time.tv_usec % 1_000_000;
        let nanos = nanos_of(seconds.ok_or(Errno::EINVAL)?, micros * 1000)?;
        Ok(Self {
            deadline: Some(after(nanos)),
            write_back: WriteBack::Timeval(address),
        })
    }

    /// When to give up.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Writes the time that is left to where the timeout came from. A fault is ignored,
    /// as Linux does (`poll_select_finish`).
    pub fn write_back(&self) {
        let Some(deadline) = self.deadline else {
            return;
        };
        let left = deadline
            .as_nanos()
            .saturating_sub(Instant::now().as_nanos());
        let seconds = (left / NANOS_PER_SECOND).cast_signed();
        let nanos = (left % NANOS_PER_SECOND).cast_signed();
        let _ = match self.write_back {
            WriteBack::Nowhere => Ok(()),
            WriteBack::Timespec(address) => user::write(address, &[seconds, nanos]),
            WriteBack::Timeval(address) => user::write(address, &[seconds, nanos / 1000]),
        };
    }
}

fn after(nanos: u64) -> Instant {
    Instant::now() + Duration::from_nanos(nanos)
}

/// Nanoseconds of a normal, not negative time; bounded so that it can be added to any
/// clock.
///
/// # Errors
/// `EINVAL`.
pub fn nanos_of(seconds: i64, nanos: i64) -> Result<u64> {
    let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    let nanos = u64::try_from(nanos).map_err(|_| Errno::EINVAL)?;
    if nanos >= NANOS_PER_SECOND {
        return Err(Errno::EINVAL);
    }
    // 2^62 ns are 146 years.
    Ok(seconds
        .saturating_mul(NANOS_PER_SECOND)
        .saturating_add(nanos)
        .min(1 << 62))
}

/// Runs `wait` with the signal mask at user address `mask` (null: the one there is).
///
/// # Errors
/// `EFAULT`, `EINVAL` for a wrong size, and those of `wait`.
pub fn with_signal_mask<T>(
    mask: usize,
    mask_size: usize,
    wait: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if mask == 0 {
        return wait();
    }
    if mask_size != size_of::<u64>() {
        return Err(Errno::EINVAL);
    }
    let mask: u64 = user::read(mask)?;
    crate::task::current().with_blocked(mask, wait)
}
