//! `_roentgen`: the system calls that Linux has no counterpart for, and little else.
//! Their manners (exceptions, names, units) are the package `roentgen`'s, in `lib/`.

#[rustpython_vm::pymodule(
    name = "_roentgen",
    with(
        super::calls::_calls,
        super::descriptor::_descriptor,
        super::devices::_devices,
        super::linux::_linux,
        super::policy::_policy
    )
)]
mod _roentgen {
    use roentgen_abi::syscall;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    /// One of Roentgen's own calls with a buffer and its size.
    fn call_with_buffer(number: usize, buffer: &mut [u8]) -> std::io::Result<usize> {
        // SAFETY: the calls that take a buffer write at most `buffer.len()` bytes to it.
        let result =
            unsafe { libc::syscall(number as libc::c_long, buffer.as_mut_ptr(), buffer.len()) };
        usize::try_from(result).map_err(|_| std::io::Error::last_os_error())
    }

    fn os_error(
        error: &std::io::Error,
        vm: &VirtualMachine,
    ) -> rustpython_vm::builtins::PyBaseExceptionRef {
        vm.new_os_error(error.to_string())
    }

    /// The version of Roentgen's own system calls; None on another kernel.
    #[pyfunction]
    fn version() -> Option<u32> {
        // SAFETY: takes no argument and touches no memory.
        let result = unsafe { libc::syscall(syscall::RG_VERSION as libc::c_long) };
        u32::try_from(result).ok()
    }

    /// The number of cores that are up.
    #[pyfunction]
    fn cpu_count() -> i64 {
        // SAFETY: takes a constant and touches no memory.
        unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }
    }

    /// The core of the calling thread.
    #[pyfunction]
    fn current_core() -> i32 {
        // SAFETY: takes no argument and touches no memory.
        unsafe { libc::sched_getcpu() }
    }

    /// Seconds since the kernel started.
    #[pyfunction]
    fn uptime() -> f64 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid timespec for the call to fill.
        unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }

    /// The fields of `MemoryInfo`, in their order, in bytes.
    #[pyfunction]
    fn memory(vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let mut buffer = [0_u8; size_of::<syscall::MemoryInfo>()];
        call_with_buffer(syscall::RG_MEMORY, &mut buffer).map_err(|e| os_error(&e, vm))?;
        let words = buffer.chunks_exact(8).map(|word| {
            let word = word.try_into().map_or(0, u64::from_ne_bytes);
            vm.ctx.new_int(word).into()
        });
        Ok(vm.ctx.new_list(words.collect()).into())
    }

    /// A text of the kernel's, whole: asks again where it has grown meanwhile.
    fn text(number: usize, vm: &VirtualMachine) -> PyResult<String> {
        let mut buffer = vec![0_u8; 16 * 1024];
        loop {
            let length =
                call_with_buffer(number, &mut buffer).map_err(|error| os_error(&error, vm))?;
            if length <= buffer.len() {
                buffer.truncate(length);
                return Ok(String::from_utf8_lossy(&buffer).into_owned());
            }
            // What counts threads may have more of them by then.
            buffer.resize(length + length / 4, 0);
        }
    }

    /// Every counter, a line each: name, space, value.
    #[pyfunction]
    fn counters(vm: &VirtualMachine) -> PyResult<String> {
        text(syscall::RG_COUNTERS, vm)
    }

    /// What each core has done, as a table (`roentgen_abi::table::CORES`).
    #[pyfunction]
    fn cores(vm: &VirtualMachine) -> PyResult<String> {
        text(syscall::RG_CORES, vm)
    }

    /// Every interrupt line that is or was served, as a table (`roentgen_abi::table::LINES`).
    #[pyfunction]
    fn lines(vm: &VirtualMachine) -> PyResult<String> {
        text(syscall::RG_LINES, vm)
    }

    /// The policy in force, and how the last one ended: a line each, name, space, value.
    #[pyfunction]
    fn policy_status(vm: &VirtualMachine) -> PyResult<String> {
        text(syscall::RG_POLICY_STATUS, vm)
    }

    /// Every thread of every process, as a table (`roentgen_abi::table::THREADS`).
    #[pyfunction]
    fn threads(vm: &VirtualMachine) -> PyResult<String> {
        text(syscall::RG_THREADS, vm)
    }
}

pub(crate) use _roentgen::module_def;
