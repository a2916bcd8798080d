//! Which thread has which slot of the policy's table; its beginning and end are told.
//!
//! The slots' lock is a leaf, taken when a thread begins or ends, never on the pick path.

use core::sync::atomic::Ordering;

use roentgen_abi::policy::{Event, Kind};
use sched::outside::Source;
use sched::outside::slots::{Slots, Ticket};

use super::super::Process;
use super::{SEAT, Seats, Thread, owner, settle, with_seat};
use crate::sync::IrqLock;
use crate::time::Instant;

crate::counters! {
    /// Threads that found no slot in a policy's table, and are scheduled without it.
    static UNSLOTTED = "policy_unslotted";
}

static SLOTS: IrqLock<Option<Slots>> = IrqLock::new(None);

/// Another policy comes: all slots are free.
pub(super) fn renew(policy: u32) {
    let fresh = Some(Slots::new(policy));
    let old = core::mem::replace(&mut *SLOTS.lock(), fresh);
    drop(old);
}

/// A thread is there: it gets a slot, once.
pub fn began(thread: &Thread) {
    if SEAT.load(Ordering::Relaxed).is_null() {
        return;
    }
    let process = thread.process().id();
    if process == owner() || thread.is_idle_thread() {
        return;
    }
    let ticket = {
        let mut slots = SLOTS.lock();
        let Some(slots) = slots.as_mut() else { return };
        if slots.has(thread.entity.ticket()) || thread.entity.state.is_dead() {
            return;
        }
        let ticket = slots.take();
        if let Some(ticket) = ticket {
            with_seat(|seat| seat.attached.clear(ticket));
            thread.entity.set_ticket(ticket);
        }
        ticket
    };
    match ticket {
        Some(ticket) => tell(Kind::Began, thread, ticket),
        None => UNSLOTTED.add(1),
    }
}

/// A thread has ended, or is not to be decided about any more.
pub fn ended(thread: &Thread) {
    let ticket = thread.entity.ticket();
    if ticket == Ticket::default() {
        return;
    }
    let was_given = {
        let mut slots = SLOTS.lock();
        // Once: of a thread that ends while its process becomes the policy.
        let is_same = thread.entity.ticket() == ticket;
        thread.entity.set_ticket(Ticket::default());
        is_same && slots.as_mut().is_some_and(|slots| slots.give_back(ticket))
    };
    if was_given {
        tell(Kind::Ended, thread, ticket);
    }
}

/// The process is the policy: it does not decide about itself.
pub(super) fn leave_alone(process: &Process) {
    for thread in process.threads() {
        ended(&thread);
    }
}

fn tell(kind: Kind, thread: &Thread, ticket: Ticket) {
    let now = Instant::now().as_nanos();
    let event = Event {
        core: thread.core() as u16,
        nice: thread.niceness() as i8,
        thread: thread.id(),
        process: thread.process().id(),
        time: now,
        run_time: thread.entity.run_time_at(now),
        ..Event::default()
    };
    if with_seat(|seat| seat.attached.tell(kind, ticket, event)) == Some(true) {
        Seats.note_news();
        settle();
    }
}
