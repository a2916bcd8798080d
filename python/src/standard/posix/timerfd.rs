//! `os.timerfd_create`, `timerfd_settime`, `timerfd_gettime` and their forms in
//! nanoseconds.

pub(super) use timerfd::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod timerfd {
    use crate::standard::outcome::{Descriptor, checked, failed};
    use rustpython_vm::function::ArgIntoFloat;
    use rustpython_vm::{FromArgs, PyResult, VirtualMachine};

    const NANOSECONDS: i64 = 1_000_000_000;

    #[derive(FromArgs)]
    struct CreateArgs {
        #[pyarg(positional)]
        clockid: libc::clockid_t,
        #[pyarg(named, default = libc::TFD_CLOEXEC)]
        flags: libc::c_int,
    }

    /// Create and return a timer file descriptor.
    ///
    ///   clockid
    ///     A valid clock ID constant as timer file descriptor.
    ///
    ///     time.CLOCK_REALTIME
    ///     time.CLOCK_MONOTONIC
    ///     time.CLOCK_BOOTTIME
    ///   flags
    ///     0 or a bit mask of os.TFD_NONBLOCK or os.TFD_CLOEXEC.
    #[pyfunction]
    fn timerfd_create(args: CreateArgs, vm: &VirtualMachine) -> PyResult<i32> {
        // SAFETY: takes two numbers and touches no memory.
        checked(unsafe { libc::timerfd_create(args.clockid, args.flags) })
            .map_err(|error| failed(error, vm))
    }

    #[derive(FromArgs)]
    struct SetArgs {
        #[pyarg(positional)]
        fd: Descriptor,
        #[pyarg(named, default = 0)]
        flags: libc::c_int,
        #[pyarg(named, default = 0.0)]
        initial: ArgIntoFloat,
        #[pyarg(named, default = 0.0)]
        interval: ArgIntoFloat,
    }

    /// Alter a timer file descriptor's internal timer.
    ///
    ///   fd
    ///     A timer file descriptor.
    ///   flags
    ///     0 or a bit mask of TFD_TIMER_ABSTIME or TFD_TIMER_CANCEL_ON_SET.
    ///   initial
    ///     The initial expiration time, in seconds.
    ///   interval
    ///     The timer's interval, in seconds.
    #[pyfunction]
    fn timerfd_settime(args: SetArgs, vm: &VirtualMachine) -> PyResult<(f64, f64)> {
        let initial = from_seconds(args.initial.into_float(), vm)?;
        let interval = from_seconds(args.interval.into_float(), vm)?;
        let (initial, interval) = set(args.fd, args.flags, initial, interval, vm)?;
        Ok((to_seconds(initial), to_seconds(interval)))
    }

    #[derive(FromArgs)]
    struct SetNanosecondsArgs {
        #[pyarg(positional)]
        fd: Descriptor,
        #[pyarg(named, default = 0)]
        flags: libc::c_int,
        #[pyarg(named, default = 0)]
        initial: i64,
        #[pyarg(named, default = 0)]
        interval: i64,
    }

    /// Alter a timer file descriptor's internal timer in nanoseconds.
    ///
    ///   fd
    ///     A timer file descriptor.
    ///   flags
    ///     0 or a bit mask of TFD_TIMER_ABSTIME or TFD_TIMER_CANCEL_ON_SET.
    ///   initial
    ///     initial expiration timing in seconds.
    ///   interval
    ///     interval for the timer in seconds.
    #[pyfunction]
    fn timerfd_settime_ns(args: SetNanosecondsArgs, vm: &VirtualMachine) -> PyResult<(i64, i64)> {
        set(args.fd, args.flags, args.initial, args.interval, vm)
    }

    /// Return a tuple of a timer file descriptor's (interval, next expiration) in float
    /// seconds.
    ///
    ///   fd
    ///     A timer file descriptor.
    #[pyfunction]
    fn timerfd_gettime(fd: Descriptor, vm: &VirtualMachine) -> PyResult<(f64, f64)> {
        let (initial, interval) = get(fd, vm)?;
        Ok((to_seconds(initial), to_seconds(interval)))
    }

    /// Return a tuple of a timer file descriptor's (interval, next expiration) in
    /// nanoseconds.
    ///
    ///   fd
    ///     A timer file descriptor.
    #[pyfunction]
    fn timerfd_gettime_ns(fd: Descriptor, vm: &VirtualMachine) -> PyResult<(i64, i64)> {
        get(fd, vm)
    }

    /// Sets the timer; the time to its next expiration and its interval until now, in
    /// nanoseconds.
    fn set(
        fd: Descriptor,
        flags: libc::c_int,
        initial: i64,
        interval: i64,
        vm: &VirtualMachine,
    ) -> PyResult<(i64, i64)> {
        let new = libc::itimerspec {
            it_interval: to_timespec(interval),
            it_value: to_timespec(initial),
        };
        let mut old = zero();
        // SAFETY: `new` is valid to read, `old` to fill.
        checked(unsafe { libc::timerfd_settime(fd.0, flags, &raw const new, &raw mut old) })
            .map_err(|error| failed(error, vm))?;
        Ok(parts(&old))
    }

    fn get(fd: Descriptor, vm: &VirtualMachine) -> PyResult<(i64, i64)> {
        let mut current = zero();
        // SAFETY: `current` is there for the call to fill.
        checked(unsafe { libc::timerfd_gettime(fd.0, &raw mut current) })
            .map_err(|error| failed(error, vm))?;
        Ok(parts(&current))
    }

    fn zero() -> libc::itimerspec {
        libc::itimerspec {
            it_interval: to_timespec(0),
            it_value: to_timespec(0),
        }
    }

    fn parts(timer: &libc::itimerspec) -> (i64, i64) {
        let nanoseconds = |time: &libc::timespec| time.tv_sec * NANOSECONDS + time.tv_nsec;
        (
            nanoseconds(&timer.it_value),
            nanoseconds(&timer.it_interval),
        )
    }

    /// Rounds towards minus infinity: the kernel wants no negative nanoseconds.
    fn to_timespec(nanoseconds: i64) -> libc::timespec {
        libc::timespec {
            tv_sec: nanoseconds.div_euclid(NANOSECONDS),
            tv_nsec: nanoseconds.rem_euclid(NANOSECONDS),
        }
    }

    fn to_seconds(nanoseconds: i64) -> f64 {
        nanoseconds as f64 / NANOSECONDS as f64
    }

    /// `_PyTime_FromSecondsDouble` with `_PyTime_ROUND_FLOOR`.
    fn from_seconds(seconds: f64, vm: &VirtualMachine) -> PyResult<i64> {
        if seconds.is_nan() {
            return Err(vm.new_value_error("Invalid value NaN (not a number)"));
        }
        let nanoseconds = (seconds * NANOSECONDS as f64).floor();
        // 2^63, which `i64::MAX` rounds to, is too much already.
        if nanoseconds < i64::MIN as f64 || nanoseconds >= i64::MAX as f64 {
            return Err(vm.new_overflow_error("timestamp out of range for platform time_t"));
        }
        Ok(nanoseconds as i64)
    }
}
