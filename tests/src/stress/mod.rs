//! `run.sh stress`: this kernel under loads that are to break it, from a seed, and what is
//! left of them.
//!
//! A [`Storm`](storm::Storm) is one program in one machine, and how much of it a full run is.
//! The program says what it did in figures, looks itself whether all that it made is gone
//! (`tests/programs/stress*`), and tells on standard error how far it is. `--scale` makes it
//! smaller or larger; the tests of tier `qemu` are the same storms at a small part.
//!
//! | module | what it is |
//! |---|---|
//! | [`storm`] | the storms |
//! | [`outcome`] | runs one: its figures, or what went wrong |
//! | [`report`] | the scoreboard, for the terminal and as Markdown |

pub mod outcome;
pub mod report;
pub mod storm;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::build;
use crate::console::driver::Sink;
use crate::error::{Error, Result};
use crate::packages::{self, Need};
use crate::project;
use outcome::Outcome;
use storm::Storm;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Which storms, in order.
    pub storms: Vec<&'static Storm>,
    /// From what all that is drawn is drawn; one that nobody chose where `None`.
    pub seed: Option<u32>,
    /// A part of the full run, or a multiple.
    pub scale: f64,
}

/// Runs the storms, one machine after another; leaves `target/stress/result.md`, and of those
/// that failed their logs. The status is 1 where one failed.
///
/// # Errors
/// Where nothing can be built or booted.
pub fn run(request: &Request) -> Result<ExitCode> {
    packages::require(&[Need::Build, Need::Qemu, Need::Test])?;
    let images = build::images()?;
    let seed = request.seed.unwrap_or_else(seed_of_now);
    let place = project::target_directory("stress")?;
    let report = place.join("result.md");
    let mut outcomes: Vec<Outcome> = Vec::new();
    let head = report::Head::new(seed, request.scale, &images.kernel, &images.python)?;
    println!("{}", head.line());
    for storm in &request.storms {
        eprintln!("stress: {}, {}", storm.name, storm.what);
        let outcome = outcome::run(storm, &images, seed, request.scale, Sink::Stderr)?;
        println!("{}", report::verdict(&outcome));
        if let Some(failure) = &outcome.failure {
            let log = place.join(storm.name).with_extension("log");
            std::fs::write(&log, &outcome.log).map_err(Error::file(&log))?;
            println!("{failure}\n  log: {}", log.display());
            let again = report::again(storm, seed, request.scale);
            println!("  again: {again}");
        }
        outcomes.push(outcome);
        // After each: a run of an hour that is ended leaves what it had.
        std::fs::write(&report, report::markdown(&head, &outcomes))
            .map_err(Error::file(&report))?;
    }
    println!("{}", report.display());
    Ok(
        if outcomes.iter().all(|outcome| outcome.failure.is_none()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

fn seed_of_now() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs() as u32
}
