//! A core's own stack: for what comes on top of whatever a thread is in the middle of.
//!
//! An interrupt comes, and the scheduler is asked, at any depth of a thread's kernel stack, and
//! both may go deep themselves: a run queue that grows has crossbeam's epochs move bags of 4 KiB,
//! several times over. Here that has a whole stack, and a thread's needs no room for it.

use core::mem::MaybeUninit;

use super::this;
use crate::memory::stacks::STACK_SIZE;
use crate::sync::InterruptsOff;

/// What is to be called, and where its result goes.
struct Call<F, R> {
    body: MaybeUninit<F>,
    result: MaybeUninit<R>,
}

extern "C" fn enter<F: FnOnce() -> R, R>(call: &mut Call<F, R>) {
    // SAFETY: `run` filled it, calls this once, and does not drop it.
    let body = unsafe { call.body.assume_init_read() };
    call.result.write(body());
}

/// Runs `body` on this core's own stack, or where this is that already. It stays on the core, so
/// it does not switch threads; interrupts stay off.
pub fn run<F: FnOnce() -> R, R>(off: &InterruptsOff, body: F) -> R {
    let top = this(off).own_stack(off);
    let here = &raw const top as u64;
    if (top - STACK_SIZE..top).contains(&here) {
        return body();
    }
    let mut call = Call {
        body: MaybeUninit::new(body),
        result: MaybeUninit::uninit(),
    };
    // SAFETY: nobody else uses that stack, since interrupts are off and this is another one. The
    // top is aligned as a call wants it (System V ABI, 3.2.2), the callee keeps r12, and RBP still
    // leads a backtrace to the caller.
    unsafe {
        core::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {enter}",
            "mov rsp, r12",
            top = in(reg) top,
            enter = sym enter::<F, R>,
            in("rdi") &raw mut call,
            out("r12") _,
            clobber_abi("C"),
        );
        call.result.assume_init()
    }
}
