//! The command line of `run.sh`: like Python's, with the machine's options before.
//!
//! Pure: text in, a [`Command`] out. As with Python, the first of `-c`, `-m`, FILE or
//! `-` ends the options; everything after it is the program's own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::bench::case::Kind;
use crate::bench::{Depth, Request, SEED, Suite};
use crate::console::log::LogTarget;
use crate::error::{Error, Result};
use crate::machine::{Accelerator, Emulator, Hardware, SecondSerial, bochs};
use crate::requirements::Requirements;
use crate::size;
use crate::stress::storm::Storm;
use crate::stress::{self, Size, list};

/// What `run.sh` is to do.
#[derive(Debug)]
pub enum Command {
    /// Boot and run a program.
    Run(Box<Run>),
    /// Build what boots; with `true`, the interpreter that ships.
    Build(bool),
    /// Run the tests whose name has this text.
    Test(Option<String>),
    /// Measure.
    Bench(Request),
    /// Compare two results, the older one first.
    Compare(PathBuf, PathBuf),
    /// Count anew what continuous integration keeps.
    RenewCounts,
    /// Try to break it.
    Stress(stress::Request),
    /// Make a bootable image at this path.
    Iso(Option<PathBuf>),
    /// Formatting, lints, types.
    Check,
    /// Remove what was built.
    Clean,
    /// Say what there is.
    Help,
}

/// What Python is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The prompt, or a program on standard input.
    None,
    /// `-c CODE`
    Code(OsString),
    /// `-m MODULE`
    Module(OsString),
    /// `FILE`
    File(PathBuf),
    /// `-`
    Stdin,
}

/// A program and its machine.
#[derive(Debug)]
pub struct Run {
    /// The machine.
    pub hardware: Hardware,
    /// The tree that the program finds as its working directory.
    pub share: Option<PathBuf>,
    /// Packages that the program needs.
    pub requirements: Requirements,
    /// Where the kernel's log goes; the default is the caller's.
    pub log: Option<LogTarget>,
    /// When the machine is ended.
    pub timeout: Option<Duration>,
    /// Whether the interpreter may begin from its template.
    pub has_template: bool,
    /// The interpreter's own options, such as `-u` or `-X dev`.
    pub interpreter: Vec<OsString>,
    /// The program.
    pub program: Program,
    /// The program's arguments.
    pub arguments: Vec<OsString>,
}

/// The help text.
pub const HELP: &str = "\
./run.sh [OPTIONS] [-c CODE | -m MODULE | FILE | -] [ARG…]     like python
./run.sh build | test [FILTER] | bench [NAME…] | stress [NAME…] | iso [PATH] | check | clean
./run.sh help

  --smp N            cores (default: the host's, at least 2)
  --mem SIZE         memory, such as 512M or 2G (default: 4G; Bochs: 1G)
  --emu NAME         qemu (default) or bochs
  --accel NAME       auto (default), kvm or tcg
  --cpu MODEL        the emulator's CPU model
  --share DIR        the tree that the program finds as its working directory, writable
                     in memory, at most 64 MiB (default: FILE alone, or its package)
  --with PACKAGE     a package from PyPI, of pure Python, with what it needs; as pip takes it,
                     and again for more
  -r FILE            the same for a file of requirements
  --log FILE|-       the kernel's log (default: target/kernel.log)
  --timeout SECONDS  end the machine then, with status 124
  --no-template      start the interpreter from nothing, not from its saved template
  --serial2 FILE     a second serial port, whose output goes to a file; unix:PATH: one whose
                     other end is a Unix socket there (QEMU only)
  --gdb              wait for a debugger on port 1234
  --append WORDS     words for the kernel's command line

Python's own one-letter options go to Python. Without a program: a prompt, or a program
on standard input. Exit status: the program's; 101 after a kernel panic, 124 at the end
of the time, 125 where the machine failed. Ctrl-] three times ends a stuck machine.

  build --ship       the interpreter with link-time optimisation (20 minutes and more)
  test FILTER        only tests whose name has FILTER in it
  bench NAME…        start, sched, kernel, pcid, process, python, peers, irq, tasklets, policy,
                     reactor, or seed for the last four: measured, with --linux or
                     --no-linux beside it, --quick (default: minutes) or --full (hours),
                     and with --only wall, instructions or virtual figures of one kind;
                     --out DIR for the results and the page (default: target/bench);
                     --compare OLD.json says what got slower since, with status 1
  bench --compare OLD.json NEW.json
                     the same of two results, or of two directories (before/ after/), and
                     measures nothing
  bench --renew-counts
                     writes tests/bench/instructions.json, which the tests compare with
  stress NAME…       spawn, kills, memory, python, calls, elf, parsers, images, floods,
                     shootdowns, keys, boots, soak: tried to break, for hours, or for --minutes N, or with
                     --scale F a part or a multiple; --seed N the same again; --smp N cores
  iso PATH           a GRUB image for Bochs and for a PC (default: target/roentgen.iso)
";

/// Reads the command line, without the program's own name.
///
/// # Errors
/// [`Error::Usage`] with one clear line.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command> {
    let words: Vec<OsString> = words.into_iter().collect();
    if let Some(command) = words.first().and_then(|word| word.to_str()) {
        let rest = &words[1..];
        match command {
            "build" => return build(rest),
            "test" => {
                return Ok(Command::Test(
                    at_most_one(command, rest)?.map(|word| word.to_string_lossy().into_owned()),
                ));
            }
            "bench" => return bench(rest),
            "stress" => return stress(rest),
            "iso" => return Ok(Command::Iso(at_most_one(command, rest)?.map(PathBuf::from))),
            "check" | "clean" | "help" if !rest.is_empty() => {
                return Err(usage(format!("{command} takes no arguments")));
            }
            "check" => return Ok(Command::Check),
            "clean" => return Ok(Command::Clean),
            "help" => return Ok(Command::Help),
            _ => {}
        }
    }
    run(words)
}

fn build(rest: &[OsString]) -> Result<Command> {
    match rest {
        [] => Ok(Command::Build(false)),
        [word] if word == "--ship" => Ok(Command::Build(true)),
        _ => Err(usage("build takes nothing but --ship".to_owned())),
    }
}

fn stress(rest: &[OsString]) -> Result<Command> {
    let mut request = stress::Request {
        storms: Vec::new(),
        seed: None,
        size: Size::Scale(1.0),
        cores: None,
    };
    let number = |text: &str, most: f64| {
        let number = text.parse::<f64>().ok();
        number.filter(|number| *number > 0.0 && *number <= most)
    };
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().and_then(|value| value.to_str());
        match word.to_str() {
            Some("--seed") => {
                let seed = value().and_then(|text| text.parse().ok());
                request.seed =
                    Some(seed.ok_or_else(|| {
                        usage(format!("stress --seed: a number up to {}", u32::MAX))
                    })?);
            }
            Some("--scale") => {
                let scale = value().and_then(|text| number(text, 1000.0));
                request.size =
                    Size::Scale(scale.ok_or_else(|| {
                        usage("stress --scale: a number, such as 0.1".to_owned())
                    })?);
            }
            Some("--minutes") => {
                let minutes = value().and_then(|text| number(text, 100_000.0));
                request.size =
                    Size::Minutes(minutes.ok_or_else(|| {
                        usage("stress --minutes: a number, such as 5".to_owned())
                    })?);
            }
            Some("--smp") => {
                let cores = value().and_then(|text| text.parse().ok());
                request.cores = Some(
                    cores
                        .filter(|cores| (1..=64).contains(cores))
                        .ok_or_else(|| usage("stress --smp: 1 to 64 cores".to_owned()))?,
                );
            }
            name => match name.and_then(Storm::named) {
                Some(storm) if !request.storms.contains(&storm) => request.storms.push(storm),
                Some(_) => {}
                None => {
                    let names: Vec<&str> = list::ALL.iter().map(|storm| storm.name).collect();
                    return Err(usage(format!(
                        "stress {}: {} or an option",
                        word.display(),
                        names.join(", ")
                    )));
                }
            },
        }
    }
    if request.storms.is_empty() {
        request.storms = list::ALL.iter().collect();
    }
    Ok(Command::Stress(request))
}

fn bench(rest: &[OsString]) -> Result<Command> {
    let mut request = Request {
        suites: Vec::new(),
        with_linux: None,
        depth: Depth::default(),
        only: None,
        out: None,
        compare: None,
    };
    match rest {
        [word] if word == "--renew-counts" => return Ok(Command::RenewCounts),
        [word, old, new] if word == "--compare" && is_result(new) => {
            return Ok(Command::Compare(old.into(), new.into()));
        }
        _ => {}
    }
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.to_str() {
            Some(option @ ("--out" | "--compare")) => {
                let value = words.next().filter(|value| !value.is_empty());
                let path = value.map(PathBuf::from);
                let path = path.ok_or_else(|| usage(format!("bench {option}: a path")))?;
                match option {
                    "--out" => request.out = Some(path),
                    _ => request.compare = Some(path),
                }
            }
            Some("--renew-counts") => {
                return Err(usage("bench --renew-counts goes alone".to_owned()));
            }
            Some("--only") => {
                let kinds = Kind::ALL.map(|kind| (kind.option(), kind));
                let value = words.next().cloned().unwrap_or_default();
                request.only = Some(choice("only", &value, &kinds)?);
            }
            Some("--linux") => request.with_linux = Some(true),
            Some("--no-linux") => request.with_linux = Some(false),
            Some("--quick") => request.depth = Depth::Quick,
            Some("--full") => request.depth = Depth::Full,
            name => {
                let suites = name.map(Suite::named).unwrap_or_default();
                if suites.is_empty() && is_result(word) {
                    return Err(usage(format!(
                        "bench {}: where two results are compared, nothing is measured",
                        word.display()
                    )));
                }
                if suites.is_empty() {
                    let names = Suite::ALL.map(Suite::name);
                    return Err(usage(format!(
                        "bench {}: {}, {SEED} or an option",
                        word.display(),
                        names.join(", ")
                    )));
                }
                for suite in suites {
                    if !request.suites.contains(&suite) {
                        request.suites.push(suite);
                    }
                }
            }
        }
    }
    Ok(Command::Bench(request))
}

/// Whether a word is a result's path, not a suite's name or an option.
fn is_result(word: &OsStr) -> bool {
    let bytes = word.as_bytes();
    !bytes.starts_with(b"-") && (bytes.ends_with(b".json") || bytes.contains(&b'/'))
}

fn at_most_one(command: &str, rest: &[OsString]) -> Result<Option<OsString>> {
    match rest {
        [] => Ok(None),
        [one] if !one.as_encoded_bytes().starts_with(b"-") => Ok(Some(one.clone())),
        _ => Err(usage(format!(
            "{command} takes at most one argument and no options"
        ))),
    }
}

fn run(words: Vec<OsString>) -> Result<Command> {
    let mut run = Run {
        hardware: Hardware::default(),
        share: None,
        requirements: Requirements::default(),
        log: None,
        timeout: None,
        has_template: true,
        interpreter: Vec::new(),
        program: Program::None,
        arguments: Vec::new(),
    };
    let mut memory_asked = None;
    let mut parser = lexopt::Parser::from_args(words);
    let wrong = |error: lexopt::Error| usage(error.to_string());
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Long("smp") => run.hardware.cores = cores(&parser.value().map_err(wrong)?)?,
            Long("mem") => memory_asked = Some(memory(&parser.value().map_err(wrong)?)?),
            Long("emu") => {
                run.hardware.emulator = choice(
                    "emu",
                    &parser.value().map_err(wrong)?,
                    &[("qemu", Emulator::Qemu), ("bochs", Emulator::Bochs)],
                )?;
            }
            Long("accel") => {
                run.hardware.accelerator = choice(
                    "accel",
                    &parser.value().map_err(wrong)?,
                    &[
                        ("auto", Accelerator::Auto),
                        ("kvm", Accelerator::Kvm),
                        ("tcg", Accelerator::Tcg),
                    ],
                )?;
            }
            Long("cpu") => run.hardware.cpu = Some(text("cpu", parser.value().map_err(wrong)?)?),
            Long("append") => {
                run.hardware.command_line = text("append", parser.value().map_err(wrong)?)?
            }
            Long("share") => run.share = Some(parser.value().map_err(wrong)?.into()),
            Long("with") => {
                let name = text("with", parser.value().map_err(wrong)?)?;
                run.requirements.names.push(name);
            }
            Short('r') => {
                let file = parser.value().map_err(wrong)?;
                run.requirements.files.push(file.into());
            }
            Long("log") => {
                let value = parser.value().map_err(wrong)?;
                run.log = Some(if value == "-" {
                    LogTarget::Stderr
                } else {
                    LogTarget::File(value.into())
                });
            }
            Long("timeout") => run.timeout = Some(seconds(&parser.value().map_err(wrong)?)?),
            Long("no-template") => run.has_template = false,
            Long("serial2") => {
                let other_end = parser.value().map_err(wrong)?;
                run.hardware.second_serial = Some(second_serial(&other_end)?);
            }
            Long("gdb") => run.hardware.is_debugged = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            Short(
                flag @ ('b' | 'B' | 'd' | 'E' | 'i' | 'I' | 'O' | 'P' | 'q' | 's' | 'S' | 'u' | 'v'
                | 'V' | 'x'),
            ) => {
                run.interpreter.push(format!("-{flag}").into());
            }
            Short(flag @ ('W' | 'X')) => {
                run.interpreter.push(format!("-{flag}").into());
                run.interpreter.push(parser.value().map_err(wrong)?);
            }
            Short('c') => {
                run.program = Program::Code(raw_value(&mut parser, "-c")?);
                break;
            }
            Short('m') => {
                run.program = Program::Module(raw_value(&mut parser, "-m")?);
                break;
            }
            Value(word) if word == "-" => {
                run.program = Program::Stdin;
                break;
            }
            Value(word) => {
                run.program = Program::File(word.into());
                break;
            }
            other => return Err(wrong(other.unexpected())),
        }
    }
    // Everything that is left is the program's, options and all.
    run.arguments = parser.raw_args().map_err(wrong)?.collect();
    run.hardware.memory = memory_asked.unwrap_or(match run.hardware.emulator {
        Emulator::Qemu => QEMU_MEMORY,
        Emulator::Bochs => BOCHS_MEMORY,
    });
    check(&run)?;
    Ok(Command::Run(Box::new(run)))
}

/// The value of `-c` or `-m`, which may itself begin with a dash or an equals sign.
fn raw_value(parser: &mut lexopt::Parser, option: &str) -> Result<OsString> {
    if let Some(attached) = parser.optional_value() {
        return Ok(attached);
    }
    let missing = || usage(format!("argument expected for the {option} option"));
    parser
        .raw_args()
        .map_err(|_| missing())?
        .next()
        .ok_or_else(missing)
}

fn check(run: &Run) -> Result<()> {
    let hardware = &run.hardware;
    if hardware.emulator == Emulator::Bochs {
        if hardware.accelerator == Accelerator::Kvm {
            return Err(usage("--accel kvm: Bochs knows no accelerator".to_owned()));
        }
        if hardware.is_debugged {
            return Err(usage("--gdb works with QEMU only".to_owned()));
        }
        if hardware.second_serial.is_some() {
            return Err(usage("--serial2 works with QEMU only".to_owned()));
        }
        if hardware.cores > bochs::MOST_CORES {
            return Err(usage(format!(
                "--smp {}: Bochs has at most {} cores",
                hardware.cores,
                bochs::MOST_CORES
            )));
        }
        if hardware.memory > 2 << 30 {
            return Err(usage("--mem: Bochs has at most 2G".to_owned()));
        }
    }
    Ok(())
}

/// Memory where nobody says how much: room for ten thousand processes. QEMU takes from the
/// host what is used; Bochs takes all of it.
const QEMU_MEMORY: u64 = 4 << 30;
/// See [`QEMU_MEMORY`].
const BOCHS_MEMORY: u64 = 1 << 30;

/// The most cores of QEMU's PC.
const QEMU_CORES: u32 = 255;

fn usage(line: String) -> Error {
    Error::Usage(line)
}

fn cores(value: &OsStr) -> Result<u32> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(|cores| (1..=QEMU_CORES).contains(cores))
        .ok_or_else(|| {
            usage(format!(
                "--smp {}: a number from 1 to {QEMU_CORES}",
                value.display()
            ))
        })
}

fn second_serial(value: &OsStr) -> Result<SecondSerial> {
    let bytes = value.as_encoded_bytes();
    let path = bytes.strip_prefix(b"unix:").unwrap_or(bytes);
    if path.is_empty() {
        return Err(usage("--serial2: a file, or unix:PATH".to_owned()));
    }
    let is_socket = path.len() < bytes.len();
    let path = PathBuf::from(OsStr::from_bytes(path));
    Ok(if is_socket {
        SecondSerial::Socket(path)
    } else {
        SecondSerial::File(path)
    })
}

fn memory(value: &OsStr) -> Result<u64> {
    let wrong = || {
        usage(format!(
            "--mem {}: a size such as 512M or 2G",
            value.display()
        ))
    };
    let size = value.to_str().and_then(size::parse).ok_or_else(wrong)?;
    if size > 1 << 40 {
        return Err(usage(format!("--mem {}: at most 1T", value.display())));
    }
    Ok(size)
}

fn seconds(value: &OsStr) -> Result<Duration> {
    value
        .to_str()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| {
            usage(format!(
                "--timeout {}: a number of seconds above 0",
                value.display()
            ))
        })
}

fn text(option: &str, value: OsString) -> Result<String> {
    value
        .into_string()
        .map_err(|value| usage(format!("--{option} {}: not UTF-8", value.display())))
}

fn choice<T: Copy>(option: &str, value: &OsStr, choices: &[(&str, T)]) -> Result<T> {
    choices
        .iter()
        .find(|(name, _)| value == *name)
        .map(|(_, choice)| *choice)
        .ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            usage(format!(
                "--{option} {}: {}",
                value.display(),
                names.join(" or ")
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command> {
        parse(words.iter().map(OsString::from))
    }

    fn a_run(words: &[&str]) -> Run {
        match parsed(words) {
            Ok(Command::Run(run)) => *run,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn a_second_serial_port_ends_in_a_file_or_a_socket() {
        let other_end = |word| a_run(&["--serial2", word]).hardware.second_serial;
        assert_eq!(other_end("out"), Some(SecondSerial::File("out".into())));
        assert_eq!(
            other_end("unix:/tmp/s"),
            Some(SecondSerial::Socket("/tmp/s".into()))
        );
        assert!(parsed(&["--serial2", "unix:"]).is_err());
        assert!(parsed(&["--serial2", "out", "--emu", "bochs"]).is_err());
    }

    #[test]
    fn the_first_program_ends_the_options_as_with_python() {
        let run = a_run(&["--smp", "4", "-u", "-c", "print(1)", "--smp", "9", "-x"]);
        assert_eq!(run.hardware.cores, 4);
        assert_eq!(run.program, Program::Code("print(1)".into()));
        assert_eq!(run.interpreter, ["-u"]);
        assert_eq!(run.arguments, ["--smp", "9", "-x"]);
        assert_eq!(a_run(&["-c-1"]).program, Program::Code("-1".into()));
        assert_eq!(a_run(&["-c", "--"]).program, Program::Code("--".into()));
        assert_eq!(
            a_run(&["-um", "json.tool", "a"]).program,
            Program::Module("json.tool".into())
        );
        assert_eq!(a_run(&["f.py", "-c", "x"]).arguments, ["-c", "x"]);
        assert_eq!(a_run(&["-", "x"]).program, Program::Stdin);
        assert_eq!(
            a_run(&["--", "build"]).program,
            Program::File("build".into())
        );
        assert_eq!(a_run(&[]).program, Program::None);
    }

    #[test]
    fn memory_depends_on_the_emulator_where_nobody_asks() {
        assert_eq!(a_run(&[]).hardware.memory, 4 << 30);
        assert_eq!(a_run(&["--emu", "bochs"]).hardware.memory, 1 << 30);
        assert_eq!(
            a_run(&["--mem=64M", "--emu=bochs"]).hardware.memory,
            64 << 20
        );
    }

    #[test]
    fn options_take_their_values_either_way() {
        let run = a_run(&[
            "--mem=2G",
            "--emu",
            "bochs",
            "--timeout=1.5",
            "--log",
            "-",
            "--share",
            "d",
        ]);
        assert_eq!(run.hardware.memory, 2 << 30);
        assert_eq!(run.hardware.emulator, Emulator::Bochs);
        assert_eq!(run.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(run.log, Some(LogTarget::Stderr));
        assert_eq!(run.share, Some("d".into()));
    }

    #[test]
    fn bench_takes_names_in_any_order_and_all_without_one() {
        let request = |words: &[&str]| match parsed(words) {
            Ok(Command::Bench(request)) => request,
            other => panic!("{words:?}: {other:?}"),
        };
        let chosen = request(&["bench", "pcid", "--full", "sched", "--no-linux", "pcid"]);
        assert_eq!(chosen.suites, [Suite::Pcid, Suite::Sched]);
        assert_eq!(chosen.with_linux, Some(false));
        assert_eq!(chosen.depth, Depth::Full);
        let seed = request(&["bench", "irq", "seed"]);
        let suites = [Suite::Irq, Suite::Tasklets, Suite::Reactor, Suite::Policy];
        assert_eq!(seed.suites, suites);
        let counted = request(&["bench", "--only", "instructions"]);
        assert_eq!(counted.only, Some(Kind::Instructions));
        let all = request(&["bench"]);
        assert_eq!(all.suites, []);
        assert_eq!((all.with_linux, all.depth), (None, Depth::Quick));
        assert_eq!((all.out, all.compare), (None, None));
    }

    #[test]
    fn bench_compares_with_an_older_result_or_two_that_are_there() {
        let Ok(Command::Bench(request)) =
            parsed(&["bench", "irq", "--compare", "old.json", "--out", "new"])
        else {
            panic!("no bench");
        };
        assert_eq!(request.suites, [Suite::Irq]);
        assert_eq!(request.compare, Some("old.json".into()));
        assert_eq!(request.out, Some("new".into()));
        let named = parsed(&["bench", "--compare", "old", "irq"]);
        assert!(matches!(named, Ok(Command::Bench(request)) if request.suites == [Suite::Irq]));
        for new in ["new.json", "./new"] {
            let two = parsed(&["bench", "--compare", "old.json", new]);
            assert!(matches!(two, Ok(Command::Compare(..))), "{new}");
        }
        let renewed = parsed(&["bench", "--renew-counts"]);
        assert!(matches!(renewed, Ok(Command::RenewCounts)));
    }

    #[test]
    fn stress_takes_names_a_seed_and_a_scale_and_all_in_full_without() {
        let request = |words: &[&str]| match parsed(words) {
            Ok(Command::Stress(request)) => request,
            other => panic!("{words:?}: {other:?}"),
        };
        let names = |request: &stress::Request| -> Vec<&str> {
            request.storms.iter().map(|storm| storm.name).collect()
        };
        let chosen = request(&["stress", "--seed", "7", "kills", "--scale", "0.5", "spawn"]);
        assert_eq!(names(&chosen), ["kills", "spawn"]);
        assert_eq!((chosen.seed, chosen.size), (Some(7), Size::Scale(0.5)));
        let all = request(&["stress"]);
        assert_eq!(all.storms.len(), list::ALL.len());
        assert_eq!(
            (all.seed, all.size, all.cores),
            (None, Size::Scale(1.0), None)
        );
        let minutes = request(&["stress", "--minutes", "5", "--smp", "8"]);
        assert_eq!((minutes.size, minutes.cores), (Size::Minutes(5.0), Some(8)));
    }

    #[test]
    fn a_wrong_option_is_one_line_and_status_2() {
        for words in [
            &["--smp", "0"][..],
            &["--smp", "x"],
            &["--smp"],
            &["--smp", "256"],
            &["--mem", "lots"],
            &["--mem", "99999999T"],
            &["--emu", "vax"],
            &["--accel", "x"],
            &["--timeout", "-1"],
            &["--timeout", "nan"],
            &["--nope"],
            &["-Z"],
            &["-c"],
            &["build", "x"],
            &["help", "me"],
            &["--emu", "bochs", "--gdb", "x.py"],
            &["--emu", "bochs", "--smp", "17", "x.py"],
            &["test", "a", "b"],
            &["bench", "shed"],
            &["bench", "--fast"],
            &["bench", "--only"],
            &["bench", "--only", "time"],
            &["bench", "--out"],
            &["bench", "--out", ""],
            &["bench", "--compare"],
            &["bench", "irq", "--compare", "old.json", "new.json"],
            &["bench", "irq", "--renew-counts"],
            &["stress", "kill"],
            &["stress", "--seed"],
            &["stress", "--seed", "-1"],
            &["stress", "--scale", "0"],
            &["stress", "--scale", "nan"],
            &["stress", "--minutes", "0"],
            &["stress", "--minutes"],
            &["stress", "--smp", "65"],
        ] {
            let error = parsed(words).expect_err(&format!("{words:?}"));
            assert_eq!(error.exit_status(), 2, "{words:?}");
            assert_eq!(error.to_string().lines().count(), 1, "{words:?}");
        }
    }
}
