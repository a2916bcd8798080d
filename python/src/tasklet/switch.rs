//! The switch between two stacks of one thread, in assembly, and how a stack begins.
//!
//! System V ABI for x86-64, 3.2.1: a call keeps rbx, rbp, r12 to r15, the control bits of
//! MXCSR and the x87 control word; all else the caller of [`switch`] has saved by itself.
//! Both stacks are of one thread, so that what lies behind FS stays as it is.

use std::arch::naked_asm;

/// Leaves this stack, whose pointer goes to `*save`, for one that was left with `load`.
/// Returns when somebody comes back.
///
/// # Safety
/// `load` was saved by this function or made by [`prepare`], and not returned to since.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn switch(save: *mut *mut u8, load: *mut u8) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "stmxcsr [rsp]",
        "fnstcw [rsp + 4]",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "ldmxcsr [rsp]",
        "fldcw [rsp + 4]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// The first frame of a stack: none is above it. r12 is the function that it calls.
#[unsafe(naked)]
unsafe extern "C" fn bottom() {
    naked_asm!("xor ebp, ebp", "call r12", "ud2")
}

/// MXCSR and x87 control word at the start of a process: all exceptions masked, rounding to
/// nearest, extended precision.
const CONTROL: u64 = 0x1f80 | 0x037f << 32;

/// Lays a stack out so that a switch to the pointer that is returned calls `entry`.
///
/// # Safety
/// There are 128 bytes below `top` that nobody uses; `top` is aligned to 16.
pub(super) unsafe fn prepare(top: *mut u8, entry: extern "C" fn() -> !) -> *mut u8 {
    let entry = (entry as *const ()).expose_provenance() as u64;
    let bottom = (bottom as *const ()).expose_provenance() as u64;
    // What `switch` pops, lowest first, and zeros above for whoever walks the stack.
    let words = [CONTROL, 0, 0, 0, entry, 0, 0, bottom, 0, 0];
    // SAFETY: the caller's promise.
    unsafe {
        let start = top.sub(size_of_val(&words)).cast::<u64>();
        start.copy_from_nonoverlapping(words.as_ptr(), words.len());
        start.cast()
    }
}

/// Moves what is at `live` to `park`, and what is at `take` to `live`. `units` of 16 bytes
/// each, and 8 more where `has_rest` is 1. In assembly, as bytes: a part of them is padding,
/// which Rust cannot read, and a part is read by code that holds shared references.
///
/// # Safety
/// All three are as long, and aligned to 8; `park` is none of the others.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn exchange(
    live: *mut u8,
    park: *mut u8,
    take: *const u8,
    units: usize,
    has_rest: usize,
) {
    naked_asm!(
        "2:",
        "movups xmm0, [rdi]",
        "movups xmm1, [rdx]",
        "movups [rsi], xmm0",
        "movups [rdi], xmm1",
        "add rdi, 16",
        "add rsi, 16",
        "add rdx, 16",
        "dec rcx",
        "jnz 2b",
        "test r8, r8",
        "jz 3f",
        "mov rax, [rdi]",
        "mov r9, [rdx]",
        "mov [rsi], rax",
        "mov [rdi], r9",
        "3:",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static HERE: Cell<*mut u8> = const { Cell::new(std::ptr::null_mut()) };
        static THERE: Cell<*mut u8> = const { Cell::new(std::ptr::null_mut()) };
        static SUM: Cell<f64> = const { Cell::new(0.0) };
    }

    extern "C" fn entry() -> ! {
        loop {
            // Floating point and a call, which fault where the stack is aligned wrongly.
            SUM.set(format!("{}", SUM.get() + 0.5).parse().unwrap());
            // SAFETY: the other side waits in the same function.
            unsafe { switch(THERE.as_ptr_mut(), HERE.get()) };
        }
    }

    trait AsPointer {
        fn as_ptr_mut(&'static self) -> *mut *mut u8;
    }

    impl AsPointer for std::thread::LocalKey<Cell<*mut u8>> {
        fn as_ptr_mut(&'static self) -> *mut *mut u8 {
            self.with(Cell::as_ptr)
        }
    }

    #[test]
    fn there_and_back_many_times() {
        let mut stack = vec![0_u128; 16 * 1024];
        let top = stack.as_mut_ptr_range().end;
        // SAFETY: nobody else uses the stack.
        THERE.set(unsafe { prepare(top.cast(), entry) });
        for round in 1..=1000 {
            // SAFETY: it was prepared, and then saved by the other side.
            unsafe { switch(HERE.as_ptr_mut(), THERE.get()) };
            assert_eq!(SUM.get(), f64::from(round) * 0.5);
        }
    }

    #[test]
    fn what_is_live_is_parked_and_what_was_parked_is_live() {
        for length in [2, 3, 8, 9] {
            let mut live: Vec<u64> = (0..length).collect();
            let take: Vec<u64> = (0..length).map(|n| n + 100).collect();
            let mut park = vec![0; length as usize];
            let (old, units) = (live.clone(), length as usize / 2);
            // SAFETY: all three have that many words.
            unsafe {
                exchange(
                    live.as_mut_ptr().cast(),
                    park.as_mut_ptr().cast(),
                    take.as_ptr().cast(),
                    units,
                    length as usize % 2,
                );
            }
            assert_eq!((park, live), (old, take));
        }
    }
}
