//! What the Python half gives to this one, and what programs ask to be told of.
//!
//! Of the process: programs may set them in any thread.

use std::sync::atomic::{AtomicBool, Ordering};

use rustpython_vm::builtins::{PyBaseExceptionRef, PyTypeRef};
use rustpython_vm::common::lock::PyMutex;
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

use super::channel::Channel;
use super::tasklet::Tasklet;

/// A callable that may be set.
pub(super) struct Hook {
    is_set: AtomicBool,
    callable: PyMutex<Option<PyObjectRef>>,
}

impl Hook {
    const fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            callable: PyMutex::new(None),
        }
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self) -> Option<PyObjectRef> {
        if self.is_set() {
            self.callable.lock().clone()
        } else {
            None
        }
    }

    /// Sets it, or clears it by None; the one before.
    ///
    /// # Errors
    /// `TypeError` where it cannot be called.
    pub(super) fn set(&self, callable: PyObjectRef, what: &str, vm: &VirtualMachine) -> PyResult {
        let new = if vm.is_none(&callable) {
            None
        } else if callable.is_callable() {
            Some(callable)
        } else {
            return Err(vm.new_type_error(format!("{what} must be callable")));
        };
        let is_set = new.is_some();
        let old = std::mem::replace(&mut *self.callable.lock(), new);
        self.is_set.store(is_set, Ordering::Relaxed);
        Ok(old.unwrap_or_else(|| vm.ctx.none()))
    }
}

/// Called before each switch with the tasklets that is left and that is come to.
pub(super) static SCHEDULE: Hook = Hook::new();
/// Called before each send and receive.
pub(super) static CHANNEL: Hook = Hook::new();
/// Called with an exception that a tasklet ends by.
pub(super) static ERROR: Hook = Hook::new();

/// What the package brings.
struct Given {
    exit: PyTypeRef,
    caller: PyObjectRef,
    begun: PyObjectRef,
}

static GIVEN: PyMutex<Option<Given>> = PyMutex::new(None);

/// Takes what the package brings: the class `TaskletExit`, a Python function that calls its
/// first argument with the others, and one that is called when a thread uses tasklets first.
pub(super) fn give(exit: PyTypeRef, caller: PyObjectRef, begun: PyObjectRef) {
    let old = GIVEN.lock().replace(Given {
        exit,
        caller,
        begun,
    });
    drop(old);
}

fn given<R>(get: impl FnOnce(&Given) -> R, vm: &VirtualMachine) -> PyResult<R> {
    GIVEN
        .lock()
        .as_ref()
        .map(get)
        .ok_or_else(|| vm.new_runtime_error("import stackless, not _stackless"))
}

/// The function that calls another one.
pub(super) fn caller(vm: &VirtualMachine) -> PyResult {
    given(|given| given.caller.clone(), vm)
}

/// A thread has begun to use tasklets.
pub(super) fn begun(thread: u64, vm: &VirtualMachine) -> PyResult<()> {
    let begun = given(|given| given.begun.clone(), vm)?;
    begun.call((thread,), vm).map(drop)
}

/// A new `TaskletExit`.
pub(super) fn tasklet_exit(vm: &VirtualMachine) -> PyResult<PyBaseExceptionRef> {
    let class = given(|given| given.exit.clone(), vm)?;
    vm.invoke_exception(&class, vec![])
}

/// Whether an exception is a `TaskletExit`.
pub(super) fn is_tasklet_exit(error: &PyBaseExceptionRef, vm: &VirtualMachine) -> bool {
    given(|given| given.exit.clone(), vm).is_ok_and(|class| error.fast_isinstance(&class))
}

fn object<T: rustpython_vm::PyPayload>(
    value: Option<&PyRef<T>>,
    vm: &VirtualMachine,
) -> PyObjectRef {
    value.map_or_else(|| vm.ctx.none(), |value| value.clone().into())
}

/// One tasklet is about to be left for another.
#[inline]
pub(super) fn scheduling(
    from: Option<&PyRef<Tasklet>>,
    to: Option<&PyRef<Tasklet>>,
    vm: &VirtualMachine,
) {
    if let Some(callback) = SCHEDULE.get()
        && let Err(error) = callback.call((object(from, vm), object(to, vm)), vm)
    {
        vm.run_unraisable(
            error,
            Some("Exception ignored in schedule callback".to_owned()),
            callback,
        );
    }
}

/// A tasklet is about to send or receive.
///
/// # Errors
/// The callback's.
#[inline]
pub(super) fn communicating(
    channel: &PyRef<Channel>,
    tasklet: impl FnOnce() -> PyRef<Tasklet>,
    is_sending: bool,
    will_block: bool,
    vm: &VirtualMachine,
) -> PyResult<()> {
    if let Some(callback) = CHANNEL.get() {
        let arguments = (
            PyObjectRef::from(channel.clone()),
            PyObjectRef::from(tasklet()),
            is_sending,
            will_block,
        );
        callback.call(arguments, vm)?;
    }
    Ok(())
}

/// Gives an exception that ends a tasklet to the error handler; what the main tasklet is
/// told then.
pub(super) fn handled(
    error: PyBaseExceptionRef,
    vm: &VirtualMachine,
) -> Option<PyBaseExceptionRef> {
    let Some(handler) = ERROR.get() else {
        return Some(error);
    };
    let class: PyObjectRef = error.class().to_owned().into();
    let traceback = error
        .traceback()
        .map_or_else(|| vm.ctx.none(), PyObjectRef::from);
    handler
        .call((class, PyObjectRef::from(error), traceback), vm)
        .err()
}
