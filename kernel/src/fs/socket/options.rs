//! `getsockopt(2)` and `setsockopt(2)`.
//!
//! What has a meaning for most sockets is a field; the rest of what Linux knows (and
//! nothing else) is in [`super::stored`].

use core::time::Duration;

use linux_raw_sys::net;

use super::stored::Stored;
use super::{Domain, Kind, Role, Socket, TCP, UDP, UDP_LITE};
use crate::errno::{Errno, Result};
use crate::time::Instant;

/// `net.core.wmem_default`, `rmem_default`, and their largest values as `SO_SNDBUF` and
/// `SO_RCVBUF` take them, before doubling.
const BUFFER: usize = 212_992;
const BUFFER_MAX: usize = 212_992;
/// `SOCK_MIN_SNDBUF`, `SOCK_MIN_RCVBUF`.
const SEND_MIN: usize = 4608;
const RECEIVE_MIN: usize = 2304;
/// What a TCP connection on the loopback takes in flight.
const TCP_BUFFER: usize = 2 << 20;
/// What TCP shows for its buffers.
const TCP_SEND_SHOWN: usize = 16_384;
const TCP_RECEIVE_SHOWN: usize = 131_072;

const SOCKET: u32 = net::SOL_SOCKET;
const IP: u32 = net::IPPROTO_IP as u32;
const IPV6: u32 = net::IPPROTO_IPV6 as u32;
/// A socket's options.
#[derive(Clone)]
pub struct Options {
    /// `SO_REUSEADDR`.
    pub reuses_address: bool,
    /// `SO_REUSEPORT`.
    pub reuses_port: bool,
    /// `IPV6_V6ONLY`.
    pub is_v6_only: bool,
    /// `SO_PASSCRED`.
    pub passes_identity: bool,
    /// Bytes that may be on their way from a socket that is made with these; what counts
    /// for this one is its `End`'s.
    pub send_buffer: usize,
    /// Bytes that may wait here.
    pub receive_buffer: usize,
    /// What `SO_SNDBUF` and `SO_RCVBUF` tell.
    shown: (usize, usize),
    /// `SO_LINGER`: on, and seconds.
    linger: (bool, u32),
    receive_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
    pub(super) stored: Stored,
}

/// A value of an option, as bytes.
pub type Value = Vec<u8>;

impl Options {
    /// What a new socket starts with.
    #[must_use]
    pub fn new(domain: Domain, kind: Kind) -> Self {
        let is_tcp = domain.is_internet() && kind == Kind::Stream;
        Self {
            reuses_address: false,
            reuses_port: false,
            is_v6_only: false,
            passes_identity: false,
            send_buffer: if is_tcp { TCP_BUFFER } else { BUFFER },
            receive_buffer: BUFFER,
            shown: match is_tcp {
                true => (TCP_SEND_SHOWN, TCP_RECEIVE_SHOWN),
                false => (BUFFER, BUFFER),
            },
            linger: (false, 0),
            receive_timeout: None,
            send_timeout: None,
            stored: Stored::default(),
        }
    }

    /// When a receive that begins now gives up.
    #[must_use]
    pub fn receive_deadline(&self) -> Option<Instant> {
        self.receive_timeout.map(|timeout| Instant::now() + timeout)
    }

    /// When a send that begins now gives up.
    #[must_use]
    pub fn send_deadline(&self) -> Option<Instant> {
        self.send_timeout.map(|timeout| Instant::now() + timeout)
    }

    /// Whether closing breaks the connection instead of ending it.
    #[must_use]
    pub fn resets_on_close(&self) -> bool {
        self.linger == (true, 0)
    }
}

impl Socket {
    /// Whether the level is one that a socket of this family has.
    fn has_level(&self, level: u32) -> bool {
        match level {
            SOCKET => true,
            IP => self.domain.is_internet(),
            IPV6 => self.domain == Domain::Inet6,
            TCP => self.is_tcp(),
            UDP | UDP_LITE => matches!(self.protocol, UDP | UDP_LITE),
            _ => false,
        }
    }

    /// Identities travel in AF_UNIX only.
    fn check_family(&self, level: u32, name: u32) -> Result<()> {
        match (level, name) {
            (SOCKET, net::SO_PASSCRED) if self.domain != Domain::Unix => Err(Errno::EOPNOTSUPP),
            _ => Ok(()),
        }
    }

    /// `getsockopt(2)`.
    ///
    /// # Errors
    /// `ENOPROTOOPT`, `EOPNOTSUPP`.
    pub fn option(&self, level: u32, name: u32) -> Result<Value> {
        if !self.has_level(level) {
            return Err(match self.domain {
                Domain::Inet6 | Domain::Netlink => Errno::ENOPROTOOPT,
                Domain::Unix | Domain::Inet => Errno::EOPNOTSUPP,
            });
        }
        self.check_family(level, name)?;
        if level == SOCKET
            && let Some(value) = self.socket_option(name)
        {
            return Ok(value);
        }
        let options = self.options.lock();
        if (level, name) == (IPV6, net::IPV6_V6ONLY) {
            return Ok(word(options.is_v6_only.into()));
        }
        if (level, name) == (TCP, net::TCP_MAXSEG) {
            return Ok(word(32_741));
        }
        options.stored.value(level, name).map(word)
    }

    fn socket_option(&self, name: u32) -> Option<Value> {
        match name {
            net::SO_TYPE => return Some(word(self.kind.number() as i32)),
            net::SO_DOMAIN => return Some(word(self.domain.number() as i32)),
            net::SO_PROTOCOL => return Some(word(self.protocol as i32)),
            net::SO_ERROR => return Some(word(self.end.take_error())),
            net::SO_ACCEPTCONN => {
                let is_listening = matches!(self.state.lock().role, Role::Listening(_));
                return Some(word(is_listening.into()));
            }
            net::SO_PEERCRED => {
                let identity = self.peer_identity();
                let words = [identity.process, identity.user, identity.group];
                return Some(words.into_iter().flat_map(u32::to_ne_bytes).collect());
            }
            // Not bound to a device: an empty name.
            net::SO_BINDTODEVICE => return Some(Value::new()),
            _ => {}
        }
        let options = self.options.lock();
        Some(match name {
            net::SO_REUSEADDR => word(options.reuses_address.into()),
            net::SO_REUSEPORT => word(options.reuses_port.into()),
            net::SO_PASSCRED => word(options.passes_identity.into()),
            net::SO_SNDBUF => word(options.shown.0 as i32),
            net::SO_RCVBUF => word(options.shown.1 as i32),
            net::SO_RCVLOWAT | net::SO_SNDLOWAT => word(1),
            net::SO_LINGER => {
                let (is_on, seconds) = options.linger;
                [i32::from(is_on), seconds as i32]
                    .into_iter()
                    .flat_map(i32::to_ne_bytes)
                    .collect()
            }
            net::SO_RCVTIMEO_OLD => timeout_value(options.receive_timeout),
            net::SO_SNDTIMEO_OLD => timeout_value(options.send_timeout),
            _ => return None,
        })
    }

    /// `setsockopt(2)`.
    ///
    /// # Errors
    /// `ENOPROTOOPT`; `EINVAL` for a value that is too short; `EDOM` for a wrong time.
    pub fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        if !self.has_level(level) {
            return Err(match self.domain {
                Domain::Unix => Errno::EOPNOTSUPP,
                Domain::Inet | Domain::Inet6 | Domain::Netlink => Errno::ENOPROTOOPT,
            });
        }
        self.check_family(level, name)?;
        if (level, name) == (SOCKET, net::SO_REUSEPORT) && self.domain == Domain::Unix {
            return Err(Errno::EOPNOTSUPP);
        }
        if level == SOCKET && matches!(name, net::SO_RCVTIMEO_OLD | net::SO_SNDTIMEO_OLD) {
            let timeout = parse_timeout(value)?;
            let mut options = self.options.lock();
            match name {
                net::SO_RCVTIMEO_OLD => options.receive_timeout = timeout,
                _ => options.send_timeout = timeout,
            }
            return Ok(());
        }
        let number = value
            .first_chunk()
            .map(|bytes| i32::from_ne_bytes(*bytes))
            .or_else(|| match (level, value) {
                // IP's options may be single bytes.
                (IP, [byte, ..]) => Some(i32::from(*byte)),
                _ => None,
            })
            .ok_or(Errno::EINVAL)?;
        let is_on = number != 0;
        // Linux takes any number here, also negative ones, as a large one.
        let size = (number.cast_unsigned() as usize).min(BUFFER_MAX) * 2;
        let mut options = self.options.lock();
        match (level, name) {
            (SOCKET, net::SO_REUSEADDR) => options.reuses_address = is_on,
            (SOCKET, net::SO_REUSEPORT) => options.reuses_port = is_on,
            (SOCKET, net::SO_PASSCRED) => options.passes_identity = is_on,
            (IPV6, net::IPV6_V6ONLY) => options.is_v6_only = is_on,
            (SOCKET, net::SO_SNDBUF | net::SO_SNDBUFFORCE) => {
                let size = size.max(SEND_MIN);
                options.send_buffer = size;
                options.shown.0 = size;
                drop(options);
                self.end.set_send_buffer(size);
            }
            (SOCKET, net::SO_RCVBUF | net::SO_RCVBUFFORCE) => {
                options.receive_buffer = size.max(RECEIVE_MIN);
                options.shown.1 = size.max(RECEIVE_MIN);
            }
            (SOCKET, net::SO_LINGER) => {
                let seconds: [u8; 4] = value
                    .get(4..)
                    .and_then(|rest| rest.first_chunk())
                    .copied()
                    .ok_or(Errno::EINVAL)?;
                options.linger = (is_on, u32::from_ne_bytes(seconds));
            }
            (SOCKET, net::SO_RCVLOWAT) => {}
            (TCP, net::TCP_MAXSEG) => {}
            _ => {
                drop(options);
                return self.store_option(level, name, number);
            }
        }
        Ok(())
    }
}

fn word(number: i32) -> Value {
    number.to_ne_bytes().to_vec()
}

/// `struct timeval`; zeros are for ever.
fn timeout_value(timeout: Option<Duration>) -> Value {
    let timeout = timeout.unwrap_or_default();
    let seconds = timeout.as_secs().cast_signed();
    let micros = i64::from(timeout.subsec_micros());
    [seconds, micros]
        .into_iter()
        .flat_map(i64::to_ne_bytes)
        .collect()
}

fn parse_timeout(value: &[u8]) -> Result<Option<Duration>> {
    let words: Vec<i64> = value
        .chunks_exact(8)
        .filter_map(|bytes| bytes.first_chunk().map(|bytes| i64::from_ne_bytes(*bytes)))
        .collect();
    let [seconds, micros, ..] = words[..] else {
        return Err(Errno::EINVAL);
    };
    if !(0..1_000_000).contains(&micros) {
        return Err(Errno::EDOM);
    }
    let Ok(seconds) = u64::try_from(seconds) else {
        // A negative time is none at all: not to wait.
        return Ok(Some(Duration::ZERO));
    };
    let timeout =
        Duration::from_secs(seconds.min(1 << 32)) + Duration::from_micros(micros.unsigned_abs());
    Ok((!timeout.is_zero()).then_some(timeout))
}
