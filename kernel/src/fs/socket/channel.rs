//! One direction of a connection, or the inbox of a datagram socket.

use std::sync::Arc;

use streams::message_queue::{Message, MessageQueue};

use super::address::Address;
use super::hops::Hops;
use super::{End, Identity};
use crate::errno::{Errno, Result};
use crate::fs::file::OpenFile;
use crate::sync::SleepMutex;

/// What comes along with a message's bytes.
pub(super) struct Tag {
    /// Who sent it.
    pub source: Address,
    /// The sending process.
    pub identity: Identity,
    /// Files that are passed (`SCM_RIGHTS`).
    pub files: Vec<Arc<OpenFile>>,
    /// What an IP header would say.
    pub hops: Hops,
}

impl Tag {
    /// Whether a stream may join `other`'s bytes to ours.
    pub fn joins(&self, other: &Self) -> bool {
        self.files.is_empty() && other.files.is_empty() && self.identity == other.identity
    }
}

/// What the lock guards.
pub(super) struct Queue {
    pub messages: MessageQueue<Tag>,
    /// Nothing more will be written: the reader sees the end behind what is inside.
    pub is_finished: bool,
    /// Nobody will read: what is written is an error, or lost.
    pub is_unread: bool,
    /// The reader has shut its reading side, which its peer is not told of (TCP).
    pub is_reading_shut: bool,
    /// The reader's socket is closed, or shut in both directions: what is written is
    /// answered by a reset (TCP, RFC 1122, 4.2.2.13).
    pub resets: bool,
}

impl Queue {
    /// Whether the reader sees the end behind what is inside.
    pub fn has_end(&self) -> bool {
        self.is_finished || self.is_reading_shut
    }
}

/// Messages on their way from writers to one reader.
pub(super) struct Channel {
    pub queue: SleepMutex<Queue>,
    pub reader: Arc<End>,
    pub writer: Arc<End>,
}

impl Channel {
    /// An empty one.
    pub fn new(reader: Arc<End>, writer: Arc<End>) -> Arc<Self> {
        Arc::new(Self {
            queue: SleepMutex::new(Queue {
                messages: MessageQueue::default(),
                is_finished: false,
                is_unread: false,
                is_reading_shut: false,
                resets: false,
            }),
            reader,
            writer,
        })
    }

    /// Both directions between two ends: what the first reads, and what it writes to.
    pub fn pair(first: &Arc<End>, second: &Arc<End>) -> (Arc<Self>, Arc<Self>) {
        (
            Self::new(first.clone(), second.clone()),
            Self::new(second.clone(), first.clone()),
        )
    }

    /// Bytes inside.
    pub fn available(&self) -> usize {
        self.queue.lock().messages.len()
    }

    /// Bytes of the first message.
    pub fn first_length(&self) -> usize {
        let queue = self.queue.lock();
        queue
            .messages
            .get(0)
            .map_or(0, |message| message.bytes().len())
    }

    /// Bytes that a write may add; None where it has to wait.
    ///
    /// # Errors
    /// `EPIPE` where nobody reads any more, or writing is over.
    pub fn room(&self) -> Option<Result<usize>> {
        let limit = self.writer.send_buffer();
        let queue = self.queue.lock();
        if queue.is_unread || queue.is_finished {
            return Some(Err(Errno::EPIPE));
        }
        let room = limit.saturating_sub(queue.messages.cost());
        (room > 0).then_some(Ok(room))
    }

    /// Whether a poller is told that there is room.
    pub fn is_writable(&self) -> bool {
        let limit = self.writer.send_buffer();
        let queue = self.queue.lock();
        queue.is_unread || queue.is_finished || has_ample_room(&queue, limit)
    }

    /// Puts a message in; the reader is told.
    ///
    /// # Errors
    /// `EPIPE` as in [`Channel::room`].
    pub fn push(&self, bytes: Vec<u8>, tag: Tag, joins: bool) -> Result<()> {
        crate::memory::pressure::check_reserve(Errno::ENOBUFS)?;
        let mut queue = self.queue.lock();
        if queue.is_unread || queue.is_finished {
            return Err(Errno::EPIPE);
        }
        if queue.resets {
            // The first bytes after the other side's end travel, and bring its reset back.
            drop(queue);
            self.refuse();
            self.reader.set_error(Errno::ECONNRESET);
            self.writer.set_error(Errno::EPIPE);
            return Ok(());
        }
        if !(joins && queue.messages.join(&bytes, |last| last.joins(&tag))) {
            queue.messages.push(Message::new(bytes, tag));
        }
        drop(queue);
        self.reader.events.wake_all();
        Ok(())
    }

    /// Tells the writer, where reading has made ample room that was not there before.
    pub fn tell_of_room(&self, cost_before: usize) {
        let limit = self.writer.send_buffer();
        let queue = self.queue.lock();
        let tells = is_tight(cost_before, limit) && has_ample_room(&queue, limit);
        drop(queue);
        if tells {
            self.writer.events.wake_all();
        }
    }

    /// The writer has written everything.
    pub fn stop_writing(&self) {
        self.queue.lock().is_finished = true;
        self.reader.events.wake_all();
        self.writer.events.wake_all();
    }

    /// The reader reads no more. `refuses`: writers are told so at once (AF_UNIX); TCP
    /// goes on taking what is written, and the reader still gets it.
    pub fn stop_reading(&self, refuses: bool) {
        {
            let mut queue = self.queue.lock();
            queue.is_unread |= refuses;
            queue.is_finished |= refuses;
            queue.is_reading_shut = true;
        }
        self.reader.events.wake_all();
        self.writer.events.wake_all();
    }

    /// The reader's socket is closed. Says whether something was unread.
    pub fn close_reading(&self, refuses: bool) -> bool {
        let unread = {
            let mut queue = self.queue.lock();
            queue.resets = true;
            queue.is_unread |= refuses;
            core::mem::take(&mut queue.messages)
        };
        let was_unread = !unread.is_empty();
        // Outside of the lock: files in there may be sockets.
        drop(unread);
        self.writer.events.wake_all();
        was_unread
    }

    /// The connection is broken: both directions end at once.
    pub fn refuse(&self) {
        {
            let mut queue = self.queue.lock();
            queue.is_unread = true;
            queue.is_finished = true;
        }
        self.reader.events.wake_all();
        self.writer.events.wake_all();
    }
}

fn is_tight(cost: usize, limit: usize) -> bool {
    cost.saturating_mul(3) > limit.saturating_mul(2)
}

fn has_ample_room(queue: &Queue, limit: usize) -> bool {
    !is_tight(queue.messages.cost(), limit)
}
