//! `wait`, and what it waits for: children that end, stop or go on.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::orphans;
use super::process::{self, Process};
use super::signal::info::Detail;
use super::signal::{self, SigInfo};
use super::usage::Usage;
use crate::errno::{Errno, Result};
use crate::sync::WaitError;

/// Bits of `Process::stop_state`: it is stopped.
pub(super) const STOPPED: u32 = 1 << 31;
/// The parent has not been told of the stop yet.
const STOP_UNREPORTED: u32 = 1 << 30;
/// The parent has not been told that it goes on.
const CONTINUE_UNREPORTED: u32 = 1 << 29;
const SIGNAL_MASK: u32 = 0xff;

/// The wait status of a process that a signal ended. There are no core files, so bit 7
/// is never set.
#[must_use]
pub const fn status_of_signal(signal: u32) -> u32 {
    signal
}

/// The wait status of a process that called `exit(code)`.
#[must_use]
pub const fn status_of_exit(code: u32) -> u32 {
    (code & 0xff) << 8
}

/// Which children a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Any.
    Any,
    /// The one with this process id.
    Process(u32),
    /// Those of this process group.
    Group(u32),
}

/// Which kind of children a wait is for, by the signal that tells of their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// Those that a fork made: SIGCHLD tells.
    Forks,
    /// The others (`__WCLONE`).
    Clones,
    /// All (`__WALL`).
    All,
}

impl Kinds {
    /// As the options of `wait4(2)` and `waitid(2)` say.
    #[must_use]
    pub fn of(options: u32) -> Self {
        match options & (linux::__WALL | linux::__WCLONE) {
            0 => Self::Forks,
            linux::__WCLONE => Self::Clones,
            _ => Self::All,
        }
    }

    fn has(self, child: &Process) -> bool {
        let is_fork = child.exit_signal.load(Ordering::Relaxed) == linux::SIGCHLD;
        match self {
            Self::Forks => is_fork,
            Self::Clones => !is_fork,
            Self::All => true,
        }
    }
}

/// What a wait is for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which children.
    pub who: Who,
    /// Of which kind.
    pub kinds: Kinds,
    /// Ended ones.
    pub exited: bool,
    /// Stopped ones.
    pub stopped: bool,
    /// Ones that go on.
    pub continued: bool,
    /// Leaves the child waitable.
    pub keep: bool,
    /// Does not block.
    pub no_hang: bool,
}

/// What happened to a child.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The child.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// The status word of `wait4`.
    pub status: u32,
    /// What it and its own waited-for children used.
    pub usage: Usage,
}

impl Event {
    /// `si_code` (`CLD_…`) and `si_status`, as `waitid` and SIGCHLD tell them.
    #[must_use]
    pub fn code_and_status(&self) -> (i32, i32) {
        decode(self.status)
    }
}

fn decode(status: u32) -> (i32, i32) {
    const CONTINUED: u32 = 0xffff;
    if status == CONTINUED {
        (linux::CLD_CONTINUED as i32, linux::SIGCONT as i32)
    } else if status & 0xff == 0x7f {
        (linux::CLD_STOPPED as i32, (status >> 8) as i32)
    } else if status & 0x7f == 0 {
        (linux::CLD_EXITED as i32, (status >> 8 & 0xff) as i32)
    } else if status & 0x80 != 0 {
        (linux::CLD_DUMPED as i32, (status & 0x7f) as i32)
    } else {
        (linux::CLD_KILLED as i32, (status & 0x7f) as i32)
    }
}

/// Waits for a child; None where `no_hang` and nothing has happened.
///
/// # Errors
/// `ECHILD`: there is no such child. `EINTR` or a restart: a signal came.
pub fn wait(parent: &Arc<Process>, options: Options) -> Result<Option<Event>> {
    let result = parent
        .child_events
        .wait_until(None, || match look(parent, options) {
            Err(error) => Some(Err(error)),
            Ok(Some(event)) => Some(Ok(Some(event))),
            Ok(None) if options.no_hang => Some(Ok(None)),
            Ok(None) => None,
        });
    match result {
        Ok(result) => result,
        Err(WaitError::Interrupted | WaitError::TimedOut) => Err(Errno::RestartOrEintr),
    }
}

fn look(parent: &Arc<Process>, options: Options) -> Result<Option<Event>> {
    let children = parent.children();
    let mut is_any = false;
    for child in children {
        let is_meant = match options.who {
            Who::Any => true,
            Who::Process(id) => child.id() == id,
            Who::Group(group) => child.group_id() == group,
        };
        if !is_meant || !options.kinds.has(&child) {
            continue;
        }
        is_any = true;
        if let Some(event) = event_of(parent, &child, options) {
            return Ok(Some(event));
        }
    }
    if is_any { Ok(None) } else { Err(Errno::ECHILD) }
}

fn event_of(parent: &Arc<Process>, child: &Arc<Process>, options: Options) -> Option<Event> {
    let event = |status| Event {
        pid: child.id(),
        uid: child.credentials().uid,
        status,
        usage: child.usage() + child.children_usage(),
    };
    if options.exited && child.is_zombie() {
        let ended = event(child.wait_status());
        if options.keep {
            return Some(ended);
        }
        // Only one of several waiting threads reaps it.
        return reap(parent, child).then(|| {
            parent.children.add(ended.usage);
            ended
        });
    }
    let state = child.stop_state.load(Ordering::Acquire);
    if options.stopped && state & STOPPED != 0 && state & STOP_UNREPORTED != 0 {
        if !options.keep {
            child
                .stop_state
                .fetch_and(!STOP_UNREPORTED, Ordering::AcqRel);
        }
        return Some(event((state & SIGNAL_MASK) << 8 | 0x7f));
    }
    if options.continued && state & CONTINUE_UNREPORTED != 0 {
        if !options.keep {
            child
                .stop_state
                .fetch_and(!CONTINUE_UNREPORTED, Ordering::AcqRel);
        }
        return Some(event(0xffff));
    }
    None
}

/// Takes an ended child out of its parent's list and the process table; whether it was
/// there.
pub(super) fn reap(parent: &Process, child: &Arc<Process>) -> bool {
    let removed = {
        let mut family = parent.family.lock();
        let children = family.children.as_mut();
        children.and_then(|children| {
            let position = children.iter().position(|other| Arc::ptr_eq(other, child));
            position.map(|position| children.swap_remove(position))
        })
    };
    if removed.is_some() {
        process::forget(child.id());
    }
    removed.is_some()
}

/// Tells the parent that something happened to `process`.
pub(super) fn tell_parent(process: &Process, status: u32) {
    let Some(parent) = process.parent() else {
        return;
    };
    let signal = process.exit_signal.load(Ordering::Relaxed);
    let (code, value) = decode(status);
    if signal != 0 {
        // Clock ticks of 10 ms, as sysconf(_SC_CLK_TCK) says.
        let usage = process.usage();
        let [user, system] = [usage.user, usage.system].map(|nanos| nanos / 10_000_000);
        let uid = process.credentials().uid;
        let detail = Detail::Child(process.id(), uid, value, user, system);
        let action = parent.signals().action(signal);
        let no_stops = action.flags & u64::from(linux::SA_NOCLDSTOP) != 0;
        let is_stop = code == linux::CLD_STOPPED as i32 || code == linux::CLD_CONTINUED as i32;
        if !(is_stop && no_stops) {
            signal::send_to_process(
                &parent,
                SigInfo {
                    signal,
                    code,
                    detail,
                },
            );
        }
    }
    parent.child_events.wake_all();
}

/// A stop signal took effect.
pub(super) fn stop(process: &Process, signal: u32) {
    let state = STOPPED | STOP_UNREPORTED | signal;
    if process.stop_state.swap(state, Ordering::AcqRel) & STOPPED == 0 {
        orphans::note_stop();
    }
    for thread in process.threads() {
        signal::interrupt(&thread);
    }
    tell_parent(process, signal << 8 | 0x7f);
}

/// SIGCONT: whoever is stopped goes on.
pub(super) fn go_on(process: &Process) {
    let going_on = |old| (old & STOPPED != 0).then_some(CONTINUE_UNREPORTED);
    let state = &process.stop_state;
    if state
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, going_on)
        .is_err()
    {
        return;
    }
    orphans::note_going_on();
    process.self_events.wake_all();
    tell_parent(process, 0xffff);
}

/// A process that ends, stopped or not, is no longer stopped; of the stop nobody learns.
pub(super) fn end_stop(process: &Process) {
    if process.stop_state.swap(0, Ordering::AcqRel) & STOPPED != 0 {
        orphans::note_going_on();
    }
}

/// Blocks the current thread while its process is stopped.
pub(super) fn stay_stopped(process: &Process) {
    process
        .self_events
        .wait_uninterruptibly(|| (!process.is_stopped() || process.is_ending()).then_some(()));
}
