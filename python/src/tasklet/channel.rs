//! Class `stackless.channel`: where tasklets of a thread meet. Its manners are those of
//! Stackless Python's documentation.
//!
//! A channel has one queue: of tasklets that wait to send, or of tasklets that wait to
//! receive. It belongs to a thread while somebody waits at it.

use super::ring::Ring;

pub(super) use _channel::Channel;

/// Who waits.
#[derive(Clone, Copy, Default)]
pub(super) struct Queue {
    pub(super) ring: Ring,
    pub(super) are_senders: bool,
    /// Whose table of links the ring is in, while it is not empty.
    pub(super) scheduler: u64,
}

impl Queue {
    /// Whether those that wait, if any, are this scheduler's.
    pub(super) fn may_be_used_by(&self, scheduler: u64) -> bool {
        self.ring.length == 0 || self.scheduler == scheduler
    }
}

/// How it behaves.
#[derive(Clone, Copy)]
pub(super) struct Manners {
    /// -1: who receives runs first; 1: who sends; 0: whoever comes second goes on.
    pub(super) preference: i8,
    pub(super) is_schedule_all: bool,
    pub(super) is_closing: bool,
}

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _channel {
    use rustpython_vm::builtins::PyTypeRef;
    use rustpython_vm::common::lock::{PyMutex, PyMutexGuard};
    use rustpython_vm::function::{FuncArgs, OptionalOption};
    use rustpython_vm::protocol::PyIterReturn;
    use rustpython_vm::types::{
        Constructor, DefaultConstructor, Initializer, IterNext, Iterable, Representable, SelfIter,
    };
    use rustpython_vm::{
        AsObject, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass,
    };

    use super::super::hooks;
    use super::super::scheduler::Scheduler;
    use super::super::tasklet::{Delivery, Tasklet};
    use super::{Manners, Queue};

    const FOREIGN: &str =
        "tasklets of another thread wait at the channel; stackless.over() is for those";

    /// channel()
    /// --
    ///
    /// Where tasklets meet: one sends, another one receives.
    #[pyattr]
    #[pyclass(module = "stackless", name = "channel")]
    #[derive(PyPayload)]
    pub(crate) struct Channel {
        queue: PyMutex<Queue>,
        manners: PyMutex<Manners>,
    }

    impl std::fmt::Debug for Channel {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("Channel")
        }
    }

    impl Default for Channel {
        fn default() -> Self {
            Self {
                queue: PyMutex::new(Queue::default()),
                manners: PyMutex::new(Manners {
                    preference: -1,
                    is_schedule_all: false,
                    is_closing: false,
                }),
            }
        }
    }

    impl Channel {
        pub(crate) fn queue(&self) -> PyMutexGuard<'_, Queue> {
            self.queue.lock()
        }

        /// The queue as it is, whose tasklets are the scheduler's.
        fn own_queue(&self, scheduler: &Scheduler, vm: &VirtualMachine) -> PyResult<Queue> {
            let queue = *self.queue();
            if queue.may_be_used_by(scheduler.id) {
                Ok(queue)
            } else {
                Err(vm.new_runtime_error(FOREIGN))
            }
        }

        /// Sends what is given, or receives.
        fn act(zelf: &Py<Self>, sent: Option<Delivery>, vm: &VirtualMachine) -> PyResult {
            let scheduler = Scheduler::here(vm)?;
            let is_sender = sent.is_some();
            let partner = || {
                let queue = zelf.own_queue(scheduler, vm)?;
                let head = queue.ring.head.filter(|_| queue.are_senders != is_sender);
                PyResult::Ok(head.and_then(|head| scheduler.at(head)))
            };
            if hooks::CHANNEL.is_set() {
                let will_block = partner()?.is_none();
                let current = || scheduler.current();
                hooks::communicating(&zelf.to_owned(), current, is_sender, will_block, vm)?;
            }
            match partner()? {
                Some(partner) => zelf.meet(scheduler, partner, sent, vm),
                None => Self::wait(zelf, scheduler, sent, vm),
            }
        }

        /// Somebody waits: the values change hands, and the two are put into their order.
        fn meet(
            &self,
            scheduler: &Scheduler,
            partner: PyRef<Tasklet>,
            sent: Option<Delivery>,
            vm: &VirtualMachine,
        ) -> PyResult {
            let manners = *self.manners.lock();
            let is_sender = sent.is_some();
            let given = sent.unwrap_or_else(|| Delivery::Value(vm.ctx.none()));
            // Of one who waits to receive there is none.
            let taken = partner.deliver(given);
            let owned = scheduler.take_out(&partner);
            let current = scheduler.current();
            let own = current.deliver(taken);
            let prefers_partner = manners.preference == if is_sender { -1 } else { 1 };
            if manners.is_schedule_all {
                scheduler.append(&partner);
                drop((current, own, owned, partner));
                scheduler.next()
            } else if prefers_partner {
                scheduler.insert_second(&partner);
                drop((current, own, owned));
                scheduler.go(partner)
            } else {
                scheduler.append(&partner);
                drop((current, own, owned, partner));
                scheduler.delivered()
            }
        }

        /// Nobody waits: the current tasklet does.
        fn wait(
            zelf: &Py<Self>,
            scheduler: &Scheduler,
            sent: Option<Delivery>,
            vm: &VirtualMachine,
        ) -> PyResult {
            let current = scheduler.current();
            if current.state().is_block_trap {
                return Err(vm.new_runtime_error("this tasklet does not like to be blocked."));
            }
            if zelf.manners.lock().is_closing {
                return Err(vm.new_value_error("Send/receive operation on a closed channel"));
            }
            let is_sender = sent.is_some();
            let own = current.deliver(sent.unwrap_or_else(|| Delivery::Value(vm.ctx.none())));
            let owned = scheduler.take_out(&current);
            let is_waiting = scheduler.append_to(&zelf.to_owned(), is_sender);
            if !is_waiting {
                drop(scheduler.resume_with(&current, Some(Delivery::Value(vm.ctx.none()))));
                scheduler.go(current).map(drop)?;
                return Err(vm.new_runtime_error(FOREIGN));
            }
            drop((current, own, owned));
            scheduler.leave()
        }
    }

    impl DefaultConstructor for Channel {}

    impl Initializer for Channel {
        type Args = FuncArgs;

        fn init(_zelf: &Py<Self>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<()> {
            Ok(())
        }
    }

    impl SelfIter for Channel {}

    impl IterNext for Channel {
        fn next(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
            if Self::closed(zelf) {
                return Ok(PyIterReturn::StopIteration(None));
            }
            PyIterReturn::from_pyresult(Self::act(zelf, None, vm), vm)
        }
    }

    impl Representable for Channel {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok(format!(
                "<stackless.channel object at {:#x}, balance {}>",
                zelf.get_id(),
                Self::balance(zelf)
            ))
        }
    }

    #[derive(rustpython_vm::FromArgs)]
    struct ThrowArgs {
        #[pyarg(any)]
        exc: PyObjectRef,
        #[pyarg(any, optional)]
        val: OptionalOption<PyObjectRef>,
        #[pyarg(any, optional)]
        tb: OptionalOption<PyObjectRef>,
    }

    #[pyclass(
        with(Constructor, Initializer, Iterable, IterNext, Representable),
        flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
    )]
    impl Channel {
        /// Send a value, waiting for somebody who receives it.
        #[pymethod]
        fn send(zelf: &Py<Self>, value: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            Self::act(zelf, Some(Delivery::Value(value)), vm).map(drop)
        }

        /// Receive a value, waiting for somebody who sends one.
        #[pymethod]
        fn receive(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            Self::act(zelf, None, vm)
        }

        /// Have `exc(*args)` raised in whoever receives.
        #[pymethod]
        fn send_exception(
            zelf: &Py<Self>,
            mut args: FuncArgs,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let class: Option<PyTypeRef> = args
                .take_positional()
                .and_then(|class| class.downcast().ok());
            let error = super::super::exception_of(class, args.args, vm)?;
            Self::act(zelf, Some(Delivery::Raise(error)), vm).map(drop)
        }

        /// Have an exception raised in whoever receives, as `raise` and a traceback would.
        #[pymethod]
        fn send_throw(zelf: &Py<Self>, args: ThrowArgs, vm: &VirtualMachine) -> PyResult<()> {
            let none = || vm.ctx.none();
            let value = args.val.flatten().unwrap_or_else(none);
            let traceback = args.tb.flatten().unwrap_or_else(none);
            let error = super::super::exception_from(args.exc, value, traceback, vm)?;
            Self::act(zelf, Some(Delivery::Raise(error)), vm).map(drop)
        }

        /// Send each item of an iterable; returns how many there were.
        #[pymethod]
        fn send_sequence(
            zelf: &Py<Self>,
            sequence: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult<usize> {
            let iterator = sequence.get_iter(vm)?;
            let mut count = 0;
            while let PyIterReturn::Return(value) = iterator.next(vm)? {
                Self::act(zelf, Some(Delivery::Value(value)), vm)?;
                count += 1;
            }
            Ok(count)
        }

        /// Have nobody wait any more who does not yet.
        #[pymethod]
        fn close(zelf: &Py<Self>) {
            zelf.manners.lock().is_closing = true;
        }

        /// Undo `close`.
        #[pymethod]
        fn open(zelf: &Py<Self>) {
            zelf.manners.lock().is_closing = false;
        }

        #[pygetset]
        fn closing(zelf: &Py<Self>) -> bool {
            zelf.manners.lock().is_closing
        }

        #[pygetset]
        fn closed(zelf: &Py<Self>) -> bool {
            Self::closing(zelf) && zelf.queue().ring.length == 0
        }

        /// How many wait: to send, or, as a negative number, to receive.
        #[pygetset]
        fn balance(zelf: &Py<Self>) -> isize {
            let queue = *zelf.queue();
            let length = queue.ring.length.cast_signed();
            if queue.are_senders { length } else { -length }
        }

        /// Who waits first.
        #[pygetset(name = "queue")]
        fn queue_head(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<Option<PyRef<Tasklet>>> {
            let scheduler = Scheduler::here(vm)?;
            let head = zelf.own_queue(scheduler, vm)?.ring.head;
            Ok(head.and_then(|head| scheduler.at(head)))
        }

        #[pygetset]
        fn preference(zelf: &Py<Self>) -> i8 {
            zelf.manners.lock().preference
        }

        #[pygetset(setter)]
        fn set_preference(
            zelf: &Py<Self>,
            value: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let value: i64 = value.try_to_value(vm)?;
            zelf.manners.lock().preference = value.signum() as i8;
            Ok(())
        }

        #[pygetset]
        fn schedule_all(zelf: &Py<Self>) -> bool {
            zelf.manners.lock().is_schedule_all
        }

        #[pygetset(setter)]
        fn set_schedule_all(
            zelf: &Py<Self>,
            flag: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let flag = flag.try_to_bool(vm)?;
            zelf.manners.lock().is_schedule_all = flag;
            Ok(())
        }

        #[pymethod]
        fn __reduce_ex__(
            _zelf: &Py<Self>,
            _protocol: PyObjectRef,
            vm: &VirtualMachine,
        ) -> PyResult {
            Err(vm.new_type_error("cannot pickle 'channel' object: those that wait have stacks"))
        }
    }
}
