//! The counts that continuous integration keeps: `tests/bench/instructions.json` has what a few
//! operations took in instructions, and what made the kernel and programs that took them.
//!
//! Counts do not depend on the host. They do on compilers, and on which programs ran before in
//! the same machine: so only the cases of the file are run, in the suites' order, and the file is
//! renewed by the same code (`./run.sh bench --renew-counts`).

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::case::{Group, Kernel, Kind};
use super::runner::{Runner, Section};
use super::{Depth, Suite};
use crate::error::{Error, Result};
use crate::host;
use crate::machine::qemu;
use crate::project;
use crate::toolchain::Toolchain;

/// What is allowed where something else made the programs.
const OTHER_TOOLS_TOLERANCE: f64 = 0.25;

/// What a count depends on beside the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// The compiler of kernel and interpreter.
    pub rustc: String,
    /// That of the timing programs.
    pub cc: String,
    /// What counts.
    pub qemu: String,
}

/// One count.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// The suite whose case it is.
    pub suite: String,
    /// The case's command.
    pub command: String,
    /// The figure's name.
    pub figure: String,
    /// Instructions; the median where there are several samples.
    pub median: f64,
    /// By which part it may be more.
    pub tolerance: f64,
}

/// The file.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// What the counts were made with.
    pub tools: Tools,
    /// The counts.
    pub counts: Vec<Count>,
}

impl Tools {
    /// What is here.
    ///
    /// # Errors
    /// Where no compiler is chosen yet.
    pub fn here() -> Result<Self> {
        let rustc = Toolchain::chosen()?.version()?;
        let cc = Command::new("gcc").arg("-dumpfullversion").output();
        let cc = cc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Ok(Self {
            rustc: rustc.lines().next().unwrap_or_default().to_owned(),
            cc: format!("gcc {}", cc.unwrap_or_default()),
            qemu: host::version(qemu::PROGRAM),
        })
    }
}

/// The file's path.
fn path() -> PathBuf {
    project::root().join("tests/bench/instructions.json")
}

impl Counts {
    /// Those that are committed.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn committed() -> Result<Self> {
        let path = path();
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        let value = serde_json::from_str(&text).map_err(Error::file(&path))?;
        let wrong = || Error::Missing(format!("{}: not as it should be", path.display()));
        Self::of(&value).ok_or_else(wrong)
    }

    fn of(value: &Value) -> Option<Self> {
        let text = |value: &Value, name: &str| Some(value[name].as_str()?.to_owned());
        let tools = &value["made_with"];
        let counts = value["counts"].as_array()?.iter().map(|count| {
            Some(Count {
                suite: text(count, "suite")?,
                command: text(count, "command")?,
                figure: text(count, "figure")?,
                median: count["median"].as_f64()?,
                tolerance: count["tolerance"].as_f64()?,
            })
        });
        Some(Self {
            tools: Tools {
                rustc: text(tools, "rustc")?,
                cc: text(tools, "cc")?,
                qemu: text(tools, "qemu")?,
            },
            counts: counts.collect::<Option<_>>()?,
        })
    }

    fn json(&self) -> Value {
        let tools = &self.tools;
        let counts = self.counts.iter().map(|count| {
            json!({
                "suite": count.suite,
                "command": count.command,
                "figure": count.figure,
                "median": count.median.round(),
                "tolerance": count.tolerance,
            })
        });
        json!({
            "made_with": {"rustc": tools.rustc, "cc": tools.cc, "qemu": tools.qemu},
            "counts": counts.collect::<Vec<_>>(),
        })
    }

    /// Counts the same once more, here and now, with the same tolerances. What was not counted
    /// is not a number.
    ///
    /// # Errors
    /// Where nothing can be booted, or a case is not there any more.
    pub fn again(&self, progress: impl Fn(&str) + Sync) -> Result<Self> {
        let runner = Runner::new(false)?;
        let mut counts = self.counts.clone();
        counts.iter_mut().for_each(|count| count.median = f64::NAN);
        let (suites, groups): (Vec<_>, Vec<_>) = self.groups().into_iter().unzip();
        let sections = runner.measure(&groups, None, &progress)?;
        for ((suite, group), section) in suites.into_iter().zip(&groups).zip(&sections) {
            for remark in &section.remarks {
                progress(remark);
            }
            for count in counts.iter_mut().filter(|count| count.suite == suite) {
                if let Some(median) = median(group, section, count) {
                    count.median = median;
                }
            }
        }
        let tools = Tools::here()?;
        Ok(Self { tools, counts })
    }

    /// The suites' counted groups, with the cases of the file only, and of this kernel only.
    fn groups(&self) -> Vec<(&'static str, Group)> {
        let mut groups = Vec::new();
        for suite in Suite::ALL {
            let of_suite = || {
                let counts = self.counts.iter();
                counts.filter(|count| count.suite == suite.name())
            };
            for mut group in suite.groups(Depth::Quick) {
                group
                    .systems
                    .retain(|system| system.kernel == Kernel::Ours && system.words.is_empty());
                group
                    .cases
                    .retain(|case| of_suite().any(|count| count.command == case.command));
                if group.kind == Kind::Instructions && !group.cases.is_empty() {
                    group.rounds = 1;
                    groups.push((suite.name(), group));
                }
            }
        }
        groups
    }

    /// What a new count says of these: lines about what takes more instructions than it may, or
    /// was not counted; and lines for the reader.
    #[must_use]
    pub fn judge(&self, new: &Self) -> Judgement {
        let mut judgement = Judgement::default();
        let is_same = self.tools == new.tools;
        if !is_same {
            judgement.notes.push(format!(
                "other tools than the file's, so {:.0} % are allowed: {:?}, then {:?}",
                OTHER_TOOLS_TOLERANCE * 100.0,
                self.tools,
                new.tools
            ));
        }
        for (old, new) in self.counts.iter().zip(&new.counts) {
            let tolerance = match is_same {
                true => old.tolerance,
                false => old.tolerance.max(OTHER_TOOLS_TOLERANCE),
            };
            let line = format!(
                "{} {} ({}): {:.0} instructions, then {:.0} ({:+.1} %; {:.0} % are allowed)",
                old.suite,
                old.figure,
                old.command,
                old.median,
                new.median,
                (new.median / old.median - 1.0) * 100.0,
                tolerance * 100.0
            );
            // What was not counted is not a number, and no less than anything.
            let is_well = new.median <= old.median * (1.0 + tolerance);
            match is_well {
                false => judgement.failures.push(line),
                true if new.median < old.median * (1.0 - tolerance) => judgement
                    .notes
                    .push(format!("faster, so the file could be renewed: {line}")),
                true => judgement.lines.push(line),
            }
        }
        judgement
    }
}

/// What became of the counts, in lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Too many instructions, or none counted.
    pub failures: Vec<String>,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// As before.
    pub lines: Vec<String>,
}

fn median(group: &Group, section: &Section, count: &Count) -> Option<f64> {
    let mut cases = group.cases.iter();
    let case = cases.find(|case| case.command == count.command)?;
    let mut figures = case.figures.iter();
    figures.find(|figure| figure.name == count.figure)?;
    let mut rows = section.rows.iter();
    let row = rows.find(|row| row.figure.name == count.figure)?;
    row.cells.first()?.median()
}

/// Counts anew and writes the file: `./run.sh bench --renew-counts`.
///
/// # Errors
/// Where something was not counted, or the file cannot be written.
pub fn renew() -> Result<()> {
    let old = Counts::committed()?;
    let new = old.again(|text| eprintln!("bench: {text}"))?;
    let judgement = old.judge(&new);
    for line in judgement
        .lines
        .iter()
        .chain(&judgement.notes)
        .chain(&judgement.failures)
    {
        println!("{line}");
    }
    if let Some(count) = new.counts.iter().find(|count| !count.median.is_finite()) {
        return Err(Error::Machine(format!(
            "{} {} was not counted: no case {:?}, or it failed",
            count.suite, count.figure, count.command
        )));
    }
    let path = path();
    std::fs::write(&path, format!("{:#}\n", new.json())).map_err(Error::file(&path))?;
    println!("{}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Count, Counts, Tools};

    fn counts(rustc: &str, medians: &[f64]) -> Counts {
        let count = |median: &f64| Count {
            suite: "sched".to_owned(),
            command: "bench_start getppid 1000 1".to_owned(),
            figure: "getppid".to_owned(),
            median: *median,
            tolerance: 0.1,
        };
        Counts {
            tools: Tools {
                rustc: rustc.to_owned(),
                cc: "gcc 12".to_owned(),
                qemu: "QEMU 10".to_owned(),
            },
            counts: medians.iter().map(count).collect(),
        }
    }

    #[test]
    fn more_instructions_than_allowed_and_none_at_all_are_failures() {
        let old = counts("rustc 1.96", &[1000.0; 4]);
        let new = counts("rustc 1.96", &[1099.0, 1101.0, f64::NAN, 800.0]);
        let judgement = old.judge(&new);
        assert_eq!(judgement.failures.len(), 2, "{judgement:#?}");
        assert!(judgement.failures[0].contains("then 1101 (+10.1 %; 10 % are allowed)"));
        assert!(judgement.notes[0].starts_with("faster"), "{judgement:#?}");
        assert_eq!(judgement.lines.len(), 1);
    }

    #[test]
    fn another_compiler_is_said_and_allows_more() {
        let old = counts("rustc 1.96", &[1000.0; 2]);
        let judgement = old.judge(&counts("rustc 1.97", &[1240.0, 1260.0]));
        assert!(judgement.notes[0].contains("rustc 1.97"), "{judgement:#?}");
        assert_eq!(judgement.failures.len(), 1);
    }

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let counts = counts("rustc 1.96", &[1000.0]);
        assert_eq!(Counts::of(&counts.json()), Some(counts));
    }

    #[test]
    fn every_committed_count_is_a_case_of_a_suite() {
        let committed = Counts::committed().unwrap();
        assert!(!committed.counts.is_empty());
        let groups = committed.groups();
        for count in &committed.counts {
            let is_there = groups
                .iter()
                .filter(|(suite, _)| *suite == count.suite)
                .flat_map(|(_, group)| &group.cases)
                .any(|case| {
                    let mut figures = case.figures.iter();
                    case.command == count.command && figures.any(|it| it.name == count.figure)
                });
            assert!(is_there, "renew the file, or name another case: {count:?}");
        }
    }
}
