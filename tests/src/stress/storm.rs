//! The storms: which program, in what machine, how much of it.

use crate::error::{Error, Result};
use crate::initramfs::PYTHON;
use crate::machine::Machine;
use crate::programs::{self, Link};
use crate::project;

/// Where a storm's programs stand in its machine.
const DIRECTORY: &str = "/bin";

/// One program, and its machine.
#[derive(Debug, PartialEq)]
pub struct Storm {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in some words.
    pub what: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// How many of that are a full run.
    pub full: u32,
    /// Fewer would leave a kind out that must be there.
    pub least: u32,
    /// Seconds that a thousand may take, on a busy host.
    pub seconds: u64,
    /// Cores of the machine.
    pub cores: u32,
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// How it is started.
    pub way: Way,
}

/// How a storm's program is started. Each is given the seed and the number.
#[derive(Debug, PartialEq)]
pub enum Way {
    /// A static C program of `tests/programs`.
    Native(&'static str),
    /// A Python program of `tests/programs`.
    Python(&'static str),
    /// A Python program, and lines that are then typed at its prompt: one as often as the
    /// number says, and a last one; and a native program that it needs.
    Prompt {
        /// The program.
        program: &'static str,
        /// The line of each round.
        line: &'static str,
        /// The last line.
        last: &'static str,
        /// What it starts.
        native: &'static str,
    },
}

/// All of them, in the order of a run.
pub static ALL: [Storm; 4] = [
    Storm {
        name: "spawn",
        what: "processes made and ended, a part of them killed at any moment",
        unit: "processes",
        full: 100_000,
        least: 600,
        seconds: 60,
        cores: 4,
        memory_mib: 1024,
        way: Way::Native("stress_spawn"),
    },
    Storm {
        name: "kills",
        what: "victims in every state, killed there",
        unit: "kills",
        full: 100_000,
        least: 1000,
        seconds: 200,
        cores: 4,
        memory_mib: 1024,
        way: Way::Native("stress_kills"),
    },
    Storm {
        name: "memory",
        what: "all memory eaten, while a prompt goes on",
        unit: "rounds",
        full: 1000,
        least: 13,
        seconds: 6000,
        cores: 4,
        memory_mib: 256,
        way: Way::Prompt {
            program: "stress_memory.py",
            line: "again()",
            last: "finish()",
            native: "stress_eat",
        },
    },
    Storm {
        name: "python",
        what: "Python processes spawned by package roentgen, a part of them killed",
        unit: "processes",
        full: 20_000,
        least: 150,
        seconds: 600,
        cores: 4,
        memory_mib: 1024,
        way: Way::Python("stress_python.py"),
    },
];

impl Storm {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|storm| storm.name == name)
    }

    /// How many at this scale.
    #[must_use]
    pub fn count(&self, scale: f64) -> u32 {
        // Of what is far beyond any number the largest is meant.
        ((f64::from(self.full) * scale).round() as u32).max(self.least)
    }

    /// The time that so many may take, with the machine's start.
    #[must_use]
    pub fn limit(&self, count: u32) -> std::time::Duration {
        let share = u64::from(count).div_ceil(1000).max(1) * self.seconds;
        std::time::Duration::from_secs(120 + share)
    }

    /// Its machine, for so many from this seed.
    ///
    /// # Errors
    /// Where a program does not compile or cannot be read.
    pub fn machine(&self, seed: u32, count: u32) -> Result<Machine> {
        let numbers = [seed.to_string(), count.to_string()];
        let mut machine = Machine::new().smp(self.cores).memory_mib(self.memory_mib);
        let mut words = Vec::new();
        match self.way {
            Way::Native(name) => {
                machine = with_native(machine, name)?.without_python();
                words.push(in_machine(name));
            }
            Way::Python(name) => {
                machine = with_python(machine, name)?;
                words.extend([PYTHON.to_owned(), in_machine(name)]);
            }
            Way::Prompt {
                program,
                line,
                last,
                native,
            } => {
                machine = with_native(with_python(machine, program)?, native)?;
                let rounds = format!("{line}\n").repeat(count as usize);
                machine = machine.stdin(format!("{rounds}{last}\n"));
                words.extend([PYTHON, "-q", "-i"].map(str::to_owned));
                words.push(in_machine(program));
            }
        }
        words.extend(numbers);
        Ok(machine.execute(words).timeout(self.limit(count)))
    }
}

fn in_machine(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}

fn with_native(machine: Machine, name: &str) -> Result<Machine> {
    let path = programs::compile(name, Link::Static)?;
    let content = std::fs::read(&path).map_err(Error::file(&path))?;
    Ok(machine.file(&in_machine(name), 0o755, content))
}

fn with_python(machine: Machine, name: &str) -> Result<Machine> {
    let path = project::root().join("tests/programs").join(name);
    let content = std::fs::read(&path).map_err(Error::file(&path))?;
    Ok(machine.file(&in_machine(name), 0o644, content))
}

#[cfg(test)]
mod tests {
    use super::{ALL, Storm};

    #[test]
    fn a_scale_is_a_part_of_the_full_run_and_no_kind_is_left_out() {
        let storm = Storm::named("spawn").unwrap();
        assert_eq!(storm.count(1.0), 100_000);
        assert_eq!(storm.count(0.5), 50_000);
        assert_eq!(storm.count(0.0001), storm.least);
        assert!(storm.limit(100_000) > storm.limit(1000));
    }

    #[test]
    fn every_storm_has_its_programs_and_a_name_of_its_own() {
        for storm in &ALL {
            storm.machine(1, storm.least).unwrap();
            assert_eq!(Storm::named(storm.name), Some(storm));
        }
        assert_eq!(Storm::named("calm"), None);
    }
}
