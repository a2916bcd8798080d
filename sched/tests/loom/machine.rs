//! A machine for the models: cores without interrupts, which only count them, and a clock
//! that stands still.

use loom::sync::atomic::{AtomicUsize, Ordering};
use sched::entity::{Entity, Task};
use sched::local::Local;
use sched::policy::{Cause, Policy, View};
use sched::shared::Shared;
use sched::state::TaskState;
use sched::system::{Cores, System};
use std::sync::Arc;

pub struct TestTask {
    entity: Entity,
    /// Times that it was picked.
    pub runs: AtomicUsize,
}

impl Task for TestTask {
    fn entity(&self) -> &Entity {
        &self.entity
    }
}

impl TestTask {
    /// A task that sleeps.
    pub fn parked() -> Arc<Self> {
        Arc::new(Self {
            entity: Entity::new(TaskState::parked()),
            runs: AtomicUsize::new(0),
        })
    }

    /// A task that runs.
    pub fn running() -> Arc<Self> {
        Arc::new(Self {
            entity: Entity::new(TaskState::running()),
            runs: AtomicUsize::new(0),
        })
    }
}

/// Puts every new or woken task on one core.
pub struct Always(pub usize);

impl Policy for Always {
    fn place(&self, _: &Entity, _: Cause, _: &View<'_>) -> Option<usize> {
        Some(self.0)
    }

    fn weight(&self, _: &Entity) -> u32 {
        1024
    }

    fn slice(&self, _: &Entity) -> u64 {
        1_000_000
    }
}

pub struct Machine {
    shared: Vec<Shared<Arc<TestTask>>>,
    interrupts: Vec<AtomicUsize>,
    pub system: System<Always>,
}

impl Cores<Arc<TestTask>> for Machine {
    fn count(&self) -> usize {
        self.shared.len()
    }

    fn shared(&self, core: usize) -> &Shared<Arc<TestTask>> {
        &self.shared[core]
    }

    fn interrupt(&self, core: usize) {
        self.interrupts[core].fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        1
    }
}

pub type Core = Local<Arc<TestTask>>;

impl Machine {
    /// A machine, and its cores' own sides; tasks go to core `target`.
    pub fn new<const CORES: usize>(target: usize) -> (Arc<Self>, [Core; CORES]) {
        let locals: [Core; CORES] = core::array::from_fn(Local::new);
        let machine = Self {
            shared: locals.iter().map(Shared::new).collect(),
            interrupts: locals.iter().map(|_| AtomicUsize::new(0)).collect(),
            system: System::new(Always(target)),
        };
        (Arc::new(machine), locals)
    }

    /// Interrupts that were sent to a core.
    pub fn interrupts(&self, core: usize) -> usize {
        self.interrupts[core].load(Ordering::Relaxed)
    }

    /// Wakes a task, on core `here`.
    pub fn wake(&self, here: &mut Core, task: &Arc<TestTask>) {
        if task.entity().state.wake() {
            self.system.enqueue(here, task.clone(), Cause::New, self);
        }
    }

    /// A core gets a task that runs from now on.
    pub fn occupy(&self, here: &mut Core) -> Arc<TestTask> {
        let task = TestTask::parked();
        assert!(task.entity().state.wake());
        self.system.enqueue(here, task.clone(), Cause::Yield, self);
        assert!(self.pick(here).is_some_and(|it| Arc::ptr_eq(&it, &task)));
        task
    }

    /// What `leave` of the kernel does: the next task runs.
    pub fn pick(&self, here: &mut Core) -> Option<Arc<TestTask>> {
        let task = self.system.pick(here, self).or_else(|| {
            let has_found = self.system.search(here, self);
            has_found.then(|| self.system.pick(here, self))?
        })?;
        task.runs.fetch_add(1, Ordering::Relaxed);
        let _ = self.system.begin(here, task.entity(), self);
        Some(task)
    }

    /// What the idle loop of the kernel does, until it has a task (given back) or halts.
    pub fn idle(&self, here: &mut Core) -> Option<Arc<TestTask>> {
        loop {
            if let Some(task) = self.pick(here) {
                return Some(task);
            }
            self.system.idle.announce(here.id());
            if self.system.begin_halt(here, self) {
                return None;
            }
            loom::thread::yield_now();
        }
    }

    /// A core that halts, as it stands before a model begins.
    pub fn halt(&self, here: &Core) {
        self.system.idle.announce(here.id());
        assert!(self.system.begin_halt(here, self));
    }

    /// Tasks that wait in queues and inboxes, by the counters.
    pub fn queued(&self) -> u64 {
        let sum = |count: fn(&sched::counts::Counts) -> u64| -> u64 {
            self.shared.iter().map(|shared| count(&shared.counts)).sum()
        };
        sum(|counts| counts.queued.get())
            - sum(|counts| counts.popped.get())
            - sum(|counts| counts.stolen.get())
            - sum(|counts| counts.dropped.get())
    }

    /// Running and queued tasks.
    pub fn load(&self) -> usize {
        self.shared.iter().map(Shared::load).sum()
    }

    /// Whether any core could steal something.
    pub fn has_stealable(&self) -> bool {
        self.shared.iter().any(Shared::has_stealable)
    }
}
