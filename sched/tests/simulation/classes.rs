//! Classes: interrupt work first, the idle class last but not never.

use sched::entity::Task;
use sched::local::IDLE_CLASS_PERIOD;
use sched::policy::{Fair, Policy};
use sched::weight::Class;

use crate::machine::{Behaviour, MILLISECOND, SECOND, Simulation};

#[test]
fn interrupt_work_runs_before_all_else() {
    let mut simulation = Simulation::new(1, Fair);
    for _ in 0..10 {
        simulation.spawn(Behaviour::Hog, -20, 0);
    }
    let work = Behaviour::Cycle {
        run: 20_000,
        sleep: 1_700_000,
    };
    let server = simulation.make(work, 0, Class::Interrupt);
    simulation.start(server, 0);
    simulation.run(2 * SECOND);
    let server = &simulation.tasks[server];
    assert_eq!(server.longest_wait.get(), 0);
    assert!(server.ran.get() > 20 * MILLISECOND);
}

/// What runs when its class is changed keeps the core no longer than a slice.
#[test]
fn who_stops_serving_interrupts_shares_the_core() {
    let mut simulation = Simulation::new(1, Fair);
    let server = simulation.make(Behaviour::Hog, 0, Class::Interrupt);
    simulation.start(server, 0);
    let other = simulation.spawn(Behaviour::Hog, 0, 0);
    simulation.run(SECOND);
    assert_eq!(simulation.tasks[other].ran.get(), 0);
    simulation.tasks[server].entity().set_class(Class::Normal);
    simulation.run(SECOND);
    let ran = simulation.tasks[other].ran.get();
    assert!(ran > 450 * MILLISECOND, "{ran}");
}

/// The slice that two share which wake each other is not made longer by what runs in
/// between.
#[test]
fn interrupt_work_does_not_help_two_that_wake_each_other_to_starve_the_rest() {
    let mut simulation = Simulation::new(1, Fair);
    let run = 50_000;
    let first = simulation.make(Behaviour::Alternate { run, partner: 1 }, 0, Class::Normal);
    simulation.make(Behaviour::Alternate { run, partner: 0 }, 0, Class::Normal);
    let hog = simulation.spawn(Behaviour::Hog, 0, 0);
    let work = Behaviour::Cycle {
        run: 1_000,
        sleep: 500_000,
    };
    let server = simulation.make(work, 0, Class::Interrupt);
    simulation.start(server, 0);
    simulation.start(first, 0);
    simulation.run(2 * SECOND);
    assert!(simulation.tasks[hog].ran.get() > 2 * SECOND / 4);
}

#[test]
fn the_idle_class_gets_what_is_left_and_a_slice_now_and_then() {
    let mut simulation = Simulation::new(1, Fair);
    simulation.spawn(Behaviour::Hog, 0, 0);
    let idle = simulation.make(Behaviour::Hog, 0, Class::Idle);
    simulation.start(idle, 0);
    // Sleepers wake all the time; none takes away the slice that it gets.
    let often = Behaviour::Cycle {
        run: 10_000,
        sleep: 90_000,
    };
    simulation.spawn(often, 0, 0);
    simulation.run(4 * SECOND);
    let task = &simulation.tasks[idle];
    let longest_slice = Fair.slice(simulation.tasks[0].entity());
    assert!(task.longest_wait.get() <= IDLE_CLASS_PERIOD + longest_slice);
    let slices = 4 * SECOND / (IDLE_CLASS_PERIOD + longest_slice);
    let due = slices * Fair.slice(task.entity());
    assert!(task.ran.get() >= due, "{} of {due} ns", task.ran.get());
    assert!(
        task.ran.get() < 4 * SECOND / 20,
        "not what others could use"
    );
}

#[test]
fn the_idle_class_has_a_core_that_nobody_else_wants() {
    let mut simulation = Simulation::new(2, Fair);
    simulation.spawn(Behaviour::Hog, 0, 0);
    let idle = simulation.make(Behaviour::Hog, 0, Class::Idle);
    simulation.start(idle, 0);
    simulation.run(SECOND);
    assert!(simulation.tasks[idle].ran.get() > 9 * SECOND / 10);
}
