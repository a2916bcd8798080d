//! A suite's result as JSON, `NAME.json`: every sample, and what somebody who compares two
//! results must know of both: emulator, flags, compiler, hashes, commands, the host's load.
//! How a figure stands to its targets and to Linux is in it too, so that whoever reads the file
//! need not know the rules.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::case::{Group, Kernel, Kind, System};
use super::figure::{Bound, Target};
use super::host_walk;
use super::noise::{Better, Change, Rule, rule};
use super::runner::{Row, Runner, Section, hardware};
use super::statistics::Samples;
use super::table::standing;
use crate::error::{Error, Result};
use crate::host;
use crate::machine::{host_cores, qemu};
use crate::toolchain::Toolchain;

/// A result that is being written.
pub struct Record {
    suite: &'static str,
    preface: Option<String>,
    rustc: String,
    began: u64,
    load_before: Value,
    kernel: String,
    interpreter: String,
    groups: Vec<Value>,
}

impl Record {
    /// Before the first machine boots.
    ///
    /// # Errors
    /// Where an image cannot be read.
    pub fn begin(suite: &'static str, preface: Option<String>, runner: &Runner) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let rustc = Toolchain::chosen()?.version()?;
        Ok(Self {
            suite,
            preface,
            rustc: rustc.lines().next().unwrap_or_default().to_owned(),
            began: now.unwrap_or_default().as_secs(),
            load_before: load(),
            kernel: host::hash(&runner.images.kernel)?,
            interpreter: host::hash(&runner.images.python)?,
            groups: Vec::new(),
        })
    }

    /// Adds what was measured of a group.
    pub fn add(&mut self, group: &Group, section: &Section) {
        let systems: Map<String, Value> = group
            .systems
            .iter()
            .map(|system| (system.name.to_owned(), machine(group, *system)))
            .collect();
        let figures: Vec<Value> = section
            .rows
            .iter()
            .map(|row| figure(row, section))
            .collect();
        self.groups.push(json!({
            "title": group.title,
            "kind": group.kind.name(),
            "cores": group.cores,
            "memory": group.memory,
            "rounds": section.rounds,
            "seconds": section.seconds,
            "commands": group.cases.iter().map(|case| &case.command).collect::<Vec<_>>(),
            "order": group.systems.iter().map(|system| system.name).collect::<Vec<_>>(),
            "systems": systems,
            "figures": figures,
            "remarks": section.remarks,
            "hellos": hellos(group, section),
            "host_walk": host_walk(group, section),
        }));
    }

    /// One line of it all for the reader of a table.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{}; host of {} core(s), load {}; kernel {}, interpreter {}",
            host::version(qemu::PROGRAM),
            host_cores(),
            self.load_before[0],
            &self.kernel[..8],
            &self.interpreter[..8],
        )
    }

    /// Writes the file into a directory; its path.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(self.suite).with_extension("json");
        let result = json!({
            "suite": self.suite,
            "preface": self.preface,
            "command": command(),
            "rule": rule(),
            "began": self.began,
            "rustc": self.rustc,
            "host": {
                "cores": host_cores(),
                "kernel": first_line(Path::new("/proc/sys/kernel/osrelease")),
                "cpu": cpu(),
                "load_before": self.load_before,
                "load_after": load(),
            },
            "qemu": host::version(qemu::PROGRAM),
            "kernel_sha256": self.kernel,
            "interpreter_sha256": self.interpreter,
            "groups": self.groups,
        });
        std::fs::write(&path, format!("{result:#}\n")).map_err(Error::file(&path))?;
        Ok(path)
    }
}

fn figure(row: &Row, section: &Section) -> Value {
    let cells = section
        .systems
        .iter()
        .zip(&row.cells)
        .map(|(system, cell)| {
            let (least, most) = cell.range().unzip();
            let value = json!({
                "median": cell.median(),
                "least": least,
                "most": most,
                "samples": cell.all(),
            });
            (system.name.to_owned(), value)
        });
    let targets = row.figure.targets.iter();
    json!({
        "name": row.figure.name,
        "label": row.figure.label,
        "unit": unit(row),
        "shown": {
            "unit": row.figure.unit.suffix().trim_start_matches(", "),
            "divisor": row.figure.unit.divisor(),
        },
        "better": match row.figure.better() {
            Better::Less => json!("less"),
            Better::More => json!("more"),
            Better::Neither => Value::Null,
        },
        "systems": cells.collect::<Map<_, _>>(),
        "targets": targets.map(|target| self::target(section, row, target)).collect::<Vec<_>>(),
        "against": against(section, row),
    })
}

fn target(section: &Section, row: &Row, target: &Target) -> Value {
    let (word, value) = match target.bound {
        Bound::AtMost(most) => ("at most", most),
        Bound::AtLeast(least) => ("at least", least),
    };
    let is = standing(section, row, target);
    json!({
        "of": target.against.map(|system| system.name),
        "bound": word,
        "value": value,
        "is": is,
        "is_reached": is.map(|is| target.bound.holds(is)),
    })
}

/// How the first system, this kernel, stands to each control, beyond noise.
fn against(section: &Section, row: &Row) -> Value {
    let Some(ours) = row.cells.first() else {
        return Value::Null;
    };
    let rule = Rule {
        kind: section.kind,
        unevenness: host_walk::unevenness(&section.host_walk, section.rounds),
    };
    let columns = section.systems.iter().zip(&row.cells).skip(1);
    let controls = columns.filter(|(system, _)| matches!(system.kernel, Kernel::Linux(_)));
    let stands = controls.map(|(system, theirs)| {
        let verdict = match rule.judge(row.figure.better(), theirs, ours) {
            Change::Better => json!("ahead"),
            Change::Worse => json!("behind"),
            Change::Same => json!("even"),
            Change::Other | Change::NotMeasured | Change::NoRatio => Value::Null,
        };
        (system.name.to_owned(), verdict)
    });
    Value::Object(stands.collect())
}

/// The first frames of the systems, where the group is timed to its first line.
fn hellos(group: &Group, section: &Section) -> Value {
    if group.first_line.is_none() {
        return Value::Null;
    }
    by_system(group, &section.hellos)
}

/// What the host's own walks took, in nanoseconds; null for other kinds.
fn host_walk(group: &Group, section: &Section) -> Value {
    if group.kind != Kind::Wall {
        return Value::Null;
    }
    by_system(group, &section.host_walk)
}

fn by_system(group: &Group, columns: &[Samples]) -> Value {
    let columns = group.systems.iter().zip(columns);
    let values = columns.map(|(system, samples)| (system.name.to_owned(), json!(samples.all())));
    Value::Object(values.collect())
}

/// The command line of this run.
fn command() -> String {
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| word.to_string_lossy().into_owned());
    std::iter::once("./run.sh".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The unit of the numbers in the file, which is not always the one of the table.
fn unit(row: &Row) -> &'static str {
    use super::figure::Unit;
    match row.figure.unit {
        Unit::Nanoseconds | Unit::Microseconds | Unit::Milliseconds => "ns",
        Unit::Seconds => "s",
        Unit::Instructions => "instructions",
        Unit::Count => "count",
        Unit::Efficiency => "of ideal",
        Unit::Kibibytes => "bytes",
        Unit::Ratio => "ratio",
    }
}

fn machine(group: &Group, system: System) -> Value {
    let hardware = hardware(group, system);
    let kernel = match system.kernel {
        Kernel::Ours => "roentgen".to_owned(),
        Kernel::Linux(variant) => format!("linux {variant:?}").to_lowercase(),
    };
    let flags: Vec<String> = match group.kind {
        Kind::Virtual => vec![format!("bochs, {} cores", group.cores)],
        Kind::Wall | Kind::Instructions => qemu::command(&hardware)
            .map(|command| {
                let words = command.get_args();
                words
                    .map(|word| word.to_string_lossy().into_owned())
                    .collect()
            })
            .unwrap_or_default(),
    };
    json!({"kernel": kernel, "words": system.words, "flags": flags})
}

/// The host's load averages.
fn load() -> Value {
    let text = first_line(Path::new("/proc/loadavg"));
    let averages = text.split(' ').take(3);
    averages
        .filter_map(|average| average.parse::<f64>().ok())
        .collect()
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = text.lines();
    lines
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, name)| name.to_owned())
        .unwrap_or_default()
}

fn first_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::case::{Kind, System};
    use super::super::figure::{Figure, Unit};
    use super::super::runner::{Row, Section};
    use serde_json::json;

    /// Two systems, and nothing measured yet.
    fn section(kind: Kind) -> Section {
        Section {
            title: String::new(),
            kind,
            systems: vec![System::OURS, System::PLAIN],
            rounds: 1,
            rows: Vec::new(),
            remarks: Vec::new(),
            seconds: 1.0,
            hellos: Vec::new(),
            host_walk: Vec::new(),
        }
    }

    #[test]
    fn a_figure_keeps_every_sample_in_the_programs_own_unit() {
        let figure = Figure::new("pipe", "a pipe", Unit::Microseconds);
        let row = Row {
            figure: figure.at_most(0.5, System::PLAIN).at_most_itself(1e3),
            cells: vec![
                [3000.0, 1000.0].into_iter().collect(),
                [].into_iter().collect(),
            ],
        };
        let section = section(Kind::Wall);
        let value = super::figure(&row, &section);
        assert_eq!(value["unit"], "ns");
        assert_eq!(value["systems"]["roentgen"]["samples"][0], 3000.0);
        assert_eq!(value["systems"]["roentgen"]["median"], 2000.0);
        assert!(value["systems"]["linux, plain"]["median"].is_null());
        assert_eq!(value["shown"], json!({"unit": "µs", "divisor": 1000.0}));
        assert_eq!(value["better"], "less");
        assert!(value["targets"][0]["is_reached"].is_null());
        assert_eq!(value["targets"][1]["is_reached"], false);
        assert!(value["against"]["linux, plain"].is_null());
    }

    #[test]
    fn a_figure_says_whether_it_is_ahead_of_linux_or_behind() {
        for (theirs, verdict) in [(10.0, "even"), (20.0, "ahead"), (5.0, "behind")] {
            let row = Row {
                figure: Figure::new("pipe", "a pipe", Unit::Instructions),
                cells: vec![[10.0].into_iter().collect(), [theirs].into_iter().collect()],
            };
            let section = section(Kind::Instructions);
            assert_eq!(super::against(&section, &row)["linux, plain"], verdict);
        }
    }
}
