//! Making, naming and connecting sockets; their options. What carries messages is in
//! `socket_message`.

use std::sync::Arc;

use linux_raw_sys::{general as linux, net};

use super::pipe::install_pair;
use super::socket_message;
use crate::errno::{Errno, Result};
use crate::fs::file::OpenFile;
use crate::fs::socket::address::{Address, LONGEST, Seen};
use crate::fs::socket::{Domain, Kind, Socket};
use crate::memory::user;
use crate::task;

/// Longest option value that is read or written.
const OPTION_MAX: usize = 4096;

/// The type's own bits in `socket(2)`'s second argument.
const TYPE_MASK: u32 = 0xf;

/// The calls on sockets; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_socket => socket(args),
        linux::__NR_socketpair => socketpair(args),
        linux::__NR_bind => bind(args),
        linux::__NR_listen => listen(args),
        linux::__NR_accept => accept([args[0], args[1], args[2], 0, 0, 0]),
        linux::__NR_accept4 => accept(args),
        linux::__NR_connect => connect(args),
        linux::__NR_getsockname => name(args, |socket| Ok(socket.local())),
        linux::__NR_getpeername => name(args, Socket::peer),
        linux::__NR_shutdown => shutdown(args),
        linux::__NR_getsockopt => getsockopt(args),
        linux::__NR_setsockopt => setsockopt(args),
        _ => return socket_message::dispatch(number, args),
    })
}

/// The file behind a descriptor, which must be a socket.
///
/// # Errors
/// `EBADF`, `ENOTSOCK`.
pub(super) fn file_of(descriptor: usize) -> Result<Arc<OpenFile>> {
    let file = task::current_process().files().get(descriptor as i32)?;
    Socket::of(&file)?;
    Ok(file)
}

fn parse_kind(domain: usize, kind: usize) -> Result<(Domain, Kind, u32)> {
    let kind = kind as u32;
    let flags = kind & !TYPE_MASK;
    if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let domain = match domain as u32 {
        net::AF_UNIX => Domain::Unix,
        net::AF_INET => Domain::Inet,
        net::AF_INET6 => Domain::Inet6,
        net::AF_NETLINK => Domain::Netlink,
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    let kind = match kind & TYPE_MASK {
        1 => Kind::Stream,
        2 => Kind::Datagram,
        // AF_UNIX takes SOCK_RAW for SOCK_DGRAM.
        3 if domain == Domain::Unix => Kind::Datagram,
        3 => Kind::Raw,
        5 => Kind::SeqPacket,
        kind if kind > 10 => return Err(Errno::EINVAL),
        _ => return Err(Errno::ESOCKTNOSUPPORT),
    };
    Ok((domain, kind, flags))
}

fn socket([domain, kind, protocol, ..]: [usize; 6]) -> Result<usize> {
    let (domain, kind, flags) = parse_kind(domain, kind)?;
    let file = Socket::new(domain, kind, protocol as u32)?.open(flags & linux::O_NONBLOCK);
    let files = task::current_process().files();
    files.install(file, flags & linux::O_CLOEXEC != 0)
}

fn socketpair([domain, kind, protocol, address, ..]: [usize; 6]) -> Result<usize> {
    let (domain, kind, flags) = parse_kind(domain, kind)?;
    let (first, second) = Socket::pair(domain, kind, protocol as u32)?;
    let status = flags & linux::O_NONBLOCK;
    let close_on_exec = flags & linux::O_CLOEXEC != 0;
    install_pair(
        first.open(status),
        second.open(status),
        close_on_exec,
        address,
    )
}

/// Reads a `struct sockaddr` for a socket of `domain`; None for `AF_UNSPEC`.
///
/// # Errors
/// `EFAULT`, and those of [`Address::parse`].
pub(super) fn read_address(
    address: usize,
    length: usize,
    domain: Domain,
) -> Result<Option<Address>> {
    let length = usize::try_from(length as i32).map_err(|_| Errno::EINVAL)?;
    if length > LONGEST {
        return Err(Errno::EINVAL);
    }
    let mut bytes = [0; LONGEST];
    let bytes = &mut bytes[..length];
    user::copy_in(address, bytes)?;
    Address::parse(bytes, domain)
}

/// Writes an address and its whole length where the caller wants them (`move_addr_to_user`
/// of Linux: cut to what fits, but told in full). Nowhere, where `address` is null.
///
/// # Errors
/// `EFAULT`; `EINVAL` for a negative length.
pub(super) fn write_address(address: usize, length: usize, value: &[u8]) -> Result<()> {
    if address == 0 {
        return Ok(());
    }
    let room: i32 = user::read(length)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    user::copy_out(address, &value[..value.len().min(room)])?;
    user::write(length, &(value.len() as u32))
}

fn bind([descriptor, address, length, ..]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    let socket = Socket::of(&file)?;
    let address = match read_address(address, length, socket.domain())? {
        Some(address) => address,
        // Old programs bind to the wildcard without a family.
        None if socket.domain() == Domain::Inet => Address::unbound(Domain::Inet),
        None if socket.domain() == Domain::Unix => return Err(Errno::EINVAL),
        None => return Err(Errno::EAFNOSUPPORT),
    };
    socket.bind(&address)?;
    Ok(0)
}

fn listen([descriptor, backlog, ..]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    Socket::of(&file)?.listen(backlog as i32)?;
    Ok(0)
}

fn accept([descriptor, address, length, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = file_of(descriptor)?;
    let files = task::current_process().files();
    files.check_room()?;
    let socket = Socket::of(&file)?.accept(file.is_nonblocking())?;
    let peer = socket
        .peer()
        .map_or_else(|_| Vec::new(), |peer| peer.to_bytes());
    let accepted = socket.open(flags & linux::O_NONBLOCK);
    write_address(address, length, &peer)?;
    files.install_in_room(accepted, flags & linux::O_CLOEXEC != 0)
}

fn connect([descriptor, address, length, ..]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    let socket = Socket::of(&file)?;
    let address = read_address(address, length, socket.domain())?;
    socket.connect(address.as_ref(), file.is_nonblocking())?;
    Ok(0)
}

fn name(
    [descriptor, address, length, ..]: [usize; 6],
    ask: impl FnOnce(&Socket) -> Result<Seen>,
) -> Result<usize> {
    let file = file_of(descriptor)?;
    let name = ask(Socket::of(&file)?)?.to_bytes();
    if address == 0 {
        return Err(Errno::EFAULT);
    }
    write_address(address, length, &name)?;
    Ok(0)
}

fn shutdown([descriptor, how, ..]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    Socket::of(&file)?.shut_down(how as u32)?;
    Ok(0)
}

fn getsockopt([descriptor, level, name, value, length, _]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    let room: i32 = user::read(length)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let answer = Socket::of(&file)?.option(level as u32, name as u32)?;
    let answer = &answer[..answer.len().min(room)];
    user::copy_out(value, answer)?;
    user::write(length, &(answer.len() as u32))?;
    Ok(0)
}

fn setsockopt([descriptor, level, name, value, length, _]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    let length = usize::try_from(length as i32).map_err(|_| Errno::EINVAL)?;
    let mut bytes = vec![0; length.min(OPTION_MAX)];
    user::copy_in(value, &mut bytes)?;
    Socket::of(&file)?.set_option(level as u32, name as u32, &bytes)?;
    Ok(0)
}
