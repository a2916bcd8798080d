//! Tests by their ids: whatever passes on Linux with this interpreter passes here.
//!
//! Whose tests they are, and which of them, say [`crate::oracle::cpython`] and
//! [`crate::oracle::twisted`]; both are run by programs of `tests/oracle` that write a line
//! for each id.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::build::{self, Images};
use crate::error::{Error, Result};
use crate::oracle::task::Task;
use crate::packages::{self, Need};
use crate::share::{HOME, Node};

/// Seconds for one test.
const SECONDS_ON_LINUX: u32 = 20;
/// Under an emulator on a busy host.
const SECONDS_HERE: u32 = 90;
/// For all tests on Linux.
const LIMIT_ON_LINUX: Duration = Duration::from_secs(900);
/// For all tests in the machine.
const LIMIT_HERE: Duration = Duration::from_secs(3000);
/// How many ids are given a second try: more are no accident.
const SECOND_TRIES: usize = 60;
/// How many failing ids are printed.
const SHOWN: usize = 200;

/// Somebody's tests.
pub struct Suite<'a> {
    /// Whose.
    pub whose: &'static str,
    /// What runs them, a file of `tests/oracle`.
    pub runner: &'static str,
    /// The list of modules and of what is left out.
    pub list: &'static str,
    /// The groups of it that are run.
    pub groups: &'a [&'a str],
    /// More of the runner's options.
    pub options: &'static [&'static str],
    /// Adds the tests themselves.
    pub ship: fn(&mut Task, &Images) -> Result<()>,
}

impl Suite<'_> {
    /// The runner with its list; with `ids`, only those, one module at a time.
    fn task(&self, images: &Images, seconds: u32, ids: Option<&[String]>) -> Result<Task> {
        let mut task = Task::new(vec![
            format!("{HOME}/{}", self.runner),
            format!("--list={HOME}/{}", self.list),
            format!("--groups={}", self.groups.join(",")),
            format!("--timeout={seconds}"),
            format!("--jobs={}", if ids.is_some() { 1 } else { 2 }),
        ])?;
        let options = self.options.iter().map(|option| (*option).to_owned());
        task.arguments.extend(options);
        if let Some(ids) = ids {
            let list = format!("{HOME}/only");
            task.arguments.push(format!("--only={list}"));
            task.tree
                .insert(list, Node::File(0o644, ids.join("\n").into_bytes()));
        }
        (self.ship)(&mut task, images)?;
        Ok(task)
    }
}

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
/// An id that fails here gets a second try in a machine of its own, since some
/// tests are about time and two run at once; what needed it is printed.
///
/// # Errors
/// Where a side cannot be started.
pub fn compare(suite: &Suite<'_>, least: usize) -> Result<usize> {
    packages::require(&[Need::Build, Need::Qemu, Need::Test])?;
    let images = build::images()?;
    let linux_output = suite
        .task(&images, SECONDS_ON_LINUX, None)?
        .on_linux_cached(&images, LIMIT_ON_LINUX)?;
    let (linux, is_whole) = parse(&linux_output);
    if !is_whole {
        return Err(Error::Machine(format!(
            "{}'s tests broke off on Linux",
            suite.whose
        )));
    }
    let output = suite
        .task(&images, SECONDS_HERE, None)?
        .on_roentgen(&images, LIMIT_HERE)?;
    let (mut here, is_whole) = parse(&output.stdout);
    if !is_whole {
        println!(
            "\n  {}'s tests broke off here\n{}",
            suite.whose,
            output.remarks()
        );
    }
    let mut missing = only_on_linux(&linux, &here);
    if is_whole && !missing.is_empty() && missing.len() <= SECOND_TRIES {
        for (id, outcome) in second_try(suite, &images, &missing)? {
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
        "\n  {}'s tests: {} ids pass on both, {} only on Linux",
        suite.whose,
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
    suite: &Suite<'_>,
    images: &Images,
    ids: &[String],
) -> Result<BTreeMap<String, Outcome>> {
    let output = suite
        .task(images, SECONDS_HERE, Some(ids))?
        .on_roentgen(images, LIMIT_HERE)?;
    Ok(parse(&output.stdout).0)
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
