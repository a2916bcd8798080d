//! The scheduler in simulated machines of 1 to 256 cores: the real code, cores and a clock
//! that are made up. Deterministic but for what proptest makes up, which it shows.
//!
//! | module | what holds |
//! |---|---|
//! | [`machine`] | the machine, and what it checks after each event |
//! | [`fairness`] | shares on one core and across cores |
//! | [`classes`] | interrupt work first, the idle class last but not never |
//! | [`outside`] | decisions of a policy from outside, and its nonsense |
//! | [`random`] | any mixture of tasks, masks that change, policies that wish nonsense |
#![cfg(not(any(loom, shuttle)))]

mod classes;
mod fairness;
#[path = "../common/kernel.rs"]
mod kernel;
mod machine;
mod outside;
mod random;
