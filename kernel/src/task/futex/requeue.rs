//! `FUTEX_REQUEUE` and `FUTEX_CMP_REQUEUE`: waking some of a futex's waiters, and having
//! the others wait for another one.
//!
//! All of it happens under the locks of both buckets, the comparison too: who starts to
//! wait after the word has changed is not among those that are moved.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Bucket, Key, TABLE, Waiter, bucket_index, key, read_word};
use crate::errno::{Errno, Result};
use crate::memory::user;
use crate::sync::{InterruptsOff, IrqLockGuard, Wake};
use crate::task::process::Process;

/// How many are to be woken and moved at most.
#[derive(Clone, Copy)]
pub struct Counts {
    /// To be woken.
    pub woken: u32,
    /// To be moved, of those that are left.
    pub moved: u32,
}

/// What came of one try under the locks.
enum Try {
    /// So many were woken or moved; the former must be told.
    Done(u32),
    /// So many may leave, and there is no room for that many.
    NoRoom(usize),
    /// The word is another one.
    Differs,
    /// The word's page is not there.
    NotPresent,
}

/// Wakes some waiters of `from` and moves others to `to`; the number of both. With
/// `expected`, only where `from` has that value.
///
/// # Errors
/// `EAGAIN` (the word differs), `EINVAL` (alignment, a negative count), `EFAULT`.
pub fn requeue(
    process: &Process,
    from: usize,
    to: usize,
    is_private: bool,
    counts: Counts,
    expected: Option<u32>,
) -> Result<u32> {
    if [counts.woken, counts.moved]
        .map(u32::cast_signed)
        .iter()
        .any(|count| *count < 0)
    {
        return Err(Errno::EINVAL);
    }
    let keys = (
        key(process, from, is_private)?,
        key(process, to, is_private)?,
    );
    let mut room = 0;
    loop {
        let mut woken = Vec::with_capacity(room);
        let mut spare = VecDeque::with_capacity(room);
        let compared = expected.map(|expected| (from, expected));
        match attempt(keys, counts, compared, &mut woken, &mut spare) {
            Try::Done(count) => {
                for waiter in woken {
                    waiter.thread.wake();
                }
                return Ok(count);
            }
            Try::NoRoom(needed) => room = needed,
            Try::Differs => return Err(Errno::EAGAIN),
            // An ordinary read brings it, or says why not.
            Try::NotPresent => drop(user::read::<u32>(from)?),
        }
    }
}

/// One try. `woken` takes those that are woken; `spare` may become the second bucket's
/// storage: nothing is allocated under the locks.
fn attempt(
    (from_key, to_key): (Key, Key),
    counts: Counts,
    compared: Option<(usize, u32)>,
    woken: &mut Vec<Arc<Waiter>>,
    spare: &mut VecDeque<Arc<Waiter>>,
) -> Try {
    let off = InterruptsOff::new();
    let (mut from, mut to) = lock_both(bucket_index(&from_key), bucket_index(&to_key));
    if let Some((address, expected)) = compared {
        match read_word(address, &off) {
            Some(value) if value != expected => return Try::Differs,
            Some(_) => {}
            None => return Try::NotPresent,
        }
    }
    let is_meant = |waiter: &Arc<Waiter>| *waiter.key.lock() == from_key;
    let leaving = from.iter().filter(|waiter| is_meant(waiter)).count();
    let needed = leaving + to.as_ref().map_or(0, |to| to.len());
    if leaving > 0 && (woken.capacity() < leaving || spare.capacity() < needed) {
        return Try::NoRoom(needed);
    }
    if let Some(to) = &mut to
        && to.capacity() < needed
    {
        spare.append(to);
        core::mem::swap(spare, to);
    }
    let (mut moved, mut index) = (0, 0);
    while index < from.len() {
        if !is_meant(&from[index]) {
            index += 1;
        } else if (woken.len() as u32) < counts.woken {
            let Some(waiter) = from.remove(index) else {
                break;
            };
            waiter.is_woken.store(true, Ordering::SeqCst);
            woken.push(waiter);
        } else if moved < counts.moved {
            moved += 1;
            *from[index].key.lock() = to_key;
            match &mut to {
                Some(to) => to.extend(from.remove(index)),
                // One bucket for both: the waiter stays where it is.
                None => index += 1,
            }
        } else {
            break;
        }
    }
    Try::Done(woken.len() as u32 + moved)
}

type Guard = IrqLockGuard<'static, VecDeque<Arc<Waiter>>>;

/// Locks two buckets in order of their index; the second is None where it is the first.
fn lock_both(first: usize, second: usize) -> (Guard, Option<Guard>) {
    let lock = |index: usize| -> Guard { Bucket::lock(&TABLE[index]) };
    if first == second {
        (lock(first), None)
    } else if first < second {
        let guard = lock(first);
        (guard, Some(lock(second)))
    } else {
        let guard = lock(second);
        (lock(first), Some(guard))
    }
}
