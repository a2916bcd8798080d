//! `timerfd_create(2)`: expirations as something to read and to poll.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device, block};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::user::Destination;
use crate::sync::{IrqLock, WaitQueue};
use crate::time::{self, Expire, Instant, Timer};

/// Bytes of a read.
const SIZE: usize = 8;

/// A setting: nanoseconds to the first expiration (0: off) and between later ones (0:
/// once).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// To the first expiration; on the clock itself with `TFD_TIMER_ABSTIME`.
    pub first: u64,
    /// From one to the next.
    pub interval: u64,
}

#[derive(Default)]
struct State {
    /// The next expiration that was not counted yet, in nanoseconds of the monotonic
    /// clock.
    next: Option<u64>,
    interval: u64,
    /// Expirations that were not read.
    count: u64,
}

impl State {
    /// Counts what has expired by `now`.
    fn advance(&mut self, now: u64) {
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return;
        };
        if self.interval == 0 {
            self.count = self.count.saturating_add(1);
            self.next = None;
            return;
        }
        let times = (now - next) / self.interval + 1;
        self.count = self.count.saturating_add(times);
        self.next = Some(next.saturating_add(times.saturating_mul(self.interval)));
    }
}

/// What the timer's interrupt reaches.
struct Shared {
    /// Before the locks of the timer.
    state: IrqLock<State>,
    changed: WaitQueue,
}

impl Expire for Shared {
    fn expire(&self) {
        // Counted by whoever looks; the next expiration is armed by the reader, as a
        // timer that nobody reads needs no more wake-ups.
        self.changed.wake_all();
    }
}

/// An open timer.
pub struct TimerFd {
    clock: u32,
    shared: Arc<Shared>,
    timer: Timer,
    inode: AnonymousInode,
}

/// A timer on `clock`, not set; `flags` are those of `timerfd_create(2)`.
///
/// # Errors
/// `EINVAL` for unknown clocks and flags.
pub fn create(clock: u32, flags: u32) -> Result<Arc<OpenFile>> {
    if flags & !(linux::TFD_CLOEXEC | linux::TFD_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    if !matches!(
        clock,
        linux::CLOCK_REALTIME
            | linux::CLOCK_MONOTONIC
            | linux::CLOCK_BOOTTIME
            | linux::CLOCK_REALTIME_ALARM
            | linux::CLOCK_BOOTTIME_ALARM
    ) {
        return Err(Errno::EINVAL);
    }
    let shared = Arc::new(Shared {
        state: IrqLock::new(State::default()),
        changed: WaitQueue::new(),
    });
    let timer = TimerFd {
        clock,
        timer: Timer::new(shared.clone()),
        shared,
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    let status = linux::O_RDWR | (flags & linux::TFD_NONBLOCK);
    Ok(OpenFile::new(
        Arc::new(timer),
        status,
        b"anon_inode:[timerfd]".to_vec(),
    ))
}

impl TimerFd {
    /// The timer behind `file`.
    ///
    /// # Errors
    /// `EINVAL` where it is none.
    pub fn of(file: &OpenFile) -> Result<&Self> {
        file.object.as_any().downcast_ref().ok_or(Errno::EINVAL)
    }

    /// Sets it; gives the time that was left. Unread expirations are forgotten.
    pub fn set(&self, setting: Setting, is_absolute: bool) -> Setting {
        let now = Instant::now().as_nanos();
        let next = match setting.first {
            0 => None,
            first if !is_absolute => Some(now.saturating_add(first)),
            first if self.is_realtime() => Some(time::instant_of_realtime(first).as_nanos()),
            first => Some(first),
        };
        let mut state = self.shared.state.lock();
        let old = remaining(&mut state, now);
        *state = State {
            next,
            interval: setting.interval,
            count: 0,
        };
        self.arm(&state);
        old
    }

    /// The time that is left, and the interval.
    #[must_use]
    pub fn get(&self) -> Setting {
        let now = Instant::now().as_nanos();
        let mut state = self.shared.state.lock();
        let setting = remaining(&mut state, now);
        self.arm(&state);
        setting
    }

    fn is_realtime(&self) -> bool {
        matches!(
            self.clock,
            linux::CLOCK_REALTIME | linux::CLOCK_REALTIME_ALARM
        )
    }

    /// Under the state's lock, so that what is armed is what is set.
    fn arm(&self, state: &State) {
        match state.next {
            Some(next) => self.timer.arm(Instant::from_nanos(next)),
            None => self.timer.disarm(),
        }
    }

    /// Takes the expirations until now; arms the next.
    fn take(&self) -> Option<u64> {
        let mut state = self.shared.state.lock();
        state.advance(Instant::now().as_nanos());
        let count = core::mem::take(&mut state.count);
        if count == 0 {
            return None;
        }
        self.arm(&state);
        Some(count)
    }
}

fn remaining(state: &mut State, now: u64) -> Setting {
    state.advance(now);
    Setting {
        first: state.next.map_or(0, |next| next.saturating_sub(now).max(1)),
        interval: state.interval,
    }
}

impl FileObject for TimerFd {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        let count = block(&self.shared.changed, file.is_nonblocking(), None, || {
            self.take().map(Ok)
        })?;
        to.write(&count.to_ne_bytes())
    }

    fn seek(&self, _file: &OpenFile, _offset: i64, _whence: u32) -> Result<u64> {
        // Linux's `noop_llseek`.
        Ok(0)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        let mut state = self.shared.state.lock();
        state.advance(Instant::now().as_nanos());
        match state.count {
            0 => Events::empty(),
            _ => Events::IN,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.changed)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
