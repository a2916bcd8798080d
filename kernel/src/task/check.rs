//! `check=sched`: what the scheduler must never do, seen from outside of its own state.
//!
//! Three promises; a kernel that breaks one panics:
//!
//! - a thread is on one core's stack at most ([`begins`], [`ends`]);
//! - no core sleeps on while somebody counts on it ([`interrupted`]): it was claimed, or
//!   work was posted to it, and nobody asked for an interrupt;
//! - no core idles for more than a tick while a busy one has work to be stolen ([`look`]).
//!
//! An emulator may stop any core anywhere, for as long as it likes. So nothing here judges
//! by the clock: each rule names steps that must have been taken, and whoever may be in
//! the middle of one is waited for or excused. The timer of [`watch_this_core`] only sees
//! to it that every core comes by.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use core::time::Duration;
use std::sync::Arc;

use sched::mask::CoreMask;
use spin::Once;

use super::Thread;
use super::scheduler::system;
use crate::cpu::{self, Core, interrupts};
use crate::memory::tlb;
use crate::sync::{InterruptsOff, IrqLock};
use crate::time::{Expire, Instant, Timer};

/// How often a core that does nothing else comes by.
const PERIOD: Duration = Duration::from_millis(100);

static IS_ON: AtomicBool = AtomicBool::new(false);

/// Turns the check on: before there are threads.
pub fn turn_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// What is known of a core besides its scheduler's state.
struct CoreCheck {
    /// Interrupts that others asked for, so that it looks for work.
    requests: AtomicU64,
    /// As many there were before it said that it halts.
    requests_before: AtomicU64,
    /// It halts, and has taken no interrupt since.
    is_asleep: AtomicBool,
    /// How often it began to idle and ended: odd while it idles.
    idlings: AtomicU64,
    /// What it saw when it last had work for others. Its own.
    window: IrqLock<Option<Window>>,
}

static CORES: [CoreCheck; cpu::MAX_CORES] = [const {
    CoreCheck {
        requests: AtomicU64::new(0),
        requests_before: AtomicU64::new(0),
        is_asleep: AtomicBool::new(false),
        idlings: AtomicU64::new(0),
        window: IrqLock::new(None),
    }
}; cpu::MAX_CORES];

// -- One core for one thread.

/// The core that a thread runs on, by its number plus one; 0: none.
#[derive(Default)]
pub struct RunsOn(AtomicU32);

/// `thread` begins to run on core `core`: before anything of it is touched.
pub(super) fn begins(thread: &Thread, core: usize) {
    if is_on() {
        let before = thread.runs_on.0.swap(core as u32 + 1, Ordering::SeqCst);
        assert!(
            before == 0,
            "check=sched: core {core} begins to run thread {}, which core {} has not left",
            thread.id(),
            before - 1
        );
    }
}

/// Core `core` has left the stack of `thread`, which nobody can find yet.
pub(super) fn ends(thread: &Thread, core: usize) {
    if is_on() {
        let before = thread.runs_on.0.swap(0, Ordering::SeqCst);
        assert!(
            before == core as u32 + 1,
            "check=sched: core {core} leaves thread {}, which is noted for core {}, plus one",
            thread.id(),
            before
        );
    }
}

// -- No wake-up is lost.

/// Somebody asks for an interrupt of core `core`.
pub(super) fn requested(core: usize) {
    if is_on() {
        CORES[core].requests.fetch_add(1, Ordering::SeqCst);
    }
}

/// Core `core` begins to idle (it has not announced that), or has ended to (and has
/// withdrawn).
pub(super) fn idles_or_not(core: usize) {
    if is_on() {
        CORES[core].idlings.fetch_add(1, Ordering::SeqCst);
    }
}

/// Core `core` is about to say that it halts.
pub(super) fn will_halt(core: usize) {
    if is_on() {
        let check = &CORES[core];
        let requests = check.requests.load(Ordering::SeqCst);
        check.requests_before.store(requests, Ordering::SeqCst);
    }
}

/// Core `core` has found nothing, and halts next, with interrupts off until it does.
pub(super) fn halts(core: usize) {
    if is_on() {
        CORES[core].is_asleep.store(true, Ordering::SeqCst);
    }
}

/// Core `core` has taken an interrupt, whatever it was. If it slept, it had to be left in
/// peace, or asked for.
pub fn interrupted(core: &Core, off: &InterruptsOff) {
    if !is_on() || !CORES[core.id].is_asleep.swap(false, Ordering::SeqCst) {
        return;
    }
    // Whoever posts or claims asks soon after; a thief is late to count what it stole.
    // Once every core has come by, the thieves of before have counted; once more, and
    // whoever had posted by then has asked.
    let suspect = || Some(counts_on(core)?).filter(|_| was_not_asked(core.id));
    if suspect().is_none() {
        return;
    }
    // Two cores that wait for each other here, with interrupts off, would do so for ever.
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.swap(true, Ordering::SeqCst) {
        return;
    }
    wait_for_others(core, off);
    if let Some(what) = suspect() {
        wait_for_others(core, off);
        assert!(
            !was_not_asked(core.id),
            "check=sched: core {} slept, {what}, and nobody interrupted it",
            core.id
        );
    }
    IS_TAKEN.store(false, Ordering::SeqCst);
}

/// What somebody expects of a core that has slept; None: nothing.
fn counts_on(core: &Core) -> Option<&'static str> {
    if core.scheduler.shared().load() > 0 {
        Some("tasks were posted to it")
    } else if !system().idle.is_announced(core.id) {
        Some("it was claimed")
    } else {
        None
    }
}

fn was_not_asked(core: usize) -> bool {
    let check = &CORES[core];
    check.requests.load(Ordering::SeqCst) == check.requests_before.load(Ordering::SeqCst)
}

/// Returns when every other core has taken an interrupt, or sleeps: the scheduler works
/// with interrupts off, so it has finished what it was at.
fn wait_for_others(core: &Core, _off: &InterruptsOff) {
    for other in cpu::all().filter(|other| other.id != core.id) {
        let taken = || other.interrupts.all.get();
        let before = taken();
        let is_asleep = || CORES[other.id].is_asleep.load(Ordering::SeqCst);
        if !is_asleep() {
            interrupts::send(other, interrupts::WAKE);
        }
        while taken() == before && !is_asleep() {
            // It may be waiting for this core.
            tlb::serve();
            core::hint::spin_loop();
        }
    }
}

// -- No core idles beside work.

/// What a busy core saw at a tick when it had work for others.
struct Window {
    /// Its switches.
    switches: u64,
    /// Searches of all cores.
    searches: u64,
    /// [`CoreCheck::idlings`] of all cores.
    idlings: u64,
    /// Who idled, and was not claimed.
    announced: CoreMask,
}

impl Window {
    /// None while somebody searches, or idles and is claimed already: both find work soon.
    fn open(switches: u64) -> Option<Self> {
        // First what is counted: what is missed by a look at the states is counted later.
        let (searches, idlings) = (searches(), idlings());
        fence(Ordering::SeqCst);
        if system().idle.is_searched() {
            return None;
        }
        let mut announced = CoreMask::NONE;
        for (core, check) in CORES.iter().enumerate().take(cpu::count()) {
            if system().idle.is_announced(core) {
                announced.insert(core);
            } else if check.idlings.load(Ordering::SeqCst) % 2 == 1 {
                return None;
            }
        }
        (announced != CoreMask::NONE).then_some(Self {
            switches,
            searches,
            idlings,
            announced,
        })
    }

    /// Whether since then nobody searched, began to idle, ended to, or was claimed.
    fn is_as_it_was(&self) -> bool {
        let is_searched = system().idle.is_searched();
        let are_announced = self
            .announced
            .iter()
            .all(|core| system().idle.is_announced(core));
        fence(Ordering::SeqCst);
        are_announced && !is_searched && searches() == self.searches && idlings() == self.idlings
    }
}

fn searches() -> u64 {
    cpu::all()
        .map(|core| core.scheduler.shared().counts.steals_tried.get())
        .sum()
}

fn idlings() -> u64 {
    CORES[..cpu::count()]
        .iter()
        .map(|check| check.idlings.load(Ordering::SeqCst))
        .sum()
}

/// A tick of this core. Has it had work for others at the last one too, has it picked a
/// thread since, and has not one idle core stirred in between? It should have called one
/// when it picked, or when it queued whom it left.
pub fn look(core: &Core) {
    if !is_on() {
        return;
    }
    let shared = core.scheduler.shared();
    let mut window = CORES[core.id].window.lock();
    if !shared.has_stealable() {
        *window = None;
        return;
    }
    let switches = shared.counts.switches.get();
    if let Some(before) = window.as_ref() {
        if before.switches == switches {
            return;
        }
        assert!(
            !before.is_as_it_was(),
            "check=sched: core {} has work for others, and cores {:?} idle on: nobody called them",
            core.id,
            before.announced.iter().collect::<Vec<_>>()
        );
    }
    *window = Window::open(switches);
}

/// A timer that does nothing but come again.
struct Watch(Once<Timer>);

impl Expire for Watch {
    fn expire(&self) {
        if let Some(timer) = self.0.get() {
            timer.arm(Instant::now() + PERIOD);
        }
    }
}

/// Has this core interrupted now and then, for ever.
pub(super) fn watch_this_core() {
    if is_on() {
        let watch = Arc::new(Watch(Once::new()));
        watch
            .0
            .call_once(|| Timer::new(watch.clone()))
            .arm(Instant::now() + PERIOD);
    }
}
