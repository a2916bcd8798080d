//! The first instructions: from PVH's or multiboot2's 32-bit state into long mode, in
//! the higher half, on the boot core's stack.
//!
//! PVH (Xen's `docs/misc/pvh.pandoc`): EBX holds `hvm_start_info`. Multiboot2
//! specification 3.3: EAX holds the magic, EBX the information. Both: 32-bit protected
//! mode, paging off. The tables built here map the first 4 GiB by 2 MiB pages, once at
//! its own address, once at the direct map's; they are given up as soon as the real
//! ones stand.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .multiboot2, "a"
    .align 8
mb2_header:
    .long 0xe85250d6
    .long 0
    .long mb2_header_end - mb2_header
    .long -(0xe85250d6 + (mb2_header_end - mb2_header))
    // Modules begin at page borders (tag 6).
    .align 8
    .short 6, 0
    .long 8
    .align 8
    .short 0, 0
    .long 8
mb2_header_end:

    .section .note.Xen, "a", @note
    .align 4
    .long 4, 4, 18            // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long roentgen_pvh_entry

    .section .boot.bss, "aw", @nobits
    .align 4096
roentgen_boot_pml4: .skip 4096
boot_pdpt_low:  .skip 4096
boot_pdpt_high: .skip 4096
boot_pd:        .skip 4096 * 4

    .section .boot.data, "aw"
    .align 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff  // 64-bit code
    .quad 0x00cf92000000ffff  // data
boot_gdt_pointer:
    .short 23
    .long boot_gdt

    .section .boot.text, "ax"
    .code32
    .global roentgen_multiboot2_entry
roentgen_multiboot2_entry:
    cld
    mov edi, eax
    mov esi, ebx
    jmp 1f
    .global roentgen_pvh_entry
roentgen_pvh_entry:
    cld
    xor edi, edi
    mov esi, ebx
1:
    mov esp, offset boot_pd + 4096 * 4
    // Clear the tables (firmware promises nothing of NOBITS below 4 GiB under PVH).
    push edi
    mov edi, offset roentgen_boot_pml4
    xor eax, eax
    mov ecx, 4096 * 6 / 4
    rep stosd
    pop edi

    mov eax, offset boot_pdpt_low + 3
    mov [roentgen_boot_pml4], eax
    mov [roentgen_boot_pml4 + 256 * 8], eax
    mov eax, offset boot_pdpt_high + 3
    mov [roentgen_boot_pml4 + 511 * 8], eax
    mov eax, offset boot_pd + 3
    mov [boot_pdpt_low], eax
    mov [boot_pdpt_high + 510 * 8], eax
    add eax, 4096
    mov [boot_pdpt_low + 8], eax
    add eax, 4096
    mov [boot_pdpt_low + 16], eax
    add eax, 4096
    mov [boot_pdpt_low + 24], eax
    // No stack from here on: the last table is its place.
    mov eax, 0x83
    mov ecx, offset boot_pd
2:
    mov [ecx], eax
    mov dword ptr [ecx + 4], 0
    add eax, 0x200000
    add ecx, 8
    cmp ecx, offset boot_pd + 4096 * 4
    jne 2b

    mov eax, cr4
    or eax, 0x20              // PAE
    mov cr4, eax
    mov eax, offset roentgen_boot_pml4
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900             // LME, NXE
    wrmsr
    mov eax, cr0
    or eax, 0x80010001        // PG, WP, PE
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    // A far jump that both assemblers spell alike.
    .byte 0xea
    .long boot_long_mode
    .short 8

    .code64
boot_long_mode:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov edi, edi
    mov esi, esi
    mov rax, offset boot_high
    jmp rax

    .section .text
boot_high:
    mov rsp, offset roentgen_boot_stack_top
    xor ebp, ebp
    push rbp
    call {main}
    ud2

    .section .bss
    .align 4096
    // No guard under this one: the boot leaves it as soon as there are others.
    .skip 65536
roentgen_boot_stack_top:
    .skip 8
"#,
    main = sym crate::kernel_main,
);
