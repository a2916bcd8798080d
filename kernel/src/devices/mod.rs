//! Devices that processes drive themselves: what of the machine may be given to them.
//!
//! | module | what is there |
//! |---|---|
//! | [`lines`] | interrupt lines: their handler, masks and limits |
//!
//! Here: which ports and which physical addresses are the kernel's own, or memory. Their
//! descriptors are `fs::line`, `fs::ports` and `fs::registers`, the permission is the
//! process's (`Process::may_use_devices`), the calls are `syscall::devices`.
//!
//! Who has the permission is trusted with the machine: a device that masters the bus can be
//! told to write anywhere in memory, and a reset is a port away. What is refused is what
//! the kernel relies on from one instruction to the next.

pub mod lines;

use core::ops::Range;

use smp::madt::Discovery;
use spin::Once;

use crate::boot::BootInfo;
use crate::errno::{Errno, Result};
use crate::task;

/// Ports that the kernel drives: both PICs, COM1, the log and the ways to end an emulator
/// (`first_process::power_off`).
const OWN_PORTS: [Range<u32>; 7] = [
    0x20..0x22,
    0xa0..0xa2,
    0xe9..0xea,
    0xf4..0xf8,
    0x3f8..0x400,
    0x604..0x606,
    0xb004..0xb006,
];

/// The text screen's memory, which the console writes.
const SCREEN: Range<u64> = 0xb_8000..0xc_0000;

/// What an APIC's registers take.
const APIC_BYTES: u64 = 0x1000;

/// Physical memory that is no device's for processes: RAM, and the kernel's own registers.
static TAKEN: Once<Vec<Range<u64>>> = Once::new();

/// Notes what is memory and what is the kernel's own.
pub fn init(boot: &BootInfo, discovery: &Discovery) {
    let page = |address: u64| address..address.saturating_add(APIC_BYTES);
    let memory = boot.usable().iter().map(|region| region.start..region.end);
    let topology = &discovery.topology;
    let apics = topology
        .io_apics
        .iter()
        .map(|io_apic| page(io_apic.address))
        .chain([page(topology.local_apic_address), SCREEN]);
    TAKEN.call_once(|| memory.chain(apics).collect());
}

/// # Errors
/// `EPERM`: the current process may not use devices.
pub fn check_permission() -> Result<()> {
    if task::current_process().may_use_devices() {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// Whether none of these ports is the kernel's own.
#[must_use]
pub fn are_ports_free(ports: &Range<u32>) -> bool {
    let overlaps = |own: &Range<u32>| own.start < ports.end && ports.start < own.end;
    !OWN_PORTS.iter().any(overlaps)
}

/// Whether there is neither memory nor a register of the kernel's own among these physical
/// addresses.
#[must_use]
pub fn are_registers_free(bytes: &Range<u64>) -> bool {
    let overlaps = |taken: &Range<u64>| taken.start < bytes.end && bytes.start < taken.end;
    TAKEN.get().is_some_and(|taken| !taken.iter().any(overlaps))
}

/// The first physical address that the processor has not (Intel SDM vol. 2A, CPUID,
/// 80000008H): a page table entry for it would fault.
#[must_use]
pub fn physical_end() -> u64 {
    let has_leaf = core::arch::x86_64::__cpuid(0x8000_0000).eax >= 0x8000_0008;
    let bits = if has_leaf {
        core::arch::x86_64::__cpuid(0x8000_0008).eax & 0xff
    } else {
        36
    };
    1 << bits.clamp(32, 52)
}
