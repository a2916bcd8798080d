//! Which threads have tasklets.

use rustpython_vm::common::lock::PyMutex;

/// Schedulers that are there: their ids, and their threads'.
static ALL: PyMutex<Vec<(u64, u64)>> = PyMutex::new(Vec::new());

pub(super) fn add(scheduler: u64, thread: u64) {
    ALL.lock().push((scheduler, thread));
}

pub(super) fn remove(scheduler: u64) {
    ALL.lock().retain(|(id, _)| *id != scheduler);
}

pub(super) fn is_there(scheduler: u64) -> bool {
    ALL.lock().iter().any(|(id, _)| *id == scheduler)
}

/// The threads, in the order in which they began.
pub(super) fn all() -> Vec<u64> {
    ALL.lock().iter().map(|(_, thread)| *thread).collect()
}
