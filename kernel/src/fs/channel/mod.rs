//! Channels: messages from any of several senders to any of several receivers.
//!
//! Here: ends as files, and the calls on them. Not here: messages ([`crate::message`]), who
//! is told of what (crate `streams`, where the model checker sees it), which ends may be
//! sent where ([`nesting`]).
//!
//! A message is taken from its sender's memory before the channel's lock is taken, and
//! delivered after it was released; until it is delivered it keeps its place, to which it
//! returns where that fails.

mod nesting;

use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use bugs::Bug;
use linux_raw_sys::general as linux;
use roentgen_abi::syscall::{FOREVER, MOST_CAPACITY};
use streams::channel::{self, End, Found, Lock, Rights, State, Unsent, Waiters};

use super::anonymous::{AnonymousInode, Device};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::pressure;
use crate::message::{Message, Room, Size, Undelivered};
use crate::sync::{IrqLock, WaitError, WaitQueue};
use crate::time::Instant;

crate::counters! {
    /// Messages sent into channels, and received from them.
    static SENDS = "channel_sends";
    static RECEIVES = "channel_receives";
    /// Sends and receives that could not be done at once, and waited.
    static WAITS = "channel_waits";
}

/// The lock is a leaf; nothing is allocated or dropped under it.
type Channel = channel::Channel<IrqLock<State<Message>>, WaitQueue>;

impl<T> Lock for IrqLock<T> {
    type Value = T;

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.lock())
    }
}

impl Waiters for WaitQueue {
    type Patience = Option<Instant>;
    type GaveUp = WaitError;

    fn wait<R>(
        &self,
        deadline: Option<Instant>,
        ready: impl FnMut() -> Option<R>,
    ) -> core::result::Result<R, WaitError> {
        self.wait_until(deadline, ready)
    }

    fn wake_one(&self) {
        if !bugs::has(Bug::SilentChannel) {
            self.wake_one();
        }
    }

    fn wake_all(&self) {
        self.wake_all();
    }
}

impl From<End> for Errno {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::EPIPE,
            End::Deserted => Self::ECONNRESET,
        }
    }
}

/// An end of a channel: what may be done by it, and one of those that the others count.
pub struct ChannelEnd {
    channel: Arc<Channel>,
    rights: Rights,
    has_left: AtomicBool,
    inode: Arc<AnonymousInode>,
}

/// Makes a channel of up to `capacity` messages: a first end, that sends and receives.
/// `status`: `O_NONBLOCK` or nothing.
///
/// # Errors
/// `EINVAL` for a capacity that no channel can have.
pub fn create(capacity: usize, status: u32) -> Result<Arc<OpenFile>> {
    if !(1..=MOST_CAPACITY).contains(&capacity) {
        return Err(Errno::EINVAL);
    }
    let state = IrqLock::new(State::new(capacity));
    let [receivers, senders, pollers] = [const { WaitQueue::new() }; 3];
    let channel = Channel::new(state, receivers, senders, pollers);
    let inode = AnonymousInode::new(Device::Event, 0o600);
    open(&Arc::new(channel), &Arc::new(inode), linux::O_RDWR | status)
}

/// An end with the access mode and status flags of `flags`.
fn open(channel: &Arc<Channel>, inode: &Arc<AnonymousInode>, flags: u32) -> Result<Arc<OpenFile>> {
    let rights = rights(flags)?;
    channel.join(rights);
    let end = ChannelEnd {
        channel: channel.clone(),
        rights,
        has_left: AtomicBool::new(false),
        inode: inode.clone(),
    };
    let name = b"anon_inode:[channel]".to_vec();
    Ok(OpenFile::new(Arc::new(end), flags, name))
}

/// What an access mode allows.
fn rights(flags: u32) -> Result<Rights> {
    let (sends, receives) = match flags & linux::O_ACCMODE {
        linux::O_RDONLY => (false, true),
        linux::O_WRONLY => (true, false),
        linux::O_RDWR => (true, true),
        _ => return Err(Errno::EINVAL),
    };
    Ok(Rights { sends, receives })
}

fn end_of(file: &OpenFile) -> Option<&ChannelEnd> {
    file.object.as_any().downcast_ref()
}

/// A further end of the same channel; `flags` has the access mode and `O_NONBLOCK`.
///
/// # Errors
/// `EBADF` where `file` is no end, `EACCES` where it may not do that itself, `EINVAL`.
pub fn further(file: &OpenFile, flags: u32) -> Result<Arc<OpenFile>> {
    let end = end_of(file).ok_or(Errno::EBADF)?;
    let wanted = rights(flags)?;
    if (wanted.sends && !end.rights.sends) || (wanted.receives && !end.rights.receives) {
        return Err(Errno::EACCES);
    }
    open(&end.channel, &end.inode, flags)
}

/// What another process gets of an open file: of a channel's end a further end that may do
/// the same, of anything else the file itself.
#[must_use]
pub fn for_another(file: Arc<OpenFile>) -> Arc<OpenFile> {
    let flags = file.flags() & (linux::O_ACCMODE | linux::O_NONBLOCK);
    further(&file, flags).unwrap_or(file)
}

/// Takes back what [`for_another`] made for a process that never got it, as if it never had
/// been.
pub fn take_back(file: &OpenFile) {
    if let Some(end) = end_of(file) {
        // None where there are other receivers, as there were before.
        drop(end.go(Channel::retract));
    }
}

/// Drops files that travelled with a message: those of messages that go with them as well,
/// one after the other, however deep they lie.
pub fn drop_files(mut files: Vec<Arc<OpenFile>>) {
    while let Some(file) = files.pop() {
        // The last reference: else another one drops it.
        let Some(file) = Arc::into_inner(file) else {
            continue;
        };
        if let Some(end) = end_of(&file) {
            // Each drops its own files, once it is dropped: none is left to do so.
            for mut message in end.go(Channel::leave) {
                files.append(&mut message.take_files());
            }
        }
    }
}

/// `RG_CHANNEL_CLOSE`.
///
/// # Errors
/// `EBADF` where `file` is no end that may send.
pub fn close(file: &OpenFile) -> Result<()> {
    sender(file)?.channel.close();
    Ok(())
}

fn sender(file: &OpenFile) -> Result<&ChannelEnd> {
    let end = end_of(file).filter(|end| end.rights.sends);
    end.ok_or(Errno::EBADF)
}

fn receiver(file: &OpenFile) -> Result<&ChannelEnd> {
    let end = end_of(file).filter(|end| end.rights.receives);
    end.ok_or(Errno::EBADF)
}

/// `RG_SEND`: the message that is described at user address `address`.
///
/// # Errors
/// Those of the call.
pub fn send(file: &OpenFile, address: usize, timeout: u64) -> Result<()> {
    let end = sender(file)?;
    let channel = &*end.channel;
    // Before anything is done in vain.
    let readiness = channel.readiness(end.rights);
    if !readiness.has_room && !readiness.is_refused && file.is_nonblocking() {
        return Err(Errno::EAGAIN);
    }
    let taken = Message::read(address)?;
    let holds_ends = taken.holds_ends();
    let mut message = Some(taken);
    let mut attempt = || {
        let taken = message.take()?;
        let nesting = match holds_ends.then(|| nesting::check(&end.channel, &taken)) {
            Some(Err(error)) => {
                message = Some(taken);
                return Some(Err(error));
            }
            other => other,
        };
        let has_memory = |bytes| pressure::check_reserve_beside(bytes, Errno::ENOBUFS).is_ok();
        let answer = channel.try_send(end.rights, taken, has_memory);
        drop(nesting);
        match answer {
            Ok(()) => Some(Ok(())),
            Err((back, why)) => {
                message = Some(back);
                match why {
                    Unsent::Full => None,
                    Unsent::Never(end) => Some(Err(end.into())),
                    Unsent::NoMemory => Some(Err(Errno::ENOBUFS)),
                }
            }
        }
    };
    let answer = if file.is_nonblocking() {
        attempt().unwrap_or(Err(Errno::EAGAIN))
    } else {
        channel
            .send(deadline(timeout), counting_waits(attempt))
            .unwrap_or_else(|gave_up| Err(given_up(gave_up)))
    };
    match message {
        None => SENDS.add(1),
        Some(unsent) => unsent.take_back(),
    }
    answer
}

/// `RG_RECEIVE`: into the room that is described at user address `address`.
///
/// # Errors
/// Those of the call.
pub fn receive(file: &OpenFile, address: usize, timeout: u64) -> Result<()> {
    let end = receiver(file)?;
    let channel = &*end.channel;
    let room = Room::read(address)?;
    let attempt = || {
        let mut nesting = None;
        loop {
            let found = channel.try_receive(end.rights, |message| match message.size() {
                size if !room.holds(size) => Err(Unfit::Size(size)),
                _ if message.holds_ends() && nesting.is_none() => Err(Unfit::Ends),
                _ => Ok(()),
            });
            return match found {
                Found::Message(message) => Some(Ok((message, nesting))),
                Found::Unfit(Unfit::Ends) => {
                    nesting = Some(nesting::lock());
                    continue;
                }
                Found::Unfit(Unfit::Size(size)) => Some(Err(Refused::Size(size))),
                Found::Never(why) => Some(Err(Refused::With(why.into()))),
                Found::Nothing => None,
            };
        }
    };
    let answer = if file.is_nonblocking() {
        attempt().unwrap_or(Err(Refused::With(Errno::EAGAIN)))
    } else {
        channel
            .receive(deadline(timeout), counting_waits(attempt))
            .unwrap_or_else(|gave_up| Err(Refused::With(given_up(gave_up))))
    };
    let (message, nesting) = match answer {
        Ok(found) => found,
        Err(Refused::With(error)) => return Err(error),
        Err(Refused::Size(size)) => {
            room.write_size(size)?;
            return Err(Errno::EMSGSIZE);
        }
    };
    let answer = match message.deliver(&room) {
        Ok(()) => {
            channel.finish();
            RECEIVES.add(1);
            Ok(())
        }
        Err(Undelivered { message, error }) => {
            channel.put_back(message);
            Err(error)
        }
    };
    drop(nesting);
    answer
}

/// Why a message stays where it is.
enum Unfit {
    /// The room is too small.
    Size(Size),
    /// It is to be taken with the [right to](nesting::lock).
    Ends,
}

/// Why nothing is received.
enum Refused {
    With(Errno),
    /// The room is too small for the oldest message.
    Size(Size),
}

/// Counts the wait when `attempt` fails for the first time.
fn counting_waits<R>(mut attempt: impl FnMut() -> Option<R>) -> impl FnMut() -> Option<R> {
    let mut has_waited = false;
    move || {
        let answer = attempt();
        if answer.is_none() && !has_waited {
            has_waited = true;
            WAITS.add(1);
        }
        answer
    }
}

fn deadline(timeout: u64) -> Option<Instant> {
    // 2^62 ns are 146 years.
    let nanos = timeout.min(1 << 62);
    (timeout != FOREVER).then(|| Instant::now() + Duration::from_nanos(nanos))
}

fn given_up(why: WaitError) -> Errno {
    match why {
        WaitError::Interrupted => Errno::EINTR,
        WaitError::TimedOut => Errno::ETIMEDOUT,
    }
}

impl ChannelEnd {
    /// The end is nobody's any more. The messages that nobody can receive now, for the
    /// caller to drop; only the first call has any.
    fn go(&self, how: fn(&Channel, Rights) -> VecDeque<Message>) -> VecDeque<Message> {
        if self.has_left.swap(true, Ordering::Relaxed) {
            return VecDeque::new();
        }
        how(&self.channel, self.rights)
    }
}

impl Drop for ChannelEnd {
    fn drop(&mut self) {
        drop(self.go(Channel::leave));
    }
}

impl FileObject for ChannelEnd {
    fn poll(&self, _file: &OpenFile) -> Events {
        let readiness = self.channel.readiness(self.rights);
        let mut events = Events::empty();
        if self.rights.receives {
            if readiness.has_message || readiness.is_over {
                events |= Events::IN | Events::RDNORM;
            }
            if readiness.is_over {
                events |= Events::HUP;
            }
        }
        if self.rights.sends {
            if readiness.has_room || readiness.is_refused {
                events |= Events::OUT | Events::WRNORM;
            }
            if readiness.is_refused && !self.rights.receives {
                events |= Events::ERR;
            }
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.channel.pollers())
    }

    fn holds_files(&self) -> bool {
        true
    }

    fn visit_holders(&self, visit: &mut dyn FnMut(Arc<OpenFile>)) {
        nesting::visit_holders(&self.channel, visit);
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn describe(&self) -> String {
        let (messages, (capacity, senders, receivers)) = self
            .channel
            .inspect(|state| (state.messages().len(), state.counts()));
        format!(
            "capacity:\t{capacity}\nmessages:\t{messages}\n\
             senders:\t{senders}\nreceivers:\t{receivers}\n"
        )
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
