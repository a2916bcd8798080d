//! Time: one clock in nanoseconds, and timers for its moments.

pub mod rtc;
mod timer;

pub use timer::{Armed, Expire, Timer, arm, counts, next_deadline, run_expired};

use core::ops::Add;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;

use crate::cpu::control::time_stamp;

/// A moment on the monotonic clock: nanoseconds since the kernel took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

static BASE_TICKS: AtomicU64 = AtomicU64::new(0);
static MULTIPLIER: AtomicU64 = AtomicU64::new(1 << 32);
/// Realtime minus monotonic, in nanoseconds.
static REALTIME_OFFSET: AtomicI64 = AtomicI64::new(0);

/// Bits behind the point in [`MULTIPLIER`].
const SHIFT: u32 = 32;

/// Starts the clock: `ticks_per_second` of the time stamp counter, and the time of day
/// now, in nanoseconds since 1970.
pub fn init(ticks_per_second: u64, realtime: u64) {
    let multiplier = (1_000_000_000_u128 << SHIFT) / u128::from(ticks_per_second.max(1));
    MULTIPLIER.store(multiplier as u64, Ordering::Relaxed);
    BASE_TICKS.store(time_stamp(), Ordering::Relaxed);
    set_realtime(realtime);
}

impl Instant {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let ticks = time_stamp().saturating_sub(BASE_TICKS.load(Ordering::Relaxed));
        let product = u128::from(ticks) * u128::from(MULTIPLIER.load(Ordering::Relaxed));
        Self((product >> SHIFT) as u64)
    }

    /// The moment so many nanoseconds after the kernel took over.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the kernel took over.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time stamp counter's value at this moment.
    #[must_use]
    pub fn to_ticks(self) -> u64 {
        let ticks =
            (u128::from(self.0) << SHIFT) / u128::from(MULTIPLIER.load(Ordering::Relaxed).max(1));
        BASE_TICKS
            .load(Ordering::Relaxed)
            .saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    /// The time from `earlier` to this; zero where it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a deadline beyond the clock's end is never.
    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// Nanoseconds since the kernel took over.
#[must_use]
pub fn uptime_nanos() -> u64 {
    Instant::now().0
}

/// Nanoseconds since 1970.
#[must_use]
pub fn realtime_nanos() -> u64 {
    uptime_nanos().saturating_add_signed(REALTIME_OFFSET.load(Ordering::Relaxed))
}

/// Sets the time of day, in nanoseconds since 1970.
pub fn set_realtime(nanos: u64) {
    let offset = nanos
        .cast_signed()
        .wrapping_sub(uptime_nanos().cast_signed());
    REALTIME_OFFSET.store(offset, Ordering::Relaxed);
}

/// The monotonic moment at which the time of day will be `nanos`.
#[must_use]
pub fn instant_of_realtime(nanos: u64) -> Instant {
    let offset = REALTIME_OFFSET.load(Ordering::Relaxed);
    Instant(nanos.saturating_add_signed(offset.saturating_neg()))
}
