//! The context switch: from one kernel stack to another.

use core::arch::global_asm;

unsafe extern "C" {
    /// Pushes the callee-saved registers, stores the stack pointer to `*save`, and goes
    /// on at `stack`, which was left the same way or made by [`new_context`].
    ///
    /// # Safety
    /// Interrupts are off; `stack` is a suspended context that nobody else resumes, and
    /// `save` outlives this context's suspension.
    pub fn roentgen_switch(save: *mut u64, stack: u64);
    fn roentgen_first_switch();
}

// System V ABI: RBX, RBP, R12 to R15 are the callee's to keep.
global_asm!(
    r#"
    .section .text
    .global roentgen_switch
roentgen_switch:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

    // A new context begins here: rbx holds its function, r12 the argument.
    .global roentgen_first_switch
roentgen_first_switch:
    mov rdi, r12
    xor ebp, ebp
    call rbx
    ud2
"#
);

/// Prepares a context below `top` that calls `function(argument)`; the value to switch
/// to.
///
/// # Safety
/// The 64 bytes below `top`, which is 16-byte aligned, are free stack.
pub unsafe fn new_context(top: u64, function: extern "C" fn(u64) -> !, argument: u64) -> u64 {
    // r15, r14, r13, r12, rbx, rbp, return address; then the stack is empty and aligned.
    let frame: [u64; 7] = [
        0,
        0,
        0,
        argument,
        function as *const () as u64,
        0,
        roentgen_first_switch as *const () as u64,
    ];
    let stack = top - 56;
    // SAFETY: the caller's promise.
    unsafe { (stack as *mut [u64; 7]).write(frame) };
    stack
}
