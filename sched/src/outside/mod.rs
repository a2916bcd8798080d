//! A policy from outside: a process's decisions, read from memory that it shares.
//!
//! | module | what is there |
//! |---|---|
//! | [`decision`] | what is a sound decision |
//! | [`ring`] | events on their way to the policy |
//! | [`slots`] | which thread has which slot of the table |
//! | [`watch`] | whether the policy answers in time, and for how long it may run |
//!
//! Here: [`Attached`], one policy while it is there, and [`Governed`], the built-in policy
//! with its decisions before its own. Where the memory lies, who may write it, and what is
//! done with a policy that is at fault is the kernel's (`task::outside`).
//!
//! Everything in the memory is hostile: it is read a word at a time, checked at each use,
//! and what is no sound decision is noted as a [`Fault`] and not followed.

pub mod decision;
pub mod ring;
pub mod slots;
pub mod watch;

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use roentgen_abi::policy::{Event, Kind, SLOT_WORDS, SLOTS, TABLE};

use crate::entity::Entity;
use crate::fair;
use crate::policy::{Cause, Fair, Policy, Stop, View};
use crate::sync;
use decision::Decision;
use ring::Ring;
use slots::Ticket;

/// Memory that a policy shares: words by index (`roentgen_abi::policy` says what is where).
pub trait Memory: Sync {
    /// A word; the index is below `roentgen_abi::policy::WORDS`.
    fn word(&self, index: usize) -> &sync::atomic::AtomicU64;
}

/// What a policy did that it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// A weight beyond the greatest.
    Weight = 1,
    /// A slice beyond the longest.
    Slice = 2,
    /// A core that is not there.
    Place = 3,
    /// Bits that mean nothing.
    Unused = 4,
    /// It says that it read events that there were not.
    Consumed = 5,
}

impl Fault {
    const ALL: [Self; 5] = [
        Self::Weight,
        Self::Slice,
        Self::Place,
        Self::Unused,
        Self::Consumed,
    ];

    /// In words, for the log.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Weight => "it published a weight that is none",
            Self::Slice => "it published a slice that is none",
            Self::Place => "it published a core that is not there",
            Self::Unused => "it published a decision that is none",
            Self::Consumed => "it says it read events that there were not",
        }
    }
}

/// Attached, and its decisions do not count yet.
const STARTING: u8 = 0;
const IN_FORCE: u8 = 1;
const ENDED: u8 = 2;

/// A policy while it is there.
pub struct Attached<M> {
    /// No other policy has had it; tickets carry it.
    number: u32,
    memory: M,
    /// Events on their way to it.
    pub ring: Ring,
    /// Kinds that it is told, by their bits.
    wanted: u32,
    is_ranked: bool,
    cores: usize,
    state: AtomicU8,
    /// The first [`Fault`]; 0: none.
    fault: AtomicU8,
    /// Times that it placed a thread where that may not run.
    misplaced: AtomicU64,
}

impl<M: Memory> Attached<M> {
    /// A policy that has just come, on a machine of so many cores. `wanted` has the bits of
    /// the kinds of events that it is told.
    #[must_use]
    pub fn new(number: u32, memory: M, wanted: u32, is_ranked: bool, cores: usize) -> Self {
        Self {
            number,
            memory,
            ring: Ring::new(),
            wanted,
            is_ranked,
            cores,
            state: AtomicU8::new(STARTING),
            fault: AtomicU8::new(0),
            misplaced: AtomicU64::new(0),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What it shares.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Its decisions count from now on. False: it has ended, or they do already.
    pub fn begin(&self) -> bool {
        self.change(STARTING, IN_FORCE)
    }

    /// They do not count any more. True for the one caller that ends it.
    pub fn end(&self) -> bool {
        self.state.swap(ENDED, Ordering::SeqCst) != ENDED
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ENDED
    }

    /// Whether its decisions count.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.state.load(Ordering::Relaxed) == IN_FORCE && self.fault.load(Ordering::Relaxed) == 0
    }

    /// What it did that it may not, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        let number = self.fault.load(Ordering::Relaxed);
        Fault::ALL.into_iter().find(|fault| *fault as u8 == number)
    }

    /// Times that it placed a thread where that may not run.
    #[must_use]
    pub fn misplaced(&self) -> u64 {
        self.misplaced.load(Ordering::Relaxed)
    }

    fn note(&self, fault: Fault) {
        let _ = self
            .fault
            .compare_exchange(0, fault as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The slot of a task that is this policy's to decide about.
    fn slot_of(&self, ticket: Ticket) -> Option<(usize, u16)> {
        let slot = usize::from(ticket.slot);
        (ticket.policy == self.number && slot < SLOTS).then_some((slot, ticket.tag))
    }

    fn table_word(&self, slot: usize, word: usize) -> &sync::atomic::AtomicU64 {
        self.memory.word(TABLE + slot * SLOT_WORDS + word)
    }

    /// What it decided of a task. A fault is noted, and is no decision.
    pub fn decision(&self, ticket: Ticket) -> Option<Decision> {
        if !self.is_in_force() {
            return None;
        }
        let (slot, tag) = self.slot_of(ticket)?;
        let word = self
            .table_word(slot, 0)
            .load(sync::atomic::Ordering::Relaxed);
        match decision::check(word, tag, self.cores) {
            Ok(decision) => decision,
            Err(fault) => {
                self.note(fault);
                None
            }
        }
    }

    /// A task's rank, of which the least goes first.
    pub fn rank(&self, ticket: Ticket) -> Option<u64> {
        if !self.is_in_force() {
            return None;
        }
        let (slot, tag) = self.slot_of(ticket)?;
        let word = self
            .table_word(slot, 1)
            .load(sync::atomic::Ordering::Relaxed);
        decision::rank(word, tag)
    }

    /// Nothing is decided of whoever gets this slot.
    pub fn clear(&self, ticket: Ticket) {
        if let Some((slot, _)) = self.slot_of(ticket) {
            for word in 0..SLOT_WORDS {
                self.table_word(slot, word)
                    .store(0, sync::atomic::Ordering::Relaxed);
            }
        }
    }

    /// Tells it of an event, if it wants to know; the ticket is the task's. True: it waits
    /// for that, and is to be woken, once.
    #[must_use]
    pub fn tell(&self, kind: Kind, ticket: Ticket, event: Event) -> bool {
        let Some((slot, tag)) = self.slot_of(ticket) else {
            return false;
        };
        if self.wanted & kind.bit() == 0 || self.state.load(Ordering::Relaxed) == ENDED {
            return false;
        }
        let event = Event {
            kind: kind as u8,
            slot: slot as u32,
            tag,
            ..event
        };
        match self.ring.push(&self.memory, &event) {
            Ok(is_awaited) => is_awaited,
            Err(fault) => {
                self.note(fault);
                true
            }
        }
    }
}

/// Where the policy is, if there is one.
pub trait Source: Sync {
    /// What it shares.
    type Memory: Memory;

    /// Looks at it. It stays there meanwhile.
    fn with<R>(&self, look: impl FnOnce(&Attached<Self::Memory>) -> R) -> Option<R>;

    /// It is to be woken, or has a fault: soon, not now.
    fn note_news(&self);
}

/// The built-in policy, with the decisions of another one before its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Governed<S>(pub S);

impl<S: Source> Governed<S> {
    fn look<R>(&self, look: impl FnOnce(&Attached<S::Memory>) -> Option<R>) -> Option<R> {
        let (result, is_faulty) = self
            .0
            .with(|attached| (look(attached), attached.fault().is_some()))?;
        if is_faulty {
            self.0.note_news();
        }
        result
    }

    fn decision(&self, task: &Entity) -> Option<Decision> {
        self.look(|attached| attached.decision(task.ticket()))
    }

    fn tell(&self, kind: Kind, task: &Entity, core: usize, now: u64) {
        let event = || Event {
            core: core as u16,
            time: now,
            run_time: task.run_time_at(now),
            ..Event::default()
        };
        let is_awaited = |attached: &Attached<S::Memory>| {
            let ticket = task.ticket();
            ticket.policy == attached.number() && attached.tell(kind, ticket, event())
        };
        if self.0.with(is_awaited) == Some(true) {
            self.0.note_news();
        }
    }
}

impl<S: Source> Policy for Governed<S> {
    fn place(&self, task: &Entity, cause: Cause, view: &View<'_>) -> Option<usize> {
        self.keeps_to(task)
            .or_else(|| Fair.place(task, cause, view))
    }

    fn weight(&self, task: &Entity) -> u32 {
        self.decision(task)
            .and_then(|decision| decision.weight)
            .unwrap_or_else(|| Fair.weight(task))
    }

    fn slice(&self, task: &Entity) -> u64 {
        match self.decision(task) {
            None => Fair.slice(task),
            Some(Decision {
                slice: Some(slice), ..
            }) => slice,
            Some(decision) => fair::slice(decision.weight.unwrap_or_else(|| Fair.weight(task))),
        }
    }

    fn keeps_to(&self, task: &Entity) -> Option<usize> {
        self.look(|attached| {
            let place = attached.decision(task.ticket())?.place?;
            if task.may_run_on(place) {
                return Some(place);
            }
            attached.misplaced.fetch_add(1, Ordering::Relaxed);
            None
        })
    }

    fn governs(&self, task: &Entity) -> bool {
        self.0
            .with(|attached| attached.is_in_force() && task.ticket().policy == attached.number())
            .unwrap_or(false)
    }

    fn is_ranked(&self) -> bool {
        self.0
            .with(|attached| attached.is_ranked && attached.is_in_force())
            .unwrap_or(false)
    }

    fn rank(&self, ticket: Ticket) -> Option<u64> {
        self.look(|attached| attached.rank(ticket))
    }

    fn woke(&self, task: &Entity, core: usize, now: u64) {
        self.tell(Kind::Woke, task, core, now);
    }

    fn stopped(&self, task: &Entity, how: Stop, core: usize, now: u64) {
        match how {
            Stop::Sleeps => self.tell(Kind::Slept, task, core, now),
            Stop::Loses => self.tell(Kind::Used, task, core, now),
            // An end is told when the slot is given back.
            Stop::Yields | Stop::Ends => {}
        }
    }
}
