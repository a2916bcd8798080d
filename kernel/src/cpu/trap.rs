//! Where traps and system calls arrive in Rust, and what happens before every return to
//! user mode.

use linux_raw_sys::general as linux;
use x86_64::instructions::interrupts as flag;
use x86_64::registers::control::Cr2;

use super::entry::{SYSTEM_CALL, TrapFrame};
use super::{control, copy, fpu, interrupts, stop};
use crate::memory::area::Protection;
use crate::memory::fault::FaultError;
use crate::memory::stacks;
use crate::memory::trace::Served;
use crate::memory::user::USER_END;
use crate::sync::InterruptsOff;
use crate::syscall;
use crate::task::signal::{self, SigInfo, deliver, info};
use crate::task::{self, scheduler};

const PAGE_FAULT: u64 = 14;
const DEBUG: u64 = 1;
const RFLAGS_INTERRUPTS: u64 = 0x200;
const RFLAGS_TRAP: u64 = 0x100;

/// Page-fault error code (Intel SDM vol. 3A, 4.7).
const FAULT_WRITE: u64 = 2;
const FAULT_RESERVED: u64 = 8;
const FAULT_FETCH: u64 = 16;

/// A system call. Returns whether SYSRET may be used: nothing but the result and what
/// SYSCALL clobbers has changed.
///
/// # Safety
/// Called by the entry only, with a frame on the current thread's stack.
pub(super) unsafe extern "C" fn system_call(frame: *mut TrapFrame) -> bool {
    // SAFETY: the entry's frame, which nobody else uses.
    let frame = unsafe { &mut *frame };
    task::current().enter_kernel(syscall::is_long(frame));
    flag::enable();
    syscall::dispatch(frame);
    before_user_mode(frame);
    // SYSRET takes RIP from RCX and RFLAGS from R11; RIP must be canonical, or it faults
    // in ring 0 (Intel SDM vol. 2B, SYSRET).
    frame.vector == SYSTEM_CALL
        && frame.rip == frame.rcx
        && frame.rflags == frame.r11
        && frame.rip < USER_END as u64
}

/// What is due before user mode is entered: leaving the core to others, signals, the
/// end. Returns with interrupts off.
pub fn before_user_mode(frame: *mut TrapFrame) {
    loop {
        flag::disable();
        // SAFETY: the line above.
        let off = unsafe { InterruptsOff::already() };
        if super::this(&off).scheduler.should_yield() {
            scheduler::preempt();
            continue;
        }
        let thread = task::current();
        if !thread.needs_attention() {
            thread.leave_kernel();
            return;
        }
        flag::enable();
        // SAFETY: the current thread's frame, used by this call alone.
        deliver::handle_pending(&thread, unsafe { &mut *frame });
    }
}

/// An interrupt or exception, other than those with a stack of their own. Returns with
/// interrupts off.
///
/// # Safety
/// As [`system_call`].
pub(super) unsafe extern "C" fn trap(frame: *mut TrapFrame) {
    control::forbid_user_access();
    // SAFETY: the entry's frame, which nobody else uses.
    let frame = unsafe { &mut *frame };
    if frame.is_from_user() {
        task::current().enter_kernel(false);
    }
    if frame.vector >= 32 {
        interrupts::handle(frame.vector as u8);
    } else if frame.vector == PAGE_FAULT {
        page_fault(frame);
    } else if frame.is_from_user() {
        flag::enable();
        if frame.vector == DEBUG && has_ended_step() {
            frame.rflags &= !RFLAGS_TRAP;
        } else {
            user_exception(frame);
        }
    } else {
        panic!(
            "exception {} (error {:#x}) in the kernel at {:#x}\n{frame:x?}",
            frame.vector, frame.error, frame.rip
        );
    }
    flag::disable();
    if frame.is_from_user() {
        before_user_mode(frame);
    }
}

fn page_fault(frame: &mut TrapFrame) {
    let address = Cr2::read_raw() as usize;
    let mut access = Protection::READ;
    if frame.error & FAULT_WRITE != 0 {
        access |= Protection::WRITE;
    }
    if frame.error & FAULT_FETCH != 0 {
        access = Protection::EXECUTE;
    }
    let recovery = copy::after_fault(frame.rip);
    let is_user_address = address < USER_END;
    if !frame.is_from_user() && (recovery.is_none() || !is_user_address) {
        kernel_fault(frame, address);
    }
    if frame.error & FAULT_RESERVED != 0 {
        panic!("reserved bit in a page table entry for {address:#x}");
    }
    if let Some(recovery) = recovery
        && !frame.is_from_user()
        && (super::is_fault_forbidden() || frame.rflags & RFLAGS_INTERRUPTS == 0)
    {
        frame.rip = recovery;
        return;
    }
    flag::enable();
    let thread = task::current();
    let result = match thread.process().try_space() {
        Some(space) => space.serve_fault(address, access),
        None => Err(FaultError::NotMapped),
    };
    let error = match result {
        Ok(served) => {
            thread.count_page_fault();
            if served == Served::ForOneStep && frame.is_from_user() {
                frame.rflags |= RFLAGS_TRAP;
            }
            return;
        }
        Err(error) => error,
    };
    if error == FaultError::Limit
        && let Some(account) = thread.process().account()
    {
        account.end_at_limit(thread.process());
    }
    if !frame.is_from_user() {
        if let Some(recovery) = recovery {
            frame.rip = recovery;
        }
        return;
    }
    let told = match error {
        FaultError::NotMapped => SigInfo::fault(linux::SIGSEGV, info::SEGV_MAPERR, address),
        FaultError::Forbidden => SigInfo::fault(linux::SIGSEGV, info::SEGV_ACCERR, address),
        FaultError::BeyondEnd => SigInfo::fault(linux::SIGBUS, info::BUS_ADRERR, address),
        FaultError::OutOfMemory => {
            crate::task::oom::relieve(&thread);
            return;
        }
        FaultError::Limit => return,
    };
    crate::debug!(
        "process {}: fault at {address:#x} ip {:#x} sp {:#x}: {error:?}",
        thread.process().id(),
        frame.rip,
        frame.rsp
    );
    signal::send_fault(&thread, told);
}

/// Whether the exception is the end of a step for which a traced page could be written.
fn has_ended_step() -> bool {
    let space = task::current().process().try_space();
    space.is_some_and(|space| space.end_step())
}

fn kernel_fault(frame: &TrapFrame, address: usize) -> ! {
    let what = if frame.error & FAULT_FETCH != 0 {
        "executing"
    } else if frame.error & FAULT_WRITE != 0 {
        "writing"
    } else {
        "reading"
    };
    panic!(
        "page fault in the kernel: {what} {address:#x} at {:#x}\n{frame:x?}",
        frame.rip
    );
}

/// An exception of user code: the signal that Linux sends for it.
fn user_exception(frame: &TrapFrame) {
    let thread = task::current();
    let (signal, code, address) = match frame.vector {
        // FPE_INTDIV
        0 => (linux::SIGFPE, 1, frame.rip as usize),
        // TRAP_TRACE, TRAP_BRKPT (SI_KERNEL)
        1 => (linux::SIGTRAP, 2, frame.rip as usize),
        3 => (linux::SIGTRAP, info::SI_KERNEL, 0),
        // ILL_ILLOPN
        6 => (linux::SIGILL, 2, frame.rip as usize),
        16 => (
            linux::SIGFPE,
            float_code(fpu::x87_exceptions()),
            frame.rip as usize,
        ),
        19 => (
            linux::SIGFPE,
            float_code(fpu::sse_exceptions()),
            frame.rip as usize,
        ),
        // BUS_ADRALN
        17 => (linux::SIGBUS, 1, 0),
        12 => (linux::SIGBUS, info::SI_KERNEL, 0),
        _ => (linux::SIGSEGV, info::SI_KERNEL, 0),
    };
    crate::debug!(
        "process {}: exception {} ip {:#x}",
        thread.process().id(),
        frame.vector,
        frame.rip
    );
    signal::send_fault(&thread, SigInfo::fault(signal, code, address));
}

/// The code of a SIGFPE for unmasked exceptions (Intel SDM vol. 1, 8.5 and 11.5.2).
fn float_code(exceptions: u32) -> i32 {
    const INVALID: u32 = 1;
    const DIVISION_BY_ZERO: u32 = 4;
    const OVERFLOW: u32 = 8;
    const UNDERFLOW_OR_DENORMAL: u32 = 0x12;
    // FPE_FLTINV, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES
    if exceptions & INVALID != 0 {
        7
    } else if exceptions & DIVISION_BY_ZERO != 0 {
        3
    } else if exceptions & OVERFLOW != 0 {
        4
    } else if exceptions & UNDERFLOW_OR_DENORMAL != 0 {
        5
    } else {
        6
    }
}

/// NMI, double fault and machine check, on their own stacks.
///
/// # Safety
/// As [`system_call`].
pub(super) unsafe extern "C" fn trap_special(frame: *mut TrapFrame) {
    // SAFETY: the entry's frame, which nobody else uses.
    let frame = unsafe { &*frame };
    match frame.vector {
        2 => stop::non_maskable_interrupt(),
        8 => {
            let address = Cr2::read_raw();
            let hint = if stacks::is_guard(address) {
                " (kernel stack overflow)"
            } else {
                ""
            };
            panic!(
                "double fault at {:#x}, rsp {:#x}, address {address:#x}{hint}",
                frame.rip, frame.rsp
            );
        }
        _ => panic!("machine check at {:#x}", frame.rip),
    }
}
