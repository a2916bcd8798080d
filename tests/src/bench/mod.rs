//! `run.sh bench`: this kernel measured, beside Linux in the same emulator.
//!
//! A suite (`start`, `sched`, `kernel`, `pcid`, `process`, `python`, `peers`, `irq`,
//! `tasklets`, `policy`, `reactor`) is a list of groups of cases; a case is one command of a timing program and the figures that
//! it prints. Three kinds of figure there are, and no table has two of them: wall time,
//! instructions, virtual time.
//!
//! | module | what it is |
//! |---|---|
//! | [`case`] | what can be measured: cases, groups, systems |
//! | [`figure`] | what a number means: its unit, and how good it must be |
//! | [`statistics`], [`noise`] | samples, what is said of them, and when two lists differ |
//! | [`host_walk`] | how fast the host was meanwhile |
//! | [`runner`] | boots the systems in turn and gathers the numbers |
//! | [`table`], [`record`] | the result for people, and as JSON |
//! | [`session`] | what is around the suites of a run: its directory, the older result, the page |
//! | [`plots`] | the plots of results, and the page |
//! | [`measured`], [`compare`] | a result read again, and two of a suite compared |
//! | [`counts`] | the counts that continuous integration keeps |
//! | [`start`], [`sched`], [`kernel`], [`pcid`], [`process`], [`python`], [`peers`], [`irq`], [`tasklets`], [`policy`], [`reactor`] | the suites |
//!
//! The timing programs are `tests/programs/bench_*`: static C, or Python that runs
//! unchanged on both systems. Each prints a line `NAME VALUE` for each sample.

pub mod case;
pub mod compare;
pub mod counts;
pub mod figure;
pub mod host_walk;
pub mod irq;
pub mod kernel;
pub mod measured;
pub mod noise;
pub mod pace;
pub mod pcid;
pub mod peers;
pub mod plots;
pub mod policy;
pub mod process;
pub mod python;
pub mod reactor;
pub mod record;
pub mod runner;
pub mod sched;
pub mod session;
pub mod start;
pub mod statistics;
pub mod table;
pub mod tasklets;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use crate::error::Result;
use crate::packages::{self, Need};
use case::{Group, Kernel, Kind};
use pace::Pace;
use runner::Runner;
use session::Session;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which suites, in order; where none is named, those of the older result, or all.
    pub suites: Vec<Suite>,
    /// With or without the control; the suite's own choice where `None`.
    pub with_linux: Option<bool>,
    /// How much of it.
    pub depth: Depth,
    /// Figures of this kind only.
    pub only: Option<Kind>,
    /// Where the files go; `target/bench` where nobody said.
    pub out: Option<PathBuf>,
    /// An older result, or a directory of them, that the new one is compared with.
    pub compare: Option<PathBuf>,
}

/// How long it may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Minutes: few rounds, few points of a curve.
    #[default]
    Quick,
    /// Hours: boots enough for a range, all points.
    Full,
}

impl Depth {
    /// One of two, by depth.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// The name of four suites together: tasklets, a reactor, interrupts and the scheduler in
/// Python, which is what the letter that Roentgen answers asked for.
pub const SEED: &str = "seed";

/// A suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Starting, and the price of a call.
    Start,
    /// The scheduler.
    Sched,
    /// Faults, mappings, processes, signals.
    Kernel,
    /// What PCID buys.
    Pcid,
    /// Processes, templates, channels.
    Process,
    /// Programs of the interpreter's.
    Python,
    /// This kernel's processes beside what CPython has on Linux.
    Peers,
    /// Interrupts in Python.
    Irq,
    /// Tasklets.
    Tasklets,
    /// Scheduling policies in Python.
    Policy,
    /// Twisted's reactor.
    Reactor,
}

impl Suite {
    /// All, in the order of a run.
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::Sched,
        Self::Kernel,
        Self::Pcid,
        Self::Process,
        Self::Python,
        Self::Peers,
        Self::Irq,
        Self::Tasklets,
        Self::Policy,
        Self::Reactor,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Sched => "sched",
            Self::Kernel => "kernel",
            Self::Pcid => "pcid",
            Self::Process => "process",
            Self::Python => "python",
            Self::Peers => "peers",
            Self::Irq => "irq",
            Self::Tasklets => "tasklets",
            Self::Policy => "policy",
            Self::Reactor => "reactor",
        }
    }

    /// The suites of this name: one, or those of [`SEED`].
    #[must_use]
    pub fn named(name: &str) -> Vec<Self> {
        if name == SEED {
            return vec![Self::Tasklets, Self::Reactor, Self::Irq, Self::Policy];
        }
        Self::one_named(name).into_iter().collect()
    }

    /// The suite of this name.
    #[must_use]
    pub fn one_named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    fn groups(self, depth: Depth) -> Vec<Group> {
        match self {
            Self::Start => start::groups(depth),
            Self::Sched => sched::groups(depth),
            Self::Kernel => kernel::groups(depth),
            Self::Pcid => pcid::groups(depth),
            Self::Process => process::groups(depth),
            Self::Python => python::groups(depth),
            Self::Peers => peers::groups(depth),
            Self::Irq => irq::groups(depth),
            Self::Tasklets => tasklets::groups(depth),
            Self::Policy => policy::groups(depth),
            Self::Reactor => reactor::groups(depth),
        }
    }

    /// Whether Linux is measured where nobody said.
    fn has_linux_by_default(self) -> bool {
        !matches!(self, Self::Pcid | Self::Irq | Self::Tasklets | Self::Policy)
    }

    /// What the reader must know before the first table.
    fn preface(self) -> Option<String> {
        match self {
            Self::Pcid => Some(pcid::preface()),
            Self::Start
            | Self::Sched
            | Self::Kernel
            | Self::Process
            | Self::Python
            | Self::Peers
            | Self::Irq
            | Self::Tasklets
            | Self::Policy
            | Self::Reactor => None,
        }
    }
}

/// Measures, prints tables, leaves `NAME.json` and plots in a directory, and ends with the path of
/// the page that shows it all. The status is 1 where something could not be measured, or got slower
/// than in an older result.
///
/// # Errors
/// Where nothing can be built or booted; what was measured before then has its page.
pub fn run(request: &Request) -> Result<ExitCode> {
    let mut session = Session::begin(request)?;
    packages::require(&[Need::Build, Need::Qemu, Need::Test])?;
    let mut is_complete = true;
    let mut trouble = None;
    let suites = session.suites.clone();
    let pace = Pace::begin(request.depth, suites.len());
    for (done, suite) in suites.into_iter().enumerate() {
        let until = pace.map(|pace| pace.end(done));
        match measure(suite, request, until, &mut session) {
            Ok(is_whole) => is_complete &= is_whole,
            Err(error) => {
                trouble = Some(error);
                break;
            }
        }
    }
    is_complete &= session.end()?;
    match trouble {
        Some(error) => Err(error),
        None if is_complete => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// Measures one suite; whether all of it was. Rounds beyond the first end by `until`.
fn measure(
    suite: Suite,
    request: &Request,
    until: Option<Instant>,
    session: &mut Session,
) -> Result<bool> {
    let with_linux = request
        .with_linux
        .unwrap_or_else(|| suite.has_linux_by_default());
    let groups: Vec<Group> = suite
        .groups(request.depth)
        .into_iter()
        .filter(|group| request.only.is_none_or(|only| only == group.kind))
        .map(|group| chosen(group, with_linux))
        .collect();
    if groups.is_empty() {
        return Ok(true);
    }
    if groups.iter().any(|group| group.kind == Kind::Virtual) {
        packages::require(&[Need::Bochs, Need::Iso])?;
    }
    if let Some(preface) = suite.preface() {
        println!("{preface}\n");
    }
    let runner = Runner::new(groups.iter().any(Group::has_linux))?;
    let mut record = record::Record::begin(suite.name(), suite.preface(), &runner)?;
    let mut sections: Vec<runner::Section> = Vec::new();
    let progress = |text: &str| eprintln!("bench: {}, {text}", suite.name());
    for (group, section) in groups.iter().zip(runner.measure(&groups, until, progress)?) {
        record.add(group, &section);
        match sections.last_mut() {
            Some(last) if last.title == section.title => last.extend(section),
            _ => sections.push(section),
        }
    }
    for section in &sections {
        println!("{}", table::text(section));
    }
    println!("{}", record.line());
    let result = record.finish(&session.directory)?;
    println!("{}\n", result.display());
    session.add(result);
    Ok(sections.iter().all(|section| section.remarks.is_empty()))
}

fn chosen(mut group: Group, with_linux: bool) -> Group {
    group
        .systems
        .retain(|system| with_linux || system.kernel == Kernel::Ours);
    group
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Depth, Suite};
    use crate::project;

    #[test]
    fn every_case_has_its_programs_and_every_table_one_row_for_a_figure() {
        for suite in Suite::ALL {
            for depth in [Depth::Quick, Depth::Full] {
                let mut seen = HashSet::new();
                for group in suite.groups(depth) {
                    for figure in group.figures() {
                        let row = (group.title.clone(), figure.label.clone());
                        assert!(seen.insert(row), "{}: {}", group.title, figure.label);
                    }
                    for program in group.cases.iter().flat_map(|case| case.programs()) {
                        let file = if program.ends_with(".py") {
                            program.to_owned()
                        } else {
                            format!("{program}.c")
                        };
                        let path = project::root().join("tests/programs").join(file);
                        assert!(path.is_file(), "{}", path.display());
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_has_one_kind_of_figure_and_one_list_of_systems() {
        for suite in Suite::ALL {
            let groups = suite.groups(Depth::Full);
            for pair in groups.windows(2) {
                if pair[0].title == pair[1].title {
                    assert_eq!(pair[0].kind, pair[1].kind);
                    assert_eq!(pair[0].systems, pair[1].systems);
                }
            }
        }
    }
}
