//! Stealing against the owner, and affinity against picking: a task runs once, where it
//! may, and every entry is counted.

use loom::model::Builder;
use loom::sync::atomic::Ordering;
use loom::thread;
use sched::entity::Task;
use sched::mask::CoreMask;
use sched::policy::Stop;

use crate::machine::{Machine, TestTask};

/// Seen caught: a thief that drops the first of its catch.
#[test]
fn the_last_task_of_a_core_that_parks_runs_once_wherever() {
    loom::model(|| {
        let (machine, [mut owner, mut thief]) = Machine::new(0);
        let task = TestTask::parked();
        machine.wake(&mut owner, &task);
        let core = thread::spawn({
            let machine = machine.clone();
            move || machine.idle(&mut thief).is_some()
        });
        let here = machine.idle(&mut owner).is_some();
        let there = core.join().unwrap();
        assert!(here != there, "one of the two has it");
        assert_eq!(task.runs.load(Ordering::Relaxed), 1);
        assert_eq!((machine.queued(), machine.load()), (0, 1));
    });
}

/// Three cores, of which two steal, one of them perhaps from the other: at most 2
/// preemptions a run.
///
/// Seen caught: a steal that leaves the load with the victim. (A thief that counts its
/// catch by the length of its queue needs more steps than these: shuttle catches it.)
#[test]
fn what_is_stolen_twice_is_counted_twice() {
    for owner in 0..3 {
        let mut model = Builder::new();
        model.preemption_bound = Some(2);
        // Each core asks the others in an order of its own.
        model.check(move || steal_from(owner));
    }
}

fn steal_from(owner: usize) {
    let (machine, cores) = Machine::new::<3>(owner);
    let mut cores = Vec::from(cores);
    let mut own = cores.remove(owner);
    machine.occupy(&mut own);
    for _ in 0..3 {
        machine.wake(&mut own, &TestTask::parked());
    }
    let thieves: Vec<_> = cores
        .into_iter()
        .map(|mut core| {
            let machine = machine.clone();
            thread::spawn(move || machine.pick(&mut core).is_some())
        })
        .collect();
    let running: usize = thieves
        .into_iter()
        .map(|thief| usize::from(thief.join().unwrap()))
        .sum();
    assert_eq!(machine.queued() as usize, 3 - running);
    assert_eq!(machine.load(), 4, "and one that runs from the start");
}

/// Seen caught: a steal that leaves the load with the victim.
#[test]
fn a_task_that_ends_neither_runs_again_nor_takes_another_with_it() {
    loom::model(|| {
        let (machine, [mut owner, mut thief]) = Machine::new(0);
        let ending = machine.occupy(&mut owner);
        let task = TestTask::parked();
        machine.wake(&mut owner, &task);
        let core = thread::spawn({
            let (machine, ending) = (machine.clone(), ending.clone());
            move || {
                // Whoever wakes it at this moment queues nothing.
                machine.wake(&mut thief, &ending);
                machine.pick(&mut thief).is_some()
            }
        });
        machine
            .system
            .end(&mut owner, ending.entity(), Stop::Ends, &*machine);
        let here = machine.pick(&mut owner).is_some();
        ending.entity().state.die();
        let there = core.join().unwrap();
        assert!(here != there);
        assert_eq!(ending.runs.load(Ordering::Relaxed), 1);
        assert_eq!(task.runs.load(Ordering::Relaxed), 1);
        assert_eq!((machine.queued(), machine.load()), (0, 1));
    });
}

/// Seen caught: `begin` that does not ask again; `begin` and `set_affinity` without their
/// fences.
#[test]
fn a_task_whose_affinity_changes_while_it_is_picked_leaves_that_core() {
    loom::model(|| {
        let (machine, [mut owner, mut other]) = Machine::new(0);
        let task = TestTask::parked();
        machine.wake(&mut owner, &task);
        let setter = thread::spawn({
            let task = task.clone();
            move || {
                task.entity().set_affinity(CoreMask::only(1));
                // Whoever it runs on is interrupted, as `sched_setaffinity` does it.
                task.entity().last_core()
            }
        });
        let picked = machine.system.pick(&mut owner, &*machine);
        let stays =
            picked.is_some_and(|task| machine.system.begin(&mut owner, task.entity(), &*machine));
        let interrupted = setter.join().unwrap();
        if stays {
            assert_eq!(interrupted, Some(0), "it runs where it may not");
        } else if task.entity().last_core().is_none() {
            assert!(
                machine.system.pick(&mut other, &*machine).is_some(),
                "it was sent to where it may run"
            );
        }
    });
}

/// The masks lie in two words; half of each would be no core at all.
///
/// Seen caught: `set_affinity` without its lock.
#[test]
fn of_two_affinities_set_at_once_one_holds() {
    loom::model(|| {
        let task = TestTask::running();
        let other = thread::spawn({
            let task = task.clone();
            move || task.entity().set_affinity(CoreMask::only(1))
        });
        task.entity().set_affinity(CoreMask::only(100));
        other.join().unwrap();
        let mask = task.entity().affinity();
        assert!(mask == CoreMask::only(1) || mask == CoreMask::only(100));
    });
}
