//! System packages: what each task needs, told by the files that it needs.
//!
//! Installing is `run.sh install`'s; it knows apt, root and sudo.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result, STATUS_FAILED};
use crate::project;

/// A task and the packages that it needs beyond what `run.sh` itself asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Building the kernel and the `python` ELF.
    Build,
    /// Booting under QEMU.
    Qemu,
    /// Booting under Bochs.
    Bochs,
    /// Making a GRUB image.
    Iso,
    /// Formatting and lints.
    Check,
    /// The test suite's own programs and oracles.
    Test,
}

/// A file or a command, and the Debian package that has it.
const fn list(need: Need) -> &'static [(&'static str, &'static str)] {
    match need {
        Need::Build => &[
            ("ld.lld", "lld"),
            ("gcc", "gcc"),
            ("/usr/lib/x86_64-linux-gnu/libc.a", "libc6-dev"),
            ("/usr/lib/x86_64-linux-gnu/libffi.a", "libffi-dev"),
        ],
        Need::Qemu => &[("qemu-system-x86_64", "qemu-system-x86")],
        Need::Bochs => &[
            ("bochs", "bochs"),
            (
                "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_x_gui.so",
                "bochs-x",
            ),
            ("/usr/share/bochs/BIOS-bochs-latest", "bochsbios"),
            ("/usr/share/bochs/VGABIOS-lgpl-latest", "vgabios"),
            ("Xvfb", "xvfb"),
        ],
        Need::Iso => &[
            ("grub-mkrescue", "grub-common"),
            ("/usr/lib/grub/i386-pc/multiboot2.mod", "grub-pc-bin"),
            ("xorriso", "xorriso"),
            ("mformat", "mtools"),
        ],
        Need::Check => &[
            ("/usr/bin/python3", "python3"),
            ("/usr/share/doc/python3-venv", "python3-venv"),
        ],
        Need::Test => &[
            ("/bin/busybox", "busybox-static"),
            ("musl-gcc", "musl-tools"),
            (
                "/usr/lib/python3.11/test/test_grammar.py",
                "libpython3.11-testsuite",
            ),
            ("strace", "strace"),
            ("/usr/bin/hackbench", "rt-tests"),
            ("/usr/bin/stress-ng", "stress-ng"),
            ("cpio", "cpio"),
        ],
    }
}

/// Makes sure that what the tasks need is here, installing what is missing.
///
/// # Errors
/// [`Error::Said`] where it cannot be installed from here, and the script has printed the
/// line to type; [`Error::Missing`] where installing fails.
pub fn require(needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = needs
        .iter()
        .flat_map(|need| list(*need))
        .filter(|(probe, _)| !is_there(probe))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let script = project::root().join("run.sh");
    let status = Command::new(&script)
        .arg("install")
        .args(&missing)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(Error::file(&script))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) if code == i32::from(STATUS_FAILED) => Err(Error::Said),
        _ => Err(Error::Missing(format!("missing: {}", missing.join(" ")))),
    }
}

/// Whether a file, or a command in `PATH`, is there.
#[must_use]
pub fn is_there(probe: &str) -> bool {
    if probe.starts_with('/') {
        return Path::new(probe).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(probe).is_file())
}
