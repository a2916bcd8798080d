//! Pipes: the two ends of a buffer of page slots.
//!
//! Here: reading, writing, polling and blocking. Not here: the slots themselves (crate
//! `streams`), `pipe2(2)` (`syscall::poll`'s sibling `syscall::pipe`), and how a FIFO's
//! two sides find each other ([`fifo`]).
//!
//! The lock sleeps and is held over the user copy: no page fault ever needs a pipe. It is
//! what makes writes of up to `PIPE_BUF` bytes atomic, and what makes the bytes and the ends
//! one state: whoever sees that the last writer is gone sees all that it wrote.

mod fifo;

use core::any::Any;
use std::sync::Arc;

use bugs::Bug;
use linux_raw_sys::{general as linux, ioctl};
use streams::pipe_buffer::{PipeBuffer, SLOT};

use super::anonymous::{AnonymousInode, Device, block};
use super::file::{Events, FileObject, OpenFile};
use super::inode::Inode;
use crate::errno::{Errno, Result};
use crate::memory::pressure;
use crate::memory::user::{self, Destination, Source};
use crate::sync::{SleepMutex, WaitQueue};
use crate::task;

pub use fifo::open_fifo;

/// Slots of a new pipe: 64 KiB.
const DEFAULT_SLOTS: usize = 16;

/// `/proc/sys/fs/pipe-max-size`.
const MAX_SIZE: usize = 1 << 20;

/// What both ends share.
///
/// Lock order: `state` before the wait queues' own locks.
pub struct Pipe {
    state: SleepMutex<State>,
    /// Told when there is data, or no writer any more.
    readable: WaitQueue,
    /// Told when there is room, or no reader any more.
    writable: WaitQueue,
}

struct State {
    buffer: PipeBuffer,
    readers: Side,
    writers: Side,
    /// An end for both directions was opened: its pollers know one queue only.
    has_both: bool,
}

/// The ends of one direction.
#[derive(Clone, Copy, Default)]
struct Side {
    open: usize,
    /// How often one was opened: what the other side of a FIFO waits for.
    openings: usize,
}

impl Side {
    fn add(&mut self) {
        self.open += 1;
        self.openings += 1;
    }

    /// Whether it was the last one.
    fn remove(&mut self) -> bool {
        self.open -= 1;
        self.open == 0
    }

    fn is_there(&self) -> bool {
        self.open > 0
    }
}

/// Where `fstat(2)` looks.
#[derive(Clone)]
enum Place {
    Anonymous(Arc<AnonymousInode>),
    Named(Arc<dyn Inode>),
}

/// An open end (or, for a FIFO, both of them).
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// How often a writer had come when this end was opened without one: before the next
    /// one comes, the pipe is not hung up.
    awaits_writer: Option<usize>,
    place: Place,
}

/// Makes a pipe: its reading and its writing end, with the status flags `flags`
/// (`O_NONBLOCK`, `O_DIRECT`).
#[must_use]
pub fn create(flags: u32) -> (Arc<OpenFile>, Arc<OpenFile>) {
    let pipe = Arc::new(Pipe::new());
    let inode = Arc::new(AnonymousInode::new(Device::Pipe, linux::S_IFIFO | 0o600));
    let name = inode.name("pipe");
    let end = |reads: bool| {
        let place = Place::Anonymous(inode.clone());
        let mode = if reads {
            linux::O_RDONLY
        } else {
            linux::O_WRONLY
        };
        let end = PipeEnd::open(&pipe, reads, !reads, place);
        OpenFile::new(Arc::new(end), mode | flags, name.clone())
    };
    (end(true), end(false))
}

impl Pipe {
    fn new() -> Self {
        Self {
            state: SleepMutex::new(State {
                buffer: PipeBuffer::new(DEFAULT_SLOTS),
                readers: Side::default(),
                writers: Side::default(),
                has_both: false,
            }),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
        }
    }

    /// Readers and writers.
    fn sides(&self) -> (Side, Side) {
        let state = self.state.lock();
        (state.readers, state.writers)
    }

    /// There is room again; `has_both` as the state said.
    fn tell_of_room(&self, has_both: bool) {
        self.writable.wake_all();
        if has_both {
            self.readable.wake_all();
        }
    }

    /// One pass of a read; None where it has to wait.
    fn try_read(&self, to: &mut Destination<'_>) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        let buffer = &mut state.buffer;
        let was_full = buffer.is_full();
        let mut done = 0;
        let mut error = None;
        while to.remaining() > 0 {
            match buffer.pop(|bytes| to.write(bytes)) {
                Ok(Some((count, ends_read))) => {
                    done += count;
                    if ends_read || count == 0 {
                        break;
                    }
                }
                Ok(None) => break,
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            }
        }
        let has_room = was_full && !buffer.is_full();
        let (has_writers, has_both) = (state.writers.is_there(), state.has_both);
        drop(state);
        if has_room && !bugs::has(Bug::SilentPipe) {
            self.tell_of_room(has_both);
        }
        match error {
            _ if done > 0 => Some(Ok(done)),
            Some(fault) => Some(Err(fault)),
            None if has_writers => None,
            None => Some(Ok(0)),
        }
    }

    /// One pass of a write: as much as there is room for; None where that is nothing.
    fn try_write(&self, from: &mut Source<'_>, is_packet: bool) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        if !state.readers.is_there() {
            return Some(Err(Errno::EPIPE));
        }
        if let Err(error) = pressure::check_reserve(Errno::ENOMEM) {
            return Some(Err(error));
        }
        let buffer = &mut state.buffer;
        let was_empty = buffer.is_empty();
        let whole = from.remaining();
        let mut done = 0;
        let mut error = None;
        if !is_packet {
            match buffer.append(whole, |place| from.read(place)) {
                Ok(count) => done = count,
                Err(fault) => error = Some(fault),
            }
        }
        while error.is_none() && from.remaining() > 0 {
            match buffer.push(from.remaining(), is_packet, |place| from.read(place)) {
                Ok(Some(0)) | Ok(None) => break,
                Ok(Some(count)) => done += count,
                Err(fault) => error = Some(fault),
            }
        }
        drop(state);
        if was_empty && done > 0 {
            self.readable.wake_all();
        }
        match error {
            _ if done > 0 => Some(Ok(done)),
            Some(fault) => Some(Err(fault)),
            None => None,
        }
    }

    /// Bytes, rounded up to slots and a power of two, as `F_SETPIPE_SZ` asks for.
    fn set_size(&self, bytes: usize) -> Result<usize> {
        if bytes > i32::MAX as usize {
            return Err(Errno::EINVAL);
        }
        let slots = bytes.div_ceil(SLOT).max(1).next_power_of_two();
        if slots * SLOT > MAX_SIZE && task::current_process().credentials().euid != 0 {
            return Err(Errno::EPERM);
        }
        let mut state = self.state.lock();
        let was_full = state.buffer.is_full();
        if !state.buffer.set_limit(slots) {
            return Err(Errno::EBUSY);
        }
        let has_room = was_full && !state.buffer.is_full();
        let has_both = state.has_both;
        drop(state);
        if has_room {
            self.tell_of_room(has_both);
        }
        Ok(slots * SLOT)
    }
}

impl PipeEnd {
    fn open(pipe: &Arc<Pipe>, reads: bool, writes: bool, place: Place) -> Self {
        let mut state = pipe.state.lock();
        let awaits_writer =
            (!writes && !state.writers.is_there()).then_some(state.writers.openings);
        state.has_both |= reads && writes;
        if reads {
            state.readers.add();
        }
        if writes {
            state.writers.add();
        }
        drop(state);
        if reads {
            pipe.writable.wake_all();
        }
        if writes {
            pipe.readable.wake_all();
        }
        Self {
            pipe: pipe.clone(),
            reads,
            writes,
            awaits_writer,
            place,
        }
    }

    /// `F_GETPIPE_SZ`, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pipe.state.lock().buffer.limit() * SLOT
    }

    /// `F_SETPIPE_SZ`: the new size in bytes.
    ///
    /// # Errors
    /// `EINVAL`, `EPERM`, and `EBUSY` where more is inside.
    pub fn set_size(&self, bytes: usize) -> Result<usize> {
        self.pipe.set_size(bytes)
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let pipe = &self.pipe;
        let mut state = pipe.state.lock();
        let has_no_reader = self.reads && state.readers.remove();
        let has_no_writer = self.writes && state.writers.remove();
        // Nobody is left: a FIFO forgets what was in it.
        let unread = (!state.readers.is_there() && !state.writers.is_there())
            .then(|| core::mem::replace(&mut state.buffer, PipeBuffer::new(DEFAULT_SLOTS)));
        drop(state);
        drop(unread);
        if has_no_reader {
            pipe.writable.wake_all();
        }
        if has_no_writer {
            pipe.readable.wake_all();
        }
    }
}

impl FileObject for PipeEnd {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if !self.reads {
            return Err(Errno::EBADF);
        }
        if to.remaining() == 0 {
            return Ok(0);
        }
        let pipe = &self.pipe;
        block(&pipe.readable, file.is_nonblocking(), None, || {
            pipe.try_read(to)
        })
    }

    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        if !self.writes {
            return Err(Errno::EBADF);
        }
        let whole = from.remaining();
        let is_packet = file.flags() & linux::O_DIRECT != 0;
        let pipe = &self.pipe;
        let mut done = 0;
        while done < whole {
            let step = block(&pipe.writable, file.is_nonblocking(), None, || {
                pipe.try_write(from, is_packet)
            });
            match step {
                Ok(count) => done += count,
                Err(error) => {
                    if error == Errno::EPIPE {
                        task::current_process().send_signal(linux::SIGPIPE);
                    }
                    if done > 0 {
                        break;
                    }
                    return Err(error);
                }
            }
        }
        Ok(done)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        let state = self.pipe.state.lock();
        let mut events = Events::empty();
        if self.reads {
            if !state.buffer.is_empty() {
                events |= Events::IN | Events::RDNORM;
            }
            let Side { openings, .. } = state.writers;
            if !state.writers.is_there() && self.awaits_writer != Some(openings) {
                events |= Events::HUP;
            }
        }
        if self.writes {
            if !state.buffer.is_full() {
                events |= Events::OUT | Events::WRNORM;
            }
            if !state.readers.is_there() {
                events |= Events::ERR;
            }
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(if self.reads {
            &self.pipe.readable
        } else {
            &self.pipe.writable
        })
    }

    fn ioctl(&self, _file: &OpenFile, request: u32, argument: usize) -> Result<usize> {
        match request {
            ioctl::FIONREAD => {
                let length = self.pipe.state.lock().buffer.len();
                user::write(argument, &i32::try_from(length).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileObject>> {
        fifo::reopen(self, flags)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(match &self.place {
            Place::Anonymous(inode) => inode.stat(),
            Place::Named(inode) => inode.metadata().to_stat(),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn end_of(file: &OpenFile) -> Result<&PipeEnd> {
    file.object.as_any().downcast_ref().ok_or(Errno::EBADF)
}

/// `F_GETPIPE_SZ` of any file.
///
/// # Errors
/// `EBADF` where it is no pipe.
pub fn size(file: &OpenFile) -> Result<usize> {
    Ok(end_of(file)?.size())
}

/// `F_SETPIPE_SZ` of any file.
///
/// # Errors
/// `EBADF` where it is no pipe; those of [`PipeEnd::set_size`].
pub fn set_size(file: &OpenFile, bytes: usize) -> Result<usize> {
    end_of(file)?.set_size(bytes)
}
