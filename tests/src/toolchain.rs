//! Which `cargo` and `rustc` build everything, and how they are called.
//!
//! `run.sh` picks them (Debian's with its sources, or a rustup nightly with `rust-src`)
//! and leaves their paths in `target/toolchain`, one to a line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::project;

/// The chosen tools, by absolute path.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// `cargo`.
    pub cargo: PathBuf,
    /// `rustc`.
    pub rustc: PathBuf,
}

impl Toolchain {
    /// The toolchain that `run.sh` chose.
    ///
    /// # Errors
    /// Where it has not chosen yet.
    pub fn chosen() -> Result<Self> {
        let path = project::target().join("toolchain");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines();
        match (lines.next(), lines.next()) {
            (Some(cargo), Some(rustc)) => Ok(Self {
                cargo: cargo.into(),
                rustc: rustc.into(),
            }),
            _ => Err(Error::Missing(
                "no toolchain is chosen yet: run ./run.sh build once".to_owned(),
            )),
        }
    }

    /// A `cargo` command in the checkout's root, with exactly this toolchain: its own
    /// directory comes first in `PATH`, so that `cargo-clippy` and `rustfmt` fit.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        let directory = self.cargo.parent().unwrap_or(Path::new("/usr/bin"));
        let mut path = directory.as_os_str().to_owned();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        command
            .current_dir(project::root())
            .env("PATH", path)
            .env("RUSTC", &self.rustc)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTUP_TOOLCHAIN");
        // Variables of the Cargo that may have started us would make it rebuild.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// What the compiler says of itself (`rustc -vV`).
    ///
    /// # Errors
    /// Where it does not run.
    pub fn version(&self) -> Result<String> {
        let output = Command::new(&self.rustc)
            .arg("-vV")
            .output()
            .map_err(Error::file(&self.rustc))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
