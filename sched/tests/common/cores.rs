//! A small machine whose cores are threads: those of the model checker, or real ones.
//!
//! Each core does what the kernel does ([`crate::kernel`]); a task is a list of things to
//! do. Time is a counter that goes on whenever it is read. A core that halts waits for an
//! interrupt, and for nothing else: a lost one is a machine that hangs.

use core::sync::atomic::{AtomicU64, AtomicUsize as Plain};
use std::sync::Arc;

use sched::entity::{Entity, Task};
use sched::mask::CoreMask;
use sched::policy::{Cause, Fair};
use sched::shared::Shared;
use sched::state::TaskState;
use sched::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use sched::system::{Cores, System};

#[cfg(shuttle)]
use shuttle::{
    sync::{Condvar, Mutex},
    thread,
};
#[cfg(not(shuttle))]
use std::{
    sync::{Condvar, Mutex},
    thread,
};

use crate::kernel::{Core, Leave, Machine, Subject};

/// What a task does next.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Lets others run.
    Yield,
    /// Runs on: whatever wants its core interrupts it.
    Run,
    /// Sleeps until its core's timer wakes it.
    Sleep,
    /// Wakes another task, or one that waits for this later.
    Wake(usize),
    /// Waits to be woken so.
    Wait,
    /// Runs on and on until it is: it leaves its core to others only if that is interrupted.
    Spin,
    /// Keeps another task, or itself, to some cores.
    Bind(usize, CoreMask),
    /// Starts another task.
    Start(usize),
}

pub struct Body {
    entity: Entity,
    steps: Vec<Step>,
    position: Plain,
    /// Wake-ups not yet waited for.
    wakes: AtomicUsize,
    is_running: AtomicBool,
    /// Cores that change its affinity at this moment.
    binders: AtomicUsize,
}

#[derive(Clone)]
pub struct Program(Arc<Body>);

impl Task for Program {
    fn entity(&self) -> &Entity {
        &self.0.entity
    }
}

impl Subject for Program {
    fn arrive(&self, _: usize) {
        let was_running = self.0.is_running.swap(true, Ordering::SeqCst);
        assert!(!was_running, "a task runs on two cores at once");
    }

    fn depart(&self) {
        self.0.is_running.store(false, Ordering::SeqCst);
    }
}

impl Program {
    /// A task that has not been started.
    pub fn new(steps: Vec<Step>) -> Self {
        Self(Arc::new(Body {
            entity: Entity::new(TaskState::parked()),
            steps,
            position: Plain::new(0),
            wakes: AtomicUsize::new(0),
            is_running: AtomicBool::new(false),
            binders: AtomicUsize::new(0),
        }))
    }
}

/// The interrupt line of a core.
struct Line {
    is_raised: Mutex<bool>,
    changed: Condvar,
    /// Interrupts that came from the scheduler.
    received: AtomicU64,
}

pub struct Threads {
    shared: Vec<Shared<Program>>,
    lines: Vec<Line>,
    system: System<Fair>,
    clock: AtomicU64,
    tick: u64,
    programs: Vec<Program>,
    /// Tasks that have not ended.
    alive: AtomicUsize,
}

impl Cores<Program> for Threads {
    fn count(&self) -> usize {
        self.shared.len()
    }

    fn shared(&self, core: usize) -> &Shared<Program> {
        &self.shared[core]
    }

    fn interrupt(&self, core: usize) {
        self.lines[core].received.fetch_add(1, Ordering::Relaxed);
        self.raise(core);
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(self.tick, Ordering::Relaxed)
    }
}

impl Machine<Program> for Threads {
    type Policy = Fair;

    fn system(&self) -> &System<Fair> {
        &self.system
    }
}

/// A core and its timer.
struct Processor {
    core: Core<Program>,
    sleepers: Vec<Program>,
}

impl Threads {
    /// Runs `programs` on as many cores, of which core 0 starts the first `started`, until
    /// all have ended; `tick` nanoseconds pass whenever somebody looks at the clock.
    pub fn run(cores: usize, programs: Vec<Program>, started: usize, tick: u64) {
        let own: Vec<Core<Program>> = (0..cores).map(Core::new).collect();
        let machine = Arc::new(Self {
            shared: own.iter().map(|core| Shared::new(&core.local)).collect(),
            lines: own
                .iter()
                .map(|_| Line {
                    is_raised: Mutex::new(false),
                    changed: Condvar::new(),
                    received: AtomicU64::new(0),
                })
                .collect(),
            system: System::new(Fair),
            clock: AtomicU64::new(1),
            tick,
            alive: AtomicUsize::new(programs.len()),
            programs,
        });
        let threads: Vec<_> = own
            .into_iter()
            .map(|core| {
                let machine = machine.clone();
                thread::spawn(move || {
                    let mut processor = Processor {
                        core,
                        sleepers: Vec::new(),
                    };
                    if processor.core.local.id() == 0 {
                        for program in &machine.programs[..started] {
                            processor.core.wake(program, Cause::New, &*machine);
                        }
                    }
                    processor.live(&machine);
                    processor.core
                })
            })
            .collect();
        let own: Vec<Core<Program>> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        machine.check(&own);
    }

    fn raise(&self, core: usize) {
        let mut is_raised = self.lines[core].is_raised.lock().unwrap();
        *is_raised = true;
        self.lines[core].changed.notify_one();
    }

    fn take_interrupt(&self, core: usize) -> bool {
        std::mem::take(&mut *self.lines[core].is_raised.lock().unwrap())
    }

    fn wait_for_interrupt(&self, core: usize) {
        let mut is_raised = self.lines[core].is_raised.lock().unwrap();
        while !*is_raised {
            is_raised = self.lines[core].changed.wait(is_raised).unwrap();
        }
    }

    fn is_over(&self) -> bool {
        self.alive.load(Ordering::SeqCst) == 0
    }

    /// All have ended: nothing is left anywhere, and everything was counted.
    fn check(&self, own: &[Core<Program>]) {
        let (mut received, mut sent) = (0, 0);
        for (core, own) in own.iter().enumerate() {
            let shared = &self.shared[core];
            let counts = &shared.counts;
            assert!(own.local.is_empty() && own.current.is_none());
            let gone = counts.popped.get() + counts.stolen.get() + counts.dropped.get();
            assert_eq!(counts.queued.get(), gone, "core {core}");
            assert_eq!(shared.load(), 0, "core {core}");
            received += self.lines[core].received.load(Ordering::Relaxed);
            sent += counts.interrupts_sent.get();
        }
        assert_eq!(received, sent);
        assert!(!self.system.idle.is_searched());
        for program in &self.programs {
            assert!(program.entity().state.is_dead());
            assert_eq!(
                program.0.position.load(Ordering::Relaxed),
                program.0.steps.len()
            );
        }
        let moved: u64 = self
            .shared
            .iter()
            .map(|it| it.counts.steals_moved.get())
            .sum();
        let stolen: u64 = self.shared.iter().map(|it| it.counts.stolen.get()).sum();
        assert_eq!(moved, stolen);
    }
}

impl Processor {
    fn live(&mut self, machine: &Threads) {
        let id = self.core.local.id();
        while !machine.is_over() {
            let is_interrupted = machine.take_interrupt(id);
            let is_late = self
                .core
                .quantum_end
                .is_some_and(|end| machine.now() >= end);
            if is_interrupted || is_late {
                self.core.tick(machine);
            }
            // The timer, now and then.
            if let Some(sleeper) = self.sleepers.pop() {
                self.core.wake(&sleeper, Cause::Wake, machine);
            }
            // As at the return to user mode: also if the one that comes should leave.
            while self.core.should_yield {
                self.core.give_way(Leave::Preemption, machine);
            }
            match self.core.current.clone() {
                Some(task) => self.act(&task, machine),
                None => self.idle(machine),
            }
        }
    }

    fn idle(&mut self, machine: &Threads) {
        let id = self.core.local.id();
        self.core.leave(Leave::Yield, machine);
        if self.core.current.is_some() {
            return;
        }
        machine.system.idle.announce(id);
        if machine.system.begin_halt(&self.core.local, machine)
            && self.sleepers.is_empty()
            && !machine.is_over()
        {
            machine.wait_for_interrupt(id);
        }
        machine.system.end_idle(id);
    }

    /// The task does one step.
    fn act(&mut self, task: &Program, machine: &Threads) {
        let id = self.core.local.id();
        let body = &task.0;
        if !task.entity().may_run_on(id) {
            // Just now; and whoever decided it has told us, or is about to.
            let is_told = body.binders.load(Ordering::SeqCst) > 0
                || *machine.lines[id].is_raised.lock().unwrap();
            assert!(is_told, "it runs where it may not");
        }
        // Only the core that runs the task is here.
        let position = body.position.load(Ordering::Relaxed);
        let Some(step) = body.steps.get(position) else {
            self.core.leave(Leave::Die, machine);
            if machine.alive.fetch_sub(1, Ordering::SeqCst) == 1 {
                // The last one: whoever halts need not any more.
                for core in 0..machine.count() {
                    machine.raise(core);
                }
            }
            return;
        };
        if let Step::Wait | Step::Spin = step {
            let has_come = body.wakes.load(Ordering::Relaxed) > 0;
            match step {
                _ if has_come => body.wakes.fetch_sub(1, Ordering::Relaxed),
                Step::Wait => {
                    self.core.park(machine);
                    return;
                }
                _ => {
                    thread::yield_now();
                    return;
                }
            };
        }
        body.position.store(position + 1, Ordering::Relaxed);
        match *step {
            Step::Wait | Step::Spin => {}
            Step::Run => thread::yield_now(),
            Step::Yield => self.core.give_way(Leave::Yield, machine),
            Step::Sleep => {
                self.sleepers.push(task.clone());
                self.core.park(machine);
            }
            Step::Wake(other) => {
                let other = &machine.programs[other];
                // The wake-up is what makes this seen.
                other.0.wakes.fetch_add(1, Ordering::Relaxed);
                self.core.wake(other, Cause::Wake, machine);
            }
            Step::Start(other) => {
                let other = &machine.programs[other];
                self.core.wake(other, Cause::New, machine);
            }
            Step::Bind(other, mask) => {
                let other = &machine.programs[other];
                other.0.binders.fetch_add(1, Ordering::SeqCst);
                other.entity().set_affinity(mask);
                if let Some(core) = other.entity().last_core() {
                    machine.raise(core);
                }
                other.0.binders.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}
