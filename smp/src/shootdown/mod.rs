//! TLB shootdown: once a mapping was narrowed, no core uses the old one.
//!
//! | module | what is there |
//! |---|---|
//! | [`batch`] | what is flushed: some pages, or everything |
//! | [`translations`] | one space: its generation, the batches of late, the cores that run it |
//! | [`cores`] | sets of cores |
//! | [`mailbox`] | what a core was asked, and has answered |
//!
//! Not here: what a core's TLB remembers ([`crate::pcid`]), and the instructions.
//!
//! Whoever narrows a mapping
//! 1. changes the tables,
//! 2. publishes what it changed ([`Translations::publish`]): the generation goes up,
//! 3. catches up itself, and asks all cores that run the space to ([`shoot_down`]),
//! 4. waits until all have answered, answering what it is asked meanwhile.
//!
//! Only then may it give away what was mapped: frames, and tables, which a core walks
//! also to translations that did not change. A core that does not run the space is not
//! asked: when it enters the space again it sees that the generation went up.
//!
//! A core that is asked twice before it looks answers once for both, and is interrupted
//! once. It is not told what to flush, but finds that in the space it runs, by the
//! generation that it knows and the space's own; having fallen far behind it flushes
//! everything. So requests have no queue that could be full.
//!
//! The models ([`models`], for loom) are exhaustive for a few cores. `tests/tlb_oracle.rs`
//! plays long random games of many cores and spaces against a TLB in software, which no
//! emulator has: QEMU's has no tags, and Bochs flushes it all at every load of CR3.

mod batch;
mod cores;
mod mailbox;
mod translations;

#[cfg(all(test, loom))]
mod models;

pub use batch::{Batch, MOST_PAGES, PageRange};
pub use cores::{CoreSet, Cores};
pub use mailbox::Mailbox;
pub use translations::{Missed, Pen, Translations};

use crate::MAX_CORES;

/// The cores, as a shootdown sees them. Cores have numbers below [`MAX_CORES`].
pub trait Hardware {
    /// A core's mailbox; None where there is no such core.
    fn mailbox(&self, core: usize) -> Option<&Mailbox>;
    /// Interrupts a core: it looks into its mailbox as soon as its interrupts are on.
    /// What was written before is seen then.
    fn interrupt(&self, core: usize);
    /// Called over and over while this core waits: it looks into its own mailbox, since
    /// whom it waits for may be waiting for it.
    fn relax(&self);
}

/// What a shootdown took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Cores that were asked.
    pub asked: u64,
    /// Of those, cores that had a request before them already, and were not interrupted.
    pub merged: u64,
}

/// Asks all of `cores` but `here`, which runs this, to catch up, and returns when they
/// have. The caller has published what it changed, and read `cores` after that; its own
/// core has caught up.
pub fn shoot_down(hardware: &impl Hardware, cores: &Cores, here: usize) -> Sent {
    let mut sent = Sent::default();
    let cores = cores.without(here);
    if cores.is_empty() {
        return sent;
    }
    let mut tickets = [0; MAX_CORES];
    let others = || {
        cores
            .iter()
            .filter_map(|core| Some((core, hardware.mailbox(core)?)))
    };
    for (core, mailbox) in others() {
        let (ticket, is_merged) = mailbox.ask();
        tickets[core] = ticket;
        sent.asked += 1;
        if is_merged {
            sent.merged += 1;
        } else {
            hardware.interrupt(core);
        }
    }
    for (core, mailbox) in others() {
        while !mailbox.has_answered(tickets[core]) {
            hardware.relax();
        }
    }
    sent
}
