//! The scheduler over all cores: waking, picking, stealing, balancing.
//!
//! Every path of a task into a queue is [`System::enqueue`], every path out of one is
//! [`System::pick`] or, from another core's, [`System::search`]. A task is in one queue at
//! most, because only who turns its [state](crate::state) to queued puts it there; it runs
//! on one core at most, because only who turns that to running may.

use bugs::Bug;

use crate::counts::Counts;
use crate::deque::Steal;
use crate::entity::{Entity, Task};
use crate::idle::Idle;
use crate::local::Local;
use crate::mask::CoreMask;
use crate::outside::slots::Ticket;
use crate::policy::{self, Cause, Policy, Stop, View};
use crate::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::weight::{self, Class};

/// Tasks that a thief takes, or a core gives away, at once, at most; half of what there is,
/// at most.
const BATCH: usize = 16;

/// How often a thief asks all others.
const ROUNDS: usize = 2;

/// How often a core gives a task to one that has only one less to do, at most, in
/// nanoseconds: so that three tasks on two cores get two thirds of one each.
pub const BALANCE_PERIOD: u64 = 50_000_000;

/// The machine's cores.
pub trait Cores<T> {
    /// Cores that are up; they are numbered from 0.
    fn count(&self) -> usize;
    /// A core that is up, as others see it.
    fn shared(&self, core: usize) -> &Shared<T>;
    /// Interrupts a core, so that it looks at its inbox.
    fn interrupt(&self, core: usize);
    /// The monotonic clock, in nanoseconds.
    fn now(&self) -> u64;
}

/// What all cores share.
pub struct System<P> {
    /// Who has nothing to do.
    pub idle: Idle,
    policy: P,
}

impl<P: Policy> System<P> {
    /// A scheduler without tasks.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            idle: Idle::new(),
            policy,
        }
    }

    /// What decides.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// Queues a task whose state the caller has just turned to queued. True: it should
    /// have this core at once.
    pub fn enqueue<T: Task>(
        &self,
        here: &mut Local<T>,
        task: T,
        cause: Cause,
        cores: &impl Cores<T>,
    ) -> bool {
        let now = cores.now();
        let entity = task.entity();
        if cause == Cause::Wake {
            entity.note_wake(now);
        }
        let kept = self
            .policy
            .keeps_to(entity)
            .filter(|core| *core < cores.count() && entity.may_run_on(*core));
        entity.note_bound(cores.count(), kept.is_some());
        let stays = matches!(cause, Cause::Yield | Cause::Preemption)
            && kept.is_none_or(|core| core == here.id());
        let target = if stays && entity.may_run_on(here.id()) {
            here.id()
        } else {
            self.place(here, entity, cause, cores)
        };
        if cause == Cause::Wake {
            self.policy.woke(entity, target, now);
        }
        if target == here.id() {
            self.queue_here(here, task, cause, now, cores)
        } else {
            self.post(here, target, task, cores);
            false
        }
    }

    /// The policy's wish, where it is sound; an idle core that it names is claimed.
    fn place<T: Task>(
        &self,
        here: &Local<T>,
        entity: &Entity,
        cause: Cause,
        cores: &impl Cores<T>,
    ) -> usize {
        let allowed = |core: &usize| *core < cores.count() && entity.may_run_on(*core);
        let load = |core: usize| cores.shared(core).load();
        let view = View {
            here: here.id(),
            is_here_idle: here.is_idle(),
            cores: cores.count(),
            idle: &self.idle,
            load: &load,
        };
        // Somebody else may claim the core that it names: then it is asked once more.
        for _ in 0..2 {
            let Some(core) = self.policy.place(entity, cause, &view).filter(allowed) else {
                break;
            };
            if core == here.id() || !self.idle.is_announced(core) || self.idle.claim(core) {
                return core;
            }
        }
        Some(here.id())
            .filter(allowed)
            .or_else(|| entity.last_core().filter(allowed))
            .or_else(|| (0..cores.count()).find(|core| entity.may_run_on(*core)))
            .unwrap_or(here.id())
    }

    fn queue_here<T: Task>(
        &self,
        here: &mut Local<T>,
        task: T,
        cause: Cause,
        now: u64,
        cores: &impl Cores<T>,
    ) -> bool {
        let shared = cores.shared(here.id());
        let entity = task.entity();
        if self.idle.is_announced(here.id()) {
            // It is awake, and has something to do from now on.
            self.end_idle(here.id());
        }
        self.join(here, entity, cores);
        entity.limit(here.virtual_time());
        let is_urgent = self.with_ranks(|ranks| here.is_more_urgent(entity, now, ranks));
        shared.counts.queued.add(1);
        shared.add_load(1);
        // Who stands in the slot would go before better ranks.
        let takes_slot = cause == Cause::Wake
            && entity.class() == Class::Normal
            && !here.is_idle()
            && !self.policy.is_ranked();
        if !takes_slot {
            here.push(task);
            // A core that runs nothing is about to pick, and calls then.
            if !here.is_idle() {
                self.call_a_thief(here, shared, cores);
            }
            return is_urgent;
        }
        let displaced = here.fill_slot(task);
        if self.offer_slot(here, shared, cores) {
            // One interrupt for one wake-up; and the slot is free again.
            if let Some(displaced) = displaced {
                here.fill_slot(displaced);
            }
            return false;
        }
        if let Some(displaced) = displaced {
            here.push(displaced);
            self.call_a_thief(here, shared, cores);
        }
        is_urgent
    }

    /// Nobody can steal from the slot; so if a core began to idle while the slot was
    /// filled, its task goes there. True: it does.
    fn offer_slot<T: Task>(
        &self,
        here: &mut Local<T>,
        shared: &Shared<T>,
        cores: &impl Cores<T>,
    ) -> bool {
        // Pairs with `Idle::announce` and the look that follows it.
        fence(Ordering::SeqCst);
        let Some(task) = here.take_slot() else {
            return false;
        };
        let affinity = task.entity().affinity();
        match self.idle.claim_any(&affinity, cores.count()) {
            None => {
                here.fill_slot(task);
                false
            }
            Some(core) => {
                self.leave_queue(shared);
                self.post(here, core, task, cores);
                true
            }
        }
    }

    /// Wakes an idle core to steal, if there is something to steal here, one idles, and
    /// nobody searches. A core that finds other work on its way takes that; then the next
    /// pick here, a slice later at most, calls another.
    fn call_a_thief<T: Task>(&self, here: &Local<T>, shared: &Shared<T>, cores: &impl Cores<T>) {
        if !shared.has_stealable() {
            return;
        }
        // Pairs with `Idle::announce`, `Idle::end_search` and the looks that follow them.
        fence(Ordering::SeqCst);
        if !self.idle.is_searched() && !bugs::has(Bug::UncalledThief) {
            self.wake_a_thief(here, cores);
        }
    }

    fn wake_a_thief<T: Task>(&self, here: &Local<T>, cores: &impl Cores<T>) {
        if let Some(core) = self.idle.claim_any(&CoreMask::ALL, cores.count())
            && self.idle.must_interrupt(core)
        {
            cores.shared(here.id()).counts.interrupts_sent.add(1);
            cores.interrupt(core);
        }
    }

    /// Puts a task into another core's inbox.
    fn post<T: Task>(&self, here: &Local<T>, target: usize, task: T, cores: &impl Cores<T>) {
        let shared = cores.shared(target);
        shared.counts.queued.add(1);
        shared.add_load(1);
        shared.inbox.post(task);
        // Pairs with `Idle::begin_halt`, and with `may_run_untimed`.
        fence(Ordering::SeqCst);
        // Both are asked: each notes that the other's interrupt is under way.
        let halts = self.idle.must_interrupt(target);
        if (shared.must_interrupt() || halts) && !bugs::has(Bug::LostInterrupt) {
            cores.shared(here.id()).counts.interrupts_sent.add(1);
            cores.interrupt(target);
        }
    }

    fn join<T: Task>(&self, here: &Local<T>, entity: &Entity, cores: &impl Cores<T>) {
        let time_of = |core: usize| cores.shared(core).virtual_time();
        entity.join(here.id(), here.virtual_time(), time_of);
    }

    /// Takes what was posted into the queues. True: something of it should have this core
    /// at once.
    pub fn look_at_inbox<T: Task>(&self, here: &mut Local<T>, cores: &impl Cores<T>) -> bool {
        let shared = cores.shared(here.id());
        let (mut is_urgent, mut has_come) = (false, false);
        // Bounded by what is there now: posters must not keep the owner here.
        for _ in 0..shared.inbox.len() {
            let Some(task) = shared.inbox.take() else {
                break;
            };
            self.join(here, task.entity(), cores);
            task.entity().limit(here.virtual_time());
            let now = cores.now();
            is_urgent |= self.with_ranks(|ranks| here.is_more_urgent(task.entity(), now, ranks));
            here.push(task);
            has_come = true;
        }
        // What was in the inbox could not be stolen.
        if has_come && !here.is_idle() {
            self.call_a_thief(here, shared, cores);
        }
        is_urgent
    }

    /// The task that runs next on this core: its state is turned to running. None: there
    /// is nothing here.
    pub fn pick<T: Task>(&self, here: &mut Local<T>, cores: &impl Cores<T>) -> Option<T> {
        self.look_at_inbox(here, cores);
        let shared = cores.shared(here.id());
        let now = cores.now();
        let id = here.id();
        loop {
            let joins = Self::joins(id, cores);
            let task = self.with_ranks(|ranks| here.take(now, shared, ranks, joins, None))?;
            let entity = task.entity();
            if !entity.may_run_on(id) && (0..cores.count()).any(|core| entity.may_run_on(core)) {
                self.leave_queue(shared);
                shared.counts.forwarded.add(1);
                self.enqueue(here, task, Cause::Misplaced, cores);
            } else if entity.state.start() {
                shared.counts.popped.add(1);
                self.offer_bound(here, cores);
                self.call_a_thief(here, shared, cores);
                return Some(task);
            } else {
                shared.counts.dropped.add(1);
                shared.remove_load(1);
            }
        }
    }

    /// Brings a task to core `here`'s virtual time; see [`Entity::join`].
    fn joins<T: Task>(here: usize, cores: &impl Cores<T>) -> impl Fn(&Entity, u64) {
        move |entity, time| {
            if entity.join(here, time, |core| cores.shared(core).virtual_time()) {
                entity.note_stolen();
            }
        }
    }

    /// What runs here has had its slice, or something may be more urgent. True: it is
    /// its turn once more, and it gets another slice; what was posted should have been
    /// looked at before.
    pub fn stays<T: Task>(
        &self,
        here: &mut Local<T>,
        entity: &Entity,
        cores: &impl Cores<T>,
    ) -> bool {
        let now = cores.now();
        let id = here.id();
        // Whose class was changed while it ran competes in the new one.
        let stays = entity.may_run_on(id)
            && here.runs_as(entity.class())
            && self.with_ranks(|ranks| {
                here.stays(now, cores.shared(id), ranks, Self::joins(id, cores))
            });
        if stays {
            self.policy.stopped(entity, Stop::Loses, id, now);
            here.renew(self.slice(entity), now);
            // What was in the slot can be stolen now.
            self.call_a_thief(here, cores.shared(id), cores);
        }
        stays
    }

    /// Calls with the ranks that the policy gives, if it gives any.
    fn with_ranks<R>(&self, call: impl FnOnce(Option<&dyn Fn(Ticket) -> Option<u64>>) -> R) -> R {
        if self.policy.is_ranked() {
            call(Some(&|ticket| self.policy.rank(ticket)))
        } else {
            call(None)
        }
    }

    /// The policy's wish, within bounds.
    fn slice(&self, entity: &Entity) -> u64 {
        let slice = self.policy.slice(entity);
        slice.clamp(policy::SHORTEST_SLICE, policy::LONGEST_SLICE)
    }

    /// A task leaves this core's queues and does not run here.
    fn leave_queue<T>(&self, shared: &Shared<T>) {
        shared.counts.popped.add(1);
        shared.remove_load(1);
    }

    /// Looks for work in the queues of other cores, from a random one on, and moves some
    /// of it here. True: [`System::pick`] will find something.
    pub fn search<T: Task>(&self, here: &mut Local<T>, cores: &impl Cores<T>) -> bool {
        if cores.count() < 2 || !self.idle.start_search(cores.count()) {
            return false;
        }
        let shared = cores.shared(here.id());
        shared.counts.steals_tried.add(1);
        let moved = self.steal(here, cores);
        if moved > 0 {
            shared.counts.steals_done.add(1);
            shared.counts.steals_moved.add(moved as u64);
        }
        // Whoever makes work while we search wakes nobody; so whoever was the last to
        // search, and has found some, wakes the next if there is more, and whoever has
        // not looks once more before it halts (`begin_halt` does).
        if self.idle.end_search() && moved > 0 && self.is_work_elsewhere(here, cores) {
            self.wake_a_thief(here, cores);
        }
        moved > 0
    }

    fn steal<T: Task>(&self, here: &mut Local<T>, cores: &impl Cores<T>) -> usize {
        let count = cores.count();
        for class in 0..2 {
            let first = here.random_below(count);
            for turn in 0..ROUNDS * count {
                let victim = (first + turn) % count;
                if victim == here.id() {
                    continue;
                }
                let theirs = cores.shared(victim);
                let stealer = theirs.stealers()[class];
                if stealer.is_empty() {
                    continue;
                }
                if let Steal::Success(()) = stealer.steal_batch_with_limit(&here.catch, BATCH) {
                    // Counted before others can see it here, and steal it in turn.
                    let moved = here.catch.len();
                    Self::account(theirs, cores.shared(here.id()), moved);
                    here.keep_catch(class == 0);
                    return moved;
                }
            }
        }
        0
    }

    fn account<T>(from: &Shared<T>, to: &Shared<T>, moved: usize) {
        from.counts.stolen.add(moved as u64);
        from.remove_load(moved);
        to.counts.queued.add(moved as u64);
        to.add_load(moved);
    }

    /// `entity` begins to run here: it was picked. False: it may not run here any more,
    /// since a moment ago, and whoever decided that may have looked for it elsewhere; it
    /// should leave at once.
    #[must_use]
    pub fn begin<T: Task>(
        &self,
        here: &mut Local<T>,
        entity: &Entity,
        cores: &impl Cores<T>,
    ) -> bool {
        let now = cores.now();
        let counts: &Counts = &cores.shared(here.id()).counts;
        let (waited, has_moved) = entity.begin(here.id(), now);
        if let Some(waited) = waited {
            counts.latencies.add(waited);
        }
        counts.switches.add(1);
        counts.migrations.add(u64::from(has_moved));
        counts.governed.add(u64::from(self.policy.governs(entity)));
        let weight = self.policy.weight(entity).clamp(1, weight::HEAVIEST);
        here.begin(entity, weight, self.slice(entity), now);
        entity.may_run_on(here.id())
    }

    /// `entity` stops running here.
    pub fn end<T: Task>(
        &self,
        here: &mut Local<T>,
        entity: &Entity,
        how: Stop,
        cores: &impl Cores<T>,
    ) {
        let now = cores.now();
        let weight = here.end();
        let shared = cores.shared(here.id());
        shared.remove_load(1);
        shared.set_runs_untimed(false);
        entity.end(now, |ran| weight::virtual_nanos(ran, weight));
        self.policy.stopped(entity, how, here.id(), now);
    }

    /// When what runs here should be interrupted, because others wait; None: nobody does,
    /// and whoever posts will interrupt.
    pub fn slice_end<T: Task>(&self, here: &Local<T>, cores: &impl Cores<T>) -> Option<u64> {
        let shared = cores.shared(here.id());
        if here.is_idle() {
            return None;
        }
        if here.is_empty() && shared.inbox.is_empty() {
            shared.set_runs_untimed(true);
            // Pairs with the fence in `post`.
            fence(Ordering::SeqCst);
            if shared.inbox.is_empty() {
                return None;
            }
        }
        shared.set_runs_untimed(false);
        Some(here.slice_end())
    }

    /// The slice of what runs here is over: others with less to do get some of the rest.
    pub fn balance<T: Task>(&self, here: &mut Local<T>, cores: &impl Cores<T>) {
        let count = cores.count();
        if count < 2 {
            return;
        }
        self.offer_bound(here, cores);
        let other = here.random_below(count);
        let shared = cores.shared(here.id());
        let (mine, theirs) = (shared.load(), cores.shared(other).load());
        if other == here.id() || mine <= theirs {
            return;
        }
        let now = cores.now();
        if mine == theirs + 1 {
            if now.saturating_sub(here.balanced_at) < BALANCE_PERIOD {
                return;
            }
            here.balanced_at = now;
        }
        for _ in 0..(mine - theirs).div_ceil(2).min(BATCH) {
            let Some(task) = here.normal.pop_free() else {
                return;
            };
            self.leave_queue(shared);
            shared.counts.pushed.add(1);
            // It may idle by now; then this is its work.
            let _ = self.idle.claim(other);
            self.post(here, other, task, cores);
        }
    }

    /// Bound tasks are not stolen: they are given to idle cores that they may run on.
    fn offer_bound<T: Task>(&self, here: &mut Local<T>, cores: &impl Cores<T>) {
        while here.normal.bound_len() + here.idle.bound_len() > 0 {
            let mut target = None;
            let mut finds_core = |task: &T| {
                target = self
                    .idle
                    .claim_any(&task.entity().affinity(), cores.count());
                target.is_some()
            };
            let task = here
                .normal
                .pop_bound(&mut finds_core)
                .or_else(|| here.idle.pop_bound(&mut finds_core));
            let (Some(task), Some(target)) = (task, target) else {
                return;
            };
            let shared = cores.shared(here.id());
            self.leave_queue(shared);
            shared.counts.pushed.add(1);
            self.post(here, target, task, cores);
        }
    }

    /// Whether there is anything to do for this core, here or in the queues of others.
    pub fn has_work<T: Task>(&self, here: &Local<T>, cores: &impl Cores<T>) -> bool {
        !here.is_empty()
            || !cores.shared(here.id()).inbox.is_empty()
            || self.is_work_elsewhere(here, cores)
    }

    /// Whether there is anything to steal in the queues of others.
    fn is_work_elsewhere<T: Task>(&self, here: &Local<T>, cores: &impl Cores<T>) -> bool {
        (0..cores.count())
            .filter(|core| *core != here.id())
            .any(|core| cores.shared(core).has_stealable())
    }

    /// This core found nothing and has announced itself. True: it may halt, and whoever
    /// has work for it will interrupt. False: there is work.
    pub fn begin_halt<T: Task>(&self, here: &Local<T>, cores: &impl Cores<T>) -> bool {
        self.idle.begin_halt(here.id());
        if self.idle.is_announced(here.id()) && !self.has_work(here, cores) {
            cores.shared(here.id()).counts.halts.add(1);
            return true;
        }
        self.end_idle(here.id());
        false
    }

    /// This core is awake and looks for work again.
    pub fn end_idle(&self, core: usize) {
        self.idle.end_halt(core);
        self.idle.withdraw(core);
    }
}
