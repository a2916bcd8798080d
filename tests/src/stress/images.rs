//! Storm `images`: machines that get something damaged to boot from. Each must end by itself, and
//! no kernel may panic: what is damaged is refused with a line, or does not matter. Where the
//! program itself is whole, it must say what it says on Linux.

use std::path::PathBuf;
use std::time::Duration;

use super::outcome::{Outcome, Tally};
use super::storm::{Order, Storm, in_machine};
use crate::build::{Images, template};
use crate::console::driver::{self, Sink};
use crate::error::{Error, Result};
use crate::initramfs::{Damage, INIT};
use crate::machine::{Hardware, Machine, Output};
use crate::programs::{self, Link};
use crate::random::Random;

/// The first process: prints much, and needs little.
const PROGRAM: &str = "errnos";
/// What one may take, on a busy host.
const LIMIT: Duration = Duration::from_secs(90);
/// The magic of a header in the archive (`newc`).
const MAGIC: &[u8] = b"070701";
/// Fields and names of a header that damage is aimed at, in bytes from its magic.
const HEADER: usize = 110 + 24;
/// Words of the kernel's command line, and what may stand behind them.
const WORDS: &[&str] = &[
    "log",
    "check",
    "pcid",
    "invpcid",
    "flush_pages",
    "idle_poll",
    "init",
    "phantom_cores",
    "quiet",
    "root",
    "",
    "=",
    "consolé",
];
const VALUES: &[&str] = &[
    "",
    "off",
    "on",
    "0",
    "1",
    "-1",
    "65536",
    "18446744073709551616",
    "tlb,sched,,x",
    "/",
    "\u{1f40d}",
    "debug",
    "nan",
    "\"",
    "a=b=c",
];

/// What is damaged.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// Headers of the archive, its order, or its length.
    Archive,
    /// What says what the first process is.
    FirstProcess,
    /// The saved template.
    Template,
    /// ACPI's tables.
    Tables,
    /// The kernel's command line.
    CommandLine,
}

impl Target {
    const ALL: [Self; 5] = [
        Self::Archive,
        Self::FirstProcess,
        Self::Template,
        Self::Tables,
        Self::CommandLine,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Archive => "damaged_archive",
            Self::FirstProcess => "damaged_first_process",
            Self::Template => "damaged_template",
            Self::Tables => "damaged_tables",
            Self::CommandLine => "damaged_command_line",
        }
    }

    /// Whether the program must run as if nothing were damaged.
    fn is_harmless(self) -> bool {
        !matches!(self, Self::Archive | Self::FirstProcess)
    }
}

/// Boots as many as ordered.
///
/// # Errors
/// Where a machine cannot be started at all.
pub fn run(
    storm: &'static Storm,
    images: &Images,
    order: Order,
    progress: Sink,
) -> Result<Outcome> {
    let ground = Ground::new(storm, images, order)?;
    let mut tally = Tally::begin(storm, order, progress);
    for number in 0..order.count {
        let target = Target::ALL[number as usize % Target::ALL.len()];
        let seed = u64::from(order.seed) << 32 | u64::from(number);
        let (machine, expected) = ground.machine(target, &mut Random::new(seed), seed)?;
        let output = machine.timeout(LIMIT).run()?;
        tally.count(target.name());
        tally.count(match output.outcome {
            driver::Outcome::Exited(0) => "ran",
            _ => "refused",
        });
        if let Some(what) = wrong(target, &expected, &output) {
            tally.wrong(&format!("{} {number}: {what}", target.name()), &output);
        }
        tally.done();
    }
    Ok(tally.finish())
}

/// What is wrong with a machine, if anything is.
fn wrong(target: Target, expected: &str, output: &Output) -> Option<String> {
    if !matches!(output.outcome, driver::Outcome::Exited(_)) {
        return Some(format!("it did not end by itself: {:?}", output.outcome));
    }
    let printed = output.stdout_text();
    if target.is_harmless() && (output.status() != 0 || printed != expected) {
        return Some(format!("it printed {printed:?}"));
    }
    None
}

/// What all machines of a run share.
struct Ground<'a> {
    images: &'a Images,
    hardware: Hardware,
    program: PathBuf,
    /// What the program prints where nothing is damaged.
    printed: String,
}

impl<'a> Ground<'a> {
    fn new(storm: &Storm, images: &'a Images, order: Order) -> Result<Self> {
        let program = programs::compile(PROGRAM, Link::Static)?;
        let on_linux = programs::on_linux(&program, &[])?;
        Ok(Self {
            images,
            hardware: Hardware {
                cores: order.cores,
                memory: storm.memory_mib << 20,
                ..Hardware::default()
            },
            printed: String::from_utf8_lossy(&on_linux.stdout).into_owned(),
            program,
        })
    }

    /// A machine that gets this damaged, and what it must print.
    fn machine(&self, target: Target, random: &mut Random, seed: u64) -> Result<(Machine, String)> {
        Ok(match target {
            Target::Archive => {
                let damage = archive_damage(random.clone());
                (self.native("")?.damaged(damage), self.printed.clone())
            }
            Target::FirstProcess => {
                let damage = record_damage(random.clone());
                (self.native("")?.damaged(damage), self.printed.clone())
            }
            Target::Tables => {
                let words = format!("damage_tables={seed}");
                (self.native(&words)?, self.printed.clone())
            }
            Target::CommandLine => (self.native(&words(random))?, self.printed.clone()),
            Target::Template => {
                let value = random.below(1 << 20);
                (self.python(random, value)?, format!("{value}\n"))
            }
        })
    }

    fn native(&self, words: &str) -> Result<Machine> {
        let content = std::fs::read(&self.program).map_err(Error::file(&self.program))?;
        let path = in_machine(PROGRAM);
        Ok(self
            .any(words)
            .without_python()
            .file(&path, 0o755, content)
            .execute([path]))
    }

    fn python(&self, random: &mut Random, value: usize) -> Result<Machine> {
        let mut template = template::current(self.images, &self.hardware)?.unwrap_or_default();
        match random.below(4) {
            0 => template.truncate(random.below(template.len() + 1)),
            1 => template.extend((0..=random.below(8192)).map(|_| 0)),
            _ => {
                for _ in 0..=random.below(4) {
                    // In its head as often as in its pages.
                    let part = template.len() >> [0, 12][random.below(2)];
                    flip(&mut template, random.below(part.max(1)), random);
                }
            }
        }
        let code = format!("print({value})");
        Ok(self
            .any("")
            .without_python_variables()
            .file(template::PATH, 0o444, template)
            .python(["-c", &code]))
    }

    fn any(&self, words: &str) -> Machine {
        let hardware = Hardware {
            command_line: words.to_owned(),
            ..self.hardware.clone()
        };
        Machine::new()
            .images(self.images.clone())
            .hardware(hardware)
    }
}

fn flip(bytes: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// Damage to headers, or the end or the middle of the archive is missing.
fn archive_damage(mut random: Random) -> Damage {
    Box::new(move |archive| {
        let headers: Vec<usize> = archive
            .windows(MAGIC.len())
            .enumerate()
            .filter(|(_, bytes)| *bytes == MAGIC)
            .map(|(at, _)| at)
            .collect();
        match random.below(8) {
            0 => archive.truncate(random.below(archive.len())),
            1 => {
                let from = *random.one_of(&headers);
                let length = random.below(4096).min(archive.len() - from);
                archive.drain(from..from + length);
            }
            _ => {
                for _ in 0..=random.below(6) {
                    let at = *random.one_of(&headers) + random.below(HEADER);
                    match archive.get_mut(at) {
                        // Mostly what a number could be there.
                        Some(byte) if random.below(3) > 0 => {
                            *byte = *random.one_of(b"0123456789abcdefF-\0")
                        }
                        Some(byte) => *byte = random.byte(),
                        None => {}
                    }
                }
            }
        }
    })
}

/// Damage behind the name of the file that describes the first process: its content.
fn record_damage(mut random: Random) -> Damage {
    Box::new(move |archive| {
        let name = INIT.trim_start_matches('/').as_bytes();
        let mut places = archive.windows(name.len());
        let Some(at) = places.rposition(|bytes| bytes == name) else {
            return;
        };
        let end = archive.len();
        for _ in 0..=random.below(6) {
            let place = at + name.len() + random.below(512);
            if place < end {
                archive[place] = *random.one_of(b"\0=/aT\xff\n09");
            }
        }
    })
}

/// Some words for the command line.
fn words(random: &mut Random) -> String {
    let word = |random: &mut Random| {
        let (word, value) = (*random.one_of(WORDS), *random.one_of(VALUES));
        match random.below(8) {
            0 => (0..random.below(64))
                .map(|_| char::from(b'!' + random.byte() % 94))
                .filter(|character| *character != ',')
                .collect(),
            _ => format!("{word}={value}"),
        }
    };
    let words: Vec<String> = (0..=random.below(6)).map(|_| word(random)).collect();
    words.join(" ")
}
