//! Bringing the machine's cores up: firmware tables, APICs, the clock, the trampoline.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use smp::apic::LocalApic;
use smp::bringup::{self, Machine, Timing};
use smp::clock::{self, HardwareCpuId, Hpet, Pit, Plan, PmTimerReference, Reference};
use smp::ioapic::IoApics;
use smp::madt::{self, Discovery, PhysicalMemory, Unreadable};
use x86_64::PhysAddr;

use super::damaged::Damaged;
use super::{Core, control, interrupts};
use crate::boot::{BootInfo, Region};
use crate::devices::lines;
use crate::memory::stacks::KernelStack;
use crate::memory::{direct, kernel_map, tlb};
use crate::sync::{InterruptsOff, IrqLock};
use crate::task::thread::Thread;
use crate::time;

/// Where the other cores begin: below 1 MiB, in memory that is never handed out.
const TRAMPOLINE: u64 = 0x8000;

/// How far ACPI tables are looked for: what the direct map always reaches.
const TABLES_END: u64 = 4 << 30;

/// The APIC's own clock, in ticks a second; the same on all cores.
static COUNT_FREQUENCY: AtomicU64 = AtomicU64::new(0);
static TSC_FREQUENCY: AtomicU64 = AtomicU64::new(0);
/// The I/O APICs. A leaf lock.
static IO_APICS: IrqLock<Option<IoApics>> = IrqLock::new(None);

/// One core that is to be started. Numbers are given to those that come, in that order,
/// so that a silent one leaves no hole.
struct Candidate {
    apic_id: AtomicU32,
    has_answered: AtomicBool,
    /// Its storage, once it is admitted.
    storage: AtomicPtr<Core>,
    runs: AtomicBool,
}

static CANDIDATES: [Candidate; super::MAX_CORES] = [const {
    Candidate {
        apic_id: AtomicU32::new(u32::MAX),
        has_answered: AtomicBool::new(false),
        storage: AtomicPtr::new(core::ptr::null_mut()),
        runs: AtomicBool::new(false),
    }
}; super::MAX_CORES];

fn candidate(apic_id: u32) -> Option<&'static Candidate> {
    CANDIDATES
        .iter()
        .find(|candidate| candidate.apic_id.load(Ordering::Acquire) == apic_id)
}

struct Physical<'a> {
    usable: &'a [Region],
}

impl PhysicalMemory for Physical<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        let end = address.checked_add(buffer.len() as u64).ok_or(Unreadable)?;
        if end > TABLES_END {
            return Err(Unreadable);
        }
        let from = direct::pointer(PhysAddr::new(address));
        // SAFETY: the direct map reaches all below 4 GiB; firmware's bytes may be
        // anything, and are bytes.
        unsafe { core::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr(), buffer.len()) };
        Ok(())
    }

    fn is_usable_ram(&self, address: u64, length: u64) -> bool {
        let end = address.saturating_add(length);
        self.usable
            .iter()
            .any(|region| region.start < end && address < region.end)
    }
}

/// Reads the firmware's tables, damaged from this seed where there is one, sets up this core's
/// APIC, the clock and the device lines.
///
/// # Panics
/// Where there is no local APIC: nothing here works without.
pub fn discover(boot: &BootInfo, damage: Option<u64>) -> Discovery {
    let memory = Physical {
        usable: boot.usable(),
    };
    let memory = Damaged::new(memory, damage);
    let discovery = madt::discover(&memory, boot.rsdp, boot_apic_id());
    for warning in &discovery.warnings {
        crate::warn!("acpi: {warning}");
    }
    crate::log!(
        "acpi: {} core(s), {} I/O APIC(s), {} interrupt override(s)",
        discovery.topology.cores.len(),
        discovery.topology.io_apics.len(),
        discovery.topology.overrides.len()
    );
    if discovery.topology.has_legacy_pics {
        // SAFETY: nobody else drives the PICs.
        unsafe { smp::ioapic::legacy_pic::silence(0x20) };
    }
    if !smp::apic::has_x2apic()
        && let Ok(base) = kernel_map::map_device(discovery.topology.local_apic_address, 4096)
    {
        interrupts::set_xapic_base(base);
    }
    if let Err(error) = interrupts::enable_apic() {
        panic!("the boot core's local APIC: {error}");
    }
    start_clock(&discovery);
    // SAFETY: the mappings are uncached and stay; nobody else drives I/O APICs.
    let (io_apics, failures) = unsafe {
        IoApics::take_over(&discovery.topology, |address| {
            kernel_map::map_device(address, 4096).ok()
        })
    };
    for failure in failures {
        crate::warn!("{failure}");
    }
    *IO_APICS.lock() = Some(io_apics);
    discovery
}

pub fn boot_apic_id() -> u32 {
    let leaf = core::arch::x86_64::__cpuid(1);
    if smp::apic::has_x2apic() && core::arch::x86_64::__cpuid(0).eax >= 0xb {
        return core::arch::x86_64::__cpuid_count(0xb, 0).edx;
    }
    leaf.ebx >> 24
}

/// The ISA line behind which the second PIC stands: no device's.
pub const CASCADE: u8 = 2;

/// Runs `body` with the I/O APICs, their lock held; None before they are known.
pub fn with_io_apics<T>(body: impl FnOnce(&mut IoApics) -> T) -> Option<T> {
    IO_APICS.lock().as_mut().map(body)
}

/// Routes an ISA line to this core and lets `handler` serve it.
pub fn route_line(line: u8, handler: fn()) {
    interrupts::set_handler(line, handler);
    let off = InterruptsOff::new();
    let core = super::this(&off);
    let routed = with_io_apics(|io_apics| {
        io_apics.route_isa(line, interrupts::DEVICES + line, core.apic_id)
    });
    match routed {
        Some(Ok(gsi)) => lines::reserve(gsi),
        Some(Err(error)) => crate::warn!("line {line} is not routed: {error}"),
        None => {}
    }
}

/// How the APIC's timer is measured. Deadlines are set by it, and looked at again by the
/// clock: a thousandth is good enough, and found in a fifth of the time.
const COUNTDOWN_PLAN: Plan = Plan {
    stretch_us: 2_000,
    stretches: 5,
    agreement_ppm: 1_000,
};

fn start_clock(discovery: &Discovery) {
    let off = InterruptsOff::new();
    let measured = measure_tsc(discovery);
    let claim = clock::claimed_tsc(&HardwareCpuId);
    let frequency = match clock::decide(claim, measured) {
        Some(frequency) => frequency.hz,
        None => {
            crate::warn!("clock: nothing to calibrate with; taking 1 GHz");
            1_000_000_000
        }
    };
    TSC_FREQUENCY.store(frequency, Ordering::Relaxed);
    time::init(frequency, crate::time::rtc::read_nanos());
    let counts = interrupts::with_apic(&off, |apic| {
        clock::calibrate_countdown(apic, control::time_stamp, frequency, &COUNTDOWN_PLAN)
    });
    let count_frequency = match counts {
        Some(Ok(hz)) => hz,
        _ => {
            crate::warn!("clock: the APIC's timer could not be calibrated");
            1_000_000_000
        }
    };
    COUNT_FREQUENCY.store(count_frequency, Ordering::Relaxed);
    interrupts::enable_timer(frequency, count_frequency);
    crate::log!(
        "clock: TSC {} kHz, APIC timer {} kHz",
        frequency / 1000,
        count_frequency / 1000
    );
}

/// The time stamp counter's frequency by the best reference there is: PM timer, HPET,
/// PIT.
fn measure_tsc(discovery: &Discovery) -> Option<u64> {
    fn by(mut reference: impl Reference) -> Option<u64> {
        clock::calibrate_tsc(&mut reference, control::time_stamp, &Plan::default()).ok()
    }
    let map = |address| kernel_map::map_device(address, 1024).ok();
    if let Some(timer) = &discovery.pm_timer {
        // SAFETY: the machine's own, found where the tables say; nobody else uses it.
        let timer = unsafe { PmTimerReference::new(timer, map) };
        if let Some(frequency) = timer.and_then(by) {
            return Some(frequency);
        }
    }
    if let Some(base) = discovery.hpet.and_then(map)
        // SAFETY: the mapping is uncached and stays; nobody else drives the HPET.
        && let Ok(hpet) = unsafe { Hpet::new(base) }
        && let Some(frequency) = by(hpet)
    {
        return Some(frequency);
    }
    // SAFETY: nobody else uses the PIT.
    by(unsafe { Pit::new() })
}

unsafe extern "C" {
    static roentgen_trampoline_start: u8;
    static roentgen_trampoline_end: u8;
}

/// What the trampoline finds at its page's end.
#[repr(C)]
struct Parameters {
    root: u64,
    entry: u64,
    /// Where the number of stacks taken stands; the page itself is read-only.
    next_stack: u64,
    stacks: u64,
    count: u64,
}

const PARAMETERS: u64 = 0xf00;

// Real mode at TRAMPOLINE; straight into long mode with the kernel's own table, which
// maps this page at its own address meanwhile. Each core takes the next stack.
global_asm!(
    r#"
    .section .rodata
    .code16
    .set tramp_gdt_pointer_at, 0x8000 + trampoline_gdt_pointer - roentgen_trampoline_start
    .set tramp_gdt_at, 0x8000 + trampoline_gdt - roentgen_trampoline_start
    .set tramp_long_at, 0x8000 + trampoline_long_mode - roentgen_trampoline_start
    .global roentgen_trampoline_start
roentgen_trampoline_start:
    cli
    cld
    xor ax, ax
    mov ds, ax
    lgdt [tramp_gdt_pointer_at]
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, [0x8f00]
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, cr0
    and eax, 0x9fffffff
    or eax, 0x80010001
    mov cr0, eax
    .byte 0x66, 0xea
    .long tramp_long_at
    .short 8
    // With the accessed bits set: the page is read-only.
    .align 8
trampoline_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
trampoline_gdt_pointer:
    .short 23
    .long tramp_gdt_at
    .code64
trampoline_long_mode:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rdx, [0x8f10]
    mov eax, 1
    lock xadd [rdx], rax
    cmp rax, [0x8f20]
    jae 1f
    mov rcx, [0x8f18]
    mov rsp, [rcx + rax * 8]
    xor ebp, ebp
    push rbp
    mov rax, [0x8f08]
    jmp rax
1:  hlt
    jmp 1b
    .global roentgen_trampoline_end
roentgen_trampoline_end:
    .text
"#
);

/// The boot core's view of the others.
struct Hardware {
    next_number: usize,
}

impl Hardware {
    fn with_apic(&self, use_it: impl FnOnce(&LocalApic)) {
        let off = InterruptsOff::new();
        interrupts::with_apic(&off, use_it);
    }
}

impl Machine for Hardware {
    fn send_init(&mut self, apic_id: u32) {
        // SAFETY: a core that has not been started, or that did not answer.
        self.with_apic(|apic| unsafe { apic.send_init(apic_id) });
    }

    fn send_startup(&mut self, apic_id: u32, page: u8) {
        // SAFETY: the trampoline stands at that page.
        self.with_apic(|apic| unsafe { apic.send_startup(apic_id, page) });
    }

    fn delay_us(&mut self, microseconds: u32) {
        let end = time::Instant::now() + core::time::Duration::from_micros(u64::from(microseconds));
        while time::Instant::now() < end {
            core::hint::spin_loop();
        }
    }

    fn has_answered(&mut self, apic_id: u32) -> bool {
        candidate(apic_id).is_some_and(|core| core.has_answered.load(Ordering::Acquire))
    }

    fn admit(&mut self, apic_id: u32) {
        if let Some(candidate) = candidate(apic_id) {
            let storage = Core::new(self.next_number, apic_id);
            self.next_number += 1;
            let storage = core::ptr::from_ref(storage).cast_mut();
            candidate.storage.store(storage, Ordering::Release);
        }
    }
}

/// Starts the other cores that the firmware lists. Those that come run their idle
/// thread when this returns, or soon after. `phantoms` more are called that nobody listed,
/// as if the firmware had lied.
pub fn start_others(discovery: &Discovery, phantoms: usize) {
    let began = time::Instant::now();
    let mut listed: Vec<u32> = discovery
        .topology
        .application_cores()
        .map(|core| core.apic_id)
        .collect();
    // Not 255: that addresses everybody (Intel SDM vol. 3A, 12.6.2.1).
    let invented = (0..255_u32)
        .rev()
        .filter(|id| !listed.contains(id) && *id != boot_apic_id());
    let invented: Vec<u32> = invented.take(phantoms).collect();
    listed.splice(0..0, invented);
    if listed.is_empty() {
        return;
    }
    let mut stacks = Vec::new();
    for (apic_id, candidate) in listed.iter().zip(&CANDIDATES) {
        let Ok(stack) = KernelStack::new() else {
            crate::warn!(
                "no memory for the stacks of {} core(s)",
                listed.len() - stacks.len()
            );
            break;
        };
        candidate.apic_id.store(*apic_id, Ordering::Release);
        stacks.push(stack.top());
        core::mem::forget(stack);
    }
    let ids = &listed[..stacks.len()];
    let page = (TRAMPOLINE >> 12) as u8;
    let mut hardware = Hardware { next_number: 1 };
    // A virtual core needs no time to reset.
    let is_virtual = core::arch::x86_64::__cpuid(1).ecx >> 31 != 0;
    let timing = Timing {
        after_init_us: if is_virtual {
            0
        } else {
            Timing::default().after_init_us
        },
        ..Timing::default()
    };
    let start = || bringup::start(&mut hardware, ids.iter().copied(), page, &timing);
    let Some(report) = with_trampoline(&stacks, start) else {
        return;
    };
    for apic_id in &report.silent {
        crate::warn!("core with APIC id {apic_id} does not answer");
    }
    for apic_id in &report.up {
        while candidate(*apic_id).is_some_and(|core| !core.runs.load(Ordering::Acquire)) {
            core::hint::spin_loop();
        }
    }
    super::set_count(report.up.len() + 1);
    // The trampoline is unmapped; all that ran there still have it in their TLBs.
    tlb::forget_kernel_mappings();
    let took = time::Instant::now().since(began);
    crate::log!(
        "smp: {} core(s) up, {} silent, {} µs",
        report.up.len() + 1,
        report.silent.len(),
        took.as_micros()
    );
}

fn with_trampoline<T>(stacks: &[u64], body: impl FnOnce() -> T) -> Option<T> {
    kernel_map::set_trampoline(TRAMPOLINE, true).ok()?;
    let start = core::ptr::addr_of!(roentgen_trampoline_start);
    let length = core::ptr::addr_of!(roentgen_trampoline_end) as usize - start as usize;
    let page = direct::pointer(PhysAddr::new(TRAMPOLINE));
    let next_stack = AtomicU64::new(0);
    let parameters = Parameters {
        root: kernel_map::root().as_u64(),
        entry: application_entry as *const () as u64,
        next_stack: next_stack.as_ptr() as u64,
        stacks: stacks.as_ptr() as u64,
        count: stacks.len() as u64,
    };
    // SAFETY: the page is reserved for this; the code is shorter than the offset of the
    // parameters. Legacy code pages may be cached: SIPI begins with an empty pipeline.
    unsafe {
        core::ptr::copy_nonoverlapping(start, page, length);
        page.add(PARAMETERS as usize)
            .cast::<Parameters>()
            .write_volatile(parameters);
    }
    let result = body();
    let _ = kernel_map::set_trampoline(TRAMPOLINE, false);
    Some(result)
}

/// An application core's first Rust code, on its own stack, with interrupts off.
extern "C" fn application_entry() -> ! {
    let Some(candidate) = candidate(boot_apic_id()) else {
        super::stop::halt();
    };
    candidate.has_answered.store(true, Ordering::Release);
    let core = loop {
        // SAFETY: set once, to storage that lives for ever.
        match unsafe { candidate.storage.load(Ordering::Acquire).as_ref() } {
            Some(core) => break core,
            None => core::hint::spin_loop(),
        }
    };
    // SAFETY: once on this core, first of all that touches per-core storage.
    unsafe { core.adopt() };
    if let Err(error) = interrupts::enable_apic() {
        panic!("the local APIC of core {}: {error}", core.id);
    }
    interrupts::enable_timer(
        TSC_FREQUENCY.load(Ordering::Relaxed),
        COUNT_FREQUENCY.load(Ordering::Relaxed),
    );
    // SAFETY: this core runs on the stack that the boot core made for it.
    let stack = unsafe { KernelStack::holding(core::ptr::from_ref(&core) as u64) };
    become_idle(core, stack);
    candidate.runs.store(true, Ordering::Release);
    x86_64::instructions::interrupts::enable();
    crate::task::idle::run()
}

/// Makes the running context `core`'s idle thread, on its own guarded stack.
pub fn become_idle(core: &'static Core, stack: KernelStack) {
    let idle = Thread::new_idle(crate::kernel_process(), core.id, stack);
    core.scheduler.start(idle);
}

/// Leaves the boot stack, which has no guard, for the one that ends at `top`, and goes on
/// with `function`.
pub fn leave_boot_stack(top: u64, function: extern "C" fn() -> !) -> ! {
    // SAFETY: a fresh stack; nothing on the old one is used any more.
    unsafe {
        core::arch::asm!("mov rsp, {stack}", "xor ebp, ebp", "call {function}", "ud2",
            stack = in(reg) top, function = in(reg) function, options(noreturn));
    }
}
