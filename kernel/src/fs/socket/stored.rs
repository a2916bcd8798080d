//! Socket options that are single numbers: checked, stored and told again. A few of them
//! mean something to datagrams ([`super::hops`]); the others have no effect here.

use linux_raw_sys::net;

use super::{Socket, TCP, UDP, UDP_LITE};
use crate::errno::{Errno, Result};

const SOCKET: u32 = net::SOL_SOCKET;
const IP: u32 = net::IPPROTO_IP as u32;
const IPV6: u32 = net::IPPROTO_IPV6 as u32;

/// `UDP_CORK`.
const UDP_CORK: u32 = 1;
/// `UDPLITE_SEND_CSCOV`, `UDPLITE_RECV_CSCOV` (`net/udplite.h` of Linux).
const SEND_COVERAGE: u32 = 10;
const RECEIVE_COVERAGE: u32 = 11;
/// A checksum covers the header at least (RFC 3828, 3.1); 0 is everything.
const COVERAGE_MIN: i32 = 8;
const COVERAGE_MAX: i32 = 0xffff;

/// Hops that a datagram may take, unless told otherwise
/// (`/proc/sys/net/ipv4/ip_default_ttl`).
const HOP_LIMIT: i32 = 64;

const COUNT: usize = 36;

/// Level, name, the value at first, and what may be set.
const OPTIONS: [(u32, u32, i32, Rule); COUNT] = [
    (SOCKET, net::SO_DEBUG, 0, Rule::Switch),
    (SOCKET, net::SO_DONTROUTE, 0, Rule::Switch),
    (SOCKET, net::SO_BROADCAST, 0, Rule::Switch),
    (SOCKET, net::SO_KEEPALIVE, 0, Rule::Switch),
    (SOCKET, net::SO_OOBINLINE, 0, Rule::Switch),
    (SOCKET, net::SO_NO_CHECK, 0, Rule::Switch),
    (SOCKET, net::SO_BSDCOMPAT, 0, Rule::Switch),
    (SOCKET, net::SO_TIMESTAMPNS_OLD, 0, Rule::Switch),
    (SOCKET, net::SO_PRIORITY, 0, Rule::Any),
    (SOCKET, net::SO_TIMESTAMP_OLD, 0, Rule::Switch),
    (SOCKET, net::SO_MARK, 0, Rule::Any),
    (SOCKET, net::SO_BUSY_POLL, 0, Rule::Switch),
    (SOCKET, net::SO_INCOMING_CPU, -1, Rule::Switch),
    (IP, net::IP_TOS, 0, Rule::Any),
    (IP, net::IP_TTL, HOP_LIMIT, Rule::Octet(1, HOP_LIMIT)),
    (IP, net::IP_RECVTOS, 0, Rule::Switch),
    (IP, net::IP_RECVTTL, 0, Rule::Switch),
    (IP, net::IP_PKTINFO, 0, Rule::Switch),
    (IP, net::IP_RECVERR, 0, Rule::Switch),
    (IP, net::IP_MULTICAST_TTL, 1, Rule::Any),
    (IP, net::IP_MULTICAST_LOOP, 1, Rule::Any),
    (
        IPV6,
        net::IPV6_UNICAST_HOPS,
        HOP_LIMIT,
        Rule::Octet(0, HOP_LIMIT),
    ),
    (IPV6, net::IPV6_RECVPKTINFO, 0, Rule::Switch),
    (IPV6, net::IPV6_RECVHOPLIMIT, 0, Rule::Switch),
    (IPV6, net::IPV6_RECVTCLASS, 0, Rule::Switch),
    (IPV6, net::IPV6_TCLASS, 0, Rule::Octet(0, 0)),
    (TCP, net::TCP_NODELAY, 0, Rule::Any),
    (TCP, net::TCP_CORK, 0, Rule::Any),
    (TCP, net::TCP_KEEPIDLE, 7200, Rule::Any),
    (TCP, net::TCP_KEEPINTVL, 75, Rule::Any),
    (TCP, net::TCP_KEEPCNT, 9, Rule::Any),
    (TCP, net::TCP_USER_TIMEOUT, 0, Rule::Any),
    (TCP, net::TCP_QUICKACK, 1, Rule::Any),
    (UDP, UDP_CORK, 0, Rule::Switch),
    (UDP, SEND_COVERAGE, 0, Rule::Coverage),
    (UDP, RECEIVE_COVERAGE, 0, Rule::Coverage),
];

/// What an option takes.
#[derive(Clone, Copy)]
enum Rule {
    /// Every number.
    Any,
    /// On or off.
    Switch,
    /// From the first number to 255; -1 means the second.
    Octet(i32, i32),
    /// Bytes of a datagram, brought into range.
    Coverage,
}

impl Rule {
    fn apply(self, number: i32) -> Result<i32> {
        match self {
            Self::Any => Ok(number),
            Self::Switch => Ok((number != 0).into()),
            Self::Octet(_, usual) if number == -1 => Ok(usual),
            Self::Octet(least, _) if (least..=255).contains(&number) => Ok(number),
            Self::Octet(..) => Err(Errno::EINVAL),
            Self::Coverage if number == 0 => Ok(0),
            Self::Coverage => Ok(number.clamp(COVERAGE_MIN, COVERAGE_MAX)),
        }
    }
}

fn place(level: u32, name: u32) -> Result<usize> {
    // The levels of UDP and UDP-Lite are two names for one.
    let level = if level == UDP_LITE { UDP } else { level };
    OPTIONS
        .iter()
        .position(|(own_level, own_name, ..)| (*own_level, *own_name) == (level, name))
        .ok_or(Errno::ENOPROTOOPT)
}

impl Socket {
    /// Sets an option that is not a field.
    ///
    /// # Errors
    /// `ENOPROTOOPT`; `EINVAL` for a value that the option does not take.
    pub(super) fn store_option(&self, level: u32, name: u32, number: i32) -> Result<()> {
        let is_coverage =
            matches!(level, UDP | UDP_LITE) && matches!(name, SEND_COVERAGE | RECEIVE_COVERAGE);
        if is_coverage && self.protocol != UDP_LITE {
            return Err(Errno::ENOPROTOOPT);
        }
        self.options.lock().stored.set(level, name, number)
    }
}

/// The values of one socket.
#[derive(Clone)]
pub(super) struct Stored([i32; COUNT]);

impl Default for Stored {
    fn default() -> Self {
        Self(OPTIONS.map(|(_, _, first, _)| first))
    }
}

impl Stored {
    /// # Errors
    /// `ENOPROTOOPT` for an option that is not among these.
    pub fn value(&self, level: u32, name: u32) -> Result<i32> {
        Ok(self.0[place(level, name)?])
    }

    fn set(&mut self, level: u32, name: u32, number: i32) -> Result<()> {
        let place = place(level, name)?;
        self.0[place] = OPTIONS[place].3.apply(number)?;
        Ok(())
    }

    /// Whether a switch of IPv4 or IPv6 is on.
    pub fn is_on(&self, level: u32, name: u32) -> bool {
        self.value(level, name).is_ok_and(|value| value != 0)
    }

    /// The value of an option that goes into one byte of a header, which has its low bits.
    pub fn octet(&self, level: u32, name: u32) -> u8 {
        self.value(level, name).unwrap_or_default().to_le_bytes()[0]
    }
}
