//! `epoll(7)`: a set of files of which the ready ones are found without a scan.
//!
//! Every watched file tells its [`Interest`] of changes; the interest puts itself into the
//! set's ready list. What stands there is asked again (`poll`) when somebody collects.
//! An interest refers to its file weakly: when the last descriptor is closed, the entry
//! is dead and is swept away at the next occasion.
//!
//! Not here: the system calls (`syscall::epoll`).
//!
//! Lock order: `interests` (sleeps), then a watched file's locks, then the ready list. The
//! ready list is also taken inside of wake-ups, below a file's wait queue.

mod interest;
mod nesting;

use core::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use self::interest::{Interest, ReadyList};
use super::anonymous::{AnonymousInode, Device};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::pressure;
use crate::sync::{SleepMutex, WaitError, WaitQueue};
use crate::time::Instant;

/// Flags of an interest, beside the events.
const EXCLUSIVE: u32 = linux::EPOLLEXCLUSIVE;
const ONESHOT: u32 = linux::EPOLLONESHOT;
const EDGE: u32 = linux::EPOLLET;

/// An event for the user: what happened, and the user's own word.
pub type Event = (u32, u64);

/// Identifies an interest: descriptor, and the address of the file description. The
/// weak reference in the interest keeps the address from being used again.
type Key = (i32, usize);

/// An epoll set.
pub struct Epoll {
    interests: SleepMutex<BTreeMap<Key, Arc<Interest>>>,
    ready: Arc<ReadyList>,
    inode: AnonymousInode,
}

/// A new, empty set.
#[must_use]
pub fn create() -> Arc<OpenFile> {
    let epoll = Epoll {
        interests: SleepMutex::new(BTreeMap::new()),
        ready: Arc::new(ReadyList::new()),
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    OpenFile::new(
        Arc::new(epoll),
        linux::O_RDWR,
        b"anon_inode:[eventpoll]".to_vec(),
    )
}

fn key(descriptor: i32, file: &Arc<OpenFile>) -> Key {
    (descriptor, Arc::as_ptr(file) as usize)
}

impl Epoll {
    /// The set behind `file`.
    ///
    /// # Errors
    /// `EINVAL` where it is none.
    pub fn of(file: &OpenFile) -> Result<&Self> {
        file.object.as_any().downcast_ref().ok_or(Errno::EINVAL)
    }

    /// `EPOLL_CTL_ADD`.
    ///
    /// # Errors
    /// `EEXIST`; `EPERM` for files that are always ready; `ELOOP`, `EINVAL`, `ENOMEM`.
    pub fn add(&self, descriptor: i32, file: &Arc<OpenFile>, event: Event) -> Result<()> {
        let (flags, _) = event;
        if file.object.wait_queue().is_none() {
            return Err(Errno::EPERM);
        }
        let inner = file.object.as_any().downcast_ref::<Self>();
        let allowed = EXCLUSIVE
            | EDGE
            | linux::EPOLLIN
            | linux::EPOLLOUT
            | linux::EPOLLERR
            | linux::EPOLLHUP
            | linux::EPOLLWAKEUP;
        if flags & EXCLUSIVE != 0 && (inner.is_some() || flags & !allowed != 0) {
            return Err(Errno::EINVAL);
        }
        let _nesting = match inner {
            Some(inner) => Some(nesting::check(self, inner)?),
            None => None,
        };
        let mut interests = self.interests.lock();
        let key = key(descriptor, file);
        if interests.contains_key(&key) {
            return Err(Errno::EEXIST);
        }
        // Others under this descriptor are of files that were closed.
        let range = (descriptor, 0)..=(descriptor, usize::MAX);
        let dead: Vec<Key> = interests
            .range(range)
            .filter(|(_, interest)| interest.file().is_none())
            .map(|(key, _)| *key)
            .collect();
        for key in dead {
            self.forget(interests.remove(&key));
        }
        pressure::check_room(Errno::ENOMEM)?;
        self.ready.reserve(interests.len() + 1)?;
        let interest = Interest::new(&self.ready, key, file, event);
        interests.insert(key, interest.clone());
        interest.watch();
        interest.push_if_ready();
        Ok(())
    }

    /// `EPOLL_CTL_MOD`.
    ///
    /// # Errors
    /// `ENOENT`; `EINVAL` for exclusive interests.
    pub fn modify(&self, descriptor: i32, file: &Arc<OpenFile>, event: Event) -> Result<()> {
        let interests = self.interests.lock();
        let interest = interests.get(&key(descriptor, file)).ok_or(Errno::ENOENT)?;
        if (event.0 | interest.event().0) & EXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        interest.set_event(event);
        interest.push_if_ready();
        Ok(())
    }

    /// `EPOLL_CTL_DEL`.
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn delete(&self, descriptor: i32, file: &Arc<OpenFile>) -> Result<()> {
        let interest = self.interests.lock().remove(&key(descriptor, file));
        if interest.is_none() {
            return Err(Errno::ENOENT);
        }
        self.forget(interest);
        Ok(())
    }

    /// Waits for events and gives up to `most` of them; none where the deadline passed.
    ///
    /// # Errors
    /// `EINTR`.
    pub fn wait(&self, most: usize, deadline: Option<Instant>) -> Result<Vec<Event>> {
        let answer = self.ready.waiters.wait_until(deadline, || {
            let events = self.collect(most);
            (!events.is_empty()).then_some(events)
        });
        match answer {
            Ok(events) => Ok(events),
            Err(WaitError::TimedOut) => Ok(Vec::new()),
            Err(WaitError::Interrupted) => Err(Errno::EINTR),
        }
    }

    /// Asks what stands in the ready list: each entry once where something has happened,
    /// until the list is empty where nothing has. (Asking may sleep on a file's lock, and
    /// swallow the wake-up of an entry that came meanwhile.)
    fn collect(&self, most: usize) -> Vec<Event> {
        let mut events = Vec::new();
        let mut again = Vec::new();
        let mut left = self.ready.len();
        while events.len() < most
            && (left > 0 || events.is_empty())
            && let Some(interest) = self.ready.pop()
        {
            left = left.saturating_sub(1);
            let (flags, data) = interest.event();
            let Some(happened) = interest.poll() else {
                let dead = self.interests.lock().remove(&interest.key());
                self.forget(dead);
                continue;
            };
            if happened.is_empty() {
                continue;
            }
            events.push((happened.bits(), data));
            if flags & ONESHOT != 0 {
                interest.disable();
            } else if flags & EDGE == 0 {
                again.push(interest);
            }
        }
        // Level-triggered: it stays, behind those that were not asked yet.
        for interest in again {
            interest.push();
        }
        events
    }

    /// Whether anything would be collected; keeps it.
    fn is_ready(&self) -> bool {
        while let Some(interest) = self.ready.pop() {
            if interest.poll().is_some_and(|happened| !happened.is_empty()) {
                interest.push_front();
                return true;
            }
        }
        false
    }

    /// Takes an interest out of its file's wait queue and the ready list.
    fn forget(&self, interest: Option<Arc<Interest>>) {
        if let Some(interest) = interest {
            interest.unwatch();
            self.ready.remove(&interest);
        }
    }

    /// The sets that are watched by this one.
    fn inner(&self) -> Vec<Arc<OpenFile>> {
        let interests = self.interests.lock();
        interests
            .values()
            .filter_map(|interest| interest.file())
            .filter(|file| file.object.as_any().is::<Self>())
            .collect()
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        for interest in core::mem::take(self.interests.get_mut()).into_values() {
            interest.unwatch();
        }
        self.ready.clear();
    }
}

impl FileObject for Epoll {
    fn seek(&self, _file: &OpenFile, _offset: i64, _whence: u32) -> Result<u64> {
        // Linux's `noop_llseek`.
        Ok(0)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        match self.is_ready() {
            true => Events::IN | Events::RDNORM,
            false => Events::empty(),
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.ready.waiters)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
