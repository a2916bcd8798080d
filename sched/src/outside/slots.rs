//! Which thread has which slot of a policy's table.
//!
//! A slot that is given back waits behind all others that are free, and its next thread has
//! another tag: what was decided of the last one is not the new one's.

use std::collections::VecDeque;

use roentgen_abi::policy::SLOTS;

/// A task's place in the table of a policy. As a word: 0 is nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// The policy's number; 0: none.
    pub policy: u32,
    /// The slot.
    pub slot: u16,
    /// The task's tag, never 0 where there is a policy.
    pub tag: u16,
}

impl Ticket {
    /// As a word.
    #[must_use]
    pub fn to_word(self) -> u64 {
        u64::from(self.policy) << 32 | u64::from(self.slot) << 16 | u64::from(self.tag)
    }

    /// From [`Ticket::to_word`].
    #[must_use]
    pub fn from_word(word: u64) -> Self {
        Self {
            policy: (word >> 32) as u32,
            slot: (word >> 16) as u16,
            tag: word as u16,
        }
    }
}

/// The slots of one policy.
pub struct Slots {
    policy: u32,
    /// The last tag of each slot, and whether it is taken.
    tags: Vec<(u16, bool)>,
    free: VecDeque<u16>,
}

impl Slots {
    /// All are free.
    #[must_use]
    pub fn new(policy: u32) -> Self {
        Self {
            policy,
            tags: vec![(0, false); SLOTS],
            free: (0..SLOTS as u16).collect(),
        }
    }

    /// Gives a slot to a task. None: all are taken.
    pub fn take(&mut self) -> Option<Ticket> {
        let slot = self.free.pop_front()?;
        let (tag, is_taken) = &mut self.tags[usize::from(slot)];
        *tag = tag.checked_add(1).unwrap_or(1);
        *is_taken = true;
        Some(Ticket {
            policy: self.policy,
            slot,
            tag: *tag,
        })
    }

    /// Whether it is given so.
    #[must_use]
    pub fn has(&self, ticket: Ticket) -> bool {
        ticket.policy == self.policy && ticket.tag != 0
    }

    /// Takes one back. False: it was not given so.
    pub fn give_back(&mut self, ticket: Ticket) -> bool {
        let given = (ticket.tag, true);
        match self.tags.get_mut(usize::from(ticket.slot)) {
            Some(known) if *known == given && ticket.policy == self.policy => {
                known.1 = false;
                // There is room: as many as there are.
                self.free.push_back(ticket.slot);
                true
            }
            _ => false,
        }
    }

    /// Slots that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        SLOTS - self.free.len()
    }
}

const _: () = assert!(SLOTS <= 1 << 16);
