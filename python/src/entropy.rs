//! How crate `getrandom` finds the system call in a static ELF.
//!
//! It asks `dlsym` for `getrandom`, which finds nothing where nothing is dynamic, and then
//! keeps `/dev/urandom` open for ever: a descriptor that no program knows of, that a process
//! cannot be frozen with, and that a child which closes what it was not given misses. The
//! linker turns all calls of `dlsym` into calls of the function below (`build.rs`).

use std::ffi::{CStr, c_char, c_void};

unsafe extern "C" {
    /// The C library's own `dlsym`.
    fn __real_dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `dlsym`, which also finds `getrandom`.
///
/// # Safety
/// As `dlsym`'s: `name` is a text that ends with a null.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    // SAFETY: the caller's promise.
    if handle == libc::RTLD_DEFAULT && unsafe { CStr::from_ptr(name) } == c"getrandom" {
        return libc::getrandom as *mut c_void;
    }
    // SAFETY: the caller's promise.
    unsafe { __real_dlsym(handle, name) }
}
