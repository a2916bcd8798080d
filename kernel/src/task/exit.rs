//! The end of threads and processes.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::process::{self, Process};
use super::spawn::Spawned;
use super::{futex, orphans, outside, scheduler, signal, wait};
use crate::fs::{FdTable, tty};
use crate::memory::{loaded, user};
use crate::time::Instant;

/// Makes every thread of `process` leave, with this wait status. The first call counts.
pub fn begin(process: &Process, status: u32) {
    if process.ending.begin(status) {
        for thread in process.threads() {
            signal::interrupt(&thread);
        }
        process.self_events.wake_all();
    }
}

/// Ends the current thread; the process too, if it is the last. Its stack goes as it is: what the
/// callers own is never dropped, so they own nothing.
pub fn exit_thread() -> ! {
    let thread = super::current();
    let process = thread.process().clone();
    futex::leave_robust_list(&thread);
    let address = thread.clear_on_exit.swap(0, Ordering::Relaxed);
    if address != 0 && user::write(address, &0_u32).is_ok() {
        futex::wake_private(&process, address, 1);
    }
    process::forget_thread(thread.id());
    let is_last = {
        let mut threads = process.threads.lock();
        threads.retain(|other| other.id() != thread.id());
        threads.is_empty()
    };
    thread.leave_kernel();
    process.ended.add(thread.usage_at(Instant::now()));
    process.self_events.wake_all();
    if is_last {
        if process.spawned().is_none() {
            // Its parent may look at it before it waits.
            process.keep_name(thread.name());
        }
        end_process(&process);
    } else {
        signal::choose_again(&process);
        release_vfork(&process);
    }
    drop(process);
    scheduler::die();
}

/// Lets the parent of a `vfork` go on: the child has its own space, or is gone.
pub(super) fn release_vfork(process: &Process) {
    if process.try_space().is_none() || process.is_ending() || process.threads.lock().is_empty() {
        finish_vfork(process);
    }
}

pub(super) fn finish_vfork(process: &Process) {
    if !process.vfork_done.swap(true, Ordering::AcqRel) {
        process.self_events.wake_all();
    }
}

fn end_process(process: &Arc<Process>) {
    // A process whose threads all called `exit` themselves ended with the last's code.
    begin(process, wait::status_of_exit(0));
    let status = process.wait_status();
    let timer = process.real_timer.lock().take();
    if let Some(timer) = timer {
        timer.set(None, core::time::Duration::ZERO);
    }
    crate::syscall::timers::drop_all(process);
    outside::process_ended(process.id());
    // Closing may sleep; afterwards nobody can reach the files through this process.
    process.replace_files(Arc::new(FdTable::default()));
    if process.id() == process.session_id() {
        tty::leave(process.id());
    }
    process.set_program(Default::default());
    let space = process.replace_space(None);
    loaded::leave();
    drop(space);
    finish_vfork(process);
    wait::end_stop(process);
    let groups = orphans::kept_by(process);
    orphan_children(process);

    let parent = process.parent();
    if let Some(account) = process.account() {
        account.leave(process);
    }
    if let Some(spawned) = process.spawned() {
        end_spawned(process, spawned, parent);
        orphans::tell(&groups);
        return;
    }
    let is_orphan = process.fate.end();
    orphans::tell(&groups);
    process.self_events.wake_all();
    if is_orphan {
        process::forget(process.id());
        crate::first_process_ended(process.id(), status);
        return;
    }
    // Where the parent ended meanwhile, it has found this one and let it go.
    match parent {
        Some(parent) if ignores_children(&parent) => {
            wait::reap(&parent, process);
            parent.child_events.wake_all();
        }
        _ => wait::tell_parent(process, status),
    }
}

/// The end of a spawned process: nobody waits for it as for a child.
fn end_spawned(process: &Process, spawned: &Spawned, parent: Option<Arc<Process>>) {
    drop(spawned.take_payload());
    let is_killed = process.wait_status() == wait::status_of_signal(linux::SIGKILL);
    if let Some(account) = process.account().filter(|_| is_killed) {
        spawned.note_limit(account.ended_by());
    }
    if let Some(parent) = parent {
        parent
            .children
            .add(process.usage() + process.children_usage());
    }
    process::forget(process.id());
    // It is in nobody's list of children.
    let _ = process.fate.end();
    process.self_events.wake_all();
}

/// Whether the parent said that it will never wait: its children vanish by themselves.
fn ignores_children(parent: &Process) -> bool {
    let action = parent.signals().action(linux::SIGCHLD);
    action.handler == signal::IGNORE || action.flags & u64::from(linux::SA_NOCLDWAIT) != 0
}

/// Children of a process that ends become the kernel's: reaped as soon as they end.
fn orphan_children(process: &Process) {
    let children = process.family.lock().children.take();
    for child in children.into_iter().flatten() {
        child.family.lock().parent = std::sync::Weak::new();
        child.parent_id.store(process::INIT_ID, Ordering::Relaxed);
        if child.fate.orphan() {
            process::forget(child.id());
        }
    }
}
