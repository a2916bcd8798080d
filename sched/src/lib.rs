//! The scheduler: which task runs on which core, and for how long.
//!
//! | module | what is there |
//! |---|---|
//! | [`system`] | the whole: waking, picking, stealing, balancing, over all cores |
//! | [`local`] | what a core owns: its queues, what runs, its virtual time |
//! | [`shared`] | what others see and do of a core: its inbox, its queues' far ends |
//! | [`lane`] | one class's queue: the deque, and the owner-only one for bound tasks |
//! | [`idle`] | who idles, who halts, who searches |
//! | [`state`] | what a task is doing, in one word |
//! | [`ending`] | how a process ends, and who takes back what is left of it |
//! | [`entity`] | what the scheduler knows of a task |
//! | [`fair`] | virtual time: who is ahead |
//! | [`policy`] | decisions: placement, weight, slice, rank |
//! | [`outside`] | those of a process, read from shared memory, and events for it |
//! | [`weight`] | nice values, classes |
//! | [`mask`] | sets of cores |
//! | [`counts`] | what is counted |
//! | [`timers`] | a core's timers: what wakes tasks at a time |
//!
//! Pure: no hardware and no `unsafe`. The kernel switches, times and interrupts, and asks
//! this crate what is next, through the trait [`system::Cores`]. The same source runs in
//! simulated machines, and under the model checkers with other atomics ([`sync`]) and a
//! stand-in for crossbeam's queues ([`deque`]), which no checker can look into.
#![forbid(unsafe_code)]

pub mod counts;
pub mod deque;
pub mod ending;
pub mod entity;
pub mod fair;
pub mod halt_poll;
pub mod idle;
pub mod lane;
pub mod local;
pub mod mask;
pub mod outside;
pub mod policy;
pub mod shared;
pub mod state;
pub mod sync;
pub mod system;
pub mod timers;
pub mod weight;

/// The most cores that a machine has; fewer under the model checkers, to which each word of
/// a mask is one more place to look at.
pub const MAX_CORES: usize = if cfg!(any(loom, shuttle)) { 128 } else { 256 };
