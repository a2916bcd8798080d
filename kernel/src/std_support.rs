//! What the real `std` asks of the system under it, by Hermit's names.
//!
//! `std` is there for the crates that need it (collections, `Arc`, `thread_local!`),
//! not for its threads, files or locks: those calls say that they are not there.

use core::alloc::Layout;
use core::sync::atomic::{AtomicU32, Ordering};

/// Errors are negative; this one is Linux's ENOSYS.
const NOT_THERE: i32 = -38;

#[unsafe(no_mangle)]
extern "C" fn sys_abort() -> ! {
    crate::cpu::stop::halt()
}

#[unsafe(no_mangle)]
extern "C" fn sys_exit(_status: i32) -> ! {
    crate::cpu::stop::halt()
}

#[unsafe(no_mangle)]
extern "C" fn main(_arguments: isize, _values: *const *const u8) -> i32 {
    NOT_THERE
}

/// # Safety
/// As `alloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_malloc(size: usize, align: usize) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        // SAFETY: the caller's promise.
        Ok(layout) => unsafe { std::alloc::alloc(layout) },
        Err(_) => core::ptr::null_mut(),
    }
}

/// # Safety
/// As `realloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_realloc(
    pointer: *mut u8,
    size: usize,
    align: usize,
    new: usize,
) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        // SAFETY: the caller's promise.
        Ok(layout) => unsafe { std::alloc::realloc(pointer, layout, new) },
        Err(_) => core::ptr::null_mut(),
    }
}

/// # Safety
/// As `dealloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_free(pointer: *mut u8, size: usize, align: usize) {
    if let Ok(layout) = Layout::from_size_align(size, align) {
        // SAFETY: the caller's promise.
        unsafe { std::alloc::dealloc(pointer, layout) }
    }
}

/// # Safety
/// As `sys_malloc`; a name that other versions of the interface use.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_alloc(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { sys_malloc(size, align) }
}

/// # Safety
/// As `sys_malloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_alloc_zeroed(size: usize, align: usize) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        // SAFETY: the caller's promise.
        Ok(layout) => unsafe { std::alloc::alloc_zeroed(layout) },
        Err(_) => core::ptr::null_mut(),
    }
}

/// # Safety
/// As `sys_free`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_dealloc(pointer: *mut u8, size: usize, align: usize) {
    // SAFETY: the caller's promise.
    unsafe { sys_free(pointer, size, align) }
}

/// `std`'s own locks spin here: they are held for a moment only, and never by a thread
/// that was switched away from.
///
/// # Safety
/// `address` is a live futex word of `std`'s.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_futex_wait(
    address: *mut u32,
    expected: u32,
    _timeout: *const u8,
    _flags: u32,
) -> i32 {
    // SAFETY: the caller's promise.
    let word = unsafe { AtomicU32::from_ptr(address) };
    while word.load(Ordering::Acquire) == expected {
        crate::memory::tlb::serve();
        core::hint::spin_loop();
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn sys_futex_wake(_address: *mut u32, _count: i32) -> i32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn sys_yield() {
    core::hint::spin_loop();
}

/// What `std` prints (its own aborts) goes to the log.
///
/// # Safety
/// `bytes` has `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_write(_descriptor: i32, bytes: *const u8, length: usize) -> isize {
    // SAFETY: the caller's promise.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, length) };
    crate::log::write_unlocked(&String::from_utf8_lossy(bytes));
    length as isize
}

/// # Safety
/// `segments` has `count` entries of pointer and length.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_writev(
    descriptor: i32,
    segments: *const (*const u8, usize),
    count: usize,
) -> isize {
    let mut done = 0;
    for index in 0..count {
        // SAFETY: the caller's promise.
        done += unsafe {
            let (bytes, length) = segments.add(index).read();
            sys_write(descriptor, bytes, length)
        };
    }
    done
}

/// # Safety
/// `buffer` has `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_read_entropy(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller's promise.
    crate::entropy::fill(unsafe { core::slice::from_raw_parts_mut(buffer, length) });
    length as isize
}

/// # Safety
/// `time` points to two words.
#[unsafe(no_mangle)]
unsafe extern "C" fn sys_clock_gettime(_clock: i32, time: *mut [i64; 2]) -> i32 {
    let nanos = crate::time::uptime_nanos() as i64;
    // SAFETY: the caller's promise.
    unsafe { time.write([nanos / 1_000_000_000, nanos % 1_000_000_000]) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn sys_get_errno() -> i32 {
    -NOT_THERE
}

#[unsafe(no_mangle)]
extern "C" fn sys_available_parallelism() -> usize {
    crate::cpu::count()
}

/// Calls of `std::fs`, `std::net` and `std::thread`, which nothing here makes: they fail.
macro_rules! not_there {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> i32 {
            NOT_THERE
        }
    )* };
}

not_there! {
    sys_read sys_readv sys_open sys_close sys_lseek sys_fstat sys_stat sys_lstat sys_unlink
    sys_mkdir sys_rmdir sys_opendir sys_getdents64 sys_fsync sys_dup sys_fcntl sys_ioctl
    sys_isatty sys_getcwd sys_spawn2 sys_spawn sys_join sys_usleep sys_nanosleep sys_getpid
    sys_poll sys_socket sys_bind sys_listen sys_accept sys_connect sys_send sys_sendto
    sys_recv sys_recvfrom sys_shutdown sys_shutdown_socket sys_getsockname sys_getpeername
    sys_getsockopt sys_setsockopt sys_getaddrinfo sys_freeaddrinfo sys_eventfd sys_notify
}
