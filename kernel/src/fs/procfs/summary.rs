//! /proc/PID/status (`proc(5)`): lines with a name, in Linux's order. Left out is what
//! this kernel does not have or count: locked and pinned pages, swap, seccomp,
//! speculation, memory nodes.

use core::fmt::Write;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::status::{name, sizes, state};
use crate::cpu;
use crate::errno::Result;
use crate::memory::PAGE_SIZE;
use crate::task::credentials::ALL_CAPABILITIES;
use crate::task::process::Process;
use crate::task::{Credentials, Thread};
use crate::time::Instant;

pub(super) fn status(process: &Process, thread: u32) -> Result<Vec<u8>> {
    let credentials = process.credentials();
    let threads = process.threads();
    let this = threads.iter().find(|one| one.id() == thread);
    let mut text = b"Name:\t".to_vec();
    text.extend(name(process, thread));
    let mut rest = String::new();
    // Writing to a String cannot fail.
    let _ = identity(&mut rest, process, thread)
        .and_then(|()| owners(&mut rest, process, &credentials))
        .and_then(|()| memory(&mut rest, process))
        .and_then(|()| writeln!(rest, "Threads:\t{}", threads.len()))
        .and_then(|()| signals(&mut rest, process, this))
        .and_then(|()| capabilities(&mut rest, &credentials))
        .and_then(|()| cores(&mut rest, this))
        .and_then(|()| switches(&mut rest, this));
    text.extend_from_slice(rest.as_bytes());
    Ok(text)
}

fn identity(to: &mut String, process: &Process, thread: u32) -> core::fmt::Result {
    let state = match state(process, thread) {
        'Z' => "Z (zombie)",
        'T' => "T (stopped)",
        'R' => "R (running)",
        _ => "S (sleeping)",
    };
    write!(
        to,
        "\nUmask:\t{umask:04o}\nState:\t{state}\nTgid:\t{id}\nNgid:\t0\nPid:\t{thread}\n\
         PPid:\t{parent}\nTracerPid:\t0\n",
        umask = process.fs().umask(),
        id = process.id(),
        parent = process.parent_id(),
    )
}

fn owners(to: &mut String, process: &Process, credentials: &Credentials) -> core::fmt::Result {
    let Credentials {
        uid,
        euid,
        suid,
        gid,
        egid,
        sgid,
        groups,
    } = credentials;
    // The fourth is the id for files, which always is the effective one.
    write!(
        to,
        "Uid:\t{uid}\t{euid}\t{suid}\t{euid}\nGid:\t{gid}\t{egid}\t{sgid}\t{egid}\n\
         FDSize:\t{descriptors}\nGroups:\t",
        descriptors = process.files().size(),
    )?;
    for group in groups.as_slice() {
        write!(to, "{group} ")?;
    }
    if groups.as_slice().is_empty() {
        to.push(' ');
    }
    to.push('\n');
    Ok(())
}

fn memory(to: &mut String, process: &Process) -> core::fmt::Result {
    let pages = sizes(process);
    let kilobytes = |pages: u64| pages * (PAGE_SIZE as u64 / 1024);
    write!(
        to,
        "VmPeak:\t{size:8} kB\nVmSize:\t{size:8} kB\nVmHWM:\t{resident:8} kB\n\
         VmRSS:\t{resident:8} kB\nRssAnon:\t{anonymous:8} kB\nRssFile:\t{shared:8} kB\n\
         VmData:\t{data:8} kB\nVmExe:\t{code:8} kB\nVmSwap:\t       0 kB\n",
        size = kilobytes(pages.size),
        resident = kilobytes(pages.resident),
        anonymous = kilobytes(pages.resident.saturating_sub(pages.shared)),
        shared = kilobytes(pages.shared),
        data = kilobytes(pages.data),
        code = kilobytes(pages.text),
    )
}

fn signals(to: &mut String, process: &Process, this: Option<&Arc<Thread>>) -> core::fmt::Result {
    let shared = process.signals();
    let own = this.map(|thread| thread.signals());
    let queued: usize = process
        .threads()
        .iter()
        .map(|thread| thread.signals().pending_count())
        .sum();
    let (ignored, caught) = shared.ignored_and_caught();
    // Linux counts what is queued by user; here it is the process's.
    write!(
        to,
        "SigQ:\t{queued}/{limit}\nSigPnd:\t{pending:016x}\nShdPnd:\t{shared_pending:016x}\n\
         SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n",
        queued = queued + shared.pending_count(),
        limit = process.limit(linux::RLIMIT_SIGPENDING).0,
        pending = own.map_or(0, |signals| signals.pending()),
        shared_pending = shared.pending(),
        blocked = own.map_or(0, |signals| signals.blocked()),
    )
}

fn capabilities(to: &mut String, credentials: &Credentials) -> core::fmt::Result {
    write!(
        to,
        "CapInh:\t{none:016x}\nCapPrm:\t{permitted:016x}\nCapEff:\t{effective:016x}\n\
         CapBnd:\t{ALL_CAPABILITIES:016x}\nCapAmb:\t{none:016x}\nNoNewPrivs:\t0\n",
        none = 0,
        permitted = credentials.permitted_capabilities(),
        effective = credentials.effective_capabilities(),
    )
}

fn cores(to: &mut String, this: Option<&Arc<Thread>>) -> core::fmt::Result {
    let allowed: Vec<usize> = (0..cpu::count())
        .filter(|core| this.is_none_or(|thread| thread.scheduling().may_run_on(*core)))
        .collect();
    writeln!(to, "Cpus_allowed:\t{}", mask_text(&allowed))?;
    writeln!(to, "Cpus_allowed_list:\t{}", list_text(&allowed))
}

fn switches(to: &mut String, this: Option<&Arc<Thread>>) -> core::fmt::Result {
    let usage = this.map(|thread| thread.usage_at(Instant::now()));
    let usage = usage.unwrap_or_default();
    write!(
        to,
        "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
        usage.voluntary_switches, usage.involuntary_switches
    )
}

/// Hexadecimal words of 32 bits, the highest first and no wider than its bits: Linux's
/// `%*pb`.
fn mask_text(members: &[usize]) -> String {
    let count = cpu::count();
    let digits_of = |word: usize| (count - word * 32).min(32).div_ceil(4);
    let words: Vec<String> = (0..count.div_ceil(32))
        .rev()
        .map(|word| {
            let inside = members.iter().filter(|member| **member / 32 == word);
            let bits = inside.fold(0_u32, |bits, member| bits | 1 << (member % 32));
            format!("{bits:0width$x}", width = digits_of(word))
        })
        .collect();
    words.join(",")
}

/// Ranges such as `0-2,5`: Linux's `%*pbl`. `members` ascend.
fn list_text(members: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = members;
    while let Some(first) = rest.first() {
        let length = rest
            .iter()
            .zip(*first..)
            .take_while(|(member, expected)| *member == expected)
            .count();
        let separator = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = match length {
            1 => write!(text, "{separator}{first}"),
            _ => write!(text, "{separator}{first}-{}", first + length - 1),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    text
}
