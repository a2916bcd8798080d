//! Scheduling: affinity, priorities, yielding, and the time that was used.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use crate::cpu;
use crate::errno::{Errno, Result};
use crate::memory::user;
use crate::task::thread::{Affinity, Thread};
use crate::task::usage::Usage;
use crate::task::{self, process, scheduler};
use crate::time::{self, Instant};

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_sched_yield => {
            scheduler::yield_now();
            Ok(0)
        }
        linux::__NR_sched_getaffinity => getaffinity(args),
        linux::__NR_sched_setaffinity => setaffinity(args),
        linux::__NR_getcpu => getcpu(args),
        linux::__NR_sched_getscheduler => thread_of(args[0]).map(|thread| thread.policy() as usize),
        linux::__NR_sched_setscheduler => setscheduler(args),
        linux::__NR_sched_getparam => getparam(args),
        linux::__NR_sched_setparam => setparam(args),
        linux::__NR_sched_get_priority_max | linux::__NR_sched_get_priority_min => {
            priority_range(number, args)
        }
        linux::__NR_sched_rr_get_interval => rr_interval(args),
        linux::__NR_getpriority => getpriority(args),
        linux::__NR_setpriority => setpriority(args),
        linux::__NR_getrusage => getrusage(args),
        linux::__NR_times => times(args),
        _ => return None,
    })
}

fn thread_of(id: usize) -> Result<Arc<Thread>> {
    match id as i32 {
        0 => Ok(task::current().to_arc()),
        id if id < 0 => Err(Errno::EINVAL),
        id => process::find_thread(id as u32).ok_or(Errno::ESRCH),
    }
}

/// As [`thread_of`], for the calls about affinity: to them a negative id is one that
/// nobody has.
fn thread_of_any(id: usize) -> Result<Arc<Thread>> {
    thread_of(id).map_err(|_| Errno::ESRCH)
}

/// Whether the current thread may decide about `thread`'s scheduling: sched(7).
fn may_decide_about(thread: &Thread) -> bool {
    let (mine, theirs) = (task::current_credentials(), thread.process().credentials());
    mine.euid == 0 || mine.euid == theirs.euid || mine.euid == theirs.uid
}

/// Bytes of a mask that covers all cores, in whole words.
fn mask_bytes() -> usize {
    cpu::count().div_ceil(64) * 8
}

fn getaffinity([id, size, to, ..]: [usize; 6]) -> Result<usize> {
    let size = size as u32 as usize;
    let needed = mask_bytes();
    if size < needed || !size.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let affinity = thread_of_any(id)?.affinity();
    let mut bytes = Vec::with_capacity(needed);
    for (index, word) in affinity.iter().take(needed / 8).enumerate() {
        let mut word = *word;
        let cores = cpu::count() - index * 64;
        if cores < 64 {
            word &= (1 << cores) - 1;
        }
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    user::copy_out(to, &bytes)?;
    Ok(needed)
}

/// Reads a mask of `size` bytes.
///
/// # Errors
/// `EFAULT`.
pub(super) fn read_mask(from: usize, size: usize) -> Result<Affinity> {
    let mut bytes = [0; size_of::<Affinity>()];
    let length = size.min(bytes.len());
    user::copy_in(from, &mut bytes[..length])?;
    let mut affinity: Affinity = [0; cpu::MAX_CORES / 64];
    for (word, chunk) in affinity.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut raw = [0; 8];
        raw.copy_from_slice(chunk);
        *word = u64::from_le_bytes(raw);
    }
    Ok(affinity)
}

/// Whether a thread may run where `affinity` says.
///
/// # Errors
/// `EINVAL` where no core of it is up.
pub(super) fn check_mask(affinity: &Affinity) -> Result<()> {
    let is_any_up = (0..cpu::count()).any(|core| affinity[core / 64] & (1 << (core % 64)) != 0);
    if is_any_up {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

fn setaffinity([id, size, from, ..]: [usize; 6]) -> Result<usize> {
    let affinity = read_mask(from, size as u32 as usize)?;
    let thread = thread_of_any(id)?;
    if !may_decide_about(&thread) {
        return Err(Errno::EPERM);
    }
    check_mask(&affinity)?;
    thread.set_affinity(affinity);
    if core::ptr::eq(&*thread, &*task::current()) {
        // Leaves at once, if this core is no longer among them.
        scheduler::yield_now();
    } else {
        cpu::interrupts::nudge(thread.core());
    }
    Ok(0)
}

fn getcpu([core, node, ..]: [usize; 6]) -> Result<usize> {
    if core != 0 {
        user::write(core, &(cpu::current_id() as u32))?;
    }
    if node != 0 {
        user::write(node, &0_u32)?;
    }
    Ok(0)
}

/// `SCHED_BATCH` is `SCHED_OTHER` by another name. There are no realtime classes: asking
/// for one is not permitted, to nobody, as on Linux without `CAP_SYS_NICE`.
fn setscheduler([id, policy, parameter, ..]: [usize; 6]) -> Result<usize> {
    // In Linux's order: its own arguments first, then the thread.
    if (policy as i32) < 0 || (id as i32) < 0 || parameter == 0 {
        return Err(Errno::EINVAL);
    }
    let priority: i32 = user::read(parameter)?;
    let thread = thread_of(id)?;
    let policy = policy as u32;
    let class = policy & !linux::SCHED_RESET_ON_FORK;
    match class {
        linux::SCHED_NORMAL | linux::SCHED_BATCH | linux::SCHED_IDLE if priority == 0 => {}
        linux::SCHED_FIFO | linux::SCHED_RR if (1..=99).contains(&priority) => {
            return Err(Errno::EPERM);
        }
        _ => return Err(Errno::EINVAL),
    }
    let is_superuser = task::current_credentials().euid == 0;
    let old = thread.policy();
    let leaves_idle =
        old & !linux::SCHED_RESET_ON_FORK == linux::SCHED_IDLE && class != linux::SCHED_IDLE;
    let drops_reset = old & !policy & linux::SCHED_RESET_ON_FORK != 0;
    if !may_decide_about(&thread) || (!is_superuser && (leaves_idle || drops_reset)) {
        return Err(Errno::EPERM);
    }
    thread.set_policy(policy);
    Ok(0)
}

fn getparam([id, to, ..]: [usize; 6]) -> Result<usize> {
    thread_of(id)?;
    user::write(to, &0_i32)?;
    Ok(0)
}

fn setparam([id, from, ..]: [usize; 6]) -> Result<usize> {
    thread_of(id)?;
    match user::read::<i32>(from)? {
        0 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

fn priority_range(number: u32, [policy, ..]: [usize; 6]) -> Result<usize> {
    let is_max = number == linux::__NR_sched_get_priority_max;
    match policy as u32 {
        linux::SCHED_FIFO | linux::SCHED_RR => Ok(if is_max { 99 } else { 1 }),
        linux::SCHED_NORMAL | linux::SCHED_BATCH | linux::SCHED_IDLE | linux::SCHED_DEADLINE => {
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn rr_interval([id, to, ..]: [usize; 6]) -> Result<usize> {
    let slice = scheduler::slice(thread_of(id)?.scheduling());
    super::time::write_timespec(to, slice)?;
    Ok(0)
}

/// The threads that `which` and `who` of `getpriority` mean.
fn priority_targets(which: usize, who: usize) -> Result<Vec<Arc<Thread>>> {
    let who = who as u32;
    let me = task::current_process();
    let threads = match which as u32 {
        linux::PRIO_PROCESS => vec![thread_of(who as usize)?],
        linux::PRIO_PGRP => {
            let group = if who == 0 { me.group_id() } else { who };
            process::all()
                .iter()
                .filter(|process| process.group_id() == group)
                .flat_map(|process| process.threads())
                .collect()
        }
        linux::PRIO_USER => {
            let user = if who == 0 { me.credentials().uid } else { who };
            process::all()
                .iter()
                .filter(|process| process.credentials().uid == user)
                .flat_map(|process| process.threads())
                .collect()
        }
        _ => return Err(Errno::EINVAL),
    };
    if threads.is_empty() {
        Err(Errno::ESRCH)
    } else {
        Ok(threads)
    }
}

fn getpriority([which, who, ..]: [usize; 6]) -> Result<usize> {
    let threads = priority_targets(which, who)?;
    let best = threads
        .iter()
        .map(|thread| thread.niceness())
        .min()
        .unwrap_or(0);
    // The raw call counts from 40 down, so that no value looks like an error.
    Ok((20 - best) as usize)
}

fn setpriority([which, who, value, ..]: [usize; 6]) -> Result<usize> {
    let value = (value as i32).clamp(-20, 19);
    let is_superuser = task::current_credentials().euid == 0;
    for thread in priority_targets(which, who)? {
        if !may_decide_about(&thread) {
            return Err(Errno::EPERM);
        }
        if value < thread.niceness() && !is_superuser {
            return Err(Errno::EACCES);
        }
        thread.set_niceness(value);
    }
    Ok(0)
}

/// `struct rusage`: time in user mode and in the kernel, the resident size in bytes, page
/// faults (none needs a disk), and switches. What is not counted here is zero.
#[must_use]
pub fn usage_bytes(usage: &Usage, resident: u64) -> [u8; 144] {
    let mut bytes = [0; 144];
    let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    for (at, nanos) in [(0, usage.user), (16, usage.system)] {
        put(at, nanos / 1_000_000_000);
        put(at + 8, nanos / 1000 % 1_000_000);
    }
    put(32, resident / 1024);
    put(64, usage.page_faults);
    put(128, usage.voluntary_switches);
    put(136, usage.involuntary_switches);
    bytes
}

fn getrusage([who, to, ..]: [usize; 6]) -> Result<usize> {
    const THREAD: i32 = 1;
    const CHILDREN: i32 = -1;
    task::current().note_look();
    let process = task::current_process();
    let resident = || process.space().statm().resident * crate::memory::PAGE_SIZE as u64;
    let bytes = match who as i32 {
        0 => usage_bytes(&process.usage(), resident()),
        THREAD => usage_bytes(&task::current().usage_at(Instant::now()), resident()),
        CHILDREN => usage_bytes(&process.children_usage(), 0),
        _ => return Err(Errno::EINVAL),
    };
    user::copy_out(to, &bytes)?;
    Ok(0)
}

fn times([to, ..]: [usize; 6]) -> Result<usize> {
    /// Nanoseconds in a clock tick (`sysconf(_SC_CLK_TCK)` is 100).
    const TICK: u64 = 10_000_000;
    if to != 0 {
        task::current().note_look();
        let process = task::current_process();
        let (own, children) = (process.usage(), process.children_usage());
        let times = [own.user, own.system, children.user, children.system];
        user::write(to, &times.map(|nanos| nanos / TICK))?;
    }
    Ok((time::uptime_nanos() / TICK) as usize)
}
