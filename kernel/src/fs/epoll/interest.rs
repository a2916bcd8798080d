//! One watched file of an epoll set, and the list of those that may be ready.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::{EDGE, EXCLUSIVE, Event, Key, ONESHOT};
use crate::errno::{Errno, Result};
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::memory::pressure;
use crate::sync::{IrqLock, WaitQueue, Wake};
use linux_raw_sys::general as linux;

/// Bits of an interest that are no events.
const FLAGS: u32 = EDGE | ONESHOT | EXCLUSIVE | linux::EPOLLWAKEUP;

/// The interests of one set that may be ready, in the order in which they became so.
pub struct ReadyList {
    /// Has room for every interest of the set, so that a wake-up never allocates.
    list: IrqLock<VecDeque<Arc<Interest>>>,
    /// Told when the list gets an entry.
    pub waiters: WaitQueue,
}

impl ReadyList {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            list: IrqLock::new(VecDeque::new()),
            waiters: WaitQueue::new(),
        }
    }

    /// Makes room for `count` entries.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn reserve(&self, count: usize) -> Result<()> {
        loop {
            let capacity = self.list.lock().capacity();
            if capacity >= count {
                return Ok(());
            }
            let mut entries = Vec::new();
            let wanted = count.next_power_of_two().max(16);
            pressure::reserve_exact(&mut entries, wanted, Errno::ENOMEM)?;
            let mut larger = VecDeque::from(entries);
            let mut list = self.list.lock();
            if larger.capacity() > list.len() {
                larger.append(&mut list);
                core::mem::swap(&mut *list, &mut larger);
            }
        }
    }

    /// Entries now.
    pub fn len(&self) -> usize {
        self.list.lock().len()
    }

    /// Takes the first entry; it may be put in again from now on.
    pub fn pop(&self) -> Option<Arc<Interest>> {
        let mut list = self.list.lock();
        let interest = list.pop_front()?;
        interest.is_listed.store(false, Ordering::SeqCst);
        Some(interest)
    }

    /// Takes an entry out, wherever it stands.
    pub fn remove(&self, interest: &Arc<Interest>) {
        let removed = {
            let mut list = self.list.lock();
            let position = list.iter().position(|other| Arc::ptr_eq(other, interest));
            // Never listed again: it is dead.
            interest.is_listed.store(true, Ordering::SeqCst);
            position.and_then(|position| list.remove(position))
        };
        drop(removed);
    }

    /// Takes all entries out.
    pub fn clear(&self) {
        let all = core::mem::take(&mut *self.list.lock());
        for interest in &all {
            interest.is_listed.store(true, Ordering::SeqCst);
        }
    }
}

/// A watched file.
pub struct Interest {
    /// Where it announces itself.
    ready: Arc<ReadyList>,
    /// Itself, for the list.
    this: Weak<Self>,
    key: Key,
    file: Weak<OpenFile>,
    /// Lives as long as its wait queue may know us.
    object: Weak<dyn FileObject>,
    event: IrqLock<Event>,
    is_listed: AtomicBool,
    /// Our number in the file's wait queue.
    number: IrqLock<Option<u64>>,
}

impl Interest {
    /// An interest of the set with the list `ready`, not watching yet.
    pub fn new(ready: &Arc<ReadyList>, key: Key, file: &Arc<OpenFile>, event: Event) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            ready: ready.clone(),
            this: this.clone(),
            key,
            file: Arc::downgrade(file),
            object: Arc::downgrade(&file.object),
            event: IrqLock::new(event),
            is_listed: AtomicBool::new(false),
            number: IrqLock::new(None),
        })
    }

    /// Its place in the set.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The file, while it is open.
    pub fn file(&self) -> Option<Arc<OpenFile>> {
        self.file.upgrade()
    }

    /// Events and flags, and the user's word.
    pub fn event(&self) -> Event {
        *self.event.lock()
    }

    /// Changes them.
    pub fn set_event(&self, event: Event) {
        *self.event.lock() = event;
    }

    /// One-shot, and that was it: nothing is reported before the next change.
    pub fn disable(&self) {
        self.event.lock().0 &= FLAGS;
    }

    /// What happened that is asked for; None where the file is closed.
    pub fn poll(&self) -> Option<Events> {
        let file = self.file()?;
        let asked = self.event().0 & !FLAGS;
        if asked == 0 {
            return Some(Events::empty());
        }
        let asked = Events::from_bits_truncate(asked) | Events::ERR | Events::HUP;
        Some(file.object.poll(&file) & asked)
    }

    /// Begins to listen to the file.
    pub fn watch(&self) {
        if let (Some(object), Some(this)) = (self.object.upgrade(), self.this.upgrade())
            && let Some(queue) = object.wait_queue()
        {
            let number = queue.add(this);
            *self.number.lock() = Some(number);
        }
    }

    /// Ends listening.
    pub fn unwatch(&self) {
        let number = self.number.lock().take();
        if let Some(object) = self.object.upgrade()
            && let (Some(queue), Some(number)) = (object.wait_queue(), number)
        {
            queue.remove(number);
        }
    }

    /// Puts itself into the list, where it is ready now.
    pub fn push_if_ready(&self) {
        if self.poll().is_some_and(|happened| !happened.is_empty()) {
            self.wake();
        }
    }

    /// Puts itself at the end of the list, without telling anybody.
    pub fn push(&self) -> bool {
        self.put(VecDeque::push_back)
    }

    /// As [`Interest::push`], at the front.
    pub fn push_front(&self) -> bool {
        self.put(VecDeque::push_front)
    }

    fn put(&self, insert: fn(&mut VecDeque<Arc<Self>>, Arc<Self>)) -> bool {
        let Some(this) = self.this.upgrade() else {
            return false;
        };
        let mut list = self.ready.list.lock();
        if self.is_listed.swap(true, Ordering::SeqCst) {
            drop(list);
            return false;
        }
        insert(&mut list, this);
        true
    }
}

impl Wake for Interest {
    fn wake(&self) {
        let asks = self.event.lock().0 & !FLAGS != 0;
        if asks && self.push() {
            self.ready.waiters.wake_all();
        }
    }
}
