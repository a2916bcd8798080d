//! Sending and receiving on connections, and what both kinds of socket share in that.

use std::sync::Arc;

use linux_raw_sys::{general as linux, net};
use streams::message_queue::OVERHEAD;

use super::address::{Address, Seen};
use super::channel::{Channel, Queue, Tag};
use super::hops::{HopRequest, Hops};
use super::{Domain, Identity, Kind, Role, Socket};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::block;
use crate::fs::file::OpenFile;
use crate::memory::pressure;
use crate::memory::user::{Destination, Source};
use crate::task;

/// Bytes of a stream in one message.
const PIECE: usize = 32 << 10;

/// A small message is made with this much room, so that those behind it can join.
const SMALL: usize = 512;

/// What comes along with received bytes.
#[derive(Default)]
pub struct Ancillary {
    /// Files that were passed.
    pub files: Vec<Arc<OpenFile>>,
    /// The sender, where the receiver asked for it (`SO_PASSCRED`).
    pub identity: Option<Identity>,
    /// What else the receiver asked for, in Linux's order.
    pub messages: Vec<ControlMessage>,
}

/// A control message that needs no more than to be copied out.
pub struct ControlMessage {
    /// `cmsg_level`.
    pub level: u32,
    /// `cmsg_type`.
    pub kind: u32,
    /// What follows the header.
    pub data: Vec<u8>,
}

/// What a receive gives.
#[derive(Default)]
pub struct Received {
    /// Bytes received; with `MSG_TRUNC` of a datagram its whole length.
    pub count: usize,
    /// Who sent it, where that is told.
    pub source: Option<Seen>,
    /// What came along.
    pub ancillary: Ancillary,
    /// `MSG_TRUNC`, …
    pub flags: u32,
}

/// What is sent beside the bytes.
pub struct Sending {
    /// `MSG_…`.
    pub flags: u32,
    /// Where to, for datagrams.
    pub address: Option<Address>,
    /// Files to pass.
    pub files: Vec<Arc<OpenFile>>,
    /// Who the sender says that it is (`SCM_CREDENTIALS`).
    pub identity: Option<Identity>,
    /// What the sender wants in the IP header.
    pub hops: HopRequest,
}

impl Sending {
    /// Nothing but the bytes.
    #[must_use]
    pub fn plain(flags: u32) -> Self {
        Self {
            flags,
            address: None,
            files: Vec::new(),
            identity: None,
            hops: HopRequest::default(),
        }
    }

    pub(super) fn tag(&mut self, source: Address) -> Tag {
        Tag {
            source,
            identity: self.identity.unwrap_or_else(Identity::current),
            files: core::mem::take(&mut self.files),
            hops: Hops::default(),
        }
    }

    pub(super) fn is_nonblocking(&self) -> bool {
        self.flags & net::MSG_DONTWAIT != 0
    }
}

impl Socket {
    /// `connect(2)`; None is `AF_UNSPEC`, which dissolves.
    ///
    /// # Errors
    /// Those of `connect(2)`.
    pub fn connect(&self, address: Option<&Address>, is_nonblocking: bool) -> Result<()> {
        match self.kind {
            Kind::Datagram | Kind::Raw => self.connect_datagram(address),
            Kind::Stream | Kind::SeqPacket => self.connect_stream(address, is_nonblocking),
        }
    }

    /// Sends all of `from`, or as much as can be sent.
    ///
    /// # Errors
    /// Those of `send(2)`; `EPIPE` with `SIGPIPE`, unless `MSG_NOSIGNAL`.
    pub fn send(&self, from: &mut Source<'_>, sending: Sending) -> Result<usize> {
        if sending.flags & net::MSG_OOB != 0 && !self.is_tcp() {
            return Err(Errno::EOPNOTSUPP);
        }
        let is_silent = sending.flags & net::MSG_NOSIGNAL != 0;
        let answer = match self.kind {
            Kind::Datagram | Kind::Raw => return self.send_datagram(from, sending),
            Kind::Stream => self.send_stream(from, sending),
            Kind::SeqPacket => self.send_packet(from, sending),
        };
        if answer == Err(Errno::EPIPE) && !is_silent {
            task::current_process().send_signal(linux::SIGPIPE);
        }
        answer
    }

    fn send_stream(&self, from: &mut Source<'_>, mut sending: Sending) -> Result<usize> {
        let connection = self.connection().ok_or(match self.domain {
            Domain::Unix => Errno::ENOTCONN,
            _ => Errno::EPIPE,
        })?;
        if sending.address.is_some() && !self.is_tcp() {
            return Err(Errno::EISCONN);
        }
        let local = self.local_address();
        let mut done = 0;
        while from.remaining() > 0 {
            let step = block(
                &self.end.events,
                sending.is_nonblocking(),
                self.send_deadline(),
                || {
                    if self.is_tcp()
                        && let Err(error) = self.end.check_error()
                    {
                        return Some(Err(error));
                    }
                    connection.outgoing.room()
                },
            )
            .and_then(|room| {
                let wanted = room.min(PIECE).min(from.remaining());
                let bytes = gather(from, wanted)?;
                let count = bytes.len();
                let tag = sending.tag(local.clone());
                connection.outgoing.push(bytes, tag, true).map(|()| count)
            });
            match step {
                Ok(count) => done += count,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn send_packet(&self, from: &mut Source<'_>, mut sending: Sending) -> Result<usize> {
        self.end.check_error()?;
        let connection = self.connection().ok_or(Errno::ENOTCONN)?;
        let length = from.remaining();
        if length > self.end.send_buffer().saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        let bytes = gather(from, length)?;
        block(
            &self.end.events,
            sending.is_nonblocking(),
            self.send_deadline(),
            // As on Linux, a packet goes where there is any room.
            || connection.outgoing.room(),
        )?;
        let tag = sending.tag(self.local_address());
        connection.outgoing.push(bytes, tag, false)?;
        Ok(length)
    }

    /// Receives into `to`; `flags` are `MSG_…`.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    pub fn receive(&self, to: &mut Destination<'_>, flags: u32) -> Result<Received> {
        if flags & net::MSG_ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        if flags & net::MSG_OOB != 0 {
            return Err(if self.is_tcp() {
                Errno::EINVAL
            } else {
                Errno::EOPNOTSUPP
            });
        }
        match self.kind {
            Kind::Datagram | Kind::Raw => self.receive_datagram(to, flags),
            Kind::SeqPacket => self.receive_packet(to, flags),
            Kind::Stream => self.receive_stream(to, flags),
        }
    }

    fn receive_stream(&self, to: &mut Destination<'_>, flags: u32) -> Result<Received> {
        let Some(connection) = self.connection() else {
            let is_unix = self.domain == Domain::Unix;
            self.end.check_error()?;
            return Err(if is_unix {
                Errno::EINVAL
            } else {
                Errno::ENOTCONN
            });
        };
        let is_peek = flags & net::MSG_PEEK != 0;
        let waits_for_all = flags & net::MSG_WAITALL != 0 && !is_peek;
        let is_nonblocking = flags & net::MSG_DONTWAIT != 0;
        let deadline = self.receive_deadline();
        let channel = &connection.incoming;
        let mut received = Received::default();
        loop {
            let step = block(&self.end.events, is_nonblocking, deadline, || {
                let mut queue = channel.queue.lock();
                if queue.messages.is_empty() {
                    let has_end = queue.has_end();
                    drop(queue);
                    return match self.end.check_error() {
                        Err(error) => Some(Err(error)),
                        Ok(()) => has_end.then_some(Ok(true)),
                    };
                }
                let cost = queue.messages.cost();
                let taken = take(&mut queue, to, is_peek, &mut received);
                drop(queue);
                channel.tell_of_room(cost);
                Some(taken)
            });
            match step {
                Ok(ends) if ends || !waits_for_all || to.remaining() == 0 => break,
                Ok(_) => {}
                Err(_) if received.count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        if self.domain != Domain::Unix || !self.options.lock().passes_identity {
            received.ancillary.identity = None;
        }
        Ok(received)
    }

    fn receive_packet(&self, to: &mut Destination<'_>, flags: u32) -> Result<Received> {
        let connection = self.connection().ok_or(Errno::ENOTCONN)?;
        let is_nonblocking = flags & net::MSG_DONTWAIT != 0;
        let channel = &connection.incoming;
        let received = block(
            &self.end.events,
            is_nonblocking,
            self.receive_deadline(),
            || {
                let cost = channel.queue.lock().messages.cost();
                let taken = self.take_message(channel, to, flags);
                channel.tell_of_room(cost);
                if let Some(taken) = taken {
                    return Some(taken);
                }
                let has_end = channel.queue.lock().has_end();
                match self.end.check_error() {
                    Err(error) => Some(Err(error)),
                    Ok(()) => has_end.then(|| Ok(Received::default())),
                }
            },
        )?;
        Ok(Received {
            source: None,
            ..received
        })
    }

    /// Takes one message as a whole; None where there is none.
    pub(super) fn take_message(
        &self,
        channel: &Channel,
        to: &mut Destination<'_>,
        flags: u32,
    ) -> Option<Result<Received>> {
        let mut queue = channel.queue.lock();
        let is_peek = flags & net::MSG_PEEK != 0;
        let message = queue.messages.get(0)?;
        let whole = message.bytes().len();
        let copied = match to.write(message.bytes()) {
            Ok(copied) => copied,
            Err(error) => return Some(Err(error)),
        };
        let is_cut = copied < whole;
        let tells_all = flags & net::MSG_TRUNC != 0;
        let passes = self.domain == Domain::Unix && self.options.lock().passes_identity;
        let mut received = Received {
            count: if tells_all { whole } else { copied },
            source: Some(message.tag.source.clone().seen_from(self.domain)),
            ancillary: Ancillary {
                files: message.tag.files.clone(),
                identity: passes.then_some(message.tag.identity),
                messages: self.asked_messages(&message.tag),
            },
            flags: if is_cut { net::MSG_TRUNC } else { 0 },
        };
        if !is_peek && let Some(message) = queue.messages.pop() {
            received.ancillary.files = message.tag.files;
        }
        Some(Ok(received))
    }

    pub(super) fn local_address(&self) -> Address {
        self.state.lock().local.clone()
    }

    /// `SO_PEERCRED`.
    #[must_use]
    pub fn peer_identity(&self) -> Identity {
        match &self.state.lock().role {
            Role::Connected { connection, .. } => connection.identity,
            Role::Datagram(Some(peer)) => peer.identity,
            _ => Identity::NOBODY,
        }
    }
}

/// Reads `wanted` bytes of `from` into a vector with room for small ones to join.
pub(super) fn gather(from: &mut Source<'_>, wanted: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pressure::reserve_exact(&mut bytes, wanted.max(SMALL), Errno::ENOBUFS)?;
    bytes.resize(wanted, 0);
    let count = from.read(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Moves bytes of a stream until the buffer is full or a message brought something along;
/// says whether the receive ends for the latter.
fn take(
    queue: &mut Queue,
    to: &mut Destination<'_>,
    is_peek: bool,
    received: &mut Received,
) -> Result<bool> {
    let mut index = 0;
    while to.remaining() > 0 {
        let Some(message) = queue.messages.get(index) else {
            break;
        };
        let identity = message.tag.identity;
        if received
            .ancillary
            .identity
            .is_some_and(|first| first != identity)
        {
            return Ok(true);
        }
        let count = match to.write(message.bytes()) {
            Ok(count) => count,
            Err(_) if received.count > 0 => return Ok(true),
            Err(error) => return Err(error),
        };
        let wanted = message.bytes().len();
        let has_files = !message.tag.files.is_empty();
        received.count += count;
        received.ancillary.identity = Some(identity);
        received.source = Some(message.tag.source.clone().seen_from(Domain::Unix));
        if has_files {
            received.ancillary.files = message.tag.files.clone();
        }
        if is_peek {
            index += 1;
        } else {
            // The files go with the first byte, whatever is left of the message.
            if has_files && let Some(front) = queue.messages.front_mut() {
                front.tag.files.clear();
            }
            queue.messages.consume(count);
        }
        if has_files {
            return Ok(true);
        }
        if count < wanted {
            break;
        }
    }
    Ok(false)
}

/// What a message may cost beside its bytes: datagram queues are bounded by it.
pub(super) const MESSAGE_OVERHEAD: usize = OVERHEAD;
