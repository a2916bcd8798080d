//! `os.posix_openpt`, `grantpt`, `unlockpt`, `ptsname`, and `ctermid`.

pub(super) use terminals::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod terminals {
    use crate::standard::outcome::{Descriptor, checked, failed};
    use rustpython_vm::{PyResult, VirtualMachine};

    /// More than the name of a terminal has, its NUL included.
    const NAME_SIZE: usize = 256;

    /// Open and return a file descriptor for a master pseudo-terminal device.
    ///
    /// Performs a posix_openpt() C function call. The oflag argument is used to
    /// set file status flags and file access modes as specified in the manual page
    /// of posix_openpt() of your system.
    #[pyfunction]
    fn posix_openpt(oflag: i32, vm: &VirtualMachine) -> PyResult<i32> {
        // SAFETY: takes flags and touches no memory.
        checked(unsafe { libc::posix_openpt(oflag | libc::O_CLOEXEC) })
            .map_err(|error| failed(error, vm))
    }

    /// Grant access to the slave pseudo-terminal device.
    ///
    ///   fd
    ///     File descriptor of a master pseudo-terminal device.
    ///
    /// Performs a grantpt() C function call.
    #[pyfunction]
    fn grantpt(fd: Descriptor, vm: &VirtualMachine) -> PyResult<()> {
        // SAFETY: takes a descriptor and touches no memory of ours.
        checked(unsafe { libc::grantpt(fd.0) }).map_err(|error| failed(error, vm))?;
        Ok(())
    }

    /// Unlock a pseudo-terminal master/slave pair.
    ///
    ///   fd
    ///     File descriptor of a master pseudo-terminal device.
    ///
    /// Performs an unlockpt() C function call.
    #[pyfunction]
    fn unlockpt(fd: Descriptor, vm: &VirtualMachine) -> PyResult<()> {
        // SAFETY: takes a descriptor and touches no memory of ours.
        checked(unsafe { libc::unlockpt(fd.0) }).map_err(|error| failed(error, vm))?;
        Ok(())
    }

    /// Return the name of the slave pseudo-terminal device.
    ///
    ///   fd
    ///     File descriptor of a master pseudo-terminal device.
    ///
    /// If the ptsname_r() C function is available, it is called;
    /// otherwise, performs a ptsname() C function call.
    #[pyfunction]
    fn ptsname(fd: Descriptor, vm: &VirtualMachine) -> PyResult<String> {
        let mut name = [0_u8; NAME_SIZE];
        // SAFETY: the call writes at most `name.len()` bytes to `name`.
        let error = unsafe { libc::ptsname_r(fd.0, name.as_mut_ptr().cast(), name.len()) };
        if error != 0 {
            return Err(failed(std::io::Error::from_raw_os_error(error), vm));
        }
        let length = name.iter().position(|byte| *byte == 0).unwrap_or_default();
        Ok(String::from_utf8_lossy(&name[..length]).into_owned())
    }

    /// Return the name of the controlling terminal for this process.
    #[pyfunction]
    fn ctermid() -> &'static str {
        // What the C library says without a look at the process.
        "/dev/tty"
    }
}
