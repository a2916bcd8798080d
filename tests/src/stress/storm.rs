//! What a storm is: a program in a machine, or machines that the host drives, and how much of it.

use super::keys;
use super::list::ALL;
use super::outcome::Outcome;
use crate::build::Images;
use crate::console::driver::Sink;
use crate::error::{Error, Result};
use crate::initramfs::PYTHON;
use crate::machine::Machine;
use crate::programs::{self, Link};
use crate::project;

/// Where a storm's programs stand in its machine.
const DIRECTORY: &str = "/bin";

/// How much of a storm, from what seed, on how many cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// From this all that is drawn is drawn.
    pub seed: u32,
    /// How many of the storm's units.
    pub count: u32,
    /// The cores of its machine, or of all of its machines.
    pub cores: u32,
}

/// One storm.
#[derive(Debug)]
pub struct Storm {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in some words.
    pub what: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// How many of that are a full run.
    pub full: u32,
    /// A round: fewer would leave a kind out that must be there.
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

impl PartialEq for Storm {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How a storm is run. Programs are given the seed and the number.
#[derive(Debug)]
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
    /// A Python program, and native ones that it starts.
    Mixed {
        /// The program.
        program: &'static str,
        /// What it starts.
        natives: &'static [&'static str],
    },
    /// A native program, and as many random bytes, in KiB, at its terminal as the number says.
    Keys(&'static str),
    /// Many machines, or one and its host: its own function.
    Host(fn(&'static Storm, &Images, Order, Sink) -> Result<Outcome>),
}

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

    /// What is ordered at this scale, on its own number of cores or another.
    #[must_use]
    pub fn order(&self, seed: u32, count: u32, cores: Option<u32>) -> Order {
        let cores = cores.unwrap_or(self.cores);
        Order { seed, count, cores }
    }

    /// Its machine; none where the host drives it.
    ///
    /// # Errors
    /// Where a program does not compile or cannot be read.
    pub fn machine(&self, order: Order) -> Result<Option<Machine>> {
        let mut machine = Machine::new().smp(order.cores).memory_mib(self.memory_mib);
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
                let rounds = format!("{line}\n").repeat(order.count as usize);
                machine = machine.stdin(format!("{rounds}{last}\n"));
                words.extend([PYTHON, "-q", "-i"].map(str::to_owned));
                words.push(in_machine(program));
            }
            Way::Mixed { program, natives } => {
                machine = with_python(machine, program)?;
                for native in natives {
                    machine = with_native(machine, native)?;
                }
                words.extend([PYTHON.to_owned(), in_machine(program)]);
            }
            Way::Keys(name) => {
                machine = with_native(machine, name)?
                    .without_python()
                    .terminal(24, 80)
                    .answer(keys::random(order.seed, order.count));
                words.push(in_machine(name));
            }
            Way::Host(_) => return Ok(None),
        }
        words.extend([order.seed, order.count].map(|number| number.to_string()));
        let limit = self.limit(order.count);
        Ok(Some(machine.execute(words).timeout(limit)))
    }
}

/// Where a program stands in a machine.
pub(super) fn in_machine(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}

/// A machine that has a native program of `tests/programs`.
///
/// # Errors
/// Where it does not compile or cannot be read.
pub(super) fn with_native(machine: Machine, name: &str) -> Result<Machine> {
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
    use super::{ALL, Storm, Way};

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
            let machine = storm.machine(storm.order(1, storm.least, None)).unwrap();
            assert_eq!(machine.is_none(), matches!(storm.way, Way::Host(_)));
            let found = Storm::named(storm.name).unwrap();
            assert!(std::ptr::eq(found, storm), "{}", storm.name);
        }
        assert!(Storm::named("calm").is_none());
    }
}
