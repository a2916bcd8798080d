//! The slots of one core: which PCID stands for which space, and how new its entries are.
//!
//! Constant time, no allocation after [`Slots::new`]: spaces are found by open addressing
//! in a table at most half full, and slots are linked in the order of their use. With
//! all 4,095 slots this takes 96 KiB.

use alloc::boxed::Box;
use alloc::vec;

/// The most slots: a PCID has 12 bits, and PCID 0 is the kernel's own table (SDM vol. 3A,
/// 4.10.1).
pub const MOST: u16 = 4095;

/// Why the entries of a PCID must go before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The space was changed since it ran here.
    Older,
    /// The slot was another space's, or nobody's.
    TakenOver,
    /// The CPU does not tag its TLB: every load of CR3 flushes.
    Untagged,
}

/// How to load a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Under which PCID; 0 where the CPU does not tag its TLB.
    pub pcid: u16,
    /// Why its entries must go; None: they are right, and stay.
    pub flush: Option<Cause>,
}

/// A slot, named by the PCID that it has in a tagged TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u16);

/// The end of the list of use, and "nobody" in the table: PCID 0 is no slot.
const NONE: u16 = 0;

/// The slots of one core.
pub struct Slots {
    is_tagged: bool,
    /// Slots handed out so far: 1 to `used`. The rest is fresh.
    used: u16,
    count: u16,
    /// By slot: whose it is. Ids start at 1.
    spaces: Box<[u64]>,
    /// By slot: the generation of the space that its entries are as new as.
    generations: Box<[u64]>,
    /// By slot, with [`NONE`] as head: the next less and the next more recently used.
    older: Box<[u16]>,
    newer: Box<[u16]>,
    /// Slots by the hash of their space.
    table: Box<[u16]>,
}

impl Slots {
    /// Slots for a CPU that tags its TLB; at least one, at most [`MOST`].
    #[must_use]
    pub fn new(count: u16) -> Self {
        let count = count.clamp(1, MOST);
        let length = usize::from(count) + 1;
        Self {
            is_tagged: true,
            used: 0,
            count,
            spaces: vec![0; length].into(),
            generations: vec![0; length].into(),
            older: vec![NONE; length].into(),
            newer: vec![NONE; length].into(),
            table: vec![NONE; (2 * length).next_power_of_two()].into(),
        }
    }

    /// For a CPU that does not: one slot, which is always flushed.
    #[must_use]
    pub fn untagged() -> Self {
        Self {
            is_tagged: false,
            ..Self::new(1)
        }
    }

    /// Whether the CPU tags its TLB.
    #[must_use]
    pub fn is_tagged(&self) -> bool {
        self.is_tagged
    }

    /// How many slots there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// How many slots are some space's, alive or dead.
    #[must_use]
    pub fn in_use(&self) -> usize {
        usize::from(self.used)
    }

    /// The slot for a space that is at `generation` now, and how to load it. From now on
    /// the slot is the space's, and as new as that: the caller does what [`Load`] says.
    pub fn choose(&mut self, space: u64, generation: u64) -> (Slot, Load) {
        if !self.is_tagged {
            return self.choose_untagged(space, generation);
        }
        let (slot, cause) = match self.find(space) {
            Some(slot) if self.generations[usize::from(slot)] == generation => (slot, None),
            Some(slot) => (slot, Some(Cause::Older)),
            None => (self.take_over(space), Some(Cause::TakenOver)),
        };
        self.generations[usize::from(slot)] = generation;
        self.use_now(slot);
        let load = Load {
            pcid: slot,
            flush: cause,
        };
        (Slot(slot), load)
    }

    /// The one slot there is, always flushed.
    fn choose_untagged(&mut self, space: u64, generation: u64) -> (Slot, Load) {
        const ONLY: u16 = 1;
        self.used = ONLY;
        self.spaces[usize::from(ONLY)] = space;
        self.generations[usize::from(ONLY)] = generation;
        let load = Load {
            pcid: 0,
            flush: Some(Cause::Untagged),
        };
        (Slot(ONLY), load)
    }

    /// The generation that a slot's entries are as new as.
    #[must_use]
    pub fn generation(&self, slot: Slot) -> u64 {
        self.generations[usize::from(slot.0)]
    }

    /// Notes that a slot's entries were made as new as `generation`.
    pub fn set_generation(&mut self, slot: Slot, generation: u64) {
        self.generations[usize::from(slot.0)] = generation;
    }

    /// A fresh slot, or the least recently used one, for a space that has none.
    fn take_over(&mut self, space: u64) -> u16 {
        let slot = if self.used < self.count {
            self.used += 1;
            self.used
        } else {
            // The list is a ring through its head.
            let slot = self.newer[usize::from(NONE)];
            self.unlink(slot);
            self.forget(self.spaces[usize::from(slot)]);
            slot
        };
        self.spaces[usize::from(slot)] = space;
        let mut at = self.home(space);
        while self.table[at] != NONE {
            at = self.after(at);
        }
        self.table[at] = slot;
        self.link(slot);
        slot
    }

    /// Where a space's slot stands in the table, if nothing else does (Knuth's
    /// multiplicative hashing: ids count up).
    fn home(&self, space: u64) -> usize {
        let hash = space.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> (u64::BITS - self.table.len().trailing_zeros())) as usize
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.table.len() - 1)
    }

    /// Where in the table the space's slot stands.
    fn position(&self, space: u64) -> Option<usize> {
        let mut at = self.home(space);
        while self.table[at] != NONE {
            if self.spaces[usize::from(self.table[at])] == space {
                return Some(at);
            }
            at = self.after(at);
        }
        None
    }

    fn find(&self, space: u64) -> Option<u16> {
        // Most often it is the one that ran last, or there is one only.
        let newest = self.older[usize::from(NONE)];
        if newest != NONE && self.spaces[usize::from(newest)] == space {
            return Some(newest);
        }
        self.position(space).map(|at| self.table[at])
    }

    /// Takes a space out of the table, and moves up those that its place kept from
    /// their own (Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithm R).
    fn forget(&mut self, space: u64) {
        let Some(mut hole) = self.position(space) else {
            return;
        };
        let mut at = hole;
        loop {
            self.table[hole] = NONE;
            loop {
                at = self.after(at);
                if self.table[at] == NONE {
                    return;
                }
                let home = self.home(self.spaces[usize::from(self.table[at])]);
                let mask = self.table.len() - 1;
                // Reachable from its home without the hole: it stays.
                if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                    break;
                }
            }
            self.table[hole] = self.table[at];
            hole = at;
        }
    }

    fn use_now(&mut self, slot: u16) {
        if self.older[usize::from(NONE)] != slot {
            self.unlink(slot);
            self.link(slot);
        }
    }

    fn unlink(&mut self, slot: u16) {
        let (older, newer) = (self.older[usize::from(slot)], self.newer[usize::from(slot)]);
        self.older[usize::from(newer)] = older;
        self.newer[usize::from(older)] = newer;
    }

    /// Puts a slot at the list's most recently used end.
    fn link(&mut self, slot: u16) {
        let newest = self.older[usize::from(NONE)];
        self.older[usize::from(slot)] = newest;
        self.newer[usize::from(slot)] = NONE;
        self.newer[usize::from(newest)] = slot;
        self.older[usize::from(NONE)] = slot;
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
