//! What `run.sh stress` runs, at a small part of the full run.

use tests::build;
use tests::console::driver::Sink;
use tests::stress::outcome::{self, Outcome};
use tests::stress::storm::Storm;
use tests::suite::Tier;

/// From this all that is drawn is drawn, so that a failure is the same next time, as far as
/// cores that race permit.
const SEED: u32 = 1;

/// A storm, the part of its full run, what is promised, and what must have happened.
const STORMS: &[(&str, f64, &str, &[&str])] = &[
    (
        "spawn",
        0.01,
        "processes are made and killed in every way, and nothing is left",
        &["killed", "killed_by_deadline", "channels_ended"],
    ),
    (
        "kills",
        0.01,
        "victims in every state are reaped, and their pipes and channels end",
        &[
            "seen_running",
            "seen_stolen",
            "seen_in_vfork",
            "seen_leaving",
            "seen_stopped",
        ],
    ),
    (
        "memory",
        0.01,
        "all memory is eaten, and the prompt has it back",
        &[
            "killed_pages",
            "killed_crowd",
            "refused_file",
            "refused_threads",
            "refused_messages",
        ],
    ),
    (
        "python",
        0.01,
        "Python's processes are killed, and whoever asks is told",
        &["killed", "results", "channels_ended"],
    ),
];

pub fn add(mut tier: Tier) -> Tier {
    for (name, scale, promise, happened) in STORMS.iter().copied() {
        tier = tier.test(format!("stress: {name}: {promise}"), move || {
            let outcome = run(name, scale);
            for figure in happened {
                let count = outcome.figure(figure);
                assert!(count.is_some_and(|count| count > 0), "{figure}: {count:?}");
            }
        });
    }
    tier
}

fn run(name: &str, scale: f64) -> Outcome {
    let storm = Storm::named(name).unwrap();
    let images = build::images().unwrap();
    let outcome = outcome::run(storm, &images, SEED, scale, Sink::Memory).unwrap();
    let failure = outcome.failure.as_deref().unwrap_or_default();
    assert!(failure.is_empty(), "seed {SEED}\n{failure}");
    outcome
}
