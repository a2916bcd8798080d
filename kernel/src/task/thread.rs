//! A thread: a kernel stack, a register state, and a place in a process.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;
use sched::entity::Entity;
use sched::mask::CoreMask;
use sched::state::TaskState;
use sched::weight::Class;

use super::check::RunsOn;
use super::process::Process;
use super::signal::ThreadSignals;
use super::usage::{OwnUsage, Usage};
use crate::cpu::MAX_CORES;
use crate::cpu::entry::{TrapFrame, roentgen_return_to_user};
use crate::cpu::fpu::FpuState;
use crate::cpu::switch;
use crate::memory::failing::Failing;
use crate::memory::frame::OutOfMemory;
use crate::memory::stacks::KernelStack;
use crate::sync::IrqLock;
use crate::time::{Expire, Instant};

/// The cores that a thread may run on.
pub type Affinity = [u64; MAX_CORES / 64];

/// What the core that runs a thread saves when it leaves it. Touched by that core only,
/// with interrupts off.
pub(super) struct Context {
    /// The suspended kernel context.
    pub(super) stack_pointer: u64,
    /// User FS and GS bases.
    pub(super) user_fs: u64,
    pub(super) user_gs: u64,
    /// FPU, SSE, AVX; None for threads that never leave the kernel.
    pub(super) fpu: Option<FpuState>,
    /// The core that loaded `fpu` last: its registers hold the state still if it has loaded
    /// nobody else's since.
    pub(super) fpu_core: Option<usize>,
}

/// What a robust futex list is: its head and the size that the user gave.
#[derive(Clone, Copy, Default)]
pub struct RobustList {
    /// User address of `struct robust_list_head`.
    pub head: usize,
    /// Its size in bytes.
    pub length: usize,
}

/// A thread.
pub struct Thread {
    /// Changes once at most: `execve` makes its caller the process's leader.
    id: AtomicU32,
    process: Arc<Process>,
    /// Its place in the scheduler.
    pub(super) entity: Entity,
    stack: KernelStack,
    context: UnsafeCell<Context>,
    /// Its signals.
    pub(super) signals: ThreadSignals,
    /// Address that is cleared and woken when the thread ends (`CLONE_CHILD_CLEARTID`).
    pub(super) clear_on_exit: AtomicUsize,
    robust_list: IrqLock<RobustList>,
    /// Waits that it is in, one inside the condition of another. Its own.
    waits: AtomicU32,
    name: IrqLock<Vec<u8>>,
    /// What it counts of itself.
    pub(super) own_usage: OwnUsage,
    /// What it was given as its policy: `SCHED_…`, maybe with `SCHED_RESET_ON_FORK`.
    policy: AtomicU32,
    /// While it serves an interrupt: for how long it may, in nanoseconds of the clock.
    serves_until: AtomicU64,
    /// How much of what it ran is in its process's account, in nanoseconds.
    pub(super) settled: AtomicU64,
    /// For the check that it runs on one core at most.
    pub(super) runs_on: RunsOn,
    /// Which of its allocations fails, for tests.
    pub(crate) failing: Failing,
}

// SAFETY: the context is touched by the one core that runs the thread, or that makes it
// before it runs; everything else is atomic or locked.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

impl Expire for Thread {
    fn expire(&self) {
        super::wake(self);
    }
}

impl Thread {
    /// A thread of `process` that begins in user mode with `frame`.
    ///
    /// # Errors
    /// No frame is free for its stack.
    pub fn new_user(
        id: u32,
        process: Arc<Process>,
        frame: TrapFrame,
        fpu: FpuState,
        bases: (u64, u64),
        name: Vec<u8>,
    ) -> Result<Arc<Self>, OutOfMemory> {
        let stack = KernelStack::new()?;
        let place = (stack.top() - size_of::<TrapFrame>() as u64) as *mut TrapFrame;
        // SAFETY: the top of a fresh stack; the context begins below it.
        let stack_pointer = unsafe {
            place.write(frame);
            switch::new_context(place as u64, enter_user, place as u64)
        };
        Ok(Self::build(
            id,
            process,
            stack,
            name,
            Context {
                stack_pointer,
                user_fs: bases.0,
                user_gs: bases.1,
                fpu: Some(fpu),
                fpu_core: None,
            },
            TaskState::parked(),
        ))
    }

    /// A core's idle thread: the context that runs on `stack` already, or is about to.
    #[must_use]
    pub fn new_idle(process: Arc<Process>, core: usize, stack: KernelStack) -> Arc<Self> {
        let name = format!("idle/{core}").into_bytes();
        let context = Context {
            stack_pointer: 0,
            user_fs: 0,
            user_gs: 0,
            fpu: None,
            fpu_core: None,
        };
        Self::build(0, process, stack, name, context, TaskState::running())
    }

    fn build(
        id: u32,
        process: Arc<Process>,
        stack: KernelStack,
        name: Vec<u8>,
        context: Context,
        state: TaskState,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: AtomicU32::new(id),
            process,
            entity: Entity::new(state),
            stack,
            context: UnsafeCell::new(context),
            signals: ThreadSignals::new(),
            clear_on_exit: AtomicUsize::new(0),
            robust_list: IrqLock::new(RobustList::default()),
            waits: AtomicU32::new(0),
            name: IrqLock::new(name),
            own_usage: OwnUsage::default(),
            policy: AtomicU32::new(linux::SCHED_NORMAL),
            serves_until: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            runs_on: RunsOn::default(),
            failing: Failing::default(),
        })
    }

    /// Thread id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    pub(super) fn set_id(&self, id: u32) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// The process that it belongs to.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Its signals.
    #[must_use]
    pub fn signals(&self) -> &ThreadSignals {
        &self.signals
    }

    /// Whether a blocking call should end: a signal that is not blocked waits, or the
    /// process is ending.
    #[must_use]
    pub fn has_pending_signal(&self) -> bool {
        self.must_leave() || self.has_signal()
    }

    /// Whether there is something to do before it enters user mode.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        self.has_pending_signal()
            || self.process.is_stopped()
            || self.signals.has_saved_mask()
            || self.has_interrupted_call()
    }

    /// Whether it is in a call that ended early and may have to be repeated.
    fn has_interrupted_call(&self) -> bool {
        // SAFETY: its own frame; only asked by the thread itself.
        let frame = unsafe { &*self.user_frame() };
        frame.vector == crate::cpu::entry::SYSTEM_CALL
            && super::signal::deliver::was_interrupted(frame)
    }

    /// Whether it is to end: its process does, or another thread of it calls `execve`.
    #[must_use]
    pub fn must_leave(&self) -> bool {
        let owner = self.process.exec_owner.load(Ordering::Acquire);
        self.process.is_ending() || (owner != 0 && owner != self.id())
    }

    /// Top of its kernel stack.
    pub(super) fn stack_top(&self) -> u64 {
        self.stack.top()
    }

    /// The registers with which it entered the kernel.
    pub(crate) fn user_frame(&self) -> *mut TrapFrame {
        (self.stack.top() - size_of::<TrapFrame>() as u64) as *mut TrapFrame
    }

    /// # Safety
    /// Only for the core that runs this thread (or made it and has not queued it),
    /// with interrupts off, and not twice at a time.
    #[allow(clippy::mut_from_ref, reason = "the promise above")]
    pub(super) unsafe fn context(&self) -> &mut Context {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.context.get() }
    }

    /// Nanoseconds that it has run, now.
    #[must_use]
    pub fn run_nanos(&self) -> u64 {
        self.run_nanos_at(Instant::now())
    }

    /// Nanoseconds that it has run, where it is `now`.
    #[must_use]
    pub fn run_nanos_at(&self, now: Instant) -> u64 {
        self.entity.run_time_at(now.as_nanos())
    }

    /// One more page fault was served for it.
    pub fn count_page_fault(&self) {
        self.own_usage.count_page_fault();
    }

    /// It begins to wait for a condition.
    pub fn enter_wait(&self) {
        let outer = self.waits.load(Ordering::Relaxed);
        self.waits.store(outer + 1, Ordering::Relaxed);
    }

    /// It waits for that one no more. Where it was inside another wait's condition, it may
    /// have consumed the wake-up that was meant for that one, so it leaves one behind: the
    /// outer wait looks once more than it must.
    pub fn leave_wait(&self) {
        let outer = self.waits.load(Ordering::Relaxed) - 1;
        self.waits.store(outer, Ordering::Relaxed);
        if outer > 0 {
            self.entity.state.notify_self();
        }
    }

    /// It enters the kernel from user mode, for something that can take long or not.
    pub fn enter_kernel(&self, is_long: bool) {
        self.own_usage.enter_kernel(is_long, || self.run_nanos());
    }

    /// It enters user mode at once, or never again.
    pub fn leave_kernel(&self) {
        self.own_usage.leave_kernel(|| self.run_nanos());
    }

    /// What it has used, where it is `now`.
    #[must_use]
    pub fn usage_at(&self, now: Instant) -> Usage {
        let run = self.run_nanos_at(now);
        // It may have gone on since `now` was read.
        let system = self.own_usage.system_at(run).min(run);
        let (switches, preemptions) = self.entity.switches();
        Usage {
            user: run - system,
            system,
            page_faults: self.own_usage.page_faults(),
            // Whatever it runs now it has not given up.
            voluntary_switches: switches.saturating_sub(preemptions + 1),
            involuntary_switches: preemptions,
        }
    }

    /// It is about to look at what it has used itself.
    pub fn note_look(&self) {
        self.own_usage.note_look(self.run_nanos());
    }

    /// The letter for `/proc/PID/stat`.
    #[must_use]
    pub fn state_letter(&self) -> u8 {
        if self.process.is_stopped() {
            b'T'
        } else {
            self.entity.state.letter()
        }
    }

    /// The core that it runs on, or ran on last.
    #[must_use]
    pub fn core(&self) -> usize {
        self.entity.last_core().unwrap_or(0)
    }

    /// The cores it may run on.
    #[must_use]
    pub fn affinity(&self) -> Affinity {
        self.entity.affinity().0
    }

    /// Sets the cores it may run on; one of them at least must be up. Takes effect when it
    /// is picked next: whoever sets it nudges the core that runs it.
    pub fn set_affinity(&self, affinity: Affinity) {
        self.entity.set_affinity(CoreMask(affinity));
    }

    /// Its nice value, -20 to 19.
    #[must_use]
    pub fn niceness(&self) -> i32 {
        self.entity.nice()
    }

    /// Sets its nice value; clamped to -20..=19.
    pub fn set_niceness(&self, value: i32) {
        self.entity.set_nice(value);
    }

    /// Its policy (`SCHED_OTHER`, `SCHED_BATCH` or `SCHED_IDLE`), with
    /// `SCHED_RESET_ON_FORK` where that was asked for.
    #[must_use]
    pub fn policy(&self) -> u32 {
        self.policy.load(Ordering::Relaxed)
    }

    /// Sets its policy, and the class that goes with it; takes effect when it is queued
    /// next.
    pub fn set_policy(&self, policy: u32) {
        self.policy.store(policy, Ordering::Relaxed);
        self.entity
            .set_class(match policy & !linux::SCHED_RESET_ON_FORK {
                linux::SCHED_IDLE => Class::Idle,
                _ => Class::Normal,
            });
    }

    /// It serves an interrupt, ahead of everything else, from when it is queued next: until
    /// that moment on the clock at most, whatever it does.
    pub fn serve_until(&self, end: u64) {
        self.serves_until.store(end, Ordering::Relaxed);
        self.entity.set_class(Class::Interrupt);
    }

    /// It does not serve an interrupt any more.
    pub fn stop_serving(&self) {
        self.set_policy(self.policy());
    }

    /// Ends its service where that has lasted too long. It runs.
    pub(super) fn end_overdue_service(&self, now: u64) {
        if self.entity.class() == Class::Interrupt
            && now >= self.serves_until.load(Ordering::Relaxed)
        {
            self.stop_serving();
        }
    }

    /// Begins as a child of `parent`, as far as scheduling goes: sched(7), "Reset
    /// scheduling policy for child processes".
    pub(super) fn inherit_scheduling(&self, parent: &Self) {
        self.entity.inherit(&parent.entity);
        let policy = parent.policy();
        let is_reset = policy & linux::SCHED_RESET_ON_FORK != 0;
        // A child of one that serves an interrupt does not.
        self.set_policy(policy & !linux::SCHED_RESET_ON_FORK);
        if is_reset && self.niceness() < 0 {
            self.set_niceness(0);
        }
    }

    /// What the scheduler knows of it.
    #[must_use]
    pub fn scheduling(&self) -> &Entity {
        &self.entity
    }

    /// Whether it is a core's idle thread, which is in no queue.
    #[must_use]
    pub fn is_idle_thread(&self) -> bool {
        self.id() == 0
    }

    /// Its name (`PR_SET_NAME`), at most 15 bytes.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.name.lock().clone()
    }

    /// Names it; longer names are cut to 15 bytes.
    pub fn set_name(&self, name: &[u8]) {
        let name = name[..name.len().min(15)].to_vec();
        let old = core::mem::replace(&mut *self.name.lock(), name);
        drop(old);
    }

    /// Its robust futex list.
    #[must_use]
    pub fn robust_list(&self) -> RobustList {
        *self.robust_list.lock()
    }

    /// Sets its robust futex list.
    pub fn set_robust_list(&self, list: RobustList) {
        *self.robust_list.lock() = list;
    }

    /// Where it clears and wakes when it ends; 0: nowhere.
    #[must_use]
    pub fn clear_on_exit(&self) -> usize {
        self.clear_on_exit.load(Ordering::Relaxed)
    }

    /// Where to clear and wake when the thread ends.
    pub fn set_clear_on_exit(&self, address: usize) {
        self.clear_on_exit.store(address, Ordering::Relaxed);
    }
}

/// The first thing that a new user thread does: finish the switch to it, and leave.
extern "C" fn enter_user(frame: u64) -> ! {
    super::scheduler::finish_first_switch();
    crate::cpu::trap::before_user_mode(frame as *mut TrapFrame);
    // SAFETY: the frame stands at the top of this thread's stack, interrupts are off,
    // and nothing below it is needed any more.
    unsafe {
        core::arch::asm!("mov rsp, {}", "jmp {}", in(reg) frame,
            sym roentgen_return_to_user, options(noreturn));
    }
}
