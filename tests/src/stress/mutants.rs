//! Storm `elf`: damaged programs by the thousand, each executed on Linux and in a machine, and
//! their verdicts compared.

use std::time::Duration;

use super::outcome::{Outcome, Tally};
use super::storm::{Order, Storm, in_machine, with_native};
use crate::build::Images;
use crate::console::driver::Sink;
use crate::error::Result;
use crate::machine::Machine;
use crate::programs::{self, Link};

const PROGRAM: &str = "elf_mutants";
/// How many one machine has.
const BATCH: u32 = 5000;
/// What they may take, on a busy host.
const LIMIT: Duration = Duration::from_secs(300);
/// How many differences are told of one machine.
const MOST_TOLD: usize = 20;

/// Runs as many as ordered.
///
/// # Errors
/// Where the program does not compile, or a machine cannot be started.
pub fn run(
    storm: &'static Storm,
    images: &Images,
    order: Order,
    progress: Sink,
) -> Result<Outcome> {
    let program = programs::compile(PROGRAM, Link::Static)?;
    let mut tally = Tally::begin(storm, order, progress);
    let mut first = 0;
    while first < order.count {
        let count = BATCH.min(order.count - first);
        // Another seed for each: a number of mutants has always the same ones.
        let seed = order.seed.wrapping_add(first / BATCH).to_string();
        let words = [seed.as_str(), &count.to_string()];
        let there = programs::on_linux(&program, &words)?;
        let command = [in_machine(PROGRAM)]
            .into_iter()
            .chain(words.map(str::to_owned));
        let machine = Machine::new()
            .images(images.clone())
            .smp(order.cores)
            .memory_mib(storm.memory_mib)
            .without_python();
        let output = with_native(machine, PROGRAM)?
            .execute(command)
            .timeout(LIMIT)
            .run()?;
        let linux = String::from_utf8_lossy(&there.stdout).into_owned();
        let here = output.stdout_text();
        let differences = differences(&linux, &here);
        if output.status() != 0
            || !differences.is_empty()
            || linux.lines().count() != count as usize
        {
            let told = differences
                .iter()
                .take(MOST_TOLD)
                .cloned()
                .collect::<Vec<_>>();
            let text = format!(
                "{PROGRAM} {}: {} differ\n  {}",
                words.join(" "),
                differences.len(),
                told.join("\n  ")
            );
            tally.wrong(&text, &output);
        }
        for line in here.lines() {
            tally.count(kind(line));
        }
        first += count;
        tally.done_many(count);
    }
    Ok(tally.finish())
}

/// What became of a mutant, by its line.
fn kind(line: &str) -> &'static str {
    match line.split(' ').nth(1) {
        Some(verdict) if verdict.starts_with("SIG") => "ended_by_a_signal",
        Some(verdict) if verdict.starts_with('E') => "refused",
        _ => "ran",
    }
}

/// Where the verdicts of both do not go together.
#[must_use]
pub fn differences(there: &str, here: &str) -> Vec<String> {
    let mut lines = there
        .lines()
        .zip(here.lines())
        .filter(|(there, here)| !is_allowed(there, here))
        .map(|(there, here)| format!("Linux: {there}, here: {here}"))
        .collect::<Vec<_>>();
    let (linux, ours) = (there.lines().count(), here.lines().count());
    if linux != ours {
        lines.push(format!("{linux} verdicts on Linux, and {ours} here"));
    }
    lines
}

/// Whether both verdicts about one mutant go together. They are the same; or Linux finds
/// the damage only when the old program is gone and ends it by a signal, where this
/// kernel still can say no; or it is damage that only this kernel looks for.
fn is_allowed(there: &str, here: &str) -> bool {
    if there == here {
        return true;
    }
    let verdict = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (there, is_strict) = (verdict(there), there.ends_with(" strict"));
    let here = verdict(here);
    let is_signal = |verdict: &str| verdict.starts_with("SIG");
    let is_refusal = here.starts_with('E');
    (is_signal(&there) && (is_strict || is_signal(&here) || is_refusal))
        || (is_strict && is_refusal)
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn verdicts_go_together_or_are_told() {
        assert!(differences("0 42\n1 ENOEXEC\n", "0 42\n1 ENOEXEC\n").is_empty());
        assert!(differences("0 SIGSEGV\n", "0 ENOEXEC\n").is_empty());
        assert!(differences("0 42 strict\n", "0 ENOEXEC strict\n").is_empty());
        assert_eq!(differences("0 42\n", "0 ENOEXEC\n").len(), 1);
        assert_eq!(differences("0 ENOEXEC\n", "0 42\n").len(), 1);
        assert_eq!(differences("0 42\n1 42\n", "0 42\n").len(), 1);
    }
}
