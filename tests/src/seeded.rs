//! The test of the tests: a kernel with a bug put in on purpose, and the test that finds
//! it. Crate `bugs` has the bugs; here is who catches which.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::build::{cargo, kernel};
use crate::error::{Error, Result};
use crate::project;
use crate::toolchain::Toolchain;

/// How long a machine of this tier may take: a bug that makes one hang is found then.
const LIMIT: Duration = Duration::from_secs(40);

/// A bug, and the name of a test of tier `qemu` that fails with it and passes without.
pub const CATCHERS: &[(&str, &str)] = &[
    ("lost-interrupt", "programs: threads"),
    ("lost-wake", "programs: threads"),
    ("unchecked-affinity", "programs: scheduling"),
    ("equal-weights", "programs: scheduling"),
    ("endless-quantum", "programs: scheduling"),
    ("endless-slot", "programs: scheduling"),
    ("no-deferral", "programs: scheduling"),
    ("mixed-registers", "programs: registers"),
    ("mixed-thread-pointer", "programs: threads"),
    ("unchecked-futex", "programs: threads"),
    ("kept-locks", "programs: threads"),
    ("skipped-shootdown", "programs: shootdown"),
    ("skipped-flush", "programs: memory"),
    ("writable-fork", "programs: memory"),
    ("shared-write", "programs: memory"),
    ("leaked-frames", "exhaustion"),
    ("silent-pipe", "console: a megabyte"),
    ("silent-mutex", "programs: threads"),
    ("late-timer", "programs: threads"),
    ("long-pointer", "programs: pointers"),
    ("kept-mask", "programs: faults"),
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

/// What a test said of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
}

/// Runs one test of tier `qemu` on `kernel`, with `words` for its command line.
fn judge(toolchain: &Toolchain, kernel: &PathBuf, words: &str, test: &str) -> Result<Verdict> {
    let mut command: Command = toolchain.cargo();
    let output = command
        .args(["test", "--release", "--target-dir", "target/host"])
        .args(["-p", "tests", "--test", "qemu", "--", test])
        .env("ROENTGEN_KERNEL", kernel)
        .env("ROENTGEN_APPEND", words)
        .env("ROENTGEN_LIMIT", LIMIT.as_secs().to_string())
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("cargo"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("running 0 tests") {
        return Err(Error::Missing(format!("no test is named {test:?}")));
    }
    Ok(if output.status.success() {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// Runs every catcher on its bug, and once without: prints who caught what.
///
/// # Errors
/// Where something does not build, or a test is not there.
pub fn run(filter: Option<&str>) -> Result<ExitCode> {
    let toolchain = Toolchain::chosen()?;
    let kernel = kernel(&toolchain)?;
    let (mut passed, mut failed) = (0, 0);
    let mut count = |name: &str, test: &str, is_right: bool, began: Instant| {
        let verdict = if is_right { "ok" } else { "FAILED" };
        let seconds = began.elapsed().as_secs_f64();
        println!("test {name}: {test} ... {verdict} {seconds:.2} s");
        if is_right {
            passed += 1;
        } else {
            failed += 1;
        }
    };
    let chosen = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let mut tests: Vec<&str> = CATCHERS
        .iter()
        .filter(|(bug, _)| chosen(&format!("seeded: {bug}")))
        .map(|(_, test)| *test)
        .collect();
    tests.sort_unstable();
    tests.dedup();
    println!("\nrunning the catchers of seeded bugs");
    for test in tests {
        let began = Instant::now();
        let verdict = judge(&toolchain, &kernel, "", test)?;
        count("seeded: no bug", test, verdict == Verdict::Passed, began);
    }
    for (bug, test) in CATCHERS {
        let name = format!("seeded: {bug}");
        if chosen(&name) {
            let began = Instant::now();
            let verdict = judge(&toolchain, &kernel, &format!("bug={bug}"), test)?;
            count(&name, test, verdict == Verdict::Failed, began);
        }
    }
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; 0 ignored",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::CATCHERS;

    #[test]
    fn every_bug_has_a_test_that_catches_it() {
        for (_, bug) in bugs::ALL {
            assert!(CATCHERS.iter().any(|(name, _)| name == bug), "{bug}");
        }
        assert_eq!(CATCHERS.len(), bugs::ALL.len());
    }
}
