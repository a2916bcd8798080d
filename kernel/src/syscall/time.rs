//! Clocks and sleeping.

use core::time::Duration;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::memory::user;
use crate::sync::{WaitError, WaitQueue};
use crate::task::{self, process};
use crate::time::{self, Instant};

const NANOS: u64 = 1_000_000_000;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_clock_gettime => clock_gettime(args),
        linux::__NR_clock_getres => clock_getres(args),
        linux::__NR_clock_settime => clock_settime(args),
        linux::__NR_clock_nanosleep => clock_nanosleep(args),
        linux::__NR_nanosleep => nanosleep(args),
        linux::__NR_gettimeofday => gettimeofday(args),
        linux::__NR_settimeofday => settimeofday(args),
        linux::__NR_time => time_call(args),
        _ => return None,
    })
}

/// A clock that can be read, and perhaps waited on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Since 1970.
    Realtime,
    /// Since boot.
    Monotonic,
    /// CPU time of a process.
    Process(u32),
    /// CPU time of a thread.
    Thread(u32),
}

impl Clock {
    /// The clock with this id: one of `CLOCK_…`, or a CPU clock (`clock_getcpuclockid`).
    ///
    /// # Errors
    /// `EINVAL`.
    pub fn from_id(id: i32) -> Result<Self> {
        if id < 0 {
            // `~pid << 3 | kind`; bit 2: a thread's (Linux's posix-timers.h).
            let target = !(id >> 3) as u32;
            let clock = if id & 4 != 0 {
                Self::Thread(target)
            } else {
                Self::Process(target)
            };
            return match id & 3 {
                0..=2 => clock.checked(),
                _ => Err(Errno::EINVAL),
            };
        }
        match id as u32 {
            linux::CLOCK_REALTIME
            | linux::CLOCK_REALTIME_COARSE
            | linux::CLOCK_REALTIME_ALARM
            | linux::CLOCK_TAI => Ok(Self::Realtime),
            linux::CLOCK_MONOTONIC
            | linux::CLOCK_MONOTONIC_RAW
            | linux::CLOCK_MONOTONIC_COARSE
            | linux::CLOCK_BOOTTIME
            | linux::CLOCK_BOOTTIME_ALARM => Ok(Self::Monotonic),
            linux::CLOCK_PROCESS_CPUTIME_ID => Ok(Self::Process(0)),
            linux::CLOCK_THREAD_CPUTIME_ID => Ok(Self::Thread(0)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn checked(self) -> Result<Self> {
        let exists = match self {
            Self::Process(id) => id == 0 || process::find(id).is_some(),
            Self::Thread(id) => id == 0 || process::find_thread(id).is_some(),
            _ => true,
        };
        exists.then_some(self).ok_or(Errno::EINVAL)
    }

    /// Its reading, in nanoseconds.
    ///
    /// # Errors
    /// `EINVAL`: whose CPU time it was is gone.
    pub fn now(self) -> Result<u64> {
        Ok(match self {
            Self::Realtime => time::realtime_nanos(),
            Self::Monotonic => time::uptime_nanos(),
            Self::Process(0) => task::current_process().run_nanos(),
            Self::Process(id) => process::find(id).ok_or(Errno::EINVAL)?.run_nanos(),
            Self::Thread(0) => task::current().run_nanos(),
            Self::Thread(id) => process::find_thread(id).ok_or(Errno::EINVAL)?.run_nanos(),
        })
    }

    /// The monotonic moment at which it reads `nanos`; a CPU clock's at the earliest.
    #[must_use]
    pub fn instant(self, nanos: u64) -> Instant {
        match self {
            Self::Realtime => time::instant_of_realtime(nanos),
            Self::Monotonic => Instant::from_nanos(nanos),
            Self::Process(_) | Self::Thread(_) => {
                let missing = nanos.saturating_sub(self.now().unwrap_or(0));
                Instant::now() + Duration::from_nanos(missing)
            }
        }
    }
}

/// Reads a `struct timespec` as nanoseconds.
///
/// # Errors
/// `EFAULT`; `EINVAL` for negative or unnormalised values.
pub fn read_timespec(address: usize) -> Result<u64> {
    let [seconds, nanos]: [i64; 2] = user::read(address)?;
    if seconds < 0 || !(0..NANOS as i64).contains(&nanos) {
        return Err(Errno::EINVAL);
    }
    Ok((seconds as u64)
        .saturating_mul(NANOS)
        .saturating_add(nanos as u64))
}

/// Writes nanoseconds as a `struct timespec`.
///
/// # Errors
/// `EFAULT`.
pub fn write_timespec(address: usize, nanos: u64) -> Result<()> {
    user::write(address, &[nanos / NANOS, nanos % NANOS])
}

/// Reads a `struct timeval` as a duration.
///
/// # Errors
/// `EFAULT`; `EINVAL` for negative or unnormalised values.
pub fn read_timeval(address: usize) -> Result<Duration> {
    let [seconds, micros]: [i64; 2] = user::read(address)?;
    if seconds < 0 || !(0..1_000_000).contains(&micros) {
        return Err(Errno::EINVAL);
    }
    Ok(Duration::new(seconds as u64, micros as u32 * 1000))
}

fn clock_gettime([id, to, ..]: [usize; 6]) -> Result<usize> {
    let now = Clock::from_id(id as i32)?.now()?;
    write_timespec(to, now)?;
    Ok(0)
}

fn clock_getres([id, to, ..]: [usize; 6]) -> Result<usize> {
    Clock::from_id(id as i32)?;
    if to != 0 {
        write_timespec(to, 1)?;
    }
    Ok(0)
}

fn clock_settime([id, from, ..]: [usize; 6]) -> Result<usize> {
    if id as u32 != linux::CLOCK_REALTIME {
        return Err(Errno::EINVAL);
    }
    let nanos = read_timespec(from)?;
    require_superuser()?;
    time::set_realtime(nanos);
    Ok(0)
}

fn require_superuser() -> Result<()> {
    match task::current_credentials().euid {
        0 => Ok(()),
        _ => Err(Errno::EPERM),
    }
}

fn clock_nanosleep([id, flags, request, remaining, ..]: [usize; 6]) -> Result<usize> {
    let clock = Clock::from_id(id as i32)?;
    // Clocks that Linux has no way to sleep on.
    if matches!(
        id as u32,
        linux::CLOCK_THREAD_CPUTIME_ID
            | linux::CLOCK_MONOTONIC_RAW
            | linux::CLOCK_REALTIME_COARSE
            | linux::CLOCK_MONOTONIC_COARSE
    ) {
        return Err(Errno::EOPNOTSUPP);
    }
    let nanos = read_timespec(request)?;
    // Its own time stands still while a thread sleeps.
    if let Clock::Thread(target) = clock
        && (target == 0 || target == task::current().id())
    {
        return Err(Errno::EINVAL);
    }
    if flags as u32 & linux::TIMER_ABSTIME != 0 {
        return sleep_until(clock.instant(nanos), None);
    }
    sleep_until(
        Instant::now() + Duration::from_nanos(nanos),
        Some(remaining),
    )
}

fn nanosleep([request, remaining, ..]: [usize; 6]) -> Result<usize> {
    let nanos = read_timespec(request)?;
    sleep_until(
        Instant::now() + Duration::from_nanos(nanos),
        Some(remaining),
    )
}

/// Sleeps; a signal ends it, and the rest goes to `remaining` (None: an absolute sleep,
/// which is begun anew).
fn sleep_until(deadline: Instant, remaining: Option<usize>) -> Result<usize> {
    let never = WaitQueue::new();
    match never.wait_until(Some(deadline), || None::<()>) {
        Ok(()) | Err(WaitError::TimedOut) => Ok(0),
        Err(WaitError::Interrupted) => match remaining {
            None => Err(Errno::RestartOrEintr),
            Some(address) => {
                if address != 0 {
                    write_timespec(address, deadline.since(Instant::now()).as_nanos() as u64)?;
                }
                Err(Errno::EINTR)
            }
        },
    }
}

fn gettimeofday([to, zone, ..]: [usize; 6]) -> Result<usize> {
    if to != 0 {
        let micros = time::realtime_nanos() / 1000;
        user::write(to, &[micros / 1_000_000, micros % 1_000_000])?;
    }
    if zone != 0 {
        user::write(zone, &[0_u32; 2])?;
    }
    Ok(0)
}

fn settimeofday([from, ..]: [usize; 6]) -> Result<usize> {
    if from != 0 {
        let since_epoch = read_timeval(from)?;
        require_superuser()?;
        time::set_realtime(since_epoch.as_nanos() as u64);
    }
    Ok(0)
}

fn time_call([to, ..]: [usize; 6]) -> Result<usize> {
    let seconds = time::realtime_nanos() / NANOS;
    if to != 0 {
        user::write(to, &seconds)?;
    }
    Ok(seconds as usize)
}
