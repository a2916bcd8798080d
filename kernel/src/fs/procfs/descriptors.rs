//! /proc/PID/fd and /proc/PID/fdinfo.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::number;
use super::process::find;
use crate::errno::{Errno, Result};
use crate::fs::file::{FileObject, OpenFile};
use crate::fs::inode::{Inode, Kind, Metadata, Time};
use crate::fs::path::Location;
use crate::fs::pseudo::{Body, Child, Listing};

/// Which of the two directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Links to what is open.
    Links,
    /// Position and flags.
    Info,
}

/// One of the two, of one process.
pub(super) struct Descriptors {
    pub id: u32,
    pub shown: Shown,
}

impl Listing for Descriptors {
    fn names(&self) -> Vec<(u64, Vec<u8>)> {
        let Ok(process) = find(self.id) else {
            return Vec::new();
        };
        let files = process.files();
        let mut names = Vec::new();
        let mut next = 0;
        while let Some(descriptor) = files.next(next) {
            names.push((descriptor as u64 + 3, descriptor.to_string().into_bytes()));
            next = descriptor + 1;
        }
        names
    }

    fn get(&self, name: &[u8]) -> Option<Child> {
        let descriptor = i32::try_from(number(name)?).ok()?;
        let id = self.id;
        let file = open_file(id, descriptor).ok()?;
        let credentials = find(id).ok()?.credentials();
        let owner = (credentials.euid, credentials.egid);
        let (body, permissions) = match self.shown {
            Shown::Info => (Body::text(move || info(id, descriptor)), 0o400),
            Shown::Links => {
                let text = move || Ok(path_of(&*open_file(id, descriptor)?));
                let jump = move || jump(&open_file(id, descriptor)?);
                let reads = if file.is_readable() { 0o500 } else { 0 };
                let writes = if file.is_writable() { 0o300 } else { 0 };
                (Body::Jump(Arc::new(text), Arc::new(jump)), reads | writes)
            }
        };
        Some(Child {
            body,
            permissions,
            owner,
        })
    }
}

fn open_file(id: u32, descriptor: i32) -> Result<Arc<OpenFile>> {
    find(id)?
        .files()
        .get_any(descriptor)
        .map_err(|_| Errno::ENOENT)
}

fn path_of(file: &OpenFile) -> Vec<u8> {
    match file.location() {
        Some(location) => location.path(),
        None => file.name().to_vec(),
    }
}

fn jump(file: &Arc<OpenFile>) -> Result<Location> {
    Ok(match file.location() {
        Some(location) => location.clone(),
        None => Location::bare(Arc::new(Unnamed(file.clone()))),
    })
}

fn info(id: u32, descriptor: i32) -> Result<Vec<u8>> {
    let process = find(id)?;
    let file = open_file(id, descriptor)?;
    let closes = process.files().closes_on_exec(descriptor).unwrap_or(false);
    let flags = file.flags() | if closes { linux::O_CLOEXEC } else { 0 };
    let position = *file.position.lock();
    let ino = file.location().map_or(0, |found| found.inode.identity().1);
    let ino = if ino == 0 {
        file.object.stat().map_or(0, |stat| stat.st_ino)
    } else {
        ino
    };
    let others = file.object.describe();
    Ok(
        format!("pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t1\nino:\t{ino}\n{others}")
            .into_bytes(),
    )
}

/// What a descriptor without an inode looks like through `/proc/PID/fd/N`.
struct Unnamed(Arc<OpenFile>);

impl Inode for Unnamed {
    fn metadata(&self) -> Metadata {
        let stat = self.0.object.stat().ok();
        let time = |seconds: u64, nanos: u64| Time {
            seconds: seconds.cast_signed(),
            nanos: nanos as u32,
        };
        let stat = stat.unwrap_or_else(crate::fs::anonymous::empty_stat);
        Metadata {
            device: stat.st_dev,
            ino: stat.st_ino,
            // Event files have no type bits at all.
            kind: Kind::from_mode(stat.st_mode).unwrap_or(Kind::File),
            permissions: stat.st_mode & 0o7777,
            links: stat.st_nlink as u32,
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: stat.st_rdev,
            size: stat.st_size.cast_unsigned(),
            blocks: stat.st_blocks.cast_unsigned(),
            accessed: time(stat.st_atime, stat.st_atime_nsec),
            modified: time(stat.st_mtime, stat.st_mtime_nsec),
            changed: time(stat.st_ctime, stat.st_ctime_nsec),
            born: None,
        }
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn FileObject>> {
        self.0.object.reopen(flags)
    }

    fn statfs(&self) -> linux::statfs {
        crate::fs::empty_statfs(0x5049_5045, 0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
