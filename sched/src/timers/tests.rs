//! What the steps cost, and what storage stays: counted, on the inside. What they do is
//! held against a model in `sched/tests/timers.rs`.

use super::*;

/// More than a way down (11 nodes, each looked at before and after), a slot divided and a
/// search for the next; a logarithm of the numbers below, or a list, is told from it by
/// comparing costs, not by this.
const MOST_TOUCHES: usize = 90;

const MILLISECOND: u64 = 1_000_000;
const YEAR: u64 = 365 * 86_400 * 1_000 * MILLISECOND;

fn arm(timers: &mut Timers<u64>, deadline: u64) -> Key {
    if let Some(wants) = timers.wants() {
        drop(timers.supply(Room::new(wants)));
    }
    match timers.arm(deadline, deadline) {
        Ok(armed) => armed.key,
        Err(_) => panic!("no room, though there was some"),
    }
}

fn touches(timers: &Timers<u64>) -> usize {
    timers.entries.touches() + timers.nodes.touches()
}

/// The most touches of one call of `step`.
fn most_touches(
    timers: &mut Timers<u64>,
    times: usize,
    mut step: impl FnMut(&mut Timers<u64>, usize),
) -> usize {
    (0..times)
        .map(|number| {
            let before = touches(timers);
            step(timers, number);
            touches(timers) - before
        })
        .max()
        .unwrap_or(0)
}

/// A sequence with no pattern, the same every time.
fn scattered(number: usize) -> u64 {
    let step = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (step ^ step >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 13
}

/// The deadline of the timer with this number.
type Shape = fn(usize) -> u64;

/// Ways in which deadlines lie: scattered over years, within a second, all the same, side by
/// side, in bunches far from each other, each twice as far as the one before.
fn shapes() -> [(&'static str, Shape); 6] {
    [
        ("years", |number| scattered(number) % (20 * YEAR)),
        ("second", |number| scattered(number) % (1000 * MILLISECOND)),
        ("same", |_| YEAR),
        ("side by side", |number| YEAR + number as u64),
        ("bunches", |number| {
            (number as u64 / 12) * 3_600_000 * MILLISECOND + number as u64 % 12
        }),
        ("doubling", |number| 1 << (number % 64)),
    ]
}

#[test]
fn a_step_costs_no_more_with_a_hundred_thousand_timers_than_with_a_hundred() {
    for (name, shape) in shapes() {
        let costs = [100, 100_000].map(|count| {
            let mut timers = Timers::new();
            let mut keys: Vec<(u64, Key)> = (0..count)
                .map(|number| (shape(number), arm(&mut timers, shape(number))))
                .collect();
            let arming = most_touches(&mut timers, 50, |timers, number| {
                arm(timers, shape(count + number));
            });
            keys.sort_by_key(|(deadline, _)| *deadline);
            let cancelling = most_touches(&mut timers, 20, |timers, number| {
                assert!(timers.cancel(keys[count / 2 + number].1).is_some());
            });
            let cancelling_first = most_touches(&mut timers, 20, |timers, number| {
                assert!(timers.cancel(keys[number].1).is_some());
                assert!(timers.next_deadline().is_some());
            });
            let expiring = most_touches(&mut timers, 20, |timers, _| {
                assert!(timers.expire(u64::MAX).is_some());
            });
            [arming, cancelling, cancelling_first, expiring]
        });
        for (few, many) in costs[0].iter().zip(costs[1]) {
            assert!(*few <= MOST_TOUCHES, "{name}: {few}");
            assert!(many <= MOST_TOUCHES, "{name}: {few} and {many}");
        }
    }
}

#[test]
fn to_cancel_a_timer_in_a_list_touches_it_its_neighbours_and_one_node() {
    for count in [3, 1_000, 100_000] {
        let mut timers = Timers::new();
        let keys: Vec<Key> = (0..count).map(|_| arm(&mut timers, YEAR)).collect();
        let before = touches(&timers);
        timers.cancel(keys[count / 2]);
        assert!(
            touches(&timers) - before <= 6,
            "{}",
            touches(&timers) - before
        );
    }
}

#[test]
fn the_next_deadline_is_looked_for_once() {
    let mut timers = Timers::new();
    let first = arm(&mut timers, 5);
    for number in 0..1000 {
        arm(&mut timers, 10 + scattered(number));
    }
    let looking = |timers: &mut Timers<u64>| {
        most_touches(timers, 1, |timers, _| {
            assert!(timers.next_deadline().is_some())
        })
    };
    assert_eq!(looking(&mut timers), 0);
    timers.cancel(first);
    assert_ne!(looking(&mut timers), 0);
    assert_eq!(looking(&mut timers), 0);
}

#[test]
fn cancelled_timers_leave_nothing_behind() {
    for (name, shape) in shapes() {
        let mut timers = Timers::new();
        let mut capacity = None;
        for round in 0..20 {
            let keys: Vec<Key> = (0..500)
                .map(|number| arm(&mut timers, shape(number + 500 * round)))
                .collect();
            for key in keys {
                assert!(timers.cancel(key).is_some());
            }
            assert_eq!(timers.next_deadline(), None);
            assert_eq!(
                (timers.entries.in_use(), timers.nodes.in_use()),
                (0, 1),
                "{name}"
            );
            let now = timers.entries.capacity();
            // A shape may need more nodes in one round than in another, and a chunk has both.
            assert!(now <= 4 * *capacity.get_or_insert(now), "{name}");
        }
    }
}

#[test]
fn one_timer_after_another_needs_one_place() {
    let mut timers = Timers::new();
    for number in 0..100_000 {
        let key = arm(&mut timers, scattered(number));
        if number % 2 == 0 {
            timers.cancel(key);
        } else {
            timers.expire(u64::MAX);
        }
    }
    assert_eq!(timers.entries.capacity(), FIRST_ENTRIES);
    assert_eq!(timers.nodes.capacity(), FIRST_NODES);
}

#[test]
fn no_more_nodes_than_a_way_down_for_each_timer() {
    // All but one of each bunch go, at every digit: the most nodes that a timer can keep.
    let mut timers = Timers::new();
    let mut left = 0;
    for number in 0..200 {
        let base = scattered(number) << 4;
        left += 1;
        arm(&mut timers, base);
        for digit in 0..10 {
            let others: Vec<Key> = (0..CROWD as u64 + 1)
                .map(|other| arm(&mut timers, base ^ (other % 2 + 1) << (6 * digit)))
                .collect();
            for key in others {
                timers.cancel(key);
            }
        }
    }
    assert_eq!(timers.entries.in_use(), left);
    assert!(timers.nodes.in_use() <= 11 * left);
}

#[test]
fn room_that_somebody_else_has_brought_comes_back() {
    let mut timers = Timers::<u64>::new();
    let wants = timers.wants().expect("an empty structure has no room");
    assert!(timers.arm(1, 1).is_err());
    let left = timers.supply(Room::new(wants));
    assert!(left.entries.is_none() && left.nodes.is_none());
    let left = timers.supply(Room::new(wants));
    assert!(left.entries.is_some() && left.nodes.is_some());
    assert_eq!(timers.entries.capacity(), FIRST_ENTRIES);
    assert!(timers.arm(1, 1).is_ok());
}
