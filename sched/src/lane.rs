//! One class's queue on one core.

use std::collections::VecDeque;

use crate::deque::{Stealer, Worker};

/// Tasks that may run anywhere stand in a deque, from whose far end other cores steal;
/// those that may not, in a queue of the owner's own: whatever a thief takes, it may run,
/// and nothing travels in circles. The owner takes from both in turn.
pub struct Lane<T> {
    free: Worker<T>,
    bound: VecDeque<T>,
    is_turn_of_bound: bool,
}

/// What is left of one pass over a lane.
pub struct Pass {
    bound: usize,
    free: usize,
    most: usize,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Lane<T> {
    /// An empty lane.
    #[must_use]
    pub fn new() -> Self {
        Self {
            free: Worker::new_fifo(),
            bound: VecDeque::new(),
            is_turn_of_bound: false,
        }
    }

    /// The deque's far end, for other cores.
    #[must_use]
    pub fn stealer(&self) -> Stealer<T> {
        self.free.stealer()
    }

    /// Puts a task at the end of its queue.
    pub fn push(&mut self, task: T, is_bound: bool) {
        if is_bound {
            self.bound.push_back(task);
        } else {
            self.free.push(task);
        }
    }

    /// Takes the task that has waited longest in the queue whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        self.is_turn_of_bound = !self.is_turn_of_bound;
        if self.is_turn_of_bound {
            self.bound.pop_front().or_else(|| self.free.pop())
        } else {
            self.free.pop().or_else(|| self.bound.pop_front())
        }
    }

    /// A look at each task once, `most` at most; see [`Lane::pop_in`].
    #[must_use]
    pub fn pass(&self, most: usize) -> Pass {
        Pass {
            bound: self.bound.len(),
            free: self.free.len(),
            most,
        }
    }

    /// As [`Lane::pop`], and no task twice in one pass: those that are put back meanwhile
    /// stand behind the ones it began with. None: it has seen them all.
    pub fn pop_in(&mut self, pass: &mut Pass) -> Option<T> {
        pass.most = pass.most.checked_sub(1)?;
        self.is_turn_of_bound = !self.is_turn_of_bound;
        for is_bound in [self.is_turn_of_bound, !self.is_turn_of_bound] {
            let left = if is_bound {
                &mut pass.bound
            } else {
                &mut pass.free
            };
            if *left == 0 {
                continue;
            }
            *left -= 1;
            let task = if is_bound {
                self.bound.pop_front()
            } else {
                self.free.pop()
            };
            if task.is_some() {
                return task;
            }
        }
        None
    }

    /// Takes the first task that may run anywhere.
    pub fn pop_free(&mut self) -> Option<T> {
        self.free.pop()
    }

    /// Takes the first bound task that fits.
    pub fn pop_bound(&mut self, fits: impl FnMut(&T) -> bool) -> Option<T> {
        let position = self.bound.iter().position(fits)?;
        self.bound.remove(position)
    }

    /// Tasks in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.free.len() + self.bound.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bound.is_empty() && self.free.is_empty()
    }

    /// Bound tasks in it.
    #[must_use]
    pub fn bound_len(&self) -> usize {
        self.bound.len()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::deque::Steal;

    #[test]
    fn bound_and_free_tasks_take_turns() {
        let mut lane = Lane::new();
        for number in 0..3 {
            lane.push(number, false);
            lane.push(10 + number, true);
        }
        let order: Vec<i32> = std::iter::from_fn(|| lane.pop()).collect();
        assert_eq!(order, [10, 0, 11, 1, 12, 2]);
        assert!(lane.is_empty());
    }

    #[test]
    fn a_thief_never_gets_a_bound_task() {
        let mut lane = Lane::new();
        lane.push(1, true);
        let (stealer, other) = (lane.stealer(), Worker::new_fifo());
        assert!(matches!(
            stealer.steal_batch_with_limit(&other, 8),
            Steal::Empty
        ));
        assert_eq!(lane.pop_bound(|task| *task == 2), None);
        assert_eq!(lane.pop_bound(|task| *task == 1), Some(1));
        assert_eq!(lane.len(), 0);
    }
}
