//! Sockets within this machine: AF_UNIX, AF_INET and AF_INET6 on the loopback, and
//! AF_NETLINK for what there is of a network.
//! Nothing is a packet: what one socket sends goes into the other's queue.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod.rs` | [`Socket`]: what all kinds share, and the file |
//! | [`address`] | addresses, to and from `struct sockaddr` |
//! | [`file`], [`poll`] | the socket as a file |
//! | [`channel`] | one direction of a connection, or a datagram socket's inbox |
//! | [`stream`] | listening, connecting, accepting |
//! | [`transfer`] | sending and receiving on connections |
//! | [`datagram`] | everything about sockets without connections |
//! | [`hops`] | what an IP header says beside the addresses |
//! | [`netlink`] | asking for the interfaces |
//! | [`interface`] | the one interface, and `ioctl(2)` about it |
//! | [`names`] | who is bound where |
//! | [`options`], [`stored`] | `getsockopt(2)`, `setsockopt(2)` |
//!
//! The system calls are `syscall::socket`'s. The bytes lie in crate `streams`' message
//! queues.
//!
//! Lock order: a socket's `state`, then a listener's queue, then a channel's queue, then
//! the tables of names. Of two sockets' states, never both.

pub mod address;
mod channel;
mod datagram;
mod file;
mod hops;
mod interface;
mod names;
mod netlink;
mod options;
mod poll;
mod stored;
mod stream;
mod transfer;

use core::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use linux_raw_sys::{general as linux, net};

use self::address::{Address, Seen};
use self::channel::Channel;
use self::names::Binding;
use self::options::Options;
use self::stream::Listener;
use super::anonymous::{AnonymousInode, Device};
use super::file::OpenFile;
use crate::errno::{Errno, Result};
use crate::sync::{IrqLock, SleepMutex, WaitQueue};
use crate::task;
use crate::time::Instant;

pub use hops::HopRequest;
pub use transfer::{Ancillary, ControlMessage, Received, Sending};

/// The address families there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `AF_UNIX`.
    Unix,
    /// `AF_INET`.
    Inet,
    /// `AF_INET6`.
    Inet6,
    /// `AF_NETLINK`.
    Netlink,
}

impl Domain {
    /// Linux's number.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Unix => net::AF_UNIX,
            Self::Inet => net::AF_INET,
            Self::Inet6 => net::AF_INET6,
            Self::Netlink => net::AF_NETLINK,
        }
    }

    fn is_internet(self) -> bool {
        matches!(self, Self::Inet | Self::Inet6)
    }
}

/// The socket types there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Datagram,
    /// `SOCK_RAW`.
    Raw,
    /// `SOCK_SEQPACKET`.
    SeqPacket,
}

impl Kind {
    /// Linux's number.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Stream => 1,
            Self::Datagram => 2,
            Self::Raw => 3,
            Self::SeqPacket => 5,
        }
    }

    fn is_connectionless(self) -> bool {
        matches!(self, Self::Datagram | Self::Raw)
    }
}

/// Who is at one end (`struct ucred`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Process id.
    pub process: u32,
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
}

impl Identity {
    /// Nobody: no connection.
    pub const NOBODY: Self = Self {
        process: 0,
        user: u32::MAX,
        group: u32::MAX,
    };

    /// The current process.
    #[must_use]
    pub fn current() -> Self {
        let process = task::current_process();
        let credentials = process.credentials();
        Self {
            process: process.id(),
            user: credentials.euid,
            group: credentials.egid,
        }
    }
}

/// What others reach of a socket: its waiters, its pending error (`SO_ERROR`), and how
/// much it may have on its way.
struct End {
    events: WaitQueue,
    error: AtomicI32,
    /// Bytes that may be on their way from here. Whoever reads them tells us of room by
    /// this limit, not by its own.
    send_buffer: AtomicUsize,
}

impl End {
    fn new(send_buffer: usize) -> Arc<Self> {
        Arc::new(Self {
            events: WaitQueue::new(),
            error: AtomicI32::new(0),
            send_buffer: AtomicUsize::new(send_buffer),
        })
    }

    fn send_buffer(&self) -> usize {
        self.send_buffer.load(Ordering::SeqCst)
    }

    /// Changes the limit; those who wait for room look again.
    fn set_send_buffer(&self, bytes: usize) {
        self.send_buffer.store(bytes, Ordering::SeqCst);
        self.events.wake_all();
    }

    /// An error for the next call.
    fn set_error(&self, error: Errno) {
        self.error.store(error as i32, Ordering::SeqCst);
        self.events.wake_all();
    }

    /// Takes the pending error's number.
    fn take_error(&self) -> i32 {
        self.error.swap(0, Ordering::SeqCst)
    }

    fn check_error(&self) -> Result<()> {
        match self.take_error() {
            0 => Ok(()),
            number => Err(errno_of(number)),
        }
    }
}

/// The errors that [`End::set_error`] is given.
fn errno_of(number: i32) -> Errno {
    [
        Errno::ECONNREFUSED,
        Errno::ECONNRESET,
        Errno::ENOBUFS,
        Errno::EPIPE,
        Errno::ETIMEDOUT,
    ]
    .into_iter()
    .find(|error| *error as i32 == number)
    .unwrap_or(Errno::EIO)
}

/// Both directions of a connection, from one end.
#[derive(Clone)]
struct Connection {
    incoming: Arc<Channel>,
    outgoing: Arc<Channel>,
    peer: Address,
    identity: Identity,
}

/// What a socket is doing.
enum Role {
    /// Nothing yet, or no longer.
    Idle,
    /// Waiting for others.
    Listening(Arc<Listener>),
    /// A stream or sequence of packets. `is_fresh`: a non-blocking `connect(2)` has not
    /// told of its success yet.
    Connected {
        connection: Connection,
        is_fresh: bool,
    },
    /// Datagrams: with a default peer, or without.
    Datagram(Option<datagram::Peer>),
}

struct State {
    local: Address,
    /// Holds the name while the socket lives.
    binding: Option<Binding>,
    role: Role,
}

/// A socket.
pub struct Socket {
    this: Weak<Self>,
    domain: Domain,
    kind: Kind,
    protocol: u32,
    inode: AnonymousInode,
    end: Arc<End>,
    options: IrqLock<Options>,
    state: SleepMutex<State>,
    /// Datagrams come in here.
    inbox: Arc<Channel>,
    /// Bits of [`SHUT_READING`] and [`SHUT_WRITING`], for sockets without connections.
    shut: AtomicU32,
}

const SHUT_READING: u32 = 1;
const SHUT_WRITING: u32 = 2;

impl Socket {
    /// A socket of this family, type and protocol (0: the usual one).
    ///
    /// # Errors
    /// `EPROTONOSUPPORT`, `ESOCKTNOSUPPORT`.
    pub fn new(domain: Domain, kind: Kind, protocol: u32) -> Result<Arc<Self>> {
        let protocol = match (domain, kind, protocol) {
            (Domain::Unix, _, 0 | net::AF_UNIX) => 0,
            (Domain::Unix, ..) => return Err(Errno::EPROTONOSUPPORT),
            (Domain::Netlink, Kind::Stream | Kind::SeqPacket, _) => {
                return Err(Errno::ESOCKTNOSUPPORT);
            }
            // NETLINK_ROUTE.
            (Domain::Netlink, _, 0) => 0,
            (_, Kind::Stream, 0 | TCP) => TCP,
            (_, Kind::Datagram, 0 | UDP) => UDP,
            (_, Kind::Datagram, UDP_LITE) => UDP_LITE,
            (_, Kind::SeqPacket, _) => return Err(Errno::ESOCKTNOSUPPORT),
            _ => return Err(Errno::EPROTONOSUPPORT),
        };
        Ok(Self::build(
            domain,
            kind,
            protocol,
            Options::new(domain, kind),
        ))
    }

    fn build(domain: Domain, kind: Kind, protocol: u32, options: Options) -> Arc<Self> {
        let end = End::new(options.send_buffer);
        let role = match kind {
            Kind::Datagram | Kind::Raw => Role::Datagram(None),
            _ => Role::Idle,
        };
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            domain,
            kind,
            protocol,
            inode: AnonymousInode::new(Device::Socket, linux::S_IFSOCK | 0o777),
            inbox: Channel::new(end.clone(), end.clone()),
            end,
            options: IrqLock::new(options),
            state: SleepMutex::new(State {
                local: Address::unbound(domain),
                binding: None,
                role,
            }),
            shut: AtomicU32::new(0),
        })
    }

    /// An open file of it, with the status flags `flags` (`O_NONBLOCK`).
    #[must_use]
    pub fn open(self: Arc<Self>, flags: u32) -> Arc<OpenFile> {
        let name = self.inode.name("socket");
        OpenFile::new(self, linux::O_RDWR | flags, name)
    }

    /// The socket behind `file`.
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn of(file: &OpenFile) -> Result<&Self> {
        file.object.as_any().downcast_ref().ok_or(Errno::ENOTSOCK)
    }

    /// Its family.
    #[must_use]
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Whether messages keep their borders.
    #[must_use]
    pub fn has_messages(&self) -> bool {
        self.kind != Kind::Stream
    }

    /// `getsockname(2)`.
    #[must_use]
    pub fn local(&self) -> Seen {
        self.state.lock().local.clone().seen_from(self.domain)
    }

    /// `getpeername(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer(&self) -> Result<Seen> {
        let peer = match &self.state.lock().role {
            Role::Connected { connection, .. } if !self.is_over(connection) => {
                connection.peer.clone()
            }
            Role::Datagram(Some(peer)) => peer.address.clone(),
            _ if self.domain == Domain::Netlink => netlink::KERNEL,
            _ => return Err(Errno::ENOTCONN),
        };
        Ok(peer.seen_from(self.domain))
    }

    /// Whether a TCP connection has ended in both directions: then it is none any more.
    fn is_over(&self, connection: &Connection) -> bool {
        let is_finished = |channel: &Channel| channel.queue.lock().is_finished;
        self.is_tcp() && is_finished(&connection.incoming) && is_finished(&connection.outgoing)
    }

    fn connection(&self) -> Option<Connection> {
        match &self.state.lock().role {
            Role::Connected { connection, .. } => Some(connection.clone()),
            _ => None,
        }
    }

    fn is_tcp(&self) -> bool {
        self.protocol == TCP
    }

    /// `bind(2)`.
    ///
    /// # Errors
    /// `EINVAL` where it has a name; those of the name.
    pub fn bind(&self, address: &Address) -> Result<()> {
        let mut state = self.state.lock();
        if state.binding.is_some() || !matches!(state.role, Role::Idle | Role::Datagram(None)) {
            return Err(Errno::EINVAL);
        }
        let (local, binding) = names::bind(self, address)?;
        state.local = local;
        state.binding = Some(binding);
        Ok(())
    }

    /// `shutdown(2)`: `how` is `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`.
    ///
    /// # Errors
    /// `EINVAL`, `ENOTCONN`, `EOPNOTSUPP`.
    pub fn shut_down(&self, how: u32) -> Result<()> {
        if self.domain == Domain::Netlink {
            return Err(Errno::EOPNOTSUPP);
        }
        let (reading, writing) = match how {
            net::SHUT_RD => (true, false),
            net::SHUT_WR => (false, true),
            net::SHUT_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        let mut state = self.state.lock();
        match &state.role {
            Role::Connected { connection, .. } if self.is_over(connection) => {
                return Err(Errno::ENOTCONN);
            }
            Role::Connected { connection, .. } => {
                if reading {
                    connection.incoming.stop_reading(!self.is_tcp());
                }
                if writing {
                    connection.outgoing.stop_writing();
                }
                if self.is_tcp() {
                    let is_written_out = connection.outgoing.queue.lock().is_finished;
                    let mut incoming = connection.incoming.queue.lock();
                    incoming.resets |= is_written_out && incoming.is_reading_shut;
                }
            }
            Role::Listening(listener) if self.is_tcp() && reading => {
                let listener = listener.clone();
                state.role = Role::Idle;
                drop(state);
                listener.close();
            }
            Role::Listening(_) | Role::Idle if !self.is_tcp() => {
                self.note_shut(reading, writing);
            }
            Role::Datagram(peer) => {
                let is_connected = peer.is_some() || self.domain == Domain::Unix;
                self.note_shut(reading, writing);
                if !is_connected {
                    return Err(Errno::ENOTCONN);
                }
            }
            _ => return Err(Errno::ENOTCONN),
        }
        self.end.events.wake_all();
        Ok(())
    }

    fn note_shut(&self, reading: bool, writing: bool) {
        let bits = if reading { SHUT_READING } else { 0 } | if writing { SHUT_WRITING } else { 0 };
        self.shut.fetch_or(bits, Ordering::SeqCst);
    }

    fn is_shut(&self, bit: u32) -> bool {
        self.shut.load(Ordering::SeqCst) & bit != 0
    }

    fn receive_deadline(&self) -> Option<Instant> {
        self.options.lock().receive_deadline()
    }

    fn send_deadline(&self) -> Option<Instant> {
        self.options.lock().send_deadline()
    }
}

const TCP: u32 = net::IPPROTO_TCP as u32;
const UDP: u32 = net::IPPROTO_UDP as u32;
/// UDP with a checksum over a part (RFC 3828). Nothing is damaged within one machine, so
/// it differs from UDP by its ports and its options.
const UDP_LITE: u32 = net::IPPROTO_UDPLITE as u32;
