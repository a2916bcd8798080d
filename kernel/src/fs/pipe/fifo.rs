//! Named pipes: how the two sides of a FIFO find each other, and opening a pipe that has
//! no name by way of one of its descriptors.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use linux_raw_sys::general as linux;

use super::{Pipe, PipeEnd, Place, Side};
use crate::errno::{Errno, Result};
use crate::fs::file::FileObject;
use crate::fs::inode::Inode;
use crate::sync::{SleepMutex, WaitError};

/// The pipes of FIFOs that are open, by device and inode number.
static OPEN: SleepMutex<BTreeMap<(u64, u64), Weak<Pipe>>> = SleepMutex::new(BTreeMap::new());

/// Opens the FIFO `inode` with the flags of `open(2)`: waits for the other side, as
/// fifo(7) says.
///
/// # Errors
/// `ENXIO` for a non-blocking writer without a reader; `RestartOrEintr`.
pub fn open_fifo(inode: Arc<dyn Inode>, flags: u32) -> Result<Arc<dyn FileObject>> {
    let mode = flags & linux::O_ACCMODE;
    let reads = mode == linux::O_RDONLY || mode == linux::O_RDWR;
    let writes = mode == linux::O_WRONLY || mode == linux::O_RDWR;
    if !reads && !writes {
        return Err(Errno::EINVAL);
    }
    let is_nonblocking = flags & linux::O_NONBLOCK != 0;
    let pipe = pipe_of(&*inode);
    // As it is before this end comes: an other side that comes from now on counts, even if it is
    // gone again when this thread looks.
    let (readers, writers) = pipe.sides();
    if writes && !reads && is_nonblocking && !readers.is_there() {
        return Err(Errno::ENXIO);
    }
    let end = PipeEnd::open(&pipe, reads, writes, Place::Named(inode));
    let has_come =
        |before: Side, now: Side| (now.is_there() || now.openings != before.openings).then_some(());
    let waited = match (reads, writes) {
        _ if is_nonblocking => Ok(()),
        (true, false) => pipe
            .readable
            .wait_until(None, || has_come(writers, pipe.sides().1)),
        (false, true) => pipe
            .writable
            .wait_until(None, || has_come(readers, pipe.sides().0)),
        _ => Ok(()),
    };
    match waited {
        Ok(()) => Ok(Arc::new(end)),
        Err(WaitError::Interrupted | WaitError::TimedOut) => Err(Errno::RestartOrEintr),
    }
}

/// Opens another end of an end's pipe (`/proc/self/fd/N`, `/dev/stdin`): without waiting,
/// since a pipe that nobody else has open gets nobody else.
///
/// # Errors
/// `EINVAL` for a mode that is none.
pub(super) fn reopen(end: &PipeEnd, flags: u32) -> Result<Arc<dyn FileObject>> {
    let (reads, writes) = match flags & linux::O_ACCMODE {
        linux::O_RDONLY => (true, false),
        linux::O_WRONLY => (false, true),
        linux::O_RDWR => (true, true),
        _ => return Err(Errno::EINVAL),
    };
    let mut other = PipeEnd::open(&end.pipe, reads, writes, end.place.clone());
    other.awaits_writer = None;
    Ok(Arc::new(other))
}

fn pipe_of(inode: &dyn Inode) -> Arc<Pipe> {
    let mut open = OPEN.lock();
    let key = inode.identity();
    if let Some(pipe) = open.get(&key).and_then(Weak::upgrade) {
        return pipe;
    }
    open.retain(|_, pipe| pipe.strong_count() > 0);
    let pipe = Arc::new(Pipe::new());
    open.insert(key, Arc::downgrade(&pipe));
    pipe
}
