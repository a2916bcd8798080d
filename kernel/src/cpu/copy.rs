//! The one routine that touches user memory, and where its faults go.

use core::arch::global_asm;

unsafe extern "C" {
    static roentgen_user_copy_words: u8;
    static roentgen_user_copy_bytes: u8;
    static roentgen_user_copy_words_fault: u8;
    static roentgen_user_copy_bytes_fault: u8;
}

// rdi: to, rsi: from, rdx: bytes. Returns the bytes left. By words first: under TCG
// that is three times faster than by bytes; a fault among the words goes on by bytes,
// so that the count is exact.
global_asm!(
    r#"
    .section .text
    .global roentgen_user_copy
roentgen_user_copy:
    cmp byte ptr [ROENTGEN_HAS_SMAP], 0
    je 1f
    stac
1:
    mov rcx, rdx
    mov eax, edx
    shr rcx, 3
    and eax, 7
    .global roentgen_user_copy_words
roentgen_user_copy_words:
    rep movsq
    mov ecx, eax
    .global roentgen_user_copy_bytes
roentgen_user_copy_bytes:
    rep movsb
    .global roentgen_user_copy_bytes_fault
roentgen_user_copy_bytes_fault:
    mov rax, rcx
    cmp byte ptr [ROENTGEN_HAS_SMAP], 0
    je 2f
    clac
2:
    ret
    .global roentgen_user_copy_words_fault
roentgen_user_copy_words_fault:
    lea rcx, [rax + rcx * 8]
    jmp roentgen_user_copy_bytes
"#
);

/// Where execution goes on after an access to user memory at `instruction` could not be
/// served; None where that is no such access, but a bug of the kernel.
#[must_use]
pub fn after_fault(instruction: u64) -> Option<u64> {
    let words = core::ptr::addr_of!(roentgen_user_copy_words) as u64;
    let bytes = core::ptr::addr_of!(roentgen_user_copy_bytes) as u64;
    if instruction == words {
        Some(core::ptr::addr_of!(roentgen_user_copy_words_fault) as u64)
    } else if instruction == bytes {
        Some(core::ptr::addr_of!(roentgen_user_copy_bytes_fault) as u64)
    } else {
        None
    }
}
