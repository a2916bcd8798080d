//! CPython's own tests, id by id: whatever passes on Linux with this interpreter passes
//! here.
//!
//! The tests are Debian's (package `libpython3.11-testsuite`); they go into the machine
//! when it is made and are never kept by us. Which of them, says `cpython.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::{self, Images};
use crate::error::{Error, Result};
use crate::oracle::task::Task;
use crate::packages::{self, Need};
use crate::share::{HOME, Node, Tree};

/// Where Debian has the library that the tests are part of.
const LIBRARY: &str = "/usr/lib/python3.11";
/// Where the package `test` stands in the machine.
const TESTS: &str = "/home/user/cpython";
/// Modules that the tests need and that a later library no longer has.
const FORMER_MODULES: &[&str] = &["asyncore.py", "asynchat.py", "smtpd.py"];
/// What none of the listed modules reads, or what is large beyond its use.
const LEFT_OUT: &[&str] = &[
    "__pycache__",
    "audiodata",
    "cjkencodings",
    "decimaltestdata",
    "imghdrdata",
    "libregrtest",
    "sndhdrdata",
    "test_email",
    "test_importlib",
    "test_peg_generator",
    "test_tools",
    "xmltestdata",
];
/// Seconds for one test.
const SECONDS_ON_LINUX: u32 = 20;
/// Under an emulator on a busy host.
const SECONDS_HERE: u32 = 90;
/// For all tests on Linux.
const LIMIT_ON_LINUX: Duration = Duration::from_secs(900);
/// For all tests in the machine.
const LIMIT_HERE: Duration = Duration::from_secs(1500);
/// How many ids are given a second try: more are no accident.
const SECOND_TRIES: usize = 60;
/// How many failing ids are printed.
const SHOWN: usize = 200;

/// What became of one test, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `ok`, `fail`, `error`, `skip`, `xfail`, `crash` or `hang`.
    pub word: String,
    /// What stands behind it, for people.
    pub reason: String,
}

/// Reads the runner's lines: by id, and whether the last line came.
#[must_use]
pub fn parse(output: &[u8]) -> (BTreeMap<String, Outcome>, bool) {
    let mut outcomes = BTreeMap::new();
    let mut is_whole = false;
    for line in String::from_utf8_lossy(output).lines() {
        if let Some(note) = line.strip_prefix("# ") {
            is_whole |= note == "end";
        } else if let Some((id, rest)) = line.split_once(' ') {
            let (word, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let outcome = Outcome {
                word: word.to_owned(),
                reason: reason.to_owned(),
            };
            outcomes.insert(id.to_owned(), outcome);
        }
    }
    (outcomes, is_whole)
}

/// Runs the groups of modules on both sides, prints the counts, and says how many ids
/// pass on Linux only. At least `least` must pass there, or the lists are not what they were.
///
/// An id that fails here gets a second try in a machine of its own, since some of
/// CPython's tests are about time and two run at once; what needed it is printed.
///
/// # Errors
/// Where a side cannot be started.
pub fn compare(groups: &[&str], least: usize) -> Result<usize> {
    packages::require(&[Need::Build, Need::Qemu, Need::Test])?;
    let images = build::images()?;
    let linux_output =
        task(groups, SECONDS_ON_LINUX, None)?.on_linux_cached(&images, LIMIT_ON_LINUX)?;
    let (linux, is_whole) = parse(&linux_output);
    if !is_whole {
        return Err(Error::Machine(
            "CPython's tests broke off on Linux".to_owned(),
        ));
    }
    let output = task(groups, SECONDS_HERE, None)?.on_roentgen(&images, LIMIT_HERE)?;
    let (mut here, is_whole) = parse(&output.stdout);
    if !is_whole {
        println!("\n  CPython's tests broke off here\n{}", output.remarks());
    }
    let mut missing = only_on_linux(&linux, &here);
    if is_whole && !missing.is_empty() && missing.len() <= SECOND_TRIES {
        for (id, outcome) in second_try(&images, groups, &missing)? {
            if outcome.word == "ok" {
                println!("\n  passed at the second try: {id}");
            }
            here.insert(id, outcome);
        }
        missing = only_on_linux(&linux, &here);
    }
    let passing = linux
        .values()
        .filter(|outcome| outcome.word == "ok")
        .count();
    println!(
        "\n  {} ids pass on both, {} only on Linux",
        passing - missing.len(),
        missing.len()
    );
    for id in missing.iter().take(SHOWN) {
        match here.get(id) {
            Some(outcome) => println!("  {id} {} {}", outcome.word, outcome.reason),
            None => println!("  {id} has no result"),
        }
    }
    if passing < least {
        return Err(Error::Machine(format!(
            "only {passing} ids pass on Linux: at least {least} should"
        )));
    }
    Ok(missing.len())
}

/// The ids that pass on Linux and not here.
fn only_on_linux(
    linux: &BTreeMap<String, Outcome>,
    here: &BTreeMap<String, Outcome>,
) -> Vec<String> {
    linux
        .iter()
        .filter(|(_, outcome)| outcome.word == "ok")
        .filter(|(id, _)| here.get(*id).is_none_or(|outcome| outcome.word != "ok"))
        .map(|(id, _)| id.clone())
        .collect()
}

fn second_try(
    images: &Images,
    groups: &[&str],
    ids: &[String],
) -> Result<BTreeMap<String, Outcome>> {
    let output = task(groups, SECONDS_HERE, Some(ids))?.on_roentgen(images, LIMIT_HERE)?;
    Ok(parse(&output.stdout).0)
}

/// The runner with its list; with `ids`, only those, one module at a time.
fn task(groups: &[&str], seconds: u32, ids: Option<&[String]>) -> Result<Task> {
    let mut task = Task::new(vec![
        format!("{HOME}/run_cpython.py"),
        format!("--list={HOME}/cpython.toml"),
        format!("--groups={}", groups.join(",")),
        format!("--tests={TESTS}"),
        format!("--timeout={seconds}"),
        format!("--jobs={}", if ids.is_some() { 1 } else { 2 }),
    ])?;
    if let Some(ids) = ids {
        let list = format!("{HOME}/only");
        task.arguments.push(format!("--only={list}"));
        task.tree
            .insert(list, Node::File(0o644, ids.join("\n").into_bytes()));
    }
    ship(&mut task.tree)?;
    Ok(task)
}

/// Puts the tests into a tree.
fn ship(tree: &mut Tree) -> Result<()> {
    let library = Path::new(LIBRARY);
    for name in FORMER_MODULES {
        tree.read(&library.join(name), &Path::new(TESTS).join(name))?;
    }
    let mut waiting = vec![PathBuf::from("test")];
    while let Some(directory) = waiting.pop() {
        let from = library.join(&directory);
        for entry in fs::read_dir(&from).map_err(Error::file(&from))? {
            let entry = entry.map_err(Error::file(&from))?;
            let name = entry.file_name();
            if LEFT_OUT.iter().any(|left_out| name == *left_out) {
                continue;
            }
            let inside = directory.join(&name);
            // Through links: Debian has a few, and the target is outside.
            let about = fs::metadata(entry.path()).map_err(Error::file(&entry.path()))?;
            if about.is_dir() {
                waiting.push(inside);
            } else {
                let content = fs::read(entry.path()).map_err(Error::file(&entry.path()))?;
                tree.insert(Path::new(TESTS).join(inside), Node::File(0o644, content));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{only_on_linux, parse};

    #[test]
    fn only_what_passes_there_and_not_here_counts() {
        let (linux, is_whole) =
            parse(b"m.C.a ok\nm.C.b fail # x: y\nm.C.c ok\nm.C.d ok\n# m: 4\n# end\n");
        let (here, _) = parse(b"m.C.a ok\nm.C.b hang\nm.C.c error # E: no such\n");
        assert!(is_whole);
        assert_eq!(only_on_linux(&linux, &here), ["m.C.c", "m.C.d"]);
        assert_eq!(here["m.C.c"].reason, "# E: no such");
    }

    #[test]
    fn a_run_that_broke_off_is_told_from_a_whole_one() {
        assert!(!parse(b"m.C.a ok\n").1);
        assert!(parse(b"# end\n").1);
    }
}
