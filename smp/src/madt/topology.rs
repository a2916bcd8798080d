//! What is known about cores and interrupt controllers: plain data.

use alloc::vec::Vec;

/// Cores and interrupt controllers of the machine.
///
/// Kept by construction: `cores` is not empty, its first element is the boot core and is
/// enabled, no APIC id occurs twice, and there are at most [`crate::MAX_CORES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The usable cores, the boot core first, the others in the firmware's order.
    pub cores: Vec<CoreEntry>,
    /// How many entries were neither enabled nor online capable.
    pub unusable_cores: usize,
    /// The I/O APICs, in ascending order of `gsi_base`.
    pub io_apics: Vec<IoApicEntry>,
    /// Where ISA interrupts differ from the identity, at most one for each.
    pub overrides: Vec<Override>,
    /// Which local interrupt pins carry NMIs.
    pub local_nmis: Vec<LocalNmi>,
    /// Physical address of the local APICs' registers (xAPIC mode).
    pub local_apic_address: u64,
    /// Whether two legacy 8259 PICs are there and must be silenced.
    pub has_legacy_pics: bool,
}

impl Topology {
    /// The cores to start: those enabled, without the boot core.
    pub fn application_cores(&self) -> impl Iterator<Item = &CoreEntry> {
        self.cores.iter().skip(1).filter(|core| core.is_enabled)
    }
}

/// A core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreEntry {
    /// Its local APIC's id: where interrupts for it are sent.
    pub apic_id: u32,
    /// Its name in the ACPI namespace (processor id or `_UID`).
    pub acpi_uid: u32,
    /// Present and ready to be started.
    pub is_enabled: bool,
    /// Not present now, may be plugged in (ACPI 6.3 and later).
    pub is_online_capable: bool,
    /// Where it was found.
    pub source: CoreSource,
}

/// Which kind of entry told of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreSource {
    /// Processor Local APIC (type 0).
    LocalApic,
    /// Processor Local x2APIC (type 9).
    LocalX2Apic,
    /// None did: it is the core that runs.
    Running,
}

/// An I/O APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoApicEntry {
    /// Its id, as the firmware says.
    pub id: u8,
    /// Physical address of its registers.
    pub address: u64,
    /// The global system interrupt of its first pin.
    pub gsi_base: u32,
}

/// An ISA interrupt that is not wired as by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// The ISA interrupt, 0 to 15.
    pub irq: u8,
    /// The global system interrupt that it raises.
    pub gsi: u32,
    /// When its line is active.
    pub polarity: Polarity,
    /// How it is raised.
    pub trigger: Trigger,
}

/// A local interrupt pin that carries NMIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalNmi {
    /// The core it is for; `None` is all.
    pub acpi_uid: Option<u32>,
    /// LINT0 or LINT1.
    pub pin: u8,
    /// When its line is active.
    pub polarity: Polarity,
    /// How it is raised.
    pub trigger: Trigger,
}

/// When an interrupt line is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// ISA's.
    ActiveHigh,
    /// PCI's.
    ActiveLow,
}

/// What raises an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A change. ISA's.
    Edge,
    /// A state. PCI's.
    Level,
}
