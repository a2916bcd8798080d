//! Control messages (`cmsg(3)`): files and identities over AF_UNIX, and what an IP header
//! says beside the addresses.

use linux_raw_sys::net;

use crate::errno::{Errno, Result};
use crate::fs::socket::{Ancillary, ControlMessage, Domain, HopRequest, Identity, Sending, Socket};
use crate::memory::user;
use crate::task;

/// Bytes of `struct cmsghdr`: length (8), level (4), type (4).
const HEADER: usize = 16;

/// Longest control data that is read (`net.core.optmem_max`, about).
const LONGEST: usize = 20_480;

/// Files in one message (`SCM_MAX_FD`).
const MOST_FILES: usize = 253;

/// Bytes of `struct ucred`.
const IDENTITY: usize = 12;

const fn aligned(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// Reads the control data at user address `address` into `sending`.
///
/// # Errors
/// `EINVAL`, `ENOBUFS`, `EFAULT`; `EBADF` for a file that is not open; `EPERM` for
/// somebody else's identity.
pub fn read(address: usize, length: usize, socket: &Socket, sending: &mut Sending) -> Result<()> {
    if length > LONGEST {
        return Err(Errno::ENOBUFS);
    }
    if address == 0 || length < HEADER {
        return Ok(());
    }
    let mut bytes = vec![0; length];
    user::copy_in(address, &mut bytes)?;
    let mut rest = &bytes[..];
    while rest.len() >= HEADER {
        let length = usize::from_ne_bytes(field(rest, 0)?);
        let level = u32::from_ne_bytes(field(rest, 8)?);
        let kind = u32::from_ne_bytes(field(rest, 12)?);
        if length < HEADER || length > rest.len() {
            return Err(Errno::EINVAL);
        }
        let data = &rest[HEADER..length];
        match (level, socket.domain(), kind) {
            (net::SOL_SOCKET, Domain::Unix, net::SCM_RIGHTS) => read_files(data, sending)?,
            (net::SOL_SOCKET, Domain::Unix, SCM_CREDENTIALS) => read_identity(data, sending)?,
            (net::SOL_SOCKET, Domain::Unix, _) => return Err(Errno::EINVAL),
            // TCP cuts its own packets, and looks at none of these.
            (IP | IPV6, ..) if !socket.has_messages() => {}
            (IP, Domain::Inet, _) => read_ip(kind, data, &mut sending.hops)?,
            (IPV6, Domain::Inet6, _) => read_ipv6(kind, data, &mut sending.hops)?,
            _ => {}
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Ok(())
}

const SCM_CREDENTIALS: u32 = net::SCM_CREDENTIALS;
const IP: u32 = net::IPPROTO_IP as u32;
const IPV6: u32 = net::IPPROTO_IPV6 as u32;

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(Errno::EINVAL)
}

fn read_files(data: &[u8], sending: &mut Sending) -> Result<()> {
    let files = task::current_process().files();
    for descriptor in data.chunks_exact(4) {
        if sending.files.len() >= MOST_FILES {
            return Err(Errno::EINVAL);
        }
        let descriptor = i32::from_ne_bytes(field(descriptor, 0)?);
        sending.files.push(files.get_any(descriptor)?);
    }
    Ok(())
}

fn read_identity(data: &[u8], sending: &mut Sending) -> Result<()> {
    if data.len() != IDENTITY {
        return Err(Errno::EINVAL);
    }
    let given = Identity {
        process: u32::from_ne_bytes(field(data, 0)?),
        user: u32::from_ne_bytes(field(data, 4)?),
        group: u32::from_ne_bytes(field(data, 8)?),
    };
    let own = Identity::current();
    if given != own && own.user != 0 {
        return Err(Errno::EPERM);
    }
    sending.identity = Some(given);
    Ok(())
}

/// `ip_cmsg_send` of Linux.
fn read_ip(kind: u32, data: &[u8], hops: &mut HopRequest) -> Result<()> {
    match kind {
        net::IP_TTL => match octet(data)? {
            Some(limit) if limit > 0 => hops.limit = Some(limit),
            _ => return Err(Errno::EINVAL),
        },
        net::IP_TOS => {
            hops.class = match data {
                [class] => Some(*class),
                data => octet(data)?.ok_or(Errno::EINVAL).map(Some)?,
            }
        }
        // From which address: there is one that reaches the other side.
        net::IP_PKTINFO => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// `ip6_datagram_send_ctl` of Linux.
fn read_ipv6(kind: u32, data: &[u8], hops: &mut HopRequest) -> Result<()> {
    match kind {
        net::IPV6_HOPLIMIT => hops.limit = octet(data)?,
        net::IPV6_TCLASS => hops.class = octet(data)?,
        net::IPV6_PKTINFO | net::IPV6_DONTFRAG => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// An `int` that a byte of a header takes; None for -1, which asks for the usual.
fn octet(data: &[u8]) -> Result<Option<u8>> {
    let number: [u8; 4] = data.try_into().map_err(|_| Errno::EINVAL)?;
    match i32::from_ne_bytes(number) {
        -1 => Ok(None),
        number => u8::try_from(number).map(Some).map_err(|_| Errno::EINVAL),
    }
}

/// Writes what came along to `room` bytes of user memory at `address`: how many bytes,
/// and `MSG_CTRUNC` where something had no place.
///
/// # Errors
/// `EFAULT`.
pub fn write(
    address: usize,
    room: usize,
    ancillary: Ancillary,
    closes_on_exec: bool,
) -> Result<(usize, u32)> {
    let mut done = 0;
    let mut flags = 0;
    if let Some(identity) = ancillary.identity {
        let words = [identity.process, identity.user, identity.group];
        let data: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        let message = socket_message(SCM_CREDENTIALS, data);
        flags |= put(address, room, &mut done, &message)?;
    }
    for message in &ancillary.messages {
        flags |= put(address, room, &mut done, message)?;
    }
    if ancillary.files.is_empty() {
        return Ok((done, flags));
    }
    let fits = room.saturating_sub(done + HEADER) / 4;
    let files = task::current_process().files();
    let mut data = Vec::new();
    let count = ancillary.files.len();
    let places = if address == 0 { 0 } else { fits };
    for file in ancillary.files.into_iter().take(places) {
        match files.install(file, closes_on_exec) {
            Ok(descriptor) => data.extend_from_slice(&(descriptor as i32).to_ne_bytes()),
            Err(_) => break,
        }
    }
    if data.len() < count * 4 {
        flags |= net::MSG_CTRUNC;
    }
    if !data.is_empty() {
        let message = socket_message(net::SCM_RIGHTS, data);
        flags |= put(address, room, &mut done, &message)?;
    }
    Ok((done, flags))
}

fn socket_message(kind: u32, data: Vec<u8>) -> ControlMessage {
    ControlMessage {
        level: net::SOL_SOCKET,
        kind,
        data,
    }
}

/// Appends one control message, cut to what fits (`put_cmsg` of Linux).
fn put(address: usize, room: usize, done: &mut usize, control: &ControlMessage) -> Result<u32> {
    let data = &control.data;
    let left = room.saturating_sub(*done);
    if address == 0 || left < HEADER {
        return Ok(net::MSG_CTRUNC);
    }
    let fits = data.len().min(left - HEADER);
    let mut message = (HEADER + fits).to_ne_bytes().to_vec();
    message.extend_from_slice(&control.level.to_ne_bytes());
    message.extend_from_slice(&control.kind.to_ne_bytes());
    message.extend_from_slice(&data[..fits]);
    user::copy_out(address + *done, &message)?;
    *done += aligned(message.len()).min(left);
    Ok(if fits < data.len() {
        net::MSG_CTRUNC
    } else {
        0
    })
}
