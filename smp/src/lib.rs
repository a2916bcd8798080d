//! Many cores: who they are, how they start, how they interrupt one another, and what
//! time they agree on.
//!
//! | module | what is there |
//! |---|---|
//! | [`madt`] | the firmware's list of cores and interrupt controllers, read with suspicion |
//! | [`apic`] | this core's local APIC: IPIs, end of interrupt, one-shot timer |
//! | [`ioapic`] | device interrupts: I/O APICs, ISA overrides, the legacy PIC silenced |
//! | [`line`] | a device interrupt line that a program serves: counts, masks, limits |
//! | [`bringup`] | INIT-SIPI-SIPI for all cores at once, with a report |
//! | [`clock`] | time-stamp counter calibration, tick conversion, warp check |
//! | [`pcid`] | which address spaces a core's TLB remembers, and how one is entered |
//! | [`shootdown`] | making other cores forget what was taken away |
//! | [`addresses`] | kernel addresses, used again only when all cores have forgotten them |
//!
//! What is not here: the trampoline page, per-core storage, interrupt handlers and
//! memory mapping belong to the kernel. Protocols see hardware through small traits, so
//! that the same source runs on the host under test.
//!
//! "SDM" in comments is Intel's Software Developer's Manual (order number 325462).
#![no_std]

extern crate alloc;

#[cfg(test)]
extern crate std;

#[forbid(unsafe_code)]
pub mod addresses;
pub mod apic;
pub mod bringup;
pub mod clock;
pub mod ioapic;
#[forbid(unsafe_code)]
pub mod line;
pub mod madt;
#[forbid(unsafe_code)]
pub mod pcid;
#[forbid(unsafe_code)]
pub mod shootdown;
mod sync;

/// The most cores that are brought up. Further ones are reported and left alone.
pub const MAX_CORES: usize = if cfg!(loom) { 64 } else { 256 };
