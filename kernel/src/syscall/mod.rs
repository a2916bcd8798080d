//! System calls: Linux's table for x86-64, and Roentgen's own block.
//!
//! Each file holds a group and its part of the table. What no group knows is `ENOSYS`,
//! counted, and named once in the log.

pub mod control_message;
pub mod credentials;
pub mod epoll;
pub mod file;
pub mod futex;
pub mod memory;
pub mod pidfd;
pub mod pipe;
pub mod poll;
pub mod process;
pub mod roentgen;
pub mod schedule;
pub mod signal;
pub mod socket;
pub mod socket_message;
pub mod system;
pub mod time;
pub mod timeout;
pub mod timerfd;
pub mod timers;
mod unknown;

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

fn carry_out(number: u32, args: [usize; 6], frame: &mut TrapFrame) -> Option<Result<usize>> {
    match process::dispatch_on_frame(number, args, frame) {
        process::OnFrame::Done(result) => return Some(result),
        process::OnFrame::FrameReplaced => return None,
        process::OnFrame::NotMine => {}
    }
    let result = process::dispatch(number, args)
        .or_else(|| time::dispatch(number, args))
        .or_else(|| file::dispatch(number, args))
        .or_else(|| memory::dispatch(number, args))
        .or_else(|| futex::dispatch(number, args))
        .or_else(|| poll::dispatch(number, args))
        .or_else(|| epoll::dispatch(number, args))
        .or_else(|| pipe::dispatch(number, args))
        .or_else(|| timerfd::dispatch(number, args))
        .or_else(|| signal::dispatch(number, args))
        .or_else(|| pidfd::dispatch(number, args))
        .or_else(|| schedule::dispatch(number, args))
        .or_else(|| credentials::dispatch(number, args))
        .or_else(|| socket::dispatch(number, args))
        .or_else(|| timers::dispatch(number, args))
        .or_else(|| system::dispatch(number, args))
        .or_else(|| roentgen::dispatch(number, args));
    Some(result.unwrap_or_else(|| unknown::answer(number, &task::current())))
}
