//! The scheduler's protocols under loom, which tries every order of their steps.
//!
//! | module | protocols |
//! |---|---|
//! | [`state`] | a task's state word: parking, yielding and ending against wake-ups |
//! | [`cores`] | idling, halting, interrupts: no core sleeps on work, none is woken for nothing |
//! | [`queues`] | stealing against the owner; affinity against picking |
//! | [`ring`] | events on their way to a policy from outside, and its waiting |
//! | [`ending`] | the end of a process against kills, waits, limits, its parent's end |
//! | [`futex`] | the kernel's wait and wake on a word of user memory |
//!
//! Each test names a change that it was seen to catch, or several (those of `ending`: that it is
//! meant for). The queues are
//! stand-ins behind a lock (`sched::deque`), and a machine has at most 128 cores. Where a
//! test bounds the preemptions of a run (loom's `preemption_bound`), it says so; without a
//! bound, the run is exhaustive.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release -p sched --test loom --target-dir target/loom`
#![cfg(loom)]

mod cores;
mod ending;
mod futex;
mod machine;
mod queues;
mod ring;
mod state;
