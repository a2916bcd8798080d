//! A scheduling policy as a descriptor (`RG_POLICY`): what it shares is mapped, its thread
//! waits by it, and the end of the last one is the policy's. What it decides is
//! `task::outside`.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;
use roentgen_abi::policy::BYTES;

use super::anonymous::{AnonymousInode, Device};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::object::MemoryObject;
use crate::memory::user::Source;
use crate::sync::WaitQueue;
use crate::task::outside::record::{MOST_SAID, Why};
use crate::task::outside::{self, Seat};

/// An open policy.
pub struct PolicyFile {
    seat: Arc<Seat>,
    inode: AnonymousInode,
}

/// Makes the current process's the policy, until the last reference to the file goes.
///
/// # Errors
/// As [`outside::attach`].
pub fn create(wanted: u32, is_ranked: bool) -> Result<Arc<OpenFile>> {
    let policy = PolicyFile {
        seat: outside::attach(wanted, is_ranked)?,
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    Ok(OpenFile::new(
        Arc::new(policy),
        linux::O_RDWR,
        b"anon_inode:[policy]".to_vec(),
    ))
}

/// The policy of a file.
///
/// # Errors
/// `EINVAL`: it is none's.
pub fn seat_of(file: &OpenFile) -> Result<&Seat> {
    let policy: &PolicyFile = file.object.as_any().downcast_ref().ok_or(Errno::EINVAL)?;
    Ok(&policy.seat)
}

impl FileObject for PolicyFile {
    /// The policy ends, and says why; an empty line: it just ends.
    fn write(&self, _file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let mut text = [0; MOST_SAID];
        let wanted = from.remaining();
        let length = from.read(&mut text[..wanted.min(MOST_SAID)])?;
        if text[..length] == *b"\n" {
            self.seat.end(Why::GivenBack);
            return Ok(wanted);
        }
        for byte in &mut text[..length] {
            if !matches!(*byte, b' '..=b'~') {
                *byte = b'?';
            }
        }
        self.seat.end(Why::Said(text, length));
        Ok(wanted)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        if self.seat.has_ended() {
            Events::HUP | Events::ERR
        } else if self.seat.has_news() {
            Events::IN | Events::OUT
        } else {
            Events::OUT
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.seat.ended())
    }

    fn memory(&self) -> Result<Arc<MemoryObject>> {
        Ok(self.seat.pages().object().clone())
    }

    fn release(&self, _file: &OpenFile) {
        self.seat.leave();
    }

    fn stat(&self) -> Result<linux::stat> {
        let mut stat = self.inode.stat();
        stat.st_size = BYTES as i64;
        Ok(stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
