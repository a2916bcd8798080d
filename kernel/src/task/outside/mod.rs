//! A process as the scheduling policy: the kernel's side of `sched::outside`.
//!
//! | module | what is there |
//! |---|---|
//! | [`memory`] | the pages that policy and kernel share |
//! | [`record`] | what is known of the policy in force and of how the last one ended |
//! | [`threads`] | which thread has which slot; its beginning and end are told |
//!
//! Here: who the policy is, its waiting, and its end. The pick path only reads: a pointer,
//! and through it words of shared memory; it takes no lock and waits for nobody. What it
//! finds (a fault, or that the policy is to be woken) it leaves as a note, and a moment later
//! [`settle`] or [`look`] acts on it.
//!
//! Who looks through the pointer has interrupts off and does not spin meanwhile, so that
//! it answers no other core. So whoever has taken the pointer away and then has had an
//! answer from every core may free what it pointed to: see [`Seat::leave`].

pub mod memory;
pub mod record;
pub mod threads;

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::Arc;

use sched::outside::watch::{Budget, PATIENCE, SILENCE, Watch};
use sched::outside::{Attached, Fault, Source};
use smp::shootdown::Cores;

use self::memory::Pages;
use self::record::Why;
use super::{Thread, process};
use crate::cpu;
use crate::cpu::looks::{Due, Looks};
use crate::errno::{Errno, Result};
use crate::memory::tlb;
use crate::sync::{InterruptsOff, IrqLock, SleepMutex, WaitError, WaitQueue};
use crate::time::Instant;

crate::counters! {
    /// Policies that were thrown out: the built-in one took over.
    static TAKEOVERS = "policy_takeovers";
    /// Times that a policy was given something to read, or its time.
    static BATCHES = "policy_batches";
    /// Times that a policy had more time, since its core had not run.
    static STALLS = "policy_stalls";
}

/// One policy, from its coming until its last descriptor is gone.
pub struct Seat {
    attached: Attached<Pages>,
    watch: Watch,
    /// The process that waits for events: its policy; 0: none yet.
    owner: AtomicU32,
    /// The core that it ran on when it was last given something.
    core: AtomicUsize,
    budget: IrqLock<Run>,
}

/// Of the policy's own thread.
#[derive(Default)]
struct Run {
    budget: Budget,
    /// When its run began; None: it waits, or has not begun.
    began: Option<u64>,
}

/// The policy; null: there is none.
static SEAT: AtomicPtr<Seat> = AtomicPtr::new(ptr::null_mut());
/// Held by whoever becomes the policy.
static COMING: SleepMutex<()> = SleepMutex::new(());
/// Policies there have been.
static NUMBER: AtomicU32 = AtomicU32::new(0);
/// The thread that waits for events. A leaf lock, held for a copy.
static WAITER: IrqLock<Option<Arc<Thread>>> = IrqLock::new(None);
/// Told when a policy has ended.
static ENDED: WaitQueue = WaitQueue::new();
/// Something was found that [`settle`] is to see to.
static NEWS: AtomicBool = AtomicBool::new(false);

/// When each core looks at the policy.
static LOOKS: Looks = Looks::new();

/// Looks at the policy, if there is one. What `look` does must neither spin nor take a lock.
fn with_seat<R>(look: impl FnOnce(&Seat) -> R) -> Option<R> {
    if SEAT.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let off = InterruptsOff::new();
    // SAFETY: it was there when interrupts were off already, and is freed only after this
    // core has answered, which it does not before they are on.
    let result = unsafe { SEAT.load(Ordering::Acquire).as_ref() }.map(look);
    drop(off);
    result
}

/// Where the scheduler finds the policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seats;

impl Source for Seats {
    type Memory = Pages;

    fn with<R>(&self, look: impl FnOnce(&Attached<Pages>) -> R) -> Option<R> {
        with_seat(|seat| look(&seat.attached))
    }

    fn note_news(&self) {
        NEWS.store(true, Ordering::Release);
    }
}

/// Makes the current process's the policy that decides, once it waits. `wanted` has the bits
/// of the kinds of events that it is told.
///
/// # Errors
/// `EBUSY` (there is one), `ENOMEM`.
pub fn attach(wanted: u32, is_ranked: bool) -> Result<Arc<Seat>> {
    let pages = Pages::new()?;
    let _coming = COMING.lock();
    let before = SEAT.load(Ordering::Acquire);
    if with_seat(|seat| !seat.attached.has_ended()) == Some(true) {
        return Err(Errno::EBUSY);
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
    let seat = Arc::new(Seat {
        attached: Attached::new(number, pages, wanted, is_ranked, cpu::count()),
        watch: Watch::new(),
        owner: AtomicU32::new(0),
        core: AtomicUsize::new(0),
        budget: IrqLock::new(Run::default()),
    });
    threads::renew(number);
    // One that has ended may leave at this moment, and is gone then.
    let pointer = Arc::as_ptr(&seat).cast_mut();
    let take = |from| {
        SEAT.compare_exchange(from, pointer, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    };
    if !take(before) && !take(ptr::null_mut()) {
        return Err(Errno::EBUSY);
    }
    for process in process::all() {
        for thread in process.threads() {
            threads::began(&thread);
        }
    }
    Ok(seat)
}

/// The process whose thread waits, or has waited, for the policy's events; 0: none.
fn owner() -> u32 {
    with_seat(|seat| {
        if seat.attached.has_ended() {
            0
        } else {
            seat.owner.load(Ordering::Relaxed)
        }
    })
    .unwrap_or(0)
}

/// When this core looks at the policy next.
pub fn next_look(core: usize) -> Option<Instant> {
    LOOKS.next(core)
}

/// What a look has come to.
enum Found {
    /// It is well, or has ended; the moment of the next look, if there is to be one.
    Next(Option<u64>),
    /// It is late, which the core that it ran on last is to say.
    Ask(usize),
    /// It has just ended.
    End(Why),
}

/// The timer's interrupt, or another core's: is the policy late, or at fault?
pub fn look(core: usize) {
    let Some(due) = LOOKS.take_due(core) else {
        return;
    };
    let found = with_seat(|seat| (seat.found_by(core, due), seat.facts()));
    match found {
        None | Some((Found::Next(None), _)) => {}
        Some((Found::Next(Some(deadline)), _)) => LOOKS.look_at(deadline),
        Some((Found::Ask(judge), _)) => {
            LOOKS.ask(judge, due.now);
            // Whether it has.
            LOOKS.look_at(due.now + PATIENCE);
        }
        Some((Found::End(why), facts)) => note_end(facts, why, due.now),
    }
}

/// Sees to what the scheduler's hooks left as a note. Called where the scheduler's own data
/// are free, by a core that may hold others' locks: nothing is told here but a thread.
pub fn settle() {
    if NEWS.load(Ordering::Relaxed) {
        settle_news();
    }
}

#[cold]
fn settle_news() {
    if !NEWS.swap(false, Ordering::AcqRel) {
        return;
    }
    let now = Instant::now().as_nanos();
    let deadline = with_seat(|seat| match seat.attached.fault() {
        // Its end is told to others, which is not for this place.
        Some(_) if !seat.attached.has_ended() => Some(now),
        Some(_) => None,
        None => Some(seat.watch.tell(now)),
    });
    if let Some(deadline) = deadline.flatten() {
        LOOKS.look_at(deadline);
    }
    let waiter = WAITER.lock().clone();
    if let Some(waiter) = waiter {
        super::wake(&waiter);
    }
}

/// What is known of a policy that ends.
#[derive(Clone, Copy)]
struct Facts {
    number: u32,
    owner: u32,
}

/// A policy has just ended, by the caller's call.
fn note_end(facts: Facts, why: Why, now: u64) {
    ENDED.wake_all();
    if facts.owner == 0 {
        // It never decided anything.
        return;
    }
    if why.is_takeover() {
        TAKEOVERS.add(1);
    }
    record::end(facts.number, facts.owner, &why, now);
    let waiter = WAITER.lock().take();
    drop(waiter);
}

/// A process ends: if it was the policy, the built-in one takes over.
pub fn process_ended(id: u32) {
    let found = with_seat(|seat| {
        let is_owner = seat.owner.load(Ordering::Relaxed) == id;
        (is_owner && seat.attached.end()).then(|| seat.facts())
    });
    if let Some(facts) = found.flatten() {
        note_end(facts, Why::Died, Instant::now().as_nanos());
    }
}

impl Seat {
    /// A core looks. It neither spins nor takes a lock.
    fn found_by(&self, core: usize, due: Due) -> Found {
        let why = match (self.attached.fault(), self.watch.late_by(due.now)) {
            (Some(fault), _) => Why::Fault(fault),
            (None, None) => return Found::Next(self.watch.deadline()),
            (None, Some(by)) if by < SILENCE => {
                // A core that does not run cannot say so: the policy may wait for it.
                let judge = self.core.load(Ordering::Relaxed);
                if judge != core {
                    return Found::Ask(judge);
                }
                if self.watch.forgives(due.planned, due.now) {
                    STALLS.add(1);
                    return Found::Next(self.watch.deadline());
                }
                Why::Late
            }
            (None, Some(_)) => Why::Late,
        };
        if self.attached.end() {
            Found::End(why)
        } else {
            Found::Next(None)
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            number: self.attached.number(),
            owner: self.owner.load(Ordering::Relaxed),
        }
    }

    /// The memory that is shared.
    #[must_use]
    pub fn pages(&self) -> &Pages {
        self.attached.memory()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.attached.has_ended()
    }

    /// Whether there are events.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.attached.ring.waiting(self.pages()) > 0
    }

    /// Told when it has ended.
    #[must_use]
    pub fn ended(&self) -> &'static WaitQueue {
        &ENDED
    }

    /// Ends it, if it has not.
    pub fn end(&self, why: Why) {
        if self.attached.end() {
            note_end(self.facts(), why, Instant::now().as_nanos());
        }
    }

    /// Its last descriptor is gone: nobody looks at it any more when this returns.
    pub fn leave(&self) {
        self.end(Why::GivenBack);
        let me = ptr::from_ref(self).cast_mut();
        // Another one may have come when this one had ended; its own cores may look at
        // this one still.
        let _ = SEAT.compare_exchange(me, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
        tlb::barrier(&Cores::below(cpu::count()));
    }

    /// The current thread has decided; waits until `pause` has passed and there are events,
    /// or `timeout` is over: how many events there are. Times are nanoseconds.
    ///
    /// # Errors
    /// `EPERM` (another process is the policy), `ENODEV`, `EINTR`.
    pub fn wait(&self, kicks: u64, pause: u64, timeout: Option<u64>) -> Result<u64> {
        let thread = super::current();
        let id = thread.process().id();
        match self
            .owner
            .compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => threads::leave_alone(thread.process()),
            Err(owner) if owner == id => {}
            Err(_) => return Err(Errno::EPERM),
        }
        *WAITER.lock() = Some(thread.to_arc());
        let now = Instant::now().as_nanos();
        if self.attached.begin() {
            record::begin(self.attached.number(), id, now);
        }
        // Before it may be woken, so that it is queued ahead of the others.
        thread.serve_until(u64::MAX);
        let result = self.rest(kicks, now, pause, timeout);
        self.core
            .store(cpu::this(&InterruptsOff::new()).id, Ordering::Relaxed);
        let now = Instant::now().as_nanos();
        let deadline = self.watch.tell(now);
        self.budget.lock().began = Some(now);
        BATCHES.add(1);
        match result {
            Err(error) => {
                thread.stop_serving();
                // A signal's handler is on the clock, too.
                if error == Errno::EINTR {
                    LOOKS.look_at(deadline);
                }
                Err(error)
            }
            Ok(events) => {
                thread.serve_until(deadline);
                LOOKS.look_at(deadline);
                Ok(events)
            }
        }
    }

    /// From the end of one run to the beginning of the next.
    fn rest(&self, kicks: u64, now: u64, pause: u64, timeout: Option<u64>) -> Result<u64> {
        let rested = {
            let mut run = self.budget.lock();
            let began = run.began.take().unwrap_or(now);
            run.budget.spend(began, now)
        };
        let earliest = rested.max(now.saturating_add(pause));
        let until = timeout.map(|timeout| now.saturating_add(timeout).max(earliest));
        // Each time that it looks: who tells it of something that it has read already wakes
        // it afterwards. What comes during the pause is asked of it only then.
        let has_ended = || {
            self.watch.rest(until);
            self.has_ended().then_some(Err(Errno::ENODEV))
        };
        super::scheduler::choose_anew(kicks);
        if earliest > now {
            let pause = Some(Instant::from_nanos(earliest));
            match ENDED.wait_until(pause, has_ended) {
                Ok(answer) => return answer,
                Err(WaitError::Interrupted) => return Err(Errno::EINTR),
                Err(WaitError::TimedOut) => {}
            }
        }
        let ring = &self.attached.ring;
        let moment = until.map(Instant::from_nanos);
        let result = ENDED.wait_until(moment, || {
            // Before it listens: who tells it afterwards is not forgotten.
            has_ended().or_else(|| {
                let waiting = ring.listen(self.pages());
                (waiting > 0).then_some(Ok(waiting))
            })
        });
        ring.stop_listening();
        match result {
            Ok(answer) => answer,
            Err(WaitError::TimedOut) => Ok(ring.waiting(self.pages())),
            Err(WaitError::Interrupted) => Err(Errno::EINTR),
        }
    }
}

/// The policy's numbers, for its status: events told and lost, threads misplaced.
fn numbers() -> Option<[u64; 3]> {
    with_seat(|seat| {
        let attached = &seat.attached;
        [
            attached.ring.told(),
            attached.ring.lost(),
            attached.misplaced(),
        ]
    })
}

/// What a fault is called.
fn fault_text(fault: Fault) -> &'static str {
    fault.text()
}
