//! Signals: who has which pending, what each does, and who is told.
//!
//! Delivery, which builds frames on user stacks, is in [`deliver`]; interval timers in
//! [`timers`] (real time) and [`cpu_timers`].

pub mod cpu_timers;
pub mod deliver;
pub mod info;
mod pending;
pub mod timers;

pub use info::SigInfo;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::process::Process;
use super::thread::Thread;
use super::wait;
use crate::errno::Result;
use crate::sync::{IrqLock, WaitQueue};
use pending::PendingSet;

/// Number of signals; they count from 1.
pub const COUNT: u32 = 64;

/// The bit of a signal in a mask.
#[must_use]
pub const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// Signals that cannot be blocked, caught or ignored.
pub const UNSTOPPABLE: u64 = bit(linux::SIGKILL) | bit(linux::SIGSTOP);

const STOP_SIGNALS: u64 =
    bit(linux::SIGSTOP) | bit(linux::SIGTSTP) | bit(linux::SIGTTIN) | bit(linux::SIGTTOU);

/// `struct sigaction` as the kernel sees it (x86-64).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Action {
    /// Address, or `SIG_DFL` (0), or `SIG_IGN` (1).
    pub handler: usize,
    /// `SA_…`.
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: usize,
    /// Blocked while it runs.
    pub mask: u64,
}

/// `SIG_DFL`.
pub const DEFAULT: usize = 0;
/// `SIG_IGN`.
pub const IGNORE: usize = 1;

/// What a signal does where nothing was said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends; Linux would write a core file.
    Core,
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// The process goes on.
    Continue,
}

/// signal(7)'s table.
#[must_use]
pub fn default_action(signal: u32) -> DefaultAction {
    match signal {
        linux::SIGCHLD | linux::SIGURG | linux::SIGWINCH => DefaultAction::Ignore,
        linux::SIGCONT => DefaultAction::Continue,
        linux::SIGSTOP | linux::SIGTSTP | linux::SIGTTIN | linux::SIGTTOU => DefaultAction::Stop,
        linux::SIGQUIT
        | linux::SIGILL
        | linux::SIGTRAP
        | linux::SIGABRT
        | linux::SIGBUS
        | linux::SIGFPE
        | linux::SIGSEGV
        | linux::SIGXCPU
        | linux::SIGXFSZ
        | linux::SIGSYS => DefaultAction::Core,
        _ => DefaultAction::Terminate,
    }
}

/// `stack_t` of `sigaltstack`.
#[derive(Clone, Copy, Default)]
pub struct AlternateStack {
    /// First byte.
    pub start: usize,
    /// Length in bytes.
    pub length: usize,
    /// `SS_DISABLE`, `SS_AUTODISARM`.
    pub flags: u32,
}

/// One thread's signals.
pub struct ThreadSignals {
    pending: PendingSet,
    blocked: AtomicU64,
    /// What `sigtimedwait` waits for: not blocked meanwhile, and not ignored either.
    awaited: AtomicU64,
    /// Whether it looks at its process's signals too: it was chosen for one. Others that
    /// do not block it leave it alone, so that a signal reaches the thread that Linux
    /// would choose, which may be asleep, and not whoever leaves the kernel next.
    is_chosen: AtomicBool,
    /// The mask to restore when a call that replaced it returns (`sigsuspend`, `ppoll`),
    /// and whether there is one. Only the thread itself touches them.
    saved: AtomicU64,
    has_saved: AtomicBool,
    alternate_stack: IrqLock<AlternateStack>,
}

impl ThreadSignals {
    pub(super) const fn new() -> Self {
        Self {
            pending: PendingSet::new(),
            blocked: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            is_chosen: AtomicBool::new(false),
            saved: AtomicU64::new(0),
            has_saved: AtomicBool::new(false),
            alternate_stack: IrqLock::new(AlternateStack {
                start: 0,
                length: 0,
                flags: linux::SS_DISABLE,
            }),
        }
    }

    /// Mask of what is pending for this thread alone.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.mask()
    }

    /// The blocked signals.
    #[must_use]
    pub fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::SeqCst)
    }

    /// Keeps these signals from being dropped on arrival because nothing was said of them,
    /// as if they were blocked: the thread takes them itself. 0: none any more.
    pub fn await_those(&self, mask: u64) {
        self.awaited.store(mask, Ordering::SeqCst);
    }

    /// Whether a signal that would be ignored stays for this thread: it is blocked, so the
    /// action may change before it is not, or it is awaited.
    fn keeps(&self, signal: u32) -> bool {
        (self.blocked() | self.awaited.load(Ordering::SeqCst)) & bit(signal) != 0
    }

    /// How many signals wait for this thread alone.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The first mask of a new thread.
    pub(super) fn start_with_blocked(&self, mask: u64) {
        self.blocked.store(mask & !UNSTOPPABLE, Ordering::SeqCst);
    }

    /// Mask of what it would take on its way to user mode, where it was not blocked.
    fn visible(&self, process: &ProcessSignals) -> u64 {
        let own = self.pending.mask();
        if self.is_chosen.load(Ordering::SeqCst) {
            own | process.pending.mask()
        } else {
            own
        }
    }

    /// Whether a call left a mask to be restored.
    #[must_use]
    pub(super) fn has_saved_mask(&self) -> bool {
        self.has_saved.load(Ordering::Relaxed)
    }

    fn save_mask(&self, mask: u64) {
        self.saved.store(mask, Ordering::Relaxed);
        self.has_saved.store(true, Ordering::Relaxed);
    }

    /// The mask that a call left, once.
    fn take_saved_mask(&self) -> Option<u64> {
        self.has_saved_mask().then(|| {
            self.has_saved.store(false, Ordering::Relaxed);
            self.saved.load(Ordering::Relaxed)
        })
    }

    /// The alternate stack.
    #[must_use]
    pub fn alternate_stack(&self) -> AlternateStack {
        *self.alternate_stack.lock()
    }

    /// Sets the alternate stack.
    pub fn set_alternate_stack(&self, stack: AlternateStack) {
        *self.alternate_stack.lock() = stack;
    }
}

/// A process's signals: what is pending for any of its threads, and the actions.
pub struct ProcessSignals {
    pending: PendingSet,
    actions: IrqLock<[Action; COUNT as usize]>,
    /// Woken when a signal arrives: signalfd's pollers.
    pub arrivals: WaitQueue,
}

impl ProcessSignals {
    pub(super) const fn new() -> Self {
        const NONE: Action = Action {
            handler: DEFAULT,
            flags: 0,
            restorer: 0,
            mask: 0,
        };
        Self {
            pending: PendingSet::new(),
            actions: IrqLock::new([NONE; COUNT as usize]),
            arrivals: WaitQueue::new(),
        }
    }

    /// Mask of what is pending for the process.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.mask()
    }

    /// How many signals wait for the process.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Masks of the signals that were set to be ignored, and of those with a handler.
    #[must_use]
    pub fn ignored_and_caught(&self) -> (u64, u64) {
        let actions = *self.actions.lock();
        let mask = |wanted: fn(usize) -> bool| {
            (1..=COUNT)
                .zip(&actions)
                .filter(|(_, action)| wanted(action.handler))
                .fold(0, |mask, (signal, _)| mask | bit(signal))
        };
        let ignored = mask(|handler| handler == IGNORE);
        let caught = mask(|handler| handler != IGNORE && handler != DEFAULT);
        (ignored, caught)
    }

    /// What a signal does.
    #[must_use]
    pub fn action(&self, signal: u32) -> Action {
        self.actions.lock()[signal as usize - 1]
    }

    /// Sets what a signal does. What is now ignored is no longer pending.
    pub fn set_action(&self, process: &Process, signal: u32, action: Action) {
        self.actions.lock()[signal as usize - 1] = action;
        if self.is_ignored(signal) {
            self.pending.remove(bit(signal));
            for thread in process.threads() {
                thread.signals.pending.remove(bit(signal));
            }
        }
    }

    /// Whether a signal would do nothing.
    #[must_use]
    pub fn is_ignored(&self, signal: u32) -> bool {
        match self.action(signal).handler {
            IGNORE => true,
            DEFAULT => default_action(signal) == DefaultAction::Ignore,
            _ => false,
        }
    }

    pub(super) fn copy_actions(&self, from: &Self) {
        let actions = *from.actions.lock();
        *self.actions.lock() = actions;
    }

    /// Sets what signals do, from signal 1 on: of a process that does not run yet.
    pub(super) fn restore_actions(&self, actions: impl Iterator<Item = Action>) {
        let mut own = self.actions.lock();
        own.iter_mut()
            .zip(actions)
            .for_each(|(own, action)| *own = action);
    }

    /// `execve`: handlers go, what is ignored stays so.
    pub(super) fn reset_handlers(&self) {
        for action in self.actions.lock().iter_mut() {
            if action.handler != IGNORE {
                *action = Action::default();
            }
        }
    }
}

impl Thread {
    /// Whether a signal waits for it that it does not block.
    #[must_use]
    pub fn has_signal(&self) -> bool {
        self.signals.visible(self.process().signals()) & !self.signals.blocked() != 0
    }

    /// Blocks these signals and no others; `SIGKILL` and `SIGSTOP` stay. For the current
    /// thread. What it no longer blocks it takes; what it blocks now, another thread.
    pub fn set_blocked(&self, mask: u64) {
        let mask = mask & !UNSTOPPABLE;
        let before = self.signals.blocked.swap(mask, Ordering::SeqCst);
        let pending = self.process().signals().pending.mask();
        if pending & before & !mask != 0 {
            self.signals.is_chosen.store(true, Ordering::SeqCst);
        }
        if pending & !before & mask != 0 {
            choose_again(self.process());
        }
    }

    /// Runs a blocking call with another mask (`ppoll`, `sigsuspend`). If a signal ends
    /// it, the old mask comes back after the signal was delivered; else at once. For the
    /// current thread.
    pub fn with_blocked<T>(&self, mask: u64, call: impl FnOnce() -> T) -> T {
        let old = self.signals.blocked();
        self.set_blocked(mask);
        let result = call();
        if self.has_pending_signal() {
            self.signals.save_mask(old);
        } else {
            self.set_blocked(old);
        }
        result
    }
}

/// Chooses a thread for each signal that waits for the process: the one that was chosen
/// has ended, or blocks it now.
pub(super) fn choose_again(process: &Process) {
    let pending = process.signals().pending.mask();
    if pending == 0 {
        return;
    }
    for thread in process.threads() {
        if pending & !thread.signals.blocked() != 0 {
            thread.signals.is_chosen.store(true, Ordering::SeqCst);
            interrupt(&thread);
        }
    }
}

/// Takes one pending signal of `wanted` for `thread`, its own before the process's.
#[must_use]
pub fn take(thread: &Thread, wanted: u64) -> Option<SigInfo> {
    let own = thread.signals.pending.take(wanted);
    let taken = own.or_else(|| thread.process().signals().pending.take(wanted));
    if let Some(SigInfo {
        detail: info::Detail::Timer(timer, overruns, _),
        ..
    }) = taken
    {
        crate::syscall::timers::note_delivered(thread.process().id(), timer, overruns);
    }
    taken
}

/// Sends a signal to a process, as the kernel does; see [`queue_for_process`].
pub fn send_to_process(process: &Process, info: SigInfo) {
    // What only a program can be refused the kernel does not send.
    let _ = queue_for_process(process, info);
}

/// Sends a signal to one thread, as the kernel does; see [`queue_for_thread`].
pub fn send_to_thread(thread: &Arc<Thread>, info: SigInfo) {
    let _ = queue_for_thread(thread, info);
}

/// Sends a signal to a process: its first thread that does not block it takes it.
///
/// # Errors
/// `EAGAIN`: a realtime signal with a value, and as many wait as may
/// ([`RLIMIT_SIGPENDING`](linux::RLIMIT_SIGPENDING)).
pub fn queue_for_process(process: &Process, info: SigInfo) -> Result<()> {
    let threads = process.threads();
    if !before_sending(process, info, &threads, None) {
        return Ok(());
    }
    process.signals().pending.add(info, queue_limit(process))?;
    process.signals().arrivals.wake_all();
    // Where all block it, the first to unblock it sees it.
    let taker = threads
        .iter()
        .find(|thread| thread.signals.blocked() & bit(info.signal) == 0);
    if let Some(thread) = taker {
        thread.signals.is_chosen.store(true, Ordering::SeqCst);
        interrupt(thread);
    }
    Ok(())
}

/// Sends a signal to one thread.
///
/// # Errors
/// As [`queue_for_process`].
pub fn queue_for_thread(thread: &Arc<Thread>, info: SigInfo) -> Result<()> {
    let process = thread.process();
    if !before_sending(process, info, &process.threads(), Some(thread)) {
        return Ok(());
    }
    thread.signals.pending.add(info, queue_limit(process))?;
    process.signals().arrivals.wake_all();
    interrupt(thread);
    Ok(())
}

/// How many signals may wait in one of a process's queues. Linux counts what is queued for all
/// processes of a user; here each queue has the limit.
fn queue_limit(process: &Process) -> usize {
    usize::try_from(process.limit(linux::RLIMIT_SIGPENDING).0).unwrap_or(usize::MAX)
}

/// What a signal does on arrival: SIGKILL ends the process, SIGCONT and stop signals
/// cancel one another, ignored ones vanish unless they are blocked. False: nothing is
/// left to do.
fn before_sending(
    process: &Process,
    info: SigInfo,
    threads: &[Arc<Thread>],
    to: Option<&Arc<Thread>>,
) -> bool {
    let signal = info.signal;
    if process.is_zombie() {
        return false;
    }
    let drop_pending = |mask| {
        process.signals().pending.remove(mask);
        for thread in threads {
            thread.signals.pending.remove(mask);
        }
    };
    if signal == linux::SIGKILL {
        super::exit::begin(process, wait::status_of_signal(signal));
        return false;
    }
    if signal == linux::SIGCONT {
        drop_pending(STOP_SIGNALS);
        wait::go_on(process);
    } else if bit(signal) & STOP_SIGNALS != 0 {
        drop_pending(bit(linux::SIGCONT));
    }
    if process.signals().is_ignored(signal) {
        // A process's signal Linux judges by its first thread; here all have to keep it, or
        // one to wait for it.
        let keeps = |thread: &Arc<Thread>| thread.signals.keeps(signal);
        let awaits =
            |thread: &Arc<Thread>| thread.signals.awaited.load(Ordering::SeqCst) & bit(signal) != 0;
        return match to {
            Some(thread) => keeps(thread),
            None if threads.iter().any(awaits) => true,
            None => !threads.is_empty() && threads.iter().all(keeps),
        };
    }
    true
}

/// Makes a thread look at its signals: wakes it if it sleeps, interrupts its core if it
/// runs in user mode.
pub(super) fn interrupt(thread: &Arc<Thread>) {
    super::wake(thread);
    crate::cpu::interrupts::nudge(thread.core());
}

/// A fault of the current thread in user mode: the signal cannot be blocked or ignored.
pub fn send_fault(thread: &Thread, info: SigInfo) {
    let process = thread.process();
    let action = process.signals().action(info.signal);
    let is_blocked = thread.signals.blocked() & bit(info.signal) != 0;
    if is_blocked || action.handler == IGNORE {
        super::exit::begin(process, wait::status_of_signal(info.signal));
        return;
    }
    // Of a standard signal one always has room.
    let _ = thread.signals.pending.add(info, 0);
}
