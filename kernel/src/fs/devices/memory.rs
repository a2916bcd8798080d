//! The devices behind which there is no hardware: null, zero, full, random, kmsg.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::{general as linux, ioctl};

use crate::errno::{Errno, Result};
use crate::fs::file::{FileObject, OpenFile};
use crate::fs::inode::Inode;
use crate::memory::object::MemoryObject;
use crate::memory::user::{self, Destination, Source};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Nothing to read, everything may be written.
    Null,
    /// Zeros.
    Zero,
    /// Zeros to read, no room to write.
    Full,
    /// Random bytes; `/dev/random` does not block either (Linux since 5.6).
    Random,
    /// Writes go to the kernel's log.
    Log,
}

/// An open one.
pub struct MemoryDevice {
    which: Which,
    inode: Arc<dyn Inode>,
}

/// Random bytes are made in pieces of this many.
const PIECE: usize = 256;
/// Longest line that a program can put in the kernel's log.
const LONGEST_LINE: usize = 976;

impl MemoryDevice {
    /// Opened by the node `inode`.
    #[must_use]
    pub fn new(which: Which, inode: Arc<dyn Inode>) -> Self {
        Self { which, inode }
    }
}

impl FileObject for MemoryDevice {
    fn read(&self, _file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        match self.which {
            Which::Null => Ok(0),
            Which::Zero | Which::Full => {
                let mut done = 0;
                while to.remaining() > 0 {
                    let wanted = to.remaining().min(1 << 20);
                    match to.write_zeros(wanted) {
                        Ok(count) => done += count,
                        Err(error) if done == 0 => return Err(error),
                        Err(_) => break,
                    }
                    if has_signal() {
                        break;
                    }
                }
                Ok(done)
            }
            Which::Random => read_random(to),
            Which::Log => Err(Errno::EAGAIN),
        }
    }

    fn write(&self, _file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        match self.which {
            Which::Full => Err(Errno::ENOSPC),
            Which::Log => {
                let mut line = [0; LONGEST_LINE];
                let count = from.read(&mut line)?;
                let text = line.get(..count).unwrap_or_default();
                crate::log!("user: {}", String::from_utf8_lossy(text).trim_end());
                Ok(count)
            }
            Which::Random => {
                // Stirred in by Linux; ours has a generator that needs no more.
                let mut bytes = [0; PIECE];
                let mut done = 0;
                while from.remaining() > 0 {
                    match from.read(&mut bytes) {
                        Ok(count) => done += count,
                        Err(error) if done == 0 => return Err(error),
                        Err(_) => break,
                    }
                }
                Ok(done)
            }
            // Linux does not look at the bytes either.
            Which::Null | Which::Zero => Ok(from.remaining()),
        }
    }

    fn read_at(&self, file: &OpenFile, _offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        self.read(file, to)
    }

    fn write_at(&self, file: &OpenFile, _offset: u64, from: &mut Source<'_>) -> Result<usize> {
        self.write(file, from)
    }

    fn seek(&self, _file: &OpenFile, _offset: i64, _whence: u32) -> Result<u64> {
        Ok(0)
    }

    fn ioctl(&self, _file: &OpenFile, request: u32, argument: usize) -> Result<usize> {
        if self.which == Which::Random && request == ioctl::RNDGETENTCNT {
            user::write(argument, &256_i32)?;
            return Ok(0);
        }
        match self.which {
            Which::Random => Err(Errno::EINVAL),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.metadata().to_stat())
    }

    fn memory(&self) -> Result<Arc<MemoryObject>> {
        match self.which {
            // Every mapping of /dev/zero is memory of its own.
            Which::Zero => Ok(MemoryObject::new(i64::MAX as u64)),
            _ => Err(Errno::ENODEV),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn has_signal() -> bool {
    crate::task::current().has_pending_signal()
}

/// Fills `to` with random bytes; a signal ends it after the first page.
pub fn read_random(to: &mut Destination<'_>) -> Result<usize> {
    let mut bytes = [0; PIECE];
    let mut done = 0;
    while to.remaining() > 0 {
        crate::entropy::fill(&mut bytes);
        match to.write(&bytes) {
            Ok(count) => done += count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if done % 4096 == 0 && has_signal() {
            break;
        }
    }
    bytes.fill(0);
    Ok(done)
}
