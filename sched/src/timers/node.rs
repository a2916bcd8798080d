//! A node: 64 slots, one for each value of a digit of six bits. What hangs in them is the
//! owner's business; see the parent module.

use super::CROWD;

/// Bits of a digit.
const BITS: u32 = 6;
/// The digit of the root: the highest, of which a deadline has four bits only.
const ROOT_DIGIT: u32 = u64::BITS.div_ceil(BITS) - 1;
/// Values of a digit.
const SLOTS: usize = 1 << BITS;

/// The root's number: every deadline has a slot there, and it is never freed.
pub(super) const ROOT: u32 = 0;

/// The highest digit in which two deadlines differ, given their exclusive or; 0 where they
/// do not.
pub(super) fn highest_digit(difference: u64) -> u32 {
    difference.checked_ilog2().unwrap_or(0) / BITS
}

/// A slot of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: u32,
    pub(super) slot: u8,
}

/// What hangs in a slot.
pub(super) enum Child {
    Nothing,
    /// Another node, of a lower digit.
    Node(u32),
    /// Timers: the first one's number, and how many are to be compared for the earliest.
    List {
        first: u32,
        length: usize,
        is_crowded: bool,
    },
}

/// See the top of the file. All deadlines below it are the same but for its digit and those
/// below that.
pub(super) struct Node {
    digit: u32,
    /// Any of the deadlines that have their place here.
    deadline: u64,
    parent: Place,
    /// Slots with something in them.
    occupied: u64,
    /// Slots with a node in them.
    nodes: u64,
    /// Timers in each list. At digit 0, where they are all due at once and nobody asks, it
    /// may wrap.
    lengths: [u8; SLOTS],
    children: [u32; SLOTS],
}

impl Default for Node {
    /// A root.
    fn default() -> Self {
        Self {
            digit: ROOT_DIGIT,
            deadline: 0,
            parent: Place::default(),
            occupied: 0,
            nodes: 0,
            lengths: [0; SLOTS],
            children: [0; SLOTS],
        }
    }
}

impl Node {
    /// Makes an empty node one for what differs from `deadline` in `digit` and below.
    pub(super) fn set(&mut self, digit: u32, deadline: u64, parent: Place) {
        self.digit = digit;
        self.deadline = deadline;
        self.parent = parent;
    }

    /// Whether a deadline differs from those here in its digit and below only.
    pub(super) fn has_place_for(&self, deadline: u64) -> bool {
        (deadline ^ self.deadline) >> (BITS * self.digit) < SLOTS as u64
    }

    /// One of the deadlines that have their place here.
    pub(super) fn some_deadline(&self) -> u64 {
        self.deadline
    }

    /// Where it hangs.
    pub(super) fn parent(&self) -> Place {
        self.parent
    }

    /// Hangs it elsewhere.
    pub(super) fn set_parent(&mut self, parent: Place) {
        self.parent = parent;
    }

    /// The place of a deadline in this node, which is number `node`, and what is there.
    pub(super) fn look(&self, node: u32, deadline: u64) -> (Place, Child) {
        let slot = (deadline >> (BITS * self.digit)) as usize % SLOTS;
        let place = Place {
            node,
            slot: slot as u8,
        };
        (place, self.child(slot))
    }

    /// What is in the first slot that has anything in it.
    pub(super) fn first(&self) -> Child {
        match self.occupied {
            0 => Child::Nothing,
            occupied => self.child(occupied.trailing_zeros() as usize),
        }
    }

    fn child(&self, slot: usize) -> Child {
        let (bit, child) = (1 << slot, self.children[slot]);
        if self.occupied & bit == 0 {
            return Child::Nothing;
        }
        if self.nodes & bit != 0 {
            return Child::Node(child);
        }
        let length = match self.digit {
            0 => 1,
            _ => usize::from(self.lengths[slot]),
        };
        Child::List {
            first: child,
            length,
            is_crowded: length >= CROWD,
        }
    }

    /// Hangs a node in a slot, in place of what was there.
    pub(super) fn hang_node(&mut self, slot: u8, node: u32) {
        self.occupied |= 1 << slot;
        self.nodes |= 1 << slot;
        self.children[usize::from(slot)] = node;
    }

    /// Counts a timer into a slot's list, of which it is the only one if the slot was empty;
    /// the list's first.
    pub(super) fn count_in(&mut self, slot: u8, entry: u32) -> u32 {
        let (bit, slot) = (1 << slot, usize::from(slot));
        if self.occupied & bit == 0 {
            self.occupied |= bit;
            self.lengths[slot] = 0;
            self.children[slot] = entry;
        }
        self.lengths[slot] = self.lengths[slot].wrapping_add(1);
        self.children[slot]
    }

    /// Counts a timer out of a list that has more; `next` is the one behind it.
    pub(super) fn count_out(&mut self, slot: u8, entry: u32, next: u32) {
        let slot = usize::from(slot);
        self.lengths[slot] = self.lengths[slot].wrapping_sub(1);
        if self.children[slot] == entry {
            self.children[slot] = next;
        }
    }

    /// Empties a slot; whether nothing is left in the node.
    pub(super) fn clear(&mut self, slot: u8) -> bool {
        self.occupied &= !(1 << slot);
        self.nodes &= !(1 << slot);
        self.occupied == 0
    }
}
