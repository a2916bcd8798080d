//! Boots the systems of a group in turn and gathers what their programs print.
//!
//! Interleaved: every round boots each system once, so that whatever else the host does
//! meanwhile falls on all of them. Where the host's clock does not count, several run at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::case::{Group, Kernel, Kind, System, in_machine};
use super::figure::Figure;
use super::host_walk::HostWalk;
use super::statistics::Samples;
use crate::build::{self, Images};
use crate::cpython;
use crate::error::{Error, Result};
use crate::linux::{self, Control, Variant};
use crate::machine::{Emulator, Hardware, Machine, Output, host_cores};
use crate::programs::{self, Link};
use crate::project;
use crate::requirements::Requirements;
use crate::share::Tree;

/// Runs a machine's commands one after another.
const FIRST_PROGRAM: &str = "bench_run";
/// What one command may take on the guest's own clock.
const SECONDS_FOR_A_COMMAND: &str = "180";
/// The model where instructions are counted: QEMU 10.0 ends with "Bad icount read" where a
/// timer is set through an MSR of the x2APIC.
const COUNTED_CPU: &str = "max,-x2apic,-erms,-fsrm";

/// What is measured with: the images, built once.
pub struct Runner {
    /// What our own kernel boots from; the interpreter is the control's, too.
    pub images: Images,
    controls: Vec<(Variant, Control)>,
    host: HostWalk,
}

/// A group that was measured.
#[derive(Clone, Debug)]
pub struct Section {
    /// The group's title.
    pub title: String,
    /// What the numbers are.
    pub kind: Kind,
    /// The group's systems.
    pub systems: Vec<System>,
    /// How often each was booted: the group's rounds, or as many as there was time for.
    pub rounds: usize,
    /// The figures.
    pub rows: Vec<Row>,
    /// What could not be measured, and why.
    pub remarks: Vec<String>,
    /// What it took on the host's clock; where machines ran at once, the sum of theirs.
    pub seconds: f64,
    /// Of a group that is timed to its first line: seconds from the emulator's start to the
    /// first frame on the console, in the order of the systems. Here it is the kernel's own,
    /// early in its start; on Linux it is the first process's.
    pub hellos: Vec<Samples>,
    /// Of wall times: what the host's own walks took, in nanoseconds, in the order of the systems.
    pub host_walk: Vec<Samples>,
}

/// One figure of every system.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub figure: Figure,
    /// Its samples, in the order of the systems.
    pub cells: Vec<Samples>,
}

impl Section {
    fn new(group: &Group) -> Self {
        let row = |figure: &Figure| Row {
            figure: figure.clone(),
            cells: vec![Samples::default(); group.systems.len()],
        };
        Self {
            title: group.title.clone(),
            kind: group.kind,
            systems: group.systems.clone(),
            rounds: group.rounds,
            rows: group.figures().map(row).collect(),
            remarks: Vec::new(),
            seconds: 0.0,
            hellos: vec![Samples::default(); group.systems.len()],
            host_walk: vec![Samples::default(); group.systems.len()],
        }
    }

    /// Adds the rows of another section of the same systems.
    pub fn extend(&mut self, other: Self) {
        debug_assert_eq!(self.systems, other.systems);
        self.rows.extend(other.rows);
        self.remarks.extend(other.remarks);
        for (walks, more) in self.host_walk.iter_mut().zip(other.host_walk) {
            more.all().iter().for_each(|spent| walks.push(*spent));
        }
    }

    /// The samples of a figure.
    fn cell(&mut self, name: &str, system: usize) -> Option<&mut Samples> {
        let mut rows = self.rows.iter_mut();
        let row = rows.find(|row| row.figure.name == name)?;
        row.cells.get_mut(system)
    }

    fn remark(&mut self, text: String) {
        if !self.remarks.contains(&text) {
            self.remarks.push(text);
        }
    }

    /// Adds what came of one boot of a system.
    fn add(&mut self, group: &Group, system: usize, output: &Output) {
        match &group.first_line {
            None => self.take(system, &output.stdout_text()),
            Some(figure) => {
                let cell = self.cell(&figure.name, system);
                if let Some((cell, seconds)) = cell.zip(output.seconds_to_output) {
                    cell.push(seconds);
                }
                let hello = self.hellos.get_mut(system);
                if let Some((cell, seconds)) = hello.zip(output.seconds_to_hello) {
                    cell.push(seconds);
                }
            }
        }
        if let Some(text) = trouble(output) {
            self.remark(format!("{}: {text}", self.systems[system].name));
        }
    }

    /// Takes what a machine printed: `NAME VALUE` is a sample, `! WHY COMMAND` a command
    /// that failed, anything else a line that nobody asked for.
    fn take(&mut self, system: usize, printed: &str) {
        let who = self.systems[system].name;
        for line in printed.lines() {
            if let Some(failure) = line.strip_prefix("! ") {
                self.remark(format!("{who}: {failure}"));
                continue;
            }
            let sample = line
                .split_once(' ')
                .and_then(|(name, value)| Some((name, value.parse::<f64>().ok()?)));
            match sample.and_then(|(name, value)| Some((self.cell(name, system)?, value))) {
                Some((cell, value)) => cell.push(value),
                None => self.remark(format!("{who}: printed {line:?}")),
            }
        }
    }
}

impl Runner {
    /// Builds what is booted, and where the control is wanted gets that.
    ///
    /// # Errors
    /// Where something does not build, or the control cannot be had.
    pub fn new(has_linux: bool) -> Result<Self> {
        let variants: &[Variant] = if has_linux {
            &[Variant::Plain, Variant::Best]
        } else {
            &[]
        };
        let control = |variant: &Variant| Ok((*variant, linux::prepare(*variant)?));
        Ok(Self {
            images: build::images()?,
            controls: variants.iter().map(control).collect::<Result<_>>()?,
            host: HostWalk::new(),
        })
    }

    /// The control's image, where it is measured.
    #[must_use]
    pub fn control(&self, variant: Variant) -> Option<&Control> {
        let mut controls = self.controls.iter();
        controls
            .find(|(other, _)| *other == variant)
            .map(|(_, control)| control)
    }

    /// Measures groups, those of wall time one after another and first; says before each boot what
    /// comes. After the first round of a wall time, one is begun only where one as long as the last
    /// ends by `until`.
    ///
    /// # Errors
    /// Where a program does not compile, or a machine does not start. What goes wrong in
    /// a machine is a remark.
    pub fn measure(
        &self,
        groups: &[Group],
        until: Option<Instant>,
        progress: impl Fn(&str) + Sync,
    ) -> Result<Vec<Section>> {
        let mut sections: Vec<Section> = groups.iter().map(Section::new).collect();
        for (group, section) in groups.iter().zip(&mut sections) {
            if group.kind == Kind::Wall {
                self.in_turn(group, section, until, &progress)?;
            }
        }
        self.at_once(groups, &mut sections, progress)?;
        Ok(sections)
    }

    /// Boots all systems of a group in turn, round after round, with the host's own walks beside
    /// each boot.
    fn in_turn(
        &self,
        group: &Group,
        section: &mut Section,
        until: Option<Instant>,
        progress: impl Fn(&str),
    ) -> Result<()> {
        let begun = Instant::now();
        for round in 1..=group.rounds {
            let round_begun = Instant::now();
            for (index, system) in group.systems.iter().enumerate() {
                progress(&step(group, *system, round));
                let machine = self.machine(group, *system)?;
                let walks = &mut section.host_walk[index];
                let output = self.host.beside(walks, || machine.run())?;
                section.add(group, index, &output);
            }
            section.rounds = round;
            let now = Instant::now();
            if until.is_some_and(|until| now + (now - round_begun) > until) {
                break;
            }
        }
        section.seconds = begun.elapsed().as_secs_f64();
        Ok(())
    }

    /// Boots all systems of all groups whose figures do not depend on what else the host does: as
    /// many at a time as it has cores.
    fn at_once(
        &self,
        groups: &[Group],
        sections: &mut [Section],
        progress: impl Fn(&str) + Sync,
    ) -> Result<()> {
        let mut boots = Vec::new();
        let places = groups.iter().enumerate();
        for (place, group) in places.filter(|(_, group)| group.kind != Kind::Wall) {
            for round in 1..=group.rounds {
                boots.extend((0..group.systems.len()).map(|index| (place, round, index)));
            }
        }
        let next = AtomicUsize::new(0);
        let ended = Mutex::new(Vec::new());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some((place, round, index)) = boots.get(number).copied() else {
                    break;
                };
                let (group, begun) = (&groups[place], Instant::now());
                let system = group.systems[index];
                progress(&step(group, system, round));
                let output = self.machine(group, system).and_then(Machine::run);
                let seconds = begun.elapsed().as_secs_f64();
                let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                ended.push((number, seconds, output));
            }
        };
        thread::scope(|scope| {
            for _ in 0..host_cores() {
                scope.spawn(work);
            }
        });
        let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended.sort_by_key(|(number, ..)| *number);
        for (number, seconds, output) in ended {
            let (place, _, index) = boots[number];
            sections[place].seconds += seconds;
            sections[place].add(&groups[place], index, &output?);
        }
        Ok(())
    }

    /// The machine of a group, with everything that its cases need.
    fn machine(&self, group: &Group, system: System) -> Result<Machine> {
        let mut machine = Machine::new()
            .hardware(hardware(group, system))
            .without_python_variables()
            .timeout(limit(group));
        machine = match system.kernel {
            Kernel::Ours => machine.images(self.images.clone()).with_template(),
            Kernel::Linux(variant) => match self.control(variant) {
                Some(control) => machine.linux(control.clone(), self.images.python.clone()),
                None => return Err(Error::Missing(format!("{} was not got", system.name))),
            },
        };
        let mut programs: Vec<&str> = group
            .cases
            .iter()
            .flat_map(|case| case.programs())
            .collect();
        let command = match (&group.first_line, group.cases.as_slice()) {
            (Some(_), [case]) => case.words(),
            _ => {
                programs.push(FIRST_PROGRAM);
                let first = in_machine(FIRST_PROGRAM).display().to_string();
                let mut words = vec![first, SECONDS_FOR_A_COMMAND.to_owned()];
                for (index, case) in group.cases.iter().enumerate() {
                    words.extend((index > 0).then(|| ",".to_owned()));
                    words.extend(case.words());
                }
                words
            }
        };
        let mut packages: Vec<&str> = group
            .cases
            .iter()
            .flat_map(|case| case.packages)
            .copied()
            .collect();
        packages.sort_unstable();
        packages.dedup();
        let mut tree = Tree::default();
        Requirements::named(&packages).add(&self.images.python, &mut tree)?;
        let is_linux = matches!(system.kernel, Kernel::Linux(_));
        if is_linux && group.cases.iter().any(|case| case.has_cpython) {
            cpython::add(&mut tree)?;
        }
        machine = machine.tree(tree);
        for program in programs {
            let content = content(program)?;
            machine = machine.file(&in_machine(program).to_string_lossy(), 0o755, content);
        }
        if !group.cases.iter().any(|case| case.has_python()) {
            machine = machine.without_python();
        }
        Ok(machine.execute(command))
    }
}

/// What is said before a boot.
fn step(group: &Group, system: System, round: usize) -> String {
    let (kind, cores, rounds) = (group.kind.name(), group.cores, group.rounds);
    let name = system.name;
    format!("{kind}, {cores} core(s), round {round} of {rounds}: {name}")
}

/// A program's content: of a Python program its source, else the ELF.
fn content(program: &str) -> Result<Vec<u8>> {
    let path = if program.ends_with(".py") {
        project::root().join("tests/programs").join(program)
    } else {
        programs::compile(program, Link::Static)?
    };
    std::fs::read(&path).map_err(Error::file(&path))
}

/// The hardware that a system of a group runs on.
#[must_use]
pub fn hardware(group: &Group, system: System) -> Hardware {
    Hardware {
        emulator: match group.kind {
            Kind::Wall | Kind::Instructions => Emulator::Qemu,
            Kind::Virtual => Emulator::Bochs,
        },
        cores: group.cores,
        memory: group.memory,
        cpu: match (group.kind, system.kernel) {
            (Kind::Instructions, _) => Some(COUNTED_CPU.to_owned()),
            (_, Kernel::Ours) => None,
            (_, Kernel::Linux(variant)) => Some(variant.cpu().to_owned()),
        },
        command_line: system.words.to_owned(),
        is_counting: group.kind == Kind::Instructions,
        ..Hardware::default()
    }
}

/// When a machine is given up: far beyond what it takes.
fn limit(group: &Group) -> Duration {
    let seconds = match group.kind {
        Kind::Wall => 120 + 180 * group.cases.len() as u64,
        Kind::Instructions => 1200,
        Kind::Virtual => 3600,
    };
    Duration::from_secs(seconds)
}

/// Why a machine's end is not what it must be. That a command failed (status 1 of the
/// first program) was said where it failed.
fn trouble(output: &Output) -> Option<String> {
    if matches!(output.status(), 0) || output.stdout.windows(3).any(|text| text == b"\n! ") {
        return None;
    }
    if output.stdout.starts_with(b"! ") {
        return None;
    }
    let mut text = format!("the machine ended with {}", output.status());
    for part in [output.remarks(), output.stderr_text()] {
        if !part.trim().is_empty() {
            text.push('\n');
            text.push_str(part.trim_end());
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::case::{Case, Group, Kind, MEMORY, System};
    use super::super::figure::{Figure, Unit};
    use super::Section;

    #[test]
    fn what_a_machine_prints_goes_to_its_own_column() {
        let figure = |name| Figure::new(name, name, Unit::Nanoseconds);
        let group = Group {
            title: "t".to_owned(),
            kind: Kind::Wall,
            cores: 2,
            memory: MEMORY,
            systems: vec![System::OURS, System::PLAIN],
            rounds: 1,
            first_line: None,
            cases: vec![Case::new("bench_x", [figure("a"), figure("b")])],
        };
        let mut section = Section::new(&group);
        section.take(0, "a 1.5\nb 7\na 2.5\n");
        section.take(
            1,
            "a 3\n! status 1 /bin/bench_x\nwhat is this\nc 1\n! status 1 /bin/bench_x\n",
        );
        assert_eq!(section.rows[0].cells[0].all(), [1.5, 2.5]);
        assert_eq!(section.rows[0].cells[1].all(), [3.0]);
        assert_eq!(section.rows[1].cells[1].count(), 0);
        assert_eq!(
            section.remarks,
            [
                "linux, plain: status 1 /bin/bench_x",
                "linux, plain: printed \"what is this\"",
                "linux, plain: printed \"c 1\"",
            ]
        );
    }
}
