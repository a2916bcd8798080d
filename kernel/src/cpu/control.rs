//! Control registers, model-specific registers and CPUID: what this core can do and
//! which protections are on. Intel SDM vol. 3A, chapters 2 and 4.

use core::arch::x86_64::__cpuid_count;
use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use formats::cmdline::CommandLine;
use x86_64::PhysAddr;
use x86_64::VirtAddr;
use x86_64::instructions::tlb::{self, InvPcidCommand, Pcid};
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::{FsBase, GsBase, KernelGsBase};

/// Whether supervisor access to user pages needs STAC. Read by assembly.
#[unsafe(no_mangle)]
static ROENTGEN_HAS_SMAP: AtomicBool = AtomicBool::new(false);

/// The PCIDs that are used at most, on a core that has them.
static PCID_LIMIT: AtomicU16 = AtomicU16::new(smp::pcid::MOST);
/// Whether INVPCID is used: allowed, and there on every core so far.
static USES_INVPCID: AtomicBool = AtomicBool::new(true);

/// Leaves off what the command line says (`pcid=off`, `invpcid=off`), to run on CPUs that
/// have it as on those that do not; `pcid=N` uses N PCIDs at most. Before the first core
/// is set up.
pub fn restrict(command_line: &CommandLine) {
    let limit = match command_line.value("pcid") {
        Some("off") => 0,
        Some(number) => number.parse().unwrap_or(smp::pcid::MOST),
        None => smp::pcid::MOST,
    };
    PCID_LIMIT.store(limit.min(smp::pcid::MOST), Ordering::Relaxed);
    let is_off = command_line.value("invpcid") == Some("off");
    USES_INVPCID.store(!is_off, Ordering::Relaxed);
}

/// The PCIDs that a core uses, if it has them; 0: none.
#[must_use]
pub fn pcid_limit() -> u16 {
    PCID_LIMIT.load(Ordering::Relaxed)
}

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
/// global pages, PCID, FSGSBASE, XSAVE. Says whether FSGSBASE is on.
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
    // The low bits of CR3 are zero, as setting PCIDE demands (Intel SDM vol. 3A, 4.10.1):
    // the kernel's own table is loaded.
    let pcid = has(1, 0, |leaf| leaf.ecx, 17) && pcid_limit() > 0;
    cr4.set(Cr4Flags::PCID, pcid);
    if !has(7, 0, |leaf| leaf.ebx, 10) {
        USES_INVPCID.store(false, Ordering::Relaxed);
    }
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
        ("pcid", cr4.contains(Cr4Flags::PCID)),
        ("invpcid", USES_INVPCID.load(Ordering::Relaxed)),
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

/// Bit 63 of what is loaded into CR3: the TLB's entries of the PCID stay.
const CR3_KEEP: u64 = 1 << 63;

/// Whether this core tags its TLB by PCID.
#[must_use]
pub fn uses_pcids() -> bool {
    Cr4::read().contains(Cr4Flags::PCID)
}

/// Loads a top-level page table under a PCID, which flushes what the TLB has of that PCID,
/// but for what is global, unless it is kept. Without PCIDs all that is not global is
/// flushed (Intel SDM vol. 3A, 4.10.4.1).
///
/// # Safety
/// It maps the kernel's half, and stays until another one is loaded. Where this core uses
/// no PCIDs, `pcid` is 0 and nothing is kept; where something is, all that the TLB has of
/// the PCID is right for this table.
pub unsafe fn load_root(root: PhysAddr, pcid: u16, is_kept: bool) {
    let value = root.as_u64() | u64::from(pcid) | if is_kept { CR3_KEEP } else { 0 };
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!("mov cr3, {}", in(reg) value, options(nostack, preserves_flags));
    }
}

/// CR3: the top-level page table in use, and the PCID in the low 12 bits. Bit 63 reads as
/// zero.
fn loaded_root() -> u64 {
    let value: u64;
    // SAFETY: reading CR3 changes nothing.
    unsafe {
        core::arch::asm!("mov {}, cr3", out(reg) value, options(nomem, nostack, preserves_flags))
    };
    value
}

/// Flushes all that this core's TLB has of the loaded space, but for what is global.
pub fn flush_space() {
    let loaded = loaded_root();
    // Twelve bits are always a PCID; without PCIDs they are zero.
    match Pcid::new((loaded & 0xfff) as u16) {
        // SAFETY: INVPCID is there; flushing is always right.
        Ok(pcid) if USES_INVPCID.load(Ordering::Relaxed) => unsafe {
            tlb::flush_pcid(InvPcidCommand::Single(pcid));
        },
        // SAFETY: what is loaded is loaded again, without bit 63.
        _ => unsafe {
            core::arch::asm!("mov cr3, {}", in(reg) loaded, options(nostack, preserves_flags));
        },
    }
}

/// Flushes all that this core's TLB has, of every PCID, and what is global.
pub fn flush_everything() {
    if USES_INVPCID.load(Ordering::Relaxed) {
        // SAFETY: INVPCID is there; flushing is always right.
        unsafe { tlb::flush_pcid(InvPcidCommand::All) };
        return;
    }
    // Changing CR4.PGE does it, either way (Intel SDM vol. 3A, 4.10.4.1).
    let cr4 = Cr4::read();
    // SAFETY: global pages are an optimisation, and back on at once.
    unsafe {
        Cr4::write(cr4 ^ Cr4Flags::PAGE_GLOBAL);
        Cr4::write(cr4);
    }
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
