//! What the scheduler knows of a task.

use bugs::Bug;

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use crate::fair;
use crate::mask::{AtomicCoreMask, CoreMask};
use crate::outside::slots::Ticket;
use crate::state::TaskState;
use crate::sync::{self, atomic};
use crate::weight::Class;

/// Something that has an [`Entity`]: what the queues hold.
pub trait Task {
    /// Its entity, always the same one.
    fn entity(&self) -> &Entity;
}

impl<T: Task> Task for std::sync::Arc<T> {
    fn entity(&self) -> &Entity {
        (**self).entity()
    }
}

/// No core: it was in no queue yet.
const NOWHERE: usize = usize::MAX;

/// A task's place in the scheduler. Times are nanoseconds. But for `state` and the
/// affinity, each field is written by the core that runs or queues the task, one at a
/// time; others read it as it happens to be.
pub struct Entity {
    /// What it is doing.
    pub state: TaskState,
    class: AtomicU8,
    nice: AtomicI32,
    affinity: AtomicCoreMask,
    /// Somebody sets the affinity.
    is_affinity_locked: atomic::AtomicBool,
    /// Some core of the machine was closed to it when it was queued last, or the policy
    /// keeps it to one.
    is_bound: AtomicBool,
    /// Its place in the table of a policy from outside.
    ticket: AtomicU64,
    /// What it would have run at weight 1024, on the scale of core `base`.
    virtual_time: AtomicU64,
    base: AtomicUsize,
    last_core: atomic::AtomicUsize,
    /// When it was woken, until it runs; 0: it was not.
    woken_at: AtomicU64,
    run_time: AtomicU64,
    /// When it was switched to; 0: it does not run.
    running_since: AtomicU64,
    switches: AtomicU64,
    preemptions: AtomicU64,
    migrations: AtomicU64,
    stolen: AtomicU64,
    wakes: AtomicU64,
    wake_time: AtomicU64,
}

/// For fields with one writer at a time.
fn add(field: &AtomicU64, amount: u64) {
    let now = field.load(Ordering::Relaxed);
    field.store(now.wrapping_add(amount), Ordering::Relaxed);
}

impl Entity {
    /// A normal task that may run anywhere and has not run.
    #[must_use]
    pub fn new(state: TaskState) -> Self {
        Self {
            state,
            class: AtomicU8::new(Class::Normal as u8),
            nice: AtomicI32::new(0),
            affinity: AtomicCoreMask::new(CoreMask::ALL),
            is_affinity_locked: atomic::AtomicBool::new(false),
            is_bound: AtomicBool::new(false),
            ticket: AtomicU64::new(0),
            virtual_time: AtomicU64::new(0),
            base: AtomicUsize::new(NOWHERE),
            last_core: atomic::AtomicUsize::new(NOWHERE),
            woken_at: AtomicU64::new(0),
            run_time: AtomicU64::new(0),
            running_since: AtomicU64::new(0),
            switches: AtomicU64::new(0),
            preemptions: AtomicU64::new(0),
            migrations: AtomicU64::new(0),
            stolen: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            wake_time: AtomicU64::new(0),
        }
    }

    /// Begins as a child of `parent`: its class, nice value, affinity, and as far ahead.
    pub fn inherit(&self, parent: &Self) {
        self.set_class(parent.class());
        self.set_nice(parent.nice());
        self.affinity.set(parent.affinity());
        self.virtual_time
            .store(parent.virtual_time(), Ordering::Relaxed);
        self.base
            .store(parent.base.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::from_number(self.class.load(Ordering::Relaxed))
    }

    /// Sets its class; takes effect when it is queued next.
    pub fn set_class(&self, class: Class) {
        self.class.store(class as u8, Ordering::Relaxed);
    }

    /// Its nice value, -20 to 19.
    #[must_use]
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }

    /// Sets its nice value; clamped to -20..=19.
    pub fn set_nice(&self, nice: i32) {
        self.nice.store(nice.clamp(-20, 19), Ordering::Relaxed);
    }

    /// The cores that it may run on.
    #[must_use]
    pub fn affinity(&self) -> CoreMask {
        self.affinity.snapshot(crate::MAX_CORES)
    }

    /// Sets the cores that it may run on; one of them at least must be there. Takes
    /// effect when it is picked next; whoever sets it then interrupts
    /// [`Entity::last_core`], in case that it runs there.
    pub fn set_affinity(&self, mask: CoreMask) {
        // Two that set half of it each could leave none at all.
        let lock = || {
            self.is_affinity_locked.compare_exchange(
                false,
                true,
                atomic::Ordering::Acquire,
                atomic::Ordering::Relaxed,
            )
        };
        while lock().is_err() {
            sync::pause();
        }
        self.affinity.set(mask);
        self.is_affinity_locked
            .store(false, atomic::Ordering::Release);
        // Pairs with the one in `begin`: the core that it was just picked on sees the new
        // mask, or the caller sees that core.
        atomic::fence(atomic::Ordering::SeqCst);
    }

    /// Whether it may run on that core.
    #[must_use]
    pub fn may_run_on(&self, core: usize) -> bool {
        self.affinity.contains(core) || bugs::has(Bug::UncheckedAffinity)
    }

    /// Whether it goes into the queues from which nobody steals.
    pub(crate) fn is_bound(&self) -> bool {
        self.is_bound.load(Ordering::Relaxed)
    }

    /// It is queued in a machine of so many cores: is one of them closed to it, or is it
    /// kept to one?
    pub(crate) fn note_bound(&self, cores: usize, is_kept: bool) {
        let is_bound = is_kept || self.affinity.snapshot(cores).lacks_any_of_first(cores);
        self.is_bound.store(is_bound, Ordering::Relaxed);
    }

    /// Its place in the table of a policy from outside.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket::from_word(self.ticket.load(Ordering::Relaxed))
    }

    /// Gives it another place. One caller at a time.
    pub fn set_ticket(&self, ticket: Ticket) {
        self.ticket.store(ticket.to_word(), Ordering::Relaxed);
    }

    /// The core that it runs on, or ran on last.
    #[must_use]
    pub fn last_core(&self) -> Option<usize> {
        match self.last_core.load(Ordering::Relaxed) {
            NOWHERE => None,
            core => Some(core),
        }
    }

    /// Its virtual time, on the scale of the core that it was queued on last.
    #[must_use]
    pub fn virtual_time(&self) -> u64 {
        self.virtual_time.load(Ordering::Relaxed)
    }

    /// Brings its virtual time to the scale of core `here`, whose own is `now`.
    /// `time_of` tells that of the core that it comes from. Returns whether it came from
    /// another core.
    pub(crate) fn join(&self, here: usize, now: u64, time_of: impl FnOnce(usize) -> u64) -> bool {
        let base = self.base.load(Ordering::Relaxed);
        if base == here {
            return false;
        }
        let time = if base == NOWHERE {
            now
        } else {
            fair::transfer(self.virtual_time(), time_of(base), now)
        };
        self.virtual_time.store(time, Ordering::Relaxed);
        self.base.store(here, Ordering::Relaxed);
        base != NOWHERE
    }

    /// Whoever slept, or ran in another class, is neither far behind the core's virtual
    /// time `now` nor far ahead of it.
    pub(crate) fn limit(&self, now: u64) {
        let time = self.virtual_time();
        let limited = fair::limit(time, now);
        if limited != time {
            self.virtual_time.store(limited, Ordering::Relaxed);
        }
    }

    /// It was woken.
    pub(crate) fn note_wake(&self, now: u64) {
        self.woken_at.store(now.max(1), Ordering::Relaxed);
        add(&self.wakes, 1);
    }

    /// It begins to run on `core`; whether it may is to be asked once more afterwards.
    /// Returns how long it waited since it was woken, and whether it ran elsewhere before.
    pub(crate) fn begin(&self, core: usize, now: u64) -> (Option<u64>, bool) {
        self.running_since.store(now.max(1), Ordering::Relaxed);
        add(&self.switches, 1);
        let last = self.last_core.swap(core, Ordering::SeqCst);
        // Pairs with the one in `set_affinity`.
        atomic::fence(atomic::Ordering::SeqCst);
        let has_moved = last != core && last != NOWHERE;
        if has_moved {
            add(&self.migrations, 1);
        }
        let woken_at = self.woken_at.swap(0, Ordering::Relaxed);
        let waited = (woken_at != 0).then(|| now.saturating_sub(woken_at));
        add(&self.wake_time, waited.unwrap_or(0));
        (waited, has_moved)
    }

    /// It stops running; `virtual_nanos` turns what it ran into its virtual time.
    pub(crate) fn end(&self, now: u64, virtual_nanos: impl FnOnce(u64) -> u64) {
        let since = self.running_since.swap(0, Ordering::Relaxed);
        if since == 0 {
            return;
        }
        let ran = now.saturating_sub(since);
        // After `running_since`: who reads both may miss the last stretch, but never
        // counts it twice.
        self.run_time.fetch_add(ran, Ordering::Release);
        add(&self.virtual_time, virtual_nanos(ran));
    }

    pub(crate) fn note_stolen(&self) {
        add(&self.stolen, 1);
    }

    /// It loses the core before it gives it up.
    pub fn note_preemption(&self) {
        add(&self.preemptions, 1);
    }

    /// What it has run, where it is `now`.
    #[must_use]
    pub fn run_time_at(&self, now: u64) -> u64 {
        // In this order: see `end`.
        let run = self.run_time.load(Ordering::Acquire);
        match self.running_since.load(Ordering::Relaxed) {
            0 => run,
            since => run + now.saturating_sub(since),
        }
    }

    /// Times that it was switched to, and of those that it had lost the core before.
    #[must_use]
    pub fn switches(&self) -> (u64, u64) {
        (
            self.switches.load(Ordering::Relaxed),
            self.preemptions.load(Ordering::Relaxed),
        )
    }

    /// Times that it moved to another core, and of those by stealing.
    #[must_use]
    pub fn migrations(&self) -> (u64, u64) {
        (
            self.migrations.load(Ordering::Relaxed),
            self.stolen.load(Ordering::Relaxed),
        )
    }

    /// Times that it was woken, and the time from then until it ran, in all.
    #[must_use]
    pub fn wakes(&self) -> (u64, u64) {
        (
            self.wakes.load(Ordering::Relaxed),
            self.wake_time.load(Ordering::Relaxed),
        )
    }
}
