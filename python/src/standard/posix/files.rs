//! Files of `os`: `memfd_create`, `mkfifo`, `lockf`, `fdatasync`, `posix_fallocate`,
//! `posix_fadvise`, and the parts of device numbers.

pub(super) use files::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod files {
    use crate::standard::outcome::{Descriptor, checked, retried, waiting};
    use rustpython_vm::builtins::PyIntRef;
    use rustpython_vm::function::FsPath;
    use rustpython_vm::ospath::OsPath;
    use rustpython_vm::{FromArgs, PyResult, VirtualMachine};

    #[derive(FromArgs)]
    struct MemfdArgs {
        #[pyarg(any)]
        name: FsPath,
        #[pyarg(any, default = libc::MFD_CLOEXEC)]
        flags: libc::c_uint,
    }

    #[pyfunction]
    fn memfd_create(args: MemfdArgs, vm: &VirtualMachine) -> PyResult<i32> {
        let name = args.name.to_cstring(vm)?;
        waiting(vm, || {
            // SAFETY: the name ends with a NUL and outlives the call.
            checked(unsafe { libc::memfd_create(name.as_ptr(), args.flags) })
        })
    }

    #[derive(FromArgs)]
    struct FifoArgs {
        #[pyarg(any)]
        path: OsPath,
        #[pyarg(any, default = 0o666)]
        mode: i32,
        #[pyarg(named, default)]
        dir_fd: Option<i32>,
    }

    /// Create a "fifo" (a POSIX named pipe).
    ///
    /// If dir_fd is not None, it should be a file descriptor open to a directory,
    ///   and path should be relative; path will then be relative to that directory.
    /// dir_fd may not be implemented on your platform.
    ///   If it is unavailable, using it will raise a NotImplementedError.
    #[pyfunction]
    fn mkfifo(args: FifoArgs, vm: &VirtualMachine) -> PyResult<()> {
        let path = args.path.into_cstring(vm)?;
        let directory = args.dir_fd.unwrap_or(libc::AT_FDCWD);
        let mode = args.mode.cast_unsigned();
        retried(vm, || {
            // SAFETY: the path ends with a NUL and outlives the call.
            checked(unsafe { libc::mkfifoat(directory, path.as_ptr(), mode) })
        })?;
        Ok(())
    }

    /// Apply, test or remove a POSIX lock on an open file descriptor.
    ///
    ///   fd
    ///     An open file descriptor.
    ///   command
    ///     One of F_LOCK, F_TLOCK, F_ULOCK or F_TEST.
    ///   length
    ///     The number of bytes to lock, starting at the current position.
    #[pyfunction]
    fn lockf(
        fd: Descriptor,
        command: i32,
        length: libc::off_t,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        waiting(vm, || {
            // SAFETY: takes numbers and touches no memory of ours.
            checked(unsafe { libc::lockf(fd.0, command, length) })
        })?;
        Ok(())
    }

    #[derive(FromArgs)]
    struct DescriptorArgs {
        #[pyarg(any)]
        fd: Descriptor,
    }

    /// Force write of fd to disk without forcing update of metadata.
    #[pyfunction]
    fn fdatasync(args: DescriptorArgs, vm: &VirtualMachine) -> PyResult<()> {
        retried(vm, || {
            // SAFETY: takes a descriptor and touches no memory of ours.
            checked(unsafe { libc::fdatasync(args.fd.0) })
        })?;
        Ok(())
    }

    /// Ensure a file has allocated at least a particular number of bytes on disk.
    ///
    /// Ensure that the file specified by fd encompasses a range of bytes
    /// starting at offset bytes from the beginning and continuing for length bytes.
    #[pyfunction]
    fn posix_fallocate(
        fd: i32,
        offset: libc::off_t,
        length: libc::off_t,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        retried(vm, || {
            // SAFETY: takes numbers and touches no memory of ours.
            numbered(unsafe { libc::posix_fallocate(fd, offset, length) })
        })
    }

    /// Announce an intention to access data in a specific pattern.
    ///
    /// Announce an intention to access data in a specific pattern, thus allowing
    /// the kernel to make optimizations.
    /// The advice applies to the region of the file specified by fd starting at
    /// offset and continuing for length bytes.
    /// advice is one of POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL,
    /// POSIX_FADV_RANDOM, POSIX_FADV_NOREUSE, POSIX_FADV_WILLNEED, or
    /// POSIX_FADV_DONTNEED.
    #[pyfunction]
    fn posix_fadvise(
        fd: i32,
        offset: libc::off_t,
        length: libc::off_t,
        advice: i32,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        retried(vm, || {
            // SAFETY: takes numbers and touches no memory of ours.
            numbered(unsafe { libc::posix_fadvise(fd, offset, length, advice) })
        })
    }

    /// For the calls that return an error's number.
    fn numbered(error: i32) -> std::io::Result<()> {
        match error {
            0 => Ok(()),
            error => Err(std::io::Error::from_raw_os_error(error)),
        }
    }

    /// Extracts a device major number from a raw device number.
    #[pyfunction]
    fn major(device: PyIntRef, vm: &VirtualMachine) -> PyResult<libc::c_uint> {
        Ok(libc::major(device_number(&device, vm)?))
    }

    /// Extracts a device minor number from a raw device number.
    #[pyfunction]
    fn minor(device: PyIntRef, vm: &VirtualMachine) -> PyResult<libc::c_uint> {
        Ok(libc::minor(device_number(&device, vm)?))
    }

    /// Composes a raw device number from the major and minor device numbers.
    #[pyfunction]
    fn makedev(major: libc::c_uint, minor: libc::c_uint) -> libc::dev_t {
        libc::makedev(major, minor)
    }

    /// -1 stands for no device (`NODEV`).
    fn device_number(device: &PyIntRef, vm: &VirtualMachine) -> PyResult<libc::dev_t> {
        match device.try_to_primitive::<i64>(vm) {
            Ok(-1) => Ok(libc::dev_t::MAX),
            _ => device.try_to_primitive(vm),
        }
    }
}
