//! What a core's TLB remembers: address spaces by PCID (SDM vol. 3A, 4.10.1).
//!
//! | module | what is there |
//! |---|---|
//! | [`slots`] | the table of slots: which PCID stands for which space, as of which generation |
//! | [`view`] | one core's view: entering a space, leaving it, catching up with it |
//!
//! Not here: telling other cores ([`crate::shootdown`]), and the instructions.
//!
//! A core has a slot for each PCID: the space whose translations the TLB may hold under
//! that tag, and the generation that they are as new as. PCID 0 is the kernel's own
//! table and no slot. A space is entered by its slot: as new as the space, the TLB is
//! kept; older, or another space's until now, it is flushed by the very load of CR3.
//!
//! "Not running here" is not "not cached here": a space that is changed while this core
//! runs another one, or one that has died, leaves its translations in the TLB. They are
//! never used: only a load of CR3 with their PCID could, and that one flushes. So no core
//! is told when a space dies, its tables may be reused at once when nobody runs it, and
//! ids of spaces are never reused.
//!
//! # How many slots, and which one goes
//!
//! All 4,095 there are, and the least recently used one, by the measurement of
//! `tests/pcid_model.rs` (run it with `--nocapture` for the whole table). It lets spaces
//! take turns on a TLB of 1,536 tagged entries, each touching 16 pages a turn. "Kept" is
//! the share of switches that need no flush, "found" that of the touched pages which were
//! in the TLB still:
//!
//! | spaces, picks | slots | least recent: kept, found | at random: kept, found |
//! |---|---|---|---|
//! | 1,000, in turn | 64 | 0 %, 0 % | 0 %, 0 % |
//! | 1,000, in turn | 1,024 | 100 %, 0 % | 100 %, 0 % |
//! | 1,000, skewed | 64 | 47 %, 47 % | 40 %, 39 % |
//! | 1,000, skewed | 1,024 | 100 %, 53 % | 100 %, 53 % |
//! | 10,000, in turn | 4,095 | 0 %, 0 % | 12 %, 0 % |
//! | 10,000, skewed | 64 | 30 %, 30 % | 26 %, 25 % |
//! | 10,000, skewed | 1,024 | 66 %, 35 % | 62 %, 35 % |
//! | 10,000, skewed | 4,095 | 86 %, 35 % | 82 %, 35 % |
//!
//! So slots beyond the TLB's reach (96 spaces here) buy few more pages, and no more at all
//! beyond some hundreds; but each costs 24 bytes and no time, and with as many slots as
//! spaces no switch flushes whatever size a CPU's TLB has. Giving up one at random keeps
//! slots alive where spaces strictly take turns, when nothing of them is left in the TLB
//! (which forgets the least recent, too); elsewhere it is worse.
mod slots;
mod view;

pub use slots::{Cause, Load, MOST, Slot, Slots};
pub use view::CoreSpaces;
