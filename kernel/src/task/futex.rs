//! Futexes: waiting on a word of user memory.
//!
//! Waiters stand in buckets by key: the address within a space, or the memory object
//! and offset where the page is shared. The word is read under the bucket's lock, with
//! faults forbidden, so that no wake-up between the reading and the queueing is lost;
//! a shootdown that would change what the address means waits for this core.

mod requeue;

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::sync::Arc;

use bugs::Bug;

use super::process::Process;
use super::thread::Thread;
use crate::cpu;
use crate::errno::{Errno, Result};
use crate::memory::area::Protection;
use crate::memory::user;
use crate::sync::{InterruptsOff, IrqLock, WaitError, Wake};
use crate::time::Instant;

pub use requeue::{Counts, requeue};

/// Number of buckets: a power of two, several per core.
const BUCKETS: usize = 256;

/// `FUTEX_TID_MASK`, `FUTEX_OWNER_DIED`, `FUTEX_WAITERS`.
const TID_MASK: u32 = 0x3fff_ffff;
const OWNER_DIED: u32 = 0x4000_0000;
const WAITERS: u32 = 0x8000_0000;

/// Entries of a robust list that are followed at most (Linux's limit).
const ROBUST_LIMIT: usize = 2048;

/// What identifies a futex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Space and address.
    Private(u64, usize),
    /// Memory object and byte offset.
    Shared(u64, u64),
}

struct Waiter {
    /// Changes under the locks of both buckets alone, its old one and its new one.
    key: IrqLock<Key>,
    thread: Arc<Thread>,
    bits: u32,
    is_woken: AtomicBool,
}

type Bucket = IrqLock<VecDeque<Arc<Waiter>>>;

/// The buckets. Under one only the waiters' keys are locked; two are only taken in order
/// of their index.
static TABLE: [Bucket; BUCKETS] = [const { IrqLock::new(VecDeque::new()) }; BUCKETS];

fn bucket_index(key: &Key) -> usize {
    let (a, b) = match key {
        Key::Private(space, address) => (*space, *address as u64 >> 2),
        Key::Shared(object, offset) => (object.wrapping_mul(31), offset >> 2),
    };
    let mixed = (a ^ b.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % BUCKETS
}

/// The key of a futex.
///
/// # Errors
/// `EINVAL` (alignment), `EFAULT` (not user space).
pub fn key(process: &Process, address: usize, is_private: bool) -> Result<Key> {
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    if !user::is_user_range(address, 4) {
        return Err(Errno::EFAULT);
    }
    let space = process.space();
    if !is_private && let Some((object, offset)) = space.shared_object_at(address) {
        return Ok(Key::Shared(object, offset));
    }
    Ok(Key::Private(space.id(), address))
}

/// Reads the word under a spin lock; None where that needs a page fault.
fn read_word(address: usize, off: &InterruptsOff) -> Option<u32> {
    let mut bytes = [0; 4];
    cpu::without_faults(off, || user::copy_in(address, &mut bytes))
        .ok()
        .map(|()| u32::from_le_bytes(bytes))
}

/// Waits while the word is `expected`.
///
/// # Errors
/// `EAGAIN` (it is not), `ETIMEDOUT`, `EFAULT`, `EINVAL` (no bits), or a restart after
/// a signal.
pub fn wait(
    process: &Process,
    address: usize,
    is_private: bool,
    expected: u32,
    deadline: Option<Instant>,
    bits: u32,
) -> Result<()> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = key(process, address, is_private)?;
    let waiter = Arc::new(Waiter {
        key: IrqLock::new(key),
        thread: super::current().to_arc(),
        bits,
        is_woken: AtomicBool::new(false),
    });
    loop {
        {
            let mut bucket = reserve(&TABLE[bucket_index(&key)]);
            let off = InterruptsOff::new();
            match read_word(address, &off) {
                Some(value) if value != expected && !bugs::has(Bug::UncheckedFutex) => {
                    return Err(Errno::EAGAIN);
                }
                Some(_) => {
                    bucket.push_back(waiter.clone());
                    break;
                }
                None => {}
            }
        }
        // The page is not there: an ordinary read brings it, or says why not.
        user::read::<u32>(address)?;
    }
    sleep(&waiter, deadline)
}

/// A bucket with room for one more entry. Nothing is allocated or freed under its lock.
fn reserve(bucket: &'static Bucket) -> crate::sync::IrqLockGuard<'static, VecDeque<Arc<Waiter>>> {
    loop {
        let guard = bucket.lock();
        if guard.len() < guard.capacity() {
            return guard;
        }
        let needed = guard.len() * 2 + 4;
        drop(guard);
        grow(bucket, needed);
    }
}

#[cold]
fn grow(bucket: &Bucket, capacity: usize) {
    let mut other = VecDeque::with_capacity(capacity);
    let mut guard = bucket.lock();
    if other.capacity() > guard.capacity() {
        other.append(&mut guard);
        core::mem::swap(&mut other, &mut guard);
    }
    drop(guard);
    drop(other);
}

fn sleep(waiter: &Arc<Waiter>, deadline: Option<Instant>) -> Result<()> {
    let result = loop {
        if waiter.is_woken.load(Ordering::SeqCst) {
            break Ok(());
        }
        if waiter.thread.has_pending_signal() {
            break Err(WaitError::Interrupted);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break Err(WaitError::TimedOut);
        }
        super::park(deadline);
    };
    if result.is_ok() {
        return Ok(());
    }
    // Leaves, unless a waker was faster: then it counts as woken.
    let mut bucket = loop {
        let key = *waiter.key.lock();
        let bucket = TABLE[bucket_index(&key)].lock();
        // Unless it was moved to another one meanwhile.
        if *waiter.key.lock() == key {
            break bucket;
        }
    };
    if waiter.is_woken.load(Ordering::SeqCst) {
        return Ok(());
    }
    bucket.retain(|other| !Arc::ptr_eq(other, waiter));
    drop(bucket);
    match result {
        Err(WaitError::TimedOut) => Err(Errno::ETIMEDOUT),
        _ => Err(Errno::RestartOrEintr),
    }
}

/// Wakes up to `count` waiters that share a bit with `bits`; how many. As on Linux, a count
/// that is zero or negative is one.
///
/// # Errors
/// `EINVAL`, `EFAULT`.
pub fn wake(
    process: &Process,
    address: usize,
    is_private: bool,
    count: u32,
    bits: u32,
) -> Result<u32> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = key(process, address, is_private)?;
    Ok(wake_key(
        key,
        count.cast_signed().max(1).cast_unsigned(),
        bits,
    ))
}

fn wake_key(key: Key, count: u32, bits: u32) -> u32 {
    let mut woken = 0;
    while woken < count {
        let waiter = {
            let mut bucket = TABLE[bucket_index(&key)].lock();
            let position = bucket
                .iter()
                .position(|waiter| *waiter.key.lock() == key && waiter.bits & bits != 0);
            let Some(waiter) = position.and_then(|position| bucket.remove(position)) else {
                break;
            };
            waiter.is_woken.store(true, Ordering::SeqCst);
            waiter
        };
        waiter.thread.wake();
        woken += 1;
    }
    woken
}

/// Wakes after the kernel itself stored the word (`CLONE_CHILD_CLEARTID`).
pub fn wake_private(process: &Process, address: usize, count: u32) {
    let Some(space) = process.try_space() else {
        return;
    };
    wake_key(Key::Private(space.id(), address), count, u32::MAX);
    if let Some((object, offset)) = space.shared_object_at(address) {
        wake_key(Key::Shared(object, offset), count, u32::MAX);
    }
}

/// `FUTEX_WAKE_OP`: changes the second word, wakes waiters of the first, and of the
/// second if its old value compares as asked.
///
/// # Errors
/// `ENOSYS` (unknown operation), `EINVAL`, `EFAULT`.
pub fn wake_op(
    process: &Process,
    first: usize,
    second: usize,
    is_private: bool,
    counts: (u32, u32),
    operation: u32,
) -> Result<u32> {
    let argument = |value: u32| ((value << 20).cast_signed() >> 20).cast_unsigned();
    let mut operand = argument(operation >> 12 & 0xfff);
    let compare_with = argument(operation & 0xfff).cast_signed();
    if operation >> 31 != 0 {
        operand = 1_u32.checked_shl(operand & 31).unwrap_or(0);
    }
    let change: fn(u32, u32) -> u32 = match operation >> 28 & 7 {
        0 => |_, operand| operand,
        1 => u32::wrapping_add,
        2 => |old, operand| old | operand,
        3 => |old, operand| old & !operand,
        4 => |old, operand| old ^ operand,
        _ => return Err(Errno::ENOSYS),
    };
    key(process, second, is_private)?;
    let old = update_word(process, second, |old| Some(change(old, operand)))?.cast_signed();
    let matches = match operation >> 24 & 15 {
        0 => old == compare_with,
        1 => old != compare_with,
        2 => old < compare_with,
        3 => old <= compare_with,
        4 => old > compare_with,
        5 => old >= compare_with,
        _ => return Err(Errno::ENOSYS),
    };
    let mut woken = wake(process, first, is_private, counts.0, u32::MAX)?;
    if matches {
        woken += wake(process, second, is_private, counts.1, u32::MAX)?;
    }
    Ok(woken)
}

/// Changes a word of user memory atomically; its old value. None from `change` leaves it.
fn update_word(
    process: &Process,
    address: usize,
    change: impl Fn(u32) -> Option<u32>,
) -> Result<u32> {
    let update = |place: *mut u8| {
        // SAFETY: the caller checked the alignment, so the word lies in the frame.
        let word = unsafe { core::sync::atomic::AtomicU32::from_ptr(place.cast()) };
        match word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, change) {
            Ok(old) | Err(old) => old,
        }
    };
    process
        .space()
        .with_frame(address, Protection::READ | Protection::WRITE, update)
        .map_err(|_| Errno::EFAULT)
}

/// `get_robust_list(2)`: the locks that a thread holds when it ends pass on to the next
/// waiter, marked. Follows the user's list with suspicion.
pub(super) fn leave_robust_list(thread: &Thread) {
    let list = thread.robust_list();
    if list.head == 0 || bugs::has(Bug::KeptLocks) {
        return;
    }
    let process = thread.process();
    let Ok(offset) = user::read::<i64>(list.head + 8) else {
        return;
    };
    let pending = user::read::<usize>(list.head + 16).unwrap_or(0);
    let mut entry = user::read::<usize>(list.head).unwrap_or(0);
    for _ in 0..ROBUST_LIMIT {
        if entry & !1 == list.head || entry == 0 {
            break;
        }
        let next = user::read::<usize>(entry & !1);
        if entry & !1 != pending & !1 {
            hand_over(
                process,
                thread.id(),
                (entry & !1).wrapping_add_signed(offset as isize),
            );
        }
        match next {
            Ok(next) => entry = next,
            Err(_) => break,
        }
    }
    if pending & !1 != 0 {
        hand_over(
            process,
            thread.id(),
            (pending & !1).wrapping_add_signed(offset as isize),
        );
    }
}

fn hand_over(process: &Process, owner: u32, address: usize) {
    if !address.is_multiple_of(4) || !user::is_user_range(address, 4) {
        return;
    }
    let died = |value: u32| (value & TID_MASK == owner).then_some(value & WAITERS | OWNER_DIED);
    if let Ok(old) = update_word(process, address, died)
        && old & TID_MASK == owner
        && old & WAITERS != 0
    {
        wake_private(process, address, 1);
    }
}

/// Waiters in all buckets: a counter for the checks.
#[must_use]
pub fn waiting() -> u64 {
    TABLE.iter().map(|bucket| bucket.lock().len() as u64).sum()
}
