//! `ITIMER_VIRTUAL`, `ITIMER_PROF` and `RLIMIT_CPU`: timers on the CPU time of a process's
//! threads.
//!
//! The first one runs in user mode only, the others in the kernel too. The limit is two
//! timers: `SIGXCPU` at the soft limit and every second after it, `SIGKILL` at the hard one
//! (`setrlimit(2)`; unlike Linux, the soft limit is not moved meanwhile). Linux looks at
//! them once in a timer tick (1 to 10 ms); here a core that runs a thread of the process
//! times the next look itself ([`crate::task::scheduler`]), no more often than
//! [`LEAST_STEP`]. Not here: timers on real time, which are in [`super::timers`].

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use linux_raw_sys::general as linux;

use crate::cpu;
use crate::sync::IrqLock;
use crate::task::process::Process;
use crate::time::Instant;

/// The least time between two looks, as long as nothing is due.
const LEAST_STEP: Duration = Duration::from_millis(1);
/// A deadline that does not come.
const NEVER: u64 = u64::MAX;

/// All timers on CPU time: those of [`Which`], then the limits.
const TIMERS: usize = 4;
/// The soft limit's.
const SOFT: usize = 2;
/// The hard limit's.
const HARD: usize = 3;
/// How often `SIGXCPU` comes, and what limits are in.
const SECOND: u64 = 1_000_000_000;

/// A timer that a process sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `ITIMER_VIRTUAL`.
    Virtual,
    /// `ITIMER_PROF`.
    Profile,
}

/// The CPU time of `process` that each of them runs by, in nanoseconds.
fn clocks(process: &Process) -> [u64; TIMERS] {
    let usage = process.usage();
    [usage.user, usage.run(), usage.run(), usage.run()]
}

/// The signal of each, at its place in the settings.
const SIGNALS: [u32; TIMERS] = [
    linux::SIGVTALRM,
    linux::SIGPROF,
    linux::SIGXCPU,
    linux::SIGKILL,
];

/// Nanoseconds of CPU time of the process.
#[derive(Clone, Copy)]
struct Setting {
    deadline: u64,
    /// 0: once.
    interval: u64,
}

impl Setting {
    /// Time left (zero: not set; never zero where it is due) and interval.
    fn tell(self, now: u64) -> (Duration, Duration) {
        let left = match self.deadline {
            NEVER => 0,
            deadline => deadline.saturating_sub(now).max(1000),
        };
        (
            Duration::from_nanos(left),
            Duration::from_nanos(self.interval),
        )
    }
}

/// A process's timers on its CPU time.
pub struct CpuTimers {
    /// The deadlines of all. Written with the lock held; read without it whenever a
    /// thread is switched to.
    deadlines: [AtomicU64; TIMERS],
    /// A leaf lock.
    settings: IrqLock<[Setting; TIMERS]>,
}

impl CpuTimers {
    /// None is set.
    #[must_use]
    pub const fn new() -> Self {
        const OFF: Setting = Setting {
            deadline: NEVER,
            interval: 0,
        };
        Self {
            deadlines: [const { AtomicU64::new(NEVER) }; TIMERS],
            settings: IrqLock::new([OFF; TIMERS]),
        }
    }

    /// Whether one of them is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let mut deadlines = self.deadlines.iter();
        deadlines.any(|deadline| deadline.load(Ordering::Relaxed) != NEVER)
    }

    /// Time left (zero: not set) and interval.
    #[must_use]
    pub fn get(&self, process: &Process, which: Which) -> (Duration, Duration) {
        let now = clocks(process)[which as usize];
        self.settings.lock()[which as usize].tell(now)
    }

    /// When a core that runs a thread of `process` from now on should look again: no
    /// later than the next deadline, were all of its threads to run from now on.
    pub(in crate::task) fn next_look(&self, process: &Process) -> Instant {
        let left = self.deadlines.iter().zip(clocks(process));
        let left = left
            .map(|(deadline, now)| deadline.load(Ordering::Relaxed).saturating_sub(now))
            .min()
            .unwrap_or(NEVER);
        if left == 0 {
            return Instant::now();
        }
        let at_once = process.thread_count().clamp(1, cpu::count().max(1));
        let step = Duration::from_nanos(left / at_once as u64);
        Instant::now() + step.max(LEAST_STEP)
    }

    /// Sends the signals that are due. Of expiries that were missed only one is told.
    pub(in crate::task) fn expire(&self, process: &Process) {
        let clocks = clocks(process);
        let mut is_due = [false; TIMERS];
        {
            let mut settings = self.settings.lock();
            for ((setting, is_due), now) in settings.iter_mut().zip(&mut is_due).zip(clocks) {
                if setting.deadline > now {
                    continue;
                }
                *is_due = true;
                setting.deadline = match setting.interval {
                    0 => NEVER,
                    interval => {
                        let missed = (now - setting.deadline) / interval;
                        let steps = interval.saturating_mul(missed + 1);
                        setting.deadline.saturating_add(steps)
                    }
                };
            }
            self.note_next(&settings);
        }
        // The last ones first: who is killed sees nothing else.
        for (signal, _) in SIGNALS
            .into_iter()
            .zip(is_due)
            .rev()
            .filter(|(_, is_due)| *is_due)
        {
            process.send_signal(signal);
        }
    }

    /// Sets the limits, in seconds of CPU time. The cores that run the process look at them
    /// when they next switch; [`limit`] makes them look.
    pub(in crate::task) fn set_limits(&self, soft: u64, hard: u64) {
        let mut settings = self.settings.lock();
        settings[SOFT] = Setting {
            deadline: soft.saturating_mul(SECOND),
            interval: SECOND,
        };
        settings[HARD] = Setting {
            deadline: hard.saturating_mul(SECOND),
            interval: 0,
        };
        self.note_next(&settings);
    }

    fn note_next(&self, settings: &[Setting; TIMERS]) {
        for (deadline, setting) in self.deadlines.iter().zip(settings) {
            // Before the cores are looked up that have to see it.
            deadline.store(setting.deadline, Ordering::SeqCst);
        }
    }
}

/// Sets one of `process`'s timers, the current one's, to expire after so much CPU time
/// (zero: never) and then at every `interval` (zero: once). Time left and interval of
/// before.
pub fn set(
    process: &Process,
    which: Which,
    after: Duration,
    interval: Duration,
) -> (Duration, Duration) {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(NEVER);
    let timers = process.cpu_timers();
    let now = clocks(process)[which as usize];
    let deadline = match nanos(after) {
        0 => NEVER,
        after => now.saturating_add(after),
    };
    let old = {
        let mut settings = timers.settings.lock();
        let interval = nanos(interval);
        let new = Setting { deadline, interval };
        let old = core::mem::replace(&mut settings[which as usize], new);
        timers.note_next(&settings);
        old.tell(now)
    };
    if timers.is_set() {
        crate::task::scheduler::look_at_cpu_timers(process);
    }
    old
}

/// Limits the CPU time of `process`, any one, to so many seconds.
pub(in crate::task) fn limit(process: &Process, soft: u64, hard: u64) {
    process.cpu_timers().set_limits(soft, hard);
    crate::task::scheduler::look_at_cpu_timers(process);
}
