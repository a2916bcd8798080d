//! /proc, as far as programs ask (`proc(5)`).
//!
//! Here: the root and /proc/sys. `system.rs`: files about the machine. `process.rs`: the
//! directory of a process and of a thread. `status.rs`: its text files; `summary.rs`: the
//! one that is called status. `descriptors.rs`: fd and fdinfo.

mod descriptors;
mod process;
mod status;
mod summary;
mod system;

use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::inode::Inode;
use super::pseudo::{Body, Child, Listing, Node, System, Table, directory, file};
use crate::errno::Result;
use crate::task::Process;
use crate::{task, uts};

/// The root of a new one.
#[must_use]
pub fn root() -> Arc<dyn Inode> {
    let fixed = Table(vec![
        file("cmdline", || b"\n".to_vec()),
        file("cpuinfo", system::cpuinfo),
        file("filesystems", || {
            b"nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tpipefs\nnodev\tsockfs\n".to_vec()
        }),
        file("loadavg", system::loadavg),
        file("meminfo", system::meminfo),
        file("stat", system::stat),
        file("uptime", system::uptime),
        file("version", system::version),
        (
            "mounts",
            Child::new(Body::link(|| Ok(b"self/mounts".to_vec())), 0o777),
        ),
        ("self", Child::new(Body::link(own), 0o777)),
        ("thread-self", Child::new(Body::link(own_thread), 0o777)),
        directory("sys", settings()),
    ]);
    System::root(linux::PROC_SUPER_MAGIC, Arc::new(Root(fixed)))
}

fn own() -> Result<Vec<u8>> {
    Ok(task::current_process().id().to_string().into_bytes())
}

fn own_thread() -> Result<Vec<u8>> {
    let thread = task::current();
    Ok(format!("{}/task/{}", thread.process().id(), thread.id()).into_bytes())
}

/// /proc/sys; all of it can only be read.
fn settings() -> Vec<(&'static str, Child)> {
    let random = directory(
        "random",
        vec![
            file("boot_id", system::boot_id),
            file("entropy_avail", || b"256\n".to_vec()),
            file("poolsize", || b"256\n".to_vec()),
            file("uuid", system::uuid),
        ],
    );
    let kernel = directory(
        "kernel",
        vec![
            file("cap_last_cap", || b"40\n".to_vec()),
            file("domainname", || [&uts::DOMAIN.get()[..], b"\n"].concat()),
            file("hostname", || [&uts::HOST.get()[..], b"\n"].concat()),
            file("ngroups_max", || b"65536\n".to_vec()),
            file("osrelease", || [system::RELEASE.as_bytes(), b"\n"].concat()),
            file("ostype", || b"Linux\n".to_vec()),
            file("pid_max", || b"4194304\n".to_vec()),
            random,
            file("threads-max", || b"4194304\n".to_vec()),
        ],
    );
    let files = directory(
        "fs",
        vec![
            file("file-max", || b"9223372036854775807\n".to_vec()),
            file("nr_open", || {
                format!("{}\n", super::table::MOST_DESCRIPTORS).into_bytes()
            }),
            file("pipe-max-size", || b"1048576\n".to_vec()),
        ],
    );
    let memory = directory(
        "vm",
        vec![
            file("max_map_count", || b"65530\n".to_vec()),
            file("mmap_min_addr", || b"65536\n".to_vec()),
            file("overcommit_memory", || b"0\n".to_vec()),
        ],
    );
    let network = directory(
        "net",
        vec![directory(
            "core",
            vec![file("somaxconn", || b"4096\n".to_vec())],
        )],
    );
    vec![files, kernel, network, memory]
}

/// The fixed names and a directory for each process.
struct Root(Table);

/// Process ids come behind all fixed names in listings.
const FIRST_PROCESS_COOKIE: u64 = 256;

impl Listing for Root {
    fn names(&self) -> Vec<(u64, Vec<u8>)> {
        let mut names = self.0.names();
        let mut processes: Vec<u32> = task::process::all()
            .iter()
            .map(|process| process.id())
            .collect();
        processes.sort_unstable();
        names.extend(processes.into_iter().map(|id| {
            (
                FIRST_PROCESS_COOKIE + u64::from(id),
                id.to_string().into_bytes(),
            )
        }));
        names
    }

    fn get(&self, name: &[u8]) -> Option<Child> {
        match number(name) {
            Some(id) => process::directory(id),
            None => self.0.get(name),
        }
    }
}

/// The process whose directory `inode` is; None where it is no process's.
///
/// # Errors
/// `ESRCH` where the process is gone.
#[must_use]
pub fn process_of(inode: &dyn Inode) -> Option<Result<Arc<Process>>> {
    let node = inode.as_any().downcast_ref::<Node>()?;
    let id = number(node.name_in_root(linux::PROC_SUPER_MAGIC)?)?;
    Some(process::find(id))
}

/// A decimal number without leading zeros.
fn number(name: &[u8]) -> Option<u32> {
    if !name.iter().all(u8::is_ascii_digit) || (name.len() > 1 && name.first() == Some(&b'0')) {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}
