//! What the kernel does around the scheduler, call by call
//! (`kernel/src/task/{scheduler,idle}.rs`), without stacks and registers: for machines that
//! are simulated or made of threads.

use sched::entity::Task;
use sched::local::Local;
use sched::policy::{Cause, Policy, Stop};
use sched::system::{Cores, System};

/// A task of a test.
pub trait Subject: Task + Clone {
    /// It begins to run on a core: it must run nowhere else.
    fn arrive(&self, core: usize);
    /// It has left its core.
    fn depart(&self);
}

/// A machine of a test.
pub trait Machine<T>: Cores<T> {
    type Policy: Policy;
    fn system(&self) -> &System<Self::Policy>;
}

/// Why a task leaves its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Park,
    Yield,
    Preemption,
    Die,
}

/// A core's own.
pub struct Core<T> {
    pub local: Local<T>,
    pub current: Option<T>,
    pub should_yield: bool,
    pub quantum_end: Option<u64>,
}

impl<T: Subject> Core<T> {
    pub fn new(id: usize) -> Self {
        Self {
            local: Local::new(id),
            current: None,
            should_yield: false,
            quantum_end: None,
        }
    }

    /// As `wake`, and `start_new` with [`Cause::New`].
    pub fn wake(&mut self, task: &T, cause: Cause, machine: &impl Machine<T>) {
        if task.entity().state.wake() {
            self.enqueue(task.clone(), cause, machine);
        }
    }

    fn enqueue(&mut self, task: T, cause: Cause, machine: &impl Machine<T>) {
        self.should_yield |= machine
            .system()
            .enqueue(&mut self.local, task, cause, machine);
        self.time_quantum(machine);
    }

    /// As `tick`: the timer's interrupt, or another core's.
    pub fn tick(&mut self, machine: &impl Machine<T>) {
        self.should_yield |= machine.system().look_at_inbox(&mut self.local, machine);
        if self.quantum_end.is_some_and(|end| machine.now() >= end) {
            self.quantum_end = None;
            machine.system().balance(&mut self.local, machine);
            self.should_yield |= !self.local.is_empty();
        }
        self.should_yield |= !self.may_stay();
        self.time_quantum(machine);
    }

    fn may_stay(&self) -> bool {
        let id = self.local.id();
        self.current
            .as_ref()
            .is_none_or(|task| task.entity().may_run_on(id))
    }

    fn time_quantum(&mut self, machine: &impl Machine<T>) {
        if self.quantum_end.is_none() && !self.should_yield {
            self.quantum_end = machine.system().slice_end(&self.local, machine);
        }
    }

    /// As `park`. False: a wake-up came before, and it goes on.
    pub fn park(&mut self, machine: &impl Machine<T>) -> bool {
        let goes_on = self
            .current
            .as_ref()
            .is_some_and(|task| task.entity().state.take_notification());
        if !goes_on {
            self.leave(Leave::Park, machine);
        }
        !goes_on
    }

    /// As `give_way`.
    pub fn give_way(&mut self, reason: Leave, machine: &impl Machine<T>) {
        self.should_yield = false;
        machine.system().look_at_inbox(&mut self.local, machine);
        if self.local.is_empty() && self.may_stay() {
            self.time_quantum(machine);
            return;
        }
        if reason == Leave::Preemption
            && let Some(task) = self.current.as_ref()
            && machine
                .system()
                .stays(&mut self.local, task.entity(), machine)
        {
            self.time_quantum(machine);
            return;
        }
        self.leave(reason, machine);
    }

    /// As `leave`, `switch_to` and `finish_switch`; also for a core that runs nothing.
    pub fn leave(&mut self, reason: Leave, machine: &impl Machine<T>) {
        let system = machine.system();
        let previous = self.current.take();
        if let Some(previous) = &previous {
            let how = match reason {
                Leave::Park => Stop::Sleeps,
                Leave::Yield => Stop::Yields,
                Leave::Preemption => Stop::Loses,
                Leave::Die => Stop::Ends,
            };
            system.end(&mut self.local, previous.entity(), how, machine);
            if reason == Leave::Preemption {
                previous.entity().note_preemption();
            }
        }
        let next = system.pick(&mut self.local, machine).or_else(|| {
            let has_found = system.search(&mut self.local, machine);
            has_found.then(|| system.pick(&mut self.local, machine))?
        });
        self.quantum_end = None;
        self.should_yield = false;
        if let Some(next) = next {
            next.arrive(self.local.id());
            self.should_yield = !system.begin(&mut self.local, next.entity(), machine);
            self.current = Some(next);
            self.time_quantum(machine);
        }
        let Some(previous) = previous else { return };
        previous.depart();
        let state = &previous.entity().state;
        match reason {
            Leave::Park => {
                if state.finish_park() {
                    self.enqueue(previous, Cause::Wake, machine);
                }
            }
            Leave::Yield | Leave::Preemption => {
                state.finish_yield();
                let cause = match reason {
                    Leave::Yield => Cause::Yield,
                    _ => Cause::Preemption,
                };
                self.enqueue(previous, cause, machine);
            }
            Leave::Die => state.die(),
        }
    }
}
