//! A message's way into the current process: all of it, or nothing.

use std::sync::Arc;

use bugs::Bug;
use roentgen_abi::message as abi;

use super::{Message, Size};
use crate::errno::{Errno, Result};
use crate::fs::FdTable;
use crate::memory::space::AddressSpace;
use crate::memory::space::lent::{BYTES_COPIED, LentPages};
use crate::memory::user;
use crate::task;

/// Where a receiver wants a message, and how much has a place there.
pub struct Room {
    /// Of the description itself.
    address: usize,
    parts: abi::Message,
}

/// A message that stays where it was, and why.
pub struct Undelivered {
    /// As it was.
    pub message: Message,
    /// What the receiver is told.
    pub error: Errno,
}

impl Room {
    /// The room that is described at a user address.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(address: usize) -> Result<Self> {
        Ok(Self {
            address,
            parts: user::read(address)?,
        })
    }

    /// Whether a message of this size has a place.
    #[must_use]
    pub fn holds(&self, size: Size) -> bool {
        size.bytes as u64 <= self.parts.length
            && size.ranges as u64 <= self.parts.range_count
            && size.files as u64 <= self.parts.descriptor_count
    }

    /// Writes how much room a message of this size needs, or has taken.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_size(&self, size: Size) -> Result<()> {
        let parts = abi::Message {
            length: size.bytes as u64,
            range_count: size.ranges as u64,
            descriptor_count: size.files as u64,
            ..self.parts
        };
        user::write(self.address, &parts)
    }
}

impl Message {
    /// Delivers it to the current process.
    ///
    /// # Errors
    /// The message, with `EMSGSIZE` (the room that it needs was written), `EFAULT`,
    /// `EMFILE`, `ENFILE` or `ENOMEM`: then the process has nothing of it, but for bytes
    /// in its own room.
    pub fn deliver(self, room: &Room) -> core::result::Result<(), Undelivered> {
        match self.put(room) {
            Ok(()) => Ok(()),
            Err(error) => Err(Undelivered {
                message: self,
                error,
            }),
        }
    }

    fn put(&self, room: &Room) -> Result<()> {
        let size = self.size();
        if !room.holds(size) {
            room.write_size(size)?;
            return Err(Errno::EMSGSIZE);
        }
        user::copy_out(room.parts.bytes as usize, &self.bytes)?;
        if size.ranges == 0 && size.files == 0 {
            room.write_size(size)?;
            BYTES_COPIED.add(size.bytes as u64);
            return Ok(());
        }
        let process = task::current_process();
        let mut mapped = Mapped::new(process.space());
        let mut installed = Installed::new(process.files());
        for (index, pages) in self.ranges.iter().enumerate() {
            let range = mapped.map(pages)?;
            let at = room.parts.ranges as usize;
            let at = at.wrapping_add(index * size_of::<abi::Range>());
            user::write(at, &range)?;
        }
        for (index, file) in self.files.iter().enumerate() {
            let descriptor = installed.table.install(file.clone(), true)?;
            installed.descriptors.push(descriptor as i32);
            let at = room.parts.descriptors as usize;
            let at = at.wrapping_add(index * size_of::<i32>());
            user::write(at, &(descriptor as i32))?;
        }
        room.write_size(size)?;
        mapped.ranges.clear();
        installed.descriptors.clear();
        BYTES_COPIED.add(size.bytes as u64);
        Ok(())
    }
}

/// Ranges that are unmapped again unless they are cleared.
struct Mapped<'a> {
    space: Arc<AddressSpace>,
    /// First addresses, and what was mapped there.
    ranges: Vec<(usize, &'a LentPages)>,
}

impl<'a> Mapped<'a> {
    fn new(space: Arc<AddressSpace>) -> Self {
        Self {
            space,
            ranges: Vec::new(),
        }
    }

    fn map(&mut self, pages: &'a LentPages) -> Result<abi::Range> {
        let start = self.space.map_lent(pages)?;
        self.ranges.push((start, pages));
        Ok(abi::Range {
            address: start as u64,
            length: pages.length() as u64,
        })
    }
}

impl Drop for Mapped<'_> {
    fn drop(&mut self) {
        if bugs::has(Bug::KeptMessage) {
            return;
        }
        for (start, pages) in &self.ranges {
            self.space.unmap_lent(*start, pages);
        }
    }
}

/// Descriptors that are closed again unless they are cleared.
struct Installed {
    table: Arc<FdTable>,
    descriptors: Vec<i32>,
}

impl Installed {
    fn new(table: Arc<FdTable>) -> Self {
        Self {
            table,
            descriptors: Vec::new(),
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        for descriptor in &self.descriptors {
            let _ = self.table.close(*descriptor);
        }
    }
}
