//! `_stackless`: tasklets, which are coroutines with stacks of their own, within one thread.
//! The package `stackless`, in `lib/`, is its face.
//!
//! | file | what it is |
//! |---|---|
//! | [`switch`] | the switch between two stacks, in assembly |
//! | [`stack`] | the stacks |
//! | [`bounds`] | how the interpreter learns where a stack ends |
//! | [`machine`] | what the interpreter keeps for each flow of control |
//! | [`coroutine`] | the three together |
//! | [`ring`] | queues of tasklets |
//! | [`scheduler`] | who runs next |
//! | [`life`] | how a tasklet begins, is thrown at, and ends |
//! | [`watchdog`] | how it is interrupted |
//! | [`tasklet`], [`channel`] | the classes |
//! | [`hooks`], [`threads`] | callbacks; which threads have tasklets |
//!
//! `unsafe` is in the first six, which say why it is sound; whoever changes what native code
//! may keep across a switch reads [`machine`] and [`scheduler`].
//!
//! What a native function of the interpreter holds while it calls Python it holds across a
//! switch: a lock of `threading`, the lock of a buffered file, the import lock. Locks that
//! belong to a thread let the other tasklets in, or refuse them; others keep the whole thread
//! waiting, as they do in every program of coroutines.

mod bounds;
mod channel;
mod coroutine;
mod hooks;
mod life;
mod machine;
mod ring;
mod scheduler;
mod stack;
mod switch;
mod tasklet;
mod threads;
mod watchdog;

use rustpython_vm::builtins::{PyBaseExceptionRef, PyTypeRef};
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

pub(crate) use _stackless::module_def;

/// `class(*arguments)`, which must be an exception.
fn exception_of(
    class: Option<PyTypeRef>,
    arguments: Vec<PyObjectRef>,
    vm: &VirtualMachine,
) -> PyResult<PyBaseExceptionRef> {
    let base = vm.ctx.exceptions.base_exception_type;
    match class.filter(|class| class.fast_issubclass(base)) {
        Some(class) => vm.invoke_exception(&class, arguments),
        None => Err(vm.new_type_error("exceptions must derive from BaseException")),
    }
}

/// The exception of a class or an instance, a value and a traceback.
fn exception_from(
    class: PyObjectRef,
    value: PyObjectRef,
    traceback: PyObjectRef,
    vm: &VirtualMachine,
) -> PyResult<PyBaseExceptionRef> {
    vm.normalize_exception(class, value, traceback)
}

#[rustpython_vm::pymodule(name = "_stackless", with(tasklet::_tasklet, channel::_channel))]
mod _stackless {
    use rustpython_vm::builtins::{PyTupleRef, PyTypeRef};
    use rustpython_vm::function::{FuncArgs, OptionalArg};
    use rustpython_vm::{PyObjectRef, PyRef, PyResult, VirtualMachine};

    use super::scheduler::Scheduler;
    use super::tasklet::{Delivery, Tasklet};
    use super::watchdog::{Limit, Watch};
    use super::{hooks, stack, threads};

    /// Takes what the package brings: `TaskletExit`, what calls a function, and what is called
    /// when a thread uses tasklets first.
    #[pyfunction]
    fn _give(exit: PyTypeRef, caller: PyObjectRef, begun: PyObjectRef) {
        hooks::give(exit, caller, begun);
    }

    /// Ends all tasklets of the calling thread.
    #[pyfunction]
    fn _close() {
        if let Some(scheduler) = Scheduler::existing() {
            scheduler.close();
        }
    }

    /// The handler of the watchdog's signal.
    #[pyfunction]
    fn _tick(_signal: PyObjectRef, _frame: PyObjectRef) -> PyResult<()> {
        Scheduler::existing().map_or(Ok(()), Watch::tick)
    }

    /// The watchdog's trace function.
    #[pyfunction]
    fn _traced(_args: FuncArgs) -> PyResult<()> {
        Scheduler::existing().map_or(Ok(()), Watch::traced)
    }

    fn schedule_with(
        retval: OptionalArg<PyObjectRef>,
        is_leaving: bool,
        vm: &VirtualMachine,
    ) -> PyResult {
        let scheduler = Scheduler::here(vm)?;
        let current = scheduler.current();
        let value = retval.unwrap_or_else(|| current.clone().into());
        drop(current.deliver(Delivery::Value(value)));
        if is_leaving {
            let owned = scheduler.take_out(&current);
            drop((owned, current));
            scheduler.leave()
        } else {
            drop(current);
            scheduler.next()
        }
    }

    /// Let the next runnable tasklet run; returns *retval*, or the caller's tasklet.
    #[pyfunction]
    fn schedule(retval: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        schedule_with(retval, false, vm)
    }

    /// The same, and pause the caller's tasklet.
    #[pyfunction]
    fn schedule_remove(retval: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        schedule_with(retval, true, vm)
    }

    #[derive(rustpython_vm::FromArgs)]
    struct RunArgs {
        #[pyarg(any, default = 0)]
        timeout: u64,
        #[pyarg(any, default = false)]
        threadblock: bool,
        #[pyarg(any, default = false)]
        soft: bool,
        #[pyarg(any, default = false)]
        ignore_nesting: bool,
        #[pyarg(any, default = false)]
        totaltimeout: bool,
    }

    /// Run the tasklets until none can run, or one is interrupted, which is returned.
    #[pyfunction]
    fn run(args: RunArgs, vm: &VirtualMachine) -> PyResult {
        // Nothing of another thread can wake a tasklet of this one; nesting is ignored.
        let _ = (args.threadblock, args.ignore_nesting);
        let scheduler = Scheduler::here(vm)?;
        let limit = Limit {
            time: args.timeout.saturating_mul(1000),
            is_total: args.totaltimeout,
            is_soft: args.soft,
        };
        let before = scheduler.watch.begin(limit, vm)?;
        let result = scheduler.run_others();
        scheduler.watch.restore(before);
        result
    }

    /// The current tasklet of this thread.
    #[pyfunction]
    fn getcurrent(vm: &VirtualMachine) -> PyResult<PyRef<Tasklet>> {
        Ok(Scheduler::here(vm)?.current())
    }

    /// The main tasklet of this thread.
    #[pyfunction]
    fn getmain(vm: &VirtualMachine) -> PyResult<PyRef<Tasklet>> {
        Ok(Scheduler::here(vm)?.main.clone())
    }

    /// How many tasklets can run, the current one among them.
    #[pyfunction]
    fn getruncount(vm: &VirtualMachine) -> PyResult<usize> {
        Ok(Scheduler::here(vm)?.run_count())
    }

    /// The threads that have tasklets.
    #[pyfunction]
    fn _threads(vm: &VirtualMachine) -> PyObjectRef {
        let all = threads::all();
        let all = all.into_iter().map(|thread| vm.ctx.new_int(thread).into());
        vm.ctx.new_list(all.collect()).into()
    }

    /// The main tasklet, the current one, and how many can run, of the calling thread.
    #[pyfunction]
    fn get_thread_info(thread_id: OptionalArg<u64>, vm: &VirtualMachine) -> PyResult<PyTupleRef> {
        let scheduler = Scheduler::here(vm)?;
        if thread_id
            .into_option()
            .is_some_and(|thread| thread != scheduler.thread)
        {
            return Err(vm.new_runtime_error("only the calling thread's tasklets can be looked at"));
        }
        Ok(vm.ctx.new_tuple(vec![
            scheduler.main.clone().into(),
            scheduler.current().into(),
            vm.ctx.new_int(scheduler.run_count()).into(),
        ]))
    }

    /// Have *callable* called with `(channel, tasklet, sending, willblock)`; returns the one
    /// before.
    #[pyfunction]
    fn set_channel_callback(callable: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        hooks::CHANNEL.set(callable, "channel callback", vm)
    }

    #[pyfunction]
    fn get_channel_callback() -> Option<PyObjectRef> {
        hooks::CHANNEL.get()
    }

    /// Have *callable* called with `(prev, next)` before each switch; returns the one before.
    #[pyfunction]
    fn set_schedule_callback(callable: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        hooks::SCHEDULE.set(callable, "schedule callback", vm)
    }

    #[pyfunction]
    fn get_schedule_callback() -> Option<PyObjectRef> {
        hooks::SCHEDULE.get()
    }

    /// Have *callable* called with an exception that ends a tasklet, instead of the main one
    /// being told; returns the one before.
    #[pyfunction]
    fn set_error_handler(callable: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        hooks::ERROR.set(callable, "error handler", vm)
    }

    /// Return the size of the stacks of tasklets that begin from now on, and set it.
    #[pyfunction]
    fn stack_size(size: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<usize> {
        match size {
            OptionalArg::Missing => Ok(stack::size()),
            OptionalArg::Present(size) if (stack::LEAST..=stack::MOST).contains(&size) => {
                Ok(stack::set_size(size))
            }
            OptionalArg::Present(size) => Err(vm.new_value_error(format!(
                "size not valid: {size} bytes; it is at least {} and at most {}",
                stack::LEAST,
                stack::MOST
            ))),
        }
    }
}
