//! Storm `parsers`: coverage-guided fuzzing, on the host, of everything that parses what comes
//! from outside (`tests/fuzz`). Each target begins with sound inputs of its own and an empty
//! corpus, so that a seed gives the same inputs again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::outcome::{Outcome, Tally};
use super::storm::{Order, Storm};
use crate::build::Images;
use crate::console::driver::Sink;
use crate::error::{Error, Result};
use crate::packages::{self, Need};
use crate::project;
use crate::toolchain::Toolchain;

/// The targets, as `tests/fuzz` names them.
pub const TARGETS: [&str; 11] = [
    "elf",
    "cpio",
    "acpi",
    "command-line",
    "first-process",
    "template",
    "terminal",
    "frames",
    "netlink",
    "channel",
    "policy",
];
/// How the code is instrumented: as libFuzzer wants it.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
    "--cfg",
    "fuzzing",
];
/// Compiler options are for the programs of this target alone, not for build scripts.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
/// The largest input, in bytes: a template's head and pages are more than one page.
const LARGEST: u32 = 16 << 10;
/// Seconds that one input may take.
const SECONDS_OF_ONE: u32 = 5;

/// Runs as many inputs as ordered, shared by the targets.
///
/// # Errors
/// Where the fuzzer does not build or cannot be started.
pub fn run(
    storm: &'static Storm,
    _images: &Images,
    order: Order,
    progress: Sink,
) -> Result<Outcome> {
    let fuzzer = build()?;
    let place = project::target_directory("stress")?;
    let mut tally = Tally::begin(storm, order, progress);
    let share = order.count / TARGETS.len() as u32;
    for (number, target) in TARGETS.into_iter().enumerate() {
        let rest = order.count - share * (TARGETS.len() as u32 - 1);
        let runs = if number == 0 { rest } else { share };
        let output = fuzz(&fuzzer, target, order.seed, runs, &place)?;
        let name = target.replace('-', "_");
        if let Some(covered) = number_after(&output.text, " cov: ") {
            tally.figure(&format!("covered_{name}"), covered);
        }
        if !output.is_well {
            tally.wrong_text(&format!(
                "{target}, seed {}: the input is {}\n{}",
                order.seed,
                output.input.display(),
                tail(&output.text)
            ));
        }
        tally.done_many(runs);
    }
    Ok(tally.finish())
}

/// The fuzzer, instrumented, in a target directory of its own.
fn build() -> Result<PathBuf> {
    packages::require(&[Need::Build, Need::Test])?;
    let directory = project::target_directory("fuzz")?;
    let output = Toolchain::chosen()?
        .cargo()
        .args(["build", "--release", "-p", "fuzz", "--target", PLATFORM])
        .arg("--target-dir")
        .arg(&directory)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("RUSTC_BOOTSTRAP", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("cargo"))?;
    if !output.status.success() {
        return Err(Error::Tool {
            what: "building the fuzzer".to_owned(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    Ok(directory.join(PLATFORM).join("release/fuzz"))
}

/// What libFuzzer said.
struct Said {
    text: String,
    is_well: bool,
    /// Where the input is that it failed by.
    input: PathBuf,
}

fn fuzz(fuzzer: &Path, target: &str, seed: u32, runs: u32, place: &Path) -> Result<Said> {
    let corpus = tempfile::tempdir().map_err(Error::io("a directory"))?;
    let input = place.join(format!("{target}.input"));
    let _ = fs::remove_file(&input);
    let output = Command::new(fuzzer)
        .arg(corpus.path())
        .arg(format!("-runs={runs}"))
        // 0 would be one that libFuzzer chooses.
        .arg(format!("-seed={}", seed.max(1)))
        .arg(format!("-max_len={LARGEST}"))
        .arg(format!("-timeout={SECONDS_OF_ONE}"))
        .arg(format!("-exact_artifact_path={}", input.display()))
        .env("FUZZ_TARGET", target)
        .env("FUZZ_SEEDS", corpus.path())
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file(fuzzer))?;
    Ok(Said {
        text: String::from_utf8_lossy(&output.stderr).into_owned(),
        is_well: output.status.success(),
        input,
    })
}

/// The number behind the last `word`.
fn number_after(text: &str, word: &str) -> Option<i64> {
    let (_, rest) = text.rsplit_once(word)?;
    let digits = rest.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

/// The last lines, from the panic on where there is one.
fn tail(text: &str) -> &str {
    let at = text.find("panicked at").unwrap_or_else(|| {
        let mut lines = text.rmatch_indices('\n');
        lines.nth(20).map_or(0, |(at, _)| at)
    });
    let rest = &text[at..];
    let mut lines = rest.match_indices('\n');
    lines.nth(20).map_or(rest, |(end, _)| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, number_after, tail};
    use crate::project;

    #[test]
    fn every_target_of_the_fuzzer_is_run() {
        let path = project::root().join("tests/fuzz/src/targets/mod.rs");
        let source = std::fs::read_to_string(path).unwrap();
        let mut names: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","))
            .collect();
        let mut known = TARGETS.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn what_libfuzzer_says_is_read() {
        let text = "#2 INITED cov: 10 ft: 12\n#9 DONE   cov: 312 ft: 700 corp: 3\nDone 9 runs\n";
        assert_eq!(number_after(text, " cov: "), Some(312));
        assert_eq!(number_after("nothing", " cov: "), None);
        let panic = "#2\nthread panicked at src:1:2:\nwhy\n";
        assert!(tail(panic).starts_with("panicked at"));
    }
}
