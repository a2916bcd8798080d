//! /proc/PID and /proc/PID/task/TID.

use std::sync::Arc;

use super::descriptors::{Descriptors, Shown};
use super::{number, status, summary};
use crate::errno::{Errno, Result};
use crate::fs::path::{Location, absolute_path};
use crate::fs::pseudo::{Body, Child, Listing, Table};
use crate::task::process::{self, Process};

/// The process, while it is there.
pub(super) fn find(id: u32) -> Result<Arc<Process>> {
    process::find(id).ok_or(Errno::ESRCH)
}

fn owner(id: u32) -> (u32, u32) {
    process::find(id).map_or((0, 0), |process| {
        let credentials = process.credentials();
        (credentials.euid, credentials.egid)
    })
}

/// The directory of process `id`, if there is one. A thread's id serves as well, as on
/// Linux, but only the leader's is listed.
pub(super) fn directory(id: u32) -> Option<Child> {
    process::find(id)?;
    let mut entries = contents(id, id);
    let threads = Body::Directory(Arc::new(Threads(id)));
    entries.push(("task", Child::new(threads, 0o555)));
    Some(owned(id, Body::Directory(Arc::new(Table(entries))), 0o555))
}

fn owned(id: u32, body: Body, permissions: u32) -> Child {
    Child {
        body,
        permissions,
        owner: owner(id),
    }
}

type Maker = fn(&Process, u32) -> Result<Vec<u8>>;

/// What process and thread directories have in common.
fn contents(id: u32, thread: u32) -> Vec<(&'static str, Child)> {
    let text = |make: Maker, permissions: u32| {
        owned(
            id,
            Body::text(move || make(&*find(id)?, thread)),
            permissions,
        )
    };
    let mut entries = vec![
        ("auxv", text(status::auxv, 0o400)),
        ("cgroup", text(|_, _| Ok(b"0::/\n".to_vec()), 0o444)),
        ("cmdline", text(status::cmdline, 0o444)),
        ("comm", text(status::comm, 0o644)),
        ("environ", text(status::environ, 0o400)),
        ("limits", text(status::limits, 0o444)),
        (
            "maps",
            text(
                |process, _| {
                    process
                        .try_space()
                        .map_or_else(|| Ok(Vec::new()), |space| space.maps_text())
                },
                0o444,
            ),
        ),
        ("mountinfo", text(|_, _| Ok(status::mountinfo()), 0o444)),
        ("mounts", text(|_, _| Ok(status::mounts()), 0o444)),
        ("oom_score", text(|_, _| Ok(b"0\n".to_vec()), 0o444)),
        ("oom_score_adj", text(|_, _| Ok(b"0\n".to_vec()), 0o644)),
        ("stat", text(status::stat, 0o444)),
        ("statm", text(status::statm, 0o444)),
        ("status", text(summary::status, 0o444)),
    ];
    let jump = |text: fn(&Process) -> Result<Vec<u8>>, jump: fn(&Process) -> Result<Location>| {
        let text = move || text(&*find(id)?);
        let jump = move || jump(&*find(id)?);
        owned(id, Body::Jump(Arc::new(text), Arc::new(jump)), 0o777)
    };
    entries.push((
        "cwd",
        jump(
            |process| place(&process.fs().directory()),
            |process| Ok(Location::bare(process.fs().directory())),
        ),
    ));
    entries.push((
        "exe",
        jump(|process| Ok(executable(process)?.path()), executable),
    ));
    entries.push((
        "root",
        jump(
            |process| place(&process.fs().root()),
            |process| Ok(Location::bare(process.fs().root())),
        ),
    ));
    for (name, shown) in [("fd", Shown::Links), ("fdinfo", Shown::Info)] {
        let listing = Body::Directory(Arc::new(Descriptors { id, shown }));
        entries.push((name, owned(id, listing, 0o500)));
    }
    entries
}

fn executable(process: &Process) -> Result<Location> {
    process.executable().ok_or(Errno::ENOENT)
}

fn place(directory: &Arc<dyn crate::fs::inode::Inode>) -> Result<Vec<u8>> {
    Ok(absolute_path(directory, None).unwrap_or_else(|| Location::bare(directory.clone()).path()))
}

/// /proc/PID/task.
struct Threads(u32);

impl Listing for Threads {
    fn names(&self) -> Vec<(u64, Vec<u8>)> {
        let Ok(process) = find(self.0) else {
            return Vec::new();
        };
        let mut ids: Vec<u32> = process.threads().iter().map(|thread| thread.id()).collect();
        ids.sort_unstable();
        ids.into_iter()
            .map(|id| (u64::from(id) + 2, id.to_string().into_bytes()))
            .collect()
    }

    fn get(&self, name: &[u8]) -> Option<Child> {
        let thread = number(name)?;
        let process = process::find(self.0)?;
        let is_there = process.threads().iter().any(|one| one.id() == thread);
        let entries = is_there.then(|| contents(self.0, thread))?;
        Some(owned(
            self.0,
            Body::Directory(Arc::new(Table(entries))),
            0o555,
        ))
    }
}
