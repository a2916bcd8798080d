//! Class `stackless.tasklet`. Its manners are those of Stackless Python's documentation; the
//! work is the scheduler's.

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::function::FuncArgs;
use rustpython_vm::object::{Traverse, TraverseFn};
use rustpython_vm::{PyObjectRef, PyRef};

use super::channel::Channel;
use super::coroutine::Coroutine;
use super::ring::Index;

pub(super) use _tasklet::Tasklet;

/// How far a tasklet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has no call.
    Unbound,
    /// It has one that has not begun.
    Bound,
    /// It has a stack.
    UnderWay,
    /// It was under way.
    Ended,
}

/// Where a tasklet is: in at most one ring.
pub(super) enum Place {
    /// The current tasklet, one that is paused, or one that is not alive.
    Nowhere,
    /// Among the runnable ones.
    Runnable(Index),
    /// In a channel's queue.
    Waiting(Index, PyRef<Channel>),
}

/// What a tasklet is given when it is come back to.
pub(super) enum Delivery {
    Value(PyObjectRef),
    Raise(PyBaseExceptionRef),
}

/// Which scheduler's a tasklet is, and which thread's.
#[derive(Clone, Copy)]
pub(super) struct Home {
    pub(super) scheduler: u64,
    pub(super) thread: u64,
}

/// What the lock of a tasklet guards. It is held for a few instructions: nothing of Python
/// runs, and nothing is dropped, while it is.
///
/// One that is in a ring or has a coroutine keeps its home: threads may race for one that has
/// neither, and who comes second is refused, under this lock.
pub(super) struct State {
    pub(super) home: Option<Home>,
    pub(super) phase: Phase,
    pub(super) place: Place,
    pub(super) function: Option<PyObjectRef>,
    /// Function and arguments, until it begins.
    pub(super) call: Option<(PyObjectRef, FuncArgs)>,
    /// Its value is `tempval`. None is Python's None.
    pub(super) delivery: Option<Delivery>,
    /// To be raised before its next bytecode (`watchdog`).
    pub(super) thrown: Option<PyBaseExceptionRef>,
    pub(super) context: Option<PyObjectRef>,
    pub(super) coroutine: Option<Box<Coroutine>>,
    pub(super) is_atomic: bool,
    pub(super) is_block_trap: bool,
}

impl State {
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Bound | Phase::UnderWay)
    }

    pub(super) fn is_of(&self, scheduler: u64) -> bool {
        self.home.is_some_and(|home| home.scheduler == scheduler)
    }
}

// SAFETY: each owned reference is visited once. What lies on the stack of the coroutine is
// not seen, and counts as used from outside.
unsafe impl Traverse for State {
    fn traverse(&self, visit: &mut TraverseFn<'_>) {
        self.function.traverse(visit);
        if let Some((function, arguments)) = &self.call {
            function.traverse(visit);
            arguments.traverse(visit);
        }
        match &self.delivery {
            Some(Delivery::Value(value)) => value.traverse(visit),
            Some(Delivery::Raise(error)) => error.traverse(visit),
            None => {}
        }
        self.thrown.traverse(visit);
        self.context.traverse(visit);
    }

    fn clear(&mut self, out: &mut Vec<PyObjectRef>) {
        out.extend(self.function.take());
        if let Some((function, arguments)) = self.call.take() {
            out.push(function);
            out.extend(arguments.args);
            out.extend(arguments.kwargs.into_iter().map(|(_, value)| value));
        }
        match self.delivery.take() {
            Some(Delivery::Value(value)) => out.push(value),
            Some(Delivery::Raise(error)) => out.push(error.into()),
            None => {}
        }
        out.extend(self.thrown.take().map(Into::into));
        out.extend(self.context.take());
    }
}

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _tasklet {
    use rustpython_vm::builtins::PyDictRef;
    use rustpython_vm::common::lock::{PyMutex, PyMutexGuard};
    use rustpython_vm::function::{FuncArgs, KwArgs, OptionalArg, OptionalOption};
    use rustpython_vm::object::{Traverse, TraverseFn};
    use rustpython_vm::types::{
        Callable, Constructor, DefaultConstructor, Destructor, Initializer, Representable,
    };
    use rustpython_vm::{
        AsObject, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass,
    };

    use super::super::coroutine::Coroutine;
    use super::super::hooks;
    use super::super::life;
    use super::super::machine;
    use super::super::scheduler::Scheduler;
    use super::{Delivery, Home, Phase, Place, State};

    /// A tasklet: a function that runs on a stack of its own.
    ///
    /// tasklet(func=None, args=None, kwargs=None)
    /// --
    ///
    /// A microthread: a function that can be left in its midst and come back to.
    #[pyattr]
    #[pyclass(module = "stackless", name = "tasklet", traverse = "manual")]
    #[derive(PyPayload)]
    pub(crate) struct Tasklet {
        state: PyMutex<State>,
    }

    impl std::fmt::Debug for Tasklet {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("Tasklet")
        }
    }

    // SAFETY: as the state's.
    unsafe impl Traverse for Tasklet {
        fn traverse(&self, visit: &mut TraverseFn<'_>) {
            self.state.traverse(visit);
        }

        fn clear(&mut self, out: &mut Vec<PyObjectRef>) {
            self.state.get_mut().clear(out);
        }
    }

    impl Default for Tasklet {
        fn default() -> Self {
            Self {
                state: PyMutex::new(State {
                    home: None,
                    phase: Phase::Unbound,
                    place: Place::Nowhere,
                    function: None,
                    call: None,
                    delivery: None,
                    thrown: None,
                    context: None,
                    coroutine: None,
                    is_atomic: false,
                    is_block_trap: false,
                }),
            }
        }
    }

    impl Tasklet {
        /// The one that a thread began with.
        pub(crate) fn main(
            scheduler: u64,
            thread: u64,
            coroutine: Box<Coroutine>,
            context: PyObjectRef,
        ) -> Self {
            let main = Self::default();
            {
                let mut state = main.state.lock();
                state.home = Some(Home { scheduler, thread });
                state.phase = Phase::UnderWay;
                state.coroutine = Some(coroutine);
                state.context = Some(context);
            }
            main
        }

        pub(crate) fn state(&self) -> PyMutexGuard<'_, State> {
            self.state.lock()
        }

        pub(crate) fn is_atomic(&self) -> bool {
            self.state().is_atomic
        }

        pub(crate) fn is_of(&self, scheduler: &Scheduler) -> bool {
            self.state().is_of(scheduler.id)
        }

        /// Leaves something for the tasklet; what was there is to be dropped.
        pub(crate) fn deliver(&self, delivery: Delivery) -> Delivery {
            self.state()
                .delivery
                .replace(delivery)
                .unwrap_or_else(|| Delivery::Value(rustpython_vm::Context::genesis().none()))
        }

        /// The calling thread's scheduler, which the tasklet must be of.
        fn scheduler<'a>(&self, vm: &VirtualMachine) -> PyResult<&'a Scheduler> {
            let here = Scheduler::here(vm)?;
            let home = self.state().home;
            if home.is_none_or(|home| home.scheduler == here.id) {
                return Ok(here);
            }
            Err(vm.new_runtime_error("the tasklet belongs to another thread"))
        }

        /// The same, of a tasklet that can be made runnable.
        fn runnable<'a>(&self, vm: &VirtualMachine) -> PyResult<&'a Scheduler> {
            let scheduler = self.scheduler(vm)?;
            let state = self.state();
            if matches!(state.place, Place::Waiting(..)) {
                return Err(vm.new_runtime_error("You cannot run a blocked tasklet"));
            }
            if !state.is_alive() {
                return Err(vm.new_runtime_error("You cannot run an unbound(dead) tasklet"));
            }
            Ok(scheduler)
        }

        /// Gives it a call; whether it has a function afterwards.
        fn bind_to(
            zelf: &Py<Self>,
            function: Option<PyObjectRef>,
            arguments: Option<FuncArgs>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let here = Scheduler::here(vm)?;
            if function
                .as_ref()
                .is_some_and(|function| !function.is_callable())
            {
                return Err(vm.new_type_error("tasklet function must be a callable or None"));
            }
            let context = match function {
                Some(_) => Some(machine::current_context(vm)?),
                None => None,
            };
            let mut state = zelf.state();
            if state.phase == Phase::UnderWay {
                return Err(vm.new_runtime_error(if here.is_current(zelf) {
                    "can't (re)bind the current tasklet"
                } else {
                    "tasklet is alive, and its stack cannot be thrown away"
                }));
            }
            if !matches!(state.place, Place::Nowhere) {
                return Err(vm.new_runtime_error("tasklet is scheduled"));
            }
            let is_clearing = function.is_none() && arguments.is_none();
            if !is_clearing && function.is_none() && state.function.is_none() {
                return Err(vm.new_type_error("the tasklet was not bound to a function"));
            }
            let mut old = (None, None, None);
            if is_clearing || function.is_some() {
                old.0 = std::mem::replace(&mut state.function, function);
            }
            if context.is_some() {
                old.1 = std::mem::replace(&mut state.context, context);
            }
            old.2 = state.call.take();
            state.phase = Phase::Unbound;
            if let Some(arguments) = arguments
                && let Some(function) = &state.function
            {
                state.call = Some((function.clone(), arguments));
                state.phase = Phase::Bound;
            }
            state.home = Some(Home {
                scheduler: here.id,
                thread: here.thread,
            });
            drop(state);
            drop(old);
            Ok(())
        }

        /// Its context, made where it has none yet.
        fn context(&self, vm: &VirtualMachine) -> PyResult {
            if let Some(context) = self.state().context.clone() {
                return Ok(context);
            }
            let class = vm.import("_contextvars", 0)?.get_attr("Context", vm)?;
            let new = class.call((), vm)?;
            Ok(self.state().context.get_or_insert(new).clone())
        }

        /// The previous (0) or the next (1) one in its ring.
        fn neighbour(&self, which: usize) -> Option<PyRef<Self>> {
            let index = match self.state().place {
                Place::Nowhere => return None,
                Place::Runnable(index) | Place::Waiting(index, _) => index,
            };
            let scheduler = Scheduler::existing().filter(|here| self.is_of(here))?;
            let [previous, next] = scheduler.neighbours(index);
            if which == 0 { previous } else { next }
        }

        /// Has it run at once, and the caller either wait for its next turn or be paused.
        fn run_now(zelf: &Py<Self>, is_pausing: bool, vm: &VirtualMachine) -> PyResult<()> {
            let scheduler = zelf.runnable(vm)?;
            if scheduler.is_current(zelf) {
                return Ok(());
            }
            let tasklet = zelf.to_owned();
            drop(scheduler.resume_with(&tasklet, None));
            if is_pausing {
                let current = scheduler.current();
                drop(scheduler.take_out(&current));
            }
            scheduler.go(tasklet).map(drop)
        }
    }

    impl DefaultConstructor for Tasklet {}

    #[derive(rustpython_vm::FromArgs)]
    pub(crate) struct BindArgs {
        #[pyarg(any, optional)]
        func: OptionalOption<PyObjectRef>,
        #[pyarg(any, optional)]
        args: OptionalOption<PyObjectRef>,
        #[pyarg(any, optional)]
        kwargs: OptionalOption<PyDictRef>,
    }

    impl BindArgs {
        fn apply(self, zelf: &Py<Tasklet>, vm: &VirtualMachine) -> PyResult<()> {
            let (args, kwargs) = (self.args.flatten(), self.kwargs.flatten());
            let arguments = if args.is_none() && kwargs.is_none() {
                None
            } else {
                let args = match args {
                    Some(args) => args.try_to_value::<Vec<PyObjectRef>>(vm)?,
                    None => Vec::new(),
                };
                let kwargs: KwArgs = match kwargs {
                    None => KwArgs::default(),
                    Some(kwargs) => kwargs
                        .items_vec()
                        .into_iter()
                        .map(|(name, value)| Ok((name.str(vm)?.as_wtf8().to_owned(), value)))
                        .collect::<PyResult<KwArgs>>()?,
                };
                Some(FuncArgs::new(args, kwargs))
            };
            Tasklet::bind_to(zelf, self.func.flatten(), arguments, vm)
        }
    }

    impl Initializer for Tasklet {
        type Args = BindArgs;

        fn init(zelf: &Py<Self>, args: BindArgs, vm: &VirtualMachine) -> PyResult<()> {
            args.apply(zelf, vm)
        }
    }

    impl Callable for Tasklet {
        type Args = FuncArgs;

        fn call(zelf: &Py<Self>, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            Self::setup(zelf.to_owned(), args, vm).map(Into::into)
        }
    }

    impl Destructor for Tasklet {
        fn del(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<()> {
            life::condemn(zelf, vm)
        }
    }

    impl Representable for Tasklet {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            let state = zelf.state();
            let what = match (state.phase, &state.place) {
                (Phase::Unbound, _) => "unbound",
                (Phase::Ended, _) => "dead",
                (_, Place::Waiting(..)) => "blocked",
                (_, Place::Runnable(_)) => "scheduled",
                (_, Place::Nowhere) => "paused",
            };
            Ok(format!(
                "<stackless.tasklet object at {:#x}, {what}>",
                zelf.get_id()
            ))
        }
    }

    #[derive(rustpython_vm::FromArgs)]
    struct PendingArgs {
        #[pyarg(any, default = false)]
        pending: bool,
    }

    #[derive(rustpython_vm::FromArgs)]
    struct ThrowArgs {
        #[pyarg(any, optional)]
        exc: OptionalOption<PyObjectRef>,
        #[pyarg(any, optional)]
        val: OptionalOption<PyObjectRef>,
        #[pyarg(any, optional)]
        tb: OptionalOption<PyObjectRef>,
        #[pyarg(any, default = false)]
        pending: bool,
    }

    #[pyclass(
        with(Constructor, Initializer, Callable, Destructor, Representable),
        flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
    )]
    impl Tasklet {
        /// Bind the tasklet to a function, and to arguments where they are given.
        #[pymethod]
        fn bind(zelf: PyRef<Self>, args: BindArgs, vm: &VirtualMachine) -> PyResult<PyRef<Self>> {
            args.apply(&zelf, vm)?;
            Ok(zelf)
        }

        /// Give the bound function its arguments, and schedule the tasklet.
        #[pymethod]
        fn setup(zelf: PyRef<Self>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<PyRef<Self>> {
            if zelf.state().is_alive() {
                return Err(vm.new_runtime_error("tasklet is alive"));
            }
            if zelf.state().function.is_none() {
                return Err(vm.new_type_error("the tasklet was not bound to a function"));
            }
            Self::bind_to(&zelf, None, Some(args), vm)?;
            Self::insert(zelf, vm)
        }

        /// Schedule the tasklet, at the end of the runnable ones.
        #[pymethod]
        fn insert(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult<PyRef<Self>> {
            let scheduler = zelf.runnable(vm)?;
            drop(scheduler.resume_with(&zelf, None));
            Ok(zelf)
        }

        /// Take the tasklet out of the runnable ones.
        #[pymethod]
        fn remove(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult<PyRef<Self>> {
            let scheduler = zelf.scheduler(vm)?;
            if scheduler.is_current(&zelf) {
                return Err(vm.new_runtime_error("The current tasklet cannot be removed."));
            }
            if matches!(zelf.state().place, Place::Waiting(..)) {
                return Err(vm.new_runtime_error("You cannot remove a blocked tasklet."));
            }
            drop(scheduler.take_out(&zelf));
            Ok(zelf)
        }

        /// Run the tasklet now; the caller is scheduled.
        #[pymethod]
        fn run(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<()> {
            Self::run_now(zelf, false, vm)
        }

        /// Run the tasklet now; the caller is paused.
        #[pymethod]
        fn switch(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<()> {
            Self::run_now(zelf, true, vm)
        }

        /// Raise `exc_class(*args)` in the tasklet.
        #[pymethod]
        fn raise_exception(
            zelf: PyRef<Self>,
            mut args: FuncArgs,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let class = args
                .take_positional()
                .and_then(|class| class.downcast().ok());
            let error = super::super::exception_of(class, args.args, vm)?;
            life::throw(zelf.scheduler(vm)?, zelf, error, false)
        }

        /// Raise an exception in the tasklet, now or at its next turn.
        #[pymethod]
        fn throw(zelf: PyRef<Self>, args: ThrowArgs, vm: &VirtualMachine) -> PyResult<()> {
            let none = || vm.ctx.none();
            let class = match args.exc.flatten() {
                Some(class) => class,
                None => return Err(vm.new_type_error("exceptions must derive from BaseException")),
            };
            let value = args.val.flatten().unwrap_or_else(none);
            let traceback = args.tb.flatten().unwrap_or_else(none);
            let error = super::super::exception_from(class, value, traceback, vm)?;
            life::throw(zelf.scheduler(vm)?, zelf, error, args.pending)
        }

        /// Raise TaskletExit in the tasklet, which ends it silently.
        #[pymethod]
        fn kill(zelf: PyRef<Self>, args: PendingArgs, vm: &VirtualMachine) -> PyResult<()> {
            if !zelf.state().is_alive() {
                return Ok(());
            }
            let scheduler = zelf.scheduler(vm)?;
            if zelf.state().phase == Phase::Bound {
                // It has no frame that could see the exception.
                let owned = scheduler.take_out(&zelf);
                let call = {
                    let mut state = zelf.state();
                    state.phase = Phase::Ended;
                    state.call.take()
                };
                drop((owned, call));
                return Ok(());
            }
            life::throw(scheduler, zelf, hooks::tasklet_exit(vm)?, args.pending)
        }

        /// Have the tasklet not be interrupted; returns what was set before.
        #[pymethod]
        fn set_atomic(zelf: &Py<Self>, flag: PyObjectRef, vm: &VirtualMachine) -> PyResult<bool> {
            let flag = flag.try_to_bool(vm)?;
            let old = std::mem::replace(&mut zelf.state().is_atomic, flag);
            if old && !flag {
                let scheduler = zelf.scheduler(vm)?;
                if scheduler.is_current(zelf)
                    && scheduler.is_watched()
                    && scheduler.watch.takes_due()
                {
                    scheduler.interrupt()?;
                }
            }
            Ok(old)
        }

        /// Whether interruptions look at native calls that are under way: here they never do.
        #[pymethod]
        fn set_ignore_nesting(
            _zelf: &Py<Self>,
            flag: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult<bool> {
            if flag.try_to_bool(vm)? {
                Ok(true)
            } else {
                Err(vm.new_not_implemented_error(
                    "this interpreter does not count nesting levels, and ignores them always",
                ))
            }
        }

        #[pygetset]
        fn ignore_nesting(_zelf: &Py<Self>) -> bool {
            true
        }

        /// Have a tasklet that has not begun belong to the calling thread.
        #[pymethod]
        fn bind_thread(
            zelf: &Py<Self>,
            thread_id: OptionalArg<u64>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let here = Scheduler::here(vm)?;
            if thread_id
                .into_option()
                .is_some_and(|thread| thread != here.thread)
            {
                return Err(
                    vm.new_runtime_error("a tasklet can be taken over by the calling thread only")
                );
            }
            let mut state = zelf.state();
            if state.phase == Phase::UnderWay {
                return Err(
                    vm.new_runtime_error("the tasklet has a stack, which belongs to its thread")
                );
            }
            if !matches!(state.place, Place::Nowhere) {
                return Err(vm.new_runtime_error("tasklet is scheduled"));
            }
            state.home = Some(Home {
                scheduler: here.id,
                thread: here.thread,
            });
            Ok(())
        }

        /// Set the context (PEP 567) that the tasklet runs in.
        #[pymethod]
        fn set_context(
            zelf: PyRef<Self>,
            context: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult<PyRef<Self>> {
            let class = vm.import("_contextvars", 0)?.get_attr("Context", vm)?;
            if !context.is_instance(&class, vm)? {
                return Err(vm.new_type_error("a Context is needed"));
            }
            let scheduler = zelf.scheduler(vm)?;
            let is_current = scheduler.is_current(&zelf);
            let mut state = zelf.state();
            let machine = match &state.coroutine {
                _ if is_current => Some(vm),
                Some(coroutine) => coroutine.machine.parked(),
                None => None,
            };
            let mut live = None;
            if let Some(machine) = machine {
                if machine.context_stack.borrow().len() > 1 {
                    return Err(vm.new_runtime_error("the tasklet is inside of Context.run()"));
                }
                live = machine::set_base_context(machine, context.clone());
            }
            let old = state.context.replace(context);
            drop(state);
            drop((live, old));
            Ok(zelf)
        }

        /// Call `callable(*args, **kwargs)` in the tasklet's context.
        #[pymethod]
        fn context_run(zelf: &Py<Self>, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            let Some(callable) = args.take_positional() else {
                return Err(vm.new_type_error("context_run() needs a callable"));
            };
            let context = zelf.context(vm)?;
            vm.context_stack.borrow_mut().push(context);
            let result = callable.call(args, vm);
            let context = vm.context_stack.borrow_mut().pop();
            drop(context);
            result
        }

        #[pygetset]
        fn context_id(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<usize> {
            Ok(zelf.context(vm)?.get_id())
        }

        /// Whether it has been given arguments and has not ended.
        #[pygetset]
        fn alive(zelf: &Py<Self>) -> bool {
            zelf.state().is_alive()
        }

        /// Whether it waits at a channel.
        #[pygetset]
        fn blocked(zelf: &Py<Self>) -> bool {
            matches!(zelf.state().place, Place::Waiting(..))
        }

        /// Whether it is runnable, or waits at a channel.
        #[pygetset]
        fn scheduled(zelf: &Py<Self>) -> bool {
            !matches!(zelf.state().place, Place::Nowhere)
        }

        /// Whether it is alive, and neither runnable nor at a channel.
        #[pygetset]
        fn paused(zelf: &Py<Self>) -> bool {
            let state = zelf.state();
            state.is_alive() && matches!(state.place, Place::Nowhere)
        }

        /// Whether it could go on after pickling: a stack cannot be pickled.
        #[pygetset]
        fn restorable(_zelf: &Py<Self>) -> bool {
            false
        }

        #[pygetset]
        fn atomic(zelf: &Py<Self>) -> bool {
            zelf.is_atomic()
        }

        #[pygetset]
        fn block_trap(zelf: &Py<Self>) -> bool {
            zelf.state().is_block_trap
        }

        #[pygetset(setter)]
        fn set_block_trap(zelf: &Py<Self>, flag: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let flag = flag.try_to_bool(vm)?;
            zelf.state().is_block_trap = flag;
            Ok(())
        }

        #[pygetset]
        fn is_current(zelf: &Py<Self>) -> bool {
            Scheduler::existing().is_some_and(|scheduler| scheduler.is_current(zelf))
        }

        #[pygetset]
        fn is_main(zelf: &Py<Self>) -> bool {
            let state = zelf.state();
            state.phase == Phase::UnderWay
                && state
                    .coroutine
                    .as_ref()
                    .is_some_and(|coroutine| coroutine.is_of_thread())
        }

        /// The thread that it belongs to; -1 where that has ended.
        #[pygetset]
        fn thread_id(zelf: &Py<Self>, vm: &VirtualMachine) -> PyObjectRef {
            let home = zelf.state().home;
            match home {
                Some(home) if super::super::threads::is_there(home.scheduler) => {
                    vm.ctx.new_int(home.thread).into()
                }
                _ => vm.ctx.new_int(-1).into(),
            }
        }

        /// The next one in its ring.
        #[pygetset]
        fn next(zelf: &Py<Self>) -> Option<PyRef<Self>> {
            zelf.neighbour(1)
        }

        /// The previous one in its ring.
        #[pygetset]
        fn prev(zelf: &Py<Self>) -> Option<PyRef<Self>> {
            zelf.neighbour(0)
        }

        /// The channel that it waits at.
        #[pygetset]
        fn _channel(zelf: &Py<Self>) -> Option<PyObjectRef> {
            match &zelf.state().place {
                Place::Waiting(_, channel) => Some(channel.clone().into()),
                _ => None,
            }
        }

        /// What it is given when it goes on.
        #[pygetset]
        fn tempval(zelf: &Py<Self>, vm: &VirtualMachine) -> PyObjectRef {
            match &zelf.state().delivery {
                Some(Delivery::Value(value)) => value.clone(),
                Some(Delivery::Raise(error)) => error.clone().into(),
                None => vm.ctx.none(),
            }
        }

        #[pygetset(setter)]
        fn set_tempval(zelf: &Py<Self>, value: PyObjectRef) {
            drop(zelf.deliver(Delivery::Value(value)));
        }

        /// Its newest frame.
        #[pygetset]
        fn frame(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
            let scheduler = zelf.scheduler(vm)?;
            if scheduler.is_current(&zelf) {
                return Ok(vm.current_frame().map(Into::into));
            }
            let state = zelf.state();
            let machine = state.coroutine.as_ref().map(|coroutine| &coroutine.machine);
            let frame = machine
                .filter(|machine| machine.parked().is_some())
                .and_then(|machine| machine.with_frame(|| vm.current_frame()));
            Ok(frame.map(Into::into))
        }

        /// How many Python calls deep it is.
        #[pygetset]
        fn recursion_depth(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult<usize> {
            let scheduler = zelf.scheduler(vm)?;
            if scheduler.is_current(&zelf) {
                return Ok(vm.current_recursion_depth());
            }
            let state = zelf.state();
            let machine = state.coroutine.as_ref().and_then(|it| it.machine.parked());
            Ok(machine.map_or(0, VirtualMachine::current_recursion_depth))
        }

        #[pymethod]
        fn __reduce_ex__(
            _zelf: &Py<Self>,
            _protocol: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult {
            Err(vm.new_type_error("cannot pickle 'tasklet' object: its stack is native"))
        }
    }
}
