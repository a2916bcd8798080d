//! Sockets without connections: AF_UNIX datagrams, UDP and UDP-Lite.

use core::net::IpAddr;
use std::sync::{Arc, Weak};

use linux_raw_sys::net;

use super::address::Address;
use super::transfer::{MESSAGE_OVERHEAD, Received, Sending, gather};
use super::{Domain, Identity, Kind, Role, SHUT_READING, SHUT_WRITING, Socket, names};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::block;
use crate::memory::user::{Destination, Source};

/// Datagrams that wait in an AF_UNIX socket (`net.unix.max_dgram_qlen`).
const MOST_WAITING: usize = 10;

/// Longest datagram of UDP over IPv4.
const LONGEST: usize = 65507;

/// Where a datagram socket sends to, unless told otherwise.
pub(super) struct Peer {
    pub address: Address,
    /// The socket, in AF_UNIX.
    pub socket: Weak<Socket>,
    pub identity: Identity,
}

impl Socket {
    /// One half of `socketpair(2)`.
    pub(super) fn pair_with(&self, other: &Arc<Self>) {
        self.state.lock().role = Role::Datagram(Some(Peer {
            address: Address::Unnamed,
            socket: Arc::downgrade(other),
            identity: Identity::current(),
        }));
    }

    /// `connect(2)` for datagrams.
    pub(super) fn connect_datagram(&self, address: Option<&Address>) -> Result<()> {
        let peer = match address {
            None => None,
            Some(Address::Inet(ip, port)) => {
                let ip = self.reachable(*ip)?;
                self.name_for(ip)?;
                Some(Peer {
                    address: Address::Inet(ip, *port),
                    socket: Weak::new(),
                    identity: Identity::NOBODY,
                })
            }
            Some(address @ Address::Netlink { .. }) => Some(Peer {
                address: address.clone(),
                socket: Weak::new(),
                identity: Identity::NOBODY,
            }),
            Some(address) => {
                let socket = names::unix(address, Kind::Datagram)?;
                socket.check_open_for(self)?;
                Some(Peer {
                    address: address.clone(),
                    socket: Arc::downgrade(&socket),
                    identity: Identity::NOBODY,
                })
            }
        };
        self.state.lock().role = Role::Datagram(peer);
        Ok(())
    }

    fn reachable(&self, ip: IpAddr) -> Result<IpAddr> {
        let is_v6_only = self.options.lock().is_v6_only;
        if self.domain == Domain::Inet6 && is_v6_only && ip.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        names::destination(ip)
    }

    /// An AF_UNIX socket that has a peer takes datagrams of that peer alone.
    fn check_open_for(&self, sender: &Self) -> Result<()> {
        match &self.state.lock().role {
            Role::Datagram(Some(peer)) if !core::ptr::eq(peer.socket.as_ptr(), sender) => {
                Err(Errno::EPERM)
            }
            _ => Ok(()),
        }
    }

    /// Sends one datagram.
    pub(super) fn send_datagram(&self, from: &mut Source<'_>, sending: Sending) -> Result<usize> {
        if self.is_shut(SHUT_WRITING) {
            if sending.flags & net::MSG_NOSIGNAL == 0 {
                let process = crate::task::current_process();
                process.send_signal(linux_raw_sys::general::SIGPIPE);
            }
            return Err(Errno::EPIPE);
        }
        match self.domain {
            Domain::Unix => self.send_unix(from, sending),
            Domain::Inet | Domain::Inet6 => self.send_udp(from, sending),
            Domain::Netlink => self.send_netlink(from, sending),
        }
    }

    fn send_unix(&self, from: &mut Source<'_>, mut sending: Sending) -> Result<usize> {
        let length = from.remaining();
        if length > self.end.send_buffer().saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        let target = match sending.address.take() {
            Some(address) => names::unix(&address, Kind::Datagram)?,
            None => match &self.state.lock().role {
                Role::Datagram(Some(peer)) => peer.socket.upgrade().ok_or(Errno::ECONNREFUSED)?,
                _ => return Err(Errno::ENOTCONN),
            },
        };
        target.check_open_for(self)?;
        let bytes = gather(from, length)?;
        let deadline = self.send_deadline();
        block(
            &target.end.events,
            sending.is_nonblocking(),
            deadline,
            || {
                let queue = target.inbox.queue.lock();
                if queue.is_unread {
                    return Some(Err(Errno::ECONNREFUSED));
                }
                if target.is_shut(SHUT_READING) {
                    return Some(Err(Errno::EPIPE));
                }
                let waiting = queue.messages.cost() - queue.messages.len();
                (waiting <= MOST_WAITING * MESSAGE_OVERHEAD).then_some(Ok(()))
            },
        )?;
        let tag = sending.tag(self.local_address());
        match target.inbox.push(bytes, tag, false) {
            Ok(()) => Ok(length),
            Err(_) => Err(Errno::ECONNREFUSED),
        }
    }

    fn send_udp(&self, from: &mut Source<'_>, mut sending: Sending) -> Result<usize> {
        self.end.check_error()?;
        let length = from.remaining();
        if length > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        let given = sending.address.take();
        let is_connected = given.is_none();
        let address = match given {
            Some(address) => address,
            None => match &self.state.lock().role {
                Role::Datagram(Some(peer)) => peer.address.clone(),
                _ => return Err(Errno::EDESTADDRREQ),
            },
        };
        let Address::Inet(ip, port) = address else {
            return Err(Errno::EINVAL);
        };
        if port == 0 {
            return Err(Errno::EINVAL);
        }
        let ip = self.reachable(ip)?;
        self.autobind()?;
        let source = match self.local_address() {
            Address::Inet(own, port) if own.is_unspecified() => {
                Address::Inet(names::source(ip), port)
            }
            own => own,
        };
        let bytes = gather(from, length)?;
        let candidates = names::at_port(self.protocol, ip, port);
        let target = candidates
            .iter()
            .find(|socket| socket.takes_from(&source) == Some(true))
            .or_else(|| {
                candidates
                    .iter()
                    .find(|socket| socket.takes_from(&source).is_none())
            });
        match target {
            Some(target) => {
                let limit = target.options.lock().receive_buffer;
                let is_full = target.inbox.queue.lock().messages.cost() > limit;
                if !is_full {
                    let mut tag = sending.tag(source);
                    tag.hops = self.hops(ip.is_ipv4(), sending.hops);
                    // One that is being closed loses it, as a network would.
                    let _ = target.inbox.push(bytes, tag, false);
                }
            }
            // "Port unreachable" comes back to those that are connected.
            None if is_connected => self.end.set_error(Errno::ECONNREFUSED),
            None => {}
        }
        Ok(length)
    }

    /// An ephemeral port (on the wildcard), for the first datagram.
    pub(super) fn autobind(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.binding.is_none() {
            let (local, binding) = names::bind(self, &Address::unbound(self.domain))?;
            state.local = local;
            state.binding = Some(binding);
        }
        Ok(())
    }

    /// Whether a UDP socket is connected to `source`; None where it is not connected.
    fn takes_from(&self, source: &Address) -> Option<bool> {
        match &self.state.lock().role {
            Role::Datagram(Some(peer)) => Some(peer.address == *source),
            _ => None,
        }
    }

    /// Receives one datagram.
    pub(super) fn receive_datagram(
        &self,
        to: &mut Destination<'_>,
        flags: u32,
    ) -> Result<Received> {
        let is_nonblocking = flags & net::MSG_DONTWAIT != 0;
        let received = block(
            &self.end.events,
            is_nonblocking,
            self.receive_deadline(),
            || {
                if let Err(error) = self.end.check_error() {
                    return Some(Err(error));
                }
                let taken = self.take_message(&self.inbox, to, flags);
                if taken.is_none() && self.is_shut(SHUT_READING) {
                    return Some(Ok(Received::default()));
                }
                taken
            },
        )?;
        if self.domain == Domain::Unix {
            // Senders wait at the receiver for room.
            self.end.events.wake_all();
        }
        Ok(received)
    }
}
