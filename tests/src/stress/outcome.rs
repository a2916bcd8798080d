//! A storm in its machine, and what came of it.

use super::storm::Storm;
use crate::build::Images;
use crate::console::driver::Sink;
use crate::error::Result;
use crate::machine::Output;

/// What came of a storm.
#[derive(Debug)]
pub struct Outcome {
    /// Which it was.
    pub storm: &'static Storm,
    /// How many it was asked for.
    pub count: u32,
    /// What it counted, in its order.
    pub figures: Vec<(String, i64)>,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
    /// From the emulator's start to the machine's end.
    pub seconds: f64,
    /// The kernel's log.
    pub log: Vec<u8>,
}

impl Outcome {
    /// What it counted under this name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<i64> {
        let mut figures = self.figures.iter();
        figures
            .find(|(other, _)| other == name)
            .map(|(_, value)| *value)
    }
}

/// Runs a storm to its end; how far it is goes to `progress`.
///
/// # Errors
/// Where its machine cannot be started.
pub fn run(
    storm: &'static Storm,
    images: &Images,
    seed: u32,
    scale: f64,
    progress: Sink,
) -> Result<Outcome> {
    let count = storm.count(scale);
    let machine = storm.machine(seed, count)?.images(images.clone());
    let output = machine.standard_error(progress).run()?;
    Ok(judged(storm, count, output))
}

fn judged(storm: &'static Storm, count: u32, output: Output) -> Outcome {
    let text = output.stdout_text();
    let (figures, strange) = read(&text);
    Outcome {
        storm,
        count,
        failure: failure(&figures, &strange, storm, count, &output),
        figures,
        seconds: output.seconds,
        log: output.log,
    }
}

/// The lines `NAME VALUE`, and all others.
fn read(text: &str) -> (Vec<(String, i64)>, Vec<&str>) {
    let mut figures = Vec::new();
    let mut strange = Vec::new();
    for line in text.lines() {
        let pair = line.split_once(' ');
        match pair.and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?))) {
            Some(pair) => figures.push(pair),
            None => strange.push(line),
        }
    }
    (figures, strange)
}

/// What is wrong with it: it must end well, and have done all that it was asked for.
fn failure(
    figures: &[(String, i64)],
    strange: &[&str],
    storm: &Storm,
    count: u32,
    output: &Output,
) -> Option<String> {
    let done = figures.iter().find(|(name, _)| name == storm.unit);
    let is_whole = done.is_some_and(|(_, done)| *done == i64::from(count));
    if output.status() == 0 && strange.is_empty() && is_whole {
        return None;
    }
    let mut text = format!("  status {}", output.status());
    if !is_whole {
        text.push_str(&format!(", not all of {count} {}", storm.unit));
    }
    for line in strange {
        text.push_str("\n  ");
        text.push_str(line);
    }
    for line in output.stderr_text().lines().chain(output.remarks().lines()) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::storm::Storm;
    use super::{Outcome, judged};
    use crate::console::driver;
    use crate::machine::Output;

    fn outcome(stdout: &str, status: i32) -> Outcome {
        let output = Output {
            outcome: driver::Outcome::Exited(status),
            stdout: stdout.into(),
            stderr: Vec::new(),
            log: Vec::new(),
            complaint: String::new(),
            seconds_to_hello: None,
            seconds_to_output: None,
            seconds: 1.0,
        };
        judged(Storm::named("kills").unwrap(), 1000, output)
    }

    #[test]
    fn a_storm_that_did_all_and_ended_well_has_no_failure() {
        let well = outcome("kills 1000\nids_left 0\npages_left -4096\n", 0);
        assert_eq!(well.failure, None);
        assert_eq!(well.figure("pages_left"), Some(-4096));
        assert_eq!(well.figure("pages"), None);
    }

    #[test]
    fn what_it_says_is_wrong_or_left_out_is_a_failure() {
        let leak = outcome("kills 1000\nWRONG: something is left behind (errno 9)\n", 1);
        assert!(leak.failure.unwrap().contains("left behind"));
        assert!(outcome("kills 1000\n", 1).failure.is_some());
        assert!(outcome("kills 1000\nwhat\n", 0).failure.is_some());
        let few = outcome("kills 999\n", 0).failure.unwrap();
        assert!(few.contains("not all of 1000 kills"), "{few}");
        assert!(outcome("", 0).failure.is_some());
    }
}
