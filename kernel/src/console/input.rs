//! Standard input as a stream of bytes from the host, within the credit given to it.

use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use linux_raw_sys::{general as linux, ioctl};
use streams::byte_ring::ByteRing;

use super::Console;
use crate::errno::{Errno, Result};
use crate::fs::anonymous::{AnonymousInode, Device, block};
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::memory::user::{self, Destination};
use crate::sync::{IrqLock, WaitQueue};

/// What the host may send ahead: the size of a Linux pipe.
pub const WINDOW: usize = 64 << 10;

/// The credit is renewed in steps of this many bytes.
const STEP: usize = WINDOW / 4;

/// Bytes moved at a time.
const PIECE: usize = 4096;

/// What came and was not read yet.
pub struct Input {
    ring: IrqLock<ByteRing>,
    has_ended: AtomicBool,
    /// Bytes read since the last credit.
    uncredited: AtomicUsize,
    readable: WaitQueue,
}

impl Input {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ring: IrqLock::new(ByteRing::new(WINDOW)),
            has_ended: AtomicBool::new(false),
            uncredited: AtomicUsize::new(0),
            readable: WaitQueue::new(),
        }
    }

    /// Takes bytes from the host; says how many found room.
    pub fn push(&self, bytes: &[u8]) -> usize {
        let (count, was_empty) = {
            let mut ring = self.ring.lock();
            let was_empty = ring.is_empty();
            (ring.push(bytes), was_empty)
        };
        if was_empty && count > 0 {
            self.readable.wake_all();
        }
        count
    }

    /// No more will come.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        self.readable.wake_all();
    }

    fn try_read(&self, to: &mut Destination<'_>, piece: &mut [u8]) -> Option<Result<usize>> {
        let mut done = 0;
        while to.remaining() > 0 {
            let limit = piece.len().min(to.remaining());
            // Before the ring is found empty: the end comes after the last byte.
            let has_ended = self.has_ended.load(Ordering::SeqCst);
            let count = self.ring.lock().pop(&mut piece[..limit]);
            if count == 0 {
                return (done > 0 || has_ended).then_some(Ok(done));
            }
            match to.write(&piece[..count]) {
                Ok(written) if written == count => done += count,
                Ok(written) => return Some(Ok(done + written)),
                Err(error) if done == 0 => return Some(Err(error)),
                Err(_) => break,
            }
        }
        Some(Ok(done))
    }
}

/// The open file of it.
pub struct InputFile {
    console: &'static Console,
    inode: AnonymousInode,
}

impl InputFile {
    /// Opens standard input and gives the host its first credit.
    #[must_use]
    pub fn open(console: &'static Console) -> Arc<OpenFile> {
        console.receive.is_stream.store(true, Ordering::Relaxed);
        console.grant(WINDOW);
        let inode = AnonymousInode::with_owner(Device::Pipe, linux::S_IFIFO | 0o600, 0, 0);
        let name = inode.name("pipe");
        OpenFile::new(Arc::new(Self { console, inode }), linux::O_RDONLY, name)
    }
}

impl FileObject for InputFile {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        let input = &self.console.input;
        let mut piece = vec![0; PIECE];
        let done = block(&input.readable, file.is_nonblocking(), None, || {
            input.try_read(to, &mut piece)
        })?;
        let uncredited = input.uncredited.fetch_add(done, Ordering::Relaxed) + done;
        if uncredited >= STEP {
            let due = input.uncredited.swap(0, Ordering::Relaxed);
            self.console.grant(due);
        }
        Ok(done)
    }

    fn write(&self, _file: &OpenFile, _from: &mut user::Source<'_>) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        let input = &self.console.input;
        let mut events = Events::empty();
        if input.has_ended.load(Ordering::SeqCst) {
            events |= Events::HUP;
        }
        if !input.ring.lock().is_empty() {
            events |= Events::IN | Events::RDNORM;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.console.input.readable)
    }

    fn ioctl(&self, _file: &OpenFile, request: u32, argument: usize) -> Result<usize> {
        match request {
            ioctl::FIONREAD => {
                let length = self.console.input.ring.lock().len();
                user::write(argument, &i32::try_from(length).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
