//! The atomics of this crate: core's own, or those of the model checker that runs it.
//!
//! Loom takes sequentially consistent accesses for acquire and release; so where two
//! cores write one word each and read the other's, there is a [`atomic::fence`] between.

#[cfg(not(any(loom, shuttle)))]
pub use core::sync::atomic;
#[cfg(loom)]
pub use loom::sync::atomic;
#[cfg(shuttle)]
pub use shuttle::sync::atomic;

/// Lets others run for a moment: a processor's pause, a model checker's other threads.
pub fn pause() {
    #[cfg(not(any(loom, shuttle)))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(shuttle)]
    shuttle::thread::yield_now();
}
