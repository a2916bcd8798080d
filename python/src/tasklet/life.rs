//! The life of a tasklet: how it begins on a stack of its own, how exceptions are raised in
//! it, and how it ends.

use rustpython_vm::builtins::{PyBaseExceptionRef, PyFunction};
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

use super::hooks;
use super::machine;
use super::scheduler::Scheduler;
use super::tasklet::{Delivery, Phase, Place, Tasklet};

/// What the first frame of a tasklet's stack calls.
pub(super) extern "C" fn entry() -> ! {
    let Some(scheduler) = Scheduler::existing() else {
        unreachable!("a tasklet runs on a thread that has a scheduler");
    };
    // All that it owns is dropped when it returns: the stack is left for ever below.
    let error = live(scheduler);
    let next = scheduler.end(error);
    scheduler.part(next)
}

/// All of it; the exception that others have to be told of.
#[inline(never)]
fn live(scheduler: &Scheduler) -> Option<PyBaseExceptionRef> {
    let vm = scheduler.vm();
    let left = scheduler.arrive();
    let delivered = scheduler.delivered();
    drop(left);
    let (call, context) = {
        let current = scheduler.current();
        let mut state = current.state();
        (state.call.take(), state.context.clone())
    };
    if let Some(context) = context {
        machine::set_base_context(vm, context);
    }
    let result = delivered.and_then(|_| match call {
        Some(call) => invoke(call, vm),
        None => Ok(vm.ctx.none()),
    });
    let error = result
        .map(drop)
        .err()
        .filter(|error| !hooks::is_tasklet_exit(error, vm))
        .and_then(|error| hooks::handled(error, vm));
    if hooks::SCHEDULE.is_set() {
        hooks::scheduling(Some(&scheduler.current()), None, vm);
    }
    scheduler.watch.settle(vm);
    error
}

/// Calls what a tasklet is bound to.
fn invoke(
    (function, arguments): (PyObjectRef, rustpython_vm::function::FuncArgs),
    vm: &VirtualMachine,
) -> PyResult {
    if function.downcast_ref::<PyFunction>().is_some() {
        return function.call(arguments, vm);
    }
    // Some builtins look at their caller's frame and take it for granted.
    let mut arguments = arguments;
    arguments.args.insert(0, function);
    hooks::caller(vm)?.call(arguments, vm)
}

/// Raises an exception in a tasklet: now, or at its next turn.
///
/// # Errors
/// What the current tasklet is told; also where the exception is for itself.
pub(super) fn throw(
    scheduler: &Scheduler,
    tasklet: PyRef<Tasklet>,
    error: PyBaseExceptionRef,
    is_pending: bool,
) -> PyResult<()> {
    let vm = scheduler.vm();
    let phase = tasklet.state().phase;
    match phase {
        Phase::Ended if hooks::is_tasklet_exit(&error, vm) => return Ok(()),
        Phase::Ended | Phase::Unbound => {
            return Err(vm.new_runtime_error("You cannot throw to a dead tasklet"));
        }
        Phase::Bound | Phase::UnderWay => {}
    }
    if scheduler.is_current(&tasklet) {
        if !is_pending {
            return Err(error);
        }
        drop(tasklet.deliver(Delivery::Raise(error)));
        return Ok(());
    }
    if is_pending {
        drop(scheduler.resume_with(&tasklet, Some(Delivery::Raise(error))));
        return Ok(());
    }
    // Just before the current one, which goes on when this one ends or waits.
    let owned = scheduler.take_out(&tasklet);
    let leftover = scheduler.resume_with(&tasklet, Some(Delivery::Raise(error)));
    drop((owned, leftover));
    scheduler.go(tasklet).map(drop)
}

/// The last reference to a tasklet is about to go. One that is paused in the midst of
/// something is revived, and unwound at its next turn.
pub(super) fn condemn(tasklet: &rustpython_vm::Py<Tasklet>, vm: &VirtualMachine) -> PyResult<()> {
    let is_due = {
        let state = tasklet.state();
        state.phase == Phase::UnderWay && matches!(state.place, Place::Nowhere)
    };
    if !is_due {
        return Ok(());
    }
    let Some(scheduler) = Scheduler::existing().filter(|here| tasklet.is_of(here)) else {
        // Another thread's: nobody can unwind it here, and its stack stays as it is.
        return Ok(());
    };
    if tasklet.is(&scheduler.main) {
        return Ok(());
    }
    let exit = hooks::tasklet_exit(vm)?;
    drop(scheduler.resume_with(&tasklet.to_owned(), Some(Delivery::Raise(exit))));
    Ok(())
}
