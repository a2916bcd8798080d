//! `run.sh stress`: this kernel under loads that are to break it, from a seed, and what is
//! left of them.
//!
//! A [`Storm`](storm::Storm) is one program in one machine, or many machines that the host drives,
//! and how much of it a full run is. The program says what it did in figures, looks itself whether all that it made is gone
//! (`tests/programs/stress*`), and tells on standard error how far it is. `--scale` makes it
//! smaller or larger; the tests of tier `qemu` are the same storms at a small part.
//!
//! | module | what it is |
//! |---|---|
//! | [`storm`], [`list`] | what a storm is, and which there are |
//! | [`outcome`] | runs one: its figures, or what went wrong |
//! | [`boots`], [`images`], [`mutants`], [`parsers`] | the storms that the host drives |
//! | [`keys`] | bytes for a terminal, from a seed |
//! | [`report`] | the scoreboard, for the terminal and as Markdown |

mod boots;
mod images;
mod keys;
pub mod list;
pub mod mutants;
pub mod outcome;
mod parsers;
pub mod report;
pub mod storm;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::build::{self, Images};
use crate::console::driver::Sink;
use crate::error::{Error, Result};
use crate::packages::{self, Need};
use crate::project;
use outcome::Outcome;
use report::Head;
use storm::{Order, Storm};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Which storms, in order.
    pub storms: Vec<&'static Storm>,
    /// From what all that is drawn is drawn; one that nobody chose where `None`.
    pub seed: Option<u32>,
    /// How much of them.
    pub size: Size,
    /// The cores of the machines; each storm's own number where `None`.
    pub cores: Option<u32>,
}

/// How much of a storm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// A part of the full run, or a multiple.
    Scale(f64),
    /// Rounds of the least size, each with a seed of its own, until each storm had its share of so
    /// many minutes; one round at least.
    Minutes(f64),
}

impl Size {
    fn text(self) -> String {
        match self {
            Self::Scale(scale) => format!("scale {scale}"),
            Self::Minutes(minutes) => format!("{minutes} minutes"),
        }
    }
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
    let head = Head::new(seed, request.size.text(), &images.kernel, &images.python)?;
    println!("{}", head.line());
    for storm in &request.storms {
        eprintln!("stress: {}, {}", storm.name, storm.what);
        let outcome = match request.size {
            Size::Scale(scale) => {
                let order = storm.order(seed, storm.count(scale), request.cores);
                round(storm, &images, order, &place)?
            }
            Size::Minutes(minutes) => {
                let share = minutes * 60.0 / request.storms.len() as f64;
                let order = storm.order(seed, storm.least, request.cores);
                rounds(storm, &images, order, share, &place)?
            }
        };
        println!("{}", report::verdict(&outcome));
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

/// One storm; of a failure, what it is, where its log is, and how to see it again.
fn round(storm: &'static Storm, images: &Images, order: Order, place: &Path) -> Result<Outcome> {
    let outcome = outcome::run(storm, images, order, Sink::Stderr)?;
    if let Some(failure) = &outcome.failure {
        let log = place.join(storm.name).with_extension("log");
        std::fs::write(&log, &outcome.log).map_err(Error::file(&log))?;
        let again = report::again(storm, order);
        println!("{failure}\n  log: {}\n  again: {again}", log.display());
    }
    Ok(outcome)
}

/// A storm again and again, until it had so many seconds or failed.
fn rounds(
    storm: &'static Storm,
    images: &Images,
    order: Order,
    seconds: f64,
    place: &Path,
) -> Result<Outcome> {
    let mut all = round(storm, images, order, place)?;
    let mut seed = order.seed;
    while all.seconds < seconds && all.failure.is_none() {
        seed = seed.wrapping_add(1);
        all.add(round(storm, images, Order { seed, ..order }, place)?);
    }
    Ok(all)
}

fn seed_of_now() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs() as u32
}
