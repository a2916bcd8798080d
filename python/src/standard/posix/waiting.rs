//! `os.waitid` and its result.

pub(super) use waiting::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod waiting {
    use crate::standard::outcome::{checked, retried};
    use rustpython_vm::convert::ToPyObject;
    use rustpython_vm::types::PyStructSequence;
    use rustpython_vm::{
        PyObjectRef, PyResult, VirtualMachine, pyclass, pystruct_sequence, pystruct_sequence_data,
    };

    #[pystruct_sequence_data]
    struct WaitidResultData {
        si_pid: libc::pid_t,
        si_uid: libc::uid_t,
        si_signo: i32,
        si_status: i32,
        si_code: i32,
    }

    /// waitid_result: Result from waitid.
    #[pyattr]
    #[pystruct_sequence(name = "waitid_result", module = "posix", data = "WaitidResultData")]
    struct PyWaitidResult;

    #[pyclass(with(PyStructSequence))]
    impl PyWaitidResult {}

    /// Returns the result of waiting for a process or processes.
    ///
    ///   idtype
    ///     Must be one of be P_PID, P_PGID or P_ALL.
    ///   id
    ///     The id to wait on.
    ///   options
    ///     Constructed from the ORing of one or more of WEXITED, WSTOPPED
    ///     or WCONTINUED and additionally may be ORed with WNOHANG or WNOWAIT.
    ///
    /// Returns either waitid_result or None if WNOHANG is specified and there are
    /// no children in a waitable state.
    #[pyfunction]
    fn waitid(
        idtype: libc::idtype_t,
        id: i32,
        options: i32,
        vm: &VirtualMachine,
    ) -> PyResult<PyObjectRef> {
        // SAFETY: all zeros is a siginfo_t of no signal. With WNOHANG and nothing to tell,
        // not every kernel writes to it.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        retried(vm, || {
            // SAFETY: `info` is there for the call to fill.
            checked(unsafe { libc::waitid(idtype, id.cast_unsigned(), &raw mut info, options) })
        })?;
        // SAFETY: waitid fills in what SIGCHLD has, or leaves the zeros.
        let (si_pid, si_uid, si_status) =
            unsafe { (info.si_pid(), info.si_uid(), info.si_status()) };
        if si_pid == 0 {
            return Ok(vm.ctx.none());
        }
        let data = WaitidResultData {
            si_pid,
            si_uid,
            si_signo: info.si_signo,
            si_status,
            si_code: info.si_code,
        };
        Ok(data.to_pyobject(vm))
    }
}
