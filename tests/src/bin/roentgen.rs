//! What `run.sh` runs: the command line, and what it asks for.

use std::io::Write;
use std::process::ExitCode;
use std::{env, fs};

use signal_hook::consts::SIGPIPE;
use tests::build::{self, heap_layout, kernel, python::Profile};
use tests::cli::{self, Command, Program, Run};
use tests::console::driver::Outcome;
use tests::console::log::LogTarget;
use tests::initramfs::{self, Init, PYTHON, Stream};
use tests::machine::{self, Emulator, Hardware, Machine};
use tests::packages::{self, Need};
use tests::share::{self, HOME, Placed, Tree};
use tests::toolchain::Toolchain;
use tests::{Error, Result, bench, iso, project, quality, stress, suite};

fn main() -> ExitCode {
    let result = cli::parse(env::args_os().skip(1)).and_then(|command| match command {
        Command::Run(run) => run_program(*run),
        Command::Build(ship) => build_all(ship),
        Command::Test(filter) => suite::all(filter.as_deref()),
        Command::Bench(request) => bench::run(&request),
        Command::Compare(old, new) => bench::session::compare_files(&old, &new),
        Command::RenewCounts => bench::counts::renew().map(|()| ExitCode::SUCCESS),
        Command::Stress(request) => stress::run(&request),
        Command::Iso(path) => make_image(path),
        Command::Check => quality::check(),
        Command::Clean => clean(),
        Command::Help => {
            print_all(cli::HELP);
            Ok(ExitCode::SUCCESS)
        }
    });
    result.unwrap_or_else(|error| {
        if !matches!(error, Error::Said) {
            complain(&format!("roentgen: {error}\n"));
        }
        ExitCode::from(error.exit_status())
    })
}

fn run_program(run: Run) -> Result<ExitCode> {
    let here = env::current_dir().map_err(Error::io("the working directory"))?;
    let is_debugged = run.hardware.is_debugged;
    // What is wrong with the program is said before anything is built.
    let (mut placed, arguments) = place(&run, &here)?;
    run.requirements.check()?;
    let mut needs = vec![Need::Build, Need::Qemu];
    if run.hardware.emulator == Emulator::Bochs {
        needs.extend([Need::Bochs, Need::Iso]);
    }
    packages::require(&needs)?;
    let log = match run.log {
        Some(log) => log,
        None => LogTarget::File(project::target_directory("")?.join("kernel.log")),
    };
    let images = build::images()?;
    run.requirements.add(&images.python, &mut placed.tree)?;
    let mut machine = Machine::new()
        .hardware(run.hardware)
        .images(images)
        .tree(placed.tree)
        .directory(placed.directory)
        .python(arguments.iter().map(|word| word.as_encoded_bytes()))
        .our_streams()
        .log(log);
    if let Some(limit) = run.timeout {
        machine = machine.timeout(limit);
    }
    if run.has_template {
        machine = machine.with_template();
    }
    if is_debugged {
        complain(&format!(
            "roentgen: waiting for: gdb {} -ex 'target remote localhost:1234' -ex continue\n",
            kernel::path().display()
        ));
    }
    let output = machine.run()?;
    complain(&output.remarks());
    if output.outcome == Outcome::Signalled(SIGPIPE) {
        // A closed standard output ends us as it ends any tool.
        let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
    }
    Ok(ExitCode::from(output.status()))
}

/// The program's files, and the interpreter's arguments.
fn place(run: &Run, here: &std::path::Path) -> Result<(Placed, Vec<std::ffi::OsString>)> {
    let shared = run.share.as_deref().map(machine::shared).transpose()?;
    let nowhere = |tree: Tree| Placed {
        tree,
        directory: HOME.into(),
        program: "".into(),
    };
    let mut arguments = run.interpreter.clone();
    let placed = match (&run.program, shared) {
        (Program::File(file), Some(tree)) => {
            let root = run.share.as_deref().unwrap_or(here);
            share::place_in_share(file, root, tree, here)?
        }
        (Program::File(file), None) => share::place_file(file, here)?,
        (Program::Module(module), None) => {
            nowhere(share::place_module(&module.to_string_lossy(), here)?)
        }
        (_, shared) => nowhere(shared.unwrap_or_default()),
    };
    match &run.program {
        Program::None => {}
        Program::Code(code) => arguments.extend(["-c".into(), code.clone()]),
        Program::Module(module) => arguments.extend(["-m".into(), module.clone()]),
        Program::File(_) => arguments.push(placed.program.clone().into()),
        Program::Stdin => arguments.push("-".into()),
    }
    arguments.extend(run.arguments.iter().cloned());
    Ok((placed, arguments))
}

fn build_all(ship: bool) -> Result<ExitCode> {
    packages::require(&[Need::Build])?;
    if ship {
        build::python::build(&Toolchain::chosen()?, Profile::Ship)?;
    }
    let images = build::images()?;
    initramfs::base(Some(&images.python), Some(&images.kernel))?;
    build::template::current(&images, &Hardware::default())?;
    Ok(ExitCode::SUCCESS)
}

fn make_image(path: Option<std::path::PathBuf>) -> Result<ExitCode> {
    packages::require(&[Need::Build, Need::Iso, Need::Qemu])?;
    let images = build::images()?;
    let init = Init {
        arguments: vec![PYTHON.into()],
        environment: [
            &b"HOME=/root"[..],
            b"PATH=/bin:/usr/bin",
            b"LANG=C.UTF-8",
            b"TERM=vt100",
        ]
        .map(<[u8]>::to_vec)
        .to_vec(),
        directory: HOME.into(),
        streams: [Stream::Terminal; 3],
        window: Some((24, 80)),
    };
    let mut tree = Tree::default();
    heap_layout::ship(&images, &mut tree)?;
    let run = initramfs::run_archive(&init, &tree);
    let (archive, _) = initramfs::joined(
        &initramfs::base(Some(&images.python), Some(&images.kernel))?,
        &run,
        None,
    )?;
    let path = path.unwrap_or_else(|| project::target().join("roentgen.iso"));
    iso::write(&path, &images.kernel, &archive, "console=raw")?;
    print_all(&format!("{}\n", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn clean() -> Result<ExitCode> {
    let target = project::target();
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(&target)(error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Our own words for standard output. A reader that is gone wants none.
fn print_all(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
