//! Events on their way to a policy: none is lost where there is room, none is seen
//! half-written, and a policy that waits is woken, once.

use std::collections::BTreeMap;

use loom::sync::Arc;
use loom::thread;
use roentgen_abi::policy::{CONSUMED, EVENT_WORDS, Event, LOST, RING};
use sched::outside::Memory;
use sched::outside::ring::Ring;
use sched::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// The words that a few events need.
struct Few(BTreeMap<usize, AtomicU64>);

impl Few {
    fn new(events: usize) -> Self {
        let words = (RING..RING + events * EVENT_WORDS).chain([CONSUMED, LOST]);
        Self(words.map(|index| (index, AtomicU64::new(0))).collect())
    }
}

impl Memory for Few {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0[&index]
    }
}

/// What the policy reads: the event of this number, if it is there.
fn read(memory: &Few, number: u64) -> Option<Event> {
    let place = RING + number as usize * EVENT_WORDS;
    let has_come = memory.word(place).load(Ordering::Acquire) == number + 1;
    has_come.then(|| {
        Event::decode(std::array::from_fn(|index| {
            memory.word(place + 1 + index).load(Ordering::Relaxed)
        }))
    })
}

fn event(thread: u32) -> Event {
    Event {
        kind: 1,
        thread,
        process: 7 * thread,
        time: u64::from(thread),
        ..Event::default()
    }
}

/// The policy waits and reads; a core tells it of something meanwhile.
#[test]
fn a_policy_that_listens_is_woken_or_has_seen_the_event() {
    loom::model(|| {
        let shared = Arc::new((Ring::new(), Few::new(1), AtomicBool::new(false)));
        let core = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (ring, memory, is_woken) = &*shared;
                if ring.push(memory, &event(3)).unwrap() {
                    is_woken.store(true, Ordering::SeqCst);
                }
            })
        };
        let (ring, memory, is_woken) = &*shared;
        let waiting = ring.listen(memory);
        core.join().unwrap();
        assert!(waiting == 1 || is_woken.load(Ordering::SeqCst));
        assert_eq!(read(memory, 0), Some(event(3)));
    });
}

/// Two cores tell at once: both events are there, whole, and one of the cores wakes it.
#[test]
fn two_cores_tell_and_one_wakes() {
    loom::model(|| {
        let shared = Arc::new((Ring::new(), Few::new(2)));
        assert_eq!(shared.0.listen(&shared.1), 0);
        let other = {
            let shared = shared.clone();
            thread::spawn(move || shared.0.push(&shared.1, &event(1)).unwrap())
        };
        let wakes = shared.0.push(&shared.1, &event(2)).unwrap();
        // What the policy sees at any time is whole.
        for number in 0..2 {
            if let Some(seen) = read(&shared.1, number) {
                assert!(seen == event(1) || seen == event(2));
            }
        }
        assert!(wakes != other.join().unwrap());
        let seen = [0, 1].map(|number| read(&shared.1, number).unwrap().thread);
        assert!(seen == [1, 2] || seen == [2, 1]);
        assert_eq!(shared.0.waiting(&shared.1), 2);
    });
}

/// The two steps of each side, as `push` and `listen` take them, with and without a fence
/// between them: whether the policy is woken or sees the event.
fn is_heard(core_has_fence: bool, policy_has_fence: bool) -> bool {
    let shared = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let core = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.0.store(1, Ordering::Release);
            if core_has_fence {
                fence(Ordering::SeqCst);
            }
            shared.1.load(Ordering::Relaxed)
        })
    };
    shared.1.store(true, Ordering::Relaxed);
    if policy_has_fence {
        fence(Ordering::SeqCst);
    }
    let is_seen = shared.0.load(Ordering::Acquire) == 1;
    core.join().unwrap() || is_seen
}

#[test]
fn with_both_fences_the_policy_hears_of_it() {
    loom::model(|| assert!(is_heard(true, true)));
}

#[test]
#[should_panic(expected = "is_heard(false, true)")]
fn without_the_cores_fence_that_is_found() {
    loom::model(|| assert!(is_heard(false, true)));
}

#[test]
#[should_panic(expected = "is_heard(true, false)")]
fn without_the_policys_fence_that_is_found() {
    loom::model(|| assert!(is_heard(true, false)));
}
