//! Per-core run queues on `crossbeam-deque`.
//!
//! A [`LocalQueue`] is its core's alone (`Worker` is `!Sync`); other cores post to the
//! core's [`Inbox`]. First in, first out, over both: what waits in the inbox goes behind
//! what is queued, whenever the owner looks.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_deque::{Injector, Steal, Worker};

/// What other cores post to a core.
pub struct Inbox<T> {
    injector: Injector<T>,
    /// Posted and not yet taken; counted before the post, so that it is never too low.
    waiting: AtomicUsize,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Inbox<T> {
    /// An empty inbox.
    #[must_use]
    pub fn new() -> Self {
        Self {
            injector: Injector::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Posts a task. From any core.
    pub fn post(&self, task: T) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.injector.push(task);
    }

    /// Whether anything is posted, or about to be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    fn take(&self) -> Option<T> {
        loop {
            match self.injector.steal() {
                Steal::Success(task) => {
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                    return Some(task);
                }
                Steal::Empty => return None,
                Steal::Retry => core::hint::spin_loop(),
            }
        }
    }
}

/// The queue that a core owns.
pub struct LocalQueue<T> {
    worker: Worker<T>,
    length: Cell<usize>,
    queued: Cell<u64>,
    popped: Cell<u64>,
}

impl<T> Default for LocalQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> LocalQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            worker: Worker::new_fifo(),
            length: Cell::new(0),
            queued: Cell::new(0),
            popped: Cell::new(0),
        }
    }

    /// Puts a task at the end.
    pub fn push(&self, task: T) {
        self.worker.push(task);
        self.length.set(self.length.get() + 1);
        self.queued.set(self.queued.get() + 1);
    }

    /// Takes what has waited longest, after fetching what was posted.
    pub fn pop(&self, inbox: &Inbox<T>) -> Option<T> {
        self.fetch(inbox);
        let task = self.worker.pop()?;
        self.length.set(self.length.get() - 1);
        self.popped.set(self.popped.get() + 1);
        Some(task)
    }

    /// Moves what was posted to the end of the queue.
    pub fn fetch(&self, inbox: &Inbox<T>) {
        // Bounded by what is there now: posters must not keep the owner here.
        let waiting = inbox.waiting.load(Ordering::SeqCst);
        for _ in 0..waiting {
            match inbox.take() {
                Some(task) => self.push(task),
                None => break,
            }
        }
    }

    /// Tasks in the queue, without those still in the inbox.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length.get()
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length.get() == 0
    }

    /// Tasks ever queued and ever popped: their difference is [`LocalQueue::len`].
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.queued.get(), self.popped.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn tasks_leave_in_the_order_they_came_the_posted_ones_behind() {
        let (local, inbox) = (LocalQueue::new(), Inbox::new());
        local.push(1);
        inbox.post(2);
        inbox.post(3);
        assert_eq!(local.pop(&inbox), Some(1));
        local.push(4);
        assert_eq!(
            [local.pop(&inbox), local.pop(&inbox), local.pop(&inbox)],
            [Some(2), Some(3), Some(4)]
        );
        assert_eq!(local.pop(&inbox), None);
        assert_eq!(local.counts(), (4, 4));
    }

    #[test]
    fn every_posted_task_arrives_exactly_once_whoever_posts() {
        const POSTERS: u64 = 4;
        const EACH: u64 = 20_000;
        let inbox = Arc::new(Inbox::new());
        let posters: Vec<_> = (0..POSTERS)
            .map(|poster| {
                let inbox = inbox.clone();
                std::thread::spawn(move || {
                    for number in 0..EACH {
                        inbox.post((poster, number));
                    }
                })
            })
            .collect();
        let local = LocalQueue::new();
        let mut next = [0; POSTERS as usize];
        let mut received = 0;
        while received < POSTERS * EACH {
            let Some((poster, number)) = local.pop(&inbox) else {
                std::thread::yield_now();
                continue;
            };
            assert_eq!(next[poster as usize], number, "in the order of its poster");
            next[poster as usize] += 1;
            received += 1;
        }
        for poster in posters {
            poster.join().unwrap();
        }
        assert!(inbox.is_empty());
        assert_eq!(local.pop(&inbox), None);
    }
}
