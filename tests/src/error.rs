//! What can go wrong on the host side, each as one clear line and an exit status.
//!
//! Not here: what the guest's program does; its status is its own.

use std::path::{Path, PathBuf};

/// [`std::result::Result`] with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// Exit status where the caller's input is at fault.
pub const STATUS_USAGE: u8 = 2;
/// Exit status where the kernel panicked.
pub const STATUS_PANIC: u8 = 101;
/// Exit status where the time was up, as `timeout(1)` has it.
pub const STATUS_TIMEOUT: u8 = 124;
/// Exit status where the machine or this program failed, not the guest's program.
pub const STATUS_FAILED: u8 = 125;

/// Why the host side cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A wrong option or value.
    #[error("{0} (./run.sh help shows the options)")]
    Usage(String),
    /// Python's own words for a program that cannot be read.
    #[error("can't open file '{}': {}", path.display(), as_python(reason))]
    Program {
        /// The path as it was typed.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// `--share` names a tree that does not fit.
    #[error("{} is too large to share: more than {limit_mib} MiB", path.display())]
    ShareTooLarge {
        /// The tree's root.
        path: PathBuf,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// Packages that the program needs cannot be had.
    #[error("{asked}: {reason}")]
    Requirements {
        /// What was asked for.
        asked: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// The guest's memory cannot hold what it boots from.
    #[error("--mem is too small: this program needs at least {needed_mib}M")]
    MemoryTooSmall {
        /// The least that would do, in MiB.
        needed_mib: u64,
    },
    /// A tool that is not installed and cannot be.
    #[error("{0}")]
    Missing(String),
    /// What is wrong was said already, by the script that was run.
    #[error("said before")]
    Said,
    /// A compiler or another tool failed; its output is part of the message.
    #[error("{what} failed{}{output}", if output.is_empty() { "" } else { "\n" })]
    Tool {
        /// What was being done.
        what: String,
        /// What the tool printed.
        output: String,
    },
    /// The machine did not do what a machine should.
    #[error("{0}")]
    Machine(String),
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The system's words as Python has them: `[Errno 2] No such file or directory`.
fn as_python(reason: &std::io::Error) -> String {
    let text = reason.to_string();
    match (reason.raw_os_error(), text.split_once(" (os error")) {
        (Some(number), Some((words, _))) => format!("[Errno {number}] {words}"),
        _ => text,
    }
}

impl Error {
    /// The exit status that goes with the error.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Program { .. }
            | Self::ShareTooLarge { .. }
            | Self::Requirements { .. }
            | Self::MemoryTooSmall { .. } => STATUS_USAGE,
            Self::Missing(_)
            | Self::Said
            | Self::Tool { .. }
            | Self::Machine(_)
            | Self::Io { .. } => STATUS_FAILED,
        }
    }

    /// For `map_err`: the system's error with what was being done.
    pub fn io<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Io {
            what,
            source: source.into(),
        }
    }

    /// For `map_err`: the system's error with the file that it is about.
    pub fn file<E: Into<std::io::Error>>(path: &Path) -> impl FnOnce(E) -> Self {
        Self::io(path.display().to_string())
    }
}
