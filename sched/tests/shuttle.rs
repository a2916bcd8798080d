//! The whole scheduler under shuttle: small machines, any tasks, schedules at random.
//!
//! A task runs on one core at a time, where it may; all end; at the end nothing is left in
//! any queue and all counters add up. A machine that hangs (all cores halt, or one runs on
//! and on without seeing what waits) is found by the checker.
//!
//! Seen caught: `post` that interrupts nobody who runs; a `begin_halt` that does not look at
//! the inbox; a thief that counts its catch by its queue's length; a `begin` that does not
//! ask again whether the task may run there.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test --release -p sched --test shuttle --target-dir target/shuttle`
#![cfg(shuttle)]

#[path = "common/cores.rs"]
mod cores;
#[path = "common/kernel.rs"]
mod kernel;

use cores::{Program, Step, Threads};
use sched::mask::CoreMask;
use shuttle::rand::{Rng, thread_rng};

/// Schedules of each test; 10^5 in all.
const SCHEDULES: usize = 25_000;

/// So much time passes with each look at the clock that some slices end.
const TICK: u64 = 200_000;

/// Steps at random of one of `tasks` tasks on `cores` cores. Whoever wakes does it before
/// it waits, so each task is woken as often as it waits.
fn steps(number: usize, tasks: usize, cores: usize) -> Vec<Step> {
    let mut random = thread_rng();
    let waits = random.gen_range(0..3);
    let mut steps: Vec<Step> = (0..waits)
        .map(|_| Step::Wake((number + 1) % tasks))
        .collect();
    for _ in 0..random.gen_range(1..5) {
        steps.push(match random.gen_range(0..5) {
            0 => Step::Yield,
            1 => Step::Sleep,
            2 => Step::Run,
            3 => Step::Wake(random.gen_range(0..tasks)),
            _ => {
                let bits = random.gen_range(1..1_u64 << cores);
                let mut mask = CoreMask::NONE;
                mask.0[0] = bits;
                Step::Bind(random.gen_range(0..tasks), mask)
            }
        });
    }
    steps
}

fn check(cores: usize, most_tasks: usize) {
    shuttle::check_random(
        move || {
            let tasks = thread_rng().gen_range(3..=most_tasks);
            let mut programs: Vec<Vec<Step>> = (0..tasks)
                .map(|number| steps(number, tasks, cores))
                .collect();
            // Each waits for what the one before it does first.
            for number in 0..tasks {
                let wakes = programs[(number + tasks - 1) % tasks]
                    .iter()
                    .take_while(|step| matches!(step, Step::Wake(woken) if *woken == number))
                    .count()
                    .min(2);
                programs[number].extend((0..wakes).map(|_| match thread_rng().gen_range(0..2) {
                    0 => Step::Spin,
                    _ => Step::Wait,
                }));
            }
            let programs = programs.into_iter().map(Program::new).collect();
            Threads::run(cores, programs, tasks, TICK);
        },
        SCHEDULES,
    );
}

#[test]
fn two_cores_run_a_few_tasks_to_their_end() {
    check(2, 4);
}

#[test]
fn two_cores_run_more_tasks_to_their_end() {
    check(2, 6);
}

#[test]
fn three_cores_run_a_few_tasks_to_their_end() {
    check(3, 4);
}

/// One task runs until another has run that may only run on the same core: nothing else
/// makes that core look.
#[test]
fn a_core_that_runs_on_and_on_sees_what_is_posted_to_it() {
    shuttle::check_random(
        || {
            let bind = |task, core| Step::Bind(task, CoreMask::only(core));
            let programs = vec![
                Program::new(vec![bind(0, 0), Step::Start(1), Step::Spin, Step::Spin]),
                Program::new(vec![
                    bind(1, 1),
                    Step::Run,
                    bind(2, 0),
                    Step::Start(2),
                    Step::Wake(0),
                ]),
                Program::new(vec![Step::Wake(0)]),
            ];
            Threads::run(2, programs, 1, TICK);
        },
        SCHEDULES,
    );
}
