//! Where the checkout is and where things in it go. Nothing here touches the disk,
//! but for making directories and lock files.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};

/// The checkout's root: `run.sh` says it; under `cargo test` Cargo does.
#[must_use]
pub fn root() -> PathBuf {
    if let Some(root) = env::var_os("ROENTGEN_ROOT") {
        return PathBuf::from(root);
    }
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .parent()
        .map_or(manifest.clone(), Path::to_path_buf)
}

/// The directory of everything that is built.
#[must_use]
pub fn target() -> PathBuf {
    root().join("target")
}

/// A directory under `target/`, made if it is not there.
///
/// # Errors
/// Where it cannot be made.
pub fn target_directory(name: &str) -> Result<PathBuf> {
    let path = target().join(name);
    std::fs::create_dir_all(&path).map_err(Error::file(&path))?;
    Ok(path)
}

/// What outlives the checkout: `$XDG_CACHE_HOME/roentgen`, or `~/.cache/roentgen`.
/// `None` where there is no home.
#[must_use]
pub fn cache() -> Option<PathBuf> {
    env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .filter(|path| path.is_absolute())
        .map(|path| path.join("roentgen"))
}

/// Waits until nobody else holds the lock that is a file at `path`; it is held while what is
/// returned lives.
///
/// # Errors
/// Where the file cannot be made.
pub fn lock(path: &Path) -> Result<File> {
    let lock = File::create(path).map_err(Error::file(path))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(Error::file(path))?;
    Ok(lock)
}
