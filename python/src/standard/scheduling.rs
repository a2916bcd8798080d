//! Scheduling: `sched_getaffinity`, `sched_setaffinity` and `sched_rr_get_interval` of
//! `posix` (and so of `os`, whose `process_cpu_count` then asks the first), and
//! `time.pthread_getcpuclockid`.

use rustpython_vm::Context;
use rustpython_vm::builtins::PyModuleDef;

/// The additions, one definition for each module.
pub(super) fn additions(context: &Context) -> Vec<&'static PyModuleDef> {
    vec![posix::module_def(context), time::module_def(context)]
}

#[rustpython_vm::pymodule(name = "posix")]
mod posix {
    use rustpython_vm::builtins::{PyInt, PySet};
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::function::ArgIterable;
    use rustpython_vm::{AsObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine};

    /// Bits of a word of a CPU mask.
    const WORD_BITS: usize = libc::c_ulong::BITS as usize;
    /// The largest mask, in bits: `INT_MAX`.
    const MOST_BITS: usize = libc::c_int::MAX as usize;

    fn last_error(vm: &VirtualMachine) -> rustpython_vm::builtins::PyBaseExceptionRef {
        std::io::Error::last_os_error().into_pyexception(vm)
    }

    /// Return the affinity of the process identified by pid (or the current process if zero).
    ///
    /// The affinity is returned as a set of CPU identifiers.
    #[pyfunction]
    fn sched_getaffinity(pid: libc::pid_t, vm: &VirtualMachine) -> PyResult<PyRef<PySet>> {
        let mut words = vec![0 as libc::c_ulong; 1];
        loop {
            let size = size_of_val(words.as_slice());
            // SAFETY: the call writes at most `size` bytes to `words`, whole words.
            let result = unsafe { libc::sched_getaffinity(pid, size, words.as_mut_ptr().cast()) };
            if result == 0 {
                break;
            }
            let error = std::io::Error::last_os_error();
            // The kernel's masks are larger.
            if error.raw_os_error() != Some(libc::EINVAL) {
                return Err(error.into_pyexception(vm));
            }
            if words.len() * WORD_BITS > MOST_BITS / 2 {
                return Err(vm.new_overflow_error("could not allocate a large enough CPU set"));
            }
            words.resize(words.len() * 2, 0);
        }
        let set = PySet::default().into_ref(&vm.ctx);
        for core in 0..words.len() * WORD_BITS {
            if words[core / WORD_BITS] & (1 << (core % WORD_BITS)) != 0 {
                set.add(vm.ctx.new_int(core).into(), vm)?;
            }
        }
        Ok(set)
    }

    /// Set the CPU affinity of the process identified by pid to mask.
    ///
    ///   pid
    ///     The PID of the process to change the affinity of; 0: the calling thread.
    ///   mask
    ///     An iterable of integers identifying CPUs.
    #[pyfunction]
    fn sched_setaffinity(
        pid: libc::pid_t,
        mask: ArgIterable<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let mut words = vec![0 as libc::c_ulong; 1];
        for item in mask.iter(vm)? {
            let core = core_number(item?, vm)?;
            let needed = core / WORD_BITS + 1;
            if needed > words.len() {
                let missing = needed - words.len();
                words
                    .try_reserve(missing)
                    .map_err(|_| vm.new_memory_error("CPU set"))?;
                words.resize(needed, 0);
            }
            words[core / WORD_BITS] |= 1 << (core % WORD_BITS);
        }
        let size = size_of_val(words.as_slice());
        // SAFETY: the call reads `size` bytes of `words`.
        if unsafe { libc::sched_setaffinity(pid, size, words.as_ptr().cast()) } != 0 {
            return Err(last_error(vm));
        }
        Ok(())
    }

    fn core_number(item: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        let number = match item.downcast_ref::<PyInt>() {
            Some(number) => number.try_to_primitive::<i64>(vm)?,
            None => {
                let kind = item.class().as_object().repr(vm)?;
                return Err(vm.new_type_error(format!(
                    "expected an iterator of ints, but iterator yielded {kind}"
                )));
            }
        };
        match usize::try_from(number) {
            Ok(core) if core < MOST_BITS => Ok(core),
            Ok(_) => Err(vm.new_overflow_error("CPU number too large")),
            Err(_) => Err(vm.new_value_error("negative CPU number")),
        }
    }

    /// Return the round-robin quantum for the process identified by pid, in seconds.
    ///
    /// Value returned is a float.
    #[pyfunction]
    fn sched_rr_get_interval(pid: libc::pid_t, vm: &VirtualMachine) -> PyResult<f64> {
        let mut interval = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `interval` is a valid timespec for the call to fill.
        if unsafe { libc::sched_rr_get_interval(pid, &raw mut interval) } != 0 {
            return Err(last_error(vm));
        }
        Ok(interval.tv_sec as f64 + interval.tv_nsec as f64 * 1e-9)
    }
}

#[rustpython_vm::pymodule(name = "time")]
mod time {
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::{PyResult, VirtualMachine};

    /// Return the clk_id of a thread's CPU time clock.
    #[pyfunction]
    fn pthread_getcpuclockid(thread_id: u64, vm: &VirtualMachine) -> PyResult<i32> {
        let mut clock = 0;
        let error = {
            // Whoever is in here takes itself out, under the lock, before it ends.
            let threads = vm.state.thread_frames.lock();
            if threads.contains_key(&thread_id) {
                // SAFETY: the id is `pthread_self` of a thread of this process, which
                // cannot end while its registry is locked.
                unsafe { libc::pthread_getcpuclockid(thread_id as libc::pthread_t, &raw mut clock) }
            } else {
                libc::ESRCH
            }
        };
        if error != 0 {
            return Err(std::io::Error::from_raw_os_error(error).into_pyexception(vm));
        }
        Ok(clock)
    }
}
