//! Numbers that CPython's modules have for Linux and RustPython's lack.

use rustpython_vm::Context;
use rustpython_vm::builtins::PyModuleDef;

/// The additions, one definition for each module.
pub(super) fn additions(context: &Context) -> Vec<&'static PyModuleDef> {
    vec![
        posix::module_def(context),
        fcntl::module_def(context),
        select::module_def(context),
        socket::module_def(context),
    ]
}

#[rustpython_vm::pymodule(name = "posix")]
mod posix {
    #[pyattr]
    use libc::{
        CLONE_NEWTIME, MFD_HUGE_1GB, MFD_HUGE_1MB, MFD_HUGE_2GB, MFD_HUGE_2MB, MFD_HUGE_8MB,
        MFD_HUGE_16GB, MFD_HUGE_16MB, MFD_HUGE_32MB, MFD_HUGE_64KB, MFD_HUGE_256MB, MFD_HUGE_512KB,
        MFD_HUGE_512MB, O_ACCMODE, O_FSYNC, O_LARGEFILE, RTLD_DEEPBIND, RWF_APPEND, RWF_DSYNC,
        RWF_HIPRI, RWF_NOWAIT, RWF_SYNC, ST_APPEND, ST_MANDLOCK, ST_NOATIME, ST_NODEV,
        ST_NODIRATIME, ST_NOEXEC, ST_RELATIME, ST_SYNCHRONOUS, ST_WRITE,
    };
    /// `linux/limits.h`
    #[pyattr]
    const NGROUPS_MAX: i32 = 65536;
    /// `linux/limits.h`
    #[pyattr]
    const XATTR_SIZE_MAX: i32 = 65536;
    /// `stdio.h` of the GNU C library
    #[pyattr]
    const TMP_MAX: i32 = 238_328;
}

#[rustpython_vm::pymodule(name = "fcntl")]
mod fcntl {
    #[pyattr]
    use libc::F_SEAL_FUTURE_WRITE;
    // `asm-generic/fcntl.h`, for which crate `libc` has no names.
    #[pyattr]
    const F_SETSIG: i32 = 10;
    #[pyattr]
    const F_GETSIG: i32 = 11;
    #[pyattr]
    const F_SETOWN_EX: i32 = 15;
    #[pyattr]
    const F_GETOWN_EX: i32 = 16;
    #[pyattr]
    const F_OWNER_TID: i32 = 0;
    #[pyattr]
    const F_OWNER_PID: i32 = 1;
    #[pyattr]
    const F_OWNER_PGRP: i32 = 2;
    #[pyattr]
    const F_EXLCK: i32 = 4;
    #[pyattr]
    const F_SHLCK: i32 = 8;
    // On 64 bits, all files are large.
    #[pyattr]
    const F_GETLK64: i32 = libc::F_GETLK;
    #[pyattr]
    const F_SETLK64: i32 = libc::F_SETLK;
    #[pyattr]
    const F_SETLKW64: i32 = libc::F_SETLKW;
}

#[rustpython_vm::pymodule(name = "select")]
mod select {
    #[pyattr]
    use libc::POLLRDHUP;
    /// `asm-generic/poll.h`
    #[pyattr]
    const POLLMSG: i32 = 0x400;
}

#[rustpython_vm::pymodule(name = "_socket")]
mod socket {
    // `linux/in6.h`, by the names of RFC 3493's first version.
    #[pyattr]
    const IPV6_JOIN_GROUP: i32 = libc::IPV6_ADD_MEMBERSHIP;
    #[pyattr]
    const IPV6_LEAVE_GROUP: i32 = libc::IPV6_DROP_MEMBERSHIP;
}
