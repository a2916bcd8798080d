//! New threads and processes: `clone`, `clone3`, `fork`, `vfork`.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::process::{self, Process};
use super::template::Registers;
use super::thread::Thread;
use super::{exit, scheduler};
use crate::cpu::control;
use crate::cpu::entry::TrapFrame;
use crate::errno::{Errno, Result};
use crate::fs::pidfd;
use crate::memory::{pressure, user};
use crate::sync::InterruptsOff;

/// What is asked for (`struct clone_args`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// `CLONE_…`, without the signal.
    pub flags: u64,
    /// Where the child's id is stored in the parent.
    pub parent_tid: usize,
    /// Where a descriptor for the child is stored, with `CLONE_PIDFD`.
    pub pidfd: usize,
    /// Where the child's id is stored and cleared in the child.
    pub child_tid: usize,
    /// The parent's signal at the child's end.
    pub exit_signal: u32,
    /// The child's stack pointer; 0: the parent's.
    pub stack: usize,
    /// The child's FS base, with `CLONE_SETTLS`.
    pub tls: u64,
}

/// Namespaces and the like: what this kernel does not have.
const UNSUPPORTED: u64 = (linux::CLONE_NEWNS
    | linux::CLONE_NEWCGROUP
    | linux::CLONE_NEWUTS
    | linux::CLONE_NEWIPC
    | linux::CLONE_NEWUSER
    | linux::CLONE_NEWPID
    | linux::CLONE_NEWNET
    | linux::CLONE_PTRACE
    | linux::CLONE_IO) as u64;

fn has(flags: u64, flag: u32) -> bool {
    flags & u64::from(flag) != 0
}

/// Makes a thread or a process that goes on where the caller is, with result 0; its id.
///
/// # Errors
/// `EINVAL` for combinations that make no sense or that this kernel does not have,
/// `EAGAIN` at a limit, `ENOMEM`.
pub fn clone(request: &Request, frame: &TrapFrame) -> Result<u32> {
    let flags = request.flags;
    if flags & UNSUPPORTED & !u64::from(linux::CLONE_IO) != 0 {
        return Err(Errno::EINVAL);
    }
    let is_thread = has(flags, linux::CLONE_THREAD);
    if is_thread && !(has(flags, linux::CLONE_SIGHAND) && has(flags, linux::CLONE_VM)) {
        return Err(Errno::EINVAL);
    }
    if has(flags, linux::CLONE_SIGHAND) && !has(flags, linux::CLONE_VM) {
        return Err(Errno::EINVAL);
    }
    let no_pidfd = linux::CLONE_THREAD | linux::CLONE_DETACHED;
    // `clone` has one argument for both places, `clone3` one for each.
    let is_one_place =
        has(flags, linux::CLONE_PARENT_SETTID) && request.pidfd == request.parent_tid;
    if has(flags, linux::CLONE_PIDFD) && (has(flags, no_pidfd) || is_one_place) {
        return Err(Errno::EINVAL);
    }
    let parent = super::current();
    pressure::check_room(Errno::ENOMEM)?;
    check_count(parent.process())?;
    let id = process::new_id()?;
    let child_process = if is_thread {
        parent.process().clone()
    } else {
        new_process(id, &parent, request)?
    };
    let child = furnish(id, &child_process, &parent, request, frame).inspect_err(|_| {
        if !is_thread {
            child_process.abandon();
        }
    })?;

    // Stored before either side can run on.
    if has(flags, linux::CLONE_PARENT_SETTID) {
        let _ = user::write(request.parent_tid, &id);
    }
    if has(flags, linux::CLONE_CHILD_SETTID) {
        store_in_child(&child_process, request.child_tid, id);
    }
    if has(flags, linux::CLONE_CHILD_CLEARTID) {
        child.set_clear_on_exit(request.child_tid);
    }
    if is_thread && parent.process().is_ending() {
        return Err(Errno::EAGAIN);
    }
    let is_vfork = has(flags, linux::CLONE_VFORK);
    if is_vfork {
        child_process.vfork_done.store(false, Ordering::Release);
    }
    process::register_thread(&child);
    child_process.add_thread(child.clone());
    if !is_thread {
        process::register(&child_process);
        let family_of = if has(flags, linux::CLONE_PARENT) {
            parent
                .process()
                .parent()
                .unwrap_or_else(|| parent.process().clone())
        } else {
            parent.process().clone()
        };
        family_of.adopt(&child_process);
        process::end_with_maker(&child_process, parent.process());
    }
    if is_thread && parent.process().is_ending() {
        // The end began meanwhile and may not have seen this thread: it sees it itself.
        super::signal::interrupt(&child);
    }
    scheduler::start_new(&child);
    drop(child);
    if is_vfork {
        let process = child_process;
        process.self_events.wait_uninterruptibly(|| {
            let is_done = process.vfork_done.load(Ordering::Acquire);
            (is_done || parent.process().is_ending()).then_some(())
        });
    }
    Ok(id)
}

/// Makes the child's thread, and what goes with a process of its own.
fn furnish(
    id: u32,
    process: &Arc<Process>,
    parent: &Thread,
    request: &Request,
    frame: &TrapFrame,
) -> Result<Arc<Thread>> {
    let child = new_thread(id, process, parent, request, frame)?;
    let is_thread = has(request.flags, linux::CLONE_THREAD);
    if let Some(account) = parent.process().account().filter(|_| !is_thread) {
        process.join_account(account)?;
    }
    // Last: nothing is left of it where the others fail.
    if has(request.flags, linux::CLONE_PIDFD) {
        store_pidfd(process, parent, request.pidfd)?;
    }
    Ok(child)
}

/// `RLIMIT_NPROC` counts the threads of a user, and does not count for the superuser.
pub(super) fn check_count(process: &Process) -> Result<()> {
    let (limit, _) = process.limit(linux::RLIMIT_NPROC);
    let user = process.credentials().uid;
    if user == 0 || process::thread_count() as u64 <= limit {
        return Ok(());
    }
    let threads: usize = process::all()
        .iter()
        .filter(|other| other.credentials().uid == user)
        .map(|other| other.thread_count())
        .sum();
    if threads as u64 >= limit {
        return Err(Errno::EAGAIN);
    }
    Ok(())
}

pub(super) fn new_process(id: u32, parent: &Thread, request: &Request) -> Result<Arc<Process>> {
    let old = parent.process();
    let flags = request.flags;
    let space = if has(flags, linux::CLONE_VM) {
        old.space()
    } else {
        old.space().fork()?
    };
    let files = if has(flags, linux::CLONE_FILES) {
        old.files().share()
    } else {
        old.files().fork()?
    };
    let fs = if has(flags, linux::CLONE_FS) {
        old.fs()
    } else {
        old.fs().fork()
    };
    let family_of = if has(flags, linux::CLONE_PARENT) {
        old.parent().unwrap_or_else(|| old.clone())
    } else {
        old.clone()
    };
    let process = Process::new(id, Some(space), files, fs, Arc::downgrade(&family_of));
    process.copy_attributes(old);
    process.signals().copy_actions(old.signals());
    process
        .exit_signal
        .store(request.exit_signal, Ordering::Relaxed);
    Ok(process)
}

/// The registers of the current thread, whose call `frame` is.
///
/// # Errors
/// `EINVAL` for one that never was in user mode.
pub(super) fn registers(thread: &Thread, frame: &TrapFrame) -> Result<Registers> {
    let off = InterruptsOff::new();
    // SAFETY: the current thread's own context, interrupts off.
    let fpu = match unsafe { &mut thread.context().fpu } {
        Some(fpu) => {
            fpu.save();
            fpu.duplicate()
        }
        None => return Err(Errno::EINVAL),
    };
    Ok(Registers {
        frame: *frame,
        fpu,
        bases: (
            crate::cpu::this(&off).user_fs(&off),
            control::kernel_gs_base(),
        ),
    })
}

pub(super) fn new_thread(
    id: u32,
    process: &Arc<Process>,
    parent: &Thread,
    request: &Request,
    frame: &TrapFrame,
) -> Result<Arc<Thread>> {
    let mut registers = registers(parent, frame)?;
    registers.frame.rax = 0;
    if request.stack != 0 {
        registers.frame.rsp = request.stack as u64;
    }
    if has(request.flags, linux::CLONE_SETTLS) {
        registers.bases.0 = request.tls;
    }
    if registers.bases.0 as usize >= user::USER_END {
        return Err(Errno::EPERM);
    }
    let thread = Thread::new_user(
        id,
        process.clone(),
        registers.frame,
        registers.fpu,
        registers.bases,
        parent.name(),
    )?;
    thread
        .signals()
        .start_with_blocked(parent.signals().blocked());
    if !has(request.flags, linux::CLONE_VM) || has(request.flags, linux::CLONE_VFORK) {
        thread
            .signals()
            .set_alternate_stack(parent.signals().alternate_stack());
    }
    thread.inherit_scheduling(parent);
    Ok(thread)
}

/// Gives the parent, and not the child, a descriptor for the child.
fn store_pidfd(child: &Arc<Process>, parent: &Thread, address: usize) -> Result<()> {
    let files = parent.process().files();
    let descriptor = files.install(pidfd::create(child.clone(), 0), true)? as i32;
    user::write(address, &descriptor).inspect_err(|_| {
        // Where another thread closed it already, there is nothing to do.
        let _ = files.close(descriptor);
    })
}

/// Stores the child's id in its own memory, which is not loaded here.
pub(super) fn store_in_child(process: &Process, address: usize, id: u32) {
    use crate::memory::area::Protection;
    if !address.is_multiple_of(4) || !user::is_user_range(address, 4) {
        return;
    }
    let Some(space) = process.try_space() else {
        return;
    };
    let _ = space.with_frame(address, Protection::WRITE, |place| {
        // SAFETY: four aligned bytes do not cross the frame's end.
        unsafe { place.cast::<u32>().write_volatile(id) };
    });
}

/// Ends a `vfork` child's claim on its parent; for `execve`.
pub(super) fn vfork_is_over(process: &Process) {
    exit::finish_vfork(process);
}
