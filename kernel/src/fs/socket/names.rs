//! Who is bound where: abstract names, and the ports of TCP, UDP and UDP-Lite. (Paths are
//! the file system's, and AF_NETLINK's ports its own.)

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::address::Address;
use super::{Domain, Kind, Socket, netlink};
use crate::errno::{Errno, Result};
use crate::fs;
use crate::sync::SleepMutex;
use crate::task;

/// `/proc/sys/net/ipv4/ip_local_port_range`.
const EPHEMERAL: core::ops::RangeInclusive<u16> = 32768..=60999;

/// Ports below this are root's.
const PRIVILEGED: u16 = 1024;

/// Names of sockets of one type: Linux keeps those of each type apart.
type AbstractKey = (u32, Vec<u8>);

static ABSTRACT: SleepMutex<BTreeMap<AbstractKey, Weak<Socket>>> = SleepMutex::new(BTreeMap::new());

/// By protocol and port.
type PortKey = (u32, u16);

static PORTS: SleepMutex<BTreeMap<PortKey, Vec<Entry>>> = SleepMutex::new(BTreeMap::new());

static NEXT_ENTRY: AtomicU64 = AtomicU64::new(0);

/// A socket at a port.
struct Entry {
    number: u64,
    ip: IpAddr,
    /// An IPv6 wildcard that takes IPv4 as well.
    is_dual: bool,
    reuses_address: bool,
    reuses_port: bool,
    is_listening: bool,
    socket: Weak<Socket>,
}

impl Entry {
    /// Whether what is sent to `ip` arrives here.
    fn covers(&self, ip: IpAddr) -> bool {
        self.ip == ip
            || self.ip.is_unspecified()
                && (self.ip.is_ipv4() == ip.is_ipv4() || self.ip.is_ipv6() && self.is_dual)
    }

    fn conflicts(&self, other: &Self) -> bool {
        let overlaps = self.covers(other.ip) || other.covers(self.ip);
        let shares_address = self.reuses_address && other.reuses_address && !self.is_listening;
        let shares_port = self.reuses_port && other.reuses_port;
        overlaps && !shares_address && !shares_port
    }
}

/// Holds a name; dropping it frees the name.
pub enum Binding {
    /// A path: the inode stays, the socket behind it goes.
    Path,
    /// An abstract name.
    Abstract(AbstractKey),
    /// A port, and which entry of it.
    Port(PortKey, u64),
    /// An AF_NETLINK port.
    Netlink(u32),
}

impl Drop for Binding {
    fn drop(&mut self) {
        match self {
            Self::Path => {}
            Self::Netlink(port) => netlink::release(*port),
            Self::Abstract(key) => {
                ABSTRACT.lock().remove(key);
            }
            Self::Port(key, number) => {
                let mut ports = PORTS.lock();
                if let Some(entries) = ports.get_mut(key) {
                    entries.retain(|entry| entry.number != *number);
                    if entries.is_empty() {
                        ports.remove(key);
                    }
                }
            }
        }
    }
}

impl Binding {
    /// Marks the port's socket as listening.
    ///
    /// # Errors
    /// `EADDRINUSE` where another one listens there already.
    pub fn listen(&self) -> Result<()> {
        let Self::Port(key, number) = self else {
            return Ok(());
        };
        let mut ports = PORTS.lock();
        let Some(entries) = ports.get_mut(key) else {
            return Ok(());
        };
        let Some(own) = entries.iter().position(|entry| entry.number == *number) else {
            return Ok(());
        };
        let is_taken = entries.iter().any(|entry| {
            entry.number != *number && entry.is_listening && entry.conflicts(&entries[own])
        });
        if is_taken {
            return Err(Errno::EADDRINUSE);
        }
        entries[own].is_listening = true;
        Ok(())
    }
}

/// Binds `socket` to `address`: the name it then has.
///
/// # Errors
/// `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EINVAL`; for paths those of `mknod(2)`.
pub fn bind(socket: &Socket, address: &Address) -> Result<(Address, Binding)> {
    match address {
        Address::Unnamed => bind_abstract(socket, None),
        Address::Abstract(name) => bind_abstract(socket, Some(name)),
        Address::Path(path) => {
            let weak: Weak<dyn Any + Send + Sync> = socket.this.clone();
            fs::bind_socket(path, weak)?;
            Ok((address.clone(), Binding::Path))
        }
        Address::Inet(ip, port) => bind_port(socket, *ip, *port),
        Address::Netlink { port, groups } => {
            let (local, port) = netlink::bind(*port, *groups)?;
            Ok((local, Binding::Netlink(port)))
        }
    }
}

fn bind_abstract(socket: &Socket, name: Option<&Vec<u8>>) -> Result<(Address, Binding)> {
    let mut names = ABSTRACT.lock();
    let kind = socket.kind.number();
    let name = match name {
        Some(name) => name.clone(),
        // "autobind": five hexadecimal digits.
        None => (0..0x10_0000_u32)
            .map(|number| format!("{number:05x}").into_bytes())
            .find(|name| !names.contains_key(&(kind, name.clone())))
            .ok_or(Errno::ENOSPC)?,
    };
    let key = (kind, name.clone());
    if names.contains_key(&key) {
        return Err(Errno::EADDRINUSE);
    }
    names.insert(key.clone(), socket.this.clone());
    Ok((Address::Abstract(name), Binding::Abstract(key)))
}

/// Whether the machine has this address.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

fn bind_port(socket: &Socket, ip: IpAddr, port: u16) -> Result<(Address, Binding)> {
    if !is_local(ip) {
        return Err(Errno::EADDRNOTAVAIL);
    }
    let (reuses_address, reuses_port, is_v6_only) = {
        let options = socket.options.lock();
        (
            options.reuses_address,
            options.reuses_port,
            options.is_v6_only,
        )
    };
    if socket.domain == Domain::Inet6 && is_v6_only && ip.is_ipv4() {
        return Err(Errno::EINVAL);
    }
    if (1..PRIVILEGED).contains(&port) && task::current_process().credentials().euid != 0 {
        return Err(Errno::EACCES);
    }
    let entry = Entry {
        number: NEXT_ENTRY.fetch_add(1, Ordering::Relaxed),
        ip,
        is_dual: !is_v6_only,
        reuses_address,
        reuses_port,
        is_listening: false,
        socket: socket.this.clone(),
    };
    let mut ports = PORTS.lock();
    let port = match port {
        0 => free_port(&ports, socket.protocol)?,
        port => port,
    };
    let key = (socket.protocol, port);
    let entries = ports.entry(key).or_default();
    if entries.iter().any(|other| other.conflicts(&entry)) {
        return Err(Errno::EADDRINUSE);
    }
    let number = entry.number;
    entries.push(entry);
    Ok((Address::Inet(ip, port), Binding::Port(key, number)))
}

/// An ephemeral port that nobody has, from a random one on.
fn free_port(ports: &BTreeMap<PortKey, Vec<Entry>>, protocol: u32) -> Result<u16> {
    let mut random = [0; 2];
    crate::entropy::fill(&mut random);
    let count = u32::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
    let first = u32::from(u16::from_ne_bytes(random));
    (0..count)
        .map(|offset| EPHEMERAL.start() + ((first + offset) % count) as u16)
        .find(|port| !ports.contains_key(&(protocol, *port)))
        .ok_or(Errno::EADDRINUSE)
}

/// Where a connection or a datagram to `ip` goes: the wildcard means this machine.
///
/// # Errors
/// `ENETUNREACH` for everything that is not this machine.
pub fn destination(ip: IpAddr) -> Result<IpAddr> {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(ip) if ip.is_unspecified() => Ok(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ip if ip.is_loopback() => Ok(ip),
        _ => Err(Errno::ENETUNREACH),
    }
}

/// The address from which `ip` is reached.
pub fn source(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// The sockets of `protocol` that get what is sent to `ip` and `port`, the one that is
/// bound most closely first. For TCP only those that listen.
pub fn at_port(protocol: u32, ip: IpAddr, port: u16) -> Vec<Arc<Socket>> {
    let ports = PORTS.lock();
    let entries = ports.get(&(protocol, port)).map_or(&[][..], Vec::as_slice);
    let mut found: Vec<_> = entries
        .iter()
        .filter(|entry| entry.covers(ip) && (protocol != super::TCP || entry.is_listening))
        .collect();
    found.sort_by_key(|entry| {
        (
            entry.ip.is_unspecified(),
            entry.is_dual && entry.ip.is_ipv6(),
        )
    });
    found
        .iter()
        .filter_map(|entry| entry.socket.upgrade())
        .collect()
}

/// The AF_UNIX socket at `address`.
///
/// # Errors
/// `ECONNREFUSED` where there is none, `EPROTOTYPE` where it is of another type than
/// `kind`; for paths those of a lookup.
pub fn unix(address: &Address, kind: Kind) -> Result<Arc<Socket>> {
    match address {
        Address::Abstract(name) => {
            let names = ABSTRACT.lock();
            let socket = names.get(&(kind.number(), name.clone()));
            socket.and_then(Weak::upgrade).ok_or(Errno::ECONNREFUSED)
        }
        Address::Path(path) => {
            let socket = fs::connect_socket(path)?.downcast::<Socket>();
            let socket = socket.map_err(|_| Errno::ECONNREFUSED)?;
            match socket.kind == kind {
                true => Ok(socket),
                false => Err(Errno::EPROTOTYPE),
            }
        }
        _ => Err(Errno::EINVAL),
    }
}
