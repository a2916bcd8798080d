//! The test of the tests: a kernel with a bug put in on purpose, and the test that finds
//! it. Crate `bugs` has the bugs; here is who catches which.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::build::{cargo, kernel};
use crate::error::{Error, Result};
use crate::machine::{self, qemu};
use crate::project;
use crate::suite::{self, Tier};
use crate::toolchain::Toolchain;

/// How long a machine of this tier may take: a bug that makes one hang is found then.
const LIMIT: Duration = Duration::from_secs(40);

/// A bug, and the name of a test of tier `qemu` that fails with it and passes without.
pub const CATCHERS: &[(&str, &str)] = &[
    ("lost-interrupt", "programs: threads"),
    ("lost-wake", "programs: threads"),
    ("two-cores", "programs: threads"),
    ("uncalled-thief", "programs: idling"),
    ("unchecked-affinity", "programs: scheduling"),
    ("equal-weights", "programs: scheduling"),
    ("endless-quantum", "programs: scheduling"),
    ("mixed-registers", "programs: registers"),
    ("mixed-thread-pointer", "programs: threads"),
    ("unchecked-futex", "programs: threads"),
    ("kept-locks", "programs: threads"),
    ("skipped-shootdown", "programs: shootdown"),
    ("skipped-flush", "programs: memory"),
    ("writable-fork", "programs: memory"),
    ("shared-write", "programs: memory"),
    ("template-write", "programs: spawning"),
    ("dirty-frames", "programs: isolation"),
    ("leaked-frames", "exhaustion"),
    ("stale-address", "programs: giving_back"),
    ("silent-pipe", "programs: pipes"),
    ("silent-channel", "programs: channels"),
    ("writable-message", "programs: channels"),
    ("kept-message", "programs: nth_allocation"),
    ("silent-mutex", "programs: threads"),
    ("late-timer", "programs: scheduling"),
    ("long-pointer", "programs: pointers"),
    ("kept-mask", "programs: faults"),
    ("kept-process", "programs: giving_back"),
];

/// The kernel that can have any of the bugs, built if a source changed.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn kernel(toolchain: &Toolchain) -> Result<PathBuf> {
    let directory = project::target_directory("kernel-seeded")?;
    let mut command = kernel::command_in(toolchain, "build", &directory);
    command.args(["--features", "seeded-bugs"]);
    cargo::run("building the kernel with seeded bugs", &mut command)?;
    Ok(kernel::path_in(&directory))
}

/// What one test of tier `qemu` prints when it fails on `kernel`, with `words` for its command
/// line: nothing if it passes. With a bug among the words its first failure counts.
fn failure(kernel: &Path, words: &str, test: &str) -> Result<Option<String>> {
    let mut command = Toolchain::chosen()?.cargo();
    if !words.is_empty() {
        command.env(suite::FIRST_TRY_ONLY, "1");
    }
    let output = command
        .args(["test", "--release", "--target-dir", "target/host"])
        .args(["-p", "tests", "--test", "qemu", "--", test])
        .env(kernel::GIVEN, kernel)
        .env(qemu::MORE_WORDS, words)
        .env(machine::LIMIT_VARIABLE, LIMIT.as_secs().to_string())
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("cargo"))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("running 0 tests") || !text.contains("running ") {
        return Err(Error::Missing(format!("no test is named {test:?}")));
    }
    if output.status.success() {
        return Ok(None);
    }
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Some(text))
}

/// What became of a bug.
struct Trial {
    bug: &'static str,
    test: &'static str,
    is_caught: bool,
    took: Duration,
}

/// The trials as a table.
fn table(trials: &[Trial]) -> String {
    let mut text = format!(
        "{:<20}  {:<28}  {:>6}  {:>6}\n",
        "bug", "test", "caught", "s"
    );
    for trial in trials {
        let caught = if trial.is_caught { "yes" } else { "NO" };
        let seconds = trial.took.as_secs_f64();
        let (bug, test) = (trial.bug, trial.test);
        let _ = writeln!(text, "{bug:<20}  {test:<28}  {caught:>6}  {seconds:>6.1}");
    }
    let caught = trials.iter().filter(|trial| trial.is_caught).count();
    let _ = writeln!(text, "{caught} of {} seeded bugs caught", trials.len());
    text
}

/// Tier `seeded`: each catcher passes without a bug, and fails with its own. A table of the
/// bugs and of what caught them is printed at the end.
#[must_use]
pub fn tier() -> Tier {
    let mut tier = Tier::new("seeded");
    let judge = |words: String, test: &str| {
        let kernel = kernel(&Toolchain::chosen()?)?;
        failure(&kernel, &words, test)
    };
    let mut tests: Vec<&str> = CATCHERS.iter().map(|(_, test)| *test).collect();
    tests.sort_unstable();
    tests.dedup();
    for test in tests {
        tier = tier.test(format!("seeded: without a bug, {test} passes"), move || {
            let failure = judge(String::new(), test).unwrap();
            assert!(failure.is_none(), "\n{}", failure.unwrap_or_default());
        });
    }
    let trials = Rc::new(RefCell::new(Vec::new()));
    for (bug, test) in CATCHERS.iter().copied() {
        let trials = trials.clone();
        tier = tier.test(format!("seeded: {bug} is caught by {test}"), move || {
            let begun = Instant::now();
            let is_caught = judge(format!("bug={bug}"), test).unwrap().is_some();
            trials.borrow_mut().push(Trial {
                bug,
                test,
                is_caught,
                took: begun.elapsed(),
            });
            assert!(is_caught, "it passes");
        });
    }
    tier.closing(move || print!("\n{}", table(&trials.borrow())))
}

#[cfg(test)]
mod tests {
    use super::{CATCHERS, Duration, Trial, table};

    #[test]
    fn the_table_counts_what_was_caught() {
        let trial = |bug, is_caught| Trial {
            bug,
            test: "programs: pipes",
            is_caught,
            took: Duration::from_millis(1500),
        };
        let text = table(&[trial("silent-pipe", true), trial("late-timer", false)]);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = text.lines().map(words).collect();
        assert_eq!(
            lines,
            [
                "bug test caught s",
                "silent-pipe programs: pipes yes 1.5",
                "late-timer programs: pipes NO 1.5",
                "1 of 2 seeded bugs caught",
            ]
        );
    }

    #[test]
    fn every_bug_has_a_test_that_catches_it() {
        for (_, bug) in bugs::ALL {
            assert!(CATCHERS.iter().any(|(name, _)| name == bug), "{bug}");
        }
        assert_eq!(CATCHERS.len(), bugs::ALL.len());
    }
}
