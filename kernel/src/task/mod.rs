//! Threads and processes.

pub mod account;
pub mod check;
pub mod clone;
pub mod credentials;
pub mod exec;
pub mod exit;
pub mod futex;
pub mod idle;
pub mod oom;
pub mod orphans;
pub mod outside;
pub mod process;
pub mod saved;
pub mod scheduler;
pub mod signal;
pub mod spawn;
pub mod template;
pub mod thread;
pub mod usage;
pub mod wait;

pub use credentials::{Credentials, Groups};
pub use process::Process;
pub use scheduler::{park, wake};
pub use thread::Thread;

use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

use crate::cpu;

/// The thread that runs this, without the price of a reference count: a thread outlives
/// everything that it does itself. Cannot be given to another thread.
#[derive(Clone, Copy)]
pub struct Current {
    thread: NonNull<Thread>,
    _not_send: PhantomData<*const ()>,
}

impl Current {
    /// A reference that others may hold.
    #[must_use]
    pub fn to_arc(self) -> Arc<Thread> {
        let thread = self.thread.as_ptr().cast_const();
        // SAFETY: every Thread lives in an Arc (its constructors return nothing else), and
        // the scheduler holds one for as long as the thread runs.
        unsafe {
            Arc::increment_strong_count(thread);
            Arc::from_raw(thread)
        }
    }
}

impl Deref for Current {
    type Target = Thread;

    fn deref(&self) -> &Thread {
        // SAFETY: as in `to_arc`.
        unsafe { self.thread.as_ref() }
    }
}

/// The thread that runs this.
///
/// # Panics
/// Before there are threads.
#[must_use]
pub fn current() -> Current {
    match NonNull::new(cpu::current_thread().cast_mut()) {
        Some(thread) => Current {
            thread,
            _not_send: PhantomData,
        },
        None => panic!("no thread runs on this core yet"),
    }
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
