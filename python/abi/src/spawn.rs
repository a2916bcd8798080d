//! What a spawned process is to be: the argument of `RG_SPAWN`.

use crate::message::Message;

/// [`Spawn::template`]: the caller itself is cloned, as by `fork`.
pub const SELF: i32 = -1;

/// A limit that is none.
pub const UNLIMITED: u64 = u64::MAX;

/// Arguments of [`RG_SPAWN`](crate::syscall::RG_SPAWN).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawn {
    /// A template's descriptor, or [`SELF`].
    pub template: i32,
    /// Added to the caller's nice value, -39 to 39; below 0 for the superuser alone.
    pub nice: i32,
    /// Address of a mask of cores as `sched_setaffinity`'s; 0: the caller's mask.
    pub affinity: u64,
    /// The mask's size in bytes.
    pub affinity_size: u64,
    /// Bytes of memory that it and all that it starts may have, or [`UNLIMITED`]: private
    /// pages, page tables and kernel stacks. Who wants more is killed.
    pub memory: u64,
    /// Nanoseconds that it and all that it starts may run, together, or [`UNLIMITED`].
    pub cpu_time: u64,
    /// Nanoseconds from now until it and all that it started are killed, or [`UNLIMITED`].
    pub deadline: u64,
    /// Address of its name, for `ps`; 0: the caller's.
    pub name: u64,
    /// The name's length in bytes; longer ones than 15 are cut.
    pub name_length: u64,
    /// Address of an array of [`Placed`]: descriptors that it gets beside those that the
    /// template has, in their places where the numbers are the same.
    pub descriptors: u64,
    /// How many.
    pub descriptor_count: u64,
    /// Where its id is stored in its memory, and cleared at its end, as `CLONE_CHILD_SETTID`
    /// and `CLONE_CHILD_CLEARTID` do; 0: nowhere. For a clone of the caller: a template has
    /// its own.
    pub id_address: u64,
    /// What it is given; it asks by `RG_PAYLOAD`.
    pub payload: Message,
}

/// A descriptor of the caller's, and its number in the spawned process.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The caller's.
    pub from: i32,
    /// The spawned process's.
    pub to: i32,
}

/// Why a spawned process ended: what [`RG_JOIN`](crate::syscall::RG_JOIN) writes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Its wait status, as `wait4` has it.
    pub status: u32,
    /// Which limit ended it: one of the `LIMIT_…` below; 0: none did.
    pub limit: u32,
    /// Whether it left an answer by `RG_FINISH`: 1 or 0.
    pub has_answer: u32,
    /// Always 0.
    pub reserved: u32,
}

/// It had no more memory of its own limit.
pub const LIMIT_MEMORY: u32 = 1;
/// It had no more CPU time.
pub const LIMIT_CPU_TIME: u32 = 2;
/// It was there until its deadline.
pub const LIMIT_DEADLINE: u32 = 3;
/// The machine had no more memory, and it (or the tree it belonged to) had the most.
pub const LIMIT_MACHINE: u32 = 4;
