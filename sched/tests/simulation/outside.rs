//! A policy from outside, in memory that anybody may write: its decisions are followed, its
//! nonsense is not, and without it all is as before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use roentgen_abi::policy::{CONSUMED, First, Kind, SLOT_WORDS, Second, TABLE, WORDS};
use sched::entity::Task;
use sched::local::{TURN, TURN_PERIOD};
use sched::outside::slots::{Slots, Ticket};
use sched::outside::{Attached, Fault, Governed, Memory, Source};

use crate::machine::{Behaviour, MILLISECOND, SECOND, Simulation};

struct Words(Vec<AtomicU64>);

impl Memory for Words {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0[index]
    }
}

const EVERYTHING: u32 = 0x3e;

struct Shared {
    attached: Attached<Words>,
    has_news: AtomicBool,
}

#[derive(Clone)]
struct Place(Arc<Shared>);

impl Source for Place {
    type Memory = Words;

    fn with<R>(&self, look: impl FnOnce(&Attached<Words>) -> R) -> Option<R> {
        Some(look(&self.0.attached))
    }

    fn note_news(&self) {
        self.0.has_news.store(true, Ordering::Relaxed);
    }
}

/// A machine under a policy.
struct Ruled {
    simulation: Simulation<Governed<Place>>,
    place: Place,
    slots: Slots,
}

impl Ruled {
    fn new(cores: usize, is_ranked: bool) -> Self {
        let memory = Words((0..WORDS).map(|_| AtomicU64::new(0)).collect());
        let place = Place(Arc::new(Shared {
            attached: Attached::new(1, memory, EVERYTHING, is_ranked, cores),
            has_news: AtomicBool::new(false),
        }));
        assert!(place.0.attached.begin());
        Self {
            simulation: Simulation::new(cores, Governed(place.clone())),
            place,
            slots: Slots::new(1),
        }
    }

    fn spawn(&mut self, behaviour: Behaviour, first: First, rank: u64) -> usize {
        let task = self
            .simulation
            .make(behaviour, 0, sched::weight::Class::Normal);
        let ticket = self.slots.take().unwrap();
        self.simulation.tasks[task].entity().set_ticket(ticket);
        self.decide(ticket, first, rank);
        self.simulation.start(task, 0);
        task
    }

    fn decide(&self, ticket: Ticket, first: First, rank: u64) {
        let tag = ticket.tag;
        let words = [
            First { tag, ..first }.encode(),
            Second { rank, tag }.encode(),
        ];
        for (index, word) in words.into_iter().enumerate() {
            self.write(usize::from(ticket.slot), index, word);
        }
    }

    fn write(&self, slot: usize, index: usize, word: u64) {
        let memory = self.place.0.attached.memory();
        memory
            .word(TABLE + slot * SLOT_WORDS + index)
            .store(word, Ordering::Relaxed);
    }

    /// What a task ran, in milliseconds.
    fn ran(&self, task: usize) -> u64 {
        self.simulation.tasks[task].ran.get() / MILLISECOND
    }

    fn fault(&self) -> Option<Fault> {
        self.place.0.attached.fault()
    }
}

fn weighing(weight: u32) -> First {
    First {
        weight,
        ..First::default()
    }
}

#[test]
fn shares_are_those_of_decided_weights() {
    let mut ruled = Ruled::new(1, false);
    let tasks = [300, 200, 100].map(|weight| ruled.spawn(Behaviour::Hog, weighing(weight), 0));
    ruled.simulation.run(12 * SECOND);
    for (task, due) in tasks.into_iter().zip([6000, 4000, 2000]) {
        assert!(ruled.ran(task).abs_diff(due) < 60, "{}", ruled.ran(task));
    }
    assert_eq!(ruled.fault(), None);
}

#[test]
fn the_least_rank_goes_first_and_the_others_have_their_turns() {
    let mut ruled = Ruled::new(1, true);
    let first = ruled.spawn(Behaviour::Hog, First::default(), 1);
    let others = [2, 3, 0].map(|rank| ruled.spawn(Behaviour::Hog, First::default(), rank));
    ruled.simulation.run(6 * SECOND);
    assert!(ruled.ran(first) > 5900, "{}", ruled.ran(first));
    let ran = others.map(|task| ruled.ran(task));
    let turns = 6 * SECOND / TURN_PERIOD / 3;
    let least = turns * TURN / MILLISECOND * 9 / 10;
    // A turn comes within a slice of when it is due.
    assert!(ran.iter().all(|ran| *ran > least), "{ran:?}");
}

#[test]
fn whoever_has_the_least_rank_has_the_core_when_it_wakes() {
    let mut ruled = Ruled::new(1, true);
    for rank in [5, 6, 0] {
        ruled.spawn(Behaviour::Hog, First::default(), rank);
    }
    let (run, sleep) = (2 * MILLISECOND, 8 * MILLISECOND);
    let urgent = ruled.spawn(Behaviour::Cycle { run, sleep }, First::default(), 1);
    ruled.simulation.run(5 * SECOND);
    // But for its start, and for turns that the others have.
    let task = &ruled.simulation.tasks[urgent];
    assert!(task.longest_wait.get() <= 2 * TURN);
    assert!(ruled.ran(urgent) > 950, "{}", ruled.ran(urgent));
}

#[test]
fn equals_take_turns_whatever_their_weights() {
    let mut ruled = Ruled::new(1, true);
    let tasks = [1, 1024, 80_000].map(|weight| {
        let first = First {
            weight,
            slice: 50,
            ..First::default()
        };
        ruled.spawn(Behaviour::Hog, first, 7)
    });
    ruled.simulation.run(3 * SECOND);
    for task in tasks {
        assert!(ruled.ran(task).abs_diff(1000) <= 10, "{}", ruled.ran(task));
    }
}

#[test]
fn who_is_kept_to_a_core_stays_there_while_nobody_idles() {
    let mut ruled = Ruled::new(2, false);
    let at = |core: u32, weight| First {
        place: core + 1,
        weight,
        ..First::default()
    };
    let tasks = [at(0, 300), at(0, 100), at(1, 200), at(1, 200)]
        .map(|first| ruled.spawn(Behaviour::Hog, first, 0));
    ruled.simulation.run(8 * SECOND);
    for (task, due) in tasks.into_iter().zip([6000, 2000, 4000, 4000]) {
        assert!(ruled.ran(task).abs_diff(due) < 100, "{}", ruled.ran(task));
        let (moves, _) = ruled.simulation.tasks[task].entity().migrations();
        assert!(moves <= 2, "{moves}");
    }
}

#[test]
fn a_core_that_idles_gets_who_is_kept_to_another_one() {
    let mut ruled = Ruled::new(2, false);
    let first = First {
        place: 1,
        ..First::default()
    };
    let tasks = [0; 2].map(|_| ruled.spawn(Behaviour::Hog, first, 0));
    ruled.simulation.run(2 * SECOND);
    for task in tasks {
        assert!(ruled.ran(task) > 1900, "{}", ruled.ran(task));
    }
}

#[test]
fn what_was_decided_for_another_in_the_same_slot_is_not_followed() {
    let mut ruled = Ruled::new(1, false);
    let tasks = [0; 2].map(|_| ruled.spawn(Behaviour::Hog, First::default(), 0));
    let entity = ruled.simulation.tasks[tasks[0]].entity();
    let stale = Ticket {
        tag: entity.ticket().tag + 1,
        ..entity.ticket()
    };
    ruled.decide(stale, weighing(90_000), 0);
    ruled.simulation.run(2 * SECOND);
    assert_eq!(ruled.fault(), None);
    assert!(ruled.ran(tasks[0]).abs_diff(1000) < 20);
}

#[test]
fn once_it_has_ended_shares_are_even_again() {
    let mut ruled = Ruled::new(1, true);
    let first = ruled.spawn(Behaviour::Hog, weighing(2000), 1);
    let second = ruled.spawn(Behaviour::Hog, weighing(500), 2);
    ruled.simulation.run(4 * SECOND);
    let before = (ruled.ran(first), ruled.ran(second));
    assert!(ruled.place.0.attached.end());
    ruled.simulation.run(4 * SECOND);
    let (one, other) = (ruled.ran(first) - before.0, ruled.ran(second) - before.1);
    // What the one was ahead is not held against it for longer than 100 ms.
    assert!(one.abs_diff(other) <= 120, "{one} {other}");
}

#[test]
fn events_tell_what_happened() {
    let mut ruled = Ruled::new(1, false);
    let run = MILLISECOND;
    ruled.spawn(
        Behaviour::Cycle {
            run,
            sleep: 9 * run,
        },
        First::default(),
        0,
    );
    ruled
        .place
        .0
        .attached
        .ring
        .listen(ruled.place.0.attached.memory());
    ruled.simulation.run(SECOND);
    assert!(ruled.place.0.has_news.load(Ordering::Relaxed));
    let told = ruled.place.0.attached.ring.told();
    assert!(
        (190..=210).contains(&told),
        "a wake-up and a sleep each: {told}"
    );
    let kinds: Vec<u8> = (0..4)
        .map(|number| {
            let word = roentgen_abi::policy::RING + number * roentgen_abi::policy::EVENT_WORDS;
            ruled.place.0.attached.memory().0[word + 1].load(Ordering::Relaxed) as u8
        })
        .collect();
    let (slept, woke) = (Kind::Slept as u8, Kind::Woke as u8);
    assert_eq!(kinds, [slept, woke, slept, woke]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_words_at_any_time_break_nothing(
        cores in 1..7_usize,
        is_ranked in any::<bool>(),
        behaviours in prop::collection::vec(crate::random::behaviour(), 1..14),
        words in prop::collection::vec((any::<usize>(), 0..2_usize, any::<u64>(), any::<bool>(), 0..8_000_000_u64), 0..40),
        lie in prop::option::of(any::<u64>()),
    ) {
        let mut ruled = Ruled::new(cores, is_ranked);
        let count = behaviours.len();
        for behaviour in behaviours {
            let behaviour = match behaviour {
                Behaviour::Alternate { run, partner } => Behaviour::Alternate {
                    run,
                    partner: partner % count,
                },
                other => other,
            };
            let task = ruled.simulation.make(behaviour, 0, sched::weight::Class::Normal);
            let ticket = ruled.slots.take().unwrap();
            ruled.simulation.tasks[task].entity().set_ticket(ticket);
        }
        for task in 0..count {
            ruled.simulation.start(task, task % cores);
        }
        for (slot, index, word, is_tagged, after) in words {
            // The tag of all of them is 1: else hardly a word would be looked at.
            let word = if is_tagged { word & 0xffff_ffff_ffff | 1 << 48 } else { word };
            // And some are sound but for their place.
            let word = if is_tagged && slot % 3 == 0 { word & !0xfff0_0400_0000 } else { word };
            ruled.write(slot % count, index, word);
            ruled.simulation.run(after);
        }
        if let Some(lie) = lie {
            ruled.place.0.attached.memory().word(CONSUMED).store(lie, Ordering::Relaxed);
        }
        ruled.simulation.run(200 * MILLISECOND);
    }
}
