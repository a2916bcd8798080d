//! A core's timers, by deadline: to arm one, to cancel one and to find the next one costs
//! the same however many there are.
//!
//! A hierarchy of slots as in a timing wheel (Varghese & Lauck, *Hashed and Hierarchical
//! Timing Wheels*, SOSP 1987, scheme 7): a deadline is read as eleven digits of six bits,
//! and a node has a slot for each value of one of them. Two things differ.
//!
//! - Slots are places in absolute time, not in a turning wheel: nothing cascades, so there
//!   is no work when time passes but what expires, and nothing here knows the time.
//! - A slot is divided when it gets crowded, and not before, as the buckets of a burst trie
//!   (Heinz, Zobel & Williams, *Burst Tries*, ACM TOIS 20(2), 2002): so the first slot never
//!   has more than [`CROWD`] different deadlines to compare, and the next deadline is known
//!   to the nanosecond. A wheel would have to search a whole slot, or to round.
//!
//! A crowded slot is divided by the highest digit in which its deadlines differ; digits
//! that all of them share cost no node (Morrison, *PATRICIA*, JACM 15(4), 1968). A core
//! with few timers has one list of them, and no node but the root.
//!
//! | step | worst case, in timers and nodes touched |
//! |---|---|
//! | arm | a way down of 11 nodes, one slot of [`CROWD`] divided |
//! | cancel, expire | a timer and its two neighbours, up to 11 nodes that became empty |
//! | next deadline | 11 nodes and [`CROWD`] timers, once after the first one went |
//!
//! To arm and to cancel allocates nothing. Where there is no room for another timer
//! ([`Timers::wants`]), who arms brings some, allocated before it takes the lock that it
//! keeps these under. Storage grows to what the most timers needed that were ever armed at
//! once, and is used again; a timer keeps eleven nodes at most, however many went from
//! beside it.

mod node;
mod slab;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use node::{Child, Node, Place, ROOT, highest_digit};
use slab::{Chunk, Slab};

/// Timers in a slot before it is divided. Those of one same deadline are never divided.
pub const CROWD: usize = 8;

/// Timers in the first chunk of storage.
const FIRST_ENTRIES: usize = 32;
/// Nodes in the first chunk of storage: the root and one more.
const FIRST_NODES: usize = 2;

/// A timer, or a place for one.
struct Entry<T> {
    deadline: u64,
    /// Which arming this is; 0: none, the place is free.
    serial: u64,
    /// Where its list hangs.
    place: Place,
    /// Its neighbours in the list, which is a ring.
    previous: u32,
    next: u32,
    value: Option<T>,
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self {
            deadline: 0,
            serial: 0,
            place: Place::default(),
            previous: 0,
            next: 0,
            value: None,
        }
    }
}

/// Names one arming of a timer, and never another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    entry: u32,
    serial: u64,
}

/// What was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Armed {
    /// By which it is cancelled.
    pub key: Key,
    /// Whether it is due before any time that [`Timers::next_deadline`] told, and before
    /// all that was armed since: a clock that is set for those must be set anew.
    pub is_first: bool,
}

/// How often something happened since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Timers that were armed.
    pub armed: u64,
    /// Timers that were cancelled before they expired.
    pub cancelled: u64,
    /// Timers that expired.
    pub expired: u64,
}

/// The storage that is missing; made into [`Room`] where allocating is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    entries: Option<usize>,
    nodes: Option<usize>,
}

/// Storage for more timers.
pub struct Room<T> {
    entries: Option<Chunk<Entry<T>>>,
    nodes: Option<Chunk<Node>>,
}

impl<T> Room<T> {
    /// Allocates what is wanted.
    #[must_use]
    pub fn new(wants: Wants) -> Self {
        Self {
            entries: wants.entries.map(Slab::<_, FIRST_ENTRIES>::chunk),
            nodes: wants.nodes.map(Slab::<_, FIRST_NODES>::chunk),
        }
    }
}

/// The timers of one core; each carries a `T`. Deadlines are nanoseconds of any one clock.
pub struct Timers<T> {
    entries: Slab<Entry<T>, FIRST_ENTRIES>,
    nodes: Slab<Node, FIRST_NODES>,
    /// No timer is due before this.
    bound: u64,
    /// The timer that is due at `bound`; None: it went, and nobody has looked for the next.
    first: Option<u32>,
    counts: Counts,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Timers<T> {
    /// No timers, and no room for any.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Slab::new(),
            nodes: Slab::new(),
            bound: u64::MAX,
            first: None,
            counts: Counts {
                armed: 0,
                cancelled: 0,
                expired: 0,
            },
        }
    }

    /// What it needs before another timer can be armed for certain; None: it has room.
    #[must_use]
    pub fn wants(&self) -> Option<Wants> {
        let wants = Wants {
            entries: self.entries.wants(),
            nodes: self.nodes.wants(),
        };
        (wants.entries.is_some() || wants.nodes.is_some()).then_some(wants)
    }

    /// Takes room; gives back what is not wanted any more, to be freed where that is allowed.
    #[must_use]
    pub fn supply(&mut self, room: Room<T>) -> Room<T> {
        let is_empty = self.nodes.is_empty();
        let left = Room {
            entries: room.entries.and_then(|chunk| self.entries.supply(chunk)),
            nodes: room.nodes.and_then(|chunk| self.nodes.supply(chunk)),
        };
        if is_empty && !self.nodes.is_empty() {
            // The first node is the root, as it is made.
            self.nodes.take();
        }
        left
    }

    /// Arms a timer.
    ///
    /// # Errors
    /// There is no room ([`Timers::wants`]); the value comes back.
    pub fn arm(&mut self, deadline: u64, value: T) -> Result<Armed, T> {
        if self.wants().is_some() {
            return Err(value);
        }
        self.counts.armed += 1;
        let serial = self.counts.armed;
        let place = self.make_place(deadline);
        let entry = self.entries.next_number();
        let (previous, next) = self.append(place, entry);
        *self.entries.take() = Entry {
            deadline,
            serial,
            place,
            previous,
            next,
            value: Some(value),
        };
        let is_first = deadline < self.bound;
        if is_first {
            self.bound = deadline;
            self.first = Some(entry);
        }
        Ok(Armed {
            key: Key { entry, serial },
            is_first,
        })
    }

    /// Cancels a timer; None where it has expired or was cancelled before.
    ///
    /// # Panics
    /// Other timers than these gave the key, and here was never a place like that one's.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        if self.entries.get(key.entry).serial != key.serial {
            return None;
        }
        self.counts.cancelled += 1;
        self.take_out(key.entry)
    }

    /// When the next timer is due.
    pub fn next_deadline(&mut self) -> Option<u64> {
        self.look_for_first().map(|_| self.bound)
    }

    /// Takes out the first timer if it is due at `now`; those that are due at the same
    /// time come in the order in which they were armed.
    pub fn expire(&mut self, now: u64) -> Option<T> {
        // Most looks find that nothing is due.
        if now < self.bound {
            return None;
        }
        let first = self.look_for_first()?;
        if now < self.bound {
            return None;
        }
        self.counts.expired += 1;
        self.take_out(first)
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The place whose list a deadline belongs to; divides one slot at most, so one node
    /// is enough.
    fn make_place(&mut self, deadline: u64) -> Place {
        let mut node = ROOT;
        loop {
            let (place, child) = self.nodes.get(node).look(node, deadline);
            node = match child {
                Child::Nothing => return place,
                Child::List { is_crowded, .. } if !is_crowded => return place,
                Child::List { first, .. } => self.divide(place, first, deadline),
                Child::Node(below) if self.nodes.get(below).has_place_for(deadline) => below,
                Child::Node(below) => self.put_between(place, below, deadline),
            };
        }
    }

    /// Makes a node of a crowded list: one with a slot for each value of the highest digit
    /// in which its deadlines and `deadline` differ. So not all of them share a slot, unless
    /// they are all the same.
    fn divide(&mut self, place: Place, first: u32, deadline: u64) -> u32 {
        let mut difference = 0;
        let mut entry = first;
        for _ in 0..CROWD {
            let own = self.entries.get(entry);
            difference |= own.deadline ^ deadline;
            entry = own.next;
        }
        // The list is a ring: here is its first one again.
        let node = self.hang_new_node(place, highest_digit(difference), deadline);
        for _ in 0..CROWD {
            let Entry { deadline, next, .. } = *self.entries.get(entry);
            let place = self.nodes.get(node).look(node, deadline).0;
            let neighbours = self.append(place, entry);
            let own = self.entries.get_mut(entry);
            own.place = place;
            (own.previous, own.next) = neighbours;
            entry = next;
        }
        node
    }

    /// Puts a node between a place and the node below, which has no slot for `deadline`.
    fn put_between(&mut self, place: Place, below: u32, deadline: u64) -> u32 {
        let of_below = self.nodes.get(below).some_deadline();
        let digit = highest_digit(of_below ^ deadline);
        let node = self.hang_new_node(place, digit, deadline);
        let place = self.nodes.get(node).look(node, of_below).0;
        self.nodes.get_mut(node).hang_node(place.slot, below);
        self.nodes.get_mut(below).set_parent(place);
        node
    }

    fn hang_new_node(&mut self, place: Place, digit: u32, deadline: u64) -> u32 {
        let node = self.nodes.next_number();
        self.nodes.take().set(digit, deadline, place);
        self.nodes.get_mut(place.node).hang_node(place.slot, node);
        node
    }

    /// Puts a timer at the end of the list at `place`; its neighbours there, for it to note.
    fn append(&mut self, place: Place, entry: u32) -> (u32, u32) {
        let first = self.nodes.get_mut(place.node).count_in(place.slot, entry);
        if first == entry {
            return (entry, entry);
        }
        let last = core::mem::replace(&mut self.entries.get_mut(first).previous, entry);
        self.entries.get_mut(last).next = entry;
        (last, first)
    }

    /// Takes a timer off its list, and frees the nodes that have become empty.
    fn take_out(&mut self, entry: u32) -> Option<T> {
        if self.first == Some(entry) {
            self.first = None;
        }
        let own = self.entries.get_mut(entry);
        own.serial = 0;
        let value = own.value.take();
        let (previous, next) = (own.previous, own.next);
        let Place { mut node, mut slot } = own.place;
        self.entries.give(entry);
        if next != entry {
            self.entries.get_mut(previous).next = next;
            self.entries.get_mut(next).previous = previous;
            self.nodes.get_mut(node).count_out(slot, entry, next);
            return value;
        }
        loop {
            let own = self.nodes.get_mut(node);
            if !own.clear(slot) || node == ROOT {
                return value;
            }
            let parent = own.parent();
            self.nodes.give(node);
            Place { node, slot } = parent;
        }
    }

    /// The timer that is due first; `bound` is then its deadline.
    fn look_for_first(&mut self) -> Option<u32> {
        if self.first.is_none() {
            (self.bound, self.first) = match self.search() {
                Some((deadline, entry)) => (deadline, Some(entry)),
                None => (u64::MAX, None),
            };
        }
        self.first
    }

    fn search(&self) -> Option<(u64, u32)> {
        if self.nodes.is_empty() {
            return None;
        }
        let mut node = self.nodes.get(ROOT);
        loop {
            match node.first() {
                Child::Nothing => return None,
                Child::Node(below) => node = self.nodes.get(below),
                Child::List { first, length, .. } => return Some(self.earliest(first, length)),
            }
        }
    }

    /// The first of the earliest timers in a list of `length`.
    fn earliest(&self, first: u32, length: usize) -> (u64, u32) {
        let mut entry = self.entries.get(first);
        let mut earliest = (entry.deadline, first);
        for _ in 1..length {
            let index = entry.next;
            entry = self.entries.get(index);
            if entry.deadline < earliest.0 {
                earliest = (entry.deadline, index);
            }
        }
        earliest
    }
}
