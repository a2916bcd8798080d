//! The local APIC's registers, in both modes (SDM vol. 3A, 12.4.1 and 12.12.1.2).
//!
//! A register is named by its xAPIC offset; its x2APIC MSR is `0x800 + offset / 16`.
//! Crate `x2apic` keeps its own registers private and takes `&mut self` for each write,
//! which an interrupt handler cannot have while it interrupts another write; and it
//! leaves out LVT, priority and error-status writes. Hence this room.

use x86_64::registers::model_specific::Msr;

pub(super) const ID: u32 = 0x020;
pub(super) const TASK_PRIORITY: u32 = 0x080;
pub(super) const END_OF_INTERRUPT: u32 = 0x0B0;
pub(super) const SPURIOUS: u32 = 0x0F0;
pub(super) const ERROR_STATUS: u32 = 0x280;
pub(super) const COMMAND_LOW: u32 = 0x300;
pub(super) const COMMAND_HIGH: u32 = 0x310;
pub(super) const LVT_TIMER: u32 = 0x320;
pub(super) const LVT_LINT0: u32 = 0x350;
pub(super) const LVT_LINT1: u32 = 0x360;
pub(super) const LVT_ERROR: u32 = 0x370;
pub(super) const INITIAL_COUNT: u32 = 0x380;
pub(super) const CURRENT_COUNT: u32 = 0x390;

const X2APIC_MSR_BASE: u32 = 0x800;

/// Where this core's registers are. Every core sees its own at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registers {
    /// Memory mapped at this virtual address.
    Xapic { base: u64 },
    /// Model-specific registers.
    X2apic,
}

impl Registers {
    /// # Safety
    /// The APIC is in this mode; in xAPIC mode `base` maps its page, uncacheable.
    #[inline]
    pub(super) unsafe fn read(self, register: u32) -> u32 {
        match self {
            Self::Xapic { base } => {
                // SAFETY: inside the register page, aligned to 16; caller's promise.
                unsafe { ((base + u64::from(register)) as *const u32).read_volatile() }
            }
            Self::X2apic => {
                // SAFETY: a readable register of the APIC; caller's promise.
                unsafe { Msr::new(X2APIC_MSR_BASE + (register >> 4)).read() as u32 }
            }
        }
    }

    /// # Safety
    /// As for [`Self::read`]; and the write must be one that the rest of the kernel can
    /// stand (an interrupt, its end, a pin's meaning).
    #[inline]
    pub(super) unsafe fn write(self, register: u32, value: u32) {
        match self {
            Self::Xapic { base } => {
                // SAFETY: inside the register page, aligned to 16; caller's promise.
                unsafe { ((base + u64::from(register)) as *mut u32).write_volatile(value) }
            }
            Self::X2apic => {
                // SAFETY: a writable register of the APIC; caller's promise.
                unsafe { Msr::new(X2APIC_MSR_BASE + (register >> 4)).write(u64::from(value)) }
            }
        }
    }
}
