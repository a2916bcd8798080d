//! What other cores see of a core, and do to it.

use crate::counts::Counts;
use crate::deque::{Injector, Steal, Stealer};
use crate::local::Local;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::pause;

/// A core, for the others.
pub struct Shared<T> {
    pub(crate) inbox: Inbox<T>,
    normal: Stealer<T>,
    idle: Stealer<T>,
    /// Running and queued tasks, those in the inbox included.
    load: AtomicUsize,
    /// The core's virtual time, at its last pick.
    virtual_time: AtomicU64,
    /// A task runs there and nothing will end its slice: whoever posts must interrupt.
    runs_untimed: AtomicBool,
    /// What is counted.
    pub counts: Counts,
}

impl<T> Shared<T> {
    /// The side that others see of `local`.
    #[must_use]
    pub fn new(local: &Local<T>) -> Self {
        Self {
            inbox: Inbox::new(),
            normal: local.normal.stealer(),
            idle: local.idle.stealer(),
            load: AtomicUsize::new(0),
            virtual_time: AtomicU64::new(0),
            runs_untimed: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }

    /// Running and queued tasks: a hint.
    #[must_use]
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Whether others have posted something that the core has not taken yet.
    #[must_use]
    pub fn has_posts(&self) -> bool {
        !self.inbox.is_empty()
    }

    pub(crate) fn add_load(&self, tasks: usize) {
        self.load.fetch_add(tasks, Ordering::Relaxed);
    }

    pub(crate) fn remove_load(&self, tasks: usize) {
        self.load.fetch_sub(tasks, Ordering::Relaxed);
    }

    /// The core's virtual time, in nanoseconds.
    #[must_use]
    pub fn virtual_time(&self) -> u64 {
        self.virtual_time.load(Ordering::Relaxed)
    }

    pub(crate) fn set_virtual_time(&self, time: u64) {
        self.virtual_time.store(time, Ordering::Relaxed);
    }

    /// Says whether a task runs there whose slice nothing will end.
    pub(crate) fn set_runs_untimed(&self, is_so: bool) {
        self.runs_untimed.store(is_so, Ordering::SeqCst);
    }

    /// Whether the caller, who posted and fenced, has to interrupt it so that it looks at
    /// its inbox; of several callers, one.
    pub(crate) fn must_interrupt(&self) -> bool {
        self.runs_untimed.load(Ordering::SeqCst) && self.runs_untimed.swap(false, Ordering::SeqCst)
    }

    /// Whether there is something to steal: a hint.
    #[must_use]
    pub fn has_stealable(&self) -> bool {
        !self.normal.is_empty() || !self.idle.is_empty()
    }

    /// The far ends of its queues, the more urgent one first.
    pub(crate) fn stealers(&self) -> [&Stealer<T>; 2] {
        [&self.normal, &self.idle]
    }
}

/// What other cores post to a core.
pub struct Inbox<T> {
    injector: Injector<T>,
    /// Posted and not yet taken; counted before the post, so that it is never too low.
    waiting: AtomicUsize,
}

impl<T> Inbox<T> {
    fn new() -> Self {
        Self {
            injector: Injector::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Posts a task. From any core.
    pub(crate) fn post(&self, task: T) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.injector.push(task);
    }

    /// Tasks that are posted, or about to be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the task that was posted first.
    pub(crate) fn take(&self) -> Option<T> {
        loop {
            match self.injector.steal() {
                Steal::Success(task) => {
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                    return Some(task);
                }
                Steal::Empty => return None,
                Steal::Retry => pause(),
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn every_posted_task_arrives_exactly_once_in_the_order_of_its_poster() {
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
        let mut next = [0; POSTERS as usize];
        let mut received = 0;
        while received < POSTERS * EACH {
            let Some((poster, number)) = inbox.take() else {
                std::thread::yield_now();
                continue;
            };
            assert_eq!(next[poster as usize], number);
            next[poster as usize] += 1;
            received += 1;
        }
        for poster in posters {
            poster.join().unwrap();
        }
        assert!(inbox.is_empty());
        assert!(inbox.take().is_none());
    }
}
