//! What pipes, sockets, channels and terminals do with bytes, without any hardware or kernel:
//!
//! - [`pipe_buffer`]: the page slots of a pipe;
//! - [`message_queue`]: what lies between two sockets;
//! - [`channel`]: a channel's messages and ends, and who is told of what;
//! - [`byte_ring`]: a fixed ring between a writer and a device;
//! - [`terminal`]: a terminal's settings and its line discipline.
//!
//! Not here: user memory, file descriptors; nor, but for channels, who waits for whom: the
//! others do not block, and their callers hold the locks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod byte_ring;
pub mod channel;
pub mod message_queue;
pub mod pipe_buffer;
pub mod terminal;
