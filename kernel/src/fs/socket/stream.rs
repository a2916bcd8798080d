//! Connections: listening, connecting, accepting, closing.

use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::VecDeque;
use std::sync::Arc;

use super::address::Address;
use super::channel::Channel;
use super::{Connection, Domain, Identity, Kind, Role, Socket, names};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::block;
use crate::sync::SleepMutex;

/// `/proc/sys/net/core/somaxconn`.
const MOST_WAITING: usize = 4096;

/// Connections that wait to be accepted.
pub(super) struct Listener {
    limit: AtomicUsize,
    is_closed: AtomicBool,
    waiting: SleepMutex<VecDeque<Arc<Socket>>>,
    /// Who listened.
    identity: Identity,
}

impl Listener {
    fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicUsize::new(limit),
            is_closed: AtomicBool::new(false),
            waiting: SleepMutex::new(VecDeque::new()),
            identity: Identity::current(),
        })
    }

    /// Whether a connection waits.
    pub fn is_ready(&self) -> bool {
        !self.waiting.lock().is_empty()
    }

    /// Refuses what waits, and everything from now on.
    pub fn close(&self) {
        let waiting = {
            let mut waiting = self.waiting.lock();
            self.is_closed.store(true, Ordering::SeqCst);
            core::mem::take(&mut *waiting)
        };
        for socket in waiting {
            socket.abort();
        }
    }
}

impl Socket {
    /// Two sockets that are connected with each other (`socketpair(2)`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for families other than AF_UNIX; `EPROTONOSUPPORT`.
    pub fn pair(domain: Domain, kind: Kind, protocol: u32) -> Result<(Arc<Self>, Arc<Self>)> {
        let first = Self::new(domain, kind, protocol)?;
        let second = Self::new(domain, kind, protocol)?;
        if domain != Domain::Unix {
            return Err(Errno::EOPNOTSUPP);
        }
        if kind.is_connectionless() {
            first.pair_with(&second);
            second.pair_with(&first);
            return Ok((first, second));
        }
        let (to_first, to_second) = Channel::pair(&first.end, &second.end);
        let identity = Identity::current();
        let connection = |incoming: &Arc<Channel>, outgoing: &Arc<Channel>| Connection {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            peer: Address::Unnamed,
            identity,
        };
        first.set_connected(connection(&to_first, &to_second), false);
        second.set_connected(connection(&to_second, &to_first), false);
        Ok((first, second))
    }

    fn set_connected(&self, connection: Connection, is_fresh: bool) {
        self.state.lock().role = Role::Connected {
            connection,
            is_fresh,
        };
    }

    /// `listen(2)`.
    ///
    /// # Errors
    /// `EOPNOTSUPP` for datagrams; `EINVAL`; `EADDRINUSE`.
    pub fn listen(&self, backlog: i32) -> Result<()> {
        if self.kind.is_connectionless() {
            return Err(Errno::EOPNOTSUPP);
        }
        let limit = usize::try_from(backlog)
            .unwrap_or(MOST_WAITING)
            .min(MOST_WAITING);
        let mut state = self.state.lock();
        match &state.role {
            Role::Listening(listener) => {
                listener.limit.store(limit, Ordering::SeqCst);
                return Ok(());
            }
            Role::Idle => {}
            _ => return Err(Errno::EINVAL),
        }
        if state.binding.is_none() {
            if self.domain == Domain::Unix {
                return Err(Errno::EINVAL);
            }
            let (local, binding) = names::bind(self, &Address::unbound(self.domain))?;
            state.local = local;
            state.binding = Some(binding);
        }
        if let Some(binding) = &state.binding {
            binding.listen()?;
        }
        state.role = Role::Listening(Listener::new(limit));
        drop(state);
        self.end.events.wake_all();
        Ok(())
    }

    fn listener(&self) -> Option<Arc<Listener>> {
        match &self.state.lock().role {
            Role::Listening(listener) => Some(listener.clone()),
            _ => None,
        }
    }

    /// `accept(2)`.
    ///
    /// # Errors
    /// `EINVAL` where it does not listen, `EOPNOTSUPP` for datagrams, `EAGAIN`.
    pub fn accept(&self, is_nonblocking: bool) -> Result<Arc<Self>> {
        if self.kind.is_connectionless() {
            return Err(Errno::EOPNOTSUPP);
        }
        let listener = self.listener().ok_or(Errno::EINVAL)?;
        let deadline = self.receive_deadline();
        let socket = block(&self.end.events, is_nonblocking, deadline, || {
            let next = listener.waiting.lock().pop_front();
            match next {
                Some(socket) => Some(Ok(socket)),
                None if listener.is_closed.load(Ordering::SeqCst) => Some(Err(Errno::EINVAL)),
                None => None,
            }
        })?;
        // Connectors wait for room in the backlog.
        self.end.events.wake_all();
        Ok(socket)
    }

    /// `connect(2)` for streams and sequences of packets; None is `AF_UNSPEC`.
    pub(super) fn connect_stream(
        &self,
        address: Option<&Address>,
        is_nonblocking: bool,
    ) -> Result<()> {
        {
            let mut state = self.state.lock();
            match &mut state.role {
                Role::Connected { is_fresh, .. } if *is_fresh => {
                    *is_fresh = false;
                    return Ok(());
                }
                Role::Connected { .. } => return Err(Errno::EISCONN),
                Role::Listening(_) if self.is_tcp() => return Err(Errno::EISCONN),
                Role::Listening(_) => return Err(Errno::EINVAL),
                Role::Idle | Role::Datagram(_) => {}
            }
        }
        if self.is_tcp() {
            self.end.check_error()?;
        }
        let Some(address) = address else {
            return match self.is_tcp() {
                true => Ok(()),
                false => Err(Errno::EINVAL),
            };
        };
        match address {
            Address::Inet(ip, port) => self.connect_tcp(*ip, *port, is_nonblocking),
            _ => self.connect_unix(address, is_nonblocking),
        }
    }

    fn connect_unix(&self, address: &Address, is_nonblocking: bool) -> Result<()> {
        let server = names::unix(address, self.kind)?;
        let deadline = self.send_deadline();
        block(&server.end.events, is_nonblocking, deadline, || {
            let Some(listener) = server.listener() else {
                return Some(Err(Errno::ECONNREFUSED));
            };
            let has_room = listener.waiting.lock().len() <= listener.limit.load(Ordering::SeqCst);
            has_room.then(|| self.join(&server, &listener, address.clone(), false))
        })
    }

    fn connect_tcp(&self, ip: IpAddr, port: u16, is_nonblocking: bool) -> Result<()> {
        let is_v6_only = self.options.lock().is_v6_only;
        if self.domain == Domain::Inet6 && is_v6_only && ip.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        let ip = names::destination(ip)?;
        self.name_for(ip)?;
        let joined = names::at_port(super::TCP, ip, port)
            .into_iter()
            .find_map(|server| Some((server.listener()?, server)))
            .map_or(Err(Errno::ECONNREFUSED), |(listener, server)| {
                self.join(&server, &listener, Address::Inet(ip, port), is_nonblocking)
            });
        match joined {
            Ok(()) if is_nonblocking => Err(Errno::EINPROGRESS),
            // The refusal is an answer of the other side: it comes later.
            Err(Errno::ECONNREFUSED) if is_nonblocking => {
                self.note_shut(true, true);
                self.end.set_error(Errno::ECONNREFUSED);
                Err(Errno::EINPROGRESS)
            }
            joined => joined,
        }
    }

    /// Gives an internet socket without a name (or with the wildcard) the one from which
    /// it reaches `ip`.
    pub(super) fn name_for(&self, ip: IpAddr) -> Result<()> {
        let mut state = self.state.lock();
        if state.binding.is_none() {
            let (local, binding) = names::bind(self, &Address::Inet(names::source(ip), 0))?;
            state.local = local;
            state.binding = Some(binding);
        } else if let Address::Inet(own, port) = &state.local
            && own.is_unspecified()
            && self.kind == Kind::Stream
        {
            state.local = Address::Inet(names::source(ip), *port);
        }
        Ok(())
    }

    /// Makes the other end of a connection to `server`, which it accepts later.
    fn join(
        &self,
        server: &Self,
        listener: &Listener,
        address: Address,
        is_fresh: bool,
    ) -> Result<()> {
        let options = server.options.lock().clone();
        let other = Self::build(server.domain, server.kind, server.protocol, options);
        let (to_us, to_other) = Channel::pair(&self.end, &other.end);
        let mut state = self.state.lock();
        if !matches!(state.role, Role::Idle) {
            return Err(Errno::EISCONN);
        }
        {
            let mut other_state = other.state.lock();
            other_state.local = address.clone();
            other_state.role = Role::Connected {
                connection: Connection {
                    incoming: to_other.clone(),
                    outgoing: to_us.clone(),
                    peer: state.local.clone(),
                    identity: Identity::current(),
                },
                is_fresh: false,
            };
        }
        {
            let mut waiting = listener.waiting.lock();
            if listener.is_closed.load(Ordering::SeqCst) || waiting.len() > MOST_WAITING {
                return Err(Errno::ECONNREFUSED);
            }
            waiting.push_back(other);
        }
        state.role = Role::Connected {
            connection: Connection {
                incoming: to_us,
                outgoing: to_other,
                peer: address,
                identity: listener.identity,
            },
            is_fresh,
        };
        self.shut.store(0, Ordering::SeqCst);
        drop(state);
        server.end.events.wake_all();
        self.end.events.wake_all();
        Ok(())
    }

    /// The last descriptor is closed.
    pub(super) fn close(&self) {
        let (role, binding) = {
            let mut state = self.state.lock();
            let role = core::mem::replace(&mut state.role, Role::Idle);
            (role, state.binding.take())
        };
        drop(binding);
        match role {
            Role::Idle => {}
            Role::Listening(listener) => {
                listener.close();
                self.end.events.wake_all();
            }
            Role::Connected { connection, .. } => {
                let resets = self.options.lock().resets_on_close();
                self.disconnect(&connection, resets);
            }
            Role::Datagram(_) => {
                self.inbox.close_reading(true);
            }
        }
    }

    fn disconnect(&self, connection: &Connection, resets: bool) {
        let is_tcp = self.is_tcp();
        let was_unread = connection.incoming.close_reading(!is_tcp || resets);
        if was_unread || (resets && is_tcp) {
            let peer = &connection.outgoing.reader;
            connection.incoming.refuse();
            connection.outgoing.stop_writing();
            peer.set_error(Errno::ECONNRESET);
        } else {
            connection.outgoing.stop_writing();
        }
    }

    /// Breaks a connection that nobody accepted.
    fn abort(&self) {
        let role = core::mem::replace(&mut self.state.lock().role, Role::Idle);
        if let Role::Connected { connection, .. } = role {
            self.disconnect(&connection, true);
            connection.outgoing.reader.set_error(Errno::ECONNRESET);
        }
    }
}
