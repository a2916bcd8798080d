//! One machine, from its description to what came out of it.
//!
//! Start here: [`Machine`] is the builder that `run.sh` and every test use. What runs a
//! machine is in [`qemu`] and [`bochs`]; what happens on its console in
//! [`crate::console`].

pub mod accelerator;
pub mod bochs;
pub mod process;
pub mod qemu;
pub mod report;

use std::path::PathBuf;
use std::time::Duration;

use crate::build::{self, Images, heap_layout, template};
use crate::console::driver::{self, Limits, Outcome, Sink, Source, Streams};
use crate::console::log::{Log, LogTarget};
use crate::error::{Error, Result};
use crate::initramfs::{self, Init, PYTHON, Stream};
use crate::linux::{Control, INIT_PATH};
use crate::packages::{self, Need};
use crate::share::{self, HOME, Node, Tree};
use crate::size::MIB;
use process::Running;
pub use report::Output;

/// Which emulator runs the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emulator {
    /// QEMU: PVH, fast.
    #[default]
    Qemu,
    /// Bochs: a GRUB image, slow, and strict about what a CPU permits.
    Bochs,
}

/// What executes the guest's instructions under QEMU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accelerator {
    /// KVM where it really works, else TCG.
    #[default]
    Auto,
    /// The host's CPU.
    Kvm,
    /// QEMU's translator, a thread for each core.
    Tcg,
}

/// The hardware, and how it is watched.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Which emulator.
    pub emulator: Emulator,
    /// What executes instructions.
    pub accelerator: Accelerator,
    /// Number of cores.
    pub cores: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The emulator's CPU model; its own default for our purposes where `None`.
    pub cpu: Option<String>,
    /// Wait for a debugger before the first instruction.
    pub is_debugged: bool,
    /// What is appended to the kernel's command line.
    pub command_line: String,
    /// Counts instructions instead of time: the guest's clocks advance by 1 ns with each
    /// instruction of any core, one thread runs all cores in turn, and every run is the
    /// same (QEMU only, without KVM, and with a CPU model without x2APIC).
    pub is_counting: bool,
    /// The other end of the second serial port (QEMU only); None: there is no such port.
    pub second_serial: Option<SecondSerial>,
    /// More of the emulator's own arguments (QEMU only).
    pub extra: Vec<String>,
}

/// What a machine's second serial port is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondSerial {
    /// A Unix socket at which the emulator listens; what is sent before somebody connects is
    /// lost.
    Socket(PathBuf),
    /// A file that what is sent is written to; nothing is received.
    File(PathBuf),
}

impl Default for Hardware {
    fn default() -> Self {
        Self {
            emulator: Emulator::default(),
            accelerator: Accelerator::default(),
            cores: host_cores().max(2),
            memory: 1024 * MIB,
            cpu: None,
            is_debugged: false,
            command_line: String::new(),
            is_counting: false,
            second_serial: None,
            extra: Vec::new(),
        }
    }
}

/// The host's cores.
#[must_use]
pub fn host_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// A machine to be started: a builder.
pub struct Machine {
    hardware: Hardware,
    init: Init,
    tree: Tree,
    packages: Option<PathBuf>,
    stdin: Source,
    stdout: Sink,
    stderr: Sink,
    log: LogTarget,
    timeout: Option<Duration>,
    system: System,
    has_python: bool,
    has_heap_layout: bool,
    has_template: bool,
}

/// What is booted.
enum System {
    /// Our kernel, as the sources give it.
    Current,
    /// Our kernel, built before.
    Built(Images),
    /// The control, and the interpreter in it.
    Linux(Control, PathBuf),
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// A machine that gives a Python prompt to nobody: empty standard input, output
    /// gathered in memory, no log file, no time limit.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hardware: Hardware::default(),
            init: Init {
                arguments: vec![PYTHON.into()],
                environment: default_environment(),
                directory: HOME.into(),
                streams: [Stream::Pipe; 3],
                window: None,
            },
            tree: Tree::default(),
            packages: None,
            stdin: Source::Bytes(Vec::new()),
            stdout: Sink::Memory,
            stderr: Sink::Memory,
            log: LogTarget::Memory,
            timeout: None,
            system: System::Current,
            has_python: true,
            has_heap_layout: true,
            has_template: false,
        }
    }

    /// The number of cores.
    #[must_use]
    pub fn smp(mut self, cores: u32) -> Self {
        self.hardware.cores = cores;
        self
    }

    /// The memory in MiB.
    #[must_use]
    pub fn memory_mib(mut self, size: u64) -> Self {
        self.hardware.memory = size * MIB;
        self
    }

    /// The emulator's CPU model, such as `max,-x2apic`.
    #[must_use]
    pub fn cpu(mut self, model: &str) -> Self {
        self.hardware.cpu = Some(model.to_owned());
        self
    }

    /// Has a second serial port.
    #[must_use]
    pub fn second_serial(mut self, other_end: SecondSerial) -> Self {
        self.hardware.second_serial = Some(other_end);
        self
    }

    /// Runs under Bochs.
    #[must_use]
    pub fn bochs(mut self) -> Self {
        self.hardware.emulator = Emulator::Bochs;
        self
    }

    /// Makes the guest's clocks count instructions: see [`Hardware::is_counting`].
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.hardware.is_counting = true;
        self
    }

    /// All of the hardware at once.
    #[must_use]
    pub fn hardware(mut self, hardware: Hardware) -> Self {
        self.hardware = hardware;
        self
    }

    /// Words for the kernel's command line, after our own.
    #[must_use]
    pub fn kernel_words(mut self, words: &str) -> Self {
        words.clone_into(&mut self.hardware.command_line);
        self
    }

    /// More of QEMU's own arguments.
    #[must_use]
    pub fn qemu_arguments(mut self, arguments: &[&str]) -> Self {
        self.hardware
            .extra
            .extend(arguments.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Runs Python with these arguments.
    #[must_use]
    pub fn python<A: AsRef<[u8]>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.init.arguments.truncate(1);
        self.init
            .arguments
            .extend(arguments.into_iter().map(|word| word.as_ref().to_vec()));
        self
    }

    /// Runs another ELF as the first process: its path in the machine, its arguments.
    #[must_use]
    pub fn execute<A: AsRef<[u8]>>(mut self, command: impl IntoIterator<Item = A>) -> Self {
        self.init.arguments = command
            .into_iter()
            .map(|word| word.as_ref().to_vec())
            .collect();
        self
    }

    /// Leaves the interpreter out, for a first process that needs none: what boots is
    /// then small, which under Bochs saves most of the start.
    #[must_use]
    pub fn without_python(mut self) -> Self {
        self.has_python = false;
        self
    }

    /// Leaves out what was learnt of the interpreter's heap.
    #[must_use]
    pub fn without_heap_layout(mut self) -> Self {
        self.has_heap_layout = false;
        self
    }

    /// Boots with the interpreter's template, where it is the first process and there are
    /// templates for such a machine.
    #[must_use]
    pub fn with_template(mut self) -> Self {
        self.has_template = true;
        self
    }

    /// Leaves the host's own variables for Python out.
    #[must_use]
    pub fn without_python_variables(mut self) -> Self {
        self.init
            .environment
            .retain(|variable| !variable.starts_with(b"PYTHON"));
        self
    }

    /// Leaves the first process without an environment.
    #[must_use]
    pub fn no_environment(mut self) -> Self {
        self.init.environment.clear();
        self
    }

    /// Sets a variable of the first process's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        let prefix = format!("{name}=").into_bytes();
        self.init
            .environment
            .retain(|variable| !variable.starts_with(&prefix));
        self.init
            .environment
            .push([&prefix, value.as_bytes()].concat());
        self
    }

    /// The first process's working directory.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.init.directory = path.into();
        self
    }

    /// Adds a file to the machine.
    #[must_use]
    pub fn file(mut self, path: &str, permissions: u32, content: impl Into<Vec<u8>>) -> Self {
        self.tree
            .insert(path, Node::File(permissions, content.into()));
        self
    }

    /// The program's files, all at once.
    #[must_use]
    pub fn tree(mut self, tree: Tree) -> Self {
        self.tree = tree;
        self
    }

    /// An archive of Python packages: see [`crate::requirements::archive`].
    #[must_use]
    pub fn packages(mut self, archive: PathBuf) -> Self {
        self.packages = Some(archive);
        self
    }

    /// Standard input, then its end.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Source::Bytes(bytes.into());
        self
    }

    /// Our own standard streams become the program's, terminals included.
    #[must_use]
    pub fn our_streams(mut self) -> Self {
        let (streams, window) = crate::console::terminal::ours();
        self.init.streams = streams;
        self.init.window = window;
        self.stdin = Source::Ours;
        self.stdout = Sink::Stdout;
        self.stderr = Sink::Stderr;
        self
    }

    /// Where the program's standard error goes.
    #[must_use]
    pub fn standard_error(mut self, sink: Sink) -> Self {
        self.stderr = sink;
        self
    }

    /// Where the kernel's log goes beside [`Output::log`].
    #[must_use]
    pub fn log(mut self, target: LogTarget) -> Self {
        self.log = target;
        self
    }

    /// Ends the machine after this time.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limited(limit));
        self
    }

    /// Boots these images instead of what the sources give.
    #[must_use]
    pub fn images(mut self, images: Images) -> Self {
        self.system = System::Built(images);
        self
    }

    /// Boots the control instead of our kernel, with this interpreter. QEMU only.
    #[must_use]
    pub fn linux(mut self, control: Control, python: PathBuf) -> Self {
        self.system = System::Linux(control, python);
        self
    }

    /// Builds what is out of date, boots, and stays until the machine is gone.
    ///
    /// # Errors
    /// Where the machine could not be started. What happens in it is in the output.
    pub fn run(mut self) -> Result<Output> {
        let built = match &self.system {
            System::Current => {
                packages::require(&[Need::Build, Need::Qemu])?;
                Some(build::images()?)
            }
            System::Built(images) => Some(images.clone()),
            System::Linux(..) => None,
        };
        let base = match (&self.system, &built) {
            (System::Linux(control, python), _) => {
                let init = std::fs::read(&control.init).map_err(Error::file(&control.init))?;
                self.tree.insert(INIT_PATH, Node::File(0o755, init));
                initramfs::base(self.has_python.then_some(python), None)?
            }
            (_, Some(images)) => initramfs::base(
                self.has_python.then_some(&images.python),
                Some(&images.kernel),
            )?,
            (_, None) => return Err(Error::Machine("there is nothing to boot".to_owned())),
        };
        let base_size = std::fs::metadata(&base).map_err(Error::file(&base))?.len();
        check_memory(self.hardware.memory, base_size)?;
        if let Some(images) = built
            .as_ref()
            .filter(|_| self.has_python && self.has_heap_layout)
        {
            heap_layout::ship(images, &mut self.tree)?;
        }
        if let Some(images) = &built
            && self.has_template
            && self.init.arguments.first().map(Vec::as_slice) == Some(PYTHON.as_bytes())
            && template::is_for(&self.hardware)
            && let Some(template) = template::current(images, &self.hardware)?
        {
            self.tree
                .insert(template::PATH, Node::File(0o444, template));
        }
        let run = initramfs::run_archive(&self.init, &self.tree);
        let (archive, archive_size) = initramfs::joined(&base, self.packages.as_deref(), &run)?;
        check_memory(self.hardware.memory, archive_size)?;

        let mut log = Log::open(&self.log)?;
        let mut running: Running = match (&self.system, &built) {
            (System::Linux(control, _), _) => qemu::start_linux(&self.hardware, control, &archive)?,
            (_, Some(images)) if self.hardware.emulator == Emulator::Bochs => {
                bochs::start(&self.hardware, &images.kernel, archive)?
            }
            (_, Some(images)) => qemu::start(&self.hardware, &images.kernel, &archive)?,
            (_, None) => return Err(Error::Machine("there is nothing to boot".to_owned())),
        };
        let limits = Limits {
            whole: self.timeout,
            boot: (!self.hardware.is_debugged).then(|| boot_limit(&self.hardware)),
        };
        let streams = Streams {
            stdin: self.stdin,
            stdout: self.stdout,
            stderr: self.stderr,
            is_terminal: self.init.streams[0] == Stream::Terminal,
        };
        let (outcome, gathered) = driver::drive(&mut running, &mut log, streams, limits)?;
        if !matches!(outcome, Outcome::Exited(_)) {
            running.kill();
        }
        let complaint = running.end();
        Ok(Output {
            outcome,
            stdout: gathered.stdout,
            stderr: gathered.stderr,
            log: log.into_bytes(),
            complaint,
            seconds_to_hello: gathered.seconds_to_hello,
            seconds_to_output: gathered.seconds_to_output,
            seconds: gathered.seconds,
        })
    }
}

/// How long a machine may take to say hello: generous, and more where many virtual
/// cores share few real ones.
fn boot_limit(hardware: &Hardware) -> Duration {
    let crowd = hardware.cores.div_ceil(host_cores()).max(1);
    let seconds = match hardware.emulator {
        // One thread for all cores, and slower for counting.
        Emulator::Qemu if hardware.is_counting => 120 + 20 * hardware.cores,
        Emulator::Qemu => 30 + 5 * crowd,
        Emulator::Bochs => 300 + 60 * hardware.cores,
    };
    Duration::from_secs(u64::from(seconds))
}

/// The archive stays in memory and the interpreter needs room beside it.
fn check_memory(memory: u64, archive: u64) -> Result<()> {
    let needed_mib = (archive.div_ceil(MIB) + 64).next_multiple_of(32).max(128);
    if memory < needed_mib * MIB {
        return Err(Error::MemoryTooSmall { needed_mib });
    }
    Ok(())
}

/// The environment of a program: what a shell would give it, the host's terminal, and
/// the host's own variables for Python.
fn default_environment() -> Vec<Vec<u8>> {
    let mut environment = vec![
        b"HOME=/root".to_vec(),
        b"PATH=/bin:/usr/bin".to_vec(),
        b"LANG=C.UTF-8".to_vec(),
    ];
    for (name, value) in std::env::vars_os() {
        let name = name.as_encoded_bytes();
        if name == b"TERM" || name.starts_with(b"PYTHON") {
            environment.push([name, b"=", value.as_encoded_bytes()].concat());
        }
    }
    environment
}

/// Names a number of seconds that no machine may take longer than.
pub const LIMIT_VARIABLE: &str = "ROENTGEN_LIMIT";

/// The time limit, or that of the environment where it is shorter.
fn limited(limit: Duration) -> Duration {
    let given = std::env::var(LIMIT_VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok());
    given.map_or(limit, |seconds| limit.min(Duration::from_secs(seconds)))
}

/// Reads what `--share` names.
///
/// # Errors
/// [`Error::ShareTooLarge`], or where it cannot be read.
pub fn shared(path: &std::path::Path) -> Result<Tree> {
    let mut tree = Tree::default();
    if !path.is_dir() {
        return Err(Error::Usage(format!(
            "--share {}: not a directory",
            path.display()
        )));
    }
    tree.read(path, std::path::Path::new(share::HOME))?;
    Ok(tree)
}
