//! Control messages (`cmsg(3)`): passing files and identities over AF_UNIX.

use linux_raw_sys::net;

use crate::errno::{Errno, Result};
use crate::fs::socket::{Ancillary, Domain, Identity, Sending};
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
pub fn read(address: usize, length: usize, domain: Domain, sending: &mut Sending) -> Result<()> {
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
        if level == net::SOL_SOCKET {
            match (domain, kind) {
                (Domain::Unix, net::SCM_RIGHTS) => read_files(data, sending)?,
                (Domain::Unix, SCM_CREDENTIALS) => read_identity(data, sending)?,
                (Domain::Unix, _) => return Err(Errno::EINVAL),
                _ => {}
            }
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Ok(())
}

const SCM_CREDENTIALS: u32 = net::SCM_CREDENTIALS;

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
        flags |= put(address, room, &mut done, SCM_CREDENTIALS, &data)?;
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
        flags |= put(address, room, &mut done, net::SCM_RIGHTS, &data)?;
    }
    Ok((done, flags))
}

/// Appends one control message, cut to what fits.
fn put(address: usize, room: usize, done: &mut usize, kind: u32, data: &[u8]) -> Result<u32> {
    let left = room.saturating_sub(*done);
    if address == 0 || left < HEADER {
        return Ok(net::MSG_CTRUNC);
    }
    let fits = data.len().min(left - HEADER);
    let mut message = (HEADER + fits).to_ne_bytes().to_vec();
    message.extend_from_slice(&net::SOL_SOCKET.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&data[..fits]);
    user::copy_out(address + *done, &message)?;
    *done += aligned(message.len()).min(left);
    Ok(if fits < data.len() {
        net::MSG_CTRUNC
    } else {
        0
    })
}
