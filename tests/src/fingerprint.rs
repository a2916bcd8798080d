//! Has a source changed? By metadata (fast, every run) and by content (the key of
//! what is cached across checkouts).
//!
//! The metadata stamp holds every file's size, inode, mtime and ctime. A ctime cannot
//! be set back, so a file that is swapped for an older one counts as changed too.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Every file under `roots` (files or directories; absent ones are left out), sorted.
///
/// # Errors
/// Where a directory cannot be read.
pub fn files_under(roots: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut waiting = roots.to_vec();
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if !metadata.is_dir() {
            files.push(path);
            continue;
        }
        for entry in fs::read_dir(&path).map_err(Error::file(&path))? {
            let entry = entry.map_err(Error::file(&path))?;
            if entry.file_name() != "__pycache__" && entry.file_name() != "target" {
                waiting.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The metadata stamp of every file under `roots`.
///
/// # Errors
/// Where a directory cannot be read.
pub fn metadata(roots: &[PathBuf]) -> Result<String> {
    let mut stamp = String::new();
    for path in files_under(roots)? {
        let about = fs::symlink_metadata(&path).map_err(Error::file(&path))?;
        let _ = writeln!(
            stamp,
            "{} {} {} {}.{} {}.{}",
            path.display(),
            about.len(),
            about.ino(),
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec(),
        );
    }
    Ok(stamp)
}

/// Gathers what something is made from into one key.
pub struct ContentKey(Sha256);

impl Default for ContentKey {
    fn default() -> Self {
        Self(Sha256::new())
    }
}

impl ContentKey {
    /// Adds a piece of text under a name.
    pub fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    /// Adds every file under `roots`, by its path below `base` and its content.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn files(&mut self, base: &Path, roots: &[PathBuf]) -> Result<()> {
        for path in files_under(roots)? {
            let name = path.strip_prefix(base).unwrap_or(&path);
            let content = fs::read(&path).map_err(Error::file(&path))?;
            self.bytes(&name.to_string_lossy(), &content);
        }
        Ok(())
    }

    /// The key: 32 hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        let mut key = String::new();
        for byte in &self.0.finalize()[..16] {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    /// Adds bytes under a name. Lengths go first, so that no two lists of pieces give the same
    /// bytes.
    pub fn bytes(&mut self, name: &str, content: &[u8]) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name);
        self.0.update((content.len() as u64).to_le_bytes());
        self.0.update(content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_file_changes_the_stamp_even_with_its_old_time() {
        let directory = tempfile::tempdir().unwrap();
        let (source, older) = (directory.path().join("a.rs"), directory.path().join("b.rs"));
        fs::write(&older, "old").unwrap();
        fs::write(&source, "new").unwrap();
        let roots = [source.clone()];
        let before = metadata(&roots).unwrap();
        assert_eq!(before, metadata(&roots).unwrap());
        fs::rename(&older, &source).unwrap();
        assert_ne!(before, metadata(&roots).unwrap());
    }

    #[test]
    fn a_key_depends_on_names_and_on_content() {
        let key = |pieces: &[(&str, &str)]| {
            let mut key = ContentKey::default();
            for (name, text) in pieces {
                key.text(name, text);
            }
            key.finish()
        };
        assert_eq!(key(&[("a", "b")]), key(&[("a", "b")]));
        assert_ne!(key(&[("a", "b")]), key(&[("ab", "")]));
        assert_ne!(key(&[("a", "b")]), key(&[("a", ""), ("", "b")]));
    }
}
