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
    (
        "calls",
        0.01,
        "a hundred thousand random system calls leave the machine standing, and nothing behind",
        &["children_all_made", "killed_by_fault", "killed_waiting"],
    ),
    (
        "images",
        0.015,
        "what is damaged is refused or does not matter",
        &[
            "damaged_archive",
            "damaged_template",
            "damaged_tables",
            "ran",
            "refused",
        ],
    ),
    (
        "floods",
        0.007,
        "queued signals arrive in order, others at least once, timers no more than they can",
        &[
            "sent",
            "refused_for_now",
            "calls_interrupted",
            "timers_overrun",
        ],
    ),
    (
        "shootdowns",
        0.008,
        "no translation that was taken away is used",
        &["made_replaced", "made_moved", "made_forked"],
    ),
    (
        "keys",
        0.018,
        "a terminal outlives random bytes and keys",
        &["interrupted", "quit", "stopped", "ends_of_file"],
    ),
    (
        "boots",
        0.004,
        "machines of 1 to 8 cores start, one after another",
        &["made_8_cores", "from_the_template"],
    ),
    (
        "soak",
        0.011,
        "all kinds of load at once, and who is asked answers",
        &["made_calls", "made_pool", "questions"],
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
    let order = storm.order(SEED, storm.count(scale), None);
    let outcome = outcome::run(storm, &images, order, Sink::Memory).unwrap();
    let failure = outcome.failure.as_deref().unwrap_or_default();
    assert!(failure.is_empty(), "seed {SEED}\n{failure}");
    outcome
}
