//! The queues: `crossbeam-deque` as published; under a model checker, which cannot look
//! into it, a queue behind a lock with the same calls.

#[cfg(not(any(loom, shuttle)))]
pub use crossbeam_deque::{Injector, Steal, Stealer, Worker};

#[cfg(any(loom, shuttle))]
pub use stand_in::{Injector, Steal, Stealer, Worker};

#[cfg(any(loom, shuttle))]
mod stand_in {
    //! What `crossbeam-deque` promises, and no more: first in, first out, every item out
    //! once.

    use std::collections::VecDeque;

    use crate::sync::atomic::{AtomicUsize, Ordering, fence};
    #[cfg(loom)]
    use loom::sync::{Arc, Mutex};
    #[cfg(shuttle)]
    use shuttle::sync::{Arc, Mutex};

    /// The items, and their number for those who only look: that look orders no more than
    /// crossbeam's does, which takes no lock either.
    struct Queue<T> {
        items: Mutex<VecDeque<T>>,
        length: AtomicUsize,
    }

    impl<T> Queue<T> {
        fn new() -> Self {
            Self {
                items: Mutex::new(VecDeque::new()),
                length: AtomicUsize::new(0),
            }
        }

        fn with<R>(&self, body: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
            let mut items = match self.items.lock() {
                Ok(items) => items,
                Err(poisoned) => poisoned.into_inner(),
            };
            let result = body(&mut items);
            self.length.store(items.len(), Ordering::Release);
            result
        }

        fn len(&self) -> usize {
            fence(Ordering::SeqCst);
            self.length.load(Ordering::Acquire)
        }
    }

    /// As crossbeam's.
    pub enum Steal<T> {
        /// Nothing there.
        Empty,
        /// An item.
        Success(T),
        /// Another one was faster.
        Retry,
    }

    /// As crossbeam's, first in, first out.
    pub struct Worker<T>(Arc<Queue<T>>);

    impl<T> Worker<T> {
        /// An empty queue.
        pub fn new_fifo() -> Self {
            Self(Arc::new(Queue::new()))
        }

        /// Its far end.
        pub fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.clone())
        }

        /// Puts an item at the end.
        pub fn push(&self, item: T) {
            self.0.with(|items| items.push_back(item));
        }

        /// Takes the first item.
        pub fn pop(&self) -> Option<T> {
            self.0.with(VecDeque::pop_front)
        }

        /// Items in it.
        pub fn len(&self) -> usize {
            self.0.len()
        }

        /// Whether there are none.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }
    }

    /// As crossbeam's.
    pub struct Stealer<T>(Arc<Queue<T>>);

    impl<T> Stealer<T> {
        /// Items in it.
        pub fn len(&self) -> usize {
            self.0.len()
        }

        /// Whether there are none.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// Moves the first items, half of them and `limit` at most, to `to`.
        pub fn steal_batch_with_limit(&self, to: &Worker<T>, limit: usize) -> Steal<()> {
            let taken: VecDeque<T> = self.0.with(|items| {
                let count = items.len().div_ceil(2).min(limit);
                items.drain(..count).collect()
            });
            if taken.is_empty() {
                return Steal::Empty;
            }
            to.0.with(|items| items.extend(taken));
            Steal::Success(())
        }
    }

    /// As crossbeam's.
    pub struct Injector<T>(Queue<T>);

    impl<T> Default for Injector<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    impl<T> Injector<T> {
        /// An empty queue.
        pub fn new() -> Self {
            Self(Queue::new())
        }

        /// Puts an item at the end.
        pub fn push(&self, item: T) {
            self.0.with(|items| items.push_back(item));
        }

        /// Takes the first item.
        pub fn steal(&self) -> Steal<T> {
            self.0
                .with(VecDeque::pop_front)
                .map_or(Steal::Empty, Steal::Success)
        }
    }
}
