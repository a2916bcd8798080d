//! Shares of the cores.

use proptest::prelude::*;
use sched::fair::{self, MAX_DEFERRALS};
use sched::policy::Fair;
use sched::weight::{self, of_nice, virtual_nanos};

use crate::machine::{Behaviour, MILLISECOND, SECOND, Simulation};

/// What a task has run, on the clock of one of normal weight.
fn virtual_run(simulation: &Simulation<Fair>, task: usize, nice: i32) -> u64 {
    virtual_nanos(simulation.tasks[task].ran.get(), of_nice(nice))
}

/// Runs hogs of these nice values on one core, beside sleepers, and holds them against the
/// bound after each event.
fn hold_against_bound(nices: &[i32], sleepers: &[(u64, u64)], time: u64) {
    let mut simulation = Simulation::new(1, Fair);
    let hogs: Vec<(usize, i32)> = nices
        .iter()
        .map(|nice| (simulation.spawn(Behaviour::Hog, *nice, 0), *nice))
        .collect();
    for (run, sleep) in sleepers {
        let (run, sleep) = (*run, *sleep);
        simulation.spawn(Behaviour::Cycle { run, sleep }, 0, 0);
    }
    simulation.run_with(time, |simulation| {
        let runs = hogs
            .iter()
            .map(|(task, nice)| virtual_run(simulation, *task, *nice));
        let (least, most) = runs.fold((u64::MAX, 0), |(least, most), run| {
            (least.min(run), most.max(run))
        });
        assert!(
            most - least <= fair::SPREAD,
            "{nices:?}: {} ms apart",
            (most - least) / MILLISECOND
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn hogs_of_any_weights_stay_within_the_bound(
        nices in prop::collection::vec(-20..20_i32, 2..=MAX_DEFERRALS),
        sleepers in prop::collection::vec((1_000..3_000_000_u64, 10_000..20_000_000_u64), 0..4),
    ) {
        // Sleepers count as well: no more than a pick looks at.
        let hogs = nices.len().min(MAX_DEFERRALS - sleepers.len());
        hold_against_bound(&nices[..hogs.max(2)], &sleepers, 3 * SECOND);
    }
}

#[test]
fn the_heaviest_and_the_lightest_stay_within_the_bound() {
    hold_against_bound(&[-20, 19], &[], 20 * SECOND);
    hold_against_bound(&[-20, 0, 19], &[], 20 * SECOND);
}

#[test]
fn shares_are_those_of_the_weights() {
    for nices in [[0, 5], [-5, 0], [-20, 0], [0, 19], [10, 11]] {
        let mut simulation = Simulation::new(1, Fair);
        let hogs = nices.map(|nice| simulation.spawn(Behaviour::Hog, nice, 0));
        simulation.run(30 * SECOND);
        let ran = hogs.map(|hog| simulation.tasks[hog].ran.get() as f64);
        let weights = nices.map(|nice| f64::from(of_nice(nice)));
        let (share, due) = (
            ran[0] / (ran[0] + ran[1]),
            weights[0] / (weights[0] + weights[1]),
        );
        assert!((share - due).abs() < 0.01, "{nices:?}: {share} of {due}");
    }
}

#[test]
fn nobody_waits_long_among_more_tasks_than_a_pick_looks_at() {
    let mut simulation = Simulation::new(1, Fair);
    for number in 0..150 {
        simulation.spawn(Behaviour::Hog, number % 3 * 5, 0);
    }
    simulation.run(30 * SECOND);
    for task in &simulation.tasks {
        // 150 slices are 600 ms; lighter ones wait their turn more often.
        assert!(task.longest_wait.get() < 6 * SECOND);
        assert!(task.ran.get() > 0);
    }
}

#[test]
fn two_that_wake_each_other_leave_the_others_their_share() {
    let mut simulation = Simulation::new(1, Fair);
    let run = MILLISECOND / 20;
    let first = simulation.make(
        Behaviour::Alternate { run, partner: 1 },
        0,
        weight::Class::Normal,
    );
    simulation.make(
        Behaviour::Alternate { run, partner: 0 },
        0,
        weight::Class::Normal,
    );
    let hogs = [0, 0].map(|nice| simulation.spawn(Behaviour::Hog, nice, 0));
    simulation.start(first, 0);
    simulation.run(3 * SECOND);
    for hog in hogs {
        let ran = simulation.tasks[hog].ran.get();
        assert!(ran > 3 * SECOND / 5, "{} ms", ran / MILLISECOND);
    }
    assert!(simulation.tasks[first].ran.get() > 3 * SECOND / 10);
}

/// Cores, hogs, nice values in turn, and how far from its due a hog's share may be over
/// `time`.
fn hold_shares(cores: usize, nices: &[i32], time: u64, tolerance: f64) {
    let mut simulation = Simulation::new(cores, Fair);
    for nice in nices {
        simulation.spawn(Behaviour::Hog, *nice, 0);
    }
    simulation.run(time);
    let ran: Vec<f64> = simulation
        .tasks
        .iter()
        .map(|task| task.ran.get() as f64)
        .collect();
    let all: f64 = ran.iter().sum();
    let busy = (cores.min(nices.len()) as u64 * time) as f64;
    assert!(all > 0.99 * busy, "cores idled: {} of {}", all / busy, 1.0);
    let weights: f64 = nices.iter().map(|nice| f64::from(of_nice(*nice))).sum();
    for (ran, nice) in ran.iter().zip(nices) {
        // Nobody runs on two cores.
        let due = (busy * f64::from(of_nice(*nice)) / weights).min(time as f64);
        assert!(
            (ran / due - 1.0).abs() < tolerance,
            "nice {nice}: {:.0} ms of {:.0} ms",
            ran / 1e6,
            due / 1e6
        );
    }
}

#[test]
fn three_hogs_on_two_cores_get_two_thirds_each() {
    hold_shares(2, &[0; 3], SECOND, 0.15);
    hold_shares(2, &[0; 3], 10 * SECOND, 0.05);
}

#[test]
fn five_hogs_on_four_cores_get_four_fifths_each() {
    hold_shares(4, &[0; 5], 4 * SECOND, 0.15);
}

#[test]
fn a_hundred_hogs_on_64_cores_get_the_same() {
    hold_shares(64, &[0; 100], 10 * SECOND, 0.25);
}

#[test]
fn six_hundred_hogs_on_256_cores_get_the_same() {
    hold_shares(256, &[0; 600], 4 * SECOND, 0.35);
}
