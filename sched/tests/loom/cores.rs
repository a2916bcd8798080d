//! Idle cores: none sleeps on work, and none is interrupted that is awake.

use loom::model::Builder;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use sched::entity::Task;
use sched::idle::Idle;
use std::sync::Arc;

use crate::machine::{Machine, TestTask};

/// Seen caught: `begin_halt` without its fence; `post` without its fence; `begin_halt`
/// that does not look at the inbox.
#[test]
fn a_core_that_halts_is_interrupted_once_for_what_is_posted_to_it() {
    loom::model(|| {
        let (machine, [mut waker, mut sleeper]) = Machine::new(1);
        let task = TestTask::parked();
        let core = thread::spawn({
            let machine = machine.clone();
            move || machine.idle(&mut sleeper)
        });
        machine.wake(&mut waker, &task);
        let ran = core.join().unwrap();
        let interrupts = machine.interrupts(1);
        assert!(interrupts <= 1);
        assert!(ran.is_some() || interrupts == 1, "it halts, and has work");
    });
}

/// Seen caught: `must_interrupt` that reads the note, and removes it without looking at
/// whether it was there.
#[test]
fn two_wake_ups_of_a_halted_core_take_one_interrupt() {
    loom::model(|| {
        let (machine, [mut first, sleeper, mut second]) = Machine::new(1);
        machine.halt(&sleeper);
        let other = thread::spawn({
            let machine = machine.clone();
            move || machine.wake(&mut second, &TestTask::parked())
        });
        machine.wake(&mut first, &TestTask::parked());
        other.join().unwrap();
        assert_eq!(machine.interrupts(1), 1);
        assert_eq!(machine.queued(), 2);
    });
}

/// Seen caught: `post` that interrupts whatever it claims.
#[test]
fn a_core_that_polls_takes_no_interrupt() {
    loom::model(|| {
        let (machine, [mut waker, mut poller]) = Machine::new(1);
        let core = thread::spawn({
            let machine = machine.clone();
            move || {
                machine.system.idle.announce(1);
                loom::thread::yield_now();
                machine.system.end_idle(1);
                machine.pick(&mut poller).is_some()
            }
        });
        machine.wake(&mut waker, &TestTask::parked());
        let ran = core.join().unwrap();
        assert_eq!(machine.interrupts(1), 0);
        assert_eq!(machine.queued(), u64::from(!ran));
    });
}

/// Seen caught: `begin_halt` that does not look at the queues of others. (The fence of
/// `call_a_thief` cannot be missed: the queue's own look at its length has one.)
#[test]
fn what_is_queued_beside_a_running_task_is_stolen_or_a_thief_is_called() {
    loom::model(|| {
        let (machine, [mut busy, mut thief]) = Machine::new(0);
        machine.occupy(&mut busy);
        let core = thread::spawn({
            let machine = machine.clone();
            move || machine.idle(&mut thief)
        });
        machine.wake(&mut busy, &TestTask::parked());
        let ran = core.join().unwrap();
        let interrupts = machine.interrupts(1);
        assert!(interrupts <= 1);
        assert!(
            ran.is_some() || interrupts == 1,
            "it halts, and could steal"
        );
    });
}

/// Seen caught: `slice_end` without its fence; `slice_end` that does not look at the
/// inbox again.
#[test]
fn whoever_posts_to_a_core_without_a_timer_interrupts_it() {
    loom::model(|| {
        let (machine, [mut waker, mut busy]) = Machine::new(1);
        machine.occupy(&mut busy);
        let core = thread::spawn({
            let machine = machine.clone();
            move || machine.system.slice_end(&busy, &*machine)
        });
        machine.wake(&mut waker, &TestTask::parked());
        let slice_end = core.join().unwrap();
        let interrupts = machine.interrupts(1);
        assert!(interrupts <= 1);
        assert!(slice_end.is_some() || interrupts == 1, "nobody looks");
    });
}

/// A core pushes while another searches, so it calls nobody; the searcher finds something
/// else, and a third one halts: it must be called by the searcher then.
///
/// Seen caught: `search` that does not look once more after it was the last. (The fence of
/// `end_search` cannot be missed either.) At most 3 preemptions a run.
#[test]
fn the_last_searcher_that_finds_work_wakes_another() {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (machine, [mut busy, mut thief, sleeper]) = Machine::new(0);
        machine.halt(&sleeper);
        machine.occupy(&mut busy);
        // The one that halts is asleep, and nobody has called it yet.
        let first = TestTask::parked();
        assert!(first.entity().state.wake() && machine.system.idle.start_search(3));
        machine
            .system
            .enqueue(&mut busy, first, sched::policy::Cause::Yield, &*machine);
        machine.system.idle.end_search();
        let core = thread::spawn({
            let machine = machine.clone();
            move || machine.idle(&mut thief)
        });
        machine.wake(&mut busy, &TestTask::parked());
        let ran = core.join().unwrap();
        assert!(ran.is_some(), "there are two, and nobody else takes them");
        assert!(machine.interrupts(2) <= 1);
        assert!(
            machine.interrupts(2) == 1 || !machine.has_stealable(),
            "two tasks, one runs, a core sleeps"
        );
    });
}

/// Seen caught: `start_search` that counts with a load and an add.
#[test]
fn about_half_of_the_cores_search_at_most() {
    loom::model(|| {
        let idle = Arc::new(Idle::new());
        let searching = Arc::new(AtomicUsize::new(0));
        let search = {
            let (idle, searching) = (idle.clone(), searching.clone());
            move || {
                if idle.start_search(2) {
                    assert_eq!(searching.fetch_add(1, Ordering::Relaxed), 0);
                    searching.fetch_sub(1, Ordering::Relaxed);
                    assert!(idle.end_search(), "the only one is the last");
                }
            }
        };
        let others = [0, 1].map(|_| thread::spawn(search.clone()));
        search();
        for other in others {
            other.join().unwrap();
        }
        assert!(!idle.is_searched());
    });
}

/// Seen caught: `claim` that does not say whether the core was still there.
#[test]
fn an_idle_core_is_claimed_by_one() {
    loom::model(|| {
        let idle = Arc::new(Idle::new());
        idle.announce(0);
        let others = [0, 1].map(|_| {
            let idle = idle.clone();
            thread::spawn(move || idle.claim(0))
        });
        let was_withdrawn = idle.withdraw(0);
        let claims = others
            .map(|other| usize::from(other.join().unwrap()))
            .iter()
            .sum::<usize>();
        assert_eq!(claims + usize::from(was_withdrawn), 1);
    });
}
