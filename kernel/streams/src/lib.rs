//! What pipes, sockets and terminals do with bytes, without any hardware or kernel:
//!
//! - [`pipe_buffer`]: the page slots of a pipe;
//! - [`message_queue`]: what lies between two sockets;
//! - [`byte_ring`]: a fixed ring between a writer and a device;
//! - [`terminal`]: a terminal's settings and its line discipline.
//!
//! Not here: who waits for whom, user memory, file descriptors. Nothing here blocks; the
//! callers hold the locks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod byte_ring;
pub mod message_queue;
pub mod pipe_buffer;
pub mod terminal;
