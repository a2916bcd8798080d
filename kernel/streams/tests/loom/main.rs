//! Channels under loom, which tries every order of their steps: nothing is lost, nothing
//! comes twice, nobody sleeps for ever, everybody sees the end.
//!
//! The channel is the kernel's own code. Its wait queues are the kernel's
//! (`kernel/src/sync/wait_queue.rs`), mirrored here line by line. A thread that sleeps for
//! ever is what loom calls a deadlock. Each test names what it was seen to catch. Where a
//! test bounds the preemptions of a run, it says so; without a bound, it is exhaustive.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release -p streams --test loom --target-dir target/loom`
#![cfg(loom)]

mod machine;

use loom::model::Builder;
use loom::thread;
use machine::{BOTH, Bench, GaveUp, RECEIVES, SENDS, model};
use streams::channel::End;

/// A run switches threads this often, at most, where it need not.
fn bounded(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

/// Seen caught: no wake-up after a send; none after a delivery; looking at the state only
/// before subscribing; a leaving end that tells nobody.
#[test]
fn two_messages_pass_a_channel_of_one_in_order_and_then_comes_the_end() {
    bounded(4, || {
        let bench = Bench::new(1, &[SENDS, RECEIVES]);
        let sender = thread::spawn({
            let bench = bench.clone();
            move || {
                bench.send(SENDS, 1).unwrap();
                bench.send(SENDS, 2).unwrap();
                bench.leave(SENDS);
            }
        });
        let (got, end) = bench.receive_all(RECEIVES);
        sender.join().unwrap();
        assert_eq!((got, end), (vec![1, 2], End::Deserted));
    });
}

fn many(capacity: usize) {
    let bench = Bench::new(capacity, &[SENDS, SENDS, RECEIVES, RECEIVES]);
    let senders = [1, 2].map(|message| {
        let bench = bench.clone();
        thread::spawn(move || {
            bench.send(SENDS, message).unwrap();
            bench.leave(SENDS);
        })
    });
    let receiver = thread::spawn({
        let bench = bench.clone();
        move || bench.receive_all(RECEIVES)
    });
    let (mut got, end) = bench.receive_all(RECEIVES);
    let (others, other_end) = receiver.join().unwrap();
    for sender in senders {
        sender.join().unwrap();
    }
    got.extend(others);
    got.sort_unstable();
    assert_eq!(got, [1, 2], "each arrives once");
    assert_eq!([end, other_end], [End::Deserted; 2]);
}

/// One preemption. Seen caught: as above.
#[test]
fn two_senders_and_two_receivers_share_a_channel_of_one() {
    bounded(1, || many(1));
}

/// Two preemptions.
#[test]
fn two_senders_and_two_receivers_share_a_channel_of_two() {
    bounded(2, || many(2));
}

/// The one message is told to a receiver that gives up at that moment.
///
/// Seen caught: a receiver that gives up and does not tell the next.
#[test]
fn a_message_is_not_lost_to_a_receiver_that_gives_up() {
    bounded(3, || {
        let bench = Bench::new(1, &[SENDS, RECEIVES, RECEIVES]);
        let patient = thread::spawn({
            let bench = bench.clone();
            move || bench.receive(RECEIVES)
        });
        let sender = thread::spawn({
            let bench = bench.clone();
            move || bench.send(SENDS, 1).unwrap()
        });
        let hasty = bench.receive_or_give_up(RECEIVES);
        sender.join().unwrap();
        match hasty {
            Ok(message) => {
                assert_eq!(message, Ok(1));
                bench.send(SENDS, 2).unwrap();
                assert_eq!(patient.join().unwrap(), Ok(2));
            }
            Err(GaveUp) => assert_eq!(patient.join().unwrap(), Ok(1)),
        }
    });
}

/// Seen caught: a sender that gives up and does not tell the next.
#[test]
fn a_place_is_not_lost_to_a_sender_that_gives_up() {
    bounded(3, || {
        let bench = Bench::new(1, &[SENDS, SENDS, RECEIVES]);
        bench.send(SENDS, 0).unwrap();
        let patient = thread::spawn({
            let bench = bench.clone();
            move || bench.send(SENDS, 1)
        });
        let receiver = thread::spawn({
            let bench = bench.clone();
            move || assert_eq!(bench.receive(RECEIVES), Ok(0))
        });
        let hasty = bench.send_or_give_up(SENDS, 2);
        receiver.join().unwrap();
        if let Ok(sent) = hasty {
            assert_eq!(sent, Ok(()));
            assert_eq!(bench.receive(RECEIVES), Ok(2));
        }
        assert_eq!(patient.join().unwrap(), Ok(()));
        assert_eq!(bench.receive(RECEIVES), Ok(1));
    });
}

/// Three preemptions. Seen caught: a sender that was told of the second place when it had
/// taken the first, and does not tell the next.
#[test]
fn two_places_are_told_to_two_senders() {
    bounded(3, || {
        let bench = Bench::new(2, &[SENDS, SENDS, RECEIVES]);
        bench.send(SENDS, 0).unwrap();
        bench.send(SENDS, 0).unwrap();
        let senders = [1, 2].map(|message| {
            let bench = bench.clone();
            thread::spawn(move || bench.send(SENDS, message).unwrap())
        });
        assert_eq!(bench.receive(RECEIVES), Ok(0));
        assert_eq!(bench.receive(RECEIVES), Ok(0));
        for sender in senders {
            sender.join().unwrap();
        }
        let mut got = [bench.receive(RECEIVES), bench.receive(RECEIVES)];
        got.sort_unstable_by_key(|message| message.unwrap_or_default());
        assert_eq!(got, [Ok(1), Ok(2)]);
    });
}

/// A delivery fails: the message is there for the other receiver, who was not told that
/// none is left, although its sender has gone.
///
/// Seen caught: a message in delivery not counted as one that may come; `put_back` that
/// tells nobody.
#[test]
fn a_message_that_is_put_back_is_received_by_another() {
    bounded(3, || {
        let bench = Bench::new(1, &[SENDS, RECEIVES, RECEIVES]);
        bench.send(SENDS, 1).unwrap();
        bench.leave(SENDS);
        let other = thread::spawn({
            let bench = bench.clone();
            move || bench.receive(RECEIVES)
        });
        let was_first = bench.receive_and_put_back(RECEIVES);
        assert_eq!(other.join().unwrap(), Ok(1));
        let last = bench.receive(RECEIVES);
        assert_eq!(last, Err(End::Deserted), "was first: {was_first}");
    });
}

/// Seen caught: a last delivery that does not tell who waits for what may come back.
#[test]
fn who_waits_for_a_delivery_sees_the_end_after_it() {
    bounded(3, || {
        let bench = Bench::new(2, &[SENDS, RECEIVES, RECEIVES]);
        bench.send(SENDS, 1).unwrap();
        bench.leave(SENDS);
        let other = thread::spawn({
            let bench = bench.clone();
            move || bench.receive_all(RECEIVES)
        });
        let (mut got, end) = bench.receive_all(RECEIVES);
        let (others, other_end) = other.join().unwrap();
        got.extend(others);
        assert_eq!((got, [end, other_end]), (vec![1], [End::Deserted; 2]));
    });
}

/// A receiver that finds no place for the message leaves it to another.
///
/// Seen caught: as with one that gives up.
#[test]
fn a_message_that_does_not_fit_is_received_by_another() {
    bounded(3, || {
        let bench = Bench::new(1, &[SENDS, RECEIVES, RECEIVES]);
        let other = thread::spawn({
            let bench = bench.clone();
            move || bench.receive(RECEIVES)
        });
        let narrow = thread::spawn({
            let bench = bench.clone();
            move || bench.receive_nothing(RECEIVES)
        });
        bench.send(SENDS, 1).unwrap();
        assert_eq!(other.join().unwrap(), Ok(1));
        bench.leave(SENDS);
        narrow.join().unwrap();
    });
}

/// One waits for room, one for a message, as the channel is closed.
///
/// Seen caught: a close that tells nobody.
#[test]
fn a_close_reaches_everybody_and_loses_nothing() {
    bounded(2, || {
        let bench = Bench::new(1, &[SENDS, RECEIVES]);
        let sender = thread::spawn({
            let bench = bench.clone();
            move || [1, 2].map(|message| bench.send(SENDS, message))
        });
        let closer = thread::spawn({
            let bench = bench.clone();
            move || bench.close()
        });
        let (got, end) = bench.receive_all(RECEIVES);
        closer.join().unwrap();
        let sent = sender.join().unwrap();
        assert_eq!(end, End::Closed);
        let expected: &[u32] = match sent {
            [Ok(()), Ok(())] => &[1, 2],
            [Ok(()), Err(End::Closed)] => &[1],
            [Err(End::Closed), Err(End::Closed)] => &[],
            other => unreachable!("{other:?}"),
        };
        assert_eq!(got, expected);
    });
}

/// Seen caught: orphans that stay; a leaving receiver that tells no sender.
#[test]
fn what_nobody_can_receive_is_given_back_and_its_sender_told() {
    bounded(4, || {
        let bench = Bench::new(1, &[SENDS, RECEIVES]);
        let sender = thread::spawn({
            let bench = bench.clone();
            move || {
                let mut sent = 0;
                while bench.send(SENDS, sent).is_ok() {
                    sent += 1;
                    assert!(sent < 3);
                }
                sent
            }
        });
        assert_eq!(bench.receive(RECEIVES), Ok(0));
        let orphans = bench.leave(RECEIVES);
        assert_eq!(sender.join().unwrap(), 1 + orphans);
        assert!(bench.is_empty());
    });
}

/// Both ends may do both, and one goes while the other waits: for a message, or for room.
///
/// Seen caught: an end that goes and tells only where none is left.
#[test]
fn the_last_of_two_ends_is_not_its_own_peer() {
    for is_full in [false, true] {
        model(move || {
            let bench = Bench::new(1, &[BOTH, BOTH]);
            if is_full {
                bench.send(BOTH, 0).unwrap();
            }
            let other = thread::spawn({
                let bench = bench.clone();
                move || bench.leave(BOTH)
            });
            if is_full {
                assert_eq!(bench.send(BOTH, 1), Err(End::Deserted));
            } else {
                assert_eq!(bench.receive(BOTH), Err(End::Deserted));
            }
            assert_eq!(other.join().unwrap(), 0);
        });
    }
}
