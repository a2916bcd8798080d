//! The oracle's programs: standard output byte by byte, and the exit status.
//!
//! Most run under `run_programs.py`, two at a time in one machine; where the machine
//! is lost, the next one goes on behind what was under way. Those that are about the
//! streams and the end of a process also run as the first process of a machine each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use crate::build::{self, Images};
use crate::error::{Error, Result};
use crate::oracle::difference;
use crate::oracle::task::{self, Task};
use crate::packages::{self, Need};
use crate::share::HOME;

/// Seconds for one program: natively all take less than three.
const SECONDS_ON_LINUX: u32 = 30;
/// Under an emulator on a busy host.
const SECONDS_HERE: u32 = 120;
/// For all of them together.
const LIMIT: Duration = Duration::from_secs(900);
/// For one as the first process.
const LIMIT_ALONE: Duration = Duration::from_secs(60);
/// How many machines may be lost before the rest is given up.
const MACHINES: usize = 6;
/// How many programs are given a second try: more are no accident.
const SECOND_TRIES: usize = 2;
/// How the programs begin that also run as a first process.
const ALONE: &[&str] = &["exit_", "output_", "stdin_", "recursion"];

/// What became of one program.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Its exit status; `-` where its time was up.
    pub status: String,
    /// The status that the program's own head promises.
    pub expected: String,
    /// How long it took.
    pub seconds: f64,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// What a run of `run_programs.py` reported.
#[derive(Debug, Default)]
pub struct Report {
    /// The programs that ended.
    pub endings: BTreeMap<String, Ending>,
    /// The programs that were under way when the report broke off.
    pub unfinished: BTreeSet<String>,
}

impl Report {
    /// Reads a report, as far as it goes.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut report = Self::default();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 1..];
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["start", name] => {
                    report.unfinished.insert(name.to_owned());
                }
                ["result", name, status, expected, seconds, out, err] => {
                    let (Ok(out), Ok(err)) = (out.parse::<usize>(), err.parse::<usize>()) else {
                        return report;
                    };
                    let Some(size) = out.checked_add(err).filter(|size| *size < rest.len()) else {
                        return report;
                    };
                    report.unfinished.remove(name);
                    report.endings.insert(
                        name.to_owned(),
                        Ending {
                            status: status.to_owned(),
                            expected: expected.to_owned(),
                            seconds: seconds.parse().unwrap_or_default(),
                            stdout: rest[..out].to_vec(),
                            stderr: rest[out..size].to_vec(),
                        },
                    );
                    rest = &rest[size + 1..];
                }
                _ => return report,
            }
        }
        report
    }
}

/// The names of all programs, sorted. What begins with an underscore is for several of them
/// to import.
fn names() -> Result<Vec<String>> {
    let directory = task::source().join("programs");
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(Error::file(&directory))? {
        let name = entry.map_err(Error::file(&directory))?.file_name();
        match name.to_string_lossy().strip_suffix(".py") {
            Some(name) if !name.starts_with('_') => names.push(name.to_owned()),
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}

fn path(name: &str) -> String {
    format!("{HOME}/programs/{name}.py")
}

fn driver(names: &[String], seconds: u32) -> Result<Task> {
    let mut arguments = vec![format!("{HOME}/run_programs.py"), "--jobs=2".to_owned()];
    arguments.push(format!("--timeout={seconds}"));
    arguments.extend(names.iter().map(|name| path(name)));
    Task::new(arguments)
}

fn images() -> Result<Images> {
    packages::require(&[Need::Build, Need::Qemu, Need::Test])?;
    build::images()
}

fn linux_report(images: &Images, names: &[String]) -> Result<Report> {
    let output = driver(names, SECONDS_ON_LINUX)?.on_linux_cached(images, LIMIT)?;
    Ok(Report::parse(&output))
}

/// Runs all programs on both sides, prints a table, and says how many differ. Where they
/// are few they get a second try on both sides, since some of them are about time.
///
/// # Errors
/// Where a side cannot be started.
pub fn compare() -> Result<usize> {
    let images = images()?;
    let names = names()?;
    let mut differing = compare_these(&images, &names)?;
    println!("  {} programs, {} differ", names.len(), differing.len());
    if !differing.is_empty() && differing.len() <= SECOND_TRIES {
        println!("  the second try:");
        differing = compare_these(&images, &differing)?;
    }
    Ok(differing.len())
}

/// Runs these programs on both sides, prints a table, and names those that differ.
fn compare_these(images: &Images, names: &[String]) -> Result<Vec<String>> {
    let linux = linux_report(images, names)?;
    let here = report_here(images, names)?;
    println!(
        "\n  {:<28} {:>6} {:>6} {:>9} {:>9}",
        "program", "linux", "here", "linux s", "here s"
    );
    let differs =
        |name: &&String| !is_same(name, linux.endings.get(*name), here.endings.get(*name));
    Ok(names.iter().filter(differs).cloned().collect())
}

/// Runs these programs here, in as many machines as are lost on the way.
fn report_here(images: &Images, names: &[String]) -> Result<Report> {
    let mut here = Report::default();
    let mut waiting = names.to_vec();
    for _ in 0..MACHINES {
        if waiting.is_empty() {
            break;
        }
        let output = driver(&waiting, SECONDS_HERE)?.on_roentgen(images, LIMIT)?;
        let part = Report::parse(&output.stdout);
        waiting.retain(|name| !part.endings.contains_key(name) && !part.unfinished.contains(name));
        if !part.unfinished.is_empty() || part.endings.is_empty() {
            println!(
                "\n  the machine ended during {:?}\n{}",
                part.unfinished,
                output.remarks()
            );
        }
        let is_stuck = part.endings.is_empty() && part.unfinished.is_empty();
        here.endings.extend(part.endings);
        if is_stuck {
            break;
        }
    }
    Ok(here)
}

/// Prints one program's line, and what differs.
fn is_same(name: &str, linux: Option<&Ending>, here: Option<&Ending>) -> bool {
    let (Some(linux), Some(here)) = (linux, here) else {
        println!(
            "  {name:<28} has no result {}",
            if linux.is_none() { "on Linux" } else { "here" }
        );
        return false;
    };
    println!(
        "  {name:<28} {:>6} {:>6} {:>9.2} {:>9.2}",
        linux.status, here.status, linux.seconds, here.seconds
    );
    let difference = difference::describe(&linux.stdout, &here.stdout);
    print!("{difference}");
    if linux.status != linux.expected {
        println!(
            "    promises status {}; standard error on Linux:",
            linux.expected
        );
        println!("{}", indented(&linux.stderr));
    }
    let is_same =
        difference.is_empty() && linux.status == here.status && linux.status == linux.expected;
    if !is_same {
        println!("{}", indented(&here.stderr));
    }
    is_same
}

fn indented(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<String> = text.lines().map(|line| format!("    | {line}")).collect();
    lines.join("\n")
}

/// Runs the programs about streams and endings as first processes.
///
/// # Errors
/// Where a machine does not start.
pub fn compare_alone() -> Result<usize> {
    let images = images()?;
    let names = names()?;
    let linux = linux_report(&images, &names)?;
    let mut differing = 0;
    println!();
    for name in names
        .iter()
        .filter(|name| ALONE.iter().any(|start| name.starts_with(start)))
    {
        let mut task = Task::new(vec![path(name)])?;
        let input = task::source().join("programs").join(format!("{name}.in"));
        task.stdin = fs::read(input).unwrap_or_default();
        let output = task.on_roentgen(&images, LIMIT_ALONE)?;
        print!("{}", output.remarks());
        let here = Ending {
            status: output.status().to_string(),
            expected: String::new(),
            seconds: output.seconds,
            stdout: output.stdout,
            stderr: output.stderr,
        };
        differing += usize::from(!is_same(name, linux.endings.get(name), Some(&here)));
    }
    Ok(differing)
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_report_is_read_with_bytes_of_every_kind_in_it() {
        let report =
            Report::parse(b"start a\nstart b\nresult a 7 7 0.25 4 2\n\nx\x00\xffe\n\nend\n");
        let ending = &report.endings["a"];
        assert_eq!(
            (ending.status.as_str(), ending.expected.as_str()),
            ("7", "7")
        );
        assert_eq!(ending.stdout, b"\nx\x00\xff");
        assert_eq!(ending.stderr, b"e\n");
        assert!(report.unfinished.contains("b") && !report.unfinished.contains("a"));
    }

    #[test]
    fn a_report_that_breaks_off_keeps_what_was_whole() {
        for cut in [
            b"start a\nresult a 0 0 1 5 0\nabc".as_slice(),
            b"start a\nresult a 0 0 1 9999999 0\n",
            b"start a\nres",
        ] {
            let report = Report::parse(cut);
            assert!(report.endings.is_empty());
            assert!(report.unfinished.contains("a"));
        }
    }
}
