//! Moments at which each core is to look at something that somebody else has to do in time:
//! a policy's decisions, an interrupt line's server.
//!
//! A core's moment is the first that was set on it; its timer is armed for it with all the
//! others (`interrupts::arm_timer`). Not here: what is looked at, and what follows.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{MAX_CORES, interrupts, this};
use crate::sync::InterruptsOff;
use crate::time::Instant;

const NEVER: u64 = u64::MAX;

/// The moments of all cores, in nanoseconds of the clock.
pub struct Looks([AtomicU64; MAX_CORES]);

/// A look whose moment has come, in nanoseconds of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The moment that was set. This core's interrupts are never off for milliseconds: one
    /// that comes much later did not run meanwhile (an emulator's host was busy).
    pub planned: u64,
    /// The moment it is.
    pub now: u64,
}

impl Looks {
    /// Nobody looks.
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(NEVER) }; MAX_CORES])
    }

    /// Has the running core look no later than that.
    pub fn look_at(&self, deadline: u64) {
        let off = InterruptsOff::new();
        let core = this(&off).id;
        if self.0[core].fetch_min(deadline, Ordering::Relaxed) > deadline {
            interrupts::arm_timer_for(Instant::from_nanos(deadline), &off);
        }
    }

    /// Has another core look now.
    pub fn ask(&self, core: usize, now: u64) {
        self.0[core].fetch_min(now, Ordering::Relaxed);
        interrupts::nudge(core);
    }

    /// When a core looks next.
    pub fn next(&self, core: usize) -> Option<Instant> {
        match self.0[core].load(Ordering::Relaxed) {
            NEVER => None,
            look => Some(Instant::from_nanos(look)),
        }
    }

    /// Takes the running core's moment, if it has come.
    pub fn take_due(&self, core: usize) -> Option<Due> {
        let planned = self.0[core].load(Ordering::Relaxed);
        if planned == NEVER {
            return None;
        }
        let now = Instant::now().as_nanos();
        if planned > now {
            return None;
        }
        self.0[core].store(NEVER, Ordering::Relaxed);
        Some(Due { planned, now })
    }
}
