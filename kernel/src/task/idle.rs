//! What a core does with nothing to run: it polls for a while, then halts.
//!
//! To halt and be woken costs more than a switch; whoever is about to be woken again is
//! better off awake. Where several cores of the machine share a real one, polling takes
//! from those that work: the word `idle_poll=MICROSECONDS` says how long, 0 not at all.

use core::sync::atomic::{AtomicU64, Ordering};

use super::check;
use super::scheduler::{self, Machine, system};
use crate::cpu;
use crate::memory::loaded;
use crate::sync::InterruptsOff;
use crate::time::Instant;

/// How long a core polls before it halts, in nanoseconds.
static POLL: AtomicU64 = AtomicU64::new(50_000);

/// Sets how long a core polls before it halts, in microseconds.
pub fn set_poll(microseconds: u64) {
    POLL.store(microseconds.saturating_mul(1000), Ordering::Relaxed);
}

/// What a core does for ever once it is set up. Interrupts are on.
pub fn run() -> ! {
    check::watch_this_core();
    loop {
        scheduler::run_others();
        wait_for_work();
    }
}

fn wait_for_work() {
    let core = {
        let off = InterruptsOff::new();
        // An idle thread stays on its core, whether interrupts are on or not.
        cpu::this(&off)
    };
    let began = Instant::now();
    check::idles_or_not(core.id);
    core.scheduler.begin_idling(began);
    system().idle.announce(core.id);
    if poll(core, began) {
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
        }
    }
    system().end_idle(core.id);
    core.scheduler.end_idling();
    check::idles_or_not(core.id);
}

/// Waits a little, with interrupts on, for a task in the inbox or the queues, or for being
/// claimed by somebody who has one.
fn poll(core: &cpu::Core, began: Instant) -> bool {
    let time = POLL.load(Ordering::Relaxed);
    if time == 0 {
        return false;
    }
    let end = began.as_nanos().saturating_add(time);
    loop {
        if core.scheduler.shared().load() > 0 || !system().idle.is_announced(core.id) {
            return true;
        }
        if Instant::now().as_nanos() >= end {
            return false;
        }
        core::hint::spin_loop();
    }
}
