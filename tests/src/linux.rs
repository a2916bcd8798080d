//! The control: Debian's cloud kernel in the same emulator, with the same interpreter,
//! driven by the same console. Its first process is `tests/control/init.c`.
//!
//! The package is fetched and unpacked into `target/`; nothing is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::programs::{Link, compile_source};
use crate::project;

/// The package whose dependency is the kernel.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// Where the first process stands in the machine.
pub const INIT_PATH: &str = "/control-init";

/// How the control is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As Debian has it.
    Plain,
    /// Helped where an emulator hurts it: the TSC as its clock, no `rep movsb`, no halt.
    Best,
}

impl Variant {
    /// The CPU model for QEMU.
    #[must_use]
    pub fn cpu(self) -> &'static str {
        match self {
            Self::Plain => "max",
            Self::Best => "max,-erms,-fsrm",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Best => " clocksource=tsc tsc=reliable idle=poll",
        }
    }
}

/// A control that is ready to boot.
#[derive(Clone, Debug)]
pub struct Control {
    /// The kernel's image.
    pub kernel: PathBuf,
    /// The first process's ELF.
    pub init: PathBuf,
    /// The kernel's command line.
    pub words: String,
}

/// Fetches and builds what the control needs.
///
/// # Errors
/// Where the package cannot be had.
pub fn prepare(variant: Variant) -> Result<Control> {
    let place = project::target_directory("control")?;
    let kernel = match find_kernel(&place) {
        Some(kernel) => kernel,
        None => fetch(&place)?,
    };
    Ok(Control {
        kernel,
        init: compile_source("tests/control/init.c", Link::Static)?,
        words: format!(
            "console=ttyS1 quiet panic=-1 rdinit={INIT_PATH}{}",
            variant.words()
        ),
    })
}

fn find_kernel(place: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(place.join("root/boot")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinuz-"))
    })
}

fn fetch(place: &Path) -> Result<PathBuf> {
    let text = output(
        "looking for Debian's cloud kernel",
        Command::new("apt-cache").args(["depends", PACKAGE]),
    )?;
    let package = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"))
        .ok_or_else(|| Error::Missing(format!("apt knows no {PACKAGE}")))?;
    fetch_package(package, &place.join("root"))?;
    find_kernel(place).ok_or_else(|| Error::Missing(format!("{package} has no kernel in it")))
}

/// Fetches a package of Debian's and unpacks it into `root`, whose parent is there.
///
/// # Errors
/// Where it cannot be had.
pub fn fetch_package(package: &str, root: &Path) -> Result<()> {
    let place = root.with_extension("fetched");
    std::fs::create_dir_all(&place).map_err(Error::file(&place))?;
    output(
        &format!("fetching Debian's {package}"),
        Command::new("apt-get")
            .args(["-q", "download", package])
            .current_dir(&place),
    )?;
    let archive = std::fs::read_dir(&place)
        .map_err(Error::file(&place))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| Error::Missing("apt-get download left no package".to_owned()))?;
    output(
        &format!("unpacking Debian's {package}"),
        Command::new("dpkg-deb").arg("-x").arg(&archive).arg(root),
    )?;
    let _ = std::fs::remove_dir_all(&place);
    Ok(())
}

fn output(what: &str, command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io(what))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Tool {
        what: what.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
