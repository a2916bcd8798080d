//! User memory, seen from the kernel: every address is checked, and a fault inside a
//! copy is `EFAULT`, never a kernel fault.
//!
//! A copy may sleep (demand paging takes the address space's lock), so it is never
//! done under a spin lock, nor under a lock that a page fault takes.

use core::ops::{Deref, DerefMut};

use bugs::Bug;

use super::pressure;
use crate::errno::{Errno, Result};

/// First address that is not user space: the end of the lower canonical half, less the
/// guard page that keeps `syscall` at its end from returning to a non-canonical address.
pub const USER_END: usize = 0x0000_7fff_ffff_f000;

/// Copies `to.len()` bytes from user address `from`.
///
/// # Errors
/// `EFAULT` where any byte cannot be read; `to` is then partly written.
pub fn copy_in(from: usize, to: &mut [u8]) -> Result<()> {
    match copy_in_some(from, to) {
        done if done == to.len() => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// Copies `from` to user address `to`.
///
/// # Errors
/// `EFAULT` where any byte cannot be written; what came before it is written.
pub fn copy_out(to: usize, from: &[u8]) -> Result<()> {
    match copy_out_some(to, from) {
        done if done == from.len() => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// As [`copy_in`], but tells how many bytes came before the first that cannot be read.
pub fn copy_in_some(from: usize, to: &mut [u8]) -> usize {
    if !is_user_range(from, to.len()) {
        return 0;
    }
    // SAFETY: the source lies in user space, where a fault ends the copy; the
    // destination is a slice of ours.
    to.len() - unsafe { raw_copy(to.as_mut_ptr(), from as *const u8, to.len()) }
}

/// As [`copy_out`], but tells how many bytes were written.
pub fn copy_out_some(to: usize, from: &[u8]) -> usize {
    if !is_user_range(to, from.len()) {
        return 0;
    }
    // SAFETY: the destination lies in user space, where a fault ends the copy.
    from.len() - unsafe { raw_copy(to as *mut u8, from.as_ptr(), from.len()) }
}

/// Types that are plain bytes: any bit pattern is a value, and there is no padding that
/// would show kernel memory.
///
/// # Safety
/// Both must hold for the implementing type. Types with padding must only ever be
/// written from zeroed memory.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),* $(,)?) => { $(
        // SAFETY: C structures and integers of Linux's ABI without invalid values.
        unsafe impl $crate::memory::user::Plain for $type {}
    )* };
}
pub(crate) use plain;

plain!(u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);
// SAFETY: an array of plain bytes is plain bytes.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// Reads a value at user address `from`; no alignment is asked for.
///
/// # Errors
/// `EFAULT`.
pub fn read<T: Plain>(from: usize) -> Result<T> {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: zeroed above, so these are initialised bytes of exactly T's size.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast::<u8>(), size_of::<T>()) };
    copy_in(from, bytes)?;
    // SAFETY: any bit pattern is a T.
    Ok(unsafe { value.assume_init() })
}

/// Writes `value` to user address `to`; no alignment is asked for.
///
/// # Errors
/// `EFAULT`.
pub fn write<T: Plain>(to: usize, value: &T) -> Result<()> {
    // SAFETY: T is plain bytes.
    let bytes = unsafe {
        core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
    };
    copy_out(to, bytes)
}

/// Reads `count` values.
///
/// # Errors
/// `EFAULT`; `EINVAL` where the total size overflows; `ENOMEM`.
pub fn read_many<T: Plain>(from: usize, count: usize) -> Result<Vec<T>> {
    let size = size_of::<T>();
    count.checked_mul(size).ok_or(Errno::EINVAL)?;
    let mut values = Vec::new();
    pressure::reserve_exact(&mut values, count, Errno::ENOMEM)?;
    for index in 0..count {
        values.push(read(from + index * size)?);
    }
    Ok(values)
}

/// Reads a string up to its NUL, which is not part of the result.
///
/// # Errors
/// `EFAULT`; `ENAMETOOLONG` where there is no NUL in the first `limit` bytes.
pub fn read_string(from: usize, limit: usize) -> Result<Vec<u8>> {
    let mut string = Vec::new();
    let mut chunk = [0_u8; 256];
    while string.len() < limit {
        let at = from.checked_add(string.len()).ok_or(Errno::EFAULT)?;
        // Never across a page border, so that a string at the end of a mapping is read.
        let to_border = 4096 - at % 4096;
        let want = chunk.len().min(to_border).min(limit - string.len());
        let got = copy_in_some(at, &mut chunk[..want]);
        if let Some(end) = chunk[..got].iter().position(|byte| *byte == 0) {
            string.extend_from_slice(&chunk[..end]);
            return Ok(string);
        }
        if got < want {
            return Err(Errno::EFAULT);
        }
        string.extend_from_slice(&chunk[..got]);
    }
    Err(Errno::ENAMETOOLONG)
}

/// Whether `[start, start + length)` lies in user space.
#[must_use]
pub fn is_user_range(start: usize, length: usize) -> bool {
    let end = if bugs::has(Bug::LongPointer) {
        usize::MAX
    } else {
        USER_END
    };
    start.checked_add(length).is_some_and(|last| last <= end)
}

/// One segment of a scattered buffer (`struct iovec`): address, length in bytes.
pub type Segment = (usize, usize);

/// The segments of a buffer. Most have one, which needs no heap.
enum Segments {
    One([Segment; 1]),
    Several(Vec<Segment>),
}

impl Deref for Segments {
    type Target = [Segment];

    fn deref(&self) -> &[Segment] {
        match self {
            Self::One(segment) => segment,
            Self::Several(segments) => segments,
        }
    }
}

impl DerefMut for Segments {
    fn deref_mut(&mut self) -> &mut [Segment] {
        match self {
            Self::One(segment) => segment,
            Self::Several(segments) => segments,
        }
    }
}

/// Where a read puts its bytes: user memory, scattered or not, or a kernel buffer.
pub struct Destination<'a> {
    place: Place<'a>,
    done: usize,
}

enum Place<'a> {
    User(Segments),
    Kernel(&'a mut [u8]),
}

impl<'a> Destination<'a> {
    /// One piece of user memory.
    #[must_use]
    pub fn user(address: usize, length: usize) -> Self {
        Self {
            place: Place::User(Segments::One([(address, length)])),
            done: 0,
        }
    }

    /// Several pieces of user memory, filled in order.
    #[must_use]
    pub fn scattered(segments: Vec<Segment>) -> Self {
        Self {
            place: Place::User(Segments::Several(segments)),
            done: 0,
        }
    }

    /// A buffer of the kernel.
    #[must_use]
    pub fn kernel(buffer: &'a mut [u8]) -> Self {
        Self {
            place: Place::Kernel(buffer),
            done: 0,
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn done(&self) -> usize {
        self.done
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn remaining(&self) -> usize {
        let whole = match &self.place {
            Place::User(segments) => segments.iter().map(|(_, length)| length).sum(),
            Place::Kernel(buffer) => buffer.len(),
        };
        whole - self.done
    }

    /// Appends as much of `bytes` as fits; says how much. Fewer than both `bytes` and
    /// the room means that a fault came after some bytes.
    ///
    /// # Errors
    /// `EFAULT` where not even the first byte can be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let wanted = bytes.len().min(self.remaining());
        let written = match &mut self.place {
            Place::Kernel(buffer) => {
                buffer[self.done..self.done + wanted].copy_from_slice(&bytes[..wanted]);
                wanted
            }
            Place::User(segments) => walk(segments, self.done, wanted, |address, from, length| {
                copy_out_some(address, &bytes[from..from + length])
            }),
        };
        self.done += written;
        if written == 0 && wanted > 0 {
            return Err(Errno::EFAULT);
        }
        Ok(written)
    }

    /// Appends `count` zero bytes, or as many as fit; as [`Destination::write`].
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_zeros(&mut self, count: usize) -> Result<usize> {
        static ZEROS: [u8; 4096] = [0; 4096];
        let mut written = 0;
        while written < count && self.remaining() > 0 {
            let piece = &ZEROS[..ZEROS.len().min(count - written)];
            let now = match self.write(piece) {
                Ok(now) => now,
                Err(error) if written == 0 => return Err(error),
                Err(_) => break,
            };
            written += now;
        }
        Ok(written)
    }
}

/// Where a write takes its bytes from: user memory, scattered or not, or the kernel's.
pub struct Source<'a> {
    place: SourcePlace<'a>,
    done: usize,
}

enum SourcePlace<'a> {
    User(Segments),
    Kernel(&'a [u8]),
}

impl<'a> Source<'a> {
    /// One piece of user memory.
    #[must_use]
    pub fn user(address: usize, length: usize) -> Self {
        Self {
            place: SourcePlace::User(Segments::One([(address, length)])),
            done: 0,
        }
    }

    /// Several pieces of user memory, taken in order.
    #[must_use]
    pub fn scattered(segments: Vec<Segment>) -> Self {
        Self {
            place: SourcePlace::User(Segments::Several(segments)),
            done: 0,
        }
    }

    /// Bytes of the kernel.
    #[must_use]
    pub fn kernel(bytes: &'a [u8]) -> Self {
        Self {
            place: SourcePlace::Kernel(bytes),
            done: 0,
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn done(&self) -> usize {
        self.done
    }

    /// Bytes still there.
    #[must_use]
    pub fn remaining(&self) -> usize {
        let whole = match &self.place {
            SourcePlace::User(segments) => segments.iter().map(|(_, length)| length).sum(),
            SourcePlace::Kernel(bytes) => bytes.len(),
        };
        whole - self.done
    }

    /// Takes up to `to.len()` bytes; says how many. Fewer than both `to.len()` and what
    /// was there means that a fault came after some bytes.
    ///
    /// # Errors
    /// `EFAULT` where not even the first byte can be read.
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        let wanted = to.len().min(self.remaining());
        let taken = match &self.place {
            SourcePlace::Kernel(bytes) => {
                to[..wanted].copy_from_slice(&bytes[self.done..self.done + wanted]);
                wanted
            }
            SourcePlace::User(segments) => {
                walk(segments, self.done, wanted, |address, from, length| {
                    copy_in_some(address, &mut to[from..from + length])
                })
            }
        };
        self.done += taken;
        if taken == 0 && wanted > 0 {
            return Err(Errno::EFAULT);
        }
        Ok(taken)
    }

    /// Gives up all but the next `limit` bytes.
    pub fn shorten(&mut self, limit: usize) {
        if self.remaining() <= limit {
            return;
        }
        let whole = self.done + limit;
        match &mut self.place {
            SourcePlace::Kernel(bytes) => *bytes = &bytes[..whole],
            SourcePlace::User(segments) => {
                let mut left = whole;
                for (_, length) in segments.iter_mut() {
                    *length = left.min(*length);
                    left -= *length;
                }
            }
        }
    }

    /// Puts the last `count` bytes back: they were read, but found no place.
    pub fn unread(&mut self, count: usize) {
        self.done -= count.min(self.done);
    }
}

/// Calls `copy(address, offset in this walk, length)` for each piece of `segments` that
/// `[skip, skip + wanted)` covers, until one copies less than it was given. Returns the
/// bytes copied.
fn walk(
    segments: &[Segment],
    mut skip: usize,
    wanted: usize,
    mut copy: impl FnMut(usize, usize, usize) -> usize,
) -> usize {
    let mut copied = 0;
    for (address, length) in segments {
        if copied == wanted {
            break;
        }
        if skip >= *length {
            skip -= length;
            continue;
        }
        let piece = (length - skip).min(wanted - copied);
        let Some(at) = address.checked_add(skip) else {
            break;
        };
        let now = copy(at, copied, piece);
        copied += now;
        if now < piece {
            break;
        }
        skip = 0;
    }
    copied
}

unsafe extern "C" {
    /// Copies `length` bytes and returns how many were left when a fault ended it.
    /// The page-fault handler knows its one faulting instruction (`cpu/copy.rs`).
    fn roentgen_user_copy(to: *mut u8, from: *const u8, length: usize) -> usize;
}

/// # Safety
/// One side lies in user space by [`is_user_range`], the other is valid kernel memory.
unsafe fn raw_copy(to: *mut u8, from: *const u8, length: usize) -> usize {
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller's promise; a fault on the user side ends the copy.
    unsafe { roentgen_user_copy(to, from, length) }
}
