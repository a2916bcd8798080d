//! Files under `target/` that somebody else may be reading, or making too.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file at once or not at all: nobody sees half of it.
///
/// # Errors
/// Where it cannot be written.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let half = path.with_extension(std::process::id().to_string());
    fs::write(&half, content).map_err(Error::file(&half))?;
    fs::rename(&half, path).map_err(Error::file(path))
}
