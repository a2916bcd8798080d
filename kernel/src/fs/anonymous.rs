//! What all files without a name have in common: inode numbers, `fstat(2)`, and
//! blocking until something can be done.

use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general as linux;

use super::inode::Time;
use crate::errno::{Errno, Result};
use crate::sync::{WaitError, WaitQueue};
use crate::task;
use crate::time::Instant;

/// File systems without a mount point, which only `st_dev` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Pipes.
    Pipe,
    /// Sockets.
    Socket,
    /// eventfd, epoll, timerfd, signalfd.
    Event,
}

static NEXT_INODE: AtomicU64 = AtomicU64::new(0x1000);

/// A number that no other pipe, socket or event file has.
#[must_use]
pub fn next_inode() -> u64 {
    NEXT_INODE.fetch_add(1, Ordering::Relaxed)
}

/// The inode of a file without a name: made once, told by `fstat(2)`.
pub struct AnonymousInode {
    number: u64,
    device: Device,
    mode: u32,
    born: Time,
    uid: u32,
    gid: u32,
}

impl AnonymousInode {
    /// A new one of the current process; `mode` with type bits.
    #[must_use]
    pub fn new(device: Device, mode: u32) -> Self {
        let credentials = task::current_process().credentials();
        Self::with_owner(device, mode, credentials.euid, credentials.egid)
    }

    /// A new one of this user, for the kernel itself.
    #[must_use]
    pub fn with_owner(device: Device, mode: u32, uid: u32, gid: u32) -> Self {
        Self {
            number: next_inode(),
            device,
            mode,
            born: Time::now(),
            uid,
            gid,
        }
    }

    /// What `/proc/self/fd/N` shows: `pipe:[4711]`.
    #[must_use]
    pub fn name(&self, kind: &str) -> Vec<u8> {
        format!("{kind}:[{}]", self.number).into_bytes()
    }

    /// The structure of `fstat(2)`.
    #[must_use]
    pub fn stat(&self) -> linux::stat {
        let device = match self.device {
            Device::Pipe => 13,
            Device::Socket => 8,
            Device::Event => 15,
        };
        let mut stat = empty_stat();
        stat.st_dev = device;
        stat.st_ino = self.number;
        stat.st_nlink = 1;
        stat.st_mode = self.mode;
        stat.st_uid = self.uid;
        stat.st_gid = self.gid;
        stat.st_blksize = 4096;
        let seconds = self.born.seconds.cast_unsigned();
        let nanos = u64::from(self.born.nanos);
        (stat.st_atime, stat.st_atime_nsec) = (seconds, nanos);
        (stat.st_mtime, stat.st_mtime_nsec) = (seconds, nanos);
        (stat.st_ctime, stat.st_ctime_nsec) = (seconds, nanos);
        stat
    }
}

/// A `struct stat` of zeros.
#[must_use]
pub fn empty_stat() -> linux::stat {
    linux::stat {
        st_dev: 0,
        st_ino: 0,
        st_nlink: 0,
        st_mode: 0,
        st_uid: 0,
        st_gid: 0,
        __pad0: 0,
        st_rdev: 0,
        st_size: 0,
        st_blksize: 0,
        st_blocks: 0,
        st_atime: 0,
        st_atime_nsec: 0,
        st_mtime: 0,
        st_mtime_nsec: 0,
        st_ctime: 0,
        st_ctime_nsec: 0,
        __unused: [0; 3],
    }
}

/// Asks `attempt` until it has an answer, blocking on `queue` between.
///
/// # Errors
/// `EAGAIN` where `is_nonblocking`, or the deadline passed; `RestartOrEintr` on a signal
/// (`EINTR` where there is a deadline, which a restart would begin anew).
pub fn block<T>(
    queue: &WaitQueue,
    is_nonblocking: bool,
    deadline: Option<Instant>,
    mut attempt: impl FnMut() -> Option<Result<T>>,
) -> Result<T> {
    if is_nonblocking {
        return attempt().unwrap_or(Err(Errno::EAGAIN));
    }
    match queue.wait_until(deadline, attempt) {
        Ok(answer) => answer,
        Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
        Err(WaitError::Interrupted) if deadline.is_some() => Err(Errno::EINTR),
        Err(WaitError::Interrupted) => Err(Errno::RestartOrEintr),
    }
}
