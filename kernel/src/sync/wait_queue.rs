//! Waiting for a condition: threads block, pollers are told.

use core::sync::atomic::{AtomicUsize, Ordering, fence};
use std::collections::VecDeque;
use std::sync::Arc;

use super::IrqLock;
use crate::task::{self, Thread};
use crate::time::Instant;

/// Something that can be told that a condition may have come true. Called with the
/// wait queue's lock held: it may take run-queue locks and those of other wait queues
/// that are further out (an epoll's), and nothing else.
pub trait Wake: Send + Sync {
    /// The condition may have changed.
    fn wake(&self);
}

impl Wake for Thread {
    fn wake(&self) {
        task::wake(self);
    }
}

/// Why a wait ended without its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// A signal is pending for the thread.
    Interrupted,
    /// The deadline passed.
    TimedOut,
}

struct Entry {
    id: u64,
    waker: Arc<dyn Wake>,
}

struct Entries {
    next_id: u64,
    list: VecDeque<Entry>,
}

/// The threads and pollers that wait for one condition, in order of arrival.
pub struct WaitQueue {
    entries: IrqLock<Entries>,
    /// Entries in the list, changed under its lock: whoever wakes looks here first, and
    /// mostly there is nobody. Who waits adds itself before it looks at the condition, who
    /// wakes has changed the condition before it looks here, each with a full barrier in
    /// between; so one of them sees the other.
    length: AtomicUsize,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitQueue {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: IrqLock::new(Entries {
                next_id: 0,
                list: VecDeque::new(),
            }),
            length: AtomicUsize::new(0),
        }
    }

    /// Blocks the current thread until `ready` gives a value.
    ///
    /// `ready` runs in thread context with no lock held, before the first block and
    /// after every wake-up; it may sleep on other locks for a moment.
    ///
    /// # Errors
    /// [`WaitError::Interrupted`] when a signal is pending, [`WaitError::TimedOut`]
    /// when the deadline has passed; in both cases `ready` was asked once more before.
    pub fn wait_until<T>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, WaitError> {
        if let Some(value) = ready() {
            return Ok(value);
        }
        let thread = task::current();
        let _subscription = self.subscribe(thread.to_arc());
        let _waiting = Waiting::begin();
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            if thread.has_pending_signal() {
                return Err(WaitError::Interrupted);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(WaitError::TimedOut);
            }
            task::park(deadline);
        }
    }

    /// As [`WaitQueue::wait_until`], but neither a signal nor time ends it.
    pub fn wait_uninterruptibly<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        if let Some(value) = ready() {
            return value;
        }
        let _subscription = self.subscribe(task::current().to_arc());
        let _waiting = Waiting::begin();
        loop {
            if let Some(value) = ready() {
                return value;
            }
            task::park(None);
        }
    }

    /// Tells `waker` of every [`WaitQueue::wake_all`] until the subscription is dropped.
    #[must_use]
    pub fn subscribe(&self, waker: Arc<dyn Wake>) -> Subscription<'_> {
        Subscription {
            id: self.add(waker),
            queue: self,
        }
    }

    /// Adds an entry by hand, for owners that cannot hold a borrow; pairs with
    /// [`WaitQueue::remove`].
    pub fn add(&self, waker: Arc<dyn Wake>) -> u64 {
        loop {
            let needed = {
                let mut entries = self.entries.lock();
                if entries.list.len() < entries.list.capacity() {
                    let id = entries.next_id;
                    entries.next_id += 1;
                    entries.list.push_back(Entry { id, waker });
                    self.length.fetch_add(1, Ordering::SeqCst);
                    return id;
                }
                entries.list.len() * 2 + 2
            };
            self.grow(needed);
        }
    }

    /// Makes room for `capacity` entries. Nothing is allocated or freed under the lock.
    #[cold]
    fn grow(&self, capacity: usize) {
        let mut other = VecDeque::with_capacity(capacity);
        let mut entries = self.entries.lock();
        if other.capacity() > entries.list.capacity() {
            other.append(&mut entries.list);
            std::mem::swap(&mut other, &mut entries.list);
        }
        drop(entries);
        drop(other);
    }

    /// Removes the entry that [`WaitQueue::add`] numbered; one already gone is no error.
    pub fn remove(&self, id: u64) {
        let removed = {
            let mut entries = self.entries.lock();
            // Mostly it is the first, or the only one.
            let removed = if entries.list.front().is_some_and(|entry| entry.id == id) {
                entries.list.pop_front()
            } else {
                let position = entries.list.iter().position(|entry| entry.id == id);
                position.and_then(|position| entries.list.remove(position))
            };
            if removed.is_some() {
                self.length.fetch_sub(1, Ordering::SeqCst);
            }
            removed
        };
        // Dropped outside of the lock: it may be the last reference.
        drop(removed);
    }

    /// Tells every entry.
    #[inline]
    pub fn wake_all(&self) {
        if !self.is_empty() {
            self.tell_all();
        }
    }

    fn tell_all(&self) {
        let entries = self.entries.lock();
        for entry in &entries.list {
            entry.waker.wake();
        }
    }

    /// Tells the entry that has waited longest, and moves it behind the others, so that
    /// a second call reaches another one.
    #[inline]
    pub fn wake_one(&self) {
        if !self.is_empty() {
            self.tell_one();
        }
    }

    fn tell_one(&self) {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.list.pop_front() {
            entry.waker.wake();
            entries.list.push_back(entry);
        }
    }

    /// Whether nobody waits. A hint: it may change at once; but whoever changed the
    /// condition before it asks misses nobody who has looked at it earlier.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.length.load(Ordering::SeqCst) == 0
    }
}

/// The current thread waits, from its subscription on. A wait inside another wait's
/// condition (a mutex that was taken) may consume the outer wait's wake-up: see
/// [`Thread::leave_wait`].
struct Waiting(());

impl Waiting {
    fn begin() -> Self {
        task::current().enter_wait();
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        task::current().leave_wait();
    }
}

/// An entry in a wait queue, removed on drop.
pub struct Subscription<'a> {
    queue: &'a WaitQueue,
    id: u64,
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.queue.remove(self.id);
    }
}
