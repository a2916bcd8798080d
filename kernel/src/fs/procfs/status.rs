//! The text files in /proc/PID (`proc(5)`), but for `status`, which is in `summary.rs`.

use core::fmt::Write;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::fs::mount;
use crate::memory::space::Statm;
use crate::memory::{PAGE_SIZE, pressure};
use crate::task::process::Process;

/// Longest argument or environment block that is shown.
const LONGEST_BLOCK: usize = 8 << 20;

/// The bytes of the process's memory in `range`, as far as they can be read.
fn memory(process: &Process, range: (usize, usize)) -> Vec<u8> {
    let length = range.1.saturating_sub(range.0).min(LONGEST_BLOCK);
    let mut bytes = Vec::new();
    if pressure::reserve_exact(&mut bytes, length, Errno::ENOMEM).is_err() {
        return bytes;
    }
    bytes.resize(length, 0);
    let read = process
        .try_space()
        .map_or(0, |space| space.read_remote(range.0, &mut bytes));
    bytes.truncate(read);
    bytes
}

pub(super) fn cmdline(process: &Process, _thread: u32) -> Result<Vec<u8>> {
    Ok(memory(process, process.argument_range()))
}

pub(super) fn environ(process: &Process, _thread: u32) -> Result<Vec<u8>> {
    Ok(memory(process, process.environment_range()))
}

pub(super) fn auxv(process: &Process, _thread: u32) -> Result<Vec<u8>> {
    let words = process.program().auxiliary;
    Ok(words.iter().flat_map(|word| word.to_ne_bytes()).collect())
}

pub(super) fn comm(process: &Process, thread: u32) -> Result<Vec<u8>> {
    let mut name = name(process, thread);
    name.push(b'\n');
    Ok(name)
}

/// The name of a thread, and of the process's first where it has ended.
pub(super) fn name(process: &Process, thread: u32) -> Vec<u8> {
    let threads = process.threads();
    let found = threads.iter().find(|one| one.id() == thread);
    found.map_or_else(|| process.name(), |thread| thread.name())
}

pub(super) fn statm(process: &Process, _thread: u32) -> Result<Vec<u8>> {
    let pages = sizes(process);
    Ok(format!(
        "{} {} {} {} 0 {} 0\n",
        pages.size, pages.resident, pages.shared, pages.text, pages.data
    )
    .into_bytes())
}

/// Sizes of the address space; zero for a process that has ended.
pub(super) fn sizes(process: &Process) -> Statm {
    process
        .try_space()
        .map_or_else(Statm::default, |space| space.statm())
}

/// The letter for the state of a thread, and of the process where it has none left.
pub(super) fn state(process: &Process, thread: u32) -> char {
    if process.is_zombie() {
        return 'Z';
    }
    let threads = process.threads();
    let found = threads.iter().find(|one| one.id() == thread);
    char::from(found.map_or(b'R', |thread| thread.state_letter()))
}

/// Clock ticks (`USER_HZ`, 100 a second) for nanoseconds.
fn ticks(nanos: u64) -> u64 {
    nanos / 10_000_000
}

/// One line of 52 fields; what is not measured is 0, as proc(5) allows for most.
pub(super) fn stat(process: &Process, thread: u32) -> Result<Vec<u8>> {
    let pages = sizes(process);
    let threads = process.threads();
    let this = threads.iter().find(|one| one.id() == thread);
    let mut line = format!("{thread} (").into_bytes();
    line.extend(this.map_or_else(|| process.name(), |thread| thread.name()));
    let niceness = this.map_or(0, |thread| thread.niceness());
    let (usage, children) = (process.usage(), process.children_usage());
    let rest = format!(
        ") {state} {parent} {group} {session} 0 -1 4194304 {faults} {child_faults} 0 0 {user} {system} {child_user} {child_system} \
         {priority} {niceness} {threads} 0 {started} {size} {resident} {limit} \
         0 0 0 0 0 0 0 0 0 0 0 0 17 {core} 0 {policy} 0 0 0 0 0 0 0 0 0 0 0\n",
        state = state(process, thread),
        parent = process.parent_id(),
        group = process.group_id(),
        session = process.session_id(),
        faults = usage.page_faults,
        child_faults = children.page_faults,
        user = ticks(usage.user),
        system = ticks(usage.system),
        child_user = ticks(children.user),
        child_system = ticks(children.system),
        priority = 20 + niceness,
        threads = threads.len(),
        started = ticks(process.started().as_nanos()),
        size = pages.size * PAGE_SIZE as u64,
        resident = pages.resident,
        limit = process.limit(linux::RLIMIT_RSS).0,
        core = this.map_or(0, |thread| thread.core()),
        policy = this.map_or(0, |thread| thread.policy() & !linux::SCHED_RESET_ON_FORK),
    );
    line.extend_from_slice(rest.as_bytes());
    Ok(line)
}

pub(super) fn limits(process: &Process, _thread: u32) -> Result<Vec<u8>> {
    const LIMITS: [(&str, u32, &str); 16] = [
        ("Max cpu time", linux::RLIMIT_CPU, "seconds"),
        ("Max file size", linux::RLIMIT_FSIZE, "bytes"),
        ("Max data size", linux::RLIMIT_DATA, "bytes"),
        ("Max stack size", linux::RLIMIT_STACK, "bytes"),
        ("Max core file size", linux::RLIMIT_CORE, "bytes"),
        ("Max resident set", linux::RLIMIT_RSS, "bytes"),
        ("Max processes", linux::RLIMIT_NPROC, "processes"),
        ("Max open files", linux::RLIMIT_NOFILE, "files"),
        ("Max locked memory", linux::RLIMIT_MEMLOCK, "bytes"),
        ("Max address space", linux::RLIMIT_AS, "bytes"),
        ("Max file locks", linux::RLIMIT_LOCKS, "locks"),
        ("Max pending signals", linux::RLIMIT_SIGPENDING, "signals"),
        ("Max msgqueue size", linux::RLIMIT_MSGQUEUE, "bytes"),
        ("Max nice priority", linux::RLIMIT_NICE, ""),
        ("Max realtime priority", linux::RLIMIT_RTPRIO, ""),
        ("Max realtime timeout", linux::RLIMIT_RTTIME, "us"),
    ];
    let show = |value: u64| match value {
        u64::MAX => "unlimited".to_owned(),
        value => value.to_string(),
    };
    let (name, soft, hard, unit) = ("Limit", "Soft Limit", "Hard Limit", "Units");
    let mut text = format!("{name:<25} {soft:<20} {hard:<20} {unit:<10}\n");
    for (name, number, unit) in LIMITS {
        let (soft, hard) = process.limit(number);
        let (soft, hard) = (show(soft), show(hard));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<25} {soft:<20} {hard:<20} {unit:<10}");
    }
    Ok(text.into_bytes())
}

/// Everything that is mounted: path and kind of file system.
fn all_mounts() -> Vec<(&'static str, &'static str)> {
    let root = [("/", "tmpfs")];
    let others = mount::all().iter().map(|mount| (mount.path, mount.kind));
    root.into_iter().chain(others).collect()
}

pub(super) fn mounts() -> Vec<u8> {
    let lines = all_mounts().into_iter();
    let lines = lines.map(|(path, kind)| format!("{kind} {path} {kind} rw,relatime 0 0\n"));
    lines.collect::<String>().into_bytes()
}

pub(super) fn mountinfo() -> Vec<u8> {
    let mut text = String::new();
    for (index, (path, kind)) in all_mounts().into_iter().enumerate() {
        let number = index + 1;
        let above = if path == "/" { 0 } else { 1 };
        let device =
            crate::fs::lookup(path.as_bytes()).map_or(0, |location| location.inode.identity().0);
        let (major, minor) = crate::fs::inode::device_parts(device);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{number} {above} {major}:{minor} / {path} rw,relatime - {kind} {kind} rw"
        );
    }
    text.into_bytes()
}
