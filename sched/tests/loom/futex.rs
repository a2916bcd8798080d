//! The kernel's futex protocol, `kernel/src/task/futex.rs`, mirrored here line by line: it
//! lives on the kernel's lock, threads and clock. The state word under it is the real one.
//!
//! `wait`: the word is read, and the waiter queued, under the bucket's lock; then it parks
//! until it is marked as woken, or gives up. `wake_key`: the waiter is taken out and marked
//! under the lock, and woken after it. One that gives up takes itself out under the lock,
//! unless it was marked by then: then it was woken, and the wake-up is not lost to others.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::thread;
use sched::state::TaskState;
use std::collections::VecDeque;
use std::sync::Arc;

struct Waiter {
    state: TaskState,
    is_woken: AtomicBool,
}

struct Futex {
    word: AtomicU32,
    bucket: Mutex<VecDeque<Arc<Waiter>>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Woken,
    /// The word had changed (`EAGAIN`).
    Changed,
    TimedOut,
    /// It sleeps still.
    Asleep,
}

impl Futex {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: AtomicU32::new(0),
            bucket: Mutex::new(VecDeque::new()),
        })
    }

    /// `wait` while the word is 0, up to where the task parks for good.
    fn wait(&self, waiter: &Arc<Waiter>, has_deadline: bool) -> Outcome {
        {
            let mut bucket = self.bucket.lock().unwrap();
            if self.word.load(Ordering::Relaxed) != 0 {
                return Outcome::Changed;
            }
            bucket.push_back(waiter.clone());
        }
        self.sleep(waiter, has_deadline)
    }

    fn sleep(&self, waiter: &Arc<Waiter>, has_deadline: bool) -> Outcome {
        loop {
            if waiter.is_woken.load(Ordering::SeqCst) {
                return Outcome::Woken;
            }
            if has_deadline {
                break;
            }
            // `park`.
            if waiter.state.take_notification() {
                continue;
            }
            if !waiter.state.finish_park() {
                return Outcome::Asleep;
            }
            assert!(waiter.state.start());
        }
        let mut bucket = self.bucket.lock().unwrap();
        if waiter.is_woken.load(Ordering::SeqCst) {
            return Outcome::Woken;
        }
        bucket.retain(|other| !Arc::ptr_eq(other, waiter));
        Outcome::TimedOut
    }

    /// `wake_key` for one waiter: whether there was one; true beside it if the caller has
    /// to queue it.
    fn wake(&self) -> (bool, bool) {
        let waiter = {
            let mut bucket = self.bucket.lock().unwrap();
            let Some(waiter) = bucket.pop_front() else {
                return (false, false);
            };
            waiter.is_woken.store(true, Ordering::SeqCst);
            waiter
        };
        (true, waiter.state.wake())
    }
}

fn waiter() -> Arc<Waiter> {
    Arc::new(Waiter {
        state: TaskState::running(),
        is_woken: AtomicBool::new(false),
    })
}

/// Seen caught: the word read before the lock is taken; `wake` of the state left out where
/// nobody is parked yet.
#[test]
fn whoever_waits_on_a_word_that_changes_is_woken_or_sees_the_change() {
    loom::model(|| {
        let futex = Futex::new();
        let waiter = waiter();
        let waker = thread::spawn({
            let futex = futex.clone();
            move || {
                // User code: it stores the word, and then calls.
                futex.word.store(1, Ordering::Relaxed);
                futex.wake()
            }
        });
        let outcome = futex.wait(&waiter, false);
        let (has_woken, must_queue) = waker.join().unwrap();
        match outcome {
            Outcome::Asleep => {
                assert!(has_woken && must_queue, "it sleeps for ever");
                assert!(waiter.state.start());
                assert_eq!(futex.sleep(&waiter, false), Outcome::Woken);
            }
            Outcome::Woken => assert!(has_woken && !must_queue),
            Outcome::Changed => assert!(!has_woken && !must_queue),
            Outcome::TimedOut => unreachable!("it has no deadline"),
        }
        assert!(futex.bucket.lock().unwrap().is_empty());
    });
}

/// Two wait, one of them with a deadline that has come; one wake-up is sent. It reaches
/// one of the two, and never one that reports that its time was up.
///
/// Seen caught: giving up without looking at the mark under the lock; the mark set after
/// the lock is released.
#[test]
fn a_wake_up_is_not_lost_to_a_waiter_whose_time_is_up() {
    loom::model(|| {
        let futex = Futex::new();
        let (hasty, patient) = (waiter(), waiter());
        // Both are queued; the hasty one is about to look at its clock.
        for waiter in [&hasty, &patient] {
            futex.bucket.lock().unwrap().push_back(waiter.clone());
        }
        let waker = thread::spawn({
            let futex = futex.clone();
            move || futex.wake()
        });
        let sleeper = thread::spawn({
            let (futex, patient) = (futex.clone(), patient.clone());
            move || futex.sleep(&patient, false)
        });
        let hasty_outcome = futex.sleep(&hasty, true);
        let (has_woken, must_queue) = waker.join().unwrap();
        let outcome = sleeper.join().unwrap();
        assert!(has_woken);
        match hasty_outcome {
            // It took the only wake-up.
            Outcome::Woken => assert_eq!(outcome, Outcome::Asleep),
            Outcome::TimedOut => {
                assert!(
                    !hasty.is_woken.load(Ordering::Relaxed),
                    "it was woken as well"
                );
                assert!(patient.is_woken.load(Ordering::Relaxed));
                assert!(
                    outcome == Outcome::Woken || must_queue,
                    "it sleeps for ever"
                );
            }
            other => unreachable!("{other:?}"),
        }
    });
}
