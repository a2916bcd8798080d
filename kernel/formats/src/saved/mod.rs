//! Saved templates: a frozen process as a file, for the next boot.
//!
//! A file is a head, padded to a page, and then pages as they are, so that whoever has it
//! on page borders maps them without a copy. All numbers are little-endian words of 8
//! bytes. The head is [`FIXED_WORDS`] words, then the arrays whose lengths are among them:
//!
//! | words | what |
//! |---|---|
//! | 0 | [`MAGIC`] |
//! | 1 | [`VERSION`] |
//! | 2 | [`seal`] of the head from word 3 on |
//! | 3 | seal of all stored pages |
//! | 4, 5 | bytes of the head; stored pages |
//! | 6–12 | [`Machine`] |
//! | 13–30 | [`State::registers`] |
//! | 31–42 | the other words of [`State`], in their order |
//! | 43–47 | lengths: extended state in bytes, actions, auxiliary words, areas, runs |
//!
//! Here: what such a file may say, [`read`] and [`write`]. A template that is read is
//! coherent: areas are disjoint and lie in user space, every run of pages lies in one area,
//! and the runs name each stored page once. Not here: whether registers and extended state
//! may be loaded, whether the program's file is as long as runs say, and what to do with a
//! template of another machine: the kernel's.

mod read;
#[cfg(test)]
mod tests;
mod write;

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher;

use twox_hash::XxHash64;

pub use read::{Saved, read};
pub use write::write_head;

/// The first word: `RGSAVED` and a newline, so that a text tool shows what it is.
pub const MAGIC: u64 = u64::from_le_bytes(*b"RGSAVED\n");
/// The layout that this module reads and writes.
pub const VERSION: u64 = 1;
/// Words before the arrays.
pub const FIXED_WORDS: usize = 48;
/// Bytes in a page.
pub const PAGE: u64 = 4096;
/// The byte after the last one of user space, a page below the border of the lower half.
pub const USER_END: u64 = (1 << 47) - PAGE;
/// Most bytes of a head: tens of thousands of runs.
pub const MOST_HEAD: u64 = 16 << 20;

/// The checksum: xxHash's 64-bit variant with seed 0. It finds damage, not forgery.
#[must_use]
pub fn seal(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// A [`seal`] of bytes that come in pieces.
#[derive(Default)]
pub struct Sealer(XxHash64);

impl Sealer {
    /// Of no bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self(XxHash64::with_seed(0))
    }

    /// The next piece.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The seal of all of them.
    #[must_use]
    pub fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// What a template fits: one of another machine is another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Names the kernel's build.
    pub kernel: [u64; 2],
    /// Names the program's file.
    pub program: [u64; 2],
    /// A hash of what CPUID tells: the program has chosen its routines by it.
    pub cpu: u64,
    /// The extended states that are on (XCR0).
    pub extended: u64,
    /// Cores that are up.
    pub cores: u64,
}

/// What a signal does, as `rt_sigaction(2)` has it: handler, flags, restorer, mask.
pub type Action = [u64; 4];

/// The process but for its memory's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// R15 to RAX in the order of a trap frame, then RIP, RSP and RFLAGS.
    pub registers: [u64; 18],
    /// FS and GS bases.
    pub bases: [u64; 2],
    /// Signals that are blocked.
    pub blocked: u64,
    /// The alternate signal stack: first byte, length, flags.
    pub alternate_stack: [u64; 3],
    /// Where a thread's id is stored; 0: nowhere.
    pub id_address: u64,
    /// The program break's first byte and the byte after its last; then the byte below
    /// which mappings are placed.
    pub layout: [u64; 3],
    /// First byte of the argument strings, and of the environment's, which follow.
    pub strings: [u64; 2],
    /// XSAVE's area (or FXSAVE's).
    pub extended: Vec<u8>,
    /// From signal 1 on.
    pub actions: Vec<Action>,
    /// The auxiliary vector.
    pub auxiliary: Vec<u64>,
    /// By address.
    pub areas: Vec<Area>,
    /// By address.
    pub runs: Vec<Run>,
}

/// What an area shows where no page of its own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zeros.
    Zeros,
    /// The program's file from this byte on, a multiple of [`PAGE`].
    Program(u64),
}

/// What an area is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Nothing.
    None,
    /// The program break's.
    Heap,
    /// The first thread's stack.
    Stack,
    /// As the program's file.
    Program,
}

/// A private area. Shared ones, and those with files other than the program's, cannot be
/// saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First byte; page-aligned.
    pub start: u64,
    /// Byte after the last; page-aligned.
    pub end: u64,
    /// Bits 1, 2 and 4: may be read, written, executed.
    pub protection: u8,
    /// The same bits: what it may become.
    pub allowed: u8,
    /// What it shows at first.
    pub backing: Backing,
    /// What it is called.
    pub name: Name,
}

/// Pages, one after another, that differ from what their area shows at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First byte; page-aligned.
    pub start: u64,
    /// How many pages; not 0.
    pub count: u64,
    /// What they are.
    pub pages: Pages,
}

/// Where the pages of a [`Run`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// In the template, from the page with this number on. Runs follow each other there.
    Stored(u64),
    /// In the program's file, from this byte on, a multiple of [`PAGE`].
    Program(u64),
}

/// Why bytes are no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// They do not begin as one.
    NotOne,
    /// It has this version's layout.
    Version(u64),
    /// The file has another length than it says.
    Length,
    /// The head is not what was written.
    DamagedHead,
    /// A page is not what was written.
    DamagedPages,
    /// The area with this number is none, or is not behind the one before.
    BadArea(usize),
    /// The run with this number is none, is not behind the one before, or is in no area.
    BadRun(usize),
    /// Runs leave out stored pages, or the head has something else behind its arrays.
    Leftover,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => write!(formatter, "it is no saved template"),
            Self::Version(version) => {
                write!(formatter, "it has version {version}, not {VERSION}")
            }
            Self::Length => write!(formatter, "its length is wrong"),
            Self::DamagedHead => write!(formatter, "its head is damaged"),
            Self::DamagedPages => write!(formatter, "its pages are damaged"),
            Self::BadArea(number) => write!(formatter, "its area {number} is wrong"),
            Self::BadRun(number) => write!(formatter, "its run of pages {number} is wrong"),
            Self::Leftover => write!(formatter, "it has parts that nothing refers to"),
        }
    }
}

/// Whether `start..end` are whole pages of user space, one at least.
fn are_user_pages(start: u64, end: u64) -> bool {
    start.is_multiple_of(PAGE) && end.is_multiple_of(PAGE) && start < end && end <= USER_END
}
