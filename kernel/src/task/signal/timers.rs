//! Interval timers: `setitimer`, `alarm`, and POSIX timers.

use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Weak};

use super::SigInfo;
use super::info::{Detail, SI_KERNEL, SI_TIMER};
use crate::sync::IrqLock;
use crate::task::process::Process;
use crate::time::{self, Armed, Expire, Instant};

/// What a POSIX timer tells (`sigevent`).
#[derive(Clone, Copy)]
pub struct Notice {
    /// The signal; 0: none.
    pub signal: u32,
    /// The thread that gets it; 0: the process.
    pub thread: u32,
    /// `sigev_value`.
    pub value: u64,
    /// The timer's id; -1 for `setitimer`.
    pub timer: i32,
}

struct Setting {
    deadline: Option<Instant>,
    interval: Duration,
    /// For `deadline`, always: they change together, or one that expires at this moment would arm
    /// itself anew for what is no longer set, or be forgotten.
    armed: Option<Armed>,
}

/// A timer of a process that sends it signals.
pub struct IntervalTimer {
    this: Weak<Self>,
    process: Weak<Process>,
    notice: Notice,
    /// Before the lock of a core's timers; what is taken out is cancelled outside of it.
    setting: IrqLock<Setting>,
    overruns: AtomicI32,
}

impl IntervalTimer {
    /// A timer that is not set.
    #[must_use]
    pub fn new(process: &Arc<Process>, notice: Notice) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            process: Arc::downgrade(process),
            notice,
            setting: IrqLock::new(Setting {
                deadline: None,
                interval: Duration::ZERO,
                armed: None,
            }),
            overruns: AtomicI32::new(0),
        })
    }

    /// Sets it, or stops it where `deadline` is None; the old setting: time left (zero:
    /// it was not set) and interval.
    pub fn set(&self, deadline: Option<Instant>, interval: Duration) -> (Duration, Duration) {
        let (old, cancelled) = {
            let mut setting = self.setting.lock();
            let old = (setting.time_left(), setting.interval);
            setting.interval = interval;
            (old, self.arm(&mut setting, deadline))
        };
        drop(cancelled);
        old
    }

    /// Time left and interval.
    #[must_use]
    pub fn get(&self) -> (Duration, Duration) {
        let setting = self.setting.lock();
        (setting.time_left(), setting.interval)
    }

    /// Its signal is delivered, and tells of so many expiries beyond one.
    pub fn note_delivered(&self, overruns: i32) {
        self.overruns.store(overruns, Ordering::Relaxed);
    }

    /// Expiries beyond the one that the last signal that was delivered told of.
    #[must_use]
    pub fn overruns(&self) -> i32 {
        self.overruns.load(Ordering::Relaxed)
    }

    /// Sets the deadline; what was armed before, to be cancelled once the lock is open.
    fn arm(&self, setting: &mut Setting, deadline: Option<Instant>) -> Option<Armed> {
        let armed = deadline.and_then(|deadline| Some(time::arm(deadline, self.this.upgrade()?)));
        setting.deadline = deadline;
        core::mem::replace(&mut setting.armed, armed)
    }

    fn send(&self, overruns: i32) {
        let Some(process) = self.process.upgrade() else {
            return;
        };
        if self.notice.signal == 0 {
            return;
        }
        let info = SigInfo {
            signal: self.notice.signal,
            code: if self.notice.timer < 0 {
                SI_KERNEL
            } else {
                SI_TIMER
            },
            detail: if self.notice.timer < 0 {
                Detail::None
            } else {
                Detail::Timer(self.notice.timer, overruns, self.notice.value)
            },
        };
        match crate::task::process::find_thread(self.notice.thread) {
            Some(thread) if self.notice.thread != 0 => super::send_to_thread(&thread, info),
            _ => super::send_to_process(&process, info),
        }
    }
}

impl Setting {
    fn time_left(&self) -> Duration {
        // A timer that is due but not yet expired still is set: never zero.
        self.deadline.map_or(Duration::ZERO, |deadline| {
            deadline
                .since(Instant::now())
                .max(Duration::from_nanos(1000))
        })
    }
}

impl Expire for IntervalTimer {
    fn expire(&self) {
        let now = Instant::now();
        let (cancelled, missed) = {
            let mut setting = self.setting.lock();
            let Some(deadline) = setting.deadline.filter(|deadline| *deadline <= now) else {
                return;
            };
            let (next, missed) = if setting.interval.is_zero() {
                (None, 0)
            } else {
                let interval = setting.interval.as_nanos() as u64;
                let missed = now.since(deadline).as_nanos() as u64 / interval.max(1);
                let next = deadline + Duration::from_nanos(interval.saturating_mul(missed + 1));
                (Some(next), missed)
            };
            (self.arm(&mut setting, next), missed)
        };
        drop(cancelled);
        self.send(i32::try_from(missed).unwrap_or(i32::MAX));
    }
}
