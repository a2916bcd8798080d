//! Which thread runs: per-core queues of crate `sched`, the switch, idling.
//!
//! Preemptive, first in first out, per core. A thread that becomes runnable goes to the
//! core it ran on last, or to one that idles. A quantum is timed only while somebody
//! waits; it ends at the return to user mode. The kernel itself is not preempted.
//!
//! Lock order: a core's queue is touched by that core alone, with interrupts off; its
//! inbox is lock-free. So a wake-up needs no lock, and may come from anywhere.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use sched::queue::{Inbox, LocalQueue};

use super::process::Process;
use super::thread::Thread;
use crate::cpu::{self, Core, control, interrupts, switch};
use crate::memory::loaded;
use crate::sync::InterruptsOff;
use crate::time::{Instant, Timer};

crate::counters! {
    /// Context switches between threads.
    static SWITCHES = "switches";
    /// Threads that moved to another core.
    static MIGRATIONS = "migrations";
    /// Wake-ups that sent an interrupt to another core.
    static WAKE_INTERRUPTS = "wake_ipis";
    /// Threads that lost the core because their quantum was over.
    static PREEMPTIONS = "preemptions";
}

/// How long a thread runs while others wait.
pub const QUANTUM: Duration = Duration::from_millis(4);

/// Why a thread leaves its core.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Park,
    Yield,
    Die,
}

/// What a core's own code touches, with interrupts off.
struct Own {
    queue: LocalQueue<Arc<Thread>>,
    current: Option<Arc<Thread>>,
    idle: Option<Arc<Thread>>,
    /// Who was switched away from, until the successor has taken care of it.
    previous: Option<(Arc<Thread>, Leave)>,
    quantum_end: Option<Instant>,
    /// When the CPU timers of the current thread's process want a look.
    cpu_timer_look: Option<Instant>,
}

/// One core's scheduler.
pub struct CoreScheduler {
    id: usize,
    own: UnsafeCell<Own>,
    inbox: Inbox<Arc<Thread>>,
    /// The current thread should leave at its next return to user mode.
    should_yield: AtomicBool,
    /// The core halts, or is about to.
    is_idle: AtomicBool,
    /// A quantum is timed: whoever posts need not interrupt.
    is_quantum_timed: AtomicBool,
    /// Threads queued or running, for placement; a hint.
    load: AtomicUsize,
    /// Nanoseconds spent idle.
    idle_nanos: AtomicU64,
}

impl CoreScheduler {
    /// The scheduler of core `id`, with nothing to run.
    #[must_use]
    pub fn new(id: usize) -> Self {
        Self {
            id,
            own: UnsafeCell::new(Own {
                queue: LocalQueue::new(),
                current: None,
                idle: None,
                previous: None,
                quantum_end: None,
                cpu_timer_look: None,
            }),
            inbox: Inbox::new(),
            should_yield: AtomicBool::new(false),
            is_idle: AtomicBool::new(false),
            is_quantum_timed: AtomicBool::new(false),
            load: AtomicUsize::new(0),
            idle_nanos: AtomicU64::new(0),
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

    /// Gives the core its idle thread, which is the context that calls this.
    pub fn start(&self, idle: Arc<Thread>) {
        let off = InterruptsOff::new();
        let own = self.own(&off);
        idle.last_core.store(self.id, Ordering::Relaxed);
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

    /// Nanoseconds that the core has idled.
    #[must_use]
    pub fn idle_nanos(&self) -> u64 {
        self.idle_nanos.load(Ordering::Relaxed)
    }

    /// Queued and running threads; a hint.
    #[must_use]
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// The timer interrupt and the wake-up interrupt come here: the quantum's end, and
    /// news in the inbox.
    pub fn tick(&self, off: &InterruptsOff) {
        let own = self.own(off);
        if let Some(end) = own.quantum_end
            && Instant::now() >= end
        {
            own.quantum_end = None;
            self.is_quantum_timed.store(false, Ordering::SeqCst);
            self.should_yield.store(true, Ordering::Relaxed);
            PREEMPTIONS.add(1);
        }
        self.time_quantum(off);
        self.own(off).cpu_timer_look = None;
        let process = self
            .own(off)
            .current
            .as_ref()
            .map(|thread| thread.process());
        if let Some(process) = process
            .filter(|process| process.cpu_timers().is_set())
            .cloned()
        {
            process.cpu_timers().expire(&process);
            self.time_cpu_timers(off);
        }
    }

    /// Times the next look at the CPU timers of the current thread's process, if it has
    /// set any.
    fn time_cpu_timers(&self, off: &InterruptsOff) {
        let own = self.own(off);
        let Some(process) = own.current.as_ref().map(|thread| thread.process()) else {
            return;
        };
        if process.cpu_timers().is_set() {
            own.cpu_timer_look = Some(process.cpu_timers().next_look(process));
            interrupts::arm_timer(off);
        }
    }

    /// Times the current thread's quantum, if somebody waits and it is not timed yet.
    fn time_quantum(&self, off: &InterruptsOff) {
        let own = self.own(off);
        if own.quantum_end.is_some() || self.should_yield.load(Ordering::Relaxed) {
            return;
        }
        if own.queue.is_empty() && self.inbox.is_empty() {
            return;
        }
        own.quantum_end = Some(Instant::now() + QUANTUM);
        self.is_quantum_timed.store(true, Ordering::SeqCst);
        interrupts::arm_timer(off);
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
    if thread.state.wake() {
        // SAFETY: every Thread lives in an Arc (its constructors return nothing else),
        // and the caller's reference keeps it alive.
        let thread = unsafe {
            let pointer = core::ptr::from_ref(thread);
            Arc::increment_strong_count(pointer);
            Arc::from_raw(pointer)
        };
        enqueue(thread);
    }
}

/// Queues a thread whose state was just made QUEUED by the caller.
pub(super) fn enqueue(thread: Arc<Thread>) {
    let off = InterruptsOff::new();
    let here = cpu::this(&off);
    let target = place(&thread, here);
    target.scheduler.load.fetch_add(1, Ordering::Relaxed);
    if core::ptr::eq(target, here) {
        here.scheduler.own(&off).queue.push(thread);
        here.scheduler.time_quantum(&off);
        return;
    }
    target.scheduler.inbox.post(thread);
    // The target looks at its inbox after it has said that it idles, and before it
    // halts; and with a timed quantum it looks when that ends. (Both orders are
    // sequentially consistent: post, then read here; store, then look there.)
    if target.scheduler.is_idle.load(Ordering::SeqCst)
        || !target.scheduler.is_quantum_timed.load(Ordering::SeqCst)
    {
        WAKE_INTERRUPTS.add(1);
        interrupts::send(target, interrupts::WAKE);
    }
}

/// The core for a thread that became runnable: the one it ran on, if that idles; else
/// any that idles; else the one it ran on; for a new thread the least loaded.
fn place(thread: &Thread, here: &'static Core) -> &'static Core {
    let last = cpu::by_id(thread.last_core.load(Ordering::Relaxed))
        .filter(|core| core.id < cpu::count() && thread.may_run_on(core.id));
    if let Some(core) = last
        && core.scheduler.load() == 0
    {
        return core;
    }
    let allowed = || cpu::all().filter(|core| thread.may_run_on(core.id));
    if let Some(idle) = allowed().find(|core| core.scheduler.load() == 0) {
        return idle;
    }
    last.or_else(|| allowed().min_by_key(|core| core.scheduler.load()))
        .unwrap_or(here)
}

/// Parks the current thread until it is woken, or until `deadline`. May return early.
pub fn park(deadline: Option<Instant>) {
    let off = InterruptsOff::new();
    let thread = super::current();
    if thread.state.take_notification() {
        return;
    }
    let timer = deadline.map(|deadline| {
        let timer = Timer::new(thread.to_arc());
        timer.arm(deadline);
        timer
    });
    leave(Leave::Park, &off);
    drop(timer);
}

/// Notes that the current thread consumed a wake-up that an outer wait may need: its
/// next [`park`] returns at once.
pub fn note_nested_wait() {
    super::current().state.notify_self();
}

/// Lets the others in this core's queue run first.
pub fn yield_now() {
    let off = InterruptsOff::new();
    let scheduler = &cpu::this(&off).scheduler;
    scheduler.should_yield.store(false, Ordering::Relaxed);
    let own = scheduler.own(&off);
    own.queue.fetch(&scheduler.inbox);
    let may_stay = own
        .current
        .as_ref()
        .is_some_and(|thread| thread.may_run_on(scheduler.id));
    if own.queue.is_empty() && may_stay {
        return;
    }
    leave(Leave::Yield, &off);
}

/// CPU timers of `process` were set, which is the current one's: the cores that run it
/// time their next looks. One that begins to run it at this moment may miss that; it
/// looks when it switches next.
pub(super) fn look_at_cpu_timers(process: &Process) {
    for thread in process.threads() {
        interrupts::nudge(thread.core());
    }
    let off = InterruptsOff::new();
    cpu::this(&off).scheduler.time_cpu_timers(&off);
}

/// Ends the current thread; its stack is freed by whoever runs next.
pub(super) fn die() -> ! {
    let off = InterruptsOff::new();
    leave(Leave::Die, &off);
    unreachable!("a dead thread was resumed");
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
    let is_idle = own
        .idle
        .as_ref()
        .is_some_and(|idle| Arc::ptr_eq(idle, &previous));
    if !is_idle {
        scheduler.load.fetch_sub(1, Ordering::Relaxed);
    }
    let next = next_thread(scheduler, off);
    let next = match (next, is_idle) {
        (Some(next), _) => next,
        (None, true) => {
            own.current = Some(previous);
            return;
        }
        (None, false) => match &own.idle {
            Some(idle) => idle.clone(),
            None => {
                own.current = Some(previous);
                return;
            }
        },
    };
    switch_to(core, previous, next, reason, off);
}

/// The next thread of this core's queue that may run here; others are sent on.
fn next_thread(scheduler: &CoreScheduler, off: &InterruptsOff) -> Option<Arc<Thread>> {
    loop {
        let thread = scheduler.own(off).queue.pop(&scheduler.inbox)?;
        if thread.may_run_on(scheduler.id) {
            return Some(thread);
        }
        scheduler.load.fetch_sub(1, Ordering::Relaxed);
        enqueue(thread);
    }
}

fn switch_to(
    core: &'static Core,
    previous: Arc<Thread>,
    next: Arc<Thread>,
    reason: Leave,
    off: &InterruptsOff,
) {
    let scheduler = &core.scheduler;
    let now = Instant::now();
    SWITCHES.add(1);
    let ran = now
        .as_nanos()
        .saturating_sub(previous.running_since.swap(0, Ordering::Relaxed));
    previous.run_time.fetch_add(ran, Ordering::Release);
    next.running_since
        .store(now.as_nanos().max(1), Ordering::Relaxed);
    next.switches.fetch_add(1, Ordering::Relaxed);
    let last = next.last_core.swap(scheduler.id, Ordering::Relaxed);
    if last != scheduler.id && last != usize::MAX {
        next.migrations.fetch_add(1, Ordering::Relaxed);
        MIGRATIONS.add(1);
    }

    // SAFETY: `previous` runs here, and `next` nowhere: it was taken from the queue.
    let (from, to) = unsafe { (previous.context(), next.context()) };
    if let Some(fpu) = &mut from.fpu {
        fpu.save();
        from.user_fs = core.user_fs(off);
        from.user_gs = control::kernel_gs_base();
    }
    if let Some(fpu) = &to.fpu {
        loaded::load(&next.process().space(), off);
        fpu.load();
        core.set_user_fs(to.user_fs, off);
        control::set_kernel_gs_base(to.user_gs);
    }
    core.set_kernel_stack(next.stack_top(), off);
    next.state.start();

    let own = scheduler.own(off);
    own.quantum_end = None;
    own.cpu_timer_look = None;
    scheduler.is_quantum_timed.store(false, Ordering::SeqCst);
    scheduler.should_yield.store(false, Ordering::Relaxed);
    let save = &raw mut from.stack_pointer;
    let stack = to.stack_pointer;
    core.set_current(Arc::as_ptr(&next), off);
    own.current = Some(next);
    own.previous = Some((previous, reason));
    scheduler.time_quantum(off);
    scheduler.time_cpu_timers(off);
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
    let is_idle = previous.id() == 0;
    match reason {
        _ if is_idle => {}
        Leave::Park => {
            if previous.state.finish_park() {
                enqueue(previous);
            }
        }
        Leave::Yield => {
            previous.state.finish_yield();
            enqueue(previous);
        }
        Leave::Die => previous.state.die(),
    }
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

/// What a core does for ever once it is set up: run threads, halt while there are none.
pub fn run() -> ! {
    loop {
        {
            let off = InterruptsOff::new();
            leave(Leave::Yield, &off);
        }
        loaded::leave();
        let off = InterruptsOff::new();
        let scheduler = &cpu::this(&off).scheduler;
        scheduler.is_idle.store(true, Ordering::SeqCst);
        if scheduler.inbox.is_empty() && scheduler.own(&off).queue.is_empty() {
            let before = Instant::now();
            // Interrupts come on with the halt, so that none is missed in between.
            x86_64::instructions::interrupts::enable_and_hlt();
            x86_64::instructions::interrupts::disable();
            let idled = Instant::now().since(before).as_nanos() as u64;
            scheduler.idle_nanos.fetch_add(idled, Ordering::Relaxed);
        }
        scheduler.is_idle.store(false, Ordering::SeqCst);
    }
}
