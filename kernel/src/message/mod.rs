//! Messages: what a channel carries, what a spawned process is given, what it answers.
//!
//! Here: taking one from the current process, and delivering it to the current process as
//! a whole or not at all ([`delivery`]). Not here: who waits for one, and for how long
//! ([`crate::fs::channel`]).
//!
//! Nothing here runs under a spin lock: it copies user memory, faults and allocates. The
//! layout in user memory is `roentgen_abi::message`'s.

mod delivery;

use std::sync::Arc;

use roentgen_abi::message::{self as abi, LEAST_RANGE, MOST_BYTES, MOST_DESCRIPTORS, MOST_RANGES};

use crate::errno::{Errno, Result};
use crate::fs::channel;
use crate::fs::file::OpenFile;
use crate::memory::space::lent::{BYTES_COPIED, LentPages};
use crate::memory::user::{self, plain};
use crate::memory::{PAGE_SIZE, pressure};
use crate::task;

pub use delivery::{Room, Undelivered};

plain!(abi::Message, abi::Range);

/// A message on its way: nobody's memory, and nobody's descriptors.
///
/// One that holds only bytes costs one allocation; one that holds nothing, none. Where it
/// is dropped undelivered, its files are closed and its pages given back: never under a
/// lock.
#[derive(Default)]
pub struct Message {
    bytes: Vec<u8>,
    ranges: Vec<LentPages>,
    files: Vec<Arc<OpenFile>>,
    /// Whether any of them can hold further files.
    holds_ends: bool,
}

/// How much of each a message holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes that are copied.
    pub bytes: usize,
    /// Ranges.
    pub ranges: usize,
    /// Descriptors.
    pub files: usize,
}

impl Message {
    /// Takes the message that `parts` describes from the current process. The process keeps
    /// what it has: ranges are shared copy-on-write, descriptors stay open.
    ///
    /// # Errors
    /// `EMSGSIZE` (more than a message can hold), `EINVAL` (a range), `EFAULT`, `EBADF` (a
    /// descriptor), `ENOBUFS` (memory is short).
    pub fn take(parts: &abi::Message) -> Result<Self> {
        let is_too_large = parts.length > MOST_BYTES as u64
            || parts.range_count > MOST_RANGES as u64
            || parts.descriptor_count > MOST_DESCRIPTORS as u64;
        if is_too_large {
            return Err(Errno::EMSGSIZE);
        }
        let mut message = Self::default();
        match message.fill(parts) {
            Ok(()) => Ok(message),
            Err(error) => {
                message.take_back();
                Err(error)
            }
        }
    }

    fn fill(&mut self, parts: &abi::Message) -> Result<()> {
        self.bytes = take_bytes(parts.bytes as usize, parts.length as usize)?;
        if parts.descriptor_count > 0 {
            let count = parts.descriptor_count as usize;
            self.take_files_at(parts.descriptors as usize, count)?;
        }
        if parts.range_count > 0 {
            self.ranges = take_ranges(parts.ranges as usize, parts.range_count as usize)?;
        }
        Ok(())
    }

    fn take_files_at(&mut self, address: usize, count: usize) -> Result<()> {
        let table = task::current_process().files();
        pressure::reserve_exact(&mut self.files, count, Errno::ENOBUFS)?;
        for descriptor in user::read_many::<i32>(address, count)? {
            let file = table.get_any(descriptor)?;
            self.holds_ends |= file.object.holds_files();
            self.files.push(channel::for_another(file));
        }
        Ok(())
    }

    /// Drops a message that was never sent: the ends that were made for it never were.
    pub fn take_back(mut self) {
        for file in self.take_files() {
            channel::take_back(&file);
        }
    }

    /// As [`Message::take`], where the description lies at a user address.
    ///
    /// # Errors
    /// As [`Message::take`].
    pub fn read(address: usize) -> Result<Self> {
        Self::take(&user::read(address)?)
    }

    /// How much it holds.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            bytes: self.bytes.len(),
            ranges: self.ranges.len(),
            files: self.files.len(),
        }
    }

    /// The files that travel with it.
    #[must_use]
    pub fn files(&self) -> &[Arc<OpenFile>] {
        &self.files
    }

    /// Whether any of its files can keep others open: a channel's end, mostly.
    #[must_use]
    pub fn holds_ends(&self) -> bool {
        self.holds_ends
    }

    /// Takes the files out, for whoever drops the message.
    pub fn take_files(&mut self) -> Vec<Arc<OpenFile>> {
        core::mem::take(&mut self.files)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            channel::drop_files(self.take_files());
        }
    }
}

fn take_bytes(address: usize, length: usize) -> Result<Vec<u8>> {
    pressure::check_reserve_beside(length, Errno::ENOBUFS)?;
    let mut bytes = vec![0; length];
    user::copy_in(address, &mut bytes)?;
    BYTES_COPIED.add(length as u64);
    Ok(bytes)
}

fn take_ranges(address: usize, count: usize) -> Result<Vec<LentPages>> {
    let ranges = user::read_many::<abi::Range>(address, count)?;
    let is_wrong = |range: &abi::Range| {
        !range.address.is_multiple_of(PAGE_SIZE as u64) || range.length < LEAST_RANGE as u64
    };
    if ranges.iter().any(is_wrong) {
        return Err(Errno::EINVAL);
    }
    if !ranges.is_empty() {
        // Pages in a message are nobody's: no end of a process would give them back.
        pressure::check_room(Errno::ENOBUFS)?;
    }
    let space = task::current_process().space();
    let mut taken = Vec::new();
    pressure::reserve_exact(&mut taken, count, Errno::ENOBUFS)?;
    for range in ranges {
        let pages = space.lend(range.address as usize, range.length as usize);
        taken.push(pages.map_err(|error| match error {
            Errno::ENOMEM => Errno::ENOBUFS,
            other => other,
        })?);
    }
    Ok(taken)
}
