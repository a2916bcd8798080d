//! What a policy from outside may say, and the ring of events, on host threads.
#![cfg(not(any(loom, shuttle)))]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use roentgen_abi::policy::{
    CONSUMED, EVENT_WORDS, EVENTS, Event, First, LAST_RANK, LOST, RING, SLICE_UNIT, SLOTS, Second,
    WORDS,
};
use sched::outside::decision::{check, rank};
use sched::outside::ring::Ring;
use sched::outside::slots::{Slots, Ticket};
use sched::outside::{Fault, Memory};
use sched::policy::{LONGEST_SLICE, SHORTEST_SLICE};
use sched::weight::HEAVIEST;

struct Words(Vec<AtomicU64>);

impl Words {
    fn new() -> Self {
        Self((0..WORDS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Memory for Words {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0[index]
    }
}

proptest! {
    #[test]
    fn any_word_is_a_sound_decision_or_a_fault_or_another_ones(
        word in any::<u64>(),
        tag in any::<u16>(),
        is_mine in any::<bool>(),
        cores in 1..=256_usize,
    ) {
        let word = if is_mine { word & LAST_RANK | u64::from(tag) << 48 } else { word };
        match check(word, tag, cores) {
            Ok(Some(decision)) => {
                prop_assert!(decision.weight.is_none_or(|it| (1..=HEAVIEST).contains(&it)));
                let slices = SHORTEST_SLICE..=LONGEST_SLICE;
                prop_assert!(decision.slice.is_none_or(|it| slices.contains(&it)));
                prop_assert!(decision.place.is_none_or(|it| it < cores));
                prop_assert_eq!(First::decode(word).tag, tag);
            }
            Ok(None) => prop_assert!(tag == 0 || First::decode(word).tag != tag),
            Err(_) => prop_assert_eq!(First::decode(word).tag, tag),
        }
        prop_assert!(rank(word, tag).is_none_or(|it| (1..=LAST_RANK).contains(&it)));
    }

    #[test]
    fn what_is_encoded_is_decoded(
        weight in 0..=HEAVIEST,
        slice in 0..=1000_u32,
        place in 0..=256_u32,
        unused in 0..4096_u32,
        tag in any::<u16>(),
        number in 0..=LAST_RANK,
    ) {
        let first = First { weight, slice, place, unused, tag };
        prop_assert_eq!(First::decode(first.encode()), first);
        let second = Second { rank: number, tag };
        prop_assert_eq!(Second::decode(second.encode()), second);
        if tag != 0 && unused == 0 {
            let decision = check(first.encode(), tag, 256).unwrap().unwrap();
            prop_assert_eq!(decision.weight.unwrap_or(0), weight);
            prop_assert_eq!(decision.slice.unwrap_or(0), u64::from(slice) * SLICE_UNIT);
            prop_assert_eq!(decision.place.map_or(0, |core| core as u32 + 1), place);
        }
    }

    #[test]
    fn an_event_comes_out_as_it_went_in(
        kind in any::<u8>(), core in any::<u16>(), slot in any::<u32>(), tag in any::<u16>(),
        nice in any::<i8>(), thread in any::<u32>(), process in any::<u32>(),
        time in any::<u64>(), run_time in any::<u64>(),
    ) {
        let event = Event { kind, core, slot, tag, nice, thread, process, time, run_time };
        prop_assert_eq!(Event::decode(event.encode()), event);
    }

    #[test]
    fn no_two_have_a_slot_and_nobody_has_anothers_tag(
        steps in prop::collection::vec(any::<Option<prop::sample::Index>>(), 1..5000),
    ) {
        let mut slots = Slots::new(9);
        let mut taken: Vec<Ticket> = Vec::new();
        for step in steps {
            match step {
                None => match slots.take() {
                    Some(ticket) => {
                        prop_assert!(ticket.tag != 0 && slots.has(ticket));
                        prop_assert!(taken.iter().all(|other| other.slot != ticket.slot));
                        prop_assert_eq!(Ticket::from_word(ticket.to_word()), ticket);
                        taken.push(ticket);
                    }
                    None => prop_assert_eq!(taken.len(), SLOTS),
                },
                Some(index) if !taken.is_empty() => {
                    let ticket = taken.swap_remove(index.index(taken.len()));
                    let foreign = Ticket { policy: 8, ..ticket };
                    prop_assert!(!slots.give_back(foreign));
                    prop_assert!(slots.give_back(ticket) && !slots.give_back(ticket));
                }
                Some(_) => {}
            }
            prop_assert_eq!(slots.taken(), taken.len());
        }
    }
}

#[test]
fn what_cannot_be_is_said_by_name() {
    let tag = 3;
    let sound = First {
        tag,
        ..First::default()
    };
    let cases = [
        (
            First {
                weight: HEAVIEST + 1,
                ..sound
            },
            Fault::Weight,
        ),
        (
            First {
                slice: 1001,
                ..sound
            },
            Fault::Slice,
        ),
        (First { place: 5, ..sound }, Fault::Place),
        (First { unused: 1, ..sound }, Fault::Unused),
    ];
    for (first, fault) in cases {
        assert_eq!(check(first.encode(), tag, 4), Err(fault));
        assert_eq!(check(first.encode(), tag + 1, 4), Ok(None));
    }
}

#[test]
fn what_finds_no_room_is_counted_and_a_lie_is_a_fault() {
    let (ring, memory) = (Ring::new(), Words::new());
    for _ in 0..EVENTS {
        assert_eq!(ring.push(&memory, &Event::default()), Ok(false));
    }
    for _ in 0..3 {
        assert_eq!(ring.push(&memory, &Event::default()), Ok(false));
    }
    assert_eq!((ring.told(), ring.lost()), (EVENTS as u64, 3));
    assert_eq!(memory.word(LOST).load(Ordering::Relaxed), 3);
    memory.word(CONSUMED).store(1, Ordering::Relaxed);
    assert_eq!(ring.push(&memory, &Event::default()), Ok(false));
    for lie in [EVENTS as u64 + 2, u64::MAX, 0] {
        memory.word(CONSUMED).store(lie, Ordering::Relaxed);
        let expected = Err(Fault::Consumed);
        assert_eq!(ring.push(&memory, &Event::default()), expected);
    }
}

/// Some cores tell as fast as they can, and a policy reads: each event comes once, whole, in
/// the order of its core; or was counted as lost.
#[test]
fn events_of_several_cores_come_once_and_whole() {
    const CORES: u32 = 3;
    const EACH: u64 = 60_000;
    let (ring, memory, is_over) = (Ring::new(), Words::new(), AtomicBool::new(false));
    let mut next = [0; CORES as usize];
    let mut came = 0;
    std::thread::scope(|scope| {
        let cores: Vec<_> = (0..CORES)
            .map(|core| {
                let (ring, memory) = (&ring, &memory);
                scope.spawn(move || {
                    for number in 1..=EACH {
                        let event = Event {
                            thread: core,
                            time: number,
                            run_time: number * 3,
                            ..Event::default()
                        };
                        let _ = ring.push(memory, &event).unwrap();
                    }
                })
            })
            .collect();
        let is_over = &is_over;
        scope.spawn(move || {
            for core in cores {
                core.join().unwrap();
            }
            is_over.store(true, Ordering::SeqCst);
        });
        loop {
            let was_over = is_over.load(Ordering::SeqCst);
            let place = RING + (came % EVENTS as u64) as usize * EVENT_WORDS;
            if memory.word(place).load(Ordering::Acquire) != came + 1 {
                if was_over {
                    break;
                }
                std::thread::yield_now();
                continue;
            }
            let event = Event::decode(std::array::from_fn(|index| {
                memory.word(place + 1 + index).load(Ordering::Relaxed)
            }));
            assert_eq!(event.run_time, 3 * event.time);
            assert!(event.time > next[event.thread as usize]);
            next[event.thread as usize] = event.time;
            came += 1;
            memory.word(CONSUMED).store(came, Ordering::Release);
        }
    });
    assert_eq!(came + ring.lost(), u64::from(CORES) * EACH);
    assert_eq!(came, ring.told());
}
