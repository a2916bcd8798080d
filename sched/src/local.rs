//! What a core owns: its queues, what it runs, its virtual time.
//!
//! Touched by its core only, with interrupts off in the kernel. What needs to know of
//! other cores is in [`crate::system`].

use std::collections::VecDeque;

use crate::deque::Worker;
use crate::entity::{Entity, Task};
use crate::fair;
use crate::lane::{Lane, Pass};
use crate::outside::slots::Ticket;
use crate::shared::Shared;
use crate::weight::{self, Class};

/// The idle class gets a slice at least this often, in nanoseconds: a task of it may hold
/// a lock that others wait for.
pub const IDLE_CLASS_PERIOD: u64 = 100_000_000;

/// Where tasks have ranks, the one that is most behind gets its turn this often whatever its
/// rank, in nanoseconds: it may hold a lock, too, or be who can end a bad policy.
pub const TURN_PERIOD: u64 = 100_000_000;

/// How long that turn is, at most; ranks do not end it.
pub const TURN: u64 = 1_000_000;

/// The ranks of tasks by their tickets; None: they have none.
pub(crate) type Ranks<'a> = Option<&'a dyn Fn(Ticket) -> Option<u64>>;

/// What runs, while the next is chosen: it takes part in the choice.
#[derive(Clone, Copy)]
pub(crate) struct Rival {
    virtual_time: u64,
    ticket: Ticket,
}

/// What runs, as far as a decision to preempt it needs to know.
#[derive(Clone, Copy, Debug)]
struct Running {
    class: Class,
    weight: u32,
    since: u64,
    /// Its virtual time then.
    virtual_time: u64,
    ticket: Ticket,
}

impl Running {
    fn virtual_time_at(&self, now: u64) -> u64 {
        let ran = weight::virtual_nanos(now.saturating_sub(self.since), self.weight);
        self.virtual_time.saturating_add(ran)
    }
}

/// A core's own side.
pub struct Local<T> {
    id: usize,
    /// Interrupt work is served where it arises: never stolen.
    interrupt: VecDeque<T>,
    pub(crate) normal: Lane<T>,
    pub(crate) idle: Lane<T>,
    /// What is just being stolen: nobody can steal it from here before it is counted.
    pub(crate) catch: Worker<T>,
    /// Chosen to run next; in no queue any more, so that nobody steals it.
    next: Option<T>,
    /// The task that was just woken here: next, while the slice of the one that was
    /// picked from the queue last is not over. So two that wake each other in turn use up
    /// one slice between them, and starve nobody.
    slot: Option<T>,
    is_from_slot: bool,
    /// When that slice is over.
    chain_end: u64,
    /// When the slice of what runs is over.
    slice_end: u64,
    idle_class_served: u64,
    /// When a task had its turn whatever its rank, or nobody had a better one than others.
    turn_given: u64,
    /// What was picked last has its turn whatever its rank.
    is_turn: bool,
    /// What was picked last is of the idle class, and it was its turn: it keeps the core
    /// for its slice.
    is_turn_of_idle_class: bool,
    virtual_time: u64,
    running: Option<Running>,
    random: u64,
    /// When it gave a task away last because of a difference of one.
    pub(crate) balanced_at: u64,
}

impl<T: Task> Local<T> {
    /// The owner's side of core `id`, with nothing to run.
    #[must_use]
    pub fn new(id: usize) -> Self {
        Self {
            id,
            interrupt: VecDeque::new(),
            normal: Lane::new(),
            idle: Lane::new(),
            catch: Worker::new_fifo(),
            next: None,
            slot: None,
            is_from_slot: false,
            chain_end: 0,
            slice_end: 0,
            idle_class_served: 0,
            turn_given: 0,
            is_turn: false,
            is_turn_of_idle_class: false,
            virtual_time: 0,
            running: None,
            // Any odd number but for each core another one.
            random: (id as u64 * 2 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            balanced_at: 0,
        }
    }

    /// The core's number.
    #[must_use]
    pub fn id(&self) -> usize {
        self.id
    }

    /// Whether it runs nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    /// Tasks that wait here; those in the inbox are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.interrupt.len()
            + usize::from(self.next.is_some())
            + usize::from(self.slot.is_some())
            + self.normal.len()
            + self.idle.len()
    }

    /// Whether none waits here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.interrupt.is_empty()
            && self.next.is_none()
            && self.slot.is_none()
            && self.normal.is_empty()
            && self.idle.is_empty()
    }

    /// Its virtual time.
    #[must_use]
    pub fn virtual_time(&self) -> u64 {
        self.virtual_time
    }

    /// When the slice of what runs is over, should others wait by then.
    #[must_use]
    pub fn slice_end(&self) -> u64 {
        self.slice_end
    }

    /// A number at random (xorshift64*, Vigna 2016): for choosing victims, nothing else.
    pub(crate) fn random_below(&mut self, limit: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let mixed = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(mixed) * limit as u128) >> 64) as usize
    }

    /// Puts a task at the end of its class's queue.
    pub(crate) fn push(&mut self, task: T) {
        let is_bound = task.entity().is_bound();
        match task.entity().class() {
            Class::Interrupt => self.interrupt.push_back(task),
            Class::Normal => self.normal.push(task, is_bound),
            Class::Idle => self.idle.push(task, is_bound),
        }
    }

    /// What was stolen becomes this core's: the first runs next, the others stand at the
    /// end of the normal or the idle queue. Were the first put there too, two cores could
    /// steal it from each other for ever.
    pub(crate) fn keep_catch(&mut self, is_normal: bool) {
        debug_assert!(self.next.is_none(), "it searches with work at hand");
        self.is_from_slot = false;
        self.is_turn_of_idle_class = false;
        self.is_turn = false;
        self.next = self.catch.pop();
        let lane = if is_normal {
            &mut self.normal
        } else {
            &mut self.idle
        };
        while let Some(task) = self.catch.pop() {
            lane.push(task, false);
        }
    }

    /// Puts a task that was just woken into the slot; what was there comes back.
    pub(crate) fn fill_slot(&mut self, task: T) -> Option<T> {
        self.slot.replace(task)
    }

    pub(crate) fn take_slot(&mut self) -> Option<T> {
        self.slot.take()
    }

    /// Whether a task that was just queued here should have the core at once.
    #[must_use]
    pub(crate) fn is_more_urgent(&self, task: &Entity, now: u64, ranks: Ranks<'_>) -> bool {
        let Some(running) = self.running else {
            return false;
        };
        if self.is_turn_of_idle_class && task.class() == Class::Normal {
            return false;
        }
        if task.class() != running.class {
            return task.class() < running.class;
        }
        if let (Class::Normal, Some(rank_of)) = (running.class, ranks) {
            if self.is_turn {
                return false;
            }
            match (rank_of(task.ticket()), rank_of(running.ticket)) {
                (None, None) => {}
                (Some(rank), Some(other)) => return rank < other,
                (rank, _) => return rank.is_some(),
            }
        }
        let current = running.virtual_time_at(now);
        running.class == Class::Normal
            && task.virtual_time().saturating_add(fair::WAKE_GRANULARITY) < current
    }

    /// Chooses the task that runs next, if that is not what runs: it has had its slice. It
    /// takes part in the choice, though it stands in no queue: among few tasks it would
    /// otherwise be passed over each time, whatever its weight. True: it stays.
    pub(crate) fn stays(
        &mut self,
        now: u64,
        shared: &Shared<T>,
        ranks: Ranks<'_>,
        join: impl Fn(&Entity, u64),
    ) -> bool {
        let Some(running) = self.running else {
            return false;
        };
        match running.class {
            Class::Interrupt => self.interrupt.is_empty(),
            Class::Normal => {
                let rival = Rival {
                    virtual_time: running.virtual_time_at(now),
                    ticket: running.ticket,
                };
                self.next = self.take(now, shared, ranks, join, Some(rival));
                self.next.is_none()
            }
            Class::Idle => false,
        }
    }

    /// Whether what runs began to in this class.
    pub(crate) fn runs_as(&self, class: Class) -> bool {
        self.running.is_some_and(|running| running.class == class)
    }

    /// What runs stays for another slice.
    pub(crate) fn renew(&mut self, slice: u64, now: u64) {
        self.is_turn = false;
        self.slice_end = now.saturating_add(slice);
        if self.running.is_some_and(|it| it.class == Class::Normal) {
            self.chain_end = self.slice_end;
        }
    }

    /// Takes the task whose turn it is. `join` brings a task that came from another core
    /// to this one's virtual time. With a `rival`, which runs, None if it is the rival's
    /// turn.
    pub(crate) fn take(
        &mut self,
        now: u64,
        shared: &Shared<T>,
        ranks: Ranks<'_>,
        join: impl Fn(&Entity, u64),
        rival: Option<Rival>,
    ) -> Option<T> {
        if let Some(task) = self.next.take() {
            join(task.entity(), self.virtual_time);
            return Some(task);
        }
        self.is_from_slot = false;
        self.is_turn_of_idle_class = false;
        self.is_turn = false;
        if let Some(task) = self.interrupt.pop_front() {
            return Some(task);
        }
        if self.idle.is_empty() {
            self.idle_class_served = now;
        } else if now.saturating_sub(self.idle_class_served) >= IDLE_CLASS_PERIOD {
            self.idle_class_served = now;
            // A thief may have been faster.
            if let Some(task) = self.idle.pop() {
                self.is_turn_of_idle_class = true;
                // Others may have that one meanwhile.
                if let Some(woken) = self.slot.take() {
                    self.put_back(woken);
                }
                return Some(task);
            }
        }
        if let Some(task) = self.slot.take() {
            let is_in_time = now < self.chain_end;
            if is_in_time || self.normal.is_empty() && rival.is_none() {
                self.is_from_slot = is_in_time;
                return Some(task);
            }
            self.put_back(task);
        }
        let task = match ranks.and_then(|rank_of| self.take_ranked(now, rank_of, &join, rival)) {
            Some(chosen) => chosen,
            None => {
                let rival = rival.map(|rival| rival.virtual_time);
                self.take_normal(shared, join, rival)
            }
        };
        if task.is_some() || rival.is_some() {
            return task;
        }
        self.idle_class_served = now;
        self.idle.pop()
    }

    /// The first normal task that is not ahead of the others; see [`fair`].
    fn take_normal(
        &mut self,
        shared: &Shared<T>,
        join: impl Fn(&Entity, u64),
        rival: Option<u64>,
    ) -> Option<T> {
        let mut best: Option<T> = None;
        let mut pass = self.normal.pass(fair::MAX_DEFERRALS + 1);
        while let Some(task) = self.normal.pop_in(&mut pass) {
            join(task.entity(), self.virtual_time);
            let time = task.entity().virtual_time();
            let is_better = best
                .as_ref()
                .is_none_or(|best| time < best.entity().virtual_time());
            let back = if is_better {
                best.replace(task)
            } else {
                Some(task)
            };
            if let Some(back) = back {
                shared.counts.deferrals.add(1);
                self.put_back(back);
            }
            if !fair::is_ahead(time, self.virtual_time) {
                return best;
            }
        }
        // All are ahead: time goes on to the one that is least so.
        let time = best.as_ref().map(|best| best.entity().virtual_time());
        let least = time.into_iter().chain(rival).min()?;
        self.virtual_time = self.virtual_time.max(least);
        shared.set_virtual_time(self.virtual_time);
        if rival.is_some_and(|rival| rival == least)
            && let Some(task) = best.take()
        {
            self.put_back(task);
        }
        best
    }

    /// The normal task of the least rank among the first of the queue, as many as a pick
    /// looks at; of equals the one that stands first, and the rival, which has had its
    /// slice, last. Some(None): it is the rival's turn; None: fairness decides, since there is
    /// no rank, and every [`TURN_PERIOD`] all the same.
    fn take_ranked(
        &mut self,
        now: u64,
        rank_of: &dyn Fn(Ticket) -> Option<u64>,
        join: &impl Fn(&Entity, u64),
        rival: Option<Rival>,
    ) -> Option<Option<T>> {
        if self.normal.is_empty() {
            self.turn_given = now;
        } else if now.saturating_sub(self.turn_given) >= TURN_PERIOD {
            self.turn_given = now;
            self.is_turn = true;
            return None;
        }
        let mut best: Option<(T, u64)> = None;
        let mut worst = 0;
        let mut pass: Pass = self.normal.pass(fair::MAX_DEFERRALS + 1);
        while let Some(task) = self.normal.pop_in(&mut pass) {
            join(task.entity(), self.virtual_time);
            let rank = rank_of(task.entity().ticket());
            worst = worst.max(rank.unwrap_or(u64::MAX));
            let back = match (rank, &best) {
                (None, _) => Some(task),
                (Some(rank), Some((_, least))) if rank >= *least => Some(task),
                (Some(rank), _) => best.replace((task, rank)).map(|(task, _)| task),
            };
            if let Some(back) = back {
                self.put_back(back);
            }
        }
        let rival = rival.and_then(|rival| rank_of(rival.ticket));
        let least = best
            .as_ref()
            .map(|(_, rank)| *rank)
            .into_iter()
            .chain(rival);
        if least.min().is_none_or(|least| least >= worst) {
            // Nobody is passed over.
            self.turn_given = now;
        }
        match (best, rival) {
            (None, None) => None,
            (None, Some(_)) => Some(None),
            (Some((task, rank)), Some(other)) if other < rank => {
                self.put_back(task);
                Some(None)
            }
            (Some((task, _)), _) => Some(Some(task)),
        }
    }

    fn put_back(&mut self, task: T) {
        let is_bound = task.entity().is_bound();
        self.normal.push(task, is_bound);
    }

    /// `task` begins to run.
    pub(crate) fn begin(&mut self, task: &Entity, weight: u32, slice: u64, now: u64) {
        if self.is_from_slot {
            self.slice_end = self.chain_end;
        } else {
            let slice = if self.is_turn { slice.min(TURN) } else { slice };
            self.slice_end = now.saturating_add(slice);
            if task.class() == Class::Normal {
                self.chain_end = self.slice_end;
            }
        }
        self.running = Some(Running {
            class: task.class(),
            weight,
            since: now,
            virtual_time: task.virtual_time(),
            ticket: task.ticket(),
        });
    }

    /// What ran stops; its weight.
    pub(crate) fn end(&mut self) -> u32 {
        self.running
            .take()
            .map_or(weight::NORMAL_WEIGHT, |running| running.weight)
    }
}
