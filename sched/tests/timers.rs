//! Timers against a sorted list: whatever is armed, cancelled and let expire, in any order
//! and at any distance, both say the same.
#![cfg(not(any(loom, shuttle)))]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sched::timers::{Key, Room, Timers};

const MICROSECOND: u64 = 1_000;
const SECOND: u64 = 1_000_000 * MICROSECOND;
const YEAR: u64 = 365 * 86_400 * SECOND;

/// How far a deadline is from the clock's time, or from another deadline.
#[derive(Clone, Debug)]
enum Deadline {
    /// So long after the clock's time.
    After(u64),
    /// So long before it.
    Past(u64),
    /// That of the timer armed so many before this one, and so much more.
    Beside(usize, u64),
    /// Anything, up to the clock's end.
    Any(u64),
}

#[derive(Clone, Debug)]
enum Step {
    Arm(Deadline),
    /// So many side by side or at once.
    ArmBunch(Deadline, usize, u64),
    /// That of any arming that ever was, counted from the last: mostly one that is still
    /// armed.
    Cancel(usize),
    /// The same, and armed anew.
    Rearm(usize, Deadline),
    /// The one that is due first.
    CancelFirst,
    /// Lets time pass and all expire that is due.
    Advance(u64),
    /// Lets time pass up to the next deadline, but for one nanosecond, then all of it.
    AdvanceToNext,
}

fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        1..70_u64,
        1..4_200_u64,
        1..100 * MICROSECOND,
        1..SECOND,
        1..100 * SECOND,
        1..30 * YEAR,
    ]
}

fn deadline() -> impl Strategy<Value = Deadline> {
    prop_oneof![
        6 => distance().prop_map(Deadline::After),
        1 => distance().prop_map(Deadline::Past),
        3 => (0..40_usize, 0..80_u64).prop_map(|(back, more)| Deadline::Beside(back, more)),
        1 => any::<u64>().prop_map(Deadline::Any),
        1 => Just(Deadline::Any(u64::MAX)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => deadline().prop_map(Step::Arm),
        2 => (deadline(), 1..30_usize, prop_oneof![Just(0), 1..100_u64, Just(4096)])
            .prop_map(|(deadline, count, apart)| Step::ArmBunch(deadline, count, apart)),
        5 => (0..60_usize).prop_map(Step::Cancel),
        2 => (0..30_usize, deadline()).prop_map(|(back, deadline)| Step::Rearm(back, deadline)),
        2 => Just(Step::CancelFirst),
        2 => distance().prop_map(Step::Advance),
        2 => Just(Step::AdvanceToNext),
    ]
}

/// The timers, and what a list says of them.
struct Both {
    timers: Timers<usize>,
    /// What is armed, by deadline and then by number.
    model: BTreeMap<(u64, usize), ()>,
    /// All that ever were armed.
    all: Vec<(Key, u64)>,
    now: u64,
    /// A clock set for `is_first` alone, as the kernel sets its hardware; u64::MAX: not set.
    alarm: u64,
    cancelled: u64,
    expired: u64,
}

impl Both {
    fn new() -> Self {
        Self {
            timers: Timers::new(),
            model: BTreeMap::new(),
            all: Vec::new(),
            now: 1_000 * SECOND,
            alarm: u64::MAX,
            cancelled: 0,
            expired: 0,
        }
    }

    fn moment(&self, deadline: &Deadline) -> u64 {
        match *deadline {
            Deadline::After(distance) => self.now.saturating_add(distance),
            Deadline::Past(distance) => self.now.saturating_sub(distance),
            Deadline::Any(moment) => moment,
            Deadline::Beside(back, more) => self
                .all
                .iter()
                .nth_back(back)
                .map_or(self.now, |(_, moment)| moment.saturating_add(more)),
        }
    }

    fn arm(&mut self, moment: u64) {
        let number = self.all.len();
        if let Some(wants) = self.timers.wants() {
            drop(self.timers.supply(Room::new(wants)));
        }
        let armed = self.timers.arm(moment, number).expect("there is room");
        if armed.is_first {
            assert!(moment < self.first());
            self.alarm = self.alarm.min(moment);
        }
        self.model.insert((moment, number), ());
        self.all.push((armed.key, moment));
    }

    fn cancel(&mut self, number: usize) {
        let (key, moment) = self.all[number];
        let is_armed = self.model.remove(&(moment, number)).is_some();
        assert_eq!(self.timers.cancel(key), is_armed.then_some(number));
        self.cancelled += u64::from(is_armed);
    }

    /// The model's next deadline; u64::MAX where there is none.
    fn first(&self) -> u64 {
        self.model
            .first_key_value()
            .map_or(u64::MAX, |((moment, _), ())| *moment)
    }

    fn advance(&mut self, to: u64) {
        self.now = to.max(self.now);
        while let Some(number) = self.timers.expire(self.now) {
            let ((moment, first), ()) = self.model.pop_first().expect("nothing is armed");
            assert!(moment <= self.now, "early");
            assert_eq!(number, first);
            self.expired += 1;
        }
        assert!(self.first() > self.now || self.model.is_empty(), "late");
        // It has rung, and is set for what is next.
        self.alarm = self.timers.next_deadline().unwrap_or(u64::MAX);
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Arm(deadline) => self.arm(self.moment(deadline)),
            Step::ArmBunch(deadline, count, apart) => {
                let moment = self.moment(deadline);
                for number in 0..*count as u64 {
                    self.arm(moment.saturating_add(apart * number));
                }
            }
            Step::Cancel(back) => {
                if let Some(number) = self.all.len().checked_sub(back + 1) {
                    self.cancel(number);
                }
            }
            Step::Rearm(back, deadline) => {
                if let Some(number) = self.all.len().checked_sub(back + 1) {
                    self.cancel(number);
                    self.arm(self.moment(deadline));
                }
            }
            Step::CancelFirst => {
                if let Some(((_, number), ())) = self.model.first_key_value() {
                    self.cancel(*number);
                }
            }
            Step::Advance(distance) => self.advance(self.now.saturating_add(*distance)),
            Step::AdvanceToNext => {
                let next = self.first();
                self.advance(next.saturating_sub(1));
                self.advance(next);
            }
        }
    }

    /// What holds at any time. `looks`: whether to ask for the next deadline, which makes it
    /// known.
    fn check(&mut self, looks: bool) {
        assert!(self.alarm <= self.first(), "nobody would look in time");
        if looks {
            let next = self.timers.next_deadline();
            assert_eq!(
                next,
                self.model
                    .first_key_value()
                    .map(|((moment, _), ())| *moment)
            );
        }
        let counts = self.timers.counts();
        assert_eq!(counts.armed, self.all.len() as u64);
        assert_eq!(
            (counts.cancelled, counts.expired),
            (self.cancelled, self.expired)
        );
        assert_eq!(
            counts.armed - counts.cancelled - counts.expired,
            self.model.len() as u64
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_timer_is_early_late_lost_or_twice(
        steps in prop::collection::vec((step(), any::<bool>()), 1..200),
    ) {
        let mut both = Both::new();
        for (step, looks) in &steps {
            both.play(step);
            both.check(*looks);
        }
        both.advance(u64::MAX);
        prop_assert!(both.model.is_empty());
        prop_assert_eq!(both.timers.next_deadline(), None);
    }
}

#[test]
fn timers_due_at_once_expire_in_the_order_in_which_they_were_armed() {
    let mut both = Both::new();
    for number in 0..1_000 {
        both.arm(SECOND * (1 + number % 2));
    }
    // `advance` compares the order with the model's.
    both.advance(YEAR);
    assert_eq!(both.expired, 1_000);
}

#[test]
fn a_key_of_a_timer_that_has_gone_cancels_no_other() {
    let mut both = Both::new();
    both.arm(5);
    both.cancel(0);
    both.arm(5);
    // In the place of the first one.
    both.cancel(0);
    assert_eq!(both.timers.next_deadline(), Some(5));
}
