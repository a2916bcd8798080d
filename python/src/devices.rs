//! Natives for devices: interrupt lines, ports, registers, and who may use them.
//!
//! Thin, as those of `calls`; what they mean is in `roentgen_abi::syscall`. Ports and
//! registers are accessed by `os.pread` and `os.pwrite`.

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _devices {
    use std::io;

    use roentgen_abi::syscall;
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::function::ArgIntoFloat;
    use rustpython_vm::{PyRef, PyResult, VirtualMachine};

    use crate::calls::{Timeout, call};
    use crate::descriptor::_descriptor::Descriptor;

    #[pyattr]
    const LINE_GSI: u32 = syscall::LINE_GSI;
    #[pyattr]
    const LINE_EDGE: u32 = syscall::LINE_EDGE;
    #[pyattr]
    const LINE_LEVEL: u32 = syscall::LINE_LEVEL;
    #[pyattr]
    const GRANT_DEVICES: u32 = syscall::GRANT_DEVICES;
    #[pyattr]
    const GRANT_INHERIT: u32 = syscall::GRANT_INHERIT;

    fn number(result: io::Result<usize>, vm: &VirtualMachine) -> PyResult<u64> {
        result
            .map(|number| number as u64)
            .map_err(|error| error.into_pyexception(vm))
    }

    /// Attaches an interrupt line to a core: its descriptor. `rate`: interrupts a second;
    /// `limit`: the longest run of its server, in nanoseconds.
    #[pyfunction]
    fn line(
        line: u32,
        core: u32,
        flags: u32,
        rate: u32,
        limit: u64,
        vm: &VirtualMachine,
    ) -> PyResult<u64> {
        let flags = flags | libc::O_CLOEXEC as u32;
        let arguments = [
            line as usize,
            core as usize,
            flags as usize,
            rate as usize,
            limit as usize,
        ];
        // SAFETY: takes numbers only.
        number(unsafe { call(syscall::RG_LINE, arguments) }, vm)
    }

    /// Acknowledges what was returned last, and waits for the next interrupts: their count.
    #[pyfunction]
    fn line_wait(fd: i32, timeout: Option<ArgIntoFloat>, vm: &VirtualMachine) -> PyResult<u64> {
        let timeout = Timeout::new(timeout.map(Into::into), vm)?;
        let result = timeout.repeat(vm, |left| {
            // SAFETY: takes numbers only.
            unsafe { call(syscall::RG_LINE_WAIT, [fd as usize, left as usize, 0, 0]) }
        })?;
        number(result, vm)
    }

    /// Takes a line away from whoever has it.
    #[pyfunction]
    fn line_detach(line: u32, flags: u32, vm: &VirtualMachine) -> PyResult<u64> {
        // SAFETY: takes numbers only.
        let result = unsafe {
            call(
                syscall::RG_LINE_DETACH,
                [line as usize, flags as usize, 0, 0],
            )
        };
        number(result, vm)
    }

    /// Sets what a process is granted.
    #[pyfunction]
    fn grant(handle: PyRef<Descriptor>, grants: u32, vm: &VirtualMachine) -> PyResult<u64> {
        let pidfd = handle.number(vm)? as usize;
        // SAFETY: takes numbers only.
        let result = unsafe { call(syscall::RG_GRANT, [pidfd, grants as usize, 0, 0]) };
        number(result, vm)
    }

    /// A range of I/O ports: its descriptor.
    #[pyfunction]
    fn ports(first: u32, count: u32, vm: &VirtualMachine) -> PyResult<u64> {
        // SAFETY: takes numbers only.
        let result = unsafe { call(syscall::RG_PORTS, [first as usize, count as usize, 0, 0]) };
        number(result, vm)
    }

    /// Device registers in physical memory: their descriptor.
    #[pyfunction]
    fn registers(physical: u64, length: u64, vm: &VirtualMachine) -> PyResult<u64> {
        let arguments = [physical as usize, length as usize, 0, 0];
        // SAFETY: takes numbers only.
        number(unsafe { call(syscall::RG_REGISTERS, arguments) }, vm)
    }
}
