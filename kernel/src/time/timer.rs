//! Timers: each core keeps those that were armed on it, ordered by deadline.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Instant;
use crate::cpu;
use crate::cpu::interrupts;
use crate::sync::{InterruptsOff, IrqLock};

/// What happens when a timer expires.
pub trait Expire: Send + Sync {
    /// Runs in interrupt context: spin locks and wake-ups only.
    fn expire(&self);
}

/// A core's timers. A leaf lock: expiry runs outside of it.
type Timers = IrqLock<BTreeMap<(Instant, u64), Arc<dyn Expire>>>;

static TIMERS: [Timers; cpu::MAX_CORES] = [const { IrqLock::new(BTreeMap::new()) }; cpu::MAX_CORES];
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Where an armed timer stands.
#[derive(Clone, Copy)]
struct Armed {
    core: usize,
    key: (Instant, u64),
}

/// A one-shot timer. Dropping it disarms it.
pub struct Timer {
    target: Arc<dyn Expire>,
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
        let mut armed = self.armed.lock();
        if let Some(old) = armed.take() {
            take_out(old);
        }
        *armed = Some(put_in(deadline, self.target.clone()));
    }

    /// Forgets the setting. An expiry that has begun on another core still happens.
    pub fn disarm(&self) {
        let old = self.armed.lock().take();
        if let Some(old) = old {
            take_out(old);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}

fn put_in(deadline: Instant, target: Arc<dyn Expire>) -> Armed {
    let off = InterruptsOff::new();
    let core = cpu::this(&off).id;
    let key = (deadline, NEXT_ID.fetch_add(1, Ordering::Relaxed));
    let is_first = {
        let mut timers = TIMERS[core].lock();
        timers.insert(key, target);
        timers
            .first_key_value()
            .is_some_and(|(first, _)| *first == key)
    };
    if is_first {
        interrupts::arm_timer(&off);
    }
    Armed { core, key }
}

fn take_out(armed: Armed) {
    let removed = TIMERS[armed.core].lock().remove(&armed.key);
    drop(removed);
}

/// This core's next deadline.
pub fn next_deadline(off: &InterruptsOff) -> Option<Instant> {
    let core = cpu::this(off).id;
    let timers = TIMERS[core].lock();
    timers.first_key_value().map(|((deadline, _), _)| *deadline)
}

/// Expires what is due on this core.
pub fn run_expired(off: &InterruptsOff) {
    let core = cpu::this(off).id;
    loop {
        let due = {
            let mut timers = TIMERS[core].lock();
            match timers.first_entry() {
                Some(first) if first.key().0 <= Instant::now() => first.remove(),
                _ => return,
            }
        };
        due.expire();
    }
}
