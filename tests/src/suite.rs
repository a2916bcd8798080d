//! Tests in tiers: a runner for tests that boot machines, and `run.sh test`.
//!
//! Each tier is a test binary of its own (`tests/tests/*.rs`) whose `main` hands its
//! tests to [`Tier::run`]: one after another, the time of each printed, the tier over
//! its budget failed. The closing line has the form of Rust's own test runner, so that
//! [`all`] can add up every crate's.

use std::io::{BufRead, BufReader, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::models;
use crate::packages::{self, Need};
use crate::toolchain::Toolchain;

/// The tiers in the order of their cost, each with its budget.
const TIERS: &[(&str, Duration)] = &[
    ("host", Duration::from_secs(300)),
    ("models", Duration::from_secs(400)),
    ("qemu", Duration::from_secs(1500)),
    ("oracle", Duration::from_secs(2100)),
    ("bochs", Duration::from_secs(600)),
    ("seeded", Duration::from_secs(900)),
];

/// The workspace's crates that are no host crates.
const GUEST_CRATES: &[&str] = &["kernel", "python"];

/// Environment variable that has a failure count at once.
pub const FIRST_TRY_ONLY: &str = "ROENTGEN_FIRST_TRY_ONLY";

type Body = Box<dyn Fn()>;

/// A tier's tests.
pub struct Tier {
    name: &'static str,
    second_tries: usize,
    tests: Vec<(String, Body)>,
    closing: Option<Body>,
}

impl Tier {
    /// An empty tier. The name is one of those that `run.sh test` knows.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            second_tries: 0,
            tests: Vec::new(),
            closing: None,
        }
    }

    /// Has at most so many tests that fail tried once more: the host is busy at times, and
    /// some tests are about time. More are no accident.
    #[must_use]
    pub fn second_tries(mut self, most: usize) -> Self {
        self.second_tries = most;
        self
    }

    /// Adds a test; its name says what is promised. A panic is a failure.
    #[must_use]
    pub fn test(mut self, name: impl Into<String>, body: impl Fn() + 'static) -> Self {
        self.tests.push((name.into(), Box::new(body)));
        self
    }

    /// Has something printed when the tests are through.
    #[must_use]
    pub fn closing(mut self, body: impl Fn() + 'static) -> Self {
        self.closing = Some(Box::new(body));
        self
    }

    /// Runs the tests whose name has the first argument in it. `--list` only names them.
    ///
    /// Tests that passed only at their [second try](Self::second_tries) are named at the
    /// end, with what they failed of above.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let filter = arguments.iter().find(|word| !word.starts_with('-'));
        let chosen: Vec<&(String, Body)> = self
            .tests
            .iter()
            .filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter.as_str())))
            .collect();
        if arguments.iter().any(|word| word == "--list") {
            for (name, _) in chosen {
                println!("{name}: test");
            }
            return ExitCode::SUCCESS;
        }
        let started = Instant::now();
        println!("\nrunning {} tests of tier {}", chosen.len(), self.name);
        let mut failed = Vec::new();
        let mut tried_again = Vec::new();
        let second_tries = match std::env::var_os(FIRST_TRY_ONLY) {
            Some(_) => 0,
            None => self.second_tries,
        };
        for (name, body) in &chosen {
            if passes(name, body) {
                continue;
            }
            if tried_again.len() == second_tries {
                failed.push(name);
                continue;
            }
            tried_again.push(name);
            if !passes(name, body) {
                failed.push(name);
            }
        }
        let spent = started.elapsed();
        if let Some(closing) = &self.closing {
            closing();
        }
        let budget = budget(self.name);
        println!(
            "tier {}: {:.0} s of {} s",
            self.name,
            spent.as_secs_f64(),
            budget.as_secs()
        );
        for name in &failed {
            println!("failed: {name}");
        }
        for name in tried_again.iter().filter(|name| !failed.contains(name)) {
            println!("passed at the second try: {name}");
        }
        let is_late = spent > budget;
        if is_late {
            println!("failed: tier {} is over its budget", self.name);
        }
        let failures = failed.len() + usize::from(is_late);
        let verdict = if failures == 0 { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {verdict}. {} passed; {failures} failed; 0 ignored",
            chosen.len() - failed.len()
        );
        if failures == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Runs one test and prints its line.
fn passes(name: &str, body: &Body) -> bool {
    print!("test {name} ... ");
    let _ = std::io::stdout().flush();
    let begun = Instant::now();
    let passes = panic::catch_unwind(AssertUnwindSafe(body)).is_ok();
    let verdict = if passes { "ok" } else { "FAILED" };
    println!("{verdict} {:.2} s", begun.elapsed().as_secs_f64());
    passes
}

fn budget(tier: &str) -> Duration {
    TIERS
        .iter()
        .find(|(name, _)| *name == tier)
        .map_or(Duration::MAX, |(_, budget)| *budget)
}

/// `run.sh test`: the host crates' own tests, then every tier.
///
/// # Errors
/// Where Cargo does not start.
pub fn all(filter: Option<&str>) -> Result<ExitCode> {
    packages::require(&[Need::Build, Need::Qemu, Need::Bochs, Need::Iso, Need::Test])?;
    let toolchain = Toolchain::chosen()?;
    // Built before any clock runs: the tiers' budgets are for tests.
    crate::build::images()?;
    if filter.is_none_or(|filter| filter.contains("seeded")) {
        crate::seeded::kernel(&toolchain)?;
    }
    let mut sum = Sum::default();
    let host = || {
        let mut command = cargo_test(&toolchain);
        command.arg("--workspace");
        for guest in GUEST_CRATES.iter().chain(&["tests"]) {
            command.args(["--exclude", guest]);
        }
        command
    };
    let ours = |targets: &[&str]| {
        let mut command = cargo_test(&toolchain);
        command.args(["-p", "tests"]).args(targets);
        command
    };
    for mut command in [host(), ours(&["--lib", "--bins", "--tests"])] {
        command.arg("--no-run");
        sum.add(command, None, "building the tests")?;
    }

    let started = Instant::now();
    sum.add(timed(host(), filter), None, "the host crates")?;
    sum.add(
        timed(ours(&["--lib", "--bins"]), filter),
        None,
        "crate tests",
    )?;
    println!(
        "host crates: {:.0} s of {} s",
        started.elapsed().as_secs_f64(),
        budget("host").as_secs()
    );
    if started.elapsed() > budget("host") {
        println!("failed: the host crates are over their budget");
        sum.failed += 1;
    }
    if let Some(interpreter) = crate::build::python::tests(&toolchain) {
        sum.add(timed(interpreter, filter), None, "the interpreter's crate")?;
    }
    run_models(&toolchain, filter, &mut sum)?;
    for (tier, _) in TIERS {
        let sources = crate::project::root().join("tests/tests").join(tier);
        if sources.is_dir() || sources.with_extension("rs").is_file() {
            sum.add(ours(&["--test", tier]), filter, tier)?;
        }
    }
    println!("\n{:.0} s", started.elapsed().as_secs_f64());
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(if sum.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The models that are meant, one kind after another.
fn run_models(toolchain: &Toolchain, filter: Option<&str>, sum: &mut Sum) -> Result<()> {
    let chosen = || models::ALL.iter().filter(|models| models.has(filter));
    for models in chosen() {
        sum.add(models.build(toolchain), None, &models.name())?;
    }
    let started = Instant::now();
    for models in chosen() {
        sum.add(models.run(toolchain, filter), None, &models.name())?;
    }
    if chosen().next().is_some() {
        let (spent, budget) = (started.elapsed(), budget("models"));
        println!(
            "models: {:.0} s of {} s",
            spent.as_secs_f64(),
            budget.as_secs()
        );
        if spent > budget {
            println!("failed: the models are over their budget");
            sum.failed += 1;
        }
    }
    Ok(())
}

fn cargo_test(toolchain: &Toolchain) -> Command {
    let mut command = toolchain.cargo();
    command.args([
        "test",
        "--release",
        "--no-fail-fast",
        "--target-dir",
        "target/host",
    ]);
    command
}

/// Has Rust's own test runner show the time of each test, as [`Tier::run`] does, of those
/// that are meant.
#[must_use]
pub fn timed(mut command: Command, filter: Option<&str>) -> Command {
    command.args(["--", "-Zunstable-options", "--report-time"]);
    command.args(filter);
    command
}

/// What all runs came to.
#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
}

impl Sum {
    /// Runs one `cargo test`, shows what it prints and adds up its results.
    fn add(&mut self, mut command: Command, filter: Option<&str>, what: &str) -> Result<()> {
        if let Some(filter) = filter {
            command.args(["--", filter]);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io("cargo"))?;
        let before = self.failed;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
                println!("{line}");
                if let Some((passed, failed)) = result_line(&line) {
                    self.passed += passed;
                    self.failed += failed;
                }
            }
        }
        let status = child.wait().map_err(Error::io("cargo"))?;
        if !status.success() && self.failed == before {
            // It did not compile, or died: that is no pass.
            println!("failed: {what} ({status})");
            self.failed += 1;
        }
        Ok(())
    }
}

/// Reads `test result: ok. 5 passed; 0 failed; …`.
fn result_line(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut numbers = counts.split("; ").map(|part| {
        part.split(' ')
            .next()
            .and_then(|number| number.parse().ok())
    });
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::result_line;

    #[test]
    fn the_closing_line_of_a_test_run_is_read() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(result_line(line), Some((12, 3)));
        assert_eq!(result_line("test result_line ... ok"), None);
    }
}
