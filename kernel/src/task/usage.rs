//! What threads and processes have used: time in user mode and in the kernel, page
//! faults, switches (`getrusage`, `times`, `/proc/PID/stat`).
//!
//! How long a thread runs is measured exactly, by the scheduler. Which part of it is time
//! in the kernel is measured for calls that can take long ([`crate::syscall::is_long`]),
//! and estimated for everything else: one entry from user mode in about sixteen is timed
//! and stands for as many. Reading the clock at every entry and return costs more than a
//! short call itself under an emulator (720 against 340 ns for `getppid`); Linux samples
//! too, in its timer tick, which is not there on a core that has one thread to run. The
//! rest is user time.
//!
//! Estimates are bounded by what the thread ran since the last one. A thread that looks
//! at itself never sees a time shrink; who looks at others may, by microseconds.

use core::iter::Sum;
use core::ops::Add;
use core::sync::atomic::{AtomicU64, Ordering};

/// What was used. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In user mode.
    pub user: u64,
    /// In the kernel, on behalf of whoever is asked about.
    pub system: u64,
    /// Page faults that were served.
    pub page_faults: u64,
    /// Times that the core was given up: to wait, by `sched_yield`, at the end.
    pub voluntary_switches: u64,
    /// Times that the core was lost to another thread.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Time in user mode and in the kernel.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.user + self.system
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            user: self.user + other.user,
            system: self.system + other.system,
            page_faults: self.page_faults + other.page_faults,
            voluntary_switches: self.voluntary_switches + other.voluntary_switches,
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// A sum that several threads add to. Each field is right; they are not read together.
#[derive(Default)]
pub struct UsageSum {
    user: AtomicU64,
    system: AtomicU64,
    page_faults: AtomicU64,
    voluntary_switches: AtomicU64,
    involuntary_switches: AtomicU64,
}

impl UsageSum {
    /// Adds to it.
    pub fn add(&self, usage: Usage) {
        let pairs = [
            (&self.user, usage.user),
            (&self.system, usage.system),
            (&self.page_faults, usage.page_faults),
            (&self.voluntary_switches, usage.voluntary_switches),
            (&self.involuntary_switches, usage.involuntary_switches),
        ];
        for (field, amount) in pairs {
            field.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// What was added up to now.
    #[must_use]
    pub fn get(&self) -> Usage {
        Usage {
            user: self.user.load(Ordering::Relaxed),
            system: self.system.load(Ordering::Relaxed),
            page_faults: self.page_faults.load(Ordering::Relaxed),
            voluntary_switches: self.voluntary_switches.load(Ordering::Relaxed),
            involuntary_switches: self.involuntary_switches.load(Ordering::Relaxed),
        }
    }
}

/// Kernel entries that one stands for at most.
const LONGEST_STRIDE: u64 = 23;
/// At least. Sixteen on average.
const SHORTEST_STRIDE: u64 = 9;
/// No entry is being timed.
const NOT_TIMED: u64 = u64::MAX;

/// What a thread counts of itself. Written by the thread alone, so without locked
/// instructions; read by everybody. Moments are what the thread has run until then.
pub struct OwnUsage {
    /// Entries until the next one that is timed.
    countdown: AtomicU64,
    /// How many entries that one stands for.
    stride: AtomicU64,
    /// How many the present one stands for, where it is timed.
    weight: AtomicU64,
    /// When it began, or [`NOT_TIMED`].
    began: AtomicU64,
    /// Time in user mode that stays it, whatever later entries say.
    user: AtomicU64,
    /// Time in the kernel.
    system: AtomicU64,
    page_faults: AtomicU64,
}

impl Default for OwnUsage {
    fn default() -> Self {
        Self {
            countdown: AtomicU64::new(SHORTEST_STRIDE),
            stride: AtomicU64::new(SHORTEST_STRIDE),
            weight: AtomicU64::new(1),
            began: AtomicU64::new(NOT_TIMED),
            user: AtomicU64::new(0),
            system: AtomicU64::new(0),
            page_faults: AtomicU64::new(0),
        }
    }
}

impl OwnUsage {
    /// The kernel was entered from user mode, for something long or not; `run` tells
    /// what the thread has run, where that is wanted.
    pub fn enter_kernel(&self, is_long: bool, run: impl FnOnce() -> u64) {
        if is_long {
            self.weight.store(1, Ordering::Relaxed);
        } else {
            let countdown = self.countdown.load(Ordering::Relaxed);
            if countdown > 1 {
                self.countdown.store(countdown - 1, Ordering::Relaxed);
                return;
            }
            let stride = self.stride.load(Ordering::Relaxed);
            self.weight.store(stride, Ordering::Relaxed);
        }
        self.began.store(run(), Ordering::Relaxed);
    }

    /// User mode is entered at once, or never again.
    pub fn leave_kernel(&self, run: impl FnOnce() -> u64) {
        let began = self.began.load(Ordering::Relaxed);
        if began == NOT_TIMED {
            return;
        }
        self.began.store(NOT_TIMED, Ordering::Relaxed);
        let now = run();
        let weight = self.weight.load(Ordering::Relaxed);
        if weight != 1 {
            // No stride is like the last one: programs call in rhythms. The lowest bits of
            // a clock in nanoseconds are as good as random here.
            let stride = SHORTEST_STRIDE + now % (LONGEST_STRIDE - SHORTEST_STRIDE + 1);
            self.stride.store(stride, Ordering::Relaxed);
            self.countdown.store(stride, Ordering::Relaxed);
        }
        // All of them together took no longer than the thread has run meanwhile.
        let system = self.system.load(Ordering::Relaxed);
        let bound = now.saturating_sub(system + self.user.load(Ordering::Relaxed));
        let spent = weight.saturating_mul(now.saturating_sub(began));
        self.system
            .store(system + spent.min(bound), Ordering::Release);
        if weight != 1 {
            self.note_look(now);
        }
    }

    /// The thread itself looks at what it has used, having run `run`: what is user time
    /// now stays it, so that no time ever shrinks.
    pub fn note_look(&self, run: u64) {
        let user = run.saturating_sub(self.system.load(Ordering::Relaxed));
        self.user.store(user, Ordering::Relaxed);
    }

    /// Nanoseconds in the kernel, where the thread has run `run`: with a long call that
    /// it is in.
    #[must_use]
    pub fn system_at(&self, run: u64) -> u64 {
        // In this order, which is not that of `leave_kernel`: a call that ends meanwhile
        // may be missing, but is never counted twice.
        let system = self.system.load(Ordering::Acquire);
        let began = self.began.load(Ordering::Relaxed);
        let is_long = self.weight.load(Ordering::Relaxed) == 1;
        if began == NOT_TIMED || !is_long {
            return system;
        }
        system + run.saturating_sub(began)
    }

    /// One more page fault was served for it.
    pub fn count_page_fault(&self) {
        let faults = self.page_faults.load(Ordering::Relaxed);
        self.page_faults.store(faults + 1, Ordering::Relaxed);
    }

    /// Page faults that were served.
    #[must_use]
    pub fn page_faults(&self) -> u64 {
        self.page_faults.load(Ordering::Relaxed)
    }
}
