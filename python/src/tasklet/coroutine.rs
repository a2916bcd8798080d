//! A flow of control that can be left and come back to: a stack, what is saved on it, and
//! what the interpreter keeps for it.

use std::io;
use std::ptr::NonNull;

use rustpython_vm::VirtualMachine;

use super::machine::{Layout, Machine};
use super::stack::Stack;
use super::switch;

/// One. It has an address of its own (a box), which stays while it is not dropped.
pub(super) struct Coroutine {
    /// None: the thread's own stack.
    stack: Option<Stack>,
    /// Where it was left.
    saved: *mut u8,
    pub(super) machine: Machine,
    /// Whether there are frames on its stack that have not been left for good.
    is_under_way: bool,
}

// SAFETY: a coroutine is entered on its own thread only (`Scheduler`), and others do no more
// than to drop it, which touches nothing that is on its stack.
unsafe impl Send for Coroutine {}
// SAFETY: as above.
unsafe impl Sync for Coroutine {}

impl Coroutine {
    /// The one that a thread began with, which is under way.
    pub(super) fn of_thread() -> Box<Self> {
        Box::new(Self {
            stack: None,
            saved: std::ptr::null_mut(),
            machine: Machine::live(),
            is_under_way: true,
        })
    }

    /// A new one, that calls `entry` when it is come to.
    ///
    /// # Errors
    /// The kernel's, where there is no room for a stack.
    pub(super) fn new(vm: &VirtualMachine, entry: extern "C" fn() -> !) -> io::Result<Box<Self>> {
        let stack = Stack::new()?;
        let machine = Machine::new(vm, stack.bounds());
        let mut new = Box::new(Self {
            saved: std::ptr::null_mut(),
            stack: Some(stack),
            machine,
            is_under_way: false,
        });
        new.prepare(entry);
        Ok(new)
    }

    fn prepare(&mut self, entry: extern "C" fn() -> !) {
        if let Some(stack) = &self.stack {
            // SAFETY: the stack is this one's, and nothing lies on it yet, or any more.
            self.saved = unsafe { switch::prepare(stack.top(), entry) };
        }
    }

    /// Whether it is the one that a thread began with.
    pub(super) fn is_of_thread(&self) -> bool {
        self.stack.is_none()
    }

    /// Whether its stack is as large as new ones are.
    pub(super) fn is_of_size(&self) -> bool {
        self.stack
            .as_ref()
            .is_some_and(|stack| stack.bounds().1 == super::stack::size())
    }

    /// Makes one that has ended ready for something else.
    pub(super) fn renew(&mut self, vm: &VirtualMachine, entry: extern "C" fn() -> !) {
        self.machine.renew(vm);
        self.is_under_way = false;
        self.prepare(entry);
    }

    /// Says that all frames on its stack have been left for good, but for the one that calls
    /// this and will never come back to it.
    pub(super) fn end(&mut self) {
        self.is_under_way = false;
    }

    /// Leaves `from` for `to`, and returns when somebody comes back to `from`.
    ///
    /// # Safety
    /// `from` is what the calling thread runs, and lives until then; `to` is another one of
    /// the thread, that is not running and has not ended. `vm` is the thread's machine.
    pub(super) unsafe fn transfer(
        vm: NonNull<VirtualMachine>,
        layout: Layout,
        from: NonNull<Self>,
        to: NonNull<Self>,
    ) {
        // SAFETY: they are two, and nobody else looks at them, by the caller's promise.
        unsafe {
            let (from, to) = (from.as_ptr(), to.as_ptr());
            Machine::exchange(
                vm,
                layout,
                NonNull::from(&mut (*from).machine),
                NonNull::from(&mut (*to).machine),
            );
            (*to).is_under_way = true;
            switch::switch(&raw mut (*from).saved, (*to).saved);
        }
    }
}

impl Drop for Coroutine {
    fn drop(&mut self) {
        if self.is_under_way {
            // Frames on the stack own objects and use the machine, and cannot be unwound from
            // outside (its thread has ended): all of it is left as it is, for ever.
            std::mem::forget(std::mem::replace(&mut self.machine, Machine::live()));
        } else if let Some(stack) = self.stack.take() {
            stack.give_back();
        }
    }
}
