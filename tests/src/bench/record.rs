//! A suite's result as JSON, `target/bench/NAME.json`: every sample, and what somebody
//! who compares two results must know of both: emulator, flags, hashes, the host's load.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::case::{Group, Kernel, Kind, System};
use super::runner::{Row, Runner, Section, hardware};
use crate::error::{Error, Result};
use crate::host;
use crate::machine::{host_cores, qemu};
use crate::project;

/// A result that is being written.
pub struct Record {
    suite: &'static str,
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
    pub fn begin(suite: &'static str, runner: &Runner) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            suite,
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
            "rounds": group.rounds,
            "commands": group.cases.iter().map(|case| &case.command).collect::<Vec<_>>(),
            "systems": systems,
            "figures": figures,
            "remarks": section.remarks,
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

    /// Writes the file; its path.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self) -> Result<PathBuf> {
        let path = project::target_directory("bench")?
            .join(self.suite)
            .with_extension("json");
        let result = json!({
            "suite": self.suite,
            "began": self.began,
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
    json!({
        "name": row.figure.name,
        "label": row.figure.label,
        "unit": unit(row),
        "systems": cells.collect::<Map<_, _>>(),
    })
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

    #[test]
    fn a_figure_keeps_every_sample_in_the_programs_own_unit() {
        let row = Row {
            figure: Figure::new("pipe", "a pipe", Unit::Microseconds),
            cells: vec![
                [3000.0, 1000.0].into_iter().collect(),
                [].into_iter().collect(),
            ],
        };
        let section = Section {
            title: String::new(),
            kind: Kind::Wall,
            systems: vec![System::OURS, System::PLAIN],
            rounds: 1,
            rows: Vec::new(),
            remarks: Vec::new(),
        };
        let value = super::figure(&row, &section);
        assert_eq!(value["unit"], "ns");
        assert_eq!(value["systems"]["roentgen"]["samples"][0], 3000.0);
        assert_eq!(value["systems"]["roentgen"]["median"], 2000.0);
        assert!(value["systems"]["linux, plain"]["median"].is_null());
    }
}
