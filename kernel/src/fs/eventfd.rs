//! `eventfd(2)`: a counter that can be waited for.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device, block};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::user::{Destination, Source};
use crate::sync::{IrqLock, WaitQueue};

/// The counter's bytes in a read or a write.
const SIZE: usize = 8;

struct EventFd {
    count: IrqLock<u64>,
    is_semaphore: bool,
    /// Told when the counter leaves zero, or has room again.
    changed: WaitQueue,
    inode: AnonymousInode,
}

/// An eventfd that counts from `count`; `flags` are those of `eventfd2(2)`.
///
/// # Errors
/// `EINVAL` for unknown flags.
pub fn create(count: u32, flags: u32) -> Result<Arc<OpenFile>> {
    if flags & !(linux::EFD_SEMAPHORE | linux::EFD_CLOEXEC | linux::EFD_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let event = EventFd {
        count: IrqLock::new(u64::from(count)),
        is_semaphore: flags & linux::EFD_SEMAPHORE != 0,
        changed: WaitQueue::new(),
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    let status = linux::O_RDWR | (flags & linux::EFD_NONBLOCK);
    Ok(OpenFile::new(
        Arc::new(event),
        status,
        b"anon_inode:[eventfd]".to_vec(),
    ))
}

impl EventFd {
    fn take(&self) -> Option<u64> {
        let mut count = self.count.lock();
        match *count {
            0 => None,
            _ if self.is_semaphore => {
                *count -= 1;
                Some(1)
            }
            all => {
                *count = 0;
                Some(all)
            }
        }
    }

    fn add(&self, amount: u64) -> Option<()> {
        let mut count = self.count.lock();
        let sum = count.checked_add(amount).filter(|sum| *sum < u64::MAX)?;
        *count = sum;
        Some(())
    }
}

impl FileObject for EventFd {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        let count = block(&self.changed, file.is_nonblocking(), None, || {
            self.take().map(Ok)
        })?;
        self.changed.wake_all();
        to.write(&count.to_ne_bytes())
    }

    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let mut bytes = [0; SIZE];
        if from.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        if from.read(&mut bytes)? < SIZE {
            return Err(Errno::EFAULT);
        }
        let amount = u64::from_ne_bytes(bytes);
        if amount == u64::MAX {
            return Err(Errno::EINVAL);
        }
        block(&self.changed, file.is_nonblocking(), None, || {
            self.add(amount).map(Ok)
        })?;
        self.changed.wake_all();
        Ok(SIZE)
    }

    fn seek(&self, _file: &OpenFile, _offset: i64, _whence: u32) -> Result<u64> {
        // Linux's `noop_llseek`.
        Ok(0)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        let count = *self.count.lock();
        let mut events = Events::empty();
        if count > 0 {
            events |= Events::IN;
        }
        if count < u64::MAX - 1 {
            events |= Events::OUT;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.changed)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
