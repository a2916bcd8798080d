//! This kernel against the control: the same interpreter, the same emulator, the
//! same flags, runs interleaved (ours, plain Linux, best Linux, ours, …), medians.
//!
//! Here: starting, and the price of a call. Wall time under an emulator is noisy: read
//! the range beside the median.

use std::fmt::Write as _;
use std::time::Duration;

use crate::build::{self, Images};
use crate::error::{Error, Result};
use crate::initramfs::PYTHON;
use crate::linux::{self, Control, Variant};
use crate::machine::Machine;

/// Where the timing program stands in the machine.
const PROGRAM: &str = "/bin/speed";
/// What an interpreter is started for.
const LINE: [&str; 2] = ["-c", "print(1)"];
const LIMIT: Duration = Duration::from_secs(120);

/// Whom the figures are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// This kernel.
    Roentgen,
    /// The control.
    Linux(Variant),
}

impl System {
    /// All, in the order of the runs.
    pub const ALL: [Self; 3] = [
        Self::Roentgen,
        Self::Linux(Variant::Plain),
        Self::Linux(Variant::Best),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Roentgen => "roentgen",
            Self::Linux(Variant::Plain) => "linux, plain",
            Self::Linux(Variant::Best) => "linux, best",
        }
    }
}

/// One figure of one system.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn shown(&self) -> String {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.0.iter().copied().fold(0.0, f64::max);
        format!("{:.2} ({low:.2}-{high:.2})", self.median())
    }
}

/// Everything measured of one system.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Seconds from the emulator's start to the first line of `python -c`.
    pub boot: Samples,
    /// Milliseconds from `execve` to an interpreter's first line: the first in a machine.
    pub cold_start: Samples,
    /// The same, those that follow.
    pub warm_start: Samples,
    /// Nanoseconds for one `getppid`.
    pub call: Samples,
}

/// Measures all systems, `rounds` times each, on two cores.
///
/// # Errors
/// Where a machine does not start, or does not end well.
pub fn measure(rounds: usize) -> Result<Vec<(System, Figures)>> {
    let images = build::images()?;
    let program = linux::compile("tests/programs/speed.c", "speed")?;
    let program = std::fs::read(&program).map_err(Error::file(&program))?;
    let plain = linux::prepare(Variant::Plain)?;
    let best = linux::prepare(Variant::Best)?;
    let mut all: Vec<(System, Figures)> = System::ALL
        .iter()
        .map(|system| (*system, Figures::default()))
        .collect();
    for round in 0..rounds {
        eprintln!("speed: round {} of {rounds}", round + 1);
        for (system, figures) in &mut all {
            let control = match system {
                System::Roentgen => None,
                System::Linux(Variant::Plain) => Some((&plain, Variant::Plain)),
                System::Linux(Variant::Best) => Some((&best, Variant::Best)),
            };
            let machine = || machine(&images, control);
            let output = finished(machine().python(LINE))?;
            figures
                .boot
                .0
                .push(output.seconds_to_output.unwrap_or(f64::NAN));
            let timed = || machine().file(PROGRAM, 0o755, program.clone());
            let calls = finished(timed().execute([PROGRAM, "getppid"]))?;
            figures.call.0.extend(numbers(&calls.stdout));
            let start = [PROGRAM, "start", PYTHON, LINE[0], LINE[1]];
            let starts = numbers(&finished(timed().execute(start))?.stdout);
            figures.cold_start.0.extend(starts.first());
            figures.warm_start.0.extend(starts.iter().skip(1));
        }
    }
    Ok(all)
}

fn machine(images: &Images, control: Option<(&Control, Variant)>) -> Machine {
    let machine = Machine::new().smp(2).memory_mib(1024).timeout(LIMIT);
    match control {
        None => machine.images(images.clone()),
        Some((control, variant)) => machine
            .linux(control.clone(), images.python.clone())
            .cpu(variant.cpu()),
    }
}

fn finished(machine: Machine) -> Result<crate::machine::Output> {
    let output = machine.run()?;
    if output.status() != 0 {
        return Err(Error::Machine(format!(
            "a timed machine ended with {}\n{}",
            output.status(),
            output.remarks()
        )));
    }
    Ok(output)
}

fn numbers(text: &[u8]) -> Vec<f64> {
    String::from_utf8_lossy(text)
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect()
}

/// A table: medians, and the range of all samples.
#[must_use]
pub fn table(all: &[(System, Figures)]) -> String {
    type Pick = fn(&Figures) -> &Samples;
    let rows: [(&str, Pick); 4] = [
        ("emulator's start to first line, s", |figures| &figures.boot),
        ("execve to first line, cold, ms", |figures| {
            &figures.cold_start
        }),
        ("execve to first line, warm, ms", |figures| {
            &figures.warm_start
        }),
        ("getppid, ns", |figures| &figures.call),
    ];
    let mut text = format!("{:<36}", "median (least-most)");
    for (system, _) in all {
        let _ = write!(text, " {:>26}", system.name());
    }
    text.push('\n');
    for (name, pick) in rows {
        let _ = write!(text, "{name:<36}");
        for (_, figures) in all {
            let _ = write!(text, " {:>26}", pick(figures).shown());
        }
        text.push('\n');
    }
    text
}
