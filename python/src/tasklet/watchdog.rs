//! `run(timeout)`: tasklets that are interrupted.
//!
//! Stackless counts bytecodes. RustPython counts none, and looks for something to do before
//! each: signals, in the first thread alone. So what is counted here is the processor time of
//! the thread, in microseconds, and a timer sends a signal when it may be over. The signal's
//! Python handler ([`Watch::tick`]) compares, and sets the timer again or has the running
//! frame traced: the trace function ([`Watch::traced`]), which is called at the next bytecode,
//! call or return, is where the tasklet is left. The handler itself is no place for that: it
//! may run in the midst of a native function whose system call was interrupted, and
//! RustPython runs no other handler until it returns.
//!
//! An exception for a tasklet that was interrupted is not raised by the trace function, past
//! which a frame would not look at its own handlers, but by the handler of one more signal,
//! before the next bytecode.
//!
//! Linux counts a timer's time on the thread's processor clock, Roentgen by the wall: the
//! comparison is right on both, and there may be more signals here.

use std::cell::{Cell, RefCell};
use std::mem::{MaybeUninit, zeroed};

use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

use super::machine::is_traced;
use super::scheduler::Scheduler;

/// The signal. RustPython keeps handlers of 63 and less; the others that are real-time
/// signals are taken from below.
pub(super) const SIGNAL: i32 = 63;
/// No timer is set for less, in nanoseconds.
const SHORTEST: u64 = 10_000;

/// What `run` was asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Limit {
    /// Nanoseconds of processor time; 0: none.
    pub(super) time: u64,
    /// Of all tasklets together, instead of each that is switched to.
    pub(super) is_total: bool,
    /// At a switch, instead of anywhere.
    pub(super) is_soft: bool,
}

/// A frame that is traced in order to be left, and what was there before.
struct Traced {
    frame: PyObjectRef,
    function: PyObjectRef,
    opcodes: PyObjectRef,
    of_thread: PyObjectRef,
}

/// The state of a thread.
pub(super) struct Watch {
    limit: Cell<Limit>,
    /// The processor time at which it began.
    began: Cell<u64>,
    /// Whether the time is over and nobody has been interrupted yet.
    is_due: Cell<bool>,
    timer: Cell<Option<libc::timer_t>>,
    is_set: Cell<bool>,
    traced: RefCell<Option<Traced>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            limit: Cell::new(Limit::default()),
            began: Cell::new(0),
            is_due: Cell::new(false),
            timer: Cell::new(None),
            is_set: Cell::new(false),
            traced: RefCell::new(None),
        }
    }

    /// Begins with a limit; the one before, for [`Self::restore`].
    ///
    /// # Errors
    /// `RuntimeError` where the thread cannot be interrupted.
    pub(super) fn begin(&self, limit: Limit, vm: &VirtualMachine) -> PyResult<(Limit, u64)> {
        let before = (self.limit.get(), self.began.get());
        if limit.time > 0 {
            install(vm)?;
            self.set_timer(limit.time)
                .map_err(|error| vm.new_os_error(error.to_string()))?;
        }
        self.limit.set(limit);
        self.began.set(processor_time());
        self.is_due.set(false);
        Ok(before)
    }

    pub(super) fn restore(&self, (limit, began): (Limit, u64)) {
        self.limit.set(limit);
        self.began.set(began);
        self.is_due.set(false);
        self.is_set.set(false);
        self.renew_timer(limit.time);
    }

    /// Another tasklet runs now.
    #[inline]
    pub(super) fn switched(&self) {
        let limit = self.limit.get();
        if limit.time > 0 && !limit.is_total {
            self.began.set(processor_time());
            self.is_due.set(false);
            if !self.is_set.get() {
                self.renew_timer(limit.time);
            }
        }
    }

    /// Whether the current switch is to be the last one.
    #[inline]
    pub(super) fn ends_softly(&self) -> bool {
        self.is_due.get() && self.limit.get().is_soft && self.is_due.replace(false)
    }

    /// Whether an interruption is due that had to wait, for an atomic block say.
    pub(super) fn takes_due(&self) -> bool {
        !self.limit.get().is_soft && self.is_due.replace(false)
    }

    /// The signal's handler.
    ///
    /// # Errors
    /// What the current tasklet is to be told.
    pub(super) fn tick(scheduler: &Scheduler) -> PyResult<()> {
        let vm = scheduler.vm();
        let watch = &scheduler.watch;
        let thrown = scheduler.current().state().thrown.take();
        if let Some(error) = thrown {
            return Err(error);
        }
        watch.settle(vm);
        watch.is_set.set(false);
        let limit = watch.limit.get();
        if limit.time == 0 || !scheduler.is_watched() {
            return Ok(());
        }
        let spent = processor_time().saturating_sub(watch.began.get());
        if spent < limit.time {
            watch.renew_timer(limit.time - spent);
            return Ok(());
        }
        watch.is_due.set(true);
        if !limit.is_soft && !scheduler.current().is_atomic() {
            watch.trace(vm)?;
        }
        Ok(())
    }

    /// The trace function.
    ///
    /// # Errors
    /// None of Python's.
    pub(super) fn traced(scheduler: &Scheduler) -> PyResult<()> {
        scheduler.watch.settle(scheduler.vm());
        let may_be = scheduler.is_watched() && !scheduler.current().is_atomic();
        if !may_be || !scheduler.watch.takes_due() {
            return Ok(());
        }
        if let Err(error) = scheduler.interrupt() {
            let unseen = scheduler.current().state().thrown.replace(error);
            drop(unseen);
            // SAFETY: the signal has a handler.
            unsafe { libc::raise(SIGNAL) };
        }
        Ok(())
    }

    /// Has the running frame call the trace function at its next bytecode.
    fn trace(&self, vm: &VirtualMachine) -> PyResult<()> {
        let Some(frame) = vm.current_frame() else {
            return Ok(());
        };
        let frame: PyObjectRef = frame.into();
        let tracer = vm.import("_stackless", 0)?.get_attr("_traced", vm)?;
        let function = frame.get_attr("f_trace", vm)?;
        let opcodes = frame.get_attr("f_trace_opcodes", vm)?;
        frame.set_attr("f_trace", tracer.clone(), vm)?;
        frame.set_attr("f_trace_opcodes", vm.ctx.new_bool(true), vm)?;
        let of_thread = vm.trace_func.replace(tracer);
        vm.use_tracing.set(true);
        *self.traced.borrow_mut() = Some(Traced {
            frame,
            function,
            opcodes,
            of_thread,
        });
        Ok(())
    }

    /// Undoes that, and what the interpreter has left of it.
    #[inline]
    pub(super) fn settle(&self, vm: &VirtualMachine) {
        if vm.use_tracing.get() || self.traced.borrow().is_some() {
            self.untrace(vm);
        }
    }

    #[cold]
    fn untrace(&self, vm: &VirtualMachine) {
        let traced = self.traced.borrow_mut().take();
        if let Some(traced) = traced {
            drop(vm.trace_func.replace(traced.of_thread));
            let results = [
                traced.frame.set_attr("f_trace", traced.function, vm),
                traced.frame.set_attr("f_trace_opcodes", traced.opcodes, vm),
            ];
            for error in results.into_iter().filter_map(Result::err) {
                vm.run_unraisable(error, None, vm.ctx.none());
            }
        }
        // It stays set when a trace function returns.
        if !is_traced(vm) {
            vm.use_tracing.set(false);
        }
    }

    fn renew_timer(&self, time: u64) {
        if time > 0 {
            // There was one: where it is gone, nobody is interrupted.
            let _ = self.set_timer(time);
        }
    }

    fn set_timer(&self, time: u64) -> std::io::Result<()> {
        if let Some(timer) = self.timer.get()
            && set(timer, time).is_ok()
        {
            self.is_set.set(true);
            return Ok(());
        }
        // A fork has none.
        let timer = create()?;
        self.timer.set(Some(timer));
        set(timer, time)?;
        self.is_set.set(true);
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            // SAFETY: this one's.
            unsafe { libc::timer_delete(timer) };
        }
    }
}

/// A timer on the calling thread's processor time that sends it the signal.
fn create() -> std::io::Result<libc::timer_t> {
    // SAFETY: all zeros is a sigevent.
    let mut event: libc::sigevent = unsafe { zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = SIGNAL;
    // SAFETY: takes no argument.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut timer = MaybeUninit::uninit();
    // SAFETY: the event is there, and the timer to be filled.
    let result = unsafe {
        libc::timer_create(
            libc::CLOCK_THREAD_CPUTIME_ID,
            &raw mut event,
            timer.as_mut_ptr(),
        )
    };
    if result != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the call has filled it.
    Ok(unsafe { timer.assume_init() })
}

fn set(timer: libc::timer_t, time: u64) -> std::io::Result<()> {
    let time = time.max(SHORTEST);
    let zero = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let new = libc::itimerspec {
        it_interval: zero,
        it_value: libc::timespec {
            tv_sec: (time / 1_000_000_000).cast_signed(),
            tv_nsec: (time % 1_000_000_000).cast_signed(),
        },
    };
    // SAFETY: the setting is there; a timer that is not is an error.
    let result = unsafe { libc::timer_settime(timer, 0, &raw const new, std::ptr::null_mut()) };
    if result == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

/// Processor time of the calling thread in nanoseconds.
fn processor_time() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is there for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
}

/// Gives the signal its handler, which it keeps: a late one would end the process. Whether
/// it has one already is not asked: an interpreter's other threads are not to look at
/// handlers, or they keep signals from the first one.
fn install(vm: &VirtualMachine) -> PyResult<()> {
    let handler = vm.import("_stackless", 0)?.get_attr("_tick", vm)?;
    let set = vm.import("_signal", 0)?.get_attr("signal", vm)?;
    set.call((SIGNAL, handler), vm).map(drop).map_err(|error| {
        if error.fast_isinstance(vm.ctx.exceptions.value_error) {
            vm.new_runtime_error(
                "run() with a timeout works in the first thread only: no other one is interrupted",
            )
        } else {
            error
        }
    })
}
