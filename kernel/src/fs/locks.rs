//! Advisory locks of one inode: `flock(2)` and the record locks of `fcntl(2)`.
//!
//! The arithmetic of ranges is in crate `formats`. Lock order: one file's locks before
//! the table of who waits for whom.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;

use formats::record_locks::{Lock, Range, RecordLocks};

use super::file::OpenFile;
use crate::errno::{Errno, Result};
use crate::sync::{SleepMutex, WaitError, WaitQueue};

/// Whose lock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A process's, by its id: POSIX record locks.
    Process(u32),
    /// An open file description's, by its address: `flock` and `F_OFD_SETLK`. Released
    /// before the description's memory is.
    Description(usize),
}

impl Owner {
    /// The description as owner.
    #[must_use]
    pub fn description(file: &OpenFile) -> Self {
        Self::Description(core::ptr::from_ref(file) as usize)
    }
}

#[derive(Default)]
struct Held {
    /// `fcntl`'s locks.
    records: RecordLocks<Owner>,
    /// `flock`'s: the same rules, always over the whole file.
    whole: RecordLocks<Owner>,
}

/// Which of the two families, which know nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `fcntl(2)`.
    Record,
    /// `flock(2)`.
    Flock,
}

impl Held {
    fn of(&mut self, family: Family) -> &mut RecordLocks<Owner> {
        match family {
            Family::Record => &mut self.records,
            Family::Flock => &mut self.whole,
        }
    }
}

/// All advisory locks of one inode.
#[derive(Default)]
pub struct FileLocks {
    held: SleepMutex<Held>,
    /// Whether anybody ever took one: closing a file need not look where nobody did.
    is_used: AtomicBool,
    released: WaitQueue,
}

/// Whom a process waits for.
#[derive(Clone, Copy, Debug)]
struct Edge {
    holder: u32,
    /// The locks in question: the address of their [`FileLocks`].
    file: usize,
}

/// Waiting process → whom it waits for, for `EDEADLK`. Changed with the file's locks
/// held, so that an edge is there only while its holder really holds: a process that
/// was just given the lock waits for nobody, and nobody waits for who just released it.
static WAITING: SleepMutex<BTreeMap<u32, Edge>> = SleepMutex::new(BTreeMap::new());

/// Longest chain of waiting processes that is searched for a circle.
const LONGEST_CHAIN: usize = 1000;

impl FileLocks {
    /// No locks.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            held: SleepMutex::new(Held {
                records: RecordLocks::new(),
                whole: RecordLocks::new(),
            }),
            is_used: AtomicBool::new(false),
            released: WaitQueue::new(),
        }
    }

    /// The lock that stands in the way of `wanted`, if any.
    #[must_use]
    pub fn conflict(&self, wanted: &Lock<Owner>) -> Option<Lock<Owner>> {
        self.held.lock().records.conflict(wanted)
    }

    /// Takes `wanted` or says `EAGAIN`.
    ///
    /// # Errors
    /// `EAGAIN`.
    pub fn try_take(&self, family: Family, wanted: Lock<Owner>) -> Result<()> {
        self.attempt(family, wanted, false)
    }

    /// Takes `wanted`, waiting for others to release theirs.
    ///
    /// # Errors
    /// [`Errno::RestartOrEintr`]; `EDEADLK` where the others wait for this process.
    pub fn take(&self, family: Family, wanted: Lock<Owner>) -> Result<()> {
        let result = self
            .released
            .wait_until(None, || match self.attempt(family, wanted, true) {
                Ok(()) => Some(Ok(())),
                Err(Errno::EAGAIN) => None,
                Err(error) => Some(Err(error)),
            });
        if result.is_err()
            && let Owner::Process(process) = wanted.owner
        {
            WAITING.lock().remove(&process);
        }
        match result {
            Ok(result) => result,
            Err(WaitError::Interrupted | WaitError::TimedOut) => Err(Errno::RestartOrEintr),
        }
    }

    /// Takes `wanted` or says `EAGAIN`; with `waits`, notes whom it will wait for, or says
    /// `EDEADLK`.
    fn attempt(&self, family: Family, wanted: Lock<Owner>, waits: bool) -> Result<()> {
        self.is_used.store(true, Ordering::Release);
        let mut held = self.held.lock();
        let locks = held.of(family);
        // flock(2): a conversion is not atomic; the old lock is given up first.
        let had = family == Family::Flock && locks.clear(wanted.owner, Range::WHOLE);
        let result = match locks.set(wanted) {
            Ok(()) => {
                if let Owner::Process(process) = wanted.owner {
                    WAITING.lock().remove(&process);
                }
                Ok(())
            }
            Err(conflict) if waits => self
                .wait_for(wanted.owner, conflict.owner)
                .and(Err(Errno::EAGAIN)),
            Err(_) => Err(Errno::EAGAIN),
        };
        // A write lock may have become a read lock.
        let is_narrowed = family == Family::Record && result.is_ok() && !wanted.is_exclusive;
        if is_narrowed {
            self.forget_waiters(wanted.owner);
        }
        drop(held);
        if had || is_narrowed {
            self.released.wake_all();
        }
        result
    }

    /// Nobody waits for `owner` in this file any more: all are about to try again.
    fn forget_waiters(&self, owner: Owner) {
        if let Owner::Process(process) = owner {
            let file = core::ptr::from_ref(self) as usize;
            WAITING
                .lock()
                .retain(|_, edge| edge.holder != process || edge.file != file);
        }
    }

    /// Gives up what `owner` holds of `range`.
    pub fn release(&self, family: Family, owner: Owner, range: Range) {
        if !self.is_used.load(Ordering::Acquire) {
            return;
        }
        let released = {
            let mut held = self.held.lock();
            let released = held.of(family).clear(owner, range);
            if released {
                self.forget_waiters(owner);
            }
            released
        };
        if released {
            self.released.wake_all();
        }
    }

    /// Gives up all that an open file description holds; it is being dropped.
    pub fn release_description(&self, file: &OpenFile) {
        let owner = Owner::description(file);
        self.release(Family::Flock, owner, Range::WHOLE);
        self.release(Family::Record, owner, Range::WHOLE);
    }

    /// Notes that `waiter` waits for `holder`. The caller holds this file's locks.
    fn wait_for(&self, waiter: Owner, holder: Owner) -> Result<()> {
        let (Owner::Process(waiter), Owner::Process(holder)) = (waiter, holder) else {
            return Ok(());
        };
        let mut waiting = WAITING.lock();
        let mut at = holder;
        for _ in 0..LONGEST_CHAIN {
            if at == waiter {
                return Err(Errno::EDEADLK);
            }
            match waiting.get(&at) {
                Some(edge) => at = edge.holder,
                None => break,
            }
        }
        let file = core::ptr::from_ref(self) as usize;
        waiting.insert(waiter, Edge { holder, file });
        Ok(())
    }
}
