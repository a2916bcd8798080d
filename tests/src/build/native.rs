//! Static Rust programs for the machine: one file, no crates, for Linux.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, Result};
use crate::fingerprint::ContentKey;
use crate::project;
use crate::toolchain::Toolchain;

const OPTIONS: [&str; 7] = [
    "--edition=2024",
    "-O",
    "-Dwarnings",
    "-Ctarget-feature=+crt-static",
    "-Crelocation-model=static",
    "--target",
    "x86_64-unknown-linux-gnu",
];

/// Compiles a source of the checkout, if it changed since; the ELF's path.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn compile(source: &str) -> Result<PathBuf> {
    let path = project::root().join(source);
    let toolchain = Toolchain::chosen()?;
    let mut key = ContentKey::default();
    key.files(&project::root(), std::slice::from_ref(&path))?;
    key.text("options", &OPTIONS.join(" "));
    key.text("compiler", &toolchain.version()?);
    let name = path.file_stem().unwrap_or_default().display().to_string();
    let place = project::target_directory("programs")?;
    let program = place.join(format!("{name}-rust-{}", key.finish()));
    if program.is_file() {
        return Ok(program);
    }
    let half = place.join(format!("{name}-rust-{}", std::process::id()));
    let output = Command::new(&toolchain.rustc)
        .args(OPTIONS)
        .arg("-o")
        .arg(&half)
        .arg(&path)
        .output()
        .map_err(Error::io("rustc"))?;
    if !output.status.success() {
        return Err(Error::Tool {
            what: format!("compiling {source}"),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    fs::rename(&half, &program).map_err(Error::file(&half))?;
    Ok(program)
}
