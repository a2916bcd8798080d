//! Reading, writing and seeking with one buffer.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::file;
use crate::errno::{Errno, Result};
use crate::fs::OpenFile;
use crate::memory::user::{self, Destination, Source};

/// Most bytes that one call transfers (`MAX_RW_COUNT`).
pub(super) const MOST_BYTES: usize = 0x7fff_f000;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let [descriptor, address, length, offset, ..] = args;
    Some(match number {
        linux::__NR_read => read(descriptor, address, length),
        linux::__NR_write => write(descriptor, address, length),
        linux::__NR_pread64 => pread(descriptor, address, length, offset),
        linux::__NR_pwrite64 => pwrite(descriptor, address, length, offset),
        linux::__NR_lseek => lseek(descriptor, address, length),
        linux::__NR_fsync | linux::__NR_fdatasync => sync(descriptor),
        linux::__NR_sync => Ok(0),
        linux::__NR_syncfs => file(descriptor).map(|_| 0),
        _ => return super::vector::dispatch(number, args),
    })
}

/// A file that may be read.
pub(super) fn readable(descriptor: usize) -> Result<Arc<OpenFile>> {
    let file = file(descriptor)?;
    if file.is_readable() {
        Ok(file)
    } else {
        Err(Errno::EBADF)
    }
}

/// A file that may be written.
pub(super) fn writable(descriptor: usize) -> Result<Arc<OpenFile>> {
    let file = file(descriptor)?;
    if file.is_writable() {
        Ok(file)
    } else {
        Err(Errno::EBADF)
    }
}

/// A buffer of one piece: Linux checks the whole range before anything else.
fn segment(address: usize, length: usize) -> Result<(usize, usize)> {
    if isize::try_from(length).is_err() {
        return Err(Errno::EINVAL);
    }
    if !user::is_user_range(address, length) {
        return Err(Errno::EFAULT);
    }
    Ok((address, length.min(MOST_BYTES)))
}

fn offset_of(offset: usize) -> Result<u64> {
    let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    Ok(offset.cast_unsigned())
}

fn read(descriptor: usize, address: usize, length: usize) -> Result<usize> {
    let file = readable(descriptor)?;
    let (address, length) = segment(address, length)?;
    file.object
        .read(&file, &mut Destination::user(address, length))
}

fn write(descriptor: usize, address: usize, length: usize) -> Result<usize> {
    let file = writable(descriptor)?;
    let (address, length) = segment(address, length)?;
    file.object.write(&file, &mut Source::user(address, length))
}

fn pread(descriptor: usize, address: usize, length: usize, offset: usize) -> Result<usize> {
    let offset = offset_of(offset)?;
    let file = readable(descriptor)?;
    let (address, length) = segment(address, length)?;
    file.object
        .read_at(&file, offset, &mut Destination::user(address, length))
}

fn pwrite(descriptor: usize, address: usize, length: usize, offset: usize) -> Result<usize> {
    let offset = offset_of(offset)?;
    let file = writable(descriptor)?;
    let (address, length) = segment(address, length)?;
    file.object
        .write_at(&file, offset, &mut Source::user(address, length))
}

fn lseek(descriptor: usize, offset: usize, whence: usize) -> Result<usize> {
    let file = file(descriptor)?;
    let whence = whence as u32;
    if whence > linux::SEEK_HOLE {
        return Err(Errno::EINVAL);
    }
    let position = file
        .object
        .seek(&file, offset.cast_signed() as i64, whence)?;
    usize::try_from(position).map_err(|_| Errno::EOVERFLOW)
}

fn sync(descriptor: usize) -> Result<usize> {
    let file = file(descriptor)?;
    // Nothing is ever unwritten: memory is all there is. Streams cannot be synced.
    if file.location().is_none() {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}
