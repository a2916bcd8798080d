//! What a task is doing, in one word, and who may put it into a run queue.
//!
//! The one rule: whoever changes the word to [`QUEUED`] puts the task into a queue, and
//! nobody else does. A task that parks stays `RUNNING` until it has left its stack; a
//! wake-up before that leaves a note, which the core that parks it finds.
//!
//! ```text
//!            park, off its stack              wake
//!  RUNNING ────────────────────────▶ PARKED ────────▶ QUEUED ──▶ RUNNING
//!     │ wake                                             ▲
//!     ▼            park, off its stack                   │
//!  NOTIFIED ─────────────────────────────────────────────┘
//! ```

use bugs::Bug;

use crate::sync::atomic::{AtomicU32, Ordering};

const RUNNING: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;
const QUEUED: u32 = 3;
const DEAD: u32 = 4;

/// A task's state word.
pub struct TaskState(AtomicU32);

impl TaskState {
    /// A task that was just made and sleeps: [`TaskState::wake`] queues it first.
    #[must_use]
    pub fn parked() -> Self {
        Self(AtomicU32::new(PARKED))
    }

    /// A task that runs already.
    #[must_use]
    pub fn running() -> Self {
        Self(AtomicU32::new(RUNNING))
    }

    /// Something that the task waits for may have happened. True: the caller queues it.
    ///
    /// A word that stays as it is, is written all the same: whoever changes it next then
    /// sees whatever was stored before this call. A mere load could be done before that
    /// store is seen, and the task would look too early, and park.
    #[must_use]
    pub fn wake(&self) -> bool {
        let mut state = self.0.load(Ordering::SeqCst);
        loop {
            let next = match state {
                RUNNING if !bugs::has(Bug::TwoCores) => NOTIFIED,
                RUNNING | PARKED => QUEUED,
                DEAD => return false,
                same => same,
            };
            match self
                .0
                .compare_exchange(state, next, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return state != next && next == QUEUED,
                Err(now) => state = now,
            }
        }
    }

    /// The running task wants to park. True: a wake-up came before, and it goes on.
    #[must_use]
    pub fn take_notification(&self) -> bool {
        self.0
            .compare_exchange(NOTIFIED, RUNNING, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// The running task notes a wake-up for itself: the next park returns at once.
    pub fn notify_self(&self) {
        let _ = self
            .0
            .compare_exchange(RUNNING, NOTIFIED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The task has left its stack to park. True: a wake-up came meanwhile, and the
    /// caller queues it.
    #[must_use]
    pub fn finish_park(&self) -> bool {
        if self
            .0
            .compare_exchange(RUNNING, PARKED, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            return false;
        }
        if bugs::has(Bug::LostWake) {
            self.0.swap(PARKED, Ordering::SeqCst);
            return false;
        }
        // Not a store: it also reads what a second waker wrote meanwhile (see `wake`).
        self.0.swap(QUEUED, Ordering::SeqCst);
        true
    }

    /// The task has left its stack to let others run; the caller queues it. This uses up
    /// a wake-up: who yields looks again at what it waits for before it parks.
    pub fn finish_yield(&self) {
        self.0.swap(QUEUED, Ordering::SeqCst);
    }

    /// The task was taken from a queue. True: it runs now; false: it is not to be run, and
    /// the entry is dropped.
    #[must_use]
    pub fn start(&self) -> bool {
        self.0
            .compare_exchange(QUEUED, RUNNING, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// The task will never run again.
    pub fn die(&self) {
        self.0.swap(DEAD, Ordering::SeqCst);
    }

    /// Whether it will never run again.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.load(Ordering::SeqCst) == DEAD
    }

    /// The letter that `/proc/PID/stat` shows: running or queued, sleeping, dead.
    #[must_use]
    pub fn letter(&self) -> u8 {
        match self.0.load(Ordering::Relaxed) {
            PARKED => b'S',
            DEAD => b'X',
            _ => b'R',
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_before_the_park_is_not_lost() {
        let state = TaskState::running();
        assert!(!state.wake());
        assert!(state.take_notification());
        assert!(!state.take_notification());
    }

    #[test]
    fn a_wake_up_while_parking_queues_exactly_once() {
        let state = TaskState::running();
        assert!(!state.take_notification());
        assert!(!state.wake());
        assert!(state.finish_park(), "the parking core queues it");
        assert!(!state.wake(), "and nobody else does");
        assert!(state.start());
        assert!(!state.start(), "it runs once");
        assert!(!state.finish_park());
        assert!(state.wake(), "parked: the waker queues it");
        assert!(!state.wake());
    }

    #[test]
    fn the_dead_are_not_woken() {
        let state = TaskState::running();
        state.die();
        assert!(!state.wake());
        assert!(state.is_dead());
    }
}
