//! Control registers, model-specific registers and CPUID: what this core can do and
//! which protections are on. Intel SDM vol. 3A, chapters 2 and 4.

use core::arch::x86_64::__cpuid_count;
use core::sync::atomic::{AtomicBool, Ordering};

use x86_64::PhysAddr;
use x86_64::VirtAddr;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::{FsBase, GsBase, KernelGsBase};

/// Whether supervisor access to user pages needs STAC. Read by assembly.
#[unsafe(no_mangle)]
static ROENTGEN_HAS_SMAP: AtomicBool = AtomicBool::new(false);

/// One CPUID leaf's register bit.
fn has(
    leaf: u32,
    subleaf: u32,
    register: fn(&core::arch::x86_64::CpuidResult) -> u32,
    bit: u32,
) -> bool {
    let highest = __cpuid_count(leaf & 0x8000_0000, 0).eax;
    highest >= leaf && register(&__cpuid_count(leaf, subleaf)) & (1 << bit) != 0
}

/// Whether the CPU has XSAVE.
#[must_use]
pub fn has_xsave() -> bool {
    has(1, 0, |leaf| leaf.ecx, 26)
}

/// Turns on every protection and feature that this core has: NX, WP, SMEP, SMAP, UMIP,
/// global pages, FSGSBASE, XSAVE. Says whether FSGSBASE is on.
pub fn enable_features() -> bool {
    let mut cr4 =
        Cr4::read() | Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE | Cr4Flags::PAGE_GLOBAL;
    let smap = has(7, 0, |leaf| leaf.ebx, 20);
    let fsgsbase = has(7, 0, |leaf| leaf.ebx, 0);
    cr4.set(
        Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
        has(7, 0, |leaf| leaf.ebx, 7),
    );
    cr4.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, smap);
    cr4.set(
        Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION,
        has(7, 0, |leaf| leaf.ecx, 2),
    );
    cr4.set(Cr4Flags::FSGSBASE, fsgsbase);
    cr4.set(Cr4Flags::OSXSAVE, has_xsave());
    // SAFETY: each bit is set only where CPUID has the feature; the kernel maps no user
    // page executable for itself and reaches user memory between STAC and CLAC only.
    unsafe {
        Cr4::write(cr4);
        Cr0::write(
            (Cr0::read()
                | Cr0Flags::WRITE_PROTECT
                | Cr0Flags::MONITOR_COPROCESSOR
                | Cr0Flags::NUMERIC_ERROR)
                & !(Cr0Flags::EMULATE_COPROCESSOR
                    | Cr0Flags::TASK_SWITCHED
                    | Cr0Flags::CACHE_DISABLE
                    | Cr0Flags::NOT_WRITE_THROUGH),
        );
        Efer::update(|efer| {
            efer.insert(EferFlags::NO_EXECUTE_ENABLE | EferFlags::SYSTEM_CALL_EXTENSIONS);
        });
    }
    ROENTGEN_HAS_SMAP.store(smap, Ordering::Relaxed);
    fsgsbase
}

/// The names of the protections and features that are on in this core's registers.
#[must_use]
pub fn enabled_features() -> String {
    let (cr0, cr4, efer) = (Cr0::read(), Cr4::read(), Efer::read());
    let all = [
        ("nx", efer.contains(EferFlags::NO_EXECUTE_ENABLE)),
        ("wp", cr0.contains(Cr0Flags::WRITE_PROTECT)),
        (
            "smep",
            cr4.contains(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION),
        ),
        (
            "smap",
            cr4.contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
        ),
        (
            "umip",
            cr4.contains(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
        ),
        ("fsgsbase", cr4.contains(Cr4Flags::FSGSBASE)),
        ("xsave", cr4.contains(Cr4Flags::OSXSAVE)),
        ("x2apic", smp::apic::has_x2apic()),
    ];
    let on: Vec<&str> = all
        .iter()
        .filter_map(|(name, is_on)| is_on.then_some(*name))
        .collect();
    on.join(" ")
}

/// Whether SMAP is on.
#[must_use]
pub fn has_smap() -> bool {
    ROENTGEN_HAS_SMAP.load(Ordering::Relaxed)
}

/// Ends a stretch of allowed user access that an interrupt came into.
pub fn forbid_user_access() {
    if has_smap() {
        // SAFETY: CLAC exists where SMAP does, and only narrows what we may do.
        unsafe { core::arch::asm!("clac", options(nostack, nomem)) };
    }
}

/// Loads a top-level page table, flushing what is not global.
///
/// # Safety
/// It maps the kernel's half, and stays until another one is loaded.
pub unsafe fn load_root(root: PhysAddr) {
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!("mov cr3, {}", in(reg) root.as_u64(), options(nostack, preserves_flags));
    }
}

/// The top-level page table in use.
#[must_use]
pub fn loaded_root() -> PhysAddr {
    let value: u64;
    // SAFETY: reading CR3 changes nothing.
    unsafe {
        core::arch::asm!("mov {}, cr3", out(reg) value, options(nomem, nostack, preserves_flags))
    };
    PhysAddr::new_truncate(value & 0x000f_ffff_ffff_f000)
}

/// # Safety
/// The base is this core's storage.
pub(super) unsafe fn set_gs_base(base: u64) {
    GsBase::write(VirtAddr::new(base));
}

/// # Safety
/// The base is the kernel's thread-local storage on this core.
pub(super) unsafe fn set_fs_base(base: u64) {
    FsBase::write(VirtAddr::new(base));
}

/// The GS base that SWAPGS brings in on the way to user mode.
pub fn set_kernel_gs_base(base: u64) {
    KernelGsBase::write(VirtAddr::new_truncate(base));
}

/// The user's GS base, while the kernel runs.
#[must_use]
pub fn kernel_gs_base() -> u64 {
    KernelGsBase::read().as_u64()
}

/// The CPU's time stamp counter.
#[must_use]
pub fn time_stamp() -> u64 {
    // SAFETY: RDTSC has no preconditions in ring 0.
    unsafe { core::arch::x86_64::_rdtsc() }
}
