//! A machine that is simulated, event by event: cores, a clock, interrupts that arrive at
//! once, and tasks that do what they are told. The scheduler is the real one.
//!
//! After every event the machine checks what must always hold: see [`Simulation::check`].

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use sched::entity::{Entity, Task};
use sched::mask::CoreMask;
use sched::policy::{self, Cause, Policy};
use sched::shared::Shared;
use sched::state::TaskState;
use sched::system::{Cores, System};
use sched::weight::Class;

use crate::kernel::{Core, Leave, Machine, Subject};

pub const MILLISECOND: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;

/// What a task does whenever it gets to run.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// It runs as long as it may.
    Hog,
    /// It runs for some nanoseconds, then sleeps for some.
    Cycle { run: u64, sleep: u64 },
    /// It runs for some nanoseconds, wakes another task, and waits to be woken by it.
    Alternate { run: u64, partner: usize },
    /// It runs for some nanoseconds, then lets others run.
    Yielder { run: u64 },
    /// It runs for some nanoseconds, and ends.
    Finite { run: u64 },
}

pub struct Body {
    entity: Entity,
    number: usize,
    behaviour: Behaviour,
    /// What it still runs before it does something else.
    left: Cell<u64>,
    running_on: Cell<Option<usize>>,
    /// Since when it has waited for a core, if it does, or since its affinity changed.
    waits_since: Cell<Option<u64>>,
    pub ran: Cell<u64>,
    pub longest_wait: Cell<u64>,
}

#[derive(Clone)]
pub struct SimTask(Rc<Body>);

impl std::ops::Deref for SimTask {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0
    }
}

impl Task for SimTask {
    fn entity(&self) -> &Entity {
        &self.0.entity
    }
}

impl Subject for SimTask {
    fn arrive(&self, core: usize) {
        assert_eq!(
            self.running_on.replace(Some(core)),
            None,
            "on two cores at once"
        );
    }

    fn depart(&self) {
        assert!(self.running_on.take().is_some());
    }
}

impl Body {
    fn burst(&self) -> u64 {
        match self.behaviour {
            Behaviour::Hog => u64::MAX,
            Behaviour::Cycle { run, .. }
            | Behaviour::Alternate { run, .. }
            | Behaviour::Yielder { run }
            | Behaviour::Finite { run } => run.max(1),
        }
    }
}

/// What a core does, as far as an interrupt needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Runs { is_timed: bool },
    Polls { until: u64 },
    Halts,
}

/// The machine as the scheduler sees it.
struct Hardware<P> {
    shared: Vec<Shared<SimTask>>,
    now: Cell<u64>,
    status: Vec<Cell<Status>>,
    is_interrupted: Vec<Cell<bool>>,
    interrupts: Cell<u64>,
    system: System<P>,
}

impl<P> Cores<SimTask> for Hardware<P> {
    fn count(&self) -> usize {
        self.shared.len()
    }

    fn shared(&self, core: usize) -> &Shared<SimTask> {
        &self.shared[core]
    }

    fn interrupt(&self, core: usize) {
        let status = self.status[core].get();
        assert!(
            matches!(status, Status::Halts | Status::Runs { is_timed: false }),
            "core {core} needs no interrupt: {status:?}"
        );
        assert!(
            !self.is_interrupted[core].replace(true),
            "core {core} is interrupted twice"
        );
        self.interrupts.set(self.interrupts.get() + 1);
    }

    fn now(&self) -> u64 {
        self.now.get()
    }
}

impl<P: Policy> Machine<SimTask> for Hardware<P> {
    type Policy = P;

    fn system(&self) -> &System<P> {
        &self.system
    }
}

pub struct Simulation<P> {
    hardware: Hardware<P>,
    cores: Vec<Core<SimTask>>,
    /// Up to when the current task of each core has been charged.
    charged: Vec<u64>,
    idle_since: Vec<Option<u64>>,
    timers: BTreeSet<(u64, usize)>,
    pub tasks: Vec<SimTask>,
    /// How long a core polls before it halts.
    poll: u64,
    checked_idle: u64,
    /// The longest that a core may idle while what it may run waits: a slice, and one more
    /// if the thief that was called found something else to do on its way.
    pub most_idle: u64,
}

impl<P: Policy> Simulation<P> {
    pub fn new(cores: usize, policy: P) -> Self {
        let own: Vec<Core<SimTask>> = (0..cores).map(Core::new).collect();
        let mut simulation = Self {
            hardware: Hardware {
                shared: own.iter().map(|core| Shared::new(&core.local)).collect(),
                now: Cell::new(SECOND),
                status: own.iter().map(|_| Cell::new(Status::Halts)).collect(),
                is_interrupted: own.iter().map(|_| Cell::new(false)).collect(),
                interrupts: Cell::new(0),
                system: System::new(policy),
            },
            cores: own,
            charged: vec![SECOND; cores],
            idle_since: vec![Some(SECOND); cores],
            timers: BTreeSet::new(),
            tasks: Vec::new(),
            poll: 0,
            checked_idle: SECOND,
            most_idle: 2 * policy::LONGEST_SLICE,
        };
        for core in 0..cores {
            simulation.run_something(core);
        }
        simulation
    }

    /// Cores poll for so many nanoseconds before they halt.
    pub fn polling(mut self, time: u64) -> Self {
        self.poll = time;
        self
    }

    pub fn now(&self) -> u64 {
        self.hardware.now.get()
    }

    /// Makes a task; it starts, on core `here`, with [`Simulation::start`].
    pub fn make(&mut self, behaviour: Behaviour, nice: i32, class: Class) -> usize {
        let number = self.tasks.len();
        let entity = Entity::new(TaskState::parked());
        entity.set_nice(nice);
        entity.set_class(class);
        let body = Body {
            entity,
            number,
            behaviour,
            left: Cell::new(0),
            running_on: Cell::new(None),
            waits_since: Cell::new(None),
            ran: Cell::new(0),
            longest_wait: Cell::new(0),
        };
        body.left.set(body.burst());
        self.tasks.push(SimTask(Rc::new(body)));
        number
    }

    /// Core `here` starts a task that was made.
    pub fn start(&mut self, task: usize, here: usize) {
        self.charge(here);
        self.wake(task, here, Cause::New);
        self.interrupted(here);
        self.settle();
    }

    /// Makes a normal task and starts it.
    pub fn spawn(&mut self, behaviour: Behaviour, nice: i32, here: usize) -> usize {
        let task = self.make(behaviour, nice, Class::Normal);
        self.start(task, here);
        task
    }

    /// Sets a task's affinity, as `sched_setaffinity` does.
    pub fn set_affinity(&mut self, task: usize, mask: CoreMask) {
        let task = self.tasks[task].clone();
        task.entity.set_affinity(mask);
        if task.waits_since.get().is_some() {
            task.waits_since.set(Some(self.now()));
        }
        if let Some(core) = task.entity.last_core() {
            self.charge(core);
            self.interrupted(core);
        }
        self.settle();
    }

    /// The first `count` cores without those that `mask` leaves out: never none.
    pub fn mask_of(&self, bits: u64) -> CoreMask {
        let count = self.cores.len();
        let mut mask = CoreMask::NONE;
        for core in (0..count).filter(|core| bits >> (core % 64) & 1 != 0) {
            mask.insert(core);
        }
        if mask == CoreMask::NONE {
            mask.insert(bits as usize % count);
        }
        mask
    }

    fn wake(&mut self, task: usize, here: usize, cause: Cause) {
        let task = self.tasks[task].clone();
        let before = self.hardware.interrupts.get();
        self.cores[here].wake(&task, cause, &self.hardware);
        self.note_waiting(&task);
        assert!(
            self.hardware.interrupts.get() - before <= 1,
            "more than one interrupt for one wake-up"
        );
        self.note_status(here);
    }

    fn note_status(&self, core: usize) {
        let status = &self.hardware.status[core];
        if self.cores[core].current.is_some() {
            status.set(Status::Runs {
                is_timed: self.cores[core].quantum_end.is_some(),
            });
        }
    }

    /// The next time at which anything happens.
    fn next_event(&self) -> Option<u64> {
        let timer = self.timers.first().map(|(time, _)| *time);
        let cores = (0..self.cores.len()).filter_map(|core| {
            let own = &self.cores[core];
            match (&own.current, self.hardware.status[core].get()) {
                (Some(task), _) => {
                    let end = self.charged[core].saturating_add(task.left.get());
                    Some(own.quantum_end.map_or(end, |quantum| quantum.min(end)))
                        .filter(|time| *time < u64::MAX / 2)
                }
                (None, Status::Polls { until }) => Some(until),
                _ => None,
            }
        });
        cores.chain(timer).min()
    }

    /// Runs until `time` nanoseconds from now.
    pub fn run(&mut self, time: u64) {
        self.run_with(time, |_| {});
    }

    /// As `run`; asks `look` after each event.
    pub fn run_with(&mut self, time: u64, mut look: impl FnMut(&Self)) {
        let end = self.now() + time;
        while let Some(event) = self.next_event().filter(|event| *event <= end) {
            self.hardware.now.set(event.max(self.now()));
            self.step();
            look(self);
        }
        self.hardware.now.set(end);
        for core in 0..self.cores.len() {
            self.charge(core);
        }
        self.settle();
    }

    fn step(&mut self) {
        let now = self.now();
        while let Some((time, task)) = self.timers.first().copied().filter(|it| it.0 <= now) {
            self.timers.remove(&(time, task));
            let core = self.tasks[task].entity.last_core().unwrap_or(0);
            self.charge(core);
            self.wake(task, core, Cause::Wake);
            self.interrupted(core);
        }
        for core in 0..self.cores.len() {
            self.charge(core);
            if self.cores[core]
                .current
                .as_ref()
                .is_some_and(|task| task.left.get() == 0)
            {
                self.act(core);
            }
            if self.cores[core].quantum_end.is_some_and(|end| end <= now) {
                self.interrupted(core);
            }
        }
        self.settle();
    }

    /// What runs has run until now.
    fn charge(&mut self, core: usize) {
        let now = self.now();
        if let Some(task) = &self.cores[core].current {
            let ran = now - self.charged[core];
            task.ran.set(task.ran.get() + ran);
            task.left.set(task.left.get().saturating_sub(ran));
        }
        self.charged[core] = now;
    }

    /// The current task has run as long as it wanted to, and does what it does then.
    fn act(&mut self, core: usize) {
        let Some(task) = self.cores[core].current.clone() else {
            return;
        };
        task.left.set(task.burst());
        match task.behaviour {
            Behaviour::Hog => {}
            Behaviour::Cycle { sleep, .. } => {
                self.timers.insert((self.now() + sleep.max(1), task.number));
                self.cores[core].park(&self.hardware);
            }
            Behaviour::Alternate { partner, .. } => {
                self.wake(partner, core, Cause::Wake);
                self.cores[core].park(&self.hardware);
            }
            Behaviour::Yielder { .. } => {
                self.cores[core].give_way(Leave::Yield, &self.hardware);
            }
            Behaviour::Finite { .. } => {
                self.cores[core].leave(Leave::Die, &self.hardware);
            }
        }
        self.switched(core, &task);
    }

    /// A core has left `previous`, or not.
    fn switched(&mut self, core: usize, previous: &SimTask) {
        self.note_waiting(previous);
        self.arrived(core);
    }

    fn note_waiting(&self, task: &SimTask) {
        let is_waiting = task.running_on.get().is_none()
            && task.entity.state.letter() == b'R'
            && task.waits_since.get().is_none();
        if is_waiting {
            task.waits_since.set(Some(self.now()));
        }
    }

    fn arrived(&mut self, core: usize) {
        let now = self.now();
        self.charged[core] = now;
        if let Some(task) = &self.cores[core].current {
            if let Some(since) = task.waits_since.take() {
                task.longest_wait
                    .set(task.longest_wait.get().max(now - since));
            }
            self.idle_since[core] = None;
            self.note_status(core);
        } else {
            self.idle_since[core].get_or_insert(now);
            self.run_something(core);
        }
    }

    /// The idle loop: the core has nothing, and looks until it has, or polls, or halts.
    fn run_something(&mut self, core: usize) {
        for _ in 0..1000 {
            self.cores[core].leave(Leave::Yield, &self.hardware);
            if self.cores[core].current.is_some() {
                self.arrived(core);
                return;
            }
            let system = &self.hardware.system;
            system.idle.announce(core);
            let status = &self.hardware.status[core];
            if self.poll > 0 && !matches!(status.get(), Status::Polls { .. }) {
                status.set(Status::Polls {
                    until: self.now() + self.poll,
                });
                return;
            }
            status.set(Status::Halts);
            if system.begin_halt(&self.cores[core].local, &self.hardware) {
                return;
            }
        }
        panic!("core {core} neither halts nor finds its work");
    }

    /// An interrupt: an idle core wakes, a task may lose its core.
    fn interrupted(&mut self, core: usize) {
        self.cores[core].tick(&self.hardware);
        match self.cores[core].current.clone() {
            None => {
                self.hardware.system.end_idle(core);
                // It was idle all the time, and begins to poll anew.
                self.hardware.status[core].set(Status::Halts);
                self.run_something(core);
            }
            Some(current) => {
                if self.cores[core].should_yield {
                    self.cores[core].give_way(Leave::Preemption, &self.hardware);
                    self.switched(core, &current);
                }
                self.note_status(core);
            }
        }
    }

    /// Whatever follows at once: interrupts, polling cores that see something, tasks that
    /// should leave.
    fn settle(&mut self) {
        let mut is_settled = false;
        let mut rounds = 0;
        while !is_settled {
            is_settled = true;
            rounds += 1;
            assert!(rounds < 10_000, "it never comes to rest");
            for core in 0..self.cores.len() {
                let is_interrupted = self.hardware.is_interrupted[core].take();
                let sees_something = match self.hardware.status[core].get() {
                    Status::Polls { until } => {
                        self.hardware.shared[core].load() > 0
                            || !self.hardware.system.idle.is_announced(core)
                            || until <= self.now()
                    }
                    Status::Halts => false,
                    Status::Runs { .. } => self.cores[core].should_yield,
                };
                if !is_interrupted && !sees_something {
                    continue;
                }
                is_settled = false;
                self.charge(core);
                if let Status::Polls { until } = self.hardware.status[core].get() {
                    self.hardware.system.end_idle(core);
                    if until > self.now() {
                        // It polls anew, should it find nothing.
                        self.hardware.status[core].set(Status::Halts);
                    }
                    self.run_something(core);
                } else {
                    self.interrupted(core);
                }
            }
        }
        self.check();
    }

    /// What must hold whenever the machine is at rest.
    fn check(&mut self) {
        for (core, own) in self.cores.iter().enumerate() {
            if let Some(task) = &own.current {
                assert!(
                    task.entity.may_run_on(core),
                    "task {} runs on core {core}",
                    task.number
                );
            }
        }
        let now = self.now();
        if now - self.checked_idle >= MILLISECOND {
            self.checked_idle = now;
            self.check_counters();
            self.check_idle();
        }
    }

    /// Every entry is somewhere, and every task is counted.
    fn check_counters(&self) {
        let mut load = 0;
        let mut queued = 0;
        for (shared, core) in self.hardware.shared.iter().zip(&self.cores) {
            let counts = &shared.counts;
            let gone = counts.popped.get() + counts.stolen.get() + counts.dropped.get();
            let here = counts.queued.get() - gone;
            let inbox = here as usize - core.local.len();
            let running = usize::from(core.current.is_some());
            assert_eq!(shared.load(), core.local.len() + inbox + running);
            load += shared.load();
            queued += here as usize;
        }
        let is_there = |task: &&SimTask| task.entity.state.letter() == b'R';
        assert_eq!(load, self.tasks.iter().filter(is_there).count());
        let waiting = self
            .tasks
            .iter()
            .filter(|it| it.waits_since.get().is_some());
        assert_eq!(queued, waiting.count());
    }

    /// No core idles for long while a task waits that it may run. Interrupt work is left
    /// out: it is served where it arises.
    fn check_idle(&self) {
        let now = self.now();
        for (core, since) in self.idle_since.iter().enumerate() {
            let Some(since) = since else { continue };
            for task in &self.tasks {
                let Some(waits) = task.waits_since.get() else {
                    continue;
                };
                let idled = now - waits.max(*since);
                assert!(
                    task.entity.class() == Class::Interrupt
                        || !task.entity.may_run_on(core)
                        || idled <= self.most_idle,
                    "core {core} has idled for {idled} ns while task {} waits",
                    task.number
                );
            }
        }
    }
}
