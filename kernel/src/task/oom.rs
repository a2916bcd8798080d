//! Memory has run out under a page fault: which process pays.

use core::time::Duration;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::process::{self, Process};
use super::thread::Thread;
use crate::sync::{IrqLock, WaitQueue};
use crate::time::Instant;

/// How long a victim may take to give its memory back before another one is chosen.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a thread waits before it tries again.
const PAUSE: Duration = Duration::from_millis(1);

/// The first process ends the machine with itself: it must be so many times as large as
/// the others to be chosen.
const FIRST_PROCESS_BONUS: u64 = 4;

/// Whose end was asked for last, and when.
static VICTIM: IrqLock<Option<(u32, Instant)>> = IrqLock::new(None);

/// Sees to it that memory becomes free, or that the current thread's process ends; then
/// the fault may be tried again. No locks are held.
pub fn relieve(thread: &Thread) {
    if !is_underway() {
        let Some(victim) = choose() else {
            return;
        };
        *VICTIM.lock() = Some((victim.id(), Instant::now()));
        crate::warn!("process {} ends: out of memory", victim.id());
        victim.send_signal(linux::SIGKILL);
    }
    if !thread.process().is_ending() {
        let _ = WaitQueue::new().wait_until(Some(Instant::now() + PAUSE), || None::<()>);
    }
}

/// Whether a victim is about to give back what it has.
fn is_underway() -> bool {
    let Some((id, since)) = *VICTIM.lock() else {
        return false;
    };
    let has_memory = process::find(id).is_some_and(|process| process.try_space().is_some());
    has_memory && Instant::now().since(since) < PATIENCE
}

/// The process with the most memory, of equals the youngest.
fn choose() -> Option<Arc<Process>> {
    process::all()
        .into_iter()
        .filter(|process| !process.is_ending())
        .filter_map(|process| {
            let resident = process.try_space()?.statm().resident;
            let weight = if process.id() == crate::first_process::id() {
                resident / FIRST_PROCESS_BONUS
            } else {
                resident
            };
            Some(((weight, process.id()), process))
        })
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, process)| process)
}
