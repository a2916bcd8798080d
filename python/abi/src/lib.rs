//! What the kernel, the `python` ELF and the host side agree on, defined once.
//!
//! Here: Roentgen's own system calls (everything else is Linux x86-64's table), what they
//! take and give, and the frames on the serial line. Not here: any behaviour of the kernel.
#![no_std]
#![forbid(unsafe_code)]

pub mod frame;
pub mod message;
pub mod policy;
pub mod spawn;
pub mod syscall;
pub mod table;
