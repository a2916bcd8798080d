//! The scheduler and the real queues on the host's own threads: hundreds of thousands of
//! tasks are started, woken and stolen. What must hold is in [`cores`].
#![cfg(not(any(loom, shuttle)))]

#[path = "common/cores.rs"]
mod cores;
#[path = "common/kernel.rs"]
mod kernel;

use cores::{Program, Step, Threads};
use sched::mask::CoreMask;

/// A forest: each task starts two more, sleeps, yields, and wakes a neighbour.
fn forest(tasks: usize) -> Vec<Program> {
    (0..tasks)
        .map(|number| {
            let children = [2 * number + 1, 2 * number + 2];
            let mut steps: Vec<Step> = children
                .into_iter()
                .filter(|child| *child < tasks)
                .map(Step::Start)
                .collect();
            steps.push(match number % 5 {
                0 => Step::Sleep,
                1 | 2 => Step::Yield,
                _ => Step::Run,
            });
            Program::new(steps)
        })
        .collect()
}

#[test]
fn hundreds_of_thousands_of_tasks_run_to_their_end() {
    for cores in [2, 4, 7] {
        Threads::run(cores, forest(100_000), 1, 1_000);
    }
}

#[test]
fn pairs_that_wake_each_other_lose_no_wake_up() {
    const ROUNDS: usize = 5_000;
    const PAIRS: usize = 8;
    for cores in [2, 4] {
        let programs = (0..2 * PAIRS)
            .map(|number| {
                let partner = number ^ 1;
                // Some keep their core while they wait: who should wake them takes it.
                if number < 2 {
                    let turn = match number {
                        0 => [Step::Wake(partner), Step::Spin],
                        _ => [Step::Spin, Step::Wake(partner)],
                    };
                    return Program::new(turn.repeat(ROUNDS));
                }
                let turn = if number % 2 == 0 {
                    [Step::Wake(partner), Step::Wait]
                } else {
                    [Step::Wait, Step::Wake(partner)]
                };
                Program::new(turn.repeat(ROUNDS))
            })
            .collect();
        Threads::run(cores, programs, 2 * PAIRS, 1_000);
    }
}

#[test]
fn tasks_whose_affinity_changes_all_the_time_run_where_they_may() {
    const TASKS: usize = 40;
    const CORES: usize = 4;
    let programs = (0..TASKS)
        .map(|number| {
            let steps = (0..2_000).map(|round: usize| match round % 4 {
                0 => {
                    let other = (number * 7 + round) % TASKS;
                    let mut mask = CoreMask::only((number + round / 4) % CORES);
                    if round.is_multiple_of(3) {
                        mask = CoreMask::first(1 + round % CORES);
                    }
                    Step::Bind(other, mask)
                }
                1 => Step::Yield,
                2 => Step::Sleep,
                _ => Step::Run,
            });
            Program::new(steps.collect())
        })
        .collect();
    Threads::run(CORES, programs, TASKS, 1_000);
}
