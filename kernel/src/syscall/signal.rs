//! Signals: actions, masks, sending, waiting.

use core::time::Duration;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::memory::user::{self, plain};
use crate::sync::{WaitError, WaitQueue};
use crate::syscall::time::read_timespec;
use crate::task::signal::info::{self, Detail};
use crate::task::signal::{self, Action, AlternateStack, SigInfo, UNSTOPPABLE, bit};
use crate::task::{self, Process, process};
use crate::time::Instant;

plain!(Action);

const SET_SIZE: usize = 8;
const MINIMUM_STACK: usize = 2048;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_rt_sigaction => sigaction(args),
        linux::__NR_rt_sigprocmask => sigprocmask(args),
        linux::__NR_rt_sigpending => sigpending(args),
        linux::__NR_rt_sigtimedwait => sigtimedwait(args),
        linux::__NR_rt_sigsuspend => sigsuspend(args),
        linux::__NR_rt_sigqueueinfo => sigqueueinfo(args),
        linux::__NR_rt_tgsigqueueinfo => tgsigqueueinfo(args),
        linux::__NR_sigaltstack => sigaltstack(args),
        linux::__NR_pause => suspend(task::current().signals().blocked()),
        linux::__NR_kill => kill(args),
        linux::__NR_tkill => send_to_thread(None, args[0], args[1]),
        linux::__NR_tgkill => tgkill(args),
        _ => return None,
    })
}

fn checked_signal(number: usize) -> Result<u32> {
    let number = number as u32;
    (1..=signal::COUNT)
        .contains(&number)
        .then_some(number)
        .ok_or(Errno::EINVAL)
}

/// Reads a signal set of the given size.
///
/// # Errors
/// `EINVAL` (size), `EFAULT`.
pub fn read_set(address: usize, size: usize) -> Result<u64> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    user::read(address)
}

fn sigaction([number, new, old, size, ..]: [usize; 6]) -> Result<usize> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let number = checked_signal(number)?;
    let process = task::current_process();
    let new = if new == 0 {
        None
    } else {
        Some(user::read::<Action>(new)?)
    };
    if new.is_some() && bit(number) & UNSTOPPABLE != 0 {
        return Err(Errno::EINVAL);
    }
    let before = process.signals().action(number);
    if let Some(mut action) = new {
        action.mask &= !UNSTOPPABLE;
        process.signals().set_action(&process, number, action);
    }
    if old != 0 {
        user::write(old, &before)?;
    }
    Ok(0)
}

fn sigprocmask([how, new, old, size, ..]: [usize; 6]) -> Result<usize> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let thread = task::current();
    let before = thread.signals().blocked();
    if new != 0 {
        let set: u64 = user::read(new)?;
        let after = match how as u32 {
            linux::SIG_BLOCK => before | set,
            linux::SIG_UNBLOCK => before & !set,
            linux::SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        thread.set_blocked(after);
    }
    if old != 0 {
        user::write(old, &before)?;
    }
    Ok(0)
}

fn sigpending([to, size, ..]: [usize; 6]) -> Result<usize> {
    if size > SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let thread = task::current();
    let pending = thread.signals().pending() | thread.process().signals().pending();
    let set = pending & thread.signals().blocked();
    user::copy_out(to, &set.to_le_bytes()[..size])?;
    Ok(0)
}

fn sigtimedwait([set, to, timeout, size, ..]: [usize; 6]) -> Result<usize> {
    let wanted = read_set(set, size)? & !UNSTOPPABLE;
    let deadline = match timeout {
        0 => None,
        address => Some(Instant::now() + Duration::from_nanos(read_timespec(address)?)),
    };
    let thread = task::current();
    // While it waits, these interrupt it also where they are blocked.
    let before = thread.signals().blocked();
    if let Some(info) = signal::take(&thread, wanted) {
        return tell(&info, to);
    }
    thread.signals().await_those(wanted);
    thread.set_blocked(before & !wanted);
    let never = WaitQueue::new();
    let result = never.wait_until(deadline, || None::<()>);
    let taken = signal::take(&thread, wanted);
    thread.set_blocked(before);
    thread.signals().await_those(0);
    match (taken, result) {
        (Some(info), _) => tell(&info, to),
        (None, Err(WaitError::TimedOut)) => Err(Errno::EAGAIN),
        (None, _) => Err(Errno::EINTR),
    }
}

fn tell(info: &SigInfo, to: usize) -> Result<usize> {
    if to != 0 {
        user::copy_out(to, &info.to_bytes())?;
    }
    Ok(info.signal as usize)
}

fn sigsuspend([set, size, ..]: [usize; 6]) -> Result<usize> {
    suspend(read_set(set, size)?)
}

/// Waits for a signal with another mask. Ends with `EINTR`, after the handler; a stop alone
/// does not end it.
fn suspend(mask: u64) -> Result<usize> {
    let thread = task::current();
    thread.with_blocked(mask, || {
        let never = WaitQueue::new();
        let _ = never.wait_until(None, || None::<()>);
    });
    Err(Errno::RestartWithoutHandler)
}

/// A signal of the current process: `si_code` and number.
pub(super) fn sender(code: i32, number: u32) -> SigInfo {
    let me = task::current_process();
    SigInfo {
        signal: number,
        code,
        detail: Detail::Sender(me.id(), me.credentials().uid, 0),
    }
}

/// Whether the caller may signal `target` (kill(2)).
fn may_signal(target: &Process, number: u32) -> bool {
    let (mine, other) = (task::current_credentials(), target.credentials());
    let me = task::current_process();
    mine.euid == 0
        || [mine.euid, mine.uid]
            .iter()
            .any(|id| *id == other.uid || *id == other.suid)
        || (number == linux::SIGCONT && me.session_id() == target.session_id())
}

/// Sends to all of `targets`; an error only where it reached none.
pub(super) fn send_to_all(
    targets: &[Arc<Process>],
    info: Option<SigInfo>,
    number: u32,
) -> Result<usize> {
    if targets.is_empty() {
        return Err(Errno::ESRCH);
    }
    let mut answer = Err(Errno::EPERM);
    for target in targets.iter().filter(|target| may_signal(target, number)) {
        let sent = info.map_or(Ok(()), |info| signal::queue_for_process(target, info));
        // Whoever it reached: that there was one.
        answer = answer.or(sent.map(|()| 0));
    }
    answer
}

/// Sends to all processes that are meant. SIGKILL reaches those too that they were making.
fn send_to_meant(
    is_meant: impl Fn(&Process) -> bool,
    info: Option<SigInfo>,
    number: u32,
) -> Result<usize> {
    let mut targets = process::all();
    targets.retain(|process| is_meant(process));
    let answer = send_to_all(&targets, info, number)?;
    if number == linux::SIGKILL {
        process::kill_all(|process| is_meant(process) && may_signal(process, number));
    }
    Ok(answer)
}

fn kill([pid, number, ..]: [usize; 6]) -> Result<usize> {
    let number = number as u32;
    if number > signal::COUNT {
        return Err(Errno::EINVAL);
    }
    // Signal 0 only asks whether it could be sent.
    let info = (number != 0).then(|| sender(info::SI_USER, number));
    let me = task::current_process();
    let to_group = |group: u32| send_to_meant(|other| other.group_id() == group, info, number);
    match pid as i32 {
        0 => to_group(me.group_id()),
        -1 => send_to_meant(|other| other.id() != me.id(), info, number),
        pid if pid > 0 => {
            let target = process::find(pid as u32).ok_or(Errno::ESRCH)?;
            send_to_all(&[target], info, number)
        }
        i32::MIN => Err(Errno::ESRCH),
        pid => to_group(pid.unsigned_abs()),
    }
}

fn tgkill([group, id, number, ..]: [usize; 6]) -> Result<usize> {
    if group as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    send_to_thread(Some(group as u32), id, number)
}

/// A signal to a thread, which must be in `group` where that is given.
fn send_to_thread(group: Option<u32>, id: usize, number: usize) -> Result<usize> {
    let number = number as u32;
    if number > signal::COUNT || id as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let thread = process::find_thread(id as u32).ok_or(Errno::ESRCH)?;
    if group.is_some_and(|group| thread.process().id() != group) {
        return Err(Errno::ESRCH);
    }
    if !may_signal(thread.process(), number) {
        return Err(Errno::EPERM);
    }
    if number != 0 {
        signal::queue_for_thread(&thread, sender(info::SI_TKILL, number))?;
    }
    Ok(0)
}

/// As `read_info`, but the structure has to name the signal, as `pidfd_send_signal(2)`
/// demands.
///
/// # Errors
/// `EFAULT`, `EPERM`; `EINVAL` for unknown signals, or where the two differ.
pub(super) fn read_info_for(number: u32, address: usize, target: u32) -> Result<SigInfo> {
    let named: u32 = user::read(address)?;
    if named != number || number > signal::COUNT {
        return Err(Errno::EINVAL);
    }
    read_info(number, address, target)
}

fn read_info(number: u32, address: usize, target: u32) -> Result<SigInfo> {
    let bytes: [u8; info::SIZE] = user::read(address)?;
    let info = SigInfo::from_bytes(number, &bytes);
    // Only the kernel and `kill` may look like the kernel and `kill`.
    if (info.code >= 0 || info.code == info::SI_TKILL) && target != task::current_process().id() {
        return Err(Errno::EPERM);
    }
    Ok(info)
}

fn sigqueueinfo([pid, number, address, ..]: [usize; 6]) -> Result<usize> {
    let number = number as u32;
    if number > signal::COUNT {
        return Err(Errno::EINVAL);
    }
    let info = read_info(number, address, pid as u32)?;
    let target = process::find(pid as u32).ok_or(Errno::ESRCH)?;
    send_to_all(&[target], (number != 0).then_some(info), number)
}

fn tgsigqueueinfo([group, id, number, address, ..]: [usize; 6]) -> Result<usize> {
    let number = checked_signal(number)?;
    let info = read_info(number, address, group as u32)?;
    let thread = process::find_thread(id as u32).ok_or(Errno::ESRCH)?;
    if thread.process().id() != group as u32 {
        return Err(Errno::ESRCH);
    }
    signal::queue_for_thread(&thread, info)?;
    Ok(0)
}

/// `struct sigaltstack`.
#[repr(C)]
#[derive(Clone, Copy)]
struct UserStack {
    start: usize,
    flags: u32,
    padding: u32,
    length: usize,
}

plain!(UserStack);

fn sigaltstack([new, old, ..]: [usize; 6]) -> Result<usize> {
    let thread = task::current();
    let before = thread.signals().alternate_stack();
    // SAFETY: the current thread's own frame, read only.
    let pointer = unsafe { (*thread.user_frame()).rsp } as usize;
    let is_on_it = before.flags & linux::SS_DISABLE == 0
        && pointer.wrapping_sub(before.start) <= before.length;
    if new != 0 {
        let stack: UserStack = user::read(new)?;
        if is_on_it {
            return Err(Errno::EPERM);
        }
        let mode = stack.flags & !linux::SS_AUTODISARM;
        let after = match mode {
            linux::SS_DISABLE => AlternateStack {
                start: 0,
                length: 0,
                flags: linux::SS_DISABLE,
            },
            0 | linux::SS_ONSTACK => {
                if stack.length < MINIMUM_STACK {
                    return Err(Errno::ENOMEM);
                }
                AlternateStack {
                    start: stack.start,
                    length: stack.length,
                    flags: stack.flags & linux::SS_AUTODISARM,
                }
            }
            _ => return Err(Errno::EINVAL),
        };
        thread.signals().set_alternate_stack(after);
    }
    if old != 0 {
        let flags = if is_on_it {
            linux::SS_ONSTACK
        } else {
            before.flags
        };
        user::write(
            old,
            &UserStack {
                start: before.start,
                flags,
                padding: 0,
                length: before.length,
            },
        )?;
    }
    Ok(0)
}
