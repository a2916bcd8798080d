//! Messages: what a channel carries, what a spawned process is given, what it answers.
//!
//! One shape for all of them: bytes, ranges of memory, and descriptors. Bytes are copied,
//! twice. Ranges move by page: the receiver gets the sender's pages, copy-on-write for
//! both, in a mapping of its own. Descriptors arrive as new descriptors, closed on exec;
//! a [channel's](crate::syscall::RG_CHANNEL) end arrives as a further end.

/// Most bytes of a message that are copied.
pub const MOST_BYTES: usize = 1 << 20;

/// Most ranges of a message.
pub const MOST_RANGES: usize = 64;

/// Most descriptors of a message (Linux's `SCM_MAX_FD`).
pub const MOST_DESCRIPTORS: usize = 253;

/// The least length of a range, in bytes: below it a copy is cheaper.
pub const LEAST_RANGE: usize = 1 << 20;

/// Where a message's parts lie in user memory. To send: what is there. To receive: room
/// for it; the kernel writes what arrived into the counts, and where the room was too
/// small (`EMSGSIZE`), what is needed: the message stays where it was.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Address of the bytes.
    pub bytes: u64,
    /// How many, at most [`MOST_BYTES`].
    pub length: u64,
    /// Address of an array of [`Range`]. A receiver's are written: the ranges lie where
    /// no mapping was, and are its own to unmap (whole pages).
    pub ranges: u64,
    /// How many, at most [`MOST_RANGES`].
    pub range_count: u64,
    /// Address of an array of `i32`.
    pub descriptors: u64,
    /// How many, at most [`MOST_DESCRIPTORS`].
    pub descriptor_count: u64,
}

/// A range of memory: page-aligned, at least [`LEAST_RANGE`] long. What lies between its
/// end and the page's is not carried: it arrives as zeros.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Address of the first byte.
    pub address: u64,
    /// Length in bytes.
    pub length: u64,
}
