//! Parsers and arithmetic that need no hardware: one module for each format.
//!
//! Here: what the kernel reads from others (boot archive, command line, the first
//! process's description, netlink's requests) and pure logic that is worth a host test
//! (record locks, path components, free addresses, netlink's answers). Not here: anything that knows about
//! inodes, memory or processes. Every parser takes hostile input and answers with a typed
//! error, never with a panic.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cmdline;
pub mod cpio;
pub mod elf;
pub mod gaps;
pub mod init_file;
pub mod netlink;
pub mod path;
pub mod record_locks;
pub mod rtnetlink;
pub mod saved;
