//! The kernel's ELF: Cargo with the kernel's own target and a `std` built for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::cargo;
use crate::error::{Error, Result};
use crate::fingerprint;
use crate::project;
use crate::toolchain::Toolchain;

/// What the kernel is made from, below the checkout's root.
const SOURCES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "kernel",
    "smp",
    "sched",
    "python/abi",
    "target/toolchain",
];

/// Names an ELF to boot as it is, such as an older build.
pub const GIVEN: &str = "ROENTGEN_KERNEL";

/// Every option that the kernel target needs, for `build` and for `clippy`.
pub const TARGET_OPTIONS: &[&str] = &[
    "--profile",
    "kernel",
    "-p",
    "kernel",
    "--target",
    "kernel/x86_64-roentgen.json",
    "-Zbuild-std=std,panic_abort",
    "-Zbuild-std-features=compiler-builtins-mem",
    "-Zjson-target-spec",
];

/// A Cargo command for the kernel's target.
#[must_use]
pub fn command(toolchain: &Toolchain, verb: &str) -> Command {
    command_in(toolchain, verb, &directory())
}

/// The same, for a build apart from the usual one.
#[must_use]
pub fn command_in(toolchain: &Toolchain, verb: &str, directory: &Path) -> Command {
    let mut command = toolchain.cargo();
    command
        .arg(verb)
        .args(TARGET_OPTIONS)
        .arg("--target-dir")
        .arg(directory);
    command
}

fn directory() -> PathBuf {
    project::target().join("kernel")
}

/// Where the kernel is built.
#[must_use]
pub fn path() -> PathBuf {
    path_in(&directory())
}

/// Where [`command_in`] leaves the kernel.
#[must_use]
pub fn path_in(directory: &Path) -> PathBuf {
    directory.join("x86_64-roentgen/kernel/kernel")
}

/// The kernel, built if a source changed since it was.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn current(toolchain: &Toolchain) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(GIVEN) {
        return Ok(given.into());
    }
    let kernel = path();
    let stamp_path = project::target_directory("stamps")?.join("kernel");
    let root = project::root();
    let sources: Vec<PathBuf> = SOURCES.iter().map(|source| root.join(source)).collect();
    // Taken before the build: what changes during it is built next time.
    let stamp = fingerprint::metadata(&sources)?;
    if kernel.is_file() && fs::read_to_string(&stamp_path).is_ok_and(|old| old == stamp) {
        return Ok(kernel);
    }
    cargo::run("building the kernel", &mut command(toolchain, "build"))?;
    fs::write(&stamp_path, stamp).map_err(Error::file(&stamp_path))?;
    Ok(kernel)
}
