//! An interrupt line as a descriptor (`RG_LINE`): its counts are read, waited for, and
//! acknowledged. What happens at the interrupt is `devices::lines`.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device, block};
use super::file::{Events, FileObject, OpenFile};
use crate::devices::lines::{self, Attachment, Wish};
use crate::errno::{Errno, Result};
use crate::memory::user::{Destination, Source};
use crate::sync::{WaitError, WaitQueue};
use crate::task;
use crate::time::Instant;

/// Bytes of a count.
const SIZE: usize = 8;

/// An open line.
pub struct LineFile {
    attachment: Attachment,
    inode: AnonymousInode,
}

/// Lets a line through, until the last reference to the file goes; `status` may have
/// `O_NONBLOCK`.
///
/// # Errors
/// As [`lines::attach`].
pub fn create(wish: &Wish, status: u32) -> Result<Arc<OpenFile>> {
    let line = LineFile {
        attachment: lines::attach(wish)?,
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    Ok(OpenFile::new(
        Arc::new(line),
        linux::O_RDWR | status,
        b"anon_inode:[line]".to_vec(),
    ))
}

/// The line's count, for the thread that serves it.
///
/// # Errors
/// `EINVAL` (not a line), `ENODEV`, `ETIMEDOUT`, `EINTR`.
pub fn wait(file: &OpenFile, deadline: Option<Instant>) -> Result<u64> {
    let line: &LineFile = file.object.as_any().downcast_ref().ok_or(Errno::EINVAL)?;
    let thread = task::current();
    let process = thread.process().id();
    let result = line.attachment.acknowledge().and_then(|()| {
        // Before it may be woken, so that it is queued ahead of the others.
        thread.serve_until(u64::MAX);
        let take = || line.attachment.take(process).transpose();
        match line.attachment.changed().wait_until(deadline, take) {
            Ok(answer) => answer,
            Err(WaitError::TimedOut) => Err(Errno::ETIMEDOUT),
            Err(WaitError::Interrupted) => Err(Errno::EINTR),
        }
    });
    match result {
        Ok((count, end)) => {
            thread.serve_until(end);
            Ok(count)
        }
        Err(error) => {
            thread.stop_serving();
            Err(error)
        }
    }
}

impl FileObject for LineFile {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        self.attachment.acknowledge()?;
        let (count, _) = block(
            self.attachment.changed(),
            file.is_nonblocking(),
            None,
            || self.attachment.take(0).transpose(),
        )?;
        to.write(&count.to_ne_bytes())
    }

    fn write(&self, _file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let mut bytes = [0; SIZE];
        if from.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        if from.read(&mut bytes)? < SIZE {
            return Err(Errno::EFAULT);
        }
        self.attachment.acknowledge()?;
        // Whoever served it does something else now.
        task::current().stop_serving();
        Ok(SIZE)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        match self.attachment.has_news() {
            Ok(true) => Events::IN | Events::OUT,
            Ok(false) => Events::OUT,
            Err(_) => Events::IN | Events::ERR | Events::HUP,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.attachment.changed())
    }

    fn release(&self, _file: &OpenFile) {
        self.attachment.let_go();
    }

    fn describe(&self) -> String {
        format!("gsi:\t{}\n", self.attachment.gsi())
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
