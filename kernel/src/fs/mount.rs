//! What is mounted where: made at boot, never changed after.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use spin::Once;

use super::inode::{Inode, Kind, device_number, is_same};
use crate::errno::Result;

/// A file system and the directory that it covers.
pub struct Mount {
    /// The covered directory.
    pub point: Arc<dyn Inode>,
    /// The file system's root, which is seen instead.
    pub root: Arc<dyn Inode>,
    /// Where it is, for `/proc/mounts`.
    pub path: &'static str,
    /// What it is, for `/proc/mounts`.
    pub kind: &'static str,
}

struct Table {
    root: Arc<dyn Inode>,
    mounts: Vec<Mount>,
}

static NEXT_DEVICE: AtomicU64 = AtomicU64::new(1);

/// A number for a file system without a device.
#[must_use]
pub fn anonymous_device() -> u64 {
    let minor = NEXT_DEVICE.fetch_add(1, Ordering::Relaxed);
    device_number(0, u32::try_from(minor).unwrap_or(u32::MAX))
}

static TABLE: Once<Table> = Once::new();

/// Sets the table, once, at boot.
pub fn set(root: Arc<dyn Inode>, mounts: Vec<Mount>) {
    TABLE.call_once(|| Table { root, mounts });
}

/// The root of all. None before [`set`].
#[must_use]
pub fn root() -> Option<Arc<dyn Inode>> {
    TABLE.get().map(|table| table.root.clone())
}

/// All mounts but the root's.
#[must_use]
pub fn all() -> &'static [Mount] {
    TABLE.get().map_or(&[], |table| &table.mounts)
}

/// Looks up `name` in `directory` and goes through a mount on it.
pub fn lookup(directory: &Arc<dyn Inode>, name: &[u8]) -> Result<Arc<dyn Inode>> {
    let found = directory.lookup(name)?;
    if found.kind() != Kind::Directory {
        return Ok(found);
    }
    let mount = all().iter().find(|mount| is_same(&*mount.point, &*found));
    Ok(mount.map_or(found, |mount| mount.root.clone()))
}

/// The directory above `directory`, across a mount, and the name in it; None at the root
/// of all.
#[must_use]
pub fn parent(directory: &Arc<dyn Inode>) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
    if let Some(parent) = directory.parent() {
        return Some((parent, directory.name()));
    }
    let mount = all()
        .iter()
        .find(|mount| is_same(&*mount.root, &**directory))?;
    Some((mount.point.parent()?, mount.point.name()))
}

/// Whether something is mounted on `inode`, or it is a mount's root.
#[must_use]
pub fn is_mount(inode: &Arc<dyn Inode>) -> bool {
    all()
        .iter()
        .any(|mount| is_same(&*mount.root, &**inode) || is_same(&*mount.point, &**inode))
}
