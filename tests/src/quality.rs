//! `run.sh check`: formatting, lints with warnings denied, and the Python side's linter
//! and type checker.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::build::kernel;
use crate::error::{Error, Result};
use crate::packages::{self, Need};
use crate::project;
use crate::toolchain::Toolchain;

/// The Python tools, from PyPI, at the versions that the code is written for.
const PYTHON_TOOLS: &[&str] = &["ruff==0.14.0", "mypy==1.18.2"];
/// What is Python here.
const PYTHON_SOURCES: &[&str] = &["python/lib", "examples", "tests"];
/// What is typed of it: the programs that judge the interpreter do odd things on purpose.
const TYPED_SOURCES: &[&str] = &[
    "python/lib",
    "examples",
    "tests/oracle/run_cpython.py",
    "tests/oracle/run_programs.py",
];

/// Runs every check, and says at the end which failed.
///
/// # Errors
/// Where a tool is not there.
pub fn check() -> Result<ExitCode> {
    packages::require(&[Need::Build, Need::Check])?;
    let toolchain = Toolchain::chosen()?;
    let mut failed = Vec::new();
    let mut step = |name: &'static str, mut command: Command| -> Result<()> {
        println!("check: {name}");
        let status = command
            .stdin(Stdio::null())
            .status()
            .map_err(Error::io(name))?;
        if !status.success() {
            failed.push(name);
        }
        Ok(())
    };

    let mut format = toolchain.cargo();
    format.args(["fmt", "--all", "--check"]);
    step("rustfmt", format)?;

    let mut host = toolchain.cargo();
    host.args([
        "clippy",
        "--workspace",
        "--exclude",
        "kernel",
        "--exclude",
        "python",
        "--all-targets",
        "--release",
    ])
    .args(["--target-dir", "target/host", "--", "-D", "warnings"]);
    step("clippy, host crates", host)?;

    let mut guest = kernel::command(&toolchain, "clippy");
    guest.args(["--", "-D", "warnings"]);
    step("clippy, kernel", guest)?;

    let tools = python_tools("venv", PYTHON_TOOLS)?;
    for (name, arguments) in [
        ("ruff check", &["check"][..]),
        ("ruff format", &["format", "--check"]),
    ] {
        let mut ruff = tool(&tools, "ruff");
        ruff.args(arguments).args(PYTHON_SOURCES);
        step(name, ruff)?;
    }
    let mut mypy = tool(&tools, "mypy");
    mypy.args(["--strict", "--cache-dir", "target/mypy"])
        .args(TYPED_SOURCES);
    step("mypy", mypy)?;

    if failed.is_empty() {
        println!("check: all well");
        return Ok(ExitCode::SUCCESS);
    }
    println!("check: failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn tool(tools: &Path, name: &str) -> Command {
    let mut command = Command::new(tools.join("bin").join(name));
    command.current_dir(project::root());
    command
}

/// A virtual environment of this name in `target/`, with packages from PyPI in it.
///
/// # Errors
/// Where they cannot be had.
pub fn python_tools(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let place = project::target().join(name);
    let stamp = place.join("tools");
    let wanted = packages.join("\n");
    let is_there = || std::fs::read_to_string(&stamp).is_ok_and(|old| old == wanted);
    if is_there() {
        return Ok(place);
    }
    // One at a time; whoever waited finds what it wants.
    let _lock = project::lock(&place.with_extension("lock"))?;
    if is_there() {
        return Ok(place);
    }
    eprintln!("roentgen: fetching {}", packages.join(" and "));
    let mut make = Command::new("/usr/bin/python3");
    make.args(["-m", "venv", "--clear"]).arg(&place);
    run("making a virtual environment", &mut make)?;
    let mut install = Command::new(place.join("bin/pip"));
    install
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages);
    run("fetching the Python tools", &mut install)?;
    std::fs::write(&stamp, &wanted).map_err(Error::file(&stamp))?;
    Ok(place)
}

fn run(what: &str, command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io(what))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Tool {
        what: what.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
