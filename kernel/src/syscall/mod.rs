//! System calls: Linux's table for x86-64, and Roentgen's own block.
//!
//! Each file holds a group and its part of the table. What no group knows is `ENOSYS`,
//! counted, and named once in the log.

pub mod channel;
pub mod control_message;
pub mod credentials;
pub mod devices;
pub mod epoll;
pub mod file;
pub mod futex;
pub mod memory;
pub mod pidfd;
pub mod pipe;
mod policy;
pub mod poll;
pub mod process;
pub mod roentgen;
pub mod schedule;
pub mod signal;
pub mod socket;
pub mod socket_message;
pub mod spawn;
pub mod system;
mod tables;
pub mod time;
pub mod timeout;
pub mod timerfd;
pub mod timers;
mod unknown;

use core::sync::atomic::{AtomicU8, Ordering};

use linux_raw_sys::general as linux;

use crate::cpu::entry::TrapFrame;
use crate::errno::Result;
use crate::task;

/// Carries out the system call in `frame`, and puts its result there.
pub fn dispatch(frame: &mut TrapFrame) {
    let number = frame.rax as u32;
    let args = [
        frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9,
    ]
    .map(|arg| arg as usize);
    // Those that work on the frame itself say so by None.
    let Some(result) = carry_out(number, args, frame) else {
        return;
    };
    frame.rax = match result {
        Ok(value) => value as u64,
        Err(error) => (-(error as i64)) as u64,
    };
}

/// Bytes from which on it takes long to copy them.
const LONG_COPY: u64 = 16 * 1024;

/// Whether the call in `frame` can take so long that reading the clock does not matter.
#[must_use]
pub fn is_long(frame: &TrapFrame) -> bool {
    match frame.rax as u32 {
        linux::__NR_read | linux::__NR_write | linux::__NR_pread64 | linux::__NR_pwrite64 => {
            frame.rdx >= LONG_COPY
        }
        linux::__NR_getrandom => frame.rsi >= LONG_COPY,
        linux::__NR_clone
        | linux::__NR_clone3
        | linux::__NR_fork
        | linux::__NR_vfork
        | linux::__NR_execve
        | linux::__NR_execveat
        | linux::__NR_exit
        | linux::__NR_exit_group
        | linux::__NR_mmap
        | linux::__NR_munmap
        | linux::__NR_mremap
        | linux::__NR_mprotect
        | linux::__NR_madvise
        | linux::__NR_readv
        | linux::__NR_writev
        | linux::__NR_preadv
        | linux::__NR_pwritev
        | linux::__NR_getdents64
        | linux::__NR_truncate
        | linux::__NR_ftruncate
        | linux::__NR_fallocate
        | linux::__NR_sendfile
        | linux::__NR_copy_file_range => true,
        _ => false,
    }
}

/// A group's part of the table: None where it does not know the number.
type Group = fn(u32, [usize; 6]) -> Option<Result<usize>>;

const GROUPS: [Group; 16] = [
    process::dispatch,
    time::dispatch,
    file::dispatch,
    memory::dispatch,
    futex::dispatch,
    poll::dispatch,
    epoll::dispatch,
    pipe::dispatch,
    timerfd::dispatch,
    signal::dispatch,
    pidfd::dispatch,
    schedule::dispatch,
    credentials::dispatch,
    socket::dispatch,
    timers::dispatch,
    system::dispatch,
];

/// The index in [`GROUPS`], plus one, of the group that knows a number; 0: not asked yet.
/// Which one it is never changes, so any core may note it at any time.
static KNOWN: [AtomicU8; 512] = [const { AtomicU8::new(0) }; 512];

fn carry_out(number: u32, args: [usize; 6], frame: &mut TrapFrame) -> Option<Result<usize>> {
    if number as usize >= roentgen_abi::syscall::BASE {
        return Some(roentgen::carry_out(number, args, frame));
    }
    match process::dispatch_on_frame(number, args, frame) {
        process::OnFrame::Done(result) => return Some(result),
        process::OnFrame::FrameReplaced => return None,
        process::OnFrame::NotMine => {}
    }
    let known = KNOWN.get(number as usize);
    let group = known.map_or(0, |group| group.load(Ordering::Relaxed));
    if let Some(group) = GROUPS.get(usize::from(group).wrapping_sub(1))
        && let Some(result) = group(number, args)
    {
        return Some(result);
    }
    for (index, group) in GROUPS.iter().enumerate() {
        if let Some(result) = group(number, args) {
            if let Some(known) = known {
                known.store(index as u8 + 1, Ordering::Relaxed);
            }
            return Some(result);
        }
    }
    Some(unknown::answer(number, &task::current()))
}
