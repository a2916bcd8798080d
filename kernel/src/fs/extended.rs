//! Extended attributes (`xattr(7)`) of one inode: `user.`, `trusted.` and `security.`, as
//! Linux's tmpfs has them since 6.6. Not here: whether the caller may read or write the
//! file itself, which `user.` attributes depend on.

use std::collections::BTreeMap;

use linux_raw_sys::general as linux;

use super::permission::Caller;
use crate::errno::{Errno, Result};
use crate::sync::SleepMutex;

/// Memory that one inode's attributes may take together, in bytes.
const LIMIT: usize = 1 << 20;

/// Names and values.
#[derive(Default)]
pub struct ExtendedAttributes {
    values: SleepMutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl ExtendedAttributes {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            values: SleepMutex::new(BTreeMap::new()),
        }
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// `ENODATA`, `EOPNOTSUPP`.
    pub fn get(&self, name: &[u8], caller: &Caller) -> Result<Vec<u8>> {
        check_name(name)?;
        if is_trusted(name) && !caller.is_root() {
            return Err(Errno::ENODATA);
        }
        self.values.lock().get(name).cloned().ok_or(Errno::ENODATA)
    }

    /// Sets `name`; `flags` are those of `setxattr(2)`.
    ///
    /// # Errors
    /// `EEXIST`, `ENODATA`, `EOPNOTSUPP`, `EPERM`, `ENOSPC`.
    pub fn set(&self, name: &[u8], value: Vec<u8>, flags: u32, caller: &Caller) -> Result<()> {
        check_name(name)?;
        if !is_user(name) && !caller.is_root() {
            return Err(Errno::EPERM);
        }
        let mut values = self.values.lock();
        let is_there = values.contains_key(name);
        if is_there && flags & linux::XATTR_CREATE != 0 {
            return Err(Errno::EEXIST);
        }
        if !is_there && flags & linux::XATTR_REPLACE != 0 {
            return Err(Errno::ENODATA);
        }
        let taken: usize = values
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if taken + name.len() + value.len() > LIMIT {
            return Err(Errno::ENOSPC);
        }
        values.insert(name.to_vec(), value);
        Ok(())
    }

    /// Removes `name`.
    ///
    /// # Errors
    /// `ENODATA`, `EOPNOTSUPP`, `EPERM`.
    pub fn remove(&self, name: &[u8], caller: &Caller) -> Result<()> {
        check_name(name)?;
        if !is_user(name) && !caller.is_root() {
            return Err(Errno::EPERM);
        }
        let removed = self.values.lock().remove(name);
        removed.map(drop).ok_or(Errno::ENODATA)
    }

    /// All names, each with a NUL behind it.
    #[must_use]
    pub fn list(&self, caller: &Caller) -> Vec<u8> {
        let mut names = Vec::new();
        for name in self.values.lock().keys() {
            if caller.is_root() || !is_trusted(name) {
                names.extend_from_slice(name);
                names.push(0);
            }
        }
        names
    }
}

/// Whether it is one of those that belong to whoever may write the file.
#[must_use]
pub fn is_user(name: &[u8]) -> bool {
    name.starts_with(b"user.")
}

fn is_trusted(name: &[u8]) -> bool {
    name.starts_with(b"trusted.")
}

fn check_name(name: &[u8]) -> Result<()> {
    let suffix = name
        .strip_prefix(b"user.")
        .or_else(|| name.strip_prefix(b"trusted."))
        .or_else(|| name.strip_prefix(b"security."))
        .ok_or(Errno::EOPNOTSUPP)?;
    if suffix.is_empty() {
        return Err(Errno::EINVAL);
    }
    Ok(())
}
