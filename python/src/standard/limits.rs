//! `resource.prlimit`, and the older name of `RLIMIT_NOFILE`.

pub(super) use limits::module_def;

#[rustpython_vm::pymodule(name = "resource")]
mod limits {
    use crate::standard::outcome::{checked, failed};
    use rustpython_vm::function::OptionalOption;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    #[pyattr]
    const RLIMIT_OFILE: u32 = libc::RLIMIT_NOFILE;

    /// Above every resource that a kernel has; the same bound as `getrlimit` here.
    const RESOURCES: i32 = 256;

    /// prlimit(pid, resource, [limits])
    #[pyfunction]
    fn prlimit(
        pid: libc::pid_t,
        resource: i32,
        limits: OptionalOption<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<(u64, u64)> {
        if !(0..RESOURCES).contains(&resource) {
            return Err(vm.new_value_error("invalid resource specified"));
        }
        let new = match limits.flatten() {
            Some(limits) => Some(pair(&limits, vm)?),
            None => None,
        };
        let new = new
            .as_ref()
            .map_or(std::ptr::null(), |limits| &raw const *limits);
        let mut old = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: `new` is null or valid to read, `old` is there to fill.
        let result = unsafe { libc::prlimit(pid, resource.cast_unsigned(), new, &raw mut old) };
        match checked(result) {
            Ok(_) => Ok((old.rlim_cur, old.rlim_max)),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                Err(vm.new_value_error("current limit exceeds maximum limit"))
            }
            Err(error) => Err(failed(error, vm)),
        }
    }

    fn pair(limits: &PyObjectRef, vm: &VirtualMachine) -> PyResult<libc::rlimit> {
        let limits = vm.extract_elements_with(limits, Ok)?;
        let [current, most] = limits.as_slice() else {
            return Err(vm.new_value_error("expected a tuple of 2 integers"));
        };
        Ok(libc::rlimit {
            rlim_cur: number(current, vm)?,
            rlim_max: number(most, vm)?,
        })
    }

    /// As `setrlimit` here takes it: `RLIM_INFINITY` is the largest number, not -1.
    fn number(value: &PyObjectRef, vm: &VirtualMachine) -> PyResult<libc::rlim_t> {
        let value = value.try_index(vm)?;
        if value
            .try_to_primitive::<i64>(vm)
            .is_ok_and(i64::is_negative)
        {
            return Err(vm.new_value_error("Cannot convert negative int"));
        }
        value
            .try_to_primitive(vm)
            .map_err(|_| vm.new_overflow_error("Python int too large to convert to C rlim_t"))
    }
}
