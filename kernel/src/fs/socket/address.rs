//! Socket addresses, to and from `struct sockaddr`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use linux_raw_sys::net;

use super::Domain;
use crate::errno::{Errno, Result};

/// Longest path of an AF_UNIX address, with its NUL.
const PATH_MAX: usize = 108;
/// Bytes of `sa_family`.
const FAMILY: usize = 2;
/// Bytes of `struct sockaddr_in`.
const INET: usize = 16;
/// Bytes of `struct sockaddr_in6`; the first that Linux accepts (without the scope).
const INET6: usize = 28;
const INET6_SHORT: usize = 24;
/// Bytes of `struct sockaddr_nl`: family (2), padding (2), port (4), groups (4).
const NETLINK: usize = 12;

/// Longest `struct sockaddr` that is read or written (`struct sockaddr_storage`).
pub const LONGEST: usize = 128;

/// Where a socket is, or who sent something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An AF_UNIX socket without a name.
    Unnamed,
    /// A path, without its NUL.
    Path(Vec<u8>),
    /// A name in the abstract space, without the leading NUL.
    Abstract(Vec<u8>),
    /// An internet address and port; IPv4 is never written as IPv6 in here.
    Inet(IpAddr, u16),
    /// An AF_NETLINK port (0 is the kernel's), and a bit for each group.
    Netlink {
        /// `nl_pid`.
        port: u32,
        /// `nl_groups`.
        groups: u32,
    },
}

impl Address {
    /// What a socket without a name shows.
    #[must_use]
    pub fn unbound(domain: Domain) -> Self {
        match domain {
            Domain::Unix => Self::Unnamed,
            Domain::Inet => Self::Inet(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            Domain::Inet6 => Self::Inet(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
            Domain::Netlink => Self::Netlink { port: 0, groups: 0 },
        }
    }

    /// Reads the address for a socket of `domain`; None for `AF_UNSPEC`.
    ///
    /// # Errors
    /// `EINVAL` for a wrong length, `EAFNOSUPPORT` for another family.
    pub fn parse(bytes: &[u8], domain: Domain) -> Result<Option<Self>> {
        let (family, rest) = bytes.split_first_chunk::<FAMILY>().ok_or(Errno::EINVAL)?;
        let family = u32::from(u16::from_ne_bytes(*family));
        if family == net::AF_UNSPEC {
            return Ok(None);
        }
        match domain {
            Domain::Unix if family != net::AF_UNIX => Err(Errno::EINVAL),
            Domain::Unix => Self::parse_unix(rest).map(Some),
            Domain::Netlink if bytes.len() < NETLINK || family != net::AF_NETLINK => {
                Err(Errno::EINVAL)
            }
            Domain::Netlink => Ok(Some(Self::Netlink {
                port: u32::from_ne_bytes(field(rest, 2)?),
                groups: u32::from_ne_bytes(field(rest, 6)?),
            })),
            Domain::Inet if bytes.len() < INET => Err(Errno::EINVAL),
            Domain::Inet6 if bytes.len() < INET6_SHORT && family == net::AF_INET6 => {
                Err(Errno::EINVAL)
            }
            _ => Self::parse_inet(family, rest, domain).map(Some),
        }
    }

    fn parse_unix(rest: &[u8]) -> Result<Self> {
        if rest.len() > PATH_MAX {
            return Err(Errno::EINVAL);
        }
        Ok(match rest.split_first() {
            None => Self::Unnamed,
            Some((0, name)) => Self::Abstract(name.to_vec()),
            Some(_) => {
                let end = rest.iter().position(|byte| *byte == 0);
                Self::Path(rest[..end.unwrap_or(rest.len())].to_vec())
            }
        })
    }

    fn parse_inet(family: u32, rest: &[u8], domain: Domain) -> Result<Self> {
        let port = |bytes: &[u8]| match bytes {
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        match family {
            net::AF_INET if domain == Domain::Inet => {
                let ip: [u8; 4] = field(rest, 2)?;
                Ok(Self::Inet(IpAddr::V4(ip.into()), port(rest)))
            }
            net::AF_INET6 if domain == Domain::Inet6 => {
                let ip: [u8; 16] = field(rest, 6)?;
                Ok(Self::Inet(plain(Ipv6Addr::from(ip)), port(rest)))
            }
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// As a socket of `domain` shows it: IPv4 as IPv6 where that is its family.
    #[must_use]
    pub fn seen_from(self, domain: Domain) -> Seen {
        Seen {
            address: self,
            domain,
        }
    }
}

/// `::ffff:a.b.c.d` is IPv4.
fn plain(ip: Ipv6Addr) -> IpAddr {
    match ip.to_ipv4_mapped() {
        Some(ip) => IpAddr::V4(ip),
        None => IpAddr::V6(ip),
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(Errno::EINVAL)
}

/// An address as a socket of some family shows it.
#[derive(Clone, Debug)]
pub struct Seen {
    address: Address,
    domain: Domain,
}

impl Seen {
    /// The bytes of `struct sockaddr`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.domain.number() as u16).to_ne_bytes().to_vec();
        match (&self.address, self.domain) {
            (Address::Unnamed, _) => {}
            (Address::Path(path), _) => {
                bytes.extend_from_slice(path);
                // Linux counts the NUL, where there is room for one.
                if path.len() < PATH_MAX {
                    bytes.push(0);
                }
            }
            (Address::Abstract(name), _) => {
                bytes.push(0);
                bytes.extend_from_slice(name);
            }
            (Address::Netlink { port, groups }, _) => {
                bytes.extend_from_slice(&[0; 2]);
                bytes.extend_from_slice(&port.to_ne_bytes());
                bytes.extend_from_slice(&groups.to_ne_bytes());
            }
            (Address::Inet(IpAddr::V4(ip), port), Domain::Inet) => {
                bytes.extend_from_slice(&port.to_be_bytes());
                bytes.extend_from_slice(&ip.octets());
                bytes.resize(INET, 0);
            }
            (Address::Inet(ip, port), _) => {
                let ip = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => *ip,
                };
                bytes.extend_from_slice(&port.to_be_bytes());
                // Flow information.
                bytes.extend_from_slice(&[0; 4]);
                bytes.extend_from_slice(&ip.octets());
                bytes.resize(INET6, 0);
            }
        }
        bytes
    }

    /// Whether it says nothing: a sender without a name, of whom only a length of 0 tells.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.address == Address::Unnamed
    }
}
