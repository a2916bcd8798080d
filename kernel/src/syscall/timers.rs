//! Timers that send signals: `alarm`, `setitimer`, POSIX timers.

use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::memory::user::{self, plain};
use crate::sync::IrqLock;
use crate::syscall::time::{Clock, read_timespec, read_timeval, write_timespec};
use crate::task::signal::cpu_timers::{self, Which};
use crate::task::signal::timers::{IntervalTimer, Notice};
use crate::task::signal::{self};
use crate::task::{self, Process, process};
use crate::time::Instant;

/// What `timer_create` made.
#[derive(Clone)]
struct PosixTimer {
    /// The clock that absolute times of `timer_settime` are on.
    clock: Clock,
    timer: Arc<IntervalTimer>,
}

/// POSIX timers by process and id. A leaf lock.
static TIMERS: IrqLock<BTreeMap<(u32, i32), PosixTimer>> = IrqLock::new(BTreeMap::new());

/// Timers that one process may have.
const LIMIT: i32 = 1024;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_alarm => alarm(args),
        linux::__NR_setitimer => setitimer(args),
        linux::__NR_getitimer => getitimer(args),
        linux::__NR_timer_create => create(args),
        linux::__NR_timer_settime => settime(args),
        linux::__NR_timer_gettime => gettime(args),
        linux::__NR_timer_getoverrun => getoverrun(args),
        linux::__NR_timer_delete => delete(args),
        _ => return None,
    })
}

/// Drops all POSIX timers of a process: at its end and at `execve`.
pub fn drop_all(process: &Process) {
    let id = process.id();
    loop {
        let next = TIMERS
            .lock()
            .range((id, i32::MIN)..=(id, i32::MAX))
            .next()
            .map(|(key, _)| *key);
        let Some(key) = next else {
            return;
        };
        let removed = TIMERS.lock().remove(&key);
        if let Some(removed) = removed {
            removed.timer.set(None, Duration::ZERO);
        }
    }
}

/// The signal of one of a process's POSIX timers is delivered, with so many overruns.
pub fn note_delivered(process: u32, timer: i32, overruns: i32) {
    if let Some(known) = TIMERS.lock().get(&(process, timer)) {
        known.timer.note_delivered(overruns);
    }
}

/// The process's real-time interval timer, made when it is first used.
fn real_timer(process: &Arc<Process>) -> Arc<IntervalTimer> {
    let fresh = IntervalTimer::new(
        process,
        Notice {
            signal: linux::SIGALRM,
            thread: 0,
            value: 0,
            timer: -1,
        },
    );
    process.real_timer_or(fresh)
}

fn deadline(after: Duration) -> Option<Instant> {
    (!after.is_zero()).then(|| Instant::now() + after)
}

fn alarm([seconds, ..]: [usize; 6]) -> Result<usize> {
    let after = Duration::from_secs(u64::from(seconds as u32));
    let (left, _) = real_timer(&task::current_process()).set(deadline(after), Duration::ZERO);
    // Rounded to the nearest second, but never to "not set".
    let rounded = (left + Duration::from_millis(500)).as_secs();
    Ok(if left.is_zero() {
        0
    } else {
        rounded.max(1) as usize
    })
}

fn write_timeval_pair(to: usize, (value, interval): (Duration, Duration)) -> Result<()> {
    let words = [interval, value].map(|part| [part.as_secs(), u64::from(part.subsec_micros())]);
    user::write(to, &words)
}

/// Which timer on CPU time it is; None for the one on real time.
fn cpu_timer(which: usize) -> Result<Option<Which>> {
    match which as u32 {
        linux::ITIMER_REAL => Ok(None),
        linux::ITIMER_VIRTUAL => Ok(Some(Which::Virtual)),
        linux::ITIMER_PROF => Ok(Some(Which::Profile)),
        _ => Err(Errno::EINVAL),
    }
}

fn setitimer([which, new, old, ..]: [usize; 6]) -> Result<usize> {
    let which = cpu_timer(which)?;
    let (interval, value) = match new {
        0 => (Duration::ZERO, Duration::ZERO),
        new => (read_timeval(new)?, read_timeval(new + 16)?),
    };
    let process = task::current_process();
    let before = match which {
        Some(which) => cpu_timers::set(&process, which, value, interval),
        None => real_timer(&process).set(deadline(value), interval),
    };
    if old != 0 {
        write_timeval_pair(old, before)?;
    }
    Ok(0)
}

fn getitimer([which, to, ..]: [usize; 6]) -> Result<usize> {
    let process = task::current_process();
    let setting = match cpu_timer(which)? {
        Some(which) => process.cpu_timers().get(&process, which),
        None => real_timer(&process).get(),
    };
    write_timeval_pair(to, setting)?;
    Ok(0)
}

/// `struct sigevent`, as far as it is read.
#[repr(C)]
#[derive(Clone, Copy)]
struct SignalEvent {
    value: u64,
    signal: i32,
    notify: i32,
    thread: u32,
    padding: [u32; 11],
}

plain!(SignalEvent);

fn create([clock, event, to, ..]: [usize; 6]) -> Result<usize> {
    let clock = Clock::from_id(clock as i32)?;
    let process = task::current_process();
    let mut notice = Notice {
        signal: linux::SIGALRM,
        thread: 0,
        value: 0,
        timer: 0,
    };
    if event != 0 {
        let event: SignalEvent = user::read(event)?;
        notice.value = event.value;
        match event.notify as u32 {
            linux::SIGEV_NONE => notice.signal = 0,
            kind @ (linux::SIGEV_SIGNAL | linux::SIGEV_THREAD_ID) => {
                if !(1..=signal::COUNT as i32).contains(&event.signal) {
                    return Err(Errno::EINVAL);
                }
                notice.signal = event.signal as u32;
                if kind == linux::SIGEV_THREAD_ID {
                    let thread = process::find_thread(event.thread).ok_or(Errno::EINVAL)?;
                    if thread.process().id() != process.id() {
                        return Err(Errno::EINVAL);
                    }
                    notice.thread = event.thread;
                }
            }
            _ => return Err(Errno::EINVAL),
        }
    }
    let id = loop {
        let id = free_id(&process).ok_or(Errno::EAGAIN)?;
        notice.timer = id;
        if event == 0 {
            notice.value = id as u64;
        }
        let timer = IntervalTimer::new(&process, notice);
        // Another thread may have taken it meanwhile.
        if let Entry::Vacant(place) = TIMERS.lock().entry((process.id(), id)) {
            place.insert(PosixTimer { clock, timer });
            break id;
        }
    };
    user::write(to, &id).inspect_err(|_| remove(&process, id))?;
    Ok(0)
}

/// The least id that none of a process's timers has; None: it has as many as it may.
fn free_id(process: &Process) -> Option<i32> {
    let timers = TIMERS.lock();
    (0..LIMIT).find(|id| !timers.contains_key(&(process.id(), *id)))
}

fn remove(process: &Process, id: i32) {
    let removed = TIMERS.lock().remove(&(process.id(), id));
    drop(removed);
}

fn find(id: usize) -> Result<PosixTimer> {
    let key = (task::current_process().id(), id as i32);
    TIMERS.lock().get(&key).cloned().ok_or(Errno::EINVAL)
}

fn write_timespec_pair(to: usize, (value, interval): (Duration, Duration)) -> Result<()> {
    write_timespec(to, interval.as_nanos() as u64)?;
    write_timespec(to + 16, value.as_nanos() as u64)
}

fn settime([id, flags, new, old, ..]: [usize; 6]) -> Result<usize> {
    let PosixTimer { clock, timer } = find(id)?;
    let interval = read_timespec(new)?;
    let value = read_timespec(new + 16)?;
    let deadline = (value != 0).then(|| {
        if flags as u32 & linux::TIMER_ABSTIME != 0 {
            clock.instant(value)
        } else {
            Instant::now() + Duration::from_nanos(value)
        }
    });
    let before = timer.set(deadline, Duration::from_nanos(interval));
    if old != 0 {
        write_timespec_pair(old, before)?;
    }
    Ok(0)
}

fn gettime([id, to, ..]: [usize; 6]) -> Result<usize> {
    write_timespec_pair(to, find(id)?.timer.get())?;
    Ok(0)
}

fn getoverrun([id, ..]: [usize; 6]) -> Result<usize> {
    Ok(find(id)?.timer.overruns().unsigned_abs() as usize)
}

fn delete([id, ..]: [usize; 6]) -> Result<usize> {
    find(id)?.timer.set(None, Duration::ZERO);
    remove(&task::current_process(), id as i32);
    Ok(0)
}
