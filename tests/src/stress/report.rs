//! The scoreboard of a run: lines for the terminal, and the Markdown that `docs/stress.md`
//! has of the last full one.

use std::fmt::Write as _;
use std::path::Path;

use super::outcome::Outcome;
use super::storm::Storm;
use crate::error::Result;
use crate::host;
use crate::machine::{host_cores, qemu};

/// What somebody must know who repeats a run.
#[derive(Debug)]
pub struct Head {
    seed: u32,
    scale: f64,
    date: String,
    qemu: String,
    kernel: String,
    interpreter: String,
}

impl Head {
    /// Before the first machine boots.
    ///
    /// # Errors
    /// Where an image cannot be read.
    pub fn new(seed: u32, scale: f64, kernel: &Path, interpreter: &Path) -> Result<Self> {
        Ok(Self {
            seed,
            scale,
            date: host::date(),
            qemu: host::version(qemu::PROGRAM),
            kernel: host::hash(kernel)?,
            interpreter: host::hash(interpreter)?,
        })
    }

    /// One line of it all.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "seed {}, scale {}; {}; {}; host of {} core(s); kernel {}, interpreter {}",
            self.seed,
            self.scale,
            self.date,
            self.qemu,
            host_cores(),
            &self.kernel[..8],
            &self.interpreter[..8],
        )
    }
}

/// The command that repeats a storm.
#[must_use]
pub fn again(storm: &Storm, seed: u32, scale: f64) -> String {
    format!(
        "./run.sh stress {} --seed {seed} --scale {scale}",
        storm.name
    )
}

/// One line of a storm.
#[must_use]
pub fn verdict(outcome: &Outcome) -> String {
    let word = match outcome.failure {
        None => "well",
        Some(_) => "FAILED",
    };
    let storm = outcome.storm;
    let (name, count, unit) = (storm.name, outcome.count, storm.unit);
    let machine = format!("{} cores, {} MiB", storm.cores, storm.memory_mib);
    format!(
        "{name}: {word}, {count} {unit}, {machine}, {:.0} s",
        outcome.seconds
    )
}

/// The run as Markdown: its head, and a table for each storm.
#[must_use]
pub fn markdown(head: &Head, outcomes: &[Outcome]) -> String {
    let mut text = format!("{}.\n", head.line());
    for outcome in outcomes {
        let _ = write!(text, "\n### {}\n\n", verdict(outcome));
        if let Some(failure) = &outcome.failure {
            let _ = write!(text, "```\n{failure}\n```\n\n");
        }
        text.push_str("| figure | |\n|---|---|\n");
        for (name, value) in rows(&outcome.figures) {
            let _ = writeln!(text, "| {name} | {value} |");
        }
    }
    text
}

/// Names and values as they are shown. Where a name has a first word that several have, as
/// `killed_pipes` and `killed_file`, they share a row.
fn rows(figures: &[(String, i64)]) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for (name, value) in figures {
        let split = name.split_once('_');
        let grouped = split.filter(|(first, _)| GROUPED.contains(first));
        let Some((first, rest)) = grouped else {
            rows.push((name.replace('_', " "), value.to_string()));
            continue;
        };
        let item = format!("{} {value}", rest.replace('_', " "));
        match rows.iter_mut().find(|(other, _)| other == first) {
            Some((_, values)) => *values = format!("{values}, {item}"),
            None => rows.push((first.to_owned(), item)),
        }
    }
    rows
}

/// First words that share a row.
const GROUPED: [&str; 5] = ["made", "job", "killed", "seen", "refused"];

#[cfg(test)]
mod tests {
    use super::{again, rows};
    use crate::stress::storm::Storm;

    #[test]
    fn figures_of_a_kind_share_a_row() {
        let figures = [
            ("kills", 7),
            ("killed_in_poll", 3),
            ("ids_left", 0),
            ("killed_in_vfork", 4),
        ];
        let figures = figures.map(|(name, value)| (name.to_owned(), value));
        let expected = [
            ("kills", "7"),
            ("killed", "in poll 3, in vfork 4"),
            ("ids left", "0"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(rows(&figures), expected);
    }

    #[test]
    fn a_failure_is_repeated_by_one_command() {
        let command = again(Storm::named("memory").unwrap(), 7, 0.5);
        assert_eq!(command, "./run.sh stress memory --seed 7 --scale 0.5");
    }
}
