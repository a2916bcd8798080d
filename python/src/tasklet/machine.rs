//! What the interpreter keeps for each flow of control, and how it changes at a switch.
//!
//! RustPython 0.6 keeps it in two places. The thread's `VirtualMachine` has the stack that
//! frames lie on, the handled exceptions, the depth of recursion, the limit of the native
//! stack, suspended callers, contexts, trace functions, the running event loop: fields, most
//! of them private, that native code on a tasklet's stack reads and writes through the
//! `&VirtualMachine` that it was given. So all tasklets of a thread use one address, the
//! thread's own machine, and at a switch its contents are exchanged as a whole: each tasklet
//! has a [`Machine`], made by `VirtualMachine::new_thread`, whose contents wait in it while
//! the tasklet does not run. And thread-local storage has the newest frame (`vm::thread`).
//!
//! Invariants:
//!
//! - Fields that are no cells are the same in all machines of a thread (`new_thread` clones
//!   them), so that the exchange writes to them what is there. Cells may change under a
//!   shared reference; a guard of one (`Ref`) lies on the stack of the tasklet whose contents
//!   it counts in, and is dropped when those are live again.
//! - The table of signal handlers, and the limit that `sys.setrecursionlimit` sets, are the
//!   thread's: they stay where they are. Where in the machine the first one lies is found
//!   by having a machine make one ([`Layout::find`]).
//! - Contents are in one place at a time: live, or parked. A [`Machine`] is dropped parked.

use std::mem::{MaybeUninit, size_of};
use std::ptr::NonNull;
use std::sync::OnceLock;

use rustpython_vm::frame::InterpreterFrame;
use rustpython_vm::vm::thread::{
    ThreadedVirtualMachine, current_thread_slot, get_current_frame, set_current_frame,
    update_thread_exception,
};
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

use super::{bounds, switch};

const WORD: usize = size_of::<usize>();
const WORDS: usize = size_of::<VirtualMachine>() / WORD;

// A machine that is made for a thread is nothing else than a machine, and made of words.
const _: () = assert!(size_of::<ThreadedVirtualMachine>() == size_of::<VirtualMachine>());
const _: () = assert!(size_of::<VirtualMachine>() == WORDS * WORD && WORDS >= 2);

/// What has to be known of the machine's private fields.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Which word points to the table of signal handlers.
    handlers: usize,
}

impl Layout {
    /// Finds it out, once for a process.
    ///
    /// # Errors
    /// `ImportError` where the machine is not as it was in RustPython 0.6.
    pub(super) fn find(vm: &VirtualMachine) -> PyResult<Self> {
        static FOUND: OnceLock<Layout> = OnceLock::new();
        if let Some(found) = FOUND.get() {
            return Ok(*found);
        }
        let getter = vm.import("_signal", 0)?.get_attr("getsignal", vm)?;
        // A new machine has no table, and makes an empty one when it is asked for a handler.
        let changed: Vec<(usize, usize)> = vm.new_thread().run(|other| {
            let before = words(other);
            getter.call((libc::SIGHUP,), other)?;
            let pairs = before.into_iter().zip(words(other));
            let changed = pairs.enumerate().filter(|(_, (old, new))| old != new);
            PyResult::Ok(changed.map(|(word, (old, _))| (word, old)).collect())
        })?;
        match changed[..] {
            [(handlers, 0)] => Ok(*FOUND.get_or_init(|| Layout { handlers })),
            _ => Err(vm.new_import_error(
                "stackless: the interpreter keeps its signal handlers in another way",
                vm.ctx.new_utf8_str("stackless"),
            )),
        }
    }
}

/// The machine as it lies in memory.
fn words(vm: &VirtualMachine) -> Vec<usize> {
    let start = std::ptr::from_ref(vm).cast::<usize>();
    (0..WORDS)
        // SAFETY: within the machine, and aligned; volatile, as some of it is padding.
        .map(|word| unsafe { start.add(word).read_volatile() })
        .collect()
}

/// The contents of a machine, and the newest frame, of a tasklet.
pub(super) struct Machine {
    contents: MaybeUninit<ThreadedVirtualMachine>,
    frame: *const InterpreterFrame,
    /// Whether `contents` are there.
    is_parked: bool,
}

impl Machine {
    /// For the flow of control that a thread began with: its contents are live.
    pub(super) const fn live() -> Self {
        Self {
            contents: MaybeUninit::uninit(),
            frame: std::ptr::null(),
            is_parked: false,
        }
    }

    /// A new one for a stack with these bounds, with no frame yet.
    pub(super) fn new(vm: &VirtualMachine, (base, size): (usize, usize)) -> Self {
        Self {
            contents: MaybeUninit::new(bounds::with(base, size, || vm.new_thread())),
            frame: std::ptr::null(),
            is_parked: true,
        }
    }

    fn pointer(&mut self) -> *mut u8 {
        self.contents.as_mut_ptr().cast()
    }

    /// The machine, while it is parked.
    pub(super) fn parked(&self) -> Option<&VirtualMachine> {
        // SAFETY: the contents are there, and a machine for a thread is a machine (above).
        self.is_parked
            .then(|| unsafe { &*self.contents.as_ptr().cast::<VirtualMachine>() })
    }

    /// Calls a function with the newest frame of this machine as that of the thread.
    pub(super) fn with_frame<R>(&self, function: impl FnOnce() -> R) -> R {
        let frame = set_current_frame(self.frame);
        let result = function();
        let _ = set_current_frame(frame);
        result
    }

    /// Parks what is live in `from`, and makes live what is parked in `to`.
    ///
    /// # Safety
    /// `vm` is the thread's machine, whose contents belong to `from`; `to` is another one of
    /// the same thread, parked. The stacks are switched before anything else is done that
    /// uses the machine.
    pub(super) unsafe fn exchange(
        vm: NonNull<VirtualMachine>,
        layout: Layout,
        from: NonNull<Self>,
        to: NonNull<Self>,
    ) {
        let live = vm.as_ptr().cast::<u8>();
        // SAFETY: both are there, and distinct, by the caller's promise.
        let (from, to) = unsafe { (&mut *from.as_ptr(), &mut *to.as_ptr()) };
        // SAFETY: the live machine; the reference is gone before it is written.
        let (limit, is_traced, is_handling) = unsafe {
            let vm = vm.as_ref();
            let is_handling = vm.current_exception().is_some();
            (vm.recursion_limit.get(), vm.use_tracing.get(), is_handling)
        };
        // SAFETY: each of them has `WORDS` words; what belongs to the thread is put back
        // before anybody looks, and no second pointer to the table is left in `from`.
        unsafe {
            let handlers = live.cast::<usize>().add(layout.handlers);
            let table = handlers.read();
            switch::exchange(live, from.pointer(), to.pointer(), WORDS / 2, WORDS % 2);
            handlers.write(table);
            from.pointer().cast::<usize>().add(layout.handlers).write(0);
        }
        (from.is_parked, to.is_parked) = (true, false);
        from.frame = get_current_frame();
        let _ = set_current_frame(to.frame);
        // SAFETY: the live machine, with its new contents.
        let vm = unsafe { vm.as_ref() };
        vm.recursion_limit.set(limit);
        // The thread's copies, for `sys._current_exceptions` and `sys.gettrace`.
        let current = vm.current_exception();
        if is_handling || current.is_some() {
            update_thread_exception(current);
        }
        if is_traced || vm.use_tracing.get() {
            publish_tracers(vm);
        }
    }

    /// Makes it as good as new, after the flow of control that it was for has ended.
    pub(super) fn renew(&mut self, vm: &VirtualMachine) {
        let Some(machine) = self.parked() else {
            return;
        };
        let none = vm.ctx.none();
        let mut gone: Vec<PyObjectRef> = machine.context_stack.take();
        for function in [&machine.trace_func, &machine.profile_func] {
            gone.push(function.replace(none.clone()));
        }
        for hook in [
            &machine.async_gen_firstiter,
            &machine.async_gen_finalizer,
            &machine.asyncio_running_loop,
            &machine.asyncio_running_task,
        ] {
            gone.extend(hook.take());
        }
        machine.use_tracing.set(false);
        machine.repr_guards.borrow_mut().clear();
        self.frame = std::ptr::null();
        // Their destructors may run anything.
        drop(gone);
    }
}

/// Replaces the outermost context of a machine; the one before.
pub(super) fn set_base_context(vm: &VirtualMachine, context: PyObjectRef) -> Option<PyObjectRef> {
    let mut contexts = vm.context_stack.borrow_mut();
    match contexts.first_mut() {
        Some(first) => Some(std::mem::replace(first, context)),
        None => {
            contexts.push(context);
            None
        }
    }
}

/// The context that the machine is in; made where there is none yet.
pub(super) fn current_context(vm: &VirtualMachine) -> PyResult {
    let newest = || vm.context_stack.borrow().last().cloned();
    if let Some(context) = newest() {
        return Ok(context);
    }
    // What copies it makes it.
    vm.import("_contextvars", 0)?
        .get_attr("copy_context", vm)?
        .call((), vm)?;
    newest().ok_or_else(|| vm.new_runtime_error("there is no context"))
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.is_parked {
            // SAFETY: the contents are there, and go with it.
            unsafe { self.contents.assume_init_drop() };
        }
    }
}

/// Shows the machine's trace functions to whoever asks for the thread's. Those that were
/// shown are owned by the machine that was live before.
#[cold]
fn publish_tracers(vm: &VirtualMachine) {
    if let Some(slot) = current_thread_slot() {
        let new = vm.trace_func.borrow().clone();
        let old = std::mem::replace(&mut *slot.trace_func.lock(), new);
        drop(old);
        let new = vm.profile_func.borrow().clone();
        let old = std::mem::replace(&mut *slot.profile_func.lock(), new);
        drop(old);
    }
}

/// Whether a machine is traced by somebody.
pub(super) fn is_traced(vm: &VirtualMachine) -> bool {
    let is_set =
        |function: &std::cell::RefCell<PyObjectRef>| !vm.is_none(function.borrow().as_object());
    is_set(&vm.trace_func) || is_set(&vm.profile_func)
}
