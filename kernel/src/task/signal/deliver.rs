//! Delivery: what happens to a thread with pending signals on its way to user mode, the
//! frame that a handler runs on, and the way back (`rt_sigreturn`).
//!
//! The frame is Linux's `struct rt_sigframe` (`arch/x86/include/asm/sigframe.h`):
//! return address, `ucontext_t`, `siginfo_t`, and above them the FPU state in XSAVE's
//! format with the words that tell user code about its size.

use bugs::Bug;
use core::sync::atomic::Ordering;

use linux_raw_sys::general as linux;

use super::info::SIZE as INFO_SIZE;
use super::{Action, DEFAULT, DefaultAction, IGNORE, SigInfo, bit, default_action};
use crate::cpu::descriptors::{USER_CODE, USER_DATA};
use crate::cpu::entry::{SYSTEM_CALL, TrapFrame};
use crate::cpu::fpu;
use crate::errno::{Errno, Result};
use crate::memory::user::{self, plain};
use crate::sync::InterruptsOff;
use crate::task::thread::Thread;
use crate::task::{exit, wait};

/// Below the stack pointer, the ABI's red zone belongs to the interrupted function.
const RED_ZONE: usize = 128;
/// `FP_XSTATE_MAGIC1`, in the bytes of the legacy area that software may use.
const MAGIC1: u32 = 0x4650_5853;
/// `FP_XSTATE_MAGIC2`, behind the state.
const MAGIC2: u32 = 0x4650_5845;
/// Where in the state the software bytes lie.
const SOFTWARE_BYTES: usize = 464;
/// `UC_FP_XSTATE`, `UC_SIGCONTEXT_SS`, `UC_STRICT_RESTORE_SS`.
const CONTEXT_FLAGS: u64 = 1 | 2 | 4;

/// `struct sigcontext` of x86-64.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct MachineContext {
    r8_to_r15: [u64; 8],
    rdi: u64,
    rsi: u64,
    rbp: u64,
    rbx: u64,
    rdx: u64,
    rax: u64,
    rcx: u64,
    rsp: u64,
    rip: u64,
    flags: u64,
    cs: u16,
    gs: u16,
    fs: u16,
    ss: u16,
    error: u64,
    trap: u64,
    old_mask: u64,
    cr2: u64,
    fpu_state: u64,
    reserved: [u64; 8],
}

/// `struct rt_sigframe`, without the FPU state.
#[repr(C)]
#[derive(Clone, Copy)]
struct SignalFrame {
    return_address: u64,
    flags: u64,
    link: u64,
    stack_start: u64,
    stack_flags: u32,
    stack_padding: u32,
    stack_length: u64,
    machine: MachineContext,
    mask: u64,
    info: [u8; INFO_SIZE],
}

plain!(SignalFrame);

/// RFLAGS bits that user code may set through a frame: arithmetic, DF, TF, AC, RF, ID.
const USER_FLAGS: u64 = 0x25_0dd5;
const INTERRUPTS_ON: u64 = 0x200;

/// Flags that user mode may have, from whatever somebody says that they are.
pub(in crate::task) fn user_flags(flags: u64) -> u64 {
    (flags & USER_FLAGS) | INTERRUPTS_ON | 2
}

/// Whether `frame` has the result of a call that a signal interrupted and that may be
/// restarted.
#[must_use]
pub fn was_interrupted(frame: &TrapFrame) -> bool {
    frame.rax == result(Errno::RestartOrEintr) || frame.rax == result(Errno::RestartWithoutHandler)
}

fn result(error: Errno) -> u64 {
    (-(error as i64)) as u64
}

/// Handles what is pending for `thread`, which is about to return to user mode with
/// `frame`. Interrupts are on.
pub fn handle_pending(thread: &Thread, frame: &mut TrapFrame) {
    let is_chosen = thread.signals.is_chosen.swap(false, Ordering::SeqCst);
    loop {
        let process = thread.process();
        if thread.must_leave() {
            exit::exit_thread();
        }
        if process.is_stopped() {
            wait::stay_stopped(process);
            continue;
        }
        let wanted = !thread.signals.blocked();
        let taken = if is_chosen {
            super::take(thread, wanted)
        } else {
            thread.signals.pending.take(wanted)
        };
        let Some(info) = taken else {
            break;
        };
        let action = process.signals().action(info.signal);
        match action.handler {
            IGNORE => {}
            DEFAULT => act_by_default(thread, info),
            _ => {
                let may_restart = action.flags & u64::from(linux::SA_RESTART) != 0
                    && frame.rax == result(Errno::RestartOrEintr);
                finish_interrupted_call(frame, may_restart);
                enter_handler(thread, frame, info, action);
                // More may wait behind it.
                thread
                    .signals
                    .is_chosen
                    .fetch_or(is_chosen, Ordering::SeqCst);
                return;
            }
        }
    }
    finish_interrupted_call(frame, true);
    if let Some(mask) = thread.signals.take_saved_mask() {
        thread.set_blocked(mask);
    }
}

fn act_by_default(thread: &Thread, info: SigInfo) {
    let process = thread.process();
    match default_action(info.signal) {
        DefaultAction::Ignore | DefaultAction::Continue => {}
        DefaultAction::Stop => wait::stop(process, info.signal),
        DefaultAction::Terminate | DefaultAction::Core => {
            exit::begin(process, wait::status_of_signal(info.signal));
        }
    }
}

/// Turns the result of an interrupted call into a repetition or into `EINTR`.
fn finish_interrupted_call(frame: &mut TrapFrame, restart: bool) {
    if frame.vector != SYSTEM_CALL || !was_interrupted(frame) {
        return;
    }
    if restart {
        // SYSCALL is two bytes; its number stands in the frame's error word.
        frame.rax = frame.error;
        frame.rip -= 2;
    } else {
        frame.rax = result(Errno::EINTR);
    }
}

/// Makes `frame` enter the handler on a frame of its own. Where that frame cannot be
/// written the process ends with SIGSEGV, as on Linux.
fn enter_handler(thread: &Thread, frame: &mut TrapFrame, info: SigInfo, action: Action) {
    let blocked = thread.signals.blocked();
    let restored = thread.signals.take_saved_mask().unwrap_or(blocked);
    if build_frame(thread, frame, info, action, restored).is_err() {
        exit::begin(thread.process(), wait::status_of_signal(linux::SIGSEGV));
        return;
    }
    let mut mask = blocked | action.mask;
    if action.flags & u64::from(linux::SA_NODEFER) == 0 {
        mask |= bit(info.signal);
    }
    thread.set_blocked(mask);
    if action.flags & u64::from(linux::SA_RESETHAND) != 0 {
        let reset = Action::default();
        thread
            .process()
            .signals()
            .set_action(thread.process(), info.signal, reset);
    }
}

fn build_frame(
    thread: &Thread,
    frame: &mut TrapFrame,
    info: SigInfo,
    action: Action,
    mask: u64,
) -> Result<()> {
    let alternate = thread.signals.alternate_stack();
    let stack_pointer = frame.rsp as usize;
    let is_on_it = alternate.flags & linux::SS_DISABLE == 0
        && stack_pointer.wrapping_sub(alternate.start) <= alternate.length;
    let wants_it = action.flags & u64::from(linux::SA_ONSTACK) != 0;
    let top = if wants_it && alternate.flags & linux::SS_DISABLE == 0 && !is_on_it {
        alternate.start + alternate.length
    } else {
        stack_pointer.checked_sub(RED_ZONE).ok_or(Errno::EFAULT)?
    };

    let state = current_fpu_bytes(thread);
    let size = state.len() + size_of::<u32>();
    let fpu_at = top.checked_sub(size).ok_or(Errno::EFAULT)? & !63;
    let below = fpu_at
        .checked_sub(size_of::<SignalFrame>())
        .ok_or(Errno::EFAULT)?;
    // At a function's entry the stack is 8 off a 16-byte border.
    let frame_at = (below & !15).checked_sub(8).ok_or(Errno::EFAULT)?;
    if is_on_it && frame_at < alternate.start {
        return Err(Errno::EFAULT);
    }
    user::copy_out(fpu_at, &state)?;
    if fpu::components() != 0 {
        user::write(fpu_at + state.len(), &MAGIC2)?;
    }
    let signal_frame = SignalFrame {
        return_address: action.restorer as u64,
        flags: CONTEXT_FLAGS,
        link: 0,
        stack_start: alternate.start as u64,
        stack_flags: if is_on_it {
            linux::SS_ONSTACK
        } else {
            alternate.flags
        },
        stack_padding: 0,
        stack_length: alternate.length as u64,
        machine: machine_context(frame, fpu_at, mask),
        mask,
        info: info.to_bytes(),
    };
    user::write(frame_at, &signal_frame)?;
    if alternate.flags & linux::SS_AUTODISARM != 0 {
        thread.signals.set_alternate_stack(super::AlternateStack {
            flags: linux::SS_DISABLE,
            ..Default::default()
        });
    }
    frame.rip = action.handler as u64;
    frame.rsp = frame_at as u64;
    frame.rdi = u64::from(info.signal);
    frame.rsi = (frame_at + core::mem::offset_of!(SignalFrame, info)) as u64;
    frame.rdx = (frame_at + core::mem::offset_of!(SignalFrame, flags)) as u64;
    frame.rax = 0;
    // DF and TF off, by the ABI.
    frame.rflags &= !0x500;
    frame.cs = u64::from(USER_CODE);
    frame.ss = u64::from(USER_DATA);
    // No longer a call to be finished.
    frame.vector = 0;
    Ok(())
}

/// The thread's FPU state with the software words filled in.
fn current_fpu_bytes(thread: &Thread) -> Vec<u8> {
    let mut bytes = {
        let _off = InterruptsOff::new();
        // SAFETY: the current thread's own context, interrupts off.
        match unsafe { &mut thread.context().fpu } {
            Some(fpu) => {
                fpu.save();
                fpu.bytes().to_vec()
            }
            None => Vec::new(),
        }
    };
    if fpu::components() != 0 {
        let length = bytes.len() as u32;
        let words = [
            u64::from(MAGIC1) | u64::from(length + 4) << 32,
            fpu::components(),
            u64::from(length),
        ];
        for (index, word) in words.iter().enumerate() {
            let at = SOFTWARE_BYTES + index * 8;
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
    bytes
}

fn machine_context(frame: &TrapFrame, fpu_at: usize, mask: u64) -> MachineContext {
    MachineContext {
        r8_to_r15: [
            frame.r8, frame.r9, frame.r10, frame.r11, frame.r12, frame.r13, frame.r14, frame.r15,
        ],
        rdi: frame.rdi,
        rsi: frame.rsi,
        rbp: frame.rbp,
        rbx: frame.rbx,
        rdx: frame.rdx,
        rax: frame.rax,
        rcx: frame.rcx,
        rsp: frame.rsp,
        rip: frame.rip,
        flags: frame.rflags,
        cs: frame.cs as u16,
        gs: 0,
        fs: 0,
        ss: frame.ss as u16,
        error: if frame.vector < 32 { frame.error } else { 0 },
        trap: if frame.vector < 32 { frame.vector } else { 0 },
        old_mask: mask,
        cr2: 0,
        fpu_state: fpu_at as u64,
        reserved: [0; 8],
    }
}

/// `rt_sigreturn`: puts back what [`enter_handler`] saved, as far as user code may say.
///
/// # Errors
/// `EFAULT`: the frame cannot be read; the caller ends the process.
pub fn return_from_handler(thread: &Thread, frame: &mut TrapFrame) -> Result<()> {
    // The handler's return took the return address off the stack.
    let at = (frame.rsp as usize).checked_sub(8).ok_or(Errno::EFAULT)?;
    let saved: SignalFrame = user::read(at)?;
    let machine = &saved.machine;
    if machine.fpu_state != 0 {
        let mut bytes = vec![0; fpu::area_size()];
        user::copy_in(machine.fpu_state as usize, &mut bytes)?;
        let _off = InterruptsOff::new();
        // SAFETY: the current thread's own context, interrupts off.
        if let Some(fpu) = unsafe { &mut thread.context().fpu } {
            fpu.set_from_user(&bytes);
            fpu.load();
        }
    }
    [
        frame.r8, frame.r9, frame.r10, frame.r11, frame.r12, frame.r13, frame.r14, frame.r15,
    ] = machine.r8_to_r15;
    frame.rdi = machine.rdi;
    frame.rsi = machine.rsi;
    frame.rbp = machine.rbp;
    frame.rbx = machine.rbx;
    frame.rdx = machine.rdx;
    frame.rax = machine.rax;
    frame.rcx = machine.rcx;
    frame.rsp = machine.rsp;
    frame.rip = machine.rip;
    frame.rflags = user_flags(machine.flags);
    frame.cs = u64::from(USER_CODE);
    frame.ss = u64::from(USER_DATA);
    frame.vector = 0;
    if !bugs::has(Bug::KeptMask) {
        thread.set_blocked(saved.mask);
    }
    let stack = super::AlternateStack {
        start: saved.stack_start as usize,
        length: saved.stack_length as usize,
        flags: saved.stack_flags & !linux::SS_ONSTACK,
    };
    if thread.signals.alternate_stack().flags & linux::SS_DISABLE != 0
        && stack.flags & linux::SS_AUTODISARM != 0
    {
        thread.signals.set_alternate_stack(stack);
    }
    Ok(())
}
