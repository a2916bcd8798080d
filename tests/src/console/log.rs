//! The kernel's log: kept in memory for the report, and written where the user wants it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// How much of a log is kept in memory, in bytes.
const KEPT: usize = 4 << 20;

/// Where the log goes beside memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    #[default]
    Memory,
    /// A file, written as it comes.
    File(PathBuf),
    /// Our standard error.
    Stderr,
}

/// An open log.
pub struct Log {
    kept: VecDeque<u8>,
    file: Option<File>,
    is_on_stderr: bool,
}

impl Log {
    /// Opens the log.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn open(target: &LogTarget) -> Result<Self> {
        let file = match target {
            LogTarget::File(path) => Some(File::create(path).map_err(Error::file(path))?),
            LogTarget::Memory | LogTarget::Stderr => None,
        };
        Ok(Self {
            kept: VecDeque::new(),
            file,
            is_on_stderr: *target == LogTarget::Stderr,
        })
    }

    /// Takes more of the log. A log that cannot be written is not worth the machine.
    pub fn write(&mut self, bytes: &[u8]) {
        let excess = (self.kept.len() + bytes.len()).saturating_sub(KEPT);
        self.kept.drain(..excess.min(self.kept.len()));
        self.kept.extend(bytes);
        if let Some(file) = &mut self.file {
            let _ = file.write_all(bytes);
        }
        if self.is_on_stderr {
            let _ = std::io::stderr().write_all(&super::terminal::for_display(bytes));
        }
    }

    /// Everything that was kept.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.kept.into()
    }
}
