//! The scheduler's pure half: run queues and the word that says what a task is doing.
//!
//! Here: data structures and protocols, without hardware and without `unsafe`, so that
//! the same source runs in the kernel and under the host's tests. Not here: switching,
//! timers, interrupts; the kernel does those and asks this crate what is next.
#![forbid(unsafe_code)]

pub mod queue;
pub mod state;
