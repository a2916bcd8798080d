//! The spin lock of the kernel: crate `spin`'s mutex with interrupts off.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

use spin::RelaxStrategy;
use spin::mutex::{SpinMutex, SpinMutexGuard};
use x86_64::instructions::interrupts;

/// What a core does while it spins: it answers shootdowns. The holder of the lock may
/// be waiting for exactly that answer (seL4's rule).
pub struct ServeShootdowns;

impl RelaxStrategy for ServeShootdowns {
    fn relax() {
        crate::memory::tlb::serve();
        core::hint::spin_loop();
    }
}

/// Interrupts are off on this core while this lives; restored on drop. Stays on the
/// core it was made on.
pub struct InterruptsOff {
    were_on: bool,
    _not_send: PhantomData<*const ()>,
}

impl InterruptsOff {
    /// Turns interrupts off.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        let were_on = interrupts::are_enabled();
        interrupts::disable();
        Self {
            were_on,
            _not_send: PhantomData,
        }
    }
}

impl InterruptsOff {
    /// For code that found interrupts off and leaves them off: tells so, changes nothing.
    ///
    /// # Safety
    /// Interrupts are off, and stay off while this lives.
    #[must_use]
    pub unsafe fn already() -> Self {
        debug_assert!(!interrupts::are_enabled());
        Self {
            were_on: false,
            _not_send: PhantomData,
        }
    }
}

impl Drop for InterruptsOff {
    #[inline]
    fn drop(&mut self) {
        if self.were_on {
            interrupts::enable();
        }
    }
}

/// A spin lock whose holder runs with interrupts off. A leaf: nothing under it sleeps,
/// faults, or takes a lock that is not named at its declaration.
pub struct IrqLock<T: ?Sized> {
    inner: SpinMutex<T, ServeShootdowns>,
}

impl<T> IrqLock<T> {
    /// An open lock around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            inner: SpinMutex::new(value),
        }
    }
}

impl<T: ?Sized> IrqLock<T> {
    /// Waits for the lock, serving TLB shootdowns meanwhile.
    #[inline]
    pub fn lock(&self) -> IrqLockGuard<'_, T> {
        let interrupts_off = InterruptsOff::new();
        let guard = match self.inner.try_lock() {
            Some(guard) => guard,
            None => self.wait(),
        };
        IrqLockGuard {
            guard: ManuallyDrop::new(guard),
            _interrupts_off: interrupts_off,
        }
    }

    /// Out of line: the lock is mostly open.
    #[cold]
    fn wait(&self) -> SpinMutexGuard<'_, T, ServeShootdowns> {
        self.inner.lock()
    }

    /// Takes the lock if it is open.
    pub fn try_lock(&self) -> Option<IrqLockGuard<'_, T>> {
        let interrupts_off = InterruptsOff::new();
        let guard = self.inner.try_lock()?;
        Some(IrqLockGuard {
            guard: ManuallyDrop::new(guard),
            _interrupts_off: interrupts_off,
        })
    }

    /// Opens the lock whoever holds it: only for a panic, when all other cores stand.
    ///
    /// # Safety
    /// No other core runs any more, and the value may be half written.
    pub unsafe fn force_unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.inner.force_unlock() }
    }
}

/// The open lock. On drop the lock is released first, then interrupts come back.
pub struct IrqLockGuard<'a, T: ?Sized> {
    guard: ManuallyDrop<SpinMutexGuard<'a, T, ServeShootdowns>>,
    _interrupts_off: InterruptsOff,
}

impl<T: ?Sized> Drop for IrqLockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: dropped once, here, before the field that restores interrupts.
        unsafe { ManuallyDrop::drop(&mut self.guard) }
    }
}

impl<T: ?Sized> Deref for IrqLockGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T: ?Sized> DerefMut for IrqLockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
