//! Where the stack lies that is about to be used.
//!
//! The interpreter asks the C library for the bounds of its thread's stack when it makes a
//! `VirtualMachine`, and raises `RecursionError` near the lower one. A tasklet's machine is
//! made for a stack that is not the thread's. So the linker turns calls of
//! `pthread_getattr_np` into calls of the function below (`build.rs`), which answers with
//! the tasklet's stack while [`with`] is on. Nor does the first thread read
//! `/proc/self/maps` then, as the C library does for it.

use std::cell::Cell;

use libc::{c_int, pthread_attr_t, pthread_t};

unsafe extern "C" {
    /// The C library's own `pthread_getattr_np`.
    fn __real_pthread_getattr_np(thread: pthread_t, attributes: *mut pthread_attr_t) -> c_int;
}

thread_local! {
    /// Lowest address and size.
    static BOUNDS: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// Calls a function that is told these bounds of its stack: the lowest address, and the size.
pub(super) fn with<R>(base: usize, size: usize, function: impl FnOnce() -> R) -> R {
    BOUNDS.set(Some((base, size)));
    let result = function();
    BOUNDS.set(None);
    result
}

/// `pthread_getattr_np`, which knows of tasklets' stacks.
///
/// # Safety
/// As `pthread_getattr_np`'s: the thread lives, and `attributes` can be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_pthread_getattr_np(
    thread: pthread_t,
    attributes: *mut pthread_attr_t,
) -> c_int {
    match BOUNDS.get() {
        // SAFETY: `attributes` can be written, by the caller's promise; the bounds are those
        // of a mapping that the caller of `with` owns.
        Some((base, size)) => unsafe {
            let result = libc::pthread_attr_init(attributes);
            if result != 0 {
                return result;
            }
            libc::pthread_attr_setstack(
                attributes,
                std::ptr::with_exposed_provenance_mut(base),
                size,
            )
        },
        // SAFETY: the caller's promise.
        None => unsafe { __real_pthread_getattr_np(thread, attributes) },
    }
}
