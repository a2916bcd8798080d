//! The loom models: protocols in which every order of steps is tried.
//!
//! They are unit tests whose names begin with `loom_`, built with `--cfg loom`, which
//! swaps a crate's atomics for the model checker's. So they have a target directory of
//! their own.

use std::process::Command;

use crate::toolchain::Toolchain;

/// How the names of models begin.
pub const PREFIX: &str = "loom_";

/// The crates that have models.
const CRATES: &[&str] = &["smp"];

/// What runs all models.
#[must_use]
pub fn command(toolchain: &Toolchain) -> Command {
    let mut command = toolchain.cargo();
    command.args(["test", "--release", "--no-fail-fast", "--lib"]);
    command.args(["--target-dir", "target/loom"]);
    for name in CRATES {
        command.args(["-p", name]);
    }
    command.env("RUSTFLAGS", "--cfg loom");
    command
}
