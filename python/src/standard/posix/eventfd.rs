//! `os.eventfd`, `os.eventfd_read`, `os.eventfd_write`.

pub(super) use eventfd::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod eventfd {
    use crate::standard::outcome::{Descriptor, checked, waiting};
    use rustpython_vm::{FromArgs, PyResult, VirtualMachine};

    #[derive(FromArgs)]
    struct EventfdArgs {
        #[pyarg(any)]
        initval: libc::c_uint,
        #[pyarg(any, default = libc::EFD_CLOEXEC)]
        flags: libc::c_int,
    }

    /// Creates and returns an event notification file descriptor.
    #[pyfunction]
    fn eventfd(args: EventfdArgs, vm: &VirtualMachine) -> PyResult<i32> {
        waiting(vm, || {
            // SAFETY: takes two numbers and touches no memory.
            checked(unsafe { libc::eventfd(args.initval, args.flags) })
        })
    }

    #[derive(FromArgs)]
    struct EventfdReadArgs {
        #[pyarg(any)]
        fd: Descriptor,
    }

    /// Read eventfd value
    #[pyfunction]
    fn eventfd_read(args: EventfdReadArgs, vm: &VirtualMachine) -> PyResult<u64> {
        let mut value = 0;
        waiting(vm, || {
            // SAFETY: `value` is there for the call to fill.
            checked(unsafe { libc::eventfd_read(args.fd.0, &raw mut value) })
        })?;
        Ok(value)
    }

    #[derive(FromArgs)]
    struct EventfdWriteArgs {
        #[pyarg(any)]
        fd: Descriptor,
        #[pyarg(any)]
        value: u64,
    }

    /// Write eventfd value.
    #[pyfunction]
    fn eventfd_write(args: EventfdWriteArgs, vm: &VirtualMachine) -> PyResult<()> {
        waiting(vm, || {
            // SAFETY: takes two numbers and touches no memory of ours.
            checked(unsafe { libc::eventfd_write(args.fd.0, args.value) })
        })?;
        Ok(())
    }
}
