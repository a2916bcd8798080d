//! What is known of the policy in force, and of how the last one ended: for the log, and for
//! `RG_POLICY_STATUS`.

use core::fmt::Write;

use sched::outside::Fault;
use sched::outside::watch::PATIENCE;

use super::{fault_text, numbers};
use crate::sync::IrqLock;

/// Most bytes of what a policy says of its end.
pub const MOST_SAID: usize = 160;

/// Why a policy ended.
#[derive(Clone, Copy)]
pub enum Why {
    /// It did not answer in time.
    Late,
    /// It published what cannot be.
    Fault(Fault),
    /// Its process ended.
    Died,
    /// It said so: printable ASCII, so many bytes of it.
    Said([u8; MOST_SAID], usize),
    /// Its descriptors were closed.
    GivenBack,
}

impl Why {
    /// Whether it was not its own wish.
    #[must_use]
    pub fn is_takeover(&self) -> bool {
        !matches!(self, Self::GivenBack)
    }

    /// In one word, for programs.
    fn word(&self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Fault(_) => "nonsense",
            Self::Died => "died",
            Self::Said(..) => "failed",
            Self::GivenBack => "closed",
        }
    }

    /// In words, for people.
    fn describe(&self) -> String {
        match self {
            Self::Late => format!("it has not answered for {} ms", PATIENCE / 1_000_000),
            Self::Fault(fault) => fault_text(*fault).to_owned(),
            Self::Died => "its process ended".to_owned(),
            Self::Said(text, length) => String::from_utf8_lossy(&text[..*length]).into_owned(),
            Self::GivenBack => "it was given back".to_owned(),
        }
    }
}

struct Last {
    number: u32,
    process: u32,
    why: Why,
    at: u64,
}

struct Record {
    /// The policy in force: its number, its process, since when.
    current: Option<(u32, u32, u64)>,
    last: Option<Last>,
}

static RECORD: IrqLock<Record> = IrqLock::new(Record {
    current: None,
    last: None,
});

/// A policy's decisions count from now on.
pub(super) fn begin(number: u32, process: u32, now: u64) {
    RECORD.lock().current = Some((number, process, now));
    crate::log!("policy: process {process} decides what runs (policy {number})");
}

/// A policy has ended.
pub(super) fn end(number: u32, process: u32, why: &Why, now: u64) {
    {
        let mut record = RECORD.lock();
        if record
            .current
            .is_some_and(|(current, ..)| current == number)
        {
            record.current = None;
        }
        record.last = Some(Last {
            number,
            process,
            why: *why,
            at: now,
        });
    }
    let text = why.describe();
    if why.is_takeover() {
        crate::warn!("policy: that of process {process} is out: {text}; the built-in one decides");
    } else {
        crate::log!("policy: that of process {process} has ended: {text}");
    }
}

/// The text of `RG_POLICY_STATUS`.
#[must_use]
pub fn text() -> String {
    let (current, last) = {
        let record = RECORD.lock();
        let last = record.last.as_ref();
        let last = last.map(|last| (last.number, last.process, last.why, last.at));
        (record.current, last)
    };
    let mut text = String::new();
    if let Some((number, process, since)) = current {
        let [told, lost, misplaced] = numbers().unwrap_or_default();
        let _ = write!(
            text,
            "number {number}\nprocess {process}\nsince {since}\n\
             told {told}\nlost {lost}\nmisplaced {misplaced}\n"
        );
    }
    if let Some((number, process, why, at)) = last {
        let _ = write!(
            text,
            "last_number {number}\nlast_process {process}\nlast_at {at}\n\
             last_cause {}\nlast_reason {}\n",
            why.word(),
            why.describe()
        );
    }
    text
}
