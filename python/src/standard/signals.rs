//! Of `signal`: `pthread_kill`, `sigpending`, `sigwait`, `sigwaitinfo`, `sigtimedwait`,
//! `struct_siginfo`, and the numbers of real-time signals.
//!
//! RustPython counts signals up to 63 (its `NSIG` is 64). Here is the C library's `NSIG`,
//! so `valid_signals` and `pthread_sigmask` are defined anew, and `pidfd_send_signal`, which
//! takes 0 (is it still there?) as well; `SIGRTMAX`, 64, can be sent,
//! blocked and waited for, but RustPython keeps no handler for it, and `getsignal` says what
//! the system does with it.

pub(super) use signals::module_def;

#[rustpython_vm::pymodule(name = "_signal")]
mod signals {
    use crate::standard::outcome::{checked, failed, retried};
    use rustpython_vm::builtins::{PyModule, PySet};
    use rustpython_vm::convert::ToPyObject;
    use rustpython_vm::function::{ArgIntoFloat, ArgIterable, OptionalArg, OptionalOption};
    use rustpython_vm::types::PyStructSequence;
    use rustpython_vm::{
        Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass, pystruct_sequence,
        pystruct_sequence_data,
    };
    use std::io;
    use std::time::{Duration, Instant};

    #[pyattr]
    use libc::{SIGCHLD as SIGCLD, SIGIOT, SIGPOLL};
    /// The C library keeps the first two for itself.
    #[pyattr]
    const SIGRTMIN: i32 = 34;
    #[pyattr]
    const SIGRTMAX: i32 = MOST;
    #[pyattr]
    const NSIG: i32 = MOST + 1;

    /// The largest signal that a set can hold.
    const MOST: i32 = 64;

    #[pystruct_sequence_data]
    struct SiginfoData {
        si_signo: i32,
        si_code: i32,
        si_errno: i32,
        si_pid: libc::pid_t,
        si_uid: libc::uid_t,
        si_status: i32,
        si_band: libc::c_long,
    }

    /// struct_siginfo: Result from sigwaitinfo or sigtimedwait.
    ///
    /// This object may be accessed either as a tuple of
    /// (si_signo, si_code, si_errno, si_pid, si_uid, si_status, si_band),
    /// or via the attributes si_signo, si_code, and so on.
    #[pyattr]
    #[pystruct_sequence(name = "struct_siginfo", module = "signal", data = "SiginfoData")]
    struct PySiginfo;

    #[pyclass(with(PyStructSequence))]
    impl PySiginfo {}

    /// `siginfo_t` as SIGPOLL has it (`sigaction(2)`).
    #[repr(C)]
    struct PollInfo {
        numbers: [i32; 3],
        band: libc::c_long,
    }

    fn siginfo(info: &libc::siginfo_t) -> SiginfoData {
        // SAFETY: plain numbers all of them, inside of `info` and written by the kernel or
        // zero; which of them mean something, the code tells. CPython gives them all.
        let (si_pid, si_uid, si_status, si_band) = unsafe {
            let poll = std::ptr::from_ref(info).cast::<PollInfo>();
            (info.si_pid(), info.si_uid(), info.si_status(), (*poll).band)
        };
        SiginfoData {
            si_signo: info.si_signo,
            si_code: info.si_code,
            si_errno: info.si_errno,
            si_pid,
            si_uid,
            si_status,
            si_band,
        }
    }

    fn nothing_yet() -> libc::siginfo_t {
        // SAFETY: all zeros is a siginfo_t of no signal.
        unsafe { std::mem::zeroed() }
    }

    fn empty_set() -> libc::sigset_t {
        // SAFETY: `sigemptyset` initializes what it is given and cannot fail.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            set
        }
    }

    /// The signals of an initialized set.
    fn numbers(signals: &libc::sigset_t, vm: &VirtualMachine) -> PyResult<PyRef<PySet>> {
        let set = PySet::default().into_ref(&vm.ctx);
        for signal in 1..=MOST {
            // SAFETY: a reference is to an initialized set.
            if unsafe { libc::sigismember(std::ptr::from_ref(signals), signal) } == 1 {
                set.add(vm.ctx.new_int(signal).into(), vm)?;
            }
        }
        Ok(set)
    }

    /// An argument that gives signals.
    fn signal_set(
        signals: &ArgIterable<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<libc::sigset_t> {
        let mut set = empty_set();
        for signal in signals.iter(vm)? {
            let signal = signal?.try_index(vm)?;
            match signal.try_to_primitive::<i32>(vm) {
                // SAFETY: `set` is initialized; a signal that the C library keeps for
                // itself it does not add.
                Ok(number @ 1..=MOST) => unsafe {
                    libc::sigaddset(&raw mut set, number);
                },
                _ => {
                    return Err(vm.new_value_error(format!(
                        "signal number {} out of range [1; {MOST}]",
                        signal.as_bigint()
                    )));
                }
            }
        }
        Ok(set)
    }

    /// `SIG_DFL`, `SIG_IGN`, or None: what happens to `SIGRTMAX`, whose handler nobody keeps.
    fn of_the_largest(vm: &VirtualMachine) -> PyObjectRef {
        // SAFETY: all zeros is a `sigaction` to fill.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: nothing is set, and `action` is there to fill.
        let result = unsafe { libc::sigaction(MOST, std::ptr::null(), &raw mut action) };
        match action.sa_sigaction {
            handler @ (libc::SIG_DFL | libc::SIG_IGN) if result == 0 => {
                vm.ctx.new_int(handler).into()
            }
            _ => vm.ctx.none(),
        }
    }

    /// Has `getsignal` know all signals: whoever goes through `NSIG` asks for each.
    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let own = module.get_attr("getsignal", vm)?;
        let getsignal = vm.new_function(
            "getsignal",
            move |signalnum: PyObjectRef, vm: &VirtualMachine| -> PyResult {
                match signalnum.try_index(vm)?.try_to_primitive::<i32>(vm) {
                    Ok(MOST) => Ok(of_the_largest(vm)),
                    _ => own.call((signalnum,), vm),
                }
            },
        );
        module.set_attr("getsignal", getsignal, vm)
    }

    /// Examine pending signals.
    ///
    /// Returns a set of signal numbers that are pending for delivery to
    /// the calling thread.
    #[pyfunction]
    fn sigpending(vm: &VirtualMachine) -> PyResult<PyRef<PySet>> {
        let mut pending = empty_set();
        // SAFETY: `pending` is there for the call to fill.
        checked(unsafe { libc::sigpending(&raw mut pending) })
            .map_err(|error| failed(error, vm))?;
        numbers(&pending, vm)
    }

    /// Return a set of valid signal numbers on this platform.
    ///
    /// The signal numbers returned by this function can be safely passed to
    /// functions like `pthread_kill`.
    #[pyfunction]
    fn valid_signals(vm: &VirtualMachine) -> PyResult<PyRef<PySet>> {
        let mut all = empty_set();
        // SAFETY: `all` is there to fill; what the C library keeps for itself it leaves out.
        unsafe { libc::sigfillset(&raw mut all) };
        numbers(&all, vm)
    }

    /// Fetch and/or change the signal mask of the calling thread.
    #[pyfunction]
    fn pthread_sigmask(
        how: i32,
        mask: ArgIterable<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<PyRef<PySet>> {
        let mask = signal_set(&mask, vm)?;
        let mut old = empty_set();
        // SAFETY: `mask` is initialized, `old` is there to fill.
        let error = unsafe { libc::pthread_sigmask(how, &raw const mask, &raw mut old) };
        if error != 0 {
            return Err(failed(io::Error::from_raw_os_error(error), vm));
        }
        // One that was pending may have been let through.
        vm.check_signals()?;
        numbers(&old, vm)
    }

    /// Wait for a signal.
    ///
    /// Suspend execution of the calling thread until the delivery of one of the
    /// signals specified in the signal set sigset.  The function accepts the signal
    /// and returns the signal number.
    #[pyfunction]
    fn sigwait(sigset: ArgIterable<PyObjectRef>, vm: &VirtualMachine) -> PyResult<i32> {
        let set = signal_set(&sigset, vm)?;
        let mut signal = 0;
        // SAFETY: `set` is initialized, `signal` is there to fill.
        let error = vm.allow_threads(|| unsafe { libc::sigwait(&raw const set, &raw mut signal) });
        if error != 0 {
            return Err(failed(io::Error::from_raw_os_error(error), vm));
        }
        Ok(signal)
    }

    /// Wait synchronously until one of the signals in *sigset* is delivered.
    ///
    /// Returns a struct_siginfo containing information about the signal.
    #[pyfunction]
    fn sigwaitinfo(sigset: ArgIterable<PyObjectRef>, vm: &VirtualMachine) -> PyResult<SiginfoData> {
        let set = signal_set(&sigset, vm)?;
        let mut info = nothing_yet();
        retried(vm, || {
            // SAFETY: `set` is initialized, `info` is there to fill.
            checked(unsafe { libc::sigwaitinfo(&raw const set, &raw mut info) })
        })?;
        Ok(siginfo(&info))
    }

    /// Like sigwaitinfo(), but with a timeout.
    ///
    /// The timeout is specified in seconds, rounded up to nanoseconds.
    #[pyfunction]
    fn sigtimedwait(
        sigset: ArgIterable<PyObjectRef>,
        timeout: ArgIntoFloat,
        vm: &VirtualMachine,
    ) -> PyResult<Option<SiginfoData>> {
        let set = signal_set(&sigset, vm)?;
        let seconds = timeout.into_float();
        if seconds.is_nan() {
            return Err(vm.new_value_error("Invalid value NaN (not a number)"));
        }
        if seconds < 0.0 {
            return Err(vm.new_value_error("timeout must be non-negative"));
        }
        // Nanoseconds of 63 bits, as CPython counts them.
        if seconds >= i64::MAX as f64 * 1e-9 {
            return Err(vm.new_overflow_error("timestamp out of range for platform time_t"));
        }
        let nanoseconds = (seconds * 1e9).ceil() as u64;
        let deadline = Instant::now() + Duration::from_nanos(nanoseconds);
        let mut left = Duration::from_nanos(nanoseconds);
        let mut info = nothing_yet();
        loop {
            let time = libc::timespec {
                tv_sec: left.as_secs().cast_signed(),
                tv_nsec: left.subsec_nanos().into(),
            };
            // SAFETY: `set` and `time` are initialized, `info` is there to fill.
            let result = vm.allow_threads(|| {
                checked(unsafe {
                    libc::sigtimedwait(&raw const set, &raw mut info, &raw const time)
                })
            });
            match result {
                Ok(_) => return Ok(Some(siginfo(&info))),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(None),
                    Some(libc::EINTR) => vm.check_signals()?,
                    _ => return Err(failed(error, vm)),
                },
            }
            left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Send a signal to a process referred to by a pid file descriptor.
    #[pyfunction]
    fn pidfd_send_signal(
        pidfd: i32,
        signalnum: i32,
        siginfo: OptionalOption<PyObjectRef>,
        flags: OptionalArg<libc::c_uint>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        if siginfo.flatten().is_some() {
            return Err(vm.new_type_error("siginfo must be None"));
        }
        let flags = flags.unwrap_or(0);
        let nothing = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: numbers, and no siginfo_t.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                pidfd,
                signalnum,
                nothing,
                flags,
            )
        };
        checked(result).map_err(|error| failed(error, vm))?;
        Ok(())
    }

    /// Send a signal to a thread.
    #[pyfunction]
    fn pthread_kill(thread_id: u64, signalnum: i32, vm: &VirtualMachine) -> PyResult<()> {
        let error = {
            // Whoever is in here takes itself out, under the lock, before it ends.
            let threads = vm.state.thread_frames.lock();
            if threads.contains_key(&thread_id) {
                // SAFETY: the id is `pthread_self` of a thread of this process, which
                // cannot end while its registry is locked.
                unsafe { libc::pthread_kill(thread_id as libc::pthread_t, signalnum) }
            } else {
                libc::ESRCH
            }
        };
        if error != 0 {
            return Err(failed(io::Error::from_raw_os_error(error), vm));
        }
        // It may have been for this thread.
        vm.check_signals()
    }
}
