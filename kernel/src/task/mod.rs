//! Threads and processes.

pub mod clone;
pub mod credentials;
pub mod exec;
pub mod exit;
pub mod futex;
pub mod process;
pub mod scheduler;
pub mod signal;
pub mod thread;
pub mod wait;

pub use credentials::{Credentials, Groups};
pub use process::Process;
pub use scheduler::{park, wake};
pub use thread::Thread;

use std::sync::Arc;

use crate::cpu;
use crate::sync::InterruptsOff;

/// The thread that runs this.
#[must_use]
pub fn current() -> Arc<Thread> {
    let off = InterruptsOff::new();
    cpu::this(&off).scheduler.current(&off)
}

/// The process of the thread that runs this.
#[must_use]
pub fn current_process() -> Arc<Process> {
    current().process().clone()
}

/// Who the current thread acts for; the superuser before there are threads.
#[must_use]
pub fn current_credentials() -> Credentials {
    if scheduler::is_in_thread() {
        current().process().credentials()
    } else {
        Credentials::default()
    }
}
