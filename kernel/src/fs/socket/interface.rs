//! The one network interface, the loopback, as `ioctl(2)` on any socket tells of it
//! (`netdevice(7)`). Nothing of it can be changed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use formats::rtnetlink::Interface;
use linux_raw_sys::{ioctl as request, net};

use super::Domain;
use crate::errno::{Errno, Result};
use crate::memory::user;

/// `IFF_UP`, `IFF_LOOPBACK`, `IFF_RUNNING`, `IFF_LOWER_UP`.
const FLAGS: u32 = 0x1 | 0x8 | 0x40 | 0x1_0000;
/// `ARPHRD_LOOPBACK`.
const HARDWARE: u16 = 772;

/// What there is.
pub(super) const LOOPBACK: Interface<'static> = Interface {
    index: 1,
    name: "lo",
    hardware: HARDWARE,
    flags: FLAGS,
    mtu: 65_536,
    queue_length: 1000,
    hardware_address: [0; 6],
    addresses: &[
        (IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
        (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ],
};

/// Bytes of `struct ifreq`: a name (16), and a union of what is asked for (24).
const REQUEST: usize = 40;
const NAME: usize = 16;

/// A `struct ifreq`.
type Words = [u8; REQUEST];

/// Answers the interface's requests on a socket of `domain`; None for those that are none.
pub(super) fn ioctl(domain: Domain, number: u32, argument: usize) -> Option<Result<usize>> {
    let answer: fn(&mut Words) = match number {
        request::SIOCGIFCONF => return Some(list(argument)),
        request::SIOCGIFNAME => return Some(name(argument)),
        request::SIOCGIFINDEX => |words| put(words, &LOOPBACK.index.to_ne_bytes()),
        // A short: what lies above its bits is not told.
        request::SIOCGIFFLAGS => |words| put(words, &(FLAGS as u16).to_ne_bytes()),
        request::SIOCGIFMTU => |words| put(words, &LOOPBACK.mtu.to_ne_bytes()),
        request::SIOCGIFTXQLEN => |words| put(words, &LOOPBACK.queue_length.to_ne_bytes()),
        request::SIOCGIFMETRIC => |words| put(words, &0_i32.to_ne_bytes()),
        request::SIOCGIFHWADDR => |words| {
            let [low, high] = HARDWARE.to_ne_bytes();
            put(words, &[low, high, 0, 0, 0, 0, 0, 0]);
        },
        _ if domain == Domain::Inet => ipv4_answer(number)?,
        _ => return None,
    };
    Some(about(argument, answer))
}

/// What only IPv4's sockets tell.
fn ipv4_answer(number: u32) -> Option<fn(&mut Words)> {
    Some(match number {
        request::SIOCGIFADDR | request::SIOCGIFDSTADDR => {
            |words| put_ipv4(words, Ipv4Addr::LOCALHOST)
        }
        request::SIOCGIFNETMASK => |words| put_ipv4(words, Ipv4Addr::new(255, 0, 0, 0)),
        request::SIOCGIFBRDADDR => |words| put_ipv4(words, Ipv4Addr::UNSPECIFIED),
        _ => return None,
    })
}

/// Fills in what is asked about the interface that a `struct ifreq` names.
fn about(argument: usize, answer: fn(&mut Words)) -> Result<usize> {
    let mut words: Words = user::read(argument)?;
    // The last byte of a name is a NUL, whatever is there.
    let name = &words[..NAME - 1];
    let end = name.iter().position(|byte| *byte == 0);
    if name[..end.unwrap_or(name.len())] != *LOOPBACK.name.as_bytes() {
        return Err(Errno::ENODEV);
    }
    answer(&mut words);
    user::write(argument, &words)?;
    Ok(0)
}

/// `SIOCGIFNAME`: the name of the interface with an index.
fn name(argument: usize) -> Result<usize> {
    let mut words: Words = user::read(argument)?;
    if words[NAME..].first_chunk() != Some(&LOOPBACK.index.to_ne_bytes()) {
        return Err(Errno::ENODEV);
    }
    put_name(&mut words);
    user::write(argument, &words)?;
    Ok(0)
}

/// `SIOCGIFCONF`: the IPv4 addresses of all interfaces, as far as there is room. Without a
/// place for them, how many bytes they would take.
fn list(argument: usize) -> Result<usize> {
    // `struct ifconf`: an int, padding, and a pointer.
    let [room, place]: [usize; 2] = user::read(argument)?;
    let fits = usize::try_from(room as u32 as i32).is_ok_and(|room| room >= REQUEST);
    let mut length = REQUEST as u32;
    if place != 0 && fits {
        let mut words: Words = [0; REQUEST];
        put_name(&mut words);
        put_ipv4(&mut words, Ipv4Addr::LOCALHOST);
        user::write(place, &words)?;
    } else if place != 0 {
        length = 0;
    }
    user::write(argument, &length)?;
    Ok(0)
}

fn put_name(words: &mut Words) {
    words[..NAME].fill(0);
    words[..LOOPBACK.name.len()].copy_from_slice(LOOPBACK.name.as_bytes());
}

/// Fills the beginning of the union, of which there is enough for every value here.
fn put(words: &mut Words, value: &[u8]) {
    words[NAME..NAME + value.len()].copy_from_slice(value);
}

/// A `struct sockaddr_in` without a port.
fn put_ipv4(words: &mut Words, ip: Ipv4Addr) {
    put(words, &[0; 16]);
    put(words, &(net::AF_INET as u16).to_ne_bytes());
    words[NAME + 4..NAME + 8].copy_from_slice(&ip.octets());
}
