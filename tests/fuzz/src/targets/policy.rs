//! What a scheduling policy writes into the memory that it shares with the kernel
//! (`sched::outside`).

use std::sync::atomic::{AtomicU64, Ordering};

use roentgen_abi::policy::{
    CONSUMED, EVENTS, Event, First, Kind, SLOT_WORDS, SLOTS, Second, TABLE, WORDS,
};
use sched::outside::slots::Ticket;
use sched::outside::{Attached, Memory};
use sched::policy::{LONGEST_SLICE, SHORTEST_SLICE};
use sched::weight::HEAVIEST;

const CORES: usize = 4;
const POLICY: u32 = 7;
const STEP: usize = 11;

struct Shared(Vec<AtomicU64>);

impl Memory for &Shared {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0[index]
    }
}

/// The input is a list of steps of eleven bytes: what is done, where, and a word. The policy
/// writes any word anywhere; the kernel asks what was decided, and tells it of events.
pub fn run(bytes: &[u8]) {
    let shared = Shared((0..WORDS).map(|_| AtomicU64::new(0)).collect());
    let policy = Attached::new(POLICY, &shared, u32::MAX, true, CORES);
    assert!(policy.begin());
    let mut told = 0;
    for step in bytes.chunks_exact(STEP) {
        let place = u16::from_le_bytes([step[1], step[2]]);
        let word = u64::from_le_bytes(step[3..].try_into().unwrap_or_default());
        let slot = place % SLOTS as u16;
        let ticket = Ticket {
            policy: POLICY,
            slot,
            tag: (word >> 48) as u16,
        };
        match step[0] % 8 {
            0 => shared.0[usize::from(place) % WORDS].store(word, Ordering::Relaxed),
            1 => shared.0[CONSUMED].store(word % (2 * EVENTS as u64), Ordering::Relaxed),
            2 | 3 => {
                let at = TABLE + usize::from(slot) * SLOT_WORDS + usize::from(step[0] % 2);
                shared.0[at].store(word, Ordering::Relaxed);
                ask(&policy, ticket);
            }
            4 => policy.clear(ticket),
            5 => {
                let _ = policy.ring.listen(policy.memory());
            }
            _ => {
                let _ = policy.tell(Kind::Woke, ticket, Event::default());
                told += 1;
            }
        }
        assert_eq!(policy.is_in_force(), policy.fault().is_none());
        assert!(policy.ring.told() + policy.ring.lost() <= told);
        assert!(policy.ring.waiting(policy.memory()) <= EVENTS as u64);
    }
}

/// What counts is sound, and a policy with a fault decides nothing.
fn ask(policy: &Attached<&Shared>, ticket: Ticket) {
    let rank = policy.rank(ticket);
    assert!(rank.is_none_or(|rank| rank > 0 && ticket.tag != 0));
    let Some(decision) = policy.decision(ticket) else {
        return;
    };
    assert!(ticket.tag != 0 && policy.fault().is_none());
    assert!(
        decision
            .weight
            .is_none_or(|weight| (1..=HEAVIEST).contains(&weight))
    );
    let slices = SHORTEST_SLICE..=LONGEST_SLICE;
    assert!(decision.slice.is_none_or(|slice| slices.contains(&slice)));
    assert!(decision.place.is_none_or(|place| place < CORES));
}

/// A sound decision, a rank, and events that are read.
pub fn seeds() -> Vec<Vec<u8>> {
    let step = |what: u8, place: u16, word: u64| {
        let [low, high] = place.to_le_bytes();
        [&[what, low, high][..], &word.to_le_bytes()].concat()
    };
    let first = First {
        weight: 1024,
        slice: 40,
        place: 2,
        unused: 0,
        tag: 5,
    };
    let second = Second { rank: 9, tag: 5 };
    let mut steps = vec![
        step(2, 3, first.encode()),
        step(3, 3, second.encode()),
        step(5, 0, 0),
    ];
    steps.extend([
        step(6, 3, 5 << 48),
        step(6, 3, 5 << 48),
        step(1, 0, 2),
        step(4, 3, 5 << 48),
    ]);
    vec![steps.concat()]
}
