//! A suite's result, read again from its JSON, as far as it is compared.
//!
//! A file is anybody's until it was read: what is no result is an error in one line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::case::Kind;
use super::host_walk;
use super::noise::Better;
use super::statistics::Samples;
use crate::error::{Error, Result};

/// A suite's result, as far as it is compared.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The file.
    pub path: PathBuf,
    /// The suite's name.
    pub suite: String,
    /// What its wall times depend on: processor, cores, emulator.
    pub host: String,
    /// The host's load, before and after, over its cores.
    pub load: f64,
    /// The kernel's hash and the compiler: for the reader.
    pub made: String,
    /// All numbers, in the file's order.
    pub cells: Vec<Cell>,
}

/// Where a number stands in a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The kind's name.
    pub kind: &'static str,
    /// The table.
    pub title: String,
    /// Of the machine.
    pub cores: u64,
    /// The figure's name.
    pub figure: String,
    /// The system's.
    pub system: String,
}

/// The numbers of one figure of one system.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Where it stands.
    pub place: Place,
    /// The kind.
    pub kind: Kind,
    /// What the reader sees.
    pub label: String,
    /// The unit of the samples.
    pub unit: String,
    shown_unit: String,
    divisor: f64,
    /// Which way is good.
    pub better: Better,
    /// Whether it is of Linux.
    pub is_control: bool,
    /// The commands of its group.
    pub command: String,
    /// The emulator's options.
    pub flags: String,
    /// By what factor it may differ by its host alone.
    pub unevenness: f64,
    /// The samples.
    pub samples: Samples,
}

impl Measured {
    /// Reads a result; of a directory, all that are there.
    ///
    /// # Errors
    /// Where a file cannot be read, or is no result of `bench`.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        if !path.is_dir() {
            return Ok(vec![Self::read_file(path)?]);
        }
        let entries = std::fs::read_dir(path).map_err(Error::file(path))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        files.sort();
        if files.is_empty() {
            return Err(Error::Usage(format!("{}: no result in it", path.display())));
        }
        files.iter().map(|path| Self::read_file(path)).collect()
    }

    fn read_file(path: &Path) -> Result<Self> {
        let wrong = |why: &str| Error::Usage(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        Self::of(path, &value).ok_or_else(|| wrong("no result of ./run.sh bench"))
    }

    /// None where the value is no result.
    #[must_use]
    pub fn of(path: &Path, value: &Value) -> Option<Self> {
        let host = &value["host"];
        let mut cells = Vec::new();
        for group in value["groups"].as_array()? {
            let kind = kind(group["kind"].as_str()?)?;
            let commands: Vec<&str> = group["commands"]
                .as_array()
                .map(|commands| commands.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            let unevenness = unevenness(group);
            for figure in group["figures"].as_array()? {
                for (system, numbers) in figure["systems"].as_object()? {
                    let machine = &group["systems"][system];
                    let kernel = machine["kernel"].as_str();
                    let samples = numbers["samples"].as_array()?;
                    let unit = figure["unit"].as_str()?;
                    cells.push(Cell {
                        place: Place {
                            kind: kind.name(),
                            title: group["title"].as_str()?.to_owned(),
                            cores: group["cores"].as_u64()?,
                            figure: figure["name"].as_str()?.to_owned(),
                            system: system.clone(),
                        },
                        kind,
                        label: figure["label"].as_str()?.trim().to_owned(),
                        unit: unit.to_owned(),
                        shown_unit: figure["shown"]["unit"].as_str().unwrap_or(unit).to_owned(),
                        divisor: figure["shown"]["divisor"]
                            .as_f64()
                            .filter(|divisor| *divisor > 0.0)
                            .unwrap_or(1.0),
                        better: better(figure, unit),
                        is_control: kernel.is_some_and(|kernel| kernel.starts_with("linux")),
                        command: commands.join(", "),
                        flags: machine["flags"].to_string(),
                        unevenness,
                        samples: samples.iter().filter_map(Value::as_f64).collect(),
                    });
                }
            }
        }
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        let kernel = text(&value["kernel_sha256"]);
        Some(Self {
            path: path.to_owned(),
            suite: value["suite"].as_str()?.to_owned(),
            host: format!(
                "{} core(s), {}, {}",
                host["cores"],
                text(&host["cpu"]),
                text(&value["qemu"])
            ),
            load: {
                let average = |when: &str| host[when][0].as_f64().unwrap_or(0.0);
                let cores = host["cores"].as_f64().unwrap_or(1.0).max(1.0);
                average("load_before").max(average("load_after")) / cores
            },
            made: format!(
                "kernel {}, {}",
                kernel.get(..8).unwrap_or(&kernel),
                text(&value["rustc"])
            ),
            cells,
        })
    }

    /// The numbers by where they stand.
    #[must_use]
    pub fn by_place(&self) -> HashMap<&Place, &Cell> {
        self.cells.iter().map(|cell| (&cell.place, cell)).collect()
    }
}

/// Of a group; 1 where the file does not say.
fn unevenness(group: &Value) -> f64 {
    let walks = group["host_walk"].as_object().into_iter().flatten();
    let walks: Vec<Samples> = walks
        .filter_map(|(_, spent)| Some(spent.as_array()?.iter().filter_map(Value::as_f64).collect()))
        .collect();
    let boots = group["rounds"].as_u64().unwrap_or(u64::MAX);
    host_walk::unevenness(&walks, usize::try_from(boots).unwrap_or(usize::MAX))
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// As the file says; where it is older than that word, by the unit.
fn better(figure: &Value, unit: &str) -> Better {
    match (&figure["better"], figure.get("better")) {
        (Value::String(word), _) if word == "more" => Better::More,
        (Value::String(_), _) => Better::Less,
        (_, Some(_)) => Better::Neither,
        (_, None) => match unit {
            "of ideal" => Better::More,
            "count" => Better::Neither,
            _ => Better::Less,
        },
    }
}

impl Cell {
    /// A newer median over this one, where both are above zero.
    #[must_use]
    pub fn ratio_to(&self, newer: &Self) -> Option<f64> {
        let (before, after) = (self.samples.median()?, newer.samples.median()?);
        (before > 0.0 && after > 0.0).then_some(after / before)
    }

    /// The median with its unit.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.samples.median() {
            Some(median) => format!("{} {}", digits(median / self.divisor), self.shown_unit)
                .trim_end()
                .to_owned(),
            None => "not measured".to_owned(),
        }
    }
}

fn digits(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::Measured;

    #[test]
    fn a_host_that_varied_is_known_of_few_boots_only() {
        let unevenness = |rounds: u64, walks: serde_json::Value| {
            let figure = json!({"name": "x", "label": "x", "unit": "ns",
                                "systems": {"roentgen": {"samples": [1.0]}}});
            let value = json!({"suite": "x", "groups": [{
                "title": "x", "kind": "wall time", "cores": 1, "rounds": rounds,
                "figures": [figure], "host_walk": walks}]});
            Measured::of(Path::new("x"), &value).unwrap().cells[0].unevenness
        };
        let walks = json!({"roentgen": [1e6, 1e6], "linux, plain": [3e6, 3e6]});
        assert!((unevenness(1, walks.clone()) - 3.0).abs() < 1e-9);
        assert!((unevenness(10, walks) - 1.0).abs() < 1e-9);
        assert!((unevenness(1, json!(null)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for value in [
            json!(null),
            json!({"groups": 3}),
            json!({"groups": []}),
            json!({"suite": "x", "groups": [{"kind": "parsecs"}]}),
            json!({"suite": "x", "groups": [{"kind": "wall time", "figures": [{"systems": {"a": 1}}]}]}),
        ] {
            assert!(Measured::of(Path::new("x"), &value).is_none(), "{value}");
        }
    }
}
