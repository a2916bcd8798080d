//! /dev: which nodes there are, and what opening one gives.
//!
//! Here: the table. `memory.rs`: null, zero, full and the random devices. Not here: the
//! terminal (`fs::tty`).

mod memory;

use std::sync::Arc;

use super::file::FileObject;
use super::inode::{Inode, Kind, NewContent, device_number, device_parts};
use super::root_owned;
use crate::errno::{Errno, Result};
pub use memory::{MemoryDevice, Which};

/// Name, major and minor number, permissions (Linux, `admin-guide/devices.txt`).
const NODES: [(&str, u32, u32, u32); 9] = [
    ("null", 1, 3, 0o666),
    ("zero", 1, 5, 0o666),
    ("full", 1, 7, 0o666),
    ("random", 1, 8, 0o666),
    ("urandom", 1, 9, 0o666),
    ("kmsg", 1, 11, 0o600),
    ("tty", 5, 0, 0o666),
    ("console", 5, 1, 0o600),
    ("ptmx", 5, 2, 0o666),
];

const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Makes the nodes and links in `directory`.
pub fn populate(directory: &Arc<dyn Inode>) {
    for (name, major, minor, permissions) in NODES {
        let content = NewContent::Device(Kind::CharacterDevice, device_number(major, minor));
        let _ = directory.create(name.as_bytes(), root_owned(content, permissions));
    }
    for (name, target) in LINKS {
        let content = NewContent::Symlink(target.as_bytes().to_vec());
        let _ = directory.create(name.as_bytes(), root_owned(content, 0o777));
    }
}

/// Opens the device with this number.
///
/// # Errors
/// `ENXIO` where there is none, or no terminal for `/dev/tty`.
pub fn open(node: Arc<dyn Inode>, device: u64, flags: u32) -> Result<Arc<dyn FileObject>> {
    if node.kind() != Kind::CharacterDevice {
        return Err(Errno::ENXIO);
    }
    let which = match device_parts(device) {
        (1, 3) => Which::Null,
        (1, 5) => Which::Zero,
        (1, 7) => Which::Full,
        (1, 8 | 9) => Which::Random,
        (1, 11) => Which::Log,
        (5, 0..=2) | (136, _) => return super::tty::open_device(node, device, flags),
        _ => return Err(Errno::ENXIO),
    };
    Ok(Arc::new(MemoryDevice::new(which, node)))
}
