//! What can be measured: a case is one command and its figures; a group is what runs in
//! one boot, one case after another, on each of its systems in turn.

use std::path::PathBuf;

use super::Depth;
use super::figure::Figure;
use crate::initramfs::PYTHON;
use crate::linux::Variant;
use crate::size::MIB;

/// The memory of a machine where nothing depends on it, in bytes.
pub const MEMORY: u64 = 1024 * MIB;

/// What the numbers of a group are. Never two kinds in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Time on the host's clock, under QEMU, with at most as many cores as the host has.
    Wall,
    /// Instructions of all cores (QEMU, `-icount`): the same on every host.
    Instructions,
    /// Time on Bochs's own clock, on which every core is as fast as one alone: the same
    /// on every host, and an upper bound (no caches, IPIs for nothing).
    Virtual,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wall, Self::Instructions, Self::Virtual];

    /// Its name on the command line.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Instructions => "instructions",
            Self::Virtual => "virtual",
        }
    }

    /// What the reader sees.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall time",
            Self::Instructions => "instructions",
            Self::Virtual => "virtual time",
        }
    }
}

/// The kernel of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// This one.
    Ours,
    /// The control.
    Linux(Variant),
}

/// Whom figures are of: a kernel, and words on its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    /// What the reader sees.
    pub name: &'static str,
    /// What is booted.
    pub kernel: Kernel,
    /// Words for its command line.
    pub words: &'static str,
}

impl System {
    /// This kernel as it is.
    pub const OURS: Self = Self {
        name: "roentgen",
        kernel: Kernel::Ours,
        words: "",
    };
    /// Debian's kernel as it is.
    pub const PLAIN: Self = Self {
        name: "linux, plain",
        kernel: Kernel::Linux(Variant::Plain),
        words: "",
    };
    /// Debian's kernel, helped.
    pub const BEST: Self = Self {
        name: "linux, best",
        kernel: Kernel::Linux(Variant::Best),
        words: "",
    };
    /// The systems that are compared, in the order of the runs.
    pub const COMPARED: [Self; 3] = [Self::OURS, Self::PLAIN, Self::BEST];
}

/// A command and the figures that it prints.
#[derive(Clone, Debug)]
pub struct Case {
    /// Words separated by single spaces. `python` is the interpreter; a word that begins
    /// with `bench_` is a program of `tests/programs`, Python where it ends with `.py`.
    pub command: String,
    /// What it prints.
    pub figures: Vec<Figure>,
    /// Python packages that it imports.
    pub packages: &'static [&'static str],
    /// Whether it has Debian's CPython on Linux.
    pub has_cpython: bool,
}

impl Case {
    /// A case.
    pub fn new(command: impl Into<String>, figures: impl IntoIterator<Item = Figure>) -> Self {
        Self {
            command: command.into(),
            figures: figures.into_iter().collect(),
            packages: &[],
            has_cpython: false,
        }
    }

    /// The same with Debian's CPython beside the interpreter, where the kernel is Linux.
    #[must_use]
    pub fn with_cpython(mut self) -> Self {
        self.has_cpython = true;
        self
    }

    /// The same with Python packages that it imports.
    #[must_use]
    pub fn with_packages(mut self, packages: &'static [&'static str]) -> Self {
        self.packages = packages;
        self
    }

    /// The command as the machine runs it.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.command
            .split(' ')
            .map(|word| match word {
                "python" => PYTHON.to_owned(),
                word if is_program(word) => in_machine(word).display().to_string(),
                word => word.to_owned(),
            })
            .collect()
    }

    /// The programs of ours that it needs.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.command.split(' ').filter(|word| is_program(word))
    }

    /// Whether it needs the interpreter.
    #[must_use]
    pub fn has_python(&self) -> bool {
        self.command.split(' ').any(|word| word == "python")
    }
}

fn is_program(word: &str) -> bool {
    word.starts_with("bench_")
}

/// Where a program of ours stands in a machine.
#[must_use]
pub fn in_machine(program: &str) -> PathBuf {
    PathBuf::from("/bin").join(program)
}

/// Cases that run in one boot.
#[derive(Clone, Debug)]
pub struct Group {
    /// Groups one after another that have the same title share a table.
    pub title: String,
    /// What the numbers are, and so which emulator runs it.
    pub kind: Kind,
    /// Cores of the machine.
    pub cores: u32,
    /// Bytes of memory of the machine.
    pub memory: u64,
    /// Whom to measure, in the order of the runs.
    pub systems: Vec<System>,
    /// How often each system is booted: A, B, A, B, …
    pub rounds: usize,
    /// The figure, if any, that is the seconds from the emulator's start to the first
    /// line of the first case: then the group has that case alone.
    pub first_line: Option<Figure>,
    /// What to run.
    pub cases: Vec<Case>,
}

impl Group {
    /// Cases whose numbers are times, on two cores of each system that is compared.
    #[must_use]
    pub fn wall(title: &str, depth: Depth, cases: Vec<Case>) -> Self {
        Self {
            title: title.to_owned(),
            kind: Kind::Wall,
            cores: 2,
            memory: MEMORY,
            systems: System::COMPARED.to_vec(),
            rounds: depth.pick(3, 10),
            first_line: None,
            cases,
        }
    }

    /// Cases whose numbers are instructions, on two cores: each figure is the same at every boot,
    /// and on this kernel and the plain control with nothing but their code different.
    #[must_use]
    pub fn counted(title: &str, cases: Vec<Case>) -> Self {
        Self {
            systems: vec![System::OURS, System::PLAIN],
            ..Self::ours(title, Kind::Instructions, 1, cases)
        }
    }

    /// Cases of this kernel alone, on two cores.
    #[must_use]
    pub fn ours(title: &str, kind: Kind, rounds: usize, cases: Vec<Case>) -> Self {
        Self {
            title: title.to_owned(),
            kind,
            cores: 2,
            memory: MEMORY,
            systems: vec![System::OURS],
            rounds,
            first_line: None,
            cases,
        }
    }

    /// All figures, in the order of the table.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        let printed = self.cases.iter().flat_map(|case| &case.figures);
        self.first_line.iter().chain(printed)
    }

    /// Whether the control is among its systems.
    #[must_use]
    pub fn has_linux(&self) -> bool {
        let is_linux = |system: &System| matches!(system.kernel, Kernel::Linux(_));
        self.systems.iter().any(is_linux)
    }
}

#[cfg(test)]
mod tests {
    use super::Case;

    #[test]
    fn programs_and_the_interpreter_are_found_in_the_machine() {
        let case = Case::new("bench_switch pair one python bench_pipe.py 9", []);
        let words = case.words();
        assert_eq!(
            words.join(" "),
            "/bin/bench_switch pair one /bin/python /bin/bench_pipe.py 9"
        );
        let programs: Vec<&str> = case.programs().collect();
        assert_eq!(programs, ["bench_switch", "bench_pipe.py"]);
        assert!(case.has_python() && !Case::new("bench_work even", []).has_python());
    }
}
