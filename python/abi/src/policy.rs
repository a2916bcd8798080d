//! Scheduling policies: the memory that a policy and the kernel share, and what stands in it.
//!
//! Words of 64 bits, each read and written at once. What is decided of a thread takes two
//! words, in a slot of its own in the table; each is whole by itself, so that none is ever
//! seen half-written, and carries the thread's tag, so that what was decided of one thread
//! is never taken for the next one's in the same slot. What happens to threads stands in a
//! ring of events.
//!
//! Here: places, encodings, kinds. Not here: what is a sound decision, and the ring's
//! protocol (crate `sched`, `outside`).

/// How many threads can be decided about at a time; others are scheduled as if there were no
/// policy.
pub const SLOTS: usize = 2048;
/// How many events the ring holds; those that find no room are counted and lost.
pub const EVENTS: usize = 2048;

/// Word: how many events the policy has read. The policy's to write.
pub const CONSUMED: usize = 0;
/// Word: how many events were lost. The kernel's to write.
pub const LOST: usize = 1;
/// First word of the table.
pub const TABLE: usize = 512;
/// Words of a slot.
pub const SLOT_WORDS: usize = 2;
/// First word of the ring.
pub const RING: usize = TABLE + SLOTS * SLOT_WORDS;
/// Words of an event.
pub const EVENT_WORDS: usize = 8;
/// Words in all: whole pages.
pub const WORDS: usize = RING + EVENTS * EVENT_WORDS;
/// The same in bytes: what there is to map.
pub const BYTES: usize = WORDS * size_of::<u64>();

/// A slice is a multiple of this, in nanoseconds.
pub const SLICE_UNIT: u64 = 100_000;
/// The greatest rank.
pub const LAST_RANK: u64 = (1 << 48) - 1;

const WEIGHT_BITS: u32 = 17;
const SLICE_BITS: u32 = 10;
const PLACE_BITS: u32 = 9;
const SLICE_AT: u32 = WEIGHT_BITS;
const PLACE_AT: u32 = SLICE_AT + SLICE_BITS;
const UNUSED_AT: u32 = PLACE_AT + PLACE_BITS;
const TAG_AT: u32 = 48;

const fn field(word: u64, at: u32, bits: u32) -> u64 {
    (word >> at) & ((1 << bits) - 1)
}

/// The first word of a decision; 0 in a field: no wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct First {
    /// The weight; 1024 is normal.
    pub weight: u32,
    /// The slice, in [`SLICE_UNIT`]s.
    pub slice: u32,
    /// The core, and one more.
    pub place: u32,
    /// Bits without a meaning: must be 0.
    pub unused: u32,
    /// Whose it is.
    pub tag: u16,
}

impl First {
    /// As a word. What does not fit into its field is cut.
    #[must_use]
    pub const fn encode(self) -> u64 {
        field(self.weight as u64, 0, WEIGHT_BITS)
            | field(self.slice as u64, 0, SLICE_BITS) << SLICE_AT
            | field(self.place as u64, 0, PLACE_BITS) << PLACE_AT
            | field(self.unused as u64, 0, TAG_AT - UNUSED_AT) << UNUSED_AT
            | (self.tag as u64) << TAG_AT
    }

    /// What a word says, sound or not.
    #[must_use]
    pub const fn decode(word: u64) -> Self {
        Self {
            weight: field(word, 0, WEIGHT_BITS) as u32,
            slice: field(word, SLICE_AT, SLICE_BITS) as u32,
            place: field(word, PLACE_AT, PLACE_BITS) as u32,
            unused: field(word, UNUSED_AT, TAG_AT - UNUSED_AT) as u32,
            tag: (word >> TAG_AT) as u16,
        }
    }
}

/// The second word of a decision: a rank, of which the least goes first; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// The rank, up to [`LAST_RANK`].
    pub rank: u64,
    /// Whose it is.
    pub tag: u16,
}

impl Second {
    /// As a word. What does not fit into its field is cut.
    #[must_use]
    pub const fn encode(self) -> u64 {
        (self.rank & LAST_RANK) | (self.tag as u64) << TAG_AT
    }

    /// What a word says.
    #[must_use]
    pub const fn decode(word: u64) -> Self {
        Self {
            rank: word & LAST_RANK,
            tag: (word >> TAG_AT) as u16,
        }
    }
}

/// What happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// It is there: it was just made, or was there before the policy.
    Began = 1,
    /// It was woken.
    Woke = 2,
    /// It waits for something.
    Slept = 3,
    /// Its slice is over, or it has lost the core.
    Used = 4,
    /// It has ended, or is not the policy's to decide about any more.
    Ended = 5,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Began,
        Self::Woke,
        Self::Slept,
        Self::Used,
        Self::Ended,
    ];

    /// Its bit in what a policy asks for.
    #[must_use]
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// An event, as it stands in the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// A [`Kind`].
    pub kind: u8,
    /// The core: where it is queued, or ran.
    pub core: u16,
    /// The thread's slot.
    pub slot: u32,
    /// The thread's tag.
    pub tag: u16,
    /// Its nice value.
    pub nice: i8,
    /// The thread, and its process.
    pub thread: u32,
    /// Its process.
    pub process: u32,
    /// When it happened, on the monotonic clock, in nanoseconds.
    pub time: u64,
    /// What the thread has run since it began, in nanoseconds.
    pub run_time: u64,
}

impl Event {
    /// The words behind the first, which is the event's number from 1 and is written last.
    #[must_use]
    pub const fn encode(&self) -> [u64; EVENT_WORDS - 1] {
        [
            self.kind as u64 | (self.core as u64) << 8 | (self.slot as u64) << 32,
            self.tag as u64 | (self.nice as u8 as u64) << 16,
            self.thread as u64 | (self.process as u64) << 32,
            self.time,
            self.run_time,
            0,
            0,
        ]
    }

    /// What the words say.
    #[must_use]
    pub const fn decode(words: [u64; EVENT_WORDS - 1]) -> Self {
        Self {
            kind: words[0] as u8,
            core: (words[0] >> 8) as u16,
            slot: (words[0] >> 32) as u32,
            tag: words[1] as u16,
            nice: (words[1] >> 16) as u8 as i8,
            thread: words[2] as u32,
            process: (words[2] >> 32) as u32,
            time: words[3],
            run_time: words[4],
        }
    }
}
