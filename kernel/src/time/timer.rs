//! Timers: each core keeps those that were armed on it, and its hardware is set for the
//! first of them. How they are kept is `sched::timers`; here are the locks around that.

use core::mem;
use std::sync::Arc;

use sched::timers::{Counts, Key, Room, Timers};

use super::Instant;
use crate::cpu;
use crate::cpu::interrupts;
use crate::sync::{InterruptsOff, IrqLock};

/// What happens when a timer expires.
pub trait Expire: Send + Sync {
    /// Runs in interrupt context: spin locks and wake-ups only.
    fn expire(&self);
}

/// The timers of each core: armed by the core itself, cancelled by any. Leaf locks, held for
/// a bounded number of steps each: nothing is allocated, freed or expired under them.
static TIMERS: [IrqLock<Timers<Arc<dyn Expire>>>; cpu::MAX_CORES] =
    [const { IrqLock::new(Timers::new()) }; cpu::MAX_CORES];

/// A deadline that was set. Dropping it cancels it; an expiry that has begun on another core
/// still happens.
#[must_use]
pub struct Armed {
    core: usize,
    key: Key,
}

impl Drop for Armed {
    fn drop(&mut self) {
        let target = TIMERS[self.core].lock().cancel(self.key);
        // Outside of the lock, as it may be the last reference.
        drop(target);
    }
}

/// Tells `target` once, at `deadline`, which the running core's timer is set for.
pub fn arm(deadline: Instant, mut target: Arc<dyn Expire>) -> Armed {
    let off = InterruptsOff::new();
    let core = cpu::this(&off).id;
    let armed = loop {
        let wants = {
            let mut timers = TIMERS[core].lock();
            match timers.arm(deadline.as_nanos(), target) {
                Ok(armed) => break armed,
                Err(back) => target = back,
            }
            timers.wants()
        };
        if let Some(wants) = wants {
            let room = Room::new(wants);
            // Taken always: no other core brings room, and nothing interrupts.
            let refused = TIMERS[core].lock().supply(room);
            drop(refused);
        }
    };
    if armed.is_first {
        interrupts::arm_timer(&off);
    }
    Armed {
        core,
        key: armed.key,
    }
}

/// A timer to be set again and again, by anybody who has a reference. Dropping it disarms it.
pub struct Timer {
    target: Arc<dyn Expire>,
    /// Before the lock of a core's timers; what is taken out is cancelled outside of it.
    armed: IrqLock<Option<Armed>>,
}

impl Timer {
    /// A timer that tells `target`.
    #[must_use]
    pub fn new(target: Arc<dyn Expire>) -> Self {
        Self {
            target,
            armed: IrqLock::new(None),
        }
    }

    /// Sets it to expire once, at `deadline`; an earlier setting is forgotten.
    pub fn arm(&self, deadline: Instant) {
        self.replace(|| Some(arm(deadline, self.target.clone())));
    }

    /// Forgets the setting. An expiry that has begun on another core still happens.
    pub fn disarm(&self) {
        self.replace(|| None);
    }

    /// Arms under the lock: one that expires at once and is armed anew by that comes later.
    fn replace(&self, armed: impl FnOnce() -> Option<Armed>) {
        let old = {
            let mut slot = self.armed.lock();
            mem::replace(&mut *slot, armed())
        };
        drop(old);
    }
}

/// This core's next deadline.
pub fn next_deadline(off: &InterruptsOff) -> Option<Instant> {
    let core = cpu::this(off).id;
    let next = TIMERS[core].lock().next_deadline();
    next.map(Instant::from_nanos)
}

/// Expires what is due on this core. What falls due meanwhile brings the next interrupt: so
/// a timer that is armed anew as it expires, for a moment that is as good as now, leaves
/// time for others.
pub fn run_expired(off: &InterruptsOff) {
    let core = cpu::this(off).id;
    let now = Instant::now().as_nanos();
    loop {
        let due = TIMERS[core].lock().expire(now);
        match due {
            Some(target) => target.expire(),
            None => return,
        }
    }
}

/// What was counted of the timers of one core.
#[must_use]
pub fn counts(core: usize) -> Counts {
    TIMERS[core].lock().counts()
}
