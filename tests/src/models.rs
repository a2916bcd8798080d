//! The models: protocols under the checkers, loom (every order of steps) and shuttle
//! (orders at random).
//!
//! A checker brings its own atomics, which a crate takes with `--cfg` and the checker's
//! name. So each has a target directory of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::project;
use crate::suite::timed;
use crate::toolchain::Toolchain;

/// A crate's models for one checker.
pub struct Models {
    package: &'static str,
    /// The checker: the `cfg`, and the directory under `target`.
    checker: &'static str,
    /// Which of the crate's tests, as Cargo is told.
    target: &'static [&'static str],
    /// Their sources, to look a name up without building them.
    sources: &'static str,
    /// How their names begin, where others are in the same target.
    prefix: Option<&'static str>,
}

/// All of them.
pub const ALL: &[Models] = &[
    Models {
        package: "smp",
        checker: "loom",
        target: &["--lib"],
        sources: "smp/src/shootdown/models.rs",
        prefix: Some("loom_"),
    },
    Models {
        package: "sched",
        checker: "loom",
        target: &["--test", "loom"],
        sources: "sched/tests/loom",
        prefix: None,
    },
    Models {
        package: "streams",
        checker: "loom",
        target: &["--test", "loom"],
        sources: "kernel/streams/tests/loom",
        prefix: None,
    },
    Models {
        package: "sched",
        checker: "shuttle",
        target: &["--test", "shuttle"],
        sources: "sched/tests/shuttle.rs",
        prefix: None,
    },
];

impl Models {
    /// What they are, for a message.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} under {}", self.package, self.checker)
    }

    /// Whether any is meant by the word of `run.sh test`: it is part of a test's name, or
    /// it is `models` or the checker's name.
    #[must_use]
    pub fn has(&self, filter: Option<&str>) -> bool {
        let Some(word) = filter else { return true };
        self.words(word).is_none() || has_test(&project::root().join(self.sources), word)
    }

    /// The word that the tests themselves are to be filtered by.
    #[must_use]
    pub fn words<'a>(&self, filter: &'a str) -> Option<&'a str> {
        Some(filter).filter(|word| *word != "models" && *word != self.checker)
    }

    /// Builds them; the caller runs it before the clock starts.
    #[must_use]
    pub fn build(&self, toolchain: &Toolchain) -> Command {
        let mut command = self.cargo_test(toolchain);
        command.arg("--no-run");
        command
    }

    /// Runs those that are meant by the word, and shows the time of each.
    #[must_use]
    pub fn run(&self, toolchain: &Toolchain, filter: Option<&str>) -> Command {
        let words = filter.and_then(|word| self.words(word)).or(self.prefix);
        timed(self.cargo_test(toolchain), words)
    }

    fn cargo_test(&self, toolchain: &Toolchain) -> Command {
        let mut command = toolchain.cargo();
        command.args(["test", "--release", "--no-fail-fast", "-p", self.package]);
        command.args(self.target);
        command.arg("--target-dir");
        command.arg(format!("target/{}", self.checker));
        command.env("RUSTFLAGS", format!("--cfg {}", self.checker));
        command
    }
}

/// Whether a test in this file or directory has `word` in its name.
fn has_test(path: &Path, word: &str) -> bool {
    if let Ok(entries) = fs::read_dir(path) {
        return entries
            .filter_map(|entry| entry.ok())
            .any(|entry| has_test(&entry.path(), word));
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    // The test runner knows a test by its module and its name.
    let module = path.file_stem().unwrap_or_default().to_string_lossy();
    text.split("#[test]").skip(1).any(|rest| {
        let name = rest
            .split_once("fn ")
            .and_then(|(_, rest)| rest.split_once('('));
        name.is_some_and(|(name, _)| format!("{module}::{name}").contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_part_of_a_name() {
        let [shootdown, loom, channels, shuttle] = ALL else {
            panic!("four kinds of models")
        };
        assert!(shootdown.has(None) && shootdown.has(Some("loom")));
        assert!(shootdown.has(Some("loom_")) && !shootdown.has(Some("three_cores_run")));
        assert!(loom.has(None) && loom.has(Some("models")) && loom.has(Some("loom")));
        assert!(loom.has(Some("core_that_halts_is_interrupted_once")));
        assert!(loom.has(Some("state::a_wake_up")));
        assert!(channels.has(Some("a_close_reaches_everybody")) && channels.has(Some("loom")));
        assert!(!channels.has(Some("state::a_wake_up")));
        assert!(!loom.has(Some("three_cores_run")) && shuttle.has(Some("three_cores_run")));
        assert!(!shuttle.has(Some("no_test_has_such_a_name")));
    }
}
