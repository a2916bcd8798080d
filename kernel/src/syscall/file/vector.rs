//! Scattered buffers (`readv(2)`), and transfers from file to file.

use linux_raw_sys::general as linux;

use super::file;
use super::transfer::{MOST_BYTES, readable, writable};
use crate::errno::{Errno, Result};
use crate::fs::OpenFile;
use crate::fs::inode::Kind;
use crate::memory::pressure;
use crate::memory::user::{self, Destination, Segment, Source};

/// Most pieces of one buffer (`UIO_MAXIOV`).
const MOST_SEGMENTS: usize = 1024;
/// `RWF_` bits of `preadv2(2)` that have nothing to do here: priority and durability.
const HARMLESS: u32 = 0x1 | 0x2 | 0x4;
const RWF_NOWAIT: u32 = 0x8;
const RWF_APPEND: u32 = 0x10;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let [descriptor, vector, count, low, _high, flags] = args;
    Some(match number {
        linux::__NR_readv => read(descriptor, vector, count, None, 0),
        linux::__NR_writev => write(descriptor, vector, count, None, 0),
        linux::__NR_preadv => read(descriptor, vector, count, Some(low), 0),
        linux::__NR_pwritev => write(descriptor, vector, count, Some(low), 0),
        linux::__NR_preadv2 => read(descriptor, vector, count, position(low), flags as u32),
        linux::__NR_pwritev2 => write(descriptor, vector, count, position(low), flags as u32),
        linux::__NR_sendfile => sendfile(args),
        linux::__NR_copy_file_range => copy_file_range(args),
        _ => return None,
    })
}

/// An offset of -1 means the file's own position.
fn position(offset: usize) -> Option<usize> {
    (offset != usize::MAX).then_some(offset)
}

/// Reads and checks an array of `struct iovec`.
pub(super) fn segments(vector: usize, count: usize) -> Result<Vec<Segment>> {
    if count > MOST_SEGMENTS {
        return Err(Errno::EINVAL);
    }
    let mut left = MOST_BYTES;
    let mut segments: Vec<Segment> = Vec::with_capacity(count);
    for [address, length] in user::read_many::<[usize; 2]>(vector, count)? {
        if isize::try_from(length).is_err() {
            return Err(Errno::EINVAL);
        }
        if !user::is_user_range(address, length) {
            return Err(Errno::EFAULT);
        }
        let length = length.min(left);
        left -= length;
        segments.push((address, length));
    }
    Ok(segments)
}

fn offset_of(offset: Option<usize>) -> Result<Option<u64>> {
    let Some(offset) = offset else {
        return Ok(None);
    };
    let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    Ok(Some(offset.cast_unsigned()))
}

fn read(
    descriptor: usize,
    vector: usize,
    count: usize,
    offset: Option<usize>,
    flags: u32,
) -> Result<usize> {
    let offset = offset_of(offset)?;
    let file = readable(descriptor)?;
    if flags & !(HARMLESS | RWF_NOWAIT) != 0 || flags & RWF_NOWAIT != 0 && has_no_nowait(&file) {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut to = Destination::scattered(segments(vector, count)?);
    match offset {
        None => file.object.read(&file, &mut to),
        Some(offset) => file.object.read_at(&file, offset, &mut to),
    }
}

fn write(
    descriptor: usize,
    vector: usize,
    count: usize,
    offset: Option<usize>,
    flags: u32,
) -> Result<usize> {
    let offset = offset_of(offset)?;
    let file = writable(descriptor)?;
    if flags & !(HARMLESS | RWF_APPEND) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut from = Source::scattered(segments(vector, count)?);
    if flags & RWF_APPEND != 0 && file.flags() & linux::O_APPEND == 0 {
        // Seen from the file this is one more description with O_APPEND.
        let location = file.location().cloned().ok_or(Errno::EOPNOTSUPP)?;
        let flags = file.flags() | linux::O_APPEND;
        let appending = OpenFile::at(file.object.clone(), flags, location);
        return match offset {
            Some(_) => file.object.write_at(&appending, 0, &mut from),
            None => {
                let written = file.object.write(&appending, &mut from)?;
                let end = *appending.position.lock();
                *file.position.lock() = end;
                Ok(written)
            }
        };
    }
    match offset {
        None => file.object.write(&file, &mut from),
        Some(offset) => file.object.write_at(&file, offset, &mut from),
    }
}

/// Regular files in memory never wait; of others nobody promises it.
fn has_no_nowait(file: &OpenFile) -> bool {
    !is_regular(file)
}

fn is_regular(file: &OpenFile) -> bool {
    let kind = file.location().map(|found| found.inode.kind());
    kind == Some(Kind::File)
}

/// Bytes are carried in pieces of this many.
const PIECE: usize = 64 << 10;

/// Carries up to `length` bytes; `from` and `to` are positions of their own, or None for
/// the descriptions'. What was read and found no place is given back.
fn carry(
    source: &OpenFile,
    mut from: Option<&mut u64>,
    target: &OpenFile,
    mut to: Option<&mut u64>,
    length: usize,
) -> Result<usize> {
    let mut buffer = Vec::new();
    pressure::reserve_exact(&mut buffer, length.min(PIECE), Errno::ENOMEM)?;
    buffer.resize(length.min(PIECE), 0_u8);
    let mut done = 0;
    while done < length {
        let wanted = buffer.len().min(length - done);
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        let mut place = Destination::kernel(piece);
        let read = match &from {
            Some(offset) => source.object.read_at(source, **offset, &mut place),
            None => source.object.read(source, &mut place),
        };
        let read = match read {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        let mut bytes = Source::kernel(buffer.get(..read).unwrap_or_default());
        let written = match &to {
            Some(offset) => target.object.write_at(target, **offset, &mut bytes),
            None => target.object.write(target, &mut bytes),
        };
        let moved = *written.as_ref().unwrap_or(&0);
        if let Some(offset) = &mut from {
            **offset += moved as u64;
        } else if moved < read {
            let back = (read - moved) as i64;
            let _ = source.object.seek(source, -back, linux::SEEK_CUR);
        }
        if let Some(offset) = &mut to {
            **offset += moved as u64;
        }
        done += moved;
        match written {
            Err(error) if done == 0 => return Err(error),
            Ok(moved) if moved == read => {}
            _ => break,
        }
        if crate::task::current().has_pending_signal() {
            break;
        }
    }
    Ok(done)
}

fn sendfile([target, source, offset, count, ..]: [usize; 6]) -> Result<usize> {
    let source = readable(source)?;
    let target = writable(target)?;
    // The source must be something that mmap(2) could map, the target no appender.
    if !is_regular(&source) {
        return Err(Errno::EINVAL);
    }
    if target.flags() & linux::O_APPEND != 0 {
        return Err(Errno::EINVAL);
    }
    let count = count.min(MOST_BYTES);
    if offset == 0 {
        return carry(&source, None, &target, None, count);
    }
    let start: i64 = user::read(offset)?;
    let mut position = u64::try_from(start).map_err(|_| Errno::EINVAL)?;
    let done = carry(&source, Some(&mut position), &target, None, count);
    user::write(offset, &position)?;
    done
}

fn copy_file_range([source, from, target, to, length, flags]: [usize; 6]) -> Result<usize> {
    if flags as u32 != 0 {
        return Err(Errno::EINVAL);
    }
    let (source, target) = (file(source)?, file(target)?);
    for file in [&source, &target] {
        match file.location().map(|found| found.inode.kind()) {
            Some(Kind::File) => {}
            Some(Kind::Directory) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    if !source.is_readable() || !target.is_writable() || target.flags() & linux::O_APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let mut start = place(from, &source)?;
    let mut end = place(to, &target)?;
    let left = source
        .object
        .stat()?
        .st_size
        .cast_unsigned()
        .saturating_sub(start);
    let length = length
        .min(MOST_BYTES)
        .min(usize::try_from(left).unwrap_or(usize::MAX));
    let is_same = source
        .location()
        .zip(target.location())
        .is_some_and(|(one, other)| crate::fs::inode::is_same(&*one.inode, &*other.inode));
    let overlaps =
        start < end.saturating_add(length as u64) && end < start.saturating_add(length as u64);
    if is_same && overlaps {
        return Err(Errno::EINVAL);
    }
    let done = carry(&source, Some(&mut start), &target, Some(&mut end), length)?;
    settle(from, &source, start)?;
    settle(to, &target, end)?;
    Ok(done)
}

/// The position at `address`, or the file's own where that is NULL.
fn place(address: usize, file: &OpenFile) -> Result<u64> {
    if address == 0 {
        return Ok(*file.position.lock());
    }
    let offset: i64 = user::read(address)?;
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}

fn settle(address: usize, file: &OpenFile, position: u64) -> Result<()> {
    if address == 0 {
        *file.position.lock() = position;
        return Ok(());
    }
    user::write(address, &position)
}
