//! What is not there: `ENOSYS`, counted, and named once in the log.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::errno::{Errno, Result};
use crate::task::Thread;

crate::counters! {
    /// System calls that this kernel does not have.
    static UNKNOWN_CALLS = "unknown_system_calls";
}

/// Numbers that the log has named, a bit each.
static NAMED: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
/// Larger ones, zero where there is room. When there is none left they are only counted.
static NAMED_LARGE: [AtomicU32; 32] = [const { AtomicU32::new(0) }; 32];

/// Answers a call that nobody knows.
pub(super) fn answer(number: u32, thread: &Thread) -> Result<usize> {
    UNKNOWN_CALLS.add(1);
    if is_new(number) {
        crate::log!(
            "system call {number} is not there (process {}, {})",
            thread.process().id(),
            String::from_utf8_lossy(&thread.name())
        );
    }
    Err(Errno::ENOSYS)
}

/// Whether the log is to name this number; true once.
fn is_new(number: u32) -> bool {
    if let Some(word) = NAMED.get(number as usize / 64) {
        let bit = 1 << (number % 64);
        return word.fetch_or(bit, Ordering::Relaxed) & bit == 0;
    }
    for place in &NAMED_LARGE {
        match place.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(named) if named == number => return false,
            Err(_) => {}
        }
    }
    false
}
