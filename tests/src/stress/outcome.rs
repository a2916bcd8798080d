//! A storm in its machine, or its machines, and what came of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::storm::{Order, Storm, Way};
use crate::build::Images;
use crate::console::driver::Sink;
use crate::error::Result;
use crate::machine::{Machine, Output};
use crate::meanwhile::meanwhile;

/// What came of a storm.
#[derive(Debug)]
pub struct Outcome {
    /// Which it was.
    pub storm: &'static Storm,
    /// What it was asked for.
    pub order: Order,
    /// What it counted, in its order.
    pub figures: Vec<(String, i64)>,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
    /// From the first emulator's start to the last machine's end.
    pub seconds: f64,
    /// The kernel's log; of several machines, that of the first one in which something was wrong.
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

    /// Takes what came of another round of the same storm.
    pub fn add(&mut self, other: Self) {
        self.order.count += other.order.count;
        self.seconds += other.seconds;
        for (name, value) in other.figures {
            let mut figures = self.figures.iter_mut();
            match figures.find(|(known, _)| *known == name) {
                Some((_, sum)) if is_count(&name) => *sum += value,
                Some((_, most)) => *most = value.max(*most),
                None => self.figures.push((name, value)),
            }
        }
        if self.failure.is_none() {
            self.failure = other.failure;
            self.log = other.log;
        }
    }
}

/// Whether figures of this name are added up over rounds; of the others the largest is told.
fn is_count(name: &str) -> bool {
    let sizes = ["left", "grown", "most", "slowest", "miscounted", "ms"];
    !name.split('_').any(|word| sizes.contains(&word))
}

/// Runs a storm to its end; how far it is goes to `progress`.
///
/// # Errors
/// Where a machine cannot be started.
pub fn run(
    storm: &'static Storm,
    images: &Images,
    order: Order,
    progress: Sink,
) -> Result<Outcome> {
    match (&storm.way, storm.machine(order)?) {
        (Way::Host(run), _) => run(storm, images, order, progress),
        (way, machine) => {
            let machine = machine.unwrap_or_default().images(images.clone());
            let output = match way {
                Way::Keys(_) => silent(storm, machine.standard_error(Sink::Memory), progress)?,
                _ => machine.standard_error(progress).run()?,
            };
            Ok(judged(storm, order, output))
        }
    }
}

/// Runs a machine that cannot say how far it is, since what its terminal echoes is on standard
/// error too; says how long it has taken.
fn silent(storm: &Storm, machine: Machine, progress: Sink) -> Result<Output> {
    let mut minutes = 0;
    let tick = || {
        minutes += 1;
        if progress == Sink::Stderr {
            eprintln!("stress: {}, {minutes} min so far", storm.name);
        }
    };
    meanwhile(Duration::from_secs(60), tick, || machine.run())
}

fn judged(storm: &'static Storm, order: Order, output: Output) -> Outcome {
    let text = output.stdout_text();
    let (figures, strange) = read(&text);
    Outcome {
        storm,
        order,
        failure: failure(&figures, &strange, storm, order.count, &output),
        figures,
        seconds: output.seconds,
        log: output.log,
    }
}

/// What a storm counts that the host drives.
pub struct Tally {
    outcome: Outcome,
    done: u32,
    begun: Instant,
    progress: Sink,
}

impl Tally {
    /// Before the first machine.
    #[must_use]
    pub fn begin(storm: &'static Storm, order: Order, progress: Sink) -> Self {
        Self {
            outcome: Outcome {
                storm,
                order,
                figures: vec![(storm.unit.to_owned(), 0)],
                failure: None,
                seconds: 0.0,
                log: Vec::new(),
            },
            done: 0,
            begun: Instant::now(),
            progress,
        }
    }

    /// One more of this kind.
    pub fn count(&mut self, name: &str) {
        let mut figures = self.outcome.figures.iter_mut();
        match figures.find(|(other, _)| other == name) {
            Some((_, value)) => *value += 1,
            None => self.figure(name, 1),
        }
    }

    /// A figure that is no count.
    pub fn figure(&mut self, name: &str, value: i64) {
        self.outcome.figures.push((name.to_owned(), value));
    }

    /// Something is wrong with a machine: its log is kept if it is the first one.
    pub fn wrong(&mut self, what: &str, output: &Output) {
        if self.outcome.failure.is_none() {
            self.outcome.log.clone_from(&output.log);
        }
        let mut text = format!("{what}\n  status {}", output.status());
        let remarks = output.stderr_text() + &output.remarks();
        for line in remarks.lines() {
            let _ = write!(text, "\n  {line}");
        }
        self.wrong_text(&text);
    }

    /// Something is wrong that no machine shows.
    pub fn wrong_text(&mut self, what: &str) {
        let text = self.outcome.failure.get_or_insert_default();
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = write!(text, "  WRONG: {what}");
    }

    /// One unit is done.
    pub fn done(&mut self) {
        self.done_many(1);
    }

    /// So many units are done.
    pub fn done_many(&mut self, count: u32) {
        let tenth = |done: u32| u64::from(done) * 10 / u64::from(self.outcome.order.count.max(1));
        let is_told = tenth(self.done + count) > tenth(self.done);
        self.done += count;
        self.outcome.figures[0].1 = i64::from(self.done);
        if is_told && self.progress == Sink::Stderr {
            let (storm, order) = (self.outcome.storm, self.outcome.order);
            eprintln!("stress: {}, {} of {}", storm.name, self.done, order.count);
        }
    }

    /// After the last machine.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.outcome.seconds = self.begun.elapsed().as_secs_f64();
        self.outcome
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
    // A terminal's echoes say nothing to a reader.
    let remarks = match storm.way {
        Way::Keys(_) => String::new(),
        _ => output.stderr_text() + &output.remarks(),
    };
    for line in remarks.lines() {
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
        let storm = Storm::named("kills").unwrap();
        judged(storm, storm.order(1, 1000, None), output)
    }

    #[test]
    fn a_storm_that_did_all_and_ended_well_has_no_failure() {
        let well = outcome("kills 1000\nids_left 0\npages_left -4096\n", 0);
        assert_eq!(well.failure, None);
        assert_eq!(well.figure("pages_left"), Some(-4096));
        assert_eq!(well.figure("pages"), None);
    }

    #[test]
    fn rounds_add_their_counts_and_keep_their_largest() {
        let mut both = outcome("kills 1000\nids_left 0\nprompt_slowest_ms 7\n", 0);
        both.add(outcome("kills 1000\nids_left 2\nprompt_slowest_ms 5\n", 1));
        assert_eq!(both.order.count, 2000);
        let figures = ["kills", "ids_left", "prompt_slowest_ms"].map(|name| both.figure(name));
        assert_eq!(figures, [Some(2000), Some(2), Some(7)]);
        assert!(both.failure.is_some());
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
