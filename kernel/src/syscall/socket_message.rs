//! `sendto(2)`, `recvfrom(2)`, `sendmsg(2)`, `recvmsg(2)` and their plurals.

use linux_raw_sys::{general as linux, net};

use super::control_message;
use super::socket::{file_of, read_address, write_address};
use super::timeout::Timeout;
use crate::errno::{Errno, Result};
use crate::fs::file::OpenFile;
use crate::fs::socket::{Received, Sending, Socket};
use crate::memory::user::{self, Destination, Segment, Source};
use crate::time::Instant;

/// Pieces of a scattered buffer (`UIO_MAXIOV`).
const MOST_PIECES: usize = 1024;

/// Most bytes in one call (`MAX_RW_COUNT`).
const MOST_BYTES: usize = 0x7fff_f000;

/// Messages in one call (`UIO_MAXIOV`).
const MOST_MESSAGES: usize = 1024;

/// `MSG_WAITFORONE`.
const WAIT_FOR_ONE: u32 = 0x10000;

/// Bytes of `struct msghdr` and `struct mmsghdr`, and where the latter's length is.
const HEADER: usize = 56;
const PLURAL_HEADER: usize = 64;

/// The calls of this file; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let [descriptor, message, flags, ..] = args;
    Some(match number {
        linux::__NR_sendto => sendto(args),
        linux::__NR_recvfrom => recvfrom(args),
        linux::__NR_sendmsg => {
            file_of(descriptor).and_then(|file| sendmsg(&file, message, flags as u32))
        }
        linux::__NR_recvmsg => {
            file_of(descriptor).and_then(|file| recvmsg(&file, message, flags as u32))
        }
        linux::__NR_sendmmsg => sendmmsg(args),
        linux::__NR_recvmmsg => recvmmsg(args),
        _ => return None,
    })
}

/// `struct msghdr` as the kernel reads it.
struct Header {
    name: usize,
    name_length: usize,
    pieces: Vec<Segment>,
    control: usize,
    control_length: usize,
}

impl Header {
    fn read(address: usize) -> Result<Self> {
        let [
            name,
            name_length,
            pieces,
            count,
            control,
            control_length,
            _flags,
        ] = user::read::<[usize; HEADER / 8]>(address)?;
        if count > MOST_PIECES {
            return Err(Errno::EMSGSIZE);
        }
        let pieces: Vec<[usize; 2]> = user::read_many(pieces, count)?;
        let mut left = MOST_BYTES;
        let mut segments = Vec::with_capacity(pieces.len());
        for [start, length] in pieces {
            if length > isize::MAX as usize {
                return Err(Errno::EINVAL);
            }
            if !user::is_user_range(start, length) {
                return Err(Errno::EFAULT);
            }
            let length = length.min(left);
            left -= length;
            segments.push((start, length));
        }
        Ok(Self {
            name,
            name_length: name_length as u32 as usize,
            pieces: segments,
            control,
            control_length,
        })
    }
}

/// The flags of a call, with what the file's own status adds.
fn with_status(file: &OpenFile, flags: u32) -> u32 {
    if file.is_nonblocking() {
        flags | net::MSG_DONTWAIT
    } else {
        flags
    }
}

fn sendto(
    [descriptor, buffer, length, flags, address, address_length]: [usize; 6],
) -> Result<usize> {
    let file = file_of(descriptor)?;
    let socket = Socket::of(&file)?;
    let length = length.min(MOST_BYTES);
    if !user::is_user_range(buffer, length) {
        return Err(Errno::EFAULT);
    }
    let mut sending = Sending::plain(with_status(&file, flags as u32));
    if address != 0 {
        sending.address = read_address(address, address_length, socket.domain())?;
    }
    socket.send(&mut Source::user(buffer, length), sending)
}

fn recvfrom(
    [descriptor, buffer, length, flags, address, address_length]: [usize; 6],
) -> Result<usize> {
    let file = file_of(descriptor)?;
    let length = length.min(MOST_BYTES);
    if !user::is_user_range(buffer, length) {
        return Err(Errno::EFAULT);
    }
    let mut to = Destination::user(buffer, length);
    let received = Socket::of(&file)?.receive(&mut to, with_status(&file, flags as u32))?;
    write_address(address, address_length, &source_bytes(&received))?;
    Ok(received.count)
}

/// The sender's address; nothing where it has none.
fn source_bytes(received: &Received) -> Vec<u8> {
    match &received.source {
        Some(source) if !source.is_unnamed() => source.to_bytes(),
        _ => Vec::new(),
    }
}

fn sendmsg(file: &OpenFile, message: usize, flags: u32) -> Result<usize> {
    let socket = Socket::of(file)?;
    let header = Header::read(message)?;
    let mut sending = Sending::plain(with_status(file, flags));
    if header.name != 0 && header.name_length != 0 {
        sending.address = read_address(header.name, header.name_length, socket.domain())?;
    }
    control_message::read(header.control, header.control_length, socket, &mut sending)?;
    socket.send(&mut Source::scattered(header.pieces), sending)
}

fn recvmsg(file: &OpenFile, message: usize, flags: u32) -> Result<usize> {
    let header = Header::read(message)?;
    let mut to = Destination::scattered(header.pieces);
    let received = Socket::of(file)?.receive(&mut to, with_status(file, flags))?;
    let source = source_bytes(&received);
    if header.name != 0 {
        let room = source.len().min(header.name_length);
        user::copy_out(header.name, &source[..room])?;
        user::write(message + 8, &(source.len() as u32))?;
    }
    let closes = flags & net::MSG_CMSG_CLOEXEC != 0;
    let (control_length, control_flags) = control_message::write(
        header.control,
        header.control_length,
        received.ancillary,
        closes,
    )?;
    let kept = flags & net::MSG_CMSG_CLOEXEC;
    user::write(message + 40, &control_length)?;
    user::write(message + 48, &(received.flags | control_flags | kept))?;
    Ok(received.count)
}

fn sendmmsg([descriptor, messages, count, flags, ..]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    let count = (count as u32 as usize).min(MOST_MESSAGES);
    many(messages, count, |message| {
        sendmsg(&file, message, flags as u32)
    })
}

fn recvmmsg([descriptor, messages, count, flags, timeout, _]: [usize; 6]) -> Result<usize> {
    let file = file_of(descriptor)?;
    let timeout = Timeout::from_timespec(timeout)?;
    let count = (count as u32 as usize).min(MOST_MESSAGES);
    let mut flags = flags as u32;
    let waits_for_one = flags & WAIT_FOR_ONE != 0;
    flags &= !WAIT_FOR_ONE;
    let mut is_over = false;
    let answer = many(messages, count, |message| {
        // The time is looked at between messages only, as on Linux.
        if is_over {
            return Err(Errno::EAGAIN);
        }
        let length = recvmsg(&file, message, flags)?;
        is_over = timeout
            .deadline()
            .is_some_and(|deadline| Instant::now() >= deadline);
        if waits_for_one {
            flags |= net::MSG_DONTWAIT;
        }
        Ok(length)
    });
    timeout.write_back();
    answer
}

/// Carries `call` out on each of `count` messages, until one fails; the number of those
/// that did not.
fn many(
    messages: usize,
    count: usize,
    mut call: impl FnMut(usize) -> Result<usize>,
) -> Result<usize> {
    for index in 0..count {
        let message = messages + index * PLURAL_HEADER;
        let step = call(message).and_then(|length| user::write(message + HEADER, &(length as u32)));
        match step {
            Ok(()) => {}
            Err(error) if index == 0 => return Err(error),
            Err(_) => return Ok(index),
        }
    }
    Ok(count)
}
