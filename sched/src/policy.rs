//! Decisions: where a task goes, how much it weighs, how long it runs, which goes first.
//!
//! A policy only wishes. The mechanism ([`crate::system`]) checks whatever would be
//! unsound: a task runs on one core at a time, on one that is there and that it may use.

use bugs::Bug;

use crate::entity::Entity;
use crate::fair;
use crate::idle::Idle;
use crate::mask::CoreMask;
use crate::outside::slots::Ticket;
use crate::weight::{self, Class};

/// No slice is shorter, whatever a policy wishes, in nanoseconds: a core must get to do
/// something between two interrupts.
pub const SHORTEST_SLICE: u64 = 100_000;
/// No slice is longer: whoever waits must get its turn.
pub const LONGEST_SLICE: u64 = 100_000_000;

/// Why a task is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It has never run.
    New,
    /// What it waited for has happened.
    Wake,
    /// It lets others run.
    Yield,
    /// Its slice is over, or something more urgent came.
    Preemption,
    /// It may not run where it was picked.
    Misplaced,
}

/// Why a task stops running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It waits for something.
    Sleeps,
    /// It lets others run.
    Yields,
    /// Its slice is over, or something more urgent came.
    Loses,
    /// It has ended.
    Ends,
}

/// What a policy sees of the machine: hints, which may change at once.
pub struct View<'a> {
    /// The core that asks.
    pub here: usize,
    /// Whether that core runs nothing.
    pub is_here_idle: bool,
    /// Cores that are up.
    pub cores: usize,
    /// Who idles.
    pub idle: &'a Idle,
    /// Running and queued tasks of a core.
    pub load: &'a dyn Fn(usize) -> usize,
}

/// Placement, weight and slice.
pub trait Policy: Sync {
    /// The core that a task should be queued on; None: any that fits.
    fn place(&self, task: &Entity, cause: Cause, view: &View<'_>) -> Option<usize>;

    /// Its weight; 1024 is normal. Held to 1 to [`weight::HEAVIEST`].
    fn weight(&self, task: &Entity) -> u32;

    /// How long it runs while others wait, in nanoseconds. Held to [`SHORTEST_SLICE`] to
    /// [`LONGEST_SLICE`].
    fn slice(&self, task: &Entity) -> u64;

    /// The core that it keeps to: others take it from there only to idle no longer. One that
    /// is not there, or that it may not use, is none.
    fn keeps_to(&self, task: &Entity) -> Option<usize> {
        let _ = task;
        None
    }

    /// Whether this decides about the task, and not only as the built-in policy would.
    fn governs(&self, task: &Entity) -> bool {
        let _ = task;
        false
    }

    /// Whether tasks may have ranks.
    fn is_ranked(&self) -> bool {
        false
    }

    /// The rank of the task with this ticket. Among normal tasks of a core the least goes
    /// first, and any before none; those without are treated fairly among themselves.
    fn rank(&self, ticket: Ticket) -> Option<u64> {
        let _ = ticket;
        None
    }

    /// A task was woken, and is queued on `core`.
    fn woke(&self, task: &Entity, core: usize, now: u64) {
        let _ = (task, core, now);
    }

    /// A task stops running on `core`; or goes on there, after a slice ([`Stop::Loses`]).
    fn stopped(&self, task: &Entity, how: Stop, core: usize, now: u64) {
        let _ = (task, how, core, now);
    }
}

/// Weight of a task of the idle class.
const IDLE_WEIGHT: u32 = 3;

/// The policy that is built in: nice values are weights; a task goes to the core that it
/// ran on if that idles, else to one that does, else it stays near its waker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fair;

impl Policy for Fair {
    fn place(&self, task: &Entity, cause: Cause, view: &View<'_>) -> Option<usize> {
        let allowed: CoreMask = task.affinity();
        let last = task
            .last_core()
            .filter(|core| *core < view.cores && allowed.contains(*core));
        if let Some(last) = last
            && view.idle.is_announced(last)
        {
            return Some(last);
        }
        let is_here_allowed = allowed.contains(view.here);
        if view.is_here_idle && is_here_allowed {
            return Some(view.here);
        }
        if let Some(idle) = view.idle.find(&allowed, view.cores) {
            return Some(idle);
        }
        match (cause, last) {
            // Where it ran, if that has less to do than its waker's core.
            (Cause::Wake, Some(last))
                if !is_here_allowed || (view.load)(last) < (view.load)(view.here) =>
            {
                Some(last)
            }
            _ if is_here_allowed => Some(view.here),
            _ => allowed
                .iter()
                .take_while(|core| *core < view.cores)
                .min_by_key(|core| (view.load)(*core)),
        }
    }

    fn weight(&self, task: &Entity) -> u32 {
        match task.class() {
            _ if bugs::has(Bug::EqualWeights) => weight::NORMAL_WEIGHT,
            Class::Idle => IDLE_WEIGHT,
            _ => weight::of_nice(task.nice()),
        }
    }

    fn slice(&self, task: &Entity) -> u64 {
        fair::slice(self.weight(task))
    }
}
