//! `signalfd(2)`: signals that are blocked, as something to read and to poll.

use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device, block};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::user::Destination;
use crate::sync::WaitQueue;
use crate::task::signal::{self, SigInfo, info::Detail};
use crate::task::{self, Process};

/// Bytes of `struct signalfd_siginfo`.
const SIZE: usize = 128;

/// An open set of signals. Reads and polls ask for the caller's own signals, as on Linux;
/// only the wait queue of pollers is that of the process that made it.
pub struct SignalFd {
    mask: AtomicU64,
    maker: Arc<Process>,
    inode: AnonymousInode,
}

/// A file for the signals in `mask`; `status` is `O_NONBLOCK` or nothing.
#[must_use]
pub fn create(mask: u64, status: u32) -> Arc<OpenFile> {
    let file = SignalFd {
        mask: AtomicU64::new(mask & !signal::UNSTOPPABLE),
        maker: task::current_process(),
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    OpenFile::new(
        Arc::new(file),
        linux::O_RDWR | status,
        b"anon_inode:[signalfd]".to_vec(),
    )
}

impl SignalFd {
    /// The set behind `file`.
    ///
    /// # Errors
    /// `EINVAL` where it is none.
    pub fn of(file: &OpenFile) -> Result<&Self> {
        file.object.as_any().downcast_ref().ok_or(Errno::EINVAL)
    }

    /// Changes the set.
    pub fn set_mask(&self, mask: u64) {
        self.mask
            .store(mask & !signal::UNSTOPPABLE, Ordering::SeqCst);
        self.maker.signals().arrivals.wake_all();
    }
}

impl FileObject for SignalFd {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        let thread = task::current();
        let arrivals = &thread.process().signals().arrivals;
        let take = || signal::take(&thread, self.mask.load(Ordering::SeqCst));
        let first = block(arrivals, file.is_nonblocking(), None, || take().map(Ok))?;
        let mut done = to.write(&record(&first))?;
        while to.remaining() >= SIZE
            && let Some(next) = take()
        {
            match to.write(&record(&next)) {
                Ok(count) => done += count,
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn seek(&self, _file: &OpenFile, _offset: i64, _whence: u32) -> Result<u64> {
        // Linux's `noop_llseek`.
        Ok(0)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        let thread = task::current();
        let pending = thread.signals().pending() | thread.process().signals().pending();
        match pending & self.mask.load(Ordering::SeqCst) {
            0 => Events::empty(),
            _ => Events::IN,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.maker.signals().arrivals)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `struct signalfd_siginfo` (`signalfd(2)`).
fn record(info: &SigInfo) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &info.signal.to_ne_bytes());
    put(8, &info.code.to_ne_bytes());
    match info.detail {
        Detail::None => {}
        Detail::Sender(process, user, value) => {
            put(12, &process.to_ne_bytes());
            put(16, &user.to_ne_bytes());
            put(44, &(value as u32).to_ne_bytes());
            put(48, &value.to_ne_bytes());
        }
        Detail::Child(process, user, status, user_time, system_time) => {
            put(12, &process.to_ne_bytes());
            put(16, &user.to_ne_bytes());
            put(40, &status.to_ne_bytes());
            put(56, &user_time.to_ne_bytes());
            put(64, &system_time.to_ne_bytes());
        }
        Detail::Address(address) => put(72, &address.to_ne_bytes()),
        Detail::Timer(timer, overrun, value) => {
            put(24, &timer.to_ne_bytes());
            put(32, &overrun.to_ne_bytes());
            put(44, &(value as u32).to_ne_bytes());
            put(48, &value.to_ne_bytes());
        }
    }
    bytes
}
