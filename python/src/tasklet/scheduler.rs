//! The tasklets of a thread: which of them run, in which order, and how one leaves for the
//! next.
//!
//! Each thread that uses tasklets has a [`Scheduler`] of its own, and its tasklets never
//! leave it. The ring of runnable tasklets begins with the current one, where that is in it.
//! A tasklet that is not runnable waits at a channel, or is paused: nobody but its owner
//! knows it then.
//!
//! Invariants:
//!
//! - No lock is held, no cell is borrowed and no object is owned by the frames of this file
//!   while another tasklet runs, but for what the caller of a method has. Objects are dropped
//!   outside of borrows: a destructor may run anything, and may switch.
//! - The current tasklet is owned by [`Scheduler::current`], one in a ring by the table of
//!   links. The stack of a tasklet does not own it: who drops the last reference to a paused
//!   one has it condemned (`Tasklet::condemn`), so that it is unwound at its next turn.
//! - `running` is the coroutine of `current`.
//! - A tasklet that has ended leaves its stack for the last time; whoever comes next frees it
//!   ([`Scheduler::arrive`]).

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{AsObject, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine};

use super::channel::Channel;
use super::coroutine::Coroutine;
use super::hooks;
use super::life;
use super::machine::{self, Layout};
use super::ring::{Index, Links, Ring};
use super::tasklet::{Delivery, Phase, Place, Tasklet};
use super::threads;
use super::watchdog::Watch;

/// Coroutines of tasklets that have ended, which the next ones take.
const SPARE: usize = 64;

/// What the last runnable tasklet is told.
const DEADLOCK: &str = "Deadlock: the last runnable tasklet cannot be blocked.";

/// What somebody owned who does not any more. It is dropped when things are as they should
/// be, since that may run anything.
pub(super) type Leftover = (Option<(PyRef<Tasklet>, Place)>, Option<Delivery>);

/// The tasklets of a thread.
pub(super) struct Scheduler {
    /// Never that of another scheduler, also of threads that have ended.
    pub(super) id: u64,
    /// The thread, as `threading.get_ident` numbers it.
    pub(super) thread: u64,
    vm: NonNull<VirtualMachine>,
    layout: Layout,
    pub(super) main: PyRef<Tasklet>,
    current: RefCell<PyRef<Tasklet>>,
    running: Cell<NonNull<Coroutine>>,
    links: RefCell<Links<PyRef<Tasklet>>>,
    runnable: Cell<Ring>,
    /// Those that are inside of `run`, the innermost last.
    watchdogs: RefCell<Vec<PyRef<Tasklet>>>,
    pub(super) watch: Watch,
    /// The coroutine of a tasklet that has just ended.
    ended: Cell<Option<Box<Coroutine>>>,
    /// The tasklet that was left, until the one that was come to can drop it.
    left: Cell<Option<PyRef<Tasklet>>>,
    /// What else a tasklet that ended has left to be dropped.
    litter: Cell<Vec<Leftover>>,
    /// Those of tasklets that have ended, for the next ones.
    #[expect(clippy::vec_box, reason = "they change hands as boxes")]
    spare: RefCell<Vec<Box<Coroutine>>>,
}

thread_local! {
    static HERE: Cell<Option<NonNull<Scheduler>>> = const { Cell::new(None) };
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Scheduler {
    /// The calling thread's, where it has one.
    pub(super) fn existing<'a>() -> Option<&'a Self> {
        // SAFETY: it lives until the thread is about to end (`close`), when none of its
        // tasklets is left that could use it.
        HERE.get().map(|here| unsafe { here.as_ref() })
    }

    /// The calling thread's.
    ///
    /// # Errors
    /// `RuntimeError` where the thread's tasklets are another interpreter's.
    pub(super) fn here<'a>(vm: &VirtualMachine) -> PyResult<&'a Self> {
        let here = match Self::existing() {
            Some(here) => here,
            None => Self::begin(vm)?,
        };
        if std::ptr::eq(here.vm.as_ptr(), vm) {
            Ok(here)
        } else {
            Err(vm.new_runtime_error("the tasklets of this thread are another interpreter's"))
        }
    }

    #[cold]
    fn begin<'a>(vm: &VirtualMachine) -> PyResult<&'a Self> {
        let layout = Layout::find(vm)?;
        let context = machine::current_context(vm)?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        // SAFETY: takes no argument.
        let thread = unsafe { libc::pthread_self() };
        let mut coroutine = Coroutine::of_thread();
        let running = NonNull::from(&mut *coroutine);
        let main = Tasklet::main(id, thread, coroutine, context).into_ref(&vm.ctx);
        let scheduler = Box::new(Self {
            id,
            thread,
            vm: NonNull::from(vm),
            layout,
            current: RefCell::new(main.clone()),
            running: Cell::new(running),
            links: RefCell::new(Links::new()),
            runnable: Cell::new(Ring::default()),
            watchdogs: RefCell::new(Vec::new()),
            watch: Watch::new(),
            ended: Cell::new(None),
            left: Cell::new(None),
            litter: Cell::new(Vec::new()),
            spare: RefCell::new(Vec::new()),
            main: main.clone(),
        });
        scheduler.append(&main);
        let scheduler = NonNull::from(Box::leak(scheduler));
        HERE.set(Some(scheduler));
        threads::add(id, thread);
        hooks::begun(thread, vm)?;
        // SAFETY: as in `existing`.
        Ok(unsafe { scheduler.as_ref() })
    }

    /// The thread's machine.
    pub(super) fn vm<'a>(&self) -> &'a VirtualMachine {
        // SAFETY: the machine of a thread lives as long as anything of Python runs on it.
        unsafe { self.vm.as_ref() }
    }

    pub(super) fn current(&self) -> PyRef<Tasklet> {
        self.current.borrow().clone()
    }

    pub(super) fn is_current(&self, tasklet: &Py<Tasklet>) -> bool {
        self.current.borrow().is(tasklet)
    }

    /// How many can run, the current one among them.
    pub(super) fn run_count(&self) -> usize {
        self.runnable.get().length
    }

    /// The innermost tasklet that is inside of `run`, or the main one.
    pub(super) fn watchdog(&self) -> PyRef<Tasklet> {
        self.watchdogs.borrow().last().unwrap_or(&self.main).clone()
    }

    /// The one that began the innermost `run`, if any.
    pub(super) fn is_watched(&self) -> bool {
        self.watchdogs
            .borrow()
            .last()
            .is_some_and(|watchdog| !self.is_current(watchdog))
    }

    // Rings. None of these runs anything.

    fn edit<R>(&self, edit: impl FnOnce(&mut Links<PyRef<Tasklet>>, &mut Ring) -> R) -> R {
        let mut ring = self.runnable.get();
        let result = edit(&mut self.links.borrow_mut(), &mut ring);
        self.runnable.set(ring);
        result
    }

    /// Puts a tasklet that is nowhere into the ring of runnable ones. Does nothing where it
    /// has become another thread's meanwhile: one that is in a ring, or has a stack, does not.
    fn put(
        &self,
        tasklet: &PyRef<Tasklet>,
        put: fn(&mut Links<PyRef<Tasklet>>, &mut Ring, PyRef<Tasklet>) -> Index,
    ) {
        let mut state = tasklet.state();
        if state.is_of(self.id) && matches!(state.place, Place::Nowhere) {
            let index = self.edit(|links, ring| put(links, ring, tasklet.clone()));
            state.place = Place::Runnable(index);
        }
    }

    /// Puts a tasklet that is nowhere at the end of the runnable ones.
    pub(super) fn append(&self, tasklet: &PyRef<Tasklet>) {
        self.put(tasklet, Links::append);
    }

    /// Puts a tasklet that is nowhere behind the current one.
    pub(super) fn insert_second(&self, tasklet: &PyRef<Tasklet>) {
        self.put(tasklet, Links::insert_second);
    }

    /// Takes a tasklet out of wherever it is. What is returned owned it, and is to be dropped
    /// when things are as they should be.
    #[must_use]
    pub(super) fn take_out(&self, tasklet: &Py<Tasklet>) -> Option<(PyRef<Tasklet>, Place)> {
        let place = std::mem::replace(&mut tasklet.state().place, Place::Nowhere);
        let owned = match &place {
            Place::Nowhere => None,
            Place::Runnable(index) => self.edit(|links, ring| links.remove(ring, *index)),
            Place::Waiting(index, channel) => {
                let mut queue = channel.queue();
                self.links.borrow_mut().remove(&mut queue.ring, *index)
            }
        };
        owned.map(|owned| (owned, place))
    }

    /// Has the current tasklet, which is nowhere, wait at the end of a channel's queue;
    /// whether it may: others than this thread's do not wait there.
    #[must_use]
    pub(super) fn append_to(&self, channel: &PyRef<Channel>, is_sender: bool) -> bool {
        let current = self.current();
        let mut queue = channel.queue();
        if !queue.may_be_used_by(self.id) {
            return false;
        }
        queue.scheduler = self.id;
        queue.are_senders = is_sender;
        let index = self
            .links
            .borrow_mut()
            .append(&mut queue.ring, current.clone());
        drop(queue);
        current.state().place = Place::Waiting(index, channel.clone());
        true
    }

    /// The tasklet at an index of the table.
    pub(super) fn at(&self, index: Index) -> Option<PyRef<Tasklet>> {
        self.links.borrow().get(index).cloned()
    }

    /// The neighbours of a tasklet in its ring: the previous and the next one.
    pub(super) fn neighbours(&self, index: Index) -> [Option<PyRef<Tasklet>>; 2] {
        let links = self.links.borrow();
        [links.previous(index).cloned(), links.next(index).cloned()]
    }

    // Leaving.

    /// Goes to the next runnable tasklet; the current one stays where it is in the ring.
    pub(super) fn next(&self) -> PyResult {
        let next = self.edit(|links, ring| {
            links.advance(ring);
            ring.head.and_then(|head| links.get(head)).cloned()
        });
        self.go(next.unwrap_or_else(|| self.current()))
    }

    /// Goes to whoever has to run now that the current tasklet is no longer runnable.
    pub(super) fn leave(&self) -> PyResult {
        let (next, leftover) = self.successor();
        drop(leftover);
        self.go(next)
    }

    /// Who runs when the current tasklet cannot: the first of the ring; where that is empty
    /// whoever waits in `run`, or the main tasklet, which is told of the deadlock.
    fn successor(&self) -> (PyRef<Tasklet>, Leftover) {
        let ring = self.runnable.get();
        if let Some(next) = ring.head.and_then(|head| self.at(head)) {
            return (next, (None, None));
        }
        let watchdog = self.watchdogs.borrow().last().cloned();
        if let Some(watchdog) = watchdog {
            let leftover = self.resume_with(&watchdog, None);
            return (watchdog, leftover);
        }
        let main = self.main.clone();
        let is_blocked = matches!(main.state().place, Place::Waiting(..));
        let bomb = (is_blocked || self.is_current(&main))
            .then(|| Delivery::Raise(self.vm().new_runtime_error(DEADLOCK)));
        let leftover = self.resume_with(&main, bomb);
        (main, leftover)
    }

    /// Makes a tasklet runnable wherever it is, with something for it, or with what it has.
    #[must_use]
    pub(super) fn resume_with(
        &self,
        tasklet: &PyRef<Tasklet>,
        delivery: Option<Delivery>,
    ) -> Leftover {
        let is_runnable = matches!(tasklet.state().place, Place::Runnable(_));
        let owned = if is_runnable {
            None
        } else {
            let owned = self.take_out(tasklet);
            self.append(tasklet);
            owned
        };
        (owned, delivery.map(|new| tasklet.deliver(new)))
    }

    fn set_head(&self, tasklet: &Py<Tasklet>) {
        let state = tasklet.state();
        if let Place::Runnable(index) = state.place
            && state.is_of(self.id)
        {
            let mut ring = self.runnable.get();
            ring.head = Some(index);
            self.runnable.set(ring);
        }
    }

    /// Goes to a runnable tasklet. Returns what the current one is given when it is come
    /// back to.
    pub(super) fn go(&self, to: PyRef<Tasklet>) -> PyResult {
        let to = if self.watch.ends_softly() && self.is_watched() {
            let watchdog = self.watchdog();
            drop(self.resume_with(&watchdog, None));
            watchdog
        } else {
            to
        };
        self.set_head(&to);
        if self.is_current(&to) {
            drop(to);
            return self.delivered();
        }
        if hooks::SCHEDULE.is_set() {
            hooks::scheduling(Some(&self.current()), Some(&to), self.vm());
            // Whoever was called may have changed everything.
            if !matches!(to.state().place, Place::Runnable(_)) || self.is_current(&to) {
                drop(to);
                let is_runnable = matches!(self.current().state().place, Place::Runnable(_));
                return if is_runnable {
                    self.delivered()
                } else {
                    self.leave()
                };
            }
            self.set_head(&to);
        }
        self.watch.settle(self.vm());
        match self.coroutine_of(&to) {
            Ok(coroutine) => self.transfer(to, coroutine),
            Err(error) => self.not_begun(to, &error),
        }
    }

    /// The switch itself. Nothing is owned by this frame while it lasts.
    fn transfer(&self, to: PyRef<Tasklet>, coroutine: NonNull<Coroutine>) -> PyResult {
        let from = self.running.replace(coroutine);
        let left = self.current.replace(to);
        let unseen = self.left.replace(Some(left));
        debug_assert!(unseen.is_none());
        self.watch.switched();
        // SAFETY: `from` is what runs, and lives while its tasklet is under way; `to` is of
        // this thread and parked, since it is not the current one.
        unsafe { Coroutine::transfer(self.vm, self.layout, from, coroutine) };
        let left = self.arrive();
        let delivered = self.delivered();
        drop(left);
        delivered
    }

    /// What is due for whoever has just been come to. What is returned is to be dropped.
    #[must_use]
    pub(super) fn arrive(&self) -> (Option<PyRef<Tasklet>>, Vec<Leftover>) {
        if let Some(mut ended) = self.ended.take() {
            let has_room = self.spare.borrow().len() < SPARE;
            if has_room && ended.is_of_size() {
                ended.renew(self.vm(), life::entry);
                self.spare.borrow_mut().push(ended);
            }
        }
        (self.left.take(), self.litter.take())
    }

    /// What was left for the current tasklet.
    pub(super) fn delivered(&self) -> PyResult {
        let none = Delivery::Value(self.vm().ctx.none());
        let delivery = self.current.borrow().deliver(none);
        match delivery {
            Delivery::Value(value) => Ok(value),
            Delivery::Raise(error) => Err(error),
        }
    }

    /// The coroutine of a tasklet, made where it has none yet.
    fn coroutine_of(&self, tasklet: &Py<Tasklet>) -> Result<NonNull<Coroutine>, Refusal> {
        if let Some(coroutine) = &mut tasklet.state().coroutine {
            return Ok(NonNull::from(&mut **coroutine));
        }
        let spare = self.spare.borrow_mut().pop();
        let mut coroutine = match spare {
            Some(spare) if spare.is_of_size() => spare,
            _ => Coroutine::new(self.vm(), life::entry).map_err(Refusal::NoRoom)?,
        };
        let pointer = NonNull::from(&mut *coroutine);
        let mut state = tasklet.state();
        if !state.is_of(self.id) {
            return Err(Refusal::Foreign);
        }
        state.coroutine = Some(coroutine);
        state.phase = Phase::UnderWay;
        Ok(pointer)
    }

    /// The tasklet cannot be gone to: the current one, which goes on, is told.
    #[cold]
    fn not_begun(&self, tasklet: PyRef<Tasklet>, why: &Refusal) -> PyResult {
        let owned = self.take_out(&tasklet);
        let call = match why {
            Refusal::Foreign => None,
            Refusal::NoRoom(_) => {
                let mut state = tasklet.state();
                state.phase = Phase::Ended;
                state.call.take()
            }
        };
        let current = self.current();
        let leftover = self.resume_with(&current, None);
        self.set_head(&current);
        drop((current, leftover, owned, call, tasklet));
        Err(why.error(self.vm()))
    }

    /// Ends the current tasklet, and chooses who comes next. The caller has dropped all that
    /// it had, and goes to what is returned, for ever.
    ///
    /// Runs nothing of Python: whoever is come to would take the stack away that it ran on.
    /// So nothing is dropped here that anybody else may not own.
    pub(super) fn end(&self, mut error: Option<PyBaseExceptionRef>) -> NonNull<Coroutine> {
        let ended = self.current();
        let owned = self.take_out(&ended);
        let mut litter = Vec::new();
        let coroutine = {
            let mut state = ended.state();
            state.phase = Phase::Ended;
            state.coroutine.take()
        };
        if let Some(mut coroutine) = coroutine {
            coroutine.end();
            self.ended.set(Some(coroutine));
        }
        loop {
            let (next, leftover) = match error.take() {
                Some(error) => {
                    let watchdog = self.watchdog();
                    let leftover = self.resume_with(&watchdog, Some(Delivery::Raise(error)));
                    (watchdog, leftover)
                }
                None => self.successor(),
            };
            litter.push(leftover);
            self.set_head(&next);
            match self.coroutine_of(&next) {
                Ok(coroutine) => {
                    self.running.set(coroutine);
                    // The one that ended is dropped by whoever is next.
                    self.left.set(Some(self.current.replace(next)));
                    // `left` owns it still.
                    drop((owned, ended));
                    litter.retain(|(owned, old)| owned.is_some() || old.is_some());
                    self.litter.set(litter);
                    self.watch.switched();
                    return coroutine;
                }
                Err(why) => {
                    error = Some(why.error(self.vm()));
                    litter.push((self.take_out(&next), None));
                    let mut state = next.state();
                    state.phase = Phase::Ended;
                    // Its call stays in it, and goes with it.
                    drop(state);
                    litter.push((Some((next, Place::Nowhere)), None));
                }
            }
        }
    }

    /// Goes from a tasklet that has ended, and whose coroutine is `ended`, to what `end` has
    /// chosen.
    pub(super) fn part(&self, next: NonNull<Coroutine>) -> ! {
        let ended = self.ended.take().map(Box::into_raw);
        let Some(from) = ended.and_then(NonNull::new) else {
            unreachable!("a tasklet that ended had a coroutine");
        };
        // SAFETY: `into_raw` above. The box stays where it is, also while it changes hands.
        self.ended
            .set(Some(unsafe { Box::from_raw(from.as_ptr()) }));
        // SAFETY: `from` is what runs, and lives until `next` arrives, which is another one.
        unsafe { Coroutine::transfer(self.vm, self.layout, from, next) };
        unreachable!("a tasklet that ended is never come back to")
    }

    // `run`.

    /// Lets the others run until none can, one fails, or one is interrupted.
    pub(super) fn run_others(&self) -> PyResult {
        let current = self.current();
        let owned = self.take_out(&current);
        if self.run_count() == 0 {
            self.append(&current);
            drop(owned);
            return Ok(self.vm().ctx.none());
        }
        self.watchdogs.borrow_mut().push(current.clone());
        drop((current, owned));
        let result = self.leave();
        let current = self.current();
        let watchdog = {
            let mut watchdogs = self.watchdogs.borrow_mut();
            let found = watchdogs.iter().rposition(|watchdog| watchdog.is(&current));
            found.map(|place| watchdogs.remove(place))
        };
        drop(watchdog);
        result
    }

    /// Interrupts the current tasklet: it is paused, and whoever runs it is given it.
    pub(super) fn interrupt(&self) -> PyResult<()> {
        let current = self.current();
        let owned = self.take_out(&current);
        let watchdog = self.watchdog();
        let current: PyObjectRef = current.into();
        let leftover = self.resume_with(&watchdog, Some(Delivery::Value(current)));
        drop((owned, leftover));
        self.go(watchdog).map(drop)
    }

    // The end.

    /// All tasklets that are in a ring, but for the main one.
    fn linked(&self) -> Vec<PyRef<Tasklet>> {
        let links = self.links.borrow();
        let all = links.iter().filter(|tasklet| !tasklet.is(&self.main));
        all.cloned().collect()
    }

    /// Ends all tasklets that are in a ring, as far as they let themselves be ended: those
    /// that have not begun never will. Does nothing in another than the main one.
    pub(super) fn kill_all(&self) {
        const ROUNDS: usize = 10;
        let vm = self.vm();
        for _ in 0..ROUNDS {
            let all = self.linked();
            if all.is_empty() || !self.is_current(&self.main) {
                return;
            }
            for tasklet in all {
                if tasklet.state().phase != Phase::UnderWay {
                    drop(self.take_out(&tasklet));
                } else if let Ok(exit) = hooks::tasklet_exit(vm)
                    && let Err(error) = life::throw(self, tasklet, exit, true)
                {
                    vm.run_unraisable(error, None, vm.ctx.none());
                }
            }
            if let Err(error) = self.next() {
                vm.run_unraisable(error, None, vm.ctx.none());
            }
        }
    }

    /// The thread is about to end: so do its tasklets.
    pub(super) fn close(&self) {
        self.kill_all();
        if self.is_current(&self.main) && self.linked().is_empty() {
            self.spare.take().clear();
        }
        // What remains cannot be unwound any more; its memory stays as it is, and so does
        // this, which the others may look at.
        HERE.set(None);
        threads::remove(self.id);
    }
}

/// Why a tasklet cannot be gone to.
enum Refusal {
    /// There is no room for a stack.
    NoRoom(std::io::Error),
    /// Another thread has bound it.
    Foreign,
}

impl Refusal {
    fn error(&self, vm: &VirtualMachine) -> PyBaseExceptionRef {
        match self {
            Self::NoRoom(error) => vm.new_memory_error(format!("no stack for a tasklet: {error}")),
            Self::Foreign => vm.new_runtime_error("the tasklet belongs to another thread"),
        }
    }
}
