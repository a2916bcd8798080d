//! The ways into the kernel and back, in assembly.
//!
//! Every entry from user mode swaps GS (per-core storage) and FS (thread-local storage
//! of the kernel, which is per core too), and leaves a [`TrapFrame`] on the thread's
//! kernel stack. Entries from kernel mode swap nothing. The vectors with a stack of
//! their own cannot tell which of both it is by looking at GS's sign: they take the
//! core from the top of their stack, and put GS and FS back as they found them.

use core::arch::global_asm;

use x86_64::VirtAddr;
use x86_64::registers::model_specific::{LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;

use super::descriptors::{KERNEL_CODE, USER_DATA};
use super::offset;

/// The registers of whatever was interrupted, as the entries below push them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "registers")]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    /// Vector number, or [`SYSTEM_CALL`].
    pub vector: u64,
    /// The exception's error code; for a system call, its number.
    pub error: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

/// [`TrapFrame::vector`] of a system call.
pub const SYSTEM_CALL: u64 = 0x100;

impl TrapFrame {
    /// Whether user mode was interrupted.
    #[must_use]
    pub fn is_from_user(&self) -> bool {
        self.cs & 3 == 3
    }
}

unsafe extern "C" {
    static roentgen_trap_stubs: u8;
    fn roentgen_system_call_entry();
    /// Leaves for user mode with the frame at the top of the stack: a new thread's
    /// first instruction.
    pub fn roentgen_return_to_user() -> !;
}

/// Bytes between two stubs.
const STUB_SIZE: u64 = 16;

/// The first instruction of a vector's stub.
#[must_use]
pub fn stub_address(vector: u8) -> u64 {
    core::ptr::addr_of!(roentgen_trap_stubs) as u64 + u64::from(vector) * STUB_SIZE
}

/// Points SYSCALL at its entry (Intel SDM vol. 3A, 5.8.8). The flags that it clears:
/// interrupts stay off until the stack stands; AC, so that SMAP holds; DF, TF, NT.
pub(super) fn enable_system_calls() {
    const STAR: u32 = 0xc000_0081;
    let selectors = (u64::from(USER_DATA - 8) << 48) | (u64::from(KERNEL_CODE) << 32);
    LStar::write(VirtAddr::new(
        roentgen_system_call_entry as *const () as u64,
    ));
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::DIRECTION_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::NESTED_TASK,
    );
    // SAFETY: the selectors are those of the descriptor table: SYSRET takes the user's
    // data segment at base + 8 and its code at base + 16.
    unsafe { Msr::new(STAR).write(selectors) };
}

global_asm!(
    r#"
    .macro PUSH_REGISTERS
    push rax
    push rbx
    push rcx
    push rdx
    push rsi
    push rdi
    push rbp
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    .endm

    .macro POP_REGISTERS
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rbp
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    .endm

    // From user: keep its FS base, take the kernel's. Without FSGSBASE the user cannot
    // have changed it, and what the core remembers is still right.
    .macro FS_TO_KERNEL
    cmp qword ptr gs:[{has_fsgsbase}], 0
    je 101f
    rdfsbase rax
    mov gs:[{user_fs}], rax
    mov rax, gs:[{kernel_fs}]
    wrfsbase rax
    jmp 102f
101:
    mov rax, gs:[{kernel_fs}]
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0000100
    wrmsr
102:
    .endm

    .macro FS_TO_USER
    mov rax, gs:[{user_fs}]
    cmp qword ptr gs:[{has_fsgsbase}], 0
    je 103f
    wrfsbase rax
    jmp 104f
103:
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0000100
    wrmsr
104:
    .endm

    .section .text
    .global roentgen_system_call_entry
roentgen_system_call_entry:
    swapgs
    mov gs:[{user_stack}], rsp
    mov rsp, gs:[{kernel_stack}]
    push 0x1b                     // user data segment
    push qword ptr gs:[{user_stack}]
    push r11
    push 0x23                     // user code segment
    push rcx
    push rax                      // number, in the error code's place
    push 0x100
    PUSH_REGISTERS
    inc qword ptr gs:[{system_calls}]
    FS_TO_KERNEL
    mov rdi, rsp
    xor ebp, ebp
    call {system_call}            // returns with interrupts off
    test al, al
    jz roentgen_return_to_user
    FS_TO_USER
    swapgs
    POP_REGISTERS
    mov rsp, [rsp + 40]
    sysretq

    .global roentgen_return_to_user
roentgen_return_to_user:
    FS_TO_USER
    swapgs
    POP_REGISTERS
    add rsp, 16
    iretq

roentgen_trap_common:
    PUSH_REGISTERS
    cld
    test byte ptr [rsp + 18 * 8], 3
    jz 1f
    swapgs
    FS_TO_KERNEL
    mov rdi, rsp
    xor ebp, ebp
    call {trap}                   // returns with interrupts off
    jmp roentgen_return_to_user
1:
    mov rdi, rsp
    call {trap}
    POP_REGISTERS
    add rsp, 16
    iretq

    // Vectors with a stack of their own: the core stands at the stack's top, above the
    // hardware's five words, the error code and the vector.
roentgen_trap_special:
    PUSH_REGISTERS
    cld
    mov ecx, 0xc0000101
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov r12, rax                  // GS base as it was
    mov ecx, 0xc0000100
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov r13, rax                  // FS base as it was
    mov rax, [rsp + 22 * 8]
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0000101
    wrmsr
    mov rax, gs:[{kernel_fs}]
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0000100
    wrmsr
    mov rdi, rsp
    call {trap_special}
    mov rax, r13
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0000100
    wrmsr
    mov rax, r12
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0000101
    wrmsr
    POP_REGISTERS
    add rsp, 16
    iretq

    .align 16
    .global roentgen_trap_stubs
roentgen_trap_stubs:
    .set vector, 0
    .rept 256
    .align 16
    .if vector == 8
    push vector
    jmp roentgen_trap_special
    .elseif (vector == 2) || (vector == 18)
    push 0
    push vector
    jmp roentgen_trap_special
    .elseif (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
    push vector
    jmp roentgen_trap_common
    .else
    push 0
    push vector
    jmp roentgen_trap_common
    .endif
    .set vector, vector + 1
    .endr
"#,
    kernel_stack = const offset::KERNEL_STACK,
    user_stack = const offset::USER_STACK,
    kernel_fs = const offset::KERNEL_FS,
    user_fs = const offset::USER_FS,
    has_fsgsbase = const offset::HAS_FSGSBASE,
    system_calls = const offset::SYSTEM_CALLS,
    system_call = sym crate::cpu::trap::system_call,
    trap = sym crate::cpu::trap::trap,
    trap_special = sym crate::cpu::trap::trap_special,
);
