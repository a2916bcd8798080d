//! Which thread runs: the kernel's side of crate `sched`, the switch, quanta.
//!
//! The crate decides; here are its per-core places, the clock and the interrupts it asks
//! for, and what only a kernel can do: switching stacks and register states. A quantum is
//! timed only while somebody waits; it ends at the return to user mode. The kernel itself
//! is not preempted. What a core does with nothing to run is in [`super::idle`].
//!
//! Lock order: a core's queues are touched by that core alone, with interrupts off; its
//! inbox is lock-free. So a wake-up needs no lock, and may come from anywhere.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;

use bugs::Bug;
use sched::counts::OwnCount;
use sched::entity::{Entity, Task};
use sched::local::Local;
use sched::outside::Governed;
use sched::policy::{Cause, Policy, Stop};
use sched::shared::Shared;
use sched::system::{Cores, System};
use spin::Once;

use super::check;
use super::outside::{self, Seats};
use super::process::Process;
use super::thread::Thread;
use crate::cpu::{self, Core, control, interrupts, own_stack, switch};
use crate::memory::{frame, loaded};
use crate::sync::InterruptsOff;
use crate::time::{self, Instant};

const _: () = assert!(sched::MAX_CORES == cpu::MAX_CORES);

/// Why a thread leaves its core.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Park,
    Yield,
    Preemption,
    Die,
}

impl From<Leave> for Stop {
    fn from(reason: Leave) -> Self {
        match reason {
            Leave::Park => Self::Sleeps,
            Leave::Yield => Self::Yields,
            Leave::Preemption => Self::Loses,
            Leave::Die => Self::Ends,
        }
    }
}

/// What a core's own code touches, with interrupts off.
struct Own {
    local: Local<Arc<Thread>>,
    current: Option<Arc<Thread>>,
    idle: Option<Arc<Thread>>,
    /// Who was switched away from, until the successor has taken care of it.
    previous: Option<(Arc<Thread>, Leave)>,
    quantum_end: Option<Instant>,
    /// Whose FPU state is in the registers: the thread may be gone, and is not looked at.
    fpu_owner: *const Thread,
    /// When the CPU timers of the current thread's process want a look.
    cpu_timer_look: Option<Instant>,
}

/// One core's scheduler.
pub struct CoreScheduler {
    id: usize,
    own: UnsafeCell<Own>,
    shared: Shared<Arc<Thread>>,
    /// Id of the current thread; 0: the idle one. For others to look at.
    running_id: AtomicU32,
    /// The current thread should leave at its next return to user mode.
    should_yield: AtomicBool,
    /// It should choose anew what it runs: a policy says so.
    wants_choice: AtomicBool,
    /// Nanoseconds spent idle, without the present time of it.
    idle_nanos: OwnCount,
    /// Since when it idles; 0: it does not.
    idle_since: AtomicU64,
}

/// What all cores share. Made at its first use, by the boot core.
pub(super) fn system() -> &'static System<Governed<Seats>> {
    static SYSTEM: Once<System<Governed<Seats>>> = Once::new();
    SYSTEM.call_once(|| System::new(Governed(Seats)))
}

/// The weight of a thread.
#[must_use]
pub fn weight(thread: &Entity) -> u32 {
    system().policy().weight(thread)
}

/// How long a thread runs while others wait, in nanoseconds.
#[must_use]
pub fn slice(thread: &Entity) -> u64 {
    system().policy().slice(thread)
}

/// The machine, as crate `sched` asks for it.
pub(super) struct Machine;

impl Cores<Arc<Thread>> for Machine {
    fn count(&self) -> usize {
        cpu::count()
    }

    fn shared(&self, core: usize) -> &Shared<Arc<Thread>> {
        match cpu::by_id(core) {
            Some(core) => &core.scheduler.shared,
            None => panic!("core {core} is asked for and is not up"),
        }
    }

    fn interrupt(&self, core: usize) {
        check::requested(core);
        if let Some(core) = cpu::by_id(core) {
            interrupts::send(core, interrupts::WAKE);
        }
    }

    fn now(&self) -> u64 {
        Instant::now().as_nanos()
    }
}

impl Task for Thread {
    fn entity(&self) -> &Entity {
        &self.entity
    }
}

impl CoreScheduler {
    /// The scheduler of core `id`, with nothing to run.
    #[must_use]
    pub fn new(id: usize) -> Self {
        let local = Local::new(id);
        Self {
            id,
            shared: Shared::new(&local),
            own: UnsafeCell::new(Own {
                local,
                current: None,
                idle: None,
                previous: None,
                quantum_end: None,
                fpu_owner: core::ptr::null(),
                cpu_timer_look: None,
            }),
            running_id: AtomicU32::new(0),
            should_yield: AtomicBool::new(false),
            wants_choice: AtomicBool::new(false),
            idle_nanos: OwnCount::default(),
            idle_since: AtomicU64::new(0),
        }
    }

    #[allow(
        clippy::mut_from_ref,
        reason = "the core's own, for this file's short sections"
    )]
    fn own(&self, off: &InterruptsOff) -> &mut Own {
        debug_assert_eq!(cpu::this(off).id, self.id);
        // SAFETY: this core's own, interrupts off; no reference outlives a statement
        // that could come back here.
        unsafe { &mut *self.own.get() }
    }

    /// The core's queues, for its idle thread.
    pub(super) fn local(&self, off: &InterruptsOff) -> &Local<Arc<Thread>> {
        &self.own(off).local
    }

    /// The core as others see it, and what is counted of it.
    #[must_use]
    pub fn shared(&self) -> &Shared<Arc<Thread>> {
        &self.shared
    }

    /// The thread that runs there, as it happens to be; None: the idle one.
    #[must_use]
    pub fn running(&self) -> Option<Arc<Thread>> {
        super::process::find_thread(self.running_id.load(Ordering::Relaxed))
    }

    /// Gives the core its idle thread, which is the context that calls this.
    pub fn start(&self, idle: Arc<Thread>) {
        let off = InterruptsOff::new();
        let own = self.own(&off);
        check::begins(&idle, self.id);
        cpu::this(&off).set_current(Arc::as_ptr(&idle), &off);
        own.current = Some(idle.clone());
        own.idle = Some(idle);
    }

    /// When the current thread's quantum ends, if it is timed.
    pub fn quantum_end(&self, off: &InterruptsOff) -> Option<Instant> {
        self.own(off).quantum_end
    }

    /// When the current thread's process wants a look at its CPU timers, if it has any.
    pub fn cpu_timer_look(&self, off: &InterruptsOff) -> Option<Instant> {
        self.own(off).cpu_timer_look
    }

    /// Nanoseconds that the core has idled, now.
    #[must_use]
    pub fn idle_nanos(&self) -> u64 {
        let ended = self.idle_nanos.get();
        match self.idle_since.load(Ordering::Relaxed) {
            0 => ended,
            since => ended + Instant::now().as_nanos().saturating_sub(since),
        }
    }

    /// The core idles from now on.
    pub(super) fn begin_idling(&self, now: Instant) {
        self.idle_since
            .store(now.as_nanos().max(1), Ordering::Relaxed);
    }

    /// The core idles no more.
    pub(super) fn end_idling(&self) {
        let since = self.idle_since.swap(0, Ordering::Relaxed);
        let idled = Instant::now().as_nanos().saturating_sub(since);
        self.idle_nanos.add(idled);
    }

    /// The timer interrupt and the wake-up interrupt come here: the quantum's end, news in
    /// the inbox, and whatever else the current thread should know of.
    pub fn tick(&self, off: &InterruptsOff) {
        let own = self.own(off);
        let mut should_yield = system().look_at_inbox(&mut own.local, &Machine);
        if own.quantum_end.is_some_and(|end| Instant::now() >= end) {
            own.quantum_end = None;
            if let Some(thread) = own.current.as_ref() {
                thread.end_overdue_service(Instant::now().as_nanos());
            }
            system().balance(&mut own.local, &Machine);
            should_yield |= !own.local.is_empty();
        }
        should_yield |= self.wants_choice.swap(false, Ordering::Relaxed) && !own.local.is_empty();
        // Its affinity may have changed while it ran.
        should_yield |= own
            .current
            .as_ref()
            .is_some_and(|thread| !thread.entity.may_run_on(self.id));
        if should_yield {
            self.should_yield.store(true, Ordering::Relaxed);
        }
        self.time_quantum(off);
        self.own(off).cpu_timer_look = None;
        self.look_at_cpu_time(off);
    }

    /// Whether the current thread's process and account have CPU time left, where that
    /// matters to them.
    fn look_at_cpu_time(&self, off: &InterruptsOff) {
        let watched = self.own(off).current.as_ref().filter(|thread| {
            let process = thread.process();
            process.cpu_timers().is_set() || process.account().is_some()
        });
        let Some(thread) = watched.cloned() else {
            return;
        };
        let process = thread.process();
        if process.cpu_timers().is_set() {
            process.cpu_timers().expire(process);
        }
        if let Some(account) = process.account() {
            account.settle(&thread);
            account.look();
        }
        self.time_cpu_look(off);
    }

    /// Times the next look at the CPU time of the current thread's process and account,
    /// where that matters to them.
    fn time_cpu_look(&self, off: &InterruptsOff) {
        let own = self.own(off);
        let Some(process) = own.current.as_ref().map(|thread| thread.process()) else {
            return;
        };
        let timers = process.cpu_timers();
        let for_timers = timers.is_set().then(|| timers.next_look(process));
        let for_account = process.account().and_then(|account| account.next_look());
        if let Some(look) = for_timers.into_iter().chain(for_account).min() {
            own.cpu_timer_look = Some(look);
            interrupts::arm_timer_for(look, off);
        }
    }

    /// Times the current thread's quantum, if somebody waits and it is not timed yet.
    fn time_quantum(&self, off: &InterruptsOff) {
        let own = self.own(off);
        if own.quantum_end.is_some() || self.should_yield.load(Ordering::Relaxed) {
            return;
        }
        if let Some(end) = system().slice_end(&own.local, &Machine)
            && !bugs::has(Bug::EndlessQuantum)
        {
            let end = Instant::from_nanos(end);
            own.quantum_end = Some(end);
            interrupts::arm_timer_for(end, off);
        }
    }

    /// Whether the current thread should let another one run now.
    #[must_use]
    pub fn should_yield(&self) -> bool {
        self.should_yield.load(Ordering::Relaxed)
    }
}

/// Something that `thread` may wait for has happened: if it is parked it is queued, if
/// it is about to park it will not.
pub fn wake(thread: &Thread) {
    if thread.entity.state.wake() {
        enqueue(to_arc(thread), Cause::Wake);
    }
}

/// Queues a thread that was just made and has not run.
pub(super) fn start_new(thread: &Thread) {
    outside::threads::began(thread);
    if thread.entity.state.wake() {
        enqueue(to_arc(thread), Cause::New);
    }
}

fn to_arc(thread: &Thread) -> Arc<Thread> {
    // SAFETY: every Thread lives in an Arc (its constructors return nothing else), and
    // the caller's reference keeps it alive.
    unsafe {
        let pointer = core::ptr::from_ref(thread);
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    }
}

/// Queues a thread whose state was just turned to queued by the caller.
fn enqueue(thread: Arc<Thread>, cause: Cause) {
    let off = InterruptsOff::new();
    let scheduler = &cpu::this(&off).scheduler;
    let should_yield = own_stack::run(&off, || {
        system().enqueue(&mut scheduler.own(&off).local, thread, cause, &Machine)
    });
    if should_yield {
        scheduler.should_yield.store(true, Ordering::Relaxed);
    }
    scheduler.time_quantum(&off);
    outside::settle();
}

/// Parks the current thread until it is woken, or until `deadline`. May return early.
pub fn park(deadline: Option<Instant>) {
    let off = InterruptsOff::new();
    let thread = super::current();
    if thread.entity.state.take_notification() {
        return;
    }
    let timer = deadline.map(|deadline| time::arm(deadline, thread.to_arc()));
    leave(Leave::Park, &off);
    drop(timer);
}

/// Lets the others in this core's queues run first (`sched_yield`).
pub fn yield_now() {
    give_way(Leave::Yield);
}

/// The current thread's quantum is over, or it may not run here any more: others run
/// first.
pub fn preempt() {
    give_way(Leave::Preemption);
}

fn give_way(reason: Leave) {
    let off = InterruptsOff::new();
    let scheduler = &cpu::this(&off).scheduler;
    scheduler.should_yield.store(false, Ordering::Relaxed);
    let own = scheduler.own(&off);
    if scheduler.shared.has_posts() {
        own_stack::run(&off, || system().look_at_inbox(&mut own.local, &Machine));
    }
    let may_stay = own
        .current
        .as_ref()
        .is_some_and(|thread| thread.entity.may_run_on(scheduler.id));
    if own.local.is_empty() && may_stay {
        // It may not have been timed because it was about to leave.
        scheduler.time_quantum(&off);
        return;
    }
    if reason == Leave::Preemption
        && let Some(thread) = own.current.as_ref()
        && system().stays(&mut own.local, &thread.entity, &Machine)
    {
        scheduler.time_quantum(&off);
        outside::settle();
        return;
    }
    leave(reason, &off);
}

/// CPU timers of `process` were set, which is the current one's: the cores that run it
/// time their next looks. One that begins to run it at this moment may miss that; it
/// looks when it switches next.
pub(super) fn look_at_cpu_timers(process: &Process) {
    for thread in process.threads() {
        interrupts::nudge(thread.core());
    }
    let off = InterruptsOff::new();
    cpu::this(&off).scheduler.time_cpu_look(&off);
}

/// Has the cores of a mask choose anew what they run; core n has bit n modulo 64. Not this
/// one: its thread is about to wait.
pub(super) fn choose_anew(mask: u64) {
    if mask == 0 {
        return;
    }
    for core in cpu::all().filter(|core| mask >> (core.id % 64) & 1 != 0) {
        core.scheduler.wants_choice.store(true, Ordering::Relaxed);
        interrupts::nudge(core.id);
    }
}

/// Ends the current thread; its stack is freed by whoever runs next.
pub(super) fn die() -> ! {
    let off = InterruptsOff::new();
    leave(Leave::Die, &off);
    unreachable!("a dead thread was resumed");
}

/// For the idle thread: runs what there is to run, here or to be stolen. Returns once
/// there is nothing.
pub(super) fn run_others() {
    let off = InterruptsOff::new();
    leave(Leave::Yield, &off);
}

/// Picks the next thread and switches to it. Returns when this thread is resumed, which
/// may be on another core.
fn leave(reason: Leave, off: &InterruptsOff) {
    let core = cpu::this(off);
    let scheduler = &core.scheduler;
    let own = scheduler.own(off);
    let Some(previous) = own.current.take() else {
        return;
    };
    let is_idle = previous.is_idle_thread();
    if !is_idle {
        system().end(&mut own.local, &previous.entity, reason.into(), &Machine);
        if reason == Leave::Preemption {
            previous.entity.note_preemption();
            scheduler.shared.counts.preemptions.add(1);
        }
    }
    let next = own_stack::run(off, || {
        system().pick(&mut own.local, &Machine).or_else(|| {
            let has_found = system().search(&mut own.local, &Machine);
            has_found.then(|| system().pick(&mut own.local, &Machine))?
        })
    });
    let mut is_allowed = true;
    let next = match next {
        Some(next) => {
            is_allowed = system().begin(&mut own.local, &next.entity, &Machine);
            next
        }
        None => match own.idle.as_ref().filter(|_| !is_idle) {
            Some(idle) => idle.clone(),
            None => {
                own.current = Some(previous);
                return;
            }
        },
    };
    scheduler.should_yield.store(!is_allowed, Ordering::Relaxed);
    switch_to(core, previous, next, reason, off);
}

fn switch_to(
    core: &'static Core,
    previous: Arc<Thread>,
    next: Arc<Thread>,
    reason: Leave,
    off: &InterruptsOff,
) {
    let scheduler = &core.scheduler;
    check::begins(&next, core.id);
    // SAFETY: `previous` runs here, and `next` nowhere: it was picked, or is this core's
    // idle thread.
    let (from, to) = unsafe { (previous.context(), next.context()) };
    if let Some(account) = previous.process().account() {
        account.settle(&previous);
    }
    let ledger = next
        .process()
        .account()
        .and_then(|account| account.ledger_pointer());
    // SAFETY: its process keeps it, and the thread that is `current` its process.
    unsafe { frame::charge_to(ledger, off) };
    if let Some(fpu) = &mut from.fpu {
        fpu.save();
        from.user_fs = core.user_fs(off);
        from.user_gs = control::kernel_gs_base();
    }
    if let Some(fpu) = &to.fpu {
        loaded::load(&next.process().space(), off);
        // The registers were saved when their thread left, and nobody has touched them
        // if it left for the idle thread.
        let owner = Arc::as_ptr(&next);
        let own = scheduler.own(off);
        if own.fpu_owner != owner || to.fpu_core != Some(core.id) {
            if !bugs::has(Bug::MixedRegisters) {
                fpu.load();
            }
            own.fpu_owner = owner;
            to.fpu_core = Some(core.id);
        }
        if !bugs::has(Bug::MixedThreadPointer) {
            core.set_user_fs(to.user_fs, off);
        }
        control::set_kernel_gs_base(to.user_gs);
    }
    core.set_kernel_stack(next.stack_top(), off);

    let own = scheduler.own(off);
    own.quantum_end = None;
    own.cpu_timer_look = None;
    let save = &raw mut from.stack_pointer;
    let stack = to.stack_pointer;
    core.set_current(Arc::as_ptr(&next), off);
    scheduler.running_id.store(next.id(), Ordering::Relaxed);
    own.current = Some(next);
    own.previous = Some((previous, reason));
    scheduler.time_quantum(off);
    scheduler.time_cpu_look(off);
    // SAFETY: interrupts are off; `next` is suspended and only this core resumes it;
    // `previous` is kept alive by `own.previous` until it is off this stack.
    unsafe { switch::roentgen_switch(save, stack) };
    finish_switch();
}

/// Takes care of the thread that this core just left. Runs on the successor's stack.
fn finish_switch() {
    let off = InterruptsOff::new();
    let scheduler = &cpu::this(&off).scheduler;
    let Some((previous, reason)) = scheduler.own(&off).previous.take() else {
        return;
    };
    check::ends(&previous, scheduler.id);
    let state = &previous.entity.state;
    match reason {
        _ if previous.is_idle_thread() => {}
        Leave::Park => {
            if state.finish_park() {
                enqueue(previous, Cause::Wake);
            }
        }
        Leave::Yield => {
            state.finish_yield();
            enqueue(previous, Cause::Yield);
        }
        Leave::Preemption => {
            state.finish_yield();
            enqueue(previous, Cause::Preemption);
        }
        Leave::Die => {
            state.die();
            outside::threads::ended(&previous);
        }
    }
    outside::settle();
}

/// As `finish_switch`, for a thread that begins.
pub(super) fn finish_first_switch() {
    finish_switch();
}

/// Whether this code runs in a thread: not so early in the boot.
#[must_use]
pub fn is_in_thread() -> bool {
    cpu::is_ready() && !cpu::current_thread().is_null()
}
