//! Locks and waiting.
//!
//! - [`IrqLock`]: a spin lock for short leaf sections, held with interrupts off. While
//!   it spins it serves TLB shootdowns, so that the holder cannot wait for us for ever.
//!   Nothing that may fault (user memory) or sleep happens under it.
//! - [`SleepMutex`]: for everything longer: address spaces, files. Its holder may sleep,
//!   fault and copy to and from user memory.
//! - [`WaitQueue`]: threads and pollers that wait for a condition.

mod irq_lock;
mod sleep_mutex;
mod wait_queue;

pub use irq_lock::{InterruptsOff, IrqLock, IrqLockGuard};
pub use sleep_mutex::{SleepMutex, SleepMutexGuard};
pub use wait_queue::{WaitError, WaitQueue, Wake};
