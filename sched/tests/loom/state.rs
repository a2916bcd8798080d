//! A task's state word: no wake-up is lost, and a task is queued exactly once for each.

use loom::model::Builder;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use sched::state::TaskState;
use std::sync::Arc;

/// A task that waits until all of its conditions hold, and its run queue.
struct Waiting<const WAKERS: usize> {
    state: TaskState,
    conditions: [AtomicBool; WAKERS],
    /// Entries of the task in the queue; never more than one.
    queue: Mutex<usize>,
    /// Wake-ups after which the waker had to queue it.
    queued_by_wakers: AtomicUsize,
}

impl<const WAKERS: usize> Waiting<WAKERS> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: TaskState::running(),
            conditions: core::array::from_fn(|_| AtomicBool::new(false)),
            queue: Mutex::new(0),
            queued_by_wakers: AtomicUsize::new(0),
        })
    }

    fn queue(&self) {
        let mut entries = self.queue.lock().unwrap();
        *entries += 1;
        assert_eq!(*entries, 1, "queued twice");
    }

    fn take_from_queue(&self) -> bool {
        let mut entries = self.queue.lock().unwrap();
        let was_there = *entries == 1;
        *entries = 0;
        was_there
    }

    /// The state word is all that makes the condition visible.
    fn wake(&self, condition: usize) {
        self.conditions[condition].store(true, Ordering::Relaxed);
        if self.state.wake() {
            self.queued_by_wakers.fetch_add(1, Ordering::Relaxed);
            self.queue();
        }
    }

    fn is_satisfied(&self) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.load(Ordering::Relaxed))
    }

    /// The task's wait, as the kernel's wait queues do it. True: it is over. False: it is
    /// parked, and has left its core.
    fn wait(&self) -> bool {
        loop {
            if self.is_satisfied() {
                return true;
            }
            if self.state.take_notification() {
                continue;
            }
            if !self.state.finish_park() {
                return false;
            }
            self.queue();
            assert!(self.take_from_queue() && self.state.start());
        }
    }

    /// All wakers are done: what is left of the wait takes at most one more pick.
    fn finish(&self, is_over: bool) {
        let is_queued = self.take_from_queue();
        if is_over {
            assert!(!is_queued, "queued while it ran");
            return;
        }
        assert!(is_queued, "a wake-up was lost");
        assert_eq!(self.queued_by_wakers.load(Ordering::Relaxed), 1);
        assert!(self.state.start(), "its entry was good for nothing");
        assert!(self.wait(), "it parks once more");
    }
}

/// Seen caught: `finish_park` that does not look for a notification; `wake` that leaves
/// none.
#[test]
fn a_wake_up_while_a_task_parks_is_not_lost() {
    loom::model(|| {
        let task = Waiting::<1>::new();
        let waker = thread::spawn({
            let task = task.clone();
            move || task.wake(0)
        });
        let is_over = task.wait();
        waker.join().unwrap();
        task.finish(is_over);
    });
}

/// Seen caught: a `wake` that only reads a word that it leaves as it is (the task then
/// takes the first one's notification, and does not see what the second one stored);
/// `finish_park` that queues with a plain store. At most 3 preemptions a run: without a
/// bound it holds as well, and takes a minute.
#[test]
fn of_two_wake_ups_one_queues_and_both_are_seen() {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let task = Waiting::<2>::new();
        let wakers = [0, 1].map(|number| {
            let task = task.clone();
            thread::spawn(move || task.wake(number))
        });
        let is_over = task.wait();
        for waker in wakers {
            waker.join().unwrap();
        }
        task.finish(is_over);
    });
}

/// Seen caught: `finish_yield` that queues with a plain store.
#[test]
fn a_task_that_yields_sees_what_it_was_woken_for_and_is_queued_once() {
    loom::model(|| {
        let task = Waiting::<1>::new();
        let waker = thread::spawn({
            let task = task.clone();
            move || task.wake(0)
        });
        task.state.finish_yield();
        task.queue();
        // Another core, or this one, picks it.
        let other = thread::spawn({
            let task = task.clone();
            move || {
                assert!(task.take_from_queue() && task.state.start());
                task.wait()
            }
        });
        let is_over = other.join().unwrap();
        waker.join().unwrap();
        task.finish(is_over);
    });
}

/// Seen caught: `wake` that takes the dead for parked.
#[test]
fn a_task_that_ends_is_not_queued_by_whoever_wakes_it() {
    loom::model(|| {
        let state = Arc::new(TaskState::running());
        let waker = thread::spawn({
            let state = state.clone();
            move || state.wake()
        });
        state.die();
        assert!(!waker.join().unwrap(), "it would be queued");
        assert!(state.is_dead() && !state.start());
    });
}
