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

    #[cfg(loom)]
    use loom::sync::{Arc, Mutex};
    #[cfg(shuttle)]
    use shuttle::sync::{Arc, Mutex};

    fn with<T, R>(queue: &Mutex<VecDeque<T>>, body: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        match queue.lock() {
            Ok(mut items) => body(&mut items),
            Err(poisoned) => body(&mut poisoned.into_inner()),
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
    pub struct Worker<T>(Arc<Mutex<VecDeque<T>>>);

    impl<T> Worker<T> {
        /// An empty queue.
        pub fn new_fifo() -> Self {
            Self(Arc::new(Mutex::new(VecDeque::new())))
        }

        /// Its far end.
        pub fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.clone())
        }

        /// Puts an item at the end.
        pub fn push(&self, item: T) {
            with(&self.0, |items| items.push_back(item));
        }

        /// Takes the first item.
        pub fn pop(&self) -> Option<T> {
            with(&self.0, VecDeque::pop_front)
        }

        /// Items in it.
        pub fn len(&self) -> usize {
            with(&self.0, |items| items.len())
        }

        /// Whether there are none.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }
    }

    /// As crossbeam's.
    pub struct Stealer<T>(Arc<Mutex<VecDeque<T>>>);

    impl<T> Stealer<T> {
        /// Items in it.
        pub fn len(&self) -> usize {
            with(&self.0, |items| items.len())
        }

        /// Whether there are none.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// Moves the first items, half of them and `limit` at most, to `to`.
        pub fn steal_batch_with_limit(&self, to: &Worker<T>, limit: usize) -> Steal<()> {
            let taken: VecDeque<T> = with(&self.0, |items| {
                let count = items.len().div_ceil(2).min(limit);
                items.drain(..count).collect()
            });
            if taken.is_empty() {
                return Steal::Empty;
            }
            with(&to.0, |items| items.extend(taken));
            Steal::Success(())
        }
    }

    /// As crossbeam's.
    pub struct Injector<T>(Mutex<VecDeque<T>>);

    impl<T> Injector<T> {
        /// An empty queue.
        pub fn new() -> Self {
            Self(Mutex::new(VecDeque::new()))
        }

        /// Puts an item at the end.
        pub fn push(&self, item: T) {
            with(&self.0, |items| items.push_back(item));
        }

        /// Takes the first item.
        pub fn steal(&self) -> Steal<T> {
            with(&self.0, VecDeque::pop_front).map_or(Steal::Empty, Steal::Success)
        }
    }
}
