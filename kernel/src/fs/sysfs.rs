//! /sys: which processors there are, as far as the standard library and libc ask.

use std::sync::Arc;

use super::inode::Inode;
use super::pseudo::{Body, Child, Listing, System, Table, directory, file};

/// `SYSFS_MAGIC` of Linux.
const MAGIC: u32 = 0x6265_6572;

/// The root of a new one.
#[must_use]
pub fn root() -> Arc<dyn Inode> {
    let processors = (
        "cpu",
        Child::new(Body::Directory(Arc::new(Processors)), 0o755),
    );
    let system = directory("system", vec![processors]);
    let devices = directory("devices", vec![system]);
    let file_systems = directory("fs", vec![]);
    let kernel = directory("kernel", vec![]);
    System::root(MAGIC, Arc::new(Table(vec![devices, file_systems, kernel])))
}

/// `0-3`, or `0`.
fn range() -> Vec<u8> {
    match crate::cpu::count() {
        0 | 1 => b"0\n".to_vec(),
        count => format!("0-{}\n", count - 1).into_bytes(),
    }
}

/// /sys/devices/system/cpu: the sets, and a directory for each processor.
struct Processors;

impl Processors {
    fn sets() -> Table {
        Table(vec![
            file("kernel_max", || b"63\n".to_vec()),
            file("online", range),
            file("possible", range),
            file("present", range),
        ])
    }
}

impl Listing for Processors {
    fn names(&self) -> Vec<(u64, Vec<u8>)> {
        let mut names = Self::sets().names();
        let first = names.len() as u64 + 3;
        let processors = (0..crate::cpu::count()).map(|index| format!("cpu{index}").into_bytes());
        names.extend((first..).zip(processors));
        names
    }

    fn get(&self, name: &[u8]) -> Option<Child> {
        if let Some(found) = Self::sets().get(name) {
            return Some(found);
        }
        let index: usize = core::str::from_utf8(name.strip_prefix(b"cpu")?)
            .ok()?
            .parse()
            .ok()?;
        let is_there = index < crate::cpu::count() && format!("cpu{index}").as_bytes() == name;
        let contents = vec![file("online", || b"1\n".to_vec())];
        is_there.then(|| Child::new(Body::Directory(Arc::new(Table(contents))), 0o755))
    }
}
