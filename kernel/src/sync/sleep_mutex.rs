//! A mutex whose waiters sleep.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

use bugs::Bug;

use super::WaitQueue;

/// Mutual exclusion for sections that may sleep or fault. Not for interrupt handlers.
pub struct SleepMutex<T: ?Sized> {
    locked: AtomicBool,
    waiters: WaitQueue,
    value: UnsafeCell<T>,
}

// SAFETY: `locked` gives the value to one thread at a time.
unsafe impl<T: ?Sized + Send> Send for SleepMutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for SleepMutex<T> {}

impl<T> SleepMutex<T> {
    /// An open mutex around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            locked: AtomicBool::new(false),
            waiters: WaitQueue::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The value, once nobody else can reach it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> SleepMutex<T> {
    /// Waits for the mutex; no signal ends the wait.
    #[inline]
    pub fn lock(&self) -> SleepMutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.wait(),
        }
    }

    /// Out of line: the mutex is mostly open.
    #[cold]
    fn wait(&self) -> SleepMutexGuard<'_, T> {
        self.waiters.wait_uninterruptibly(|| self.try_lock())
    }

    /// Takes the mutex if it is open.
    #[inline]
    pub fn try_lock(&self) -> Option<SleepMutexGuard<'_, T>> {
        self.locked
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then(|| SleepMutexGuard { mutex: self })
    }

    /// The value, through the only reference there is.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for SleepMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The open mutex.
pub struct SleepMutexGuard<'a, T: ?Sized> {
    mutex: &'a SleepMutex<T>,
}

impl<T: ?Sized> Drop for SleepMutexGuard<'_, T> {
    fn drop(&mut self) {
        // A full barrier: `wake_one` looks for waiters only after the mutex is open.
        self.mutex.locked.swap(false, Ordering::SeqCst);
        if !bugs::has(Bug::SilentMutex) {
            self.mutex.waiters.wake_one();
        }
    }
}

impl<T: ?Sized> Deref for SleepMutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the mutex.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for SleepMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the mutex, and is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}
