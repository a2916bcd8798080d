//! The static C programs of `tests/programs`: built as static ELFs, and run on the host's
//! Linux and as first process of a machine, for the same output and the same ending.
//!
//! A program prints nothing that may differ between two right kernels: no addresses,
//! no process ids, no times.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::build::{self, Images};
use crate::error::{Error, Result};
use crate::fingerprint::ContentKey;
use crate::machine::Machine;
use crate::oracle::difference;
use crate::packages::{self, Need};
use crate::project;
use crate::toolchain::Toolchain;

/// Where a program stands in the machine.
const DIRECTORY: &str = "/home/user";
/// For a program on the host, which takes a second or two.
const SECONDS_ON_LINUX: u64 = 60;
/// The environment of a program on both sides.
const ENVIRONMENT: [(&str, &str); 2] = [("PATH", "/bin:/usr/bin"), ("PROGRAM", "tested")];

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// With musl, at a fixed address.
    Static,
    /// With glibc, at an address that the kernel chooses (musl's `gcc` does not link so).
    StaticPie,
}

impl Link {
    fn compiler(self) -> &'static str {
        match self {
            Self::Static => "musl-gcc",
            Self::StaticPie => "gcc",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Static => "-static",
            Self::StaticPie => "-static-pie",
        }
    }
}

/// Compiles `tests/programs/NAME.c`, if it or its options changed; the ELF's path.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn compile(name: &str, link: Link) -> Result<PathBuf> {
    compile_source(&format!("tests/programs/{name}.c"), link)
}

/// As [`compile`], for a source anywhere in the checkout.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn compile_source(source: &str, link: Link) -> Result<PathBuf> {
    packages::require(&[Need::Build, Need::Test])?;
    let directory = project::root().join("tests/programs");
    let source = project::root().join(source);
    let name = source.file_stem().unwrap_or_default().display();
    let options = [
        "-std=c11",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pthread",
        link.option(),
    ];
    let mut key = ContentKey::default();
    let headers = [
        "names.h",
        "bench.h",
        "roentgen.h",
        "ours.h",
        "stress.h",
        "pairs.h",
    ];
    let headers = headers.map(|header| directory.join(header));
    key.files(
        &project::root(),
        &[&[source.clone()][..], &headers].concat(),
    )?;
    key.text("options", &options.join(" "));
    let place = project::target_directory("programs")?;
    let program = place.join(format!("{name}-{}", key.finish()));
    if program.is_file() {
        return Ok(program);
    }
    let half = place.join(format!("{name}-{}", std::process::id()));
    let output = Command::new(link.compiler())
        .args(options)
        .arg("-o")
        .arg(&half)
        .arg(&source)
        .output()
        .map_err(Error::io(link.compiler()))?;
    if !output.status.success() {
        return Err(Error::Tool {
            what: format!("compiling {}", source.display()),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    fs::rename(&half, &program).map_err(Error::file(&half))?;
    Ok(program)
}

/// What a program wrote, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// The exit status; 128 + n for signal n.
    pub status: u8,
}

/// Runs a program on the host, in an empty directory of its own.
///
/// # Errors
/// Where it does not start.
pub fn on_linux(program: &PathBuf, arguments: &[&str]) -> Result<Ending> {
    let place = tempfile::tempdir().map_err(Error::io("a directory"))?;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('-').next().unwrap_or_default();
    let copy = place.path().join(name);
    fs::copy(program, &copy).map_err(Error::file(program))?;
    // Its relative name is what it sees of itself, here and there.
    let output = Command::new("timeout")
        .args(["-s", "KILL", &SECONDS_ON_LINUX.to_string()])
        .arg(format!("./{name}"))
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir(place.path())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::file(program))?;
    let status = output.status.code().unwrap_or(137);
    Ok(Ending {
        stdout: output.stdout,
        status: status as u8,
    })
}

/// A machine that runs a program as its first process.
///
/// # Errors
/// Where the program cannot be read.
pub fn machine(program: &PathBuf, arguments: &[&str]) -> Result<Machine> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('-').next().unwrap_or_default();
    let path = format!("{DIRECTORY}/{name}");
    let content = fs::read(program).map_err(Error::file(program))?;
    let command = [&[path.as_str()], arguments].concat();
    let mut machine = Machine::new()
        .file(&path, 0o755, content)
        .execute(command)
        .no_environment()
        .directory(DIRECTORY);
    for (name, value) in ENVIRONMENT {
        machine = machine.environment(name, value);
    }
    Ok(machine)
}

/// As [`machine`], with the program in the interpreter's place, so that the machine has
/// less to load: a slow emulator is at the program in half the time.
///
/// # Errors
/// Where the program cannot be read, or the kernel does not build.
pub fn machine_without_python(program: &PathBuf, arguments: &[&str]) -> Result<Machine> {
    packages::require(&[Need::Build])?;
    let images = Images {
        kernel: build::kernel::current(&Toolchain::chosen()?)?,
        python: program.clone(),
    };
    Ok(machine(program, arguments)?.images(images))
}

/// Runs a program on both sides; what differs, in words, empty where nothing does.
///
/// # Errors
/// Where it does not compile, or a side does not start.
pub fn differences(name: &str, link: Link, limit: Duration) -> Result<String> {
    let program = compile(name, link)?;
    let linux = on_linux(&program, &[])?;
    let output = machine(&program, &[])?.timeout(limit).run()?;
    let mut text = difference::describe(&linux.stdout, &output.stdout);
    if linux.status != output.status() {
        text.push_str(&format!(
            "    status {} on Linux, {} here\n",
            linux.status,
            output.status()
        ));
    }
    if !text.is_empty() {
        text.push_str(&output.remarks());
        text.push_str(&output.stderr_text());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Link, compile, on_linux};

    #[test]
    fn a_program_is_compiled_once_for_each_way_of_linking() {
        let first = compile("stack", Link::Static).unwrap();
        assert_eq!(compile("stack", Link::Static).unwrap(), first);
        assert_ne!(compile("stack", Link::StaticPie).unwrap(), first);
        assert_eq!(on_linux(&first, &[]).unwrap().status, 0);
    }
}
