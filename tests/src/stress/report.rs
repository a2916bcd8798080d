//! The scoreboard of a run: lines for the terminal, and the Markdown that `docs/stress.md`
//! has of the last full one.

use std::fmt::Write as _;
use std::path::Path;

use super::outcome::Outcome;
use super::storm::{Order, Storm};
use crate::error::Result;
use crate::host;
use crate::machine::{host_cores, qemu};

/// What somebody must know who repeats a run.
#[derive(Debug)]
pub struct Head {
    seed: u32,
    size: String,
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
    pub fn new(seed: u32, size: String, kernel: &Path, interpreter: &Path) -> Result<Self> {
        Ok(Self {
            seed,
            size,
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
            "seed {}, {}; {}; {}; host of {} core(s); kernel {}, interpreter {}",
            self.seed,
            self.size,
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
pub fn again(storm: &Storm, order: Order) -> String {
    let Order { seed, count, cores } = order;
    // The number that comes out of it is the same one again.
    let scale = f64::from(count) / f64::from(storm.full);
    let mut command = format!(
        "./run.sh stress {} --seed {seed} --scale {scale}",
        storm.name
    );
    if cores != storm.cores {
        let _ = write!(command, " --smp {cores}");
    }
    command
}

/// One line of a storm.
#[must_use]
pub fn verdict(outcome: &Outcome) -> String {
    let word = match outcome.failure {
        None => "well",
        Some(_) => "FAILED",
    };
    let storm = outcome.storm;
    let (name, count, unit) = (storm.name, outcome.order.count, storm.unit);
    let machine = match storm.memory_mib {
        0 => "on the host".to_owned(),
        mib => format!("{} cores, {mib} MiB", outcome.order.cores),
    };
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
const GROUPED: [&str; 8] = [
    "made", "job", "killed", "seen", "refused", "damaged", "children", "covered",
];

#[cfg(test)]
mod tests {
    use super::{again, rows};
    use crate::stress::list::ALL;
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
        let storm = Storm::named("memory").unwrap();
        let command = again(storm, storm.order(7, 500, None));
        assert_eq!(command, "./run.sh stress memory --seed 7 --scale 0.5");
        let command = again(storm, storm.order(7, 13, Some(8)));
        assert_eq!(
            command,
            "./run.sh stress memory --seed 7 --scale 0.013 --smp 8"
        );
        assert!(ALL.iter().all(|storm| {
            (storm.least..storm.least + 50)
                .all(|count| storm.count(f64::from(count) / f64::from(storm.full)) == count)
        }));
    }
}
