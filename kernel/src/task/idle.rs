//! What a core does with nothing to run: it polls for a while, then halts.
//!
//! To halt and be woken costs more than a switch; whoever is about to be woken again is
//! better off awake. How long a core polls follows from how long it has waited lately
//! ([`HaltPoll`]); the word `idle_poll=MICROSECONDS` says how long at most, 0 not at all.

use core::sync::atomic::{AtomicU64, Ordering};

use sched::halt_poll::HaltPoll;

use super::check;
use super::scheduler::{self, Machine, system};
use crate::cpu;
use crate::memory::loaded;
use crate::sync::InterruptsOff;
use crate::time::Instant;

/// How long a core polls at most before it halts, in nanoseconds: who waits for a Python process
/// to start and end waits for less than that.
static MOST_POLL: AtomicU64 = AtomicU64::new(1_000_000);

/// Sets how long a core polls at most before it halts, in microseconds.
pub fn set_poll(microseconds: u64) {
    MOST_POLL.store(microseconds.saturating_mul(1000), Ordering::Relaxed);
}

/// What a core does for ever once it is set up. Interrupts are on.
pub fn run() -> ! {
    check::watch_this_core();
    let mut poll = HaltPoll::new();
    loop {
        scheduler::run_others();
        wait_for_work(&mut poll);
    }
}

fn wait_for_work(halt_poll: &mut HaltPoll) {
    let core = {
        let off = InterruptsOff::new();
        // An idle thread stays on its core, whether interrupts are on or not.
        cpu::this(&off)
    };
    let began = Instant::now();
    check::idles_or_not(core.id);
    core.scheduler.begin_idling(began);
    system().idle.announce(core.id);
    let most = MOST_POLL.load(Ordering::Relaxed);
    if poll(core, began, halt_poll.span(most)) {
        core.scheduler.shared().counts.polls_hit.add(1);
    } else {
        loaded::leave();
        let off = InterruptsOff::new();
        check::will_halt(core.id);
        if system().begin_halt(core.scheduler.local(&off), &Machine) {
            check::halts(core.id);
            // Interrupts come on with the halt, so that none is missed in between.
            x86_64::instructions::interrupts::enable_and_hlt();
            x86_64::instructions::interrupts::disable();
            // Other interrupts end a halt as well.
            if has_work(core) {
                let waited = Instant::now().since(began);
                halt_poll.was_woken(waited.as_nanos() as u64, most);
            }
        }
    }
    system().end_idle(core.id);
    core.scheduler.end_idling();
    check::idles_or_not(core.id);
}

/// Waits for work, with interrupts on, for so many nanoseconds; whether there is any.
fn poll(core: &cpu::Core, began: Instant, nanoseconds: u64) -> bool {
    if nanoseconds == 0 {
        return false;
    }
    let end = began.as_nanos().saturating_add(nanoseconds);
    while !has_work(core) {
        if Instant::now().as_nanos() >= end {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

/// Whether there is a task in the inbox or the queues, or somebody who has one claimed the core.
fn has_work(core: &cpu::Core) -> bool {
    core.scheduler.shared().load() > 0 || !system().idle.is_announced(core.id)
}
