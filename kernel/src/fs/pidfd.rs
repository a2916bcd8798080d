//! `pidfd_open(2)`: a process as something to wait for, and to signal without the risk
//! that its id has become another's. Not here: the calls ([`crate::syscall::pidfd`]).

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device};
use super::file::{Events, FileObject, OpenFile};
use super::procfs;
use crate::errno::{Errno, Result};
use crate::sync::WaitQueue;
use crate::task::Process;

/// An open process. It is ready to be read once the process has ended, and stays so; a
/// read itself is always `EINVAL`.
pub struct PidFd {
    process: Arc<Process>,
    inode: AnonymousInode,
}

/// A file for `process`; `status` is `O_NONBLOCK` (`PIDFD_NONBLOCK`) or nothing.
#[must_use]
pub fn create(process: Arc<Process>, status: u32) -> Arc<OpenFile> {
    let object = PidFd {
        process,
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    OpenFile::new(
        Arc::new(object),
        linux::O_RDWR | status,
        b"anon_inode:[pidfd]".to_vec(),
    )
}

/// The process behind a pidfd, which may have ended and been waited for.
///
/// # Errors
/// `EBADF` where `file` is none.
pub fn process_of(file: &OpenFile) -> Result<Arc<Process>> {
    let object = file.object.as_any().downcast_ref::<PidFd>();
    object
        .map(|pidfd| pidfd.process.clone())
        .ok_or(Errno::EBADF)
}

/// The process behind a pidfd or an open directory `/proc/PID`: the two kinds that
/// `pidfd_send_signal(2)` takes.
///
/// # Errors
/// `EBADF` where `file` is neither; `ESRCH` where the directory's process is gone.
pub fn process_of_either(file: &OpenFile) -> Result<Arc<Process>> {
    match file.location() {
        None => process_of(file),
        Some(location) => procfs::process_of(&*location.inode).ok_or(Errno::EBADF)?,
    }
}

impl FileObject for PidFd {
    fn poll(&self, _file: &OpenFile) -> Events {
        if self.process.is_zombie() {
            Events::IN | Events::RDNORM
        } else {
            Events::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.process.end())
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn describe(&self) -> String {
        // -1 once the parent has waited for it.
        let id = match self.process.is_registered() {
            true => self.process.id().cast_signed(),
            false => -1,
        };
        format!("Pid:\t{id}\nNSpid:\t{id}\n")
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
