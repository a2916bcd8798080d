//! Processes and threads: identity, making, ending, waiting.

use bugs::Bug;
use linux_raw_sys::general as linux;

use crate::cpu::control;
use crate::cpu::entry::TrapFrame;
use crate::errno::{Errno, Result};
use crate::fs::pidfd;
use crate::memory::{pressure, user};
use crate::sync::InterruptsOff;
use crate::task::clone::{self, Request};
use crate::task::signal::{self, deliver, info};
use crate::task::wait::{self, Kinds, Options, Who};
use crate::task::{self, Process, exec, exit, process};

/// What became of a call that may need the whole frame.
pub(super) enum OnFrame {
    /// It has this result.
    Done(Result<usize>),
    /// The frame is another one now, result included.
    FrameReplaced,
    /// It is another group's.
    NotMine,
}

/// `clone`, `execve` and `rt_sigreturn`: they read or replace all registers.
pub(super) fn dispatch_on_frame(number: u32, args: [usize; 6], frame: &mut TrapFrame) -> OnFrame {
    match number {
        linux::__NR_clone => OnFrame::Done(clone_call(args, frame)),
        linux::__NR_clone3 => OnFrame::Done(clone3(args, frame)),
        linux::__NR_fork => OnFrame::Done(fork(0, frame)),
        linux::__NR_vfork => {
            OnFrame::Done(fork(u64::from(linux::CLONE_VM | linux::CLONE_VFORK), frame))
        }
        linux::__NR_execve => execve(args, frame),
        linux::__NR_execveat => execveat(args, frame),
        linux::__NR_rt_sigreturn => {
            let thread = task::current();
            if deliver::return_from_handler(&thread, frame).is_err() {
                exit::begin(thread.process(), wait::status_of_signal(linux::SIGSEGV));
            }
            OnFrame::FrameReplaced
        }
        _ => OnFrame::NotMine,
    }
}

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_getpid => Ok(task::current_process().id() as usize),
        linux::__NR_gettid => Ok(task::current().id() as usize),
        linux::__NR_getppid => Ok(task::current().process().parent_id() as usize),
        linux::__NR_personality => personality(args),
        linux::__NR_exit => {
            let thread = task::current();
            let process = thread.process();
            if process.thread_count() == 1 {
                exit::begin(process, wait::status_of_exit(args[0] as u32));
            }
            if bugs::has(Bug::KeptProcess) {
                core::mem::forget(process.clone());
            }
            exit::exit_thread();
        }
        linux::__NR_exit_group => {
            exit::begin(
                &task::current_process(),
                wait::status_of_exit(args[0] as u32),
            );
            exit::exit_thread();
        }
        linux::__NR_wait4 => wait4(args),
        linux::__NR_waitid => waitid(args),
        linux::__NR_set_tid_address => {
            let thread = task::current();
            thread.set_clear_on_exit(args[0]);
            Ok(thread.id() as usize)
        }
        linux::__NR_arch_prctl => arch_prctl(args),
        linux::__NR_prctl => prctl(args),
        linux::__NR_getpgid => getpgid(args),
        linux::__NR_getpgrp => Ok(task::current_process().group_id() as usize),
        linux::__NR_setpgid => setpgid(args),
        linux::__NR_getsid => getsid(args),
        linux::__NR_setsid => setsid(),
        _ => return None,
    })
}

/// `personality(2)`: whether programs are loaded at addresses drawn at random. There are no
/// other personalities here.
fn personality([wanted, ..]: [usize; 6]) -> Result<usize> {
    const ASK: u32 = u32::MAX;
    const FIXED_LAYOUT: u32 = 0x4_0000; // ADDR_NO_RANDOMIZE
    let process = task::current_process();
    let was_fixed = match wanted as u32 {
        ASK => process.has_fixed_layout(),
        wanted if wanted & !FIXED_LAYOUT == 0 => process.set_fixed_layout(wanted != 0),
        _ => return Err(Errno::EINVAL),
    };
    Ok(if was_fixed { FIXED_LAYOUT as usize } else { 0 })
}

fn clone_call(
    [flags, stack, parent_tid, child_tid, tls, _]: [usize; 6],
    frame: &TrapFrame,
) -> Result<usize> {
    let request = Request {
        flags: (flags as u32 & !0xff).into(),
        parent_tid,
        pidfd: parent_tid,
        child_tid,
        exit_signal: flags as u32 & 0xff,
        stack,
        tls: tls as u64,
    };
    if request.exit_signal > signal::COUNT {
        return Err(Errno::EINVAL);
    }
    Ok(clone::clone(&request, frame)? as usize)
}

fn clone3([address, size, ..]: [usize; 6], frame: &TrapFrame) -> Result<usize> {
    const FIRST_VERSION: usize = 64;
    /// Words of `struct clone_args` that this kernel knows.
    const WORDS: usize = 11;
    if size < FIRST_VERSION || !size.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let words: Vec<u64> = user::read_many(address, size / 8)?;
    if words.iter().skip(WORDS).any(|word| *word != 0) {
        return Err(Errno::E2BIG);
    }
    let word = |index: usize| words.get(index).copied().unwrap_or(0);
    // set_tid and cgroup are not there.
    if word(4) > u64::from(signal::COUNT) || word(8) != 0 || word(9) != 0 || word(10) != 0 {
        return Err(Errno::EINVAL);
    }
    let (stack, stack_size) = (word(5), word(6));
    if (stack == 0) != (stack_size == 0) {
        return Err(Errno::EINVAL);
    }
    let request = Request {
        flags: word(0),
        pidfd: word(1) as usize,
        parent_tid: word(3) as usize,
        child_tid: word(2) as usize,
        exit_signal: word(4) as u32,
        stack: stack.wrapping_add(stack_size) as usize,
        tls: word(7),
    };
    Ok(clone::clone(&request, frame)? as usize)
}

fn fork(flags: u64, frame: &TrapFrame) -> Result<usize> {
    let request = Request {
        flags,
        exit_signal: linux::SIGCHLD,
        ..Request::default()
    };
    Ok(clone::clone(&request, frame)? as usize)
}

/// Reads a NULL-terminated array of strings.
fn read_strings(mut address: usize) -> Result<Vec<Vec<u8>>> {
    let mut strings = Vec::new();
    let mut total = 0;
    if address == 0 {
        return Ok(strings);
    }
    loop {
        let pointer: usize = user::read(address)?;
        if pointer == 0 {
            return Ok(strings);
        }
        let left = (exec::ARGUMENT_LIMIT - total).min(exec::STRING_LIMIT);
        let string = user::read_string(pointer, left).map_err(|error| match error {
            Errno::ENAMETOOLONG => Errno::E2BIG,
            other => other,
        })?;
        // It is copied twice on its way to the new stack.
        pressure::check_reserve_beside(4 * (total + string.len()), Errno::ENOMEM)?;
        total += string.len() + 9;
        if total > exec::ARGUMENT_LIMIT {
            return Err(Errno::E2BIG);
        }
        strings.push(string);
        address += 8;
    }
}

fn execve([path, arguments, environment, ..]: [usize; 6], frame: &mut TrapFrame) -> OnFrame {
    let call = (|| {
        let path = user::read_string(path, linux::PATH_MAX as usize)?;
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        run(path, arguments, environment, frame)
    })();
    match call {
        Ok(()) => OnFrame::FrameReplaced,
        Err(error) => OnFrame::Done(Err(error)),
    }
}

fn run(path: Vec<u8>, arguments: usize, environment: usize, frame: &mut TrapFrame) -> Result<()> {
    let mut arguments = read_strings(arguments)?;
    if arguments.is_empty() {
        // Linux gives programs at least an empty name since 5.18.
        arguments.push(Vec::new());
    }
    let environment = read_strings(environment)?;
    exec::execve(
        exec::Call {
            path,
            arguments,
            environment,
        },
        frame,
    )
}

fn execveat(
    [directory, path, arguments, environment, flags, _]: [usize; 6],
    frame: &mut TrapFrame,
) -> OnFrame {
    let call = (|| {
        let mut path = user::read_string(path, linux::PATH_MAX as usize)?;
        let directory = directory as i32;
        let is_empty_allowed = flags as u32 & linux::AT_EMPTY_PATH != 0;
        if flags as u32 & !(linux::AT_EMPTY_PATH | linux::AT_SYMLINK_NOFOLLOW) != 0 {
            return Err(Errno::EINVAL);
        }
        if path.is_empty() && !is_empty_allowed {
            return Err(Errno::ENOENT);
        }
        if path.first() != Some(&b'/') && directory != linux::AT_FDCWD {
            // By way of /proc, which knows where every descriptor leads.
            task::current_process().files().get_any(directory)?;
            let mut full = format!("/proc/self/fd/{directory}").into_bytes();
            if !path.is_empty() {
                full.push(b'/');
                full.extend_from_slice(&path);
            }
            path = full;
        }
        run(path, arguments, environment, frame)
    })();
    match call {
        Ok(()) => OnFrame::FrameReplaced,
        Err(error) => OnFrame::Done(Err(error)),
    }
}

fn who_of(pid: i32) -> Who {
    match pid {
        -1 => Who::Any,
        0 => Who::Group(task::current_process().group_id()),
        pid if pid < 0 => Who::Group(pid.unsigned_abs()),
        pid => Who::Process(pid.unsigned_abs()),
    }
}

fn wait4([pid, status, options, usage, ..]: [usize; 6]) -> Result<usize> {
    let bits = options as u32;
    let known = linux::WNOHANG
        | linux::WUNTRACED
        | linux::WCONTINUED
        | linux::__WNOTHREAD
        | linux::__WALL
        | linux::__WCLONE;
    if bits & !known != 0 {
        return Err(Errno::EINVAL);
    }
    if pid as i32 == i32::MIN {
        return Err(Errno::ESRCH);
    }
    let event = wait::wait(
        &task::current_process(),
        Options {
            who: who_of(pid as i32),
            kinds: Kinds::of(bits),
            exited: true,
            stopped: bits & linux::WUNTRACED != 0,
            continued: bits & linux::WCONTINUED != 0,
            keep: false,
            no_hang: bits & linux::WNOHANG != 0,
        },
    )?;
    let Some(event) = event else {
        return Ok(0);
    };
    if status != 0 {
        user::write(status, &event.status)?;
    }
    if usage != 0 {
        user::copy_out(usage, &super::schedule::usage_bytes(&event.usage, 0))?;
    }
    Ok(event.pid as usize)
}

fn waitid([kind, id, to, options, usage, _]: [usize; 6]) -> Result<usize> {
    const P_PIDFD: usize = 3;
    let bits = options as u32;
    let states = linux::WEXITED | linux::WSTOPPED | linux::WCONTINUED;
    let others =
        linux::WNOHANG | linux::WNOWAIT | linux::__WNOTHREAD | linux::__WALL | linux::__WCLONE;
    if bits & !(states | others) != 0 || bits & states == 0 {
        return Err(Errno::EINVAL);
    }
    let mut is_nonblocking = false;
    let who = match kind {
        0 => Who::Any,
        1 if id as i32 > 0 => Who::Process(id as u32),
        2 if id == 0 => Who::Group(task::current_process().group_id()),
        2 if id as i32 > 0 => Who::Group(id as u32),
        P_PIDFD => {
            let file = task::current_process().files().get(id as i32)?;
            let process = pidfd::process_of(&file)?;
            if !process.is_registered() {
                return Err(Errno::ECHILD);
            }
            is_nonblocking = file.is_nonblocking();
            Who::Process(process.id())
        }
        _ => return Err(Errno::EINVAL),
    };
    let event = wait::wait(
        &task::current_process(),
        Options {
            who,
            kinds: Kinds::of(bits),
            exited: bits & linux::WEXITED != 0,
            stopped: bits & linux::WSTOPPED != 0,
            continued: bits & linux::WCONTINUED != 0,
            keep: bits & linux::WNOWAIT != 0,
            no_hang: bits & linux::WNOHANG != 0 || is_nonblocking,
        },
    )?;
    if event.is_none() && is_nonblocking && bits & linux::WNOHANG == 0 {
        return Err(Errno::EAGAIN);
    }
    let bytes = match event {
        None => [0; info::SIZE],
        Some(event) => {
            let (code, status) = event.code_and_status();
            let detail = info::Detail::Child(event.pid, event.uid, status, 0, 0);
            signal::SigInfo {
                signal: linux::SIGCHLD,
                code,
                detail,
            }
            .to_bytes()
        }
    };
    if to != 0 {
        user::copy_out(to, &bytes)?;
    }
    if usage != 0 {
        let used = event.map(|event| event.usage).unwrap_or_default();
        user::copy_out(usage, &super::schedule::usage_bytes(&used, 0))?;
    }
    Ok(0)
}

fn arch_prctl([code, address, ..]: [usize; 6]) -> Result<usize> {
    const SET_GS: usize = 0x1001;
    const SET_FS: usize = 0x1002;
    const GET_FS: usize = 0x1003;
    const GET_GS: usize = 0x1004;
    match code {
        SET_FS | SET_GS if address >= user::USER_END => Err(Errno::EPERM),
        SET_FS => {
            let off = InterruptsOff::new();
            crate::cpu::this(&off).set_user_fs(address as u64, &off);
            Ok(0)
        }
        SET_GS => {
            let _off = InterruptsOff::new();
            control::set_kernel_gs_base(address as u64);
            Ok(0)
        }
        GET_FS => {
            let base = {
                let off = InterruptsOff::new();
                crate::cpu::this(&off).user_fs(&off)
            };
            user::write(address, &base)?;
            Ok(0)
        }
        GET_GS => {
            user::write(address, &control::kernel_gs_base())?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn prctl([option, argument, length, rest @ .., _]: [usize; 6]) -> Result<usize> {
    use linux_raw_sys::prctl;
    match option as u32 {
        prctl::PR_SET_NAME => {
            let mut name = [0; 16];
            let got = user::copy_in_some(argument, &mut name);
            let length = name.iter().position(|byte| *byte == 0).unwrap_or(15);
            if got <= length && got < 16 {
                return Err(Errno::EFAULT);
            }
            task::current().set_name(&name[..length.min(15)]);
            Ok(0)
        }
        prctl::PR_GET_NAME => {
            let mut name = [0; 16];
            let text = task::current().name();
            name[..text.len()].copy_from_slice(&text);
            user::copy_out(argument, &name)?;
            Ok(0)
        }
        prctl::PR_GET_TID_ADDRESS => {
            user::write(argument, &task::current().clear_on_exit())?;
            Ok(0)
        }
        prctl::PR_GET_AUXV => {
            if rest != [0, 0] {
                return Err(Errno::EINVAL);
            }
            let words = task::current_process().program().auxiliary;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            user::copy_out(argument, &bytes[..bytes.len().min(length)])?;
            Ok(bytes.len())
        }
        prctl::PR_GET_DUMPABLE => Ok(1),
        prctl::PR_SET_DUMPABLE if argument <= 1 => Ok(0),
        prctl::PR_GET_NO_NEW_PRIVS | prctl::PR_GET_KEEPCAPS | prctl::PR_GET_TIMERSLACK => Ok(0),
        prctl::PR_SET_TIMERSLACK => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

fn process_of(pid: usize) -> Result<std::sync::Arc<Process>> {
    match pid as i32 {
        0 => Ok(task::current_process()),
        pid => process::find(u32::try_from(pid).map_err(|_| Errno::EINVAL)?).ok_or(Errno::ESRCH),
    }
}

fn getpgid([pid, ..]: [usize; 6]) -> Result<usize> {
    let process = process_of(pid).map_err(|_| Errno::ESRCH)?;
    Ok(process.group_id() as usize)
}

fn getsid([pid, ..]: [usize; 6]) -> Result<usize> {
    let process = process_of(pid).map_err(|_| Errno::ESRCH)?;
    Ok(process.session_id() as usize)
}

fn setpgid([pid, group, ..]: [usize; 6]) -> Result<usize> {
    if (group as i32) < 0 {
        return Err(Errno::EINVAL);
    }
    let me = task::current_process();
    let target = process_of(pid).map_err(|_| Errno::ESRCH)?;
    let is_me = target.id() == me.id();
    if !is_me {
        if target.parent_id() != me.id() {
            return Err(Errno::ESRCH);
        }
        if target.has_executed() {
            return Err(Errno::EACCES);
        }
    }
    if target.session_id() != me.session_id() || target.session_id() == target.id() {
        return Err(Errno::EPERM);
    }
    let group = if group == 0 {
        target.id()
    } else {
        group as u32
    };
    if group != target.id() {
        let exists = process::all()
            .iter()
            .any(|other| other.group_id() == group && other.session_id() == me.session_id());
        if !exists {
            return Err(Errno::EPERM);
        }
    }
    target.set_group(group);
    Ok(0)
}

fn setsid() -> Result<usize> {
    let me = task::current_process();
    if process::all()
        .iter()
        .any(|other| other.group_id() == me.id())
    {
        return Err(Errno::EPERM);
    }
    me.set_group(me.id());
    me.set_session(me.id());
    Ok(me.id() as usize)
}
