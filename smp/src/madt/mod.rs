//! The firmware's tables: which cores, I/O APICs and timers the machine has.
//!
//! Here: [`discover`], the only door. Firmware is not trusted: every byte is read
//! through a [`PhysicalMemory`] that can refuse, checked, and copied; crate `acpi`,
//! which follows lengths and pointers as it finds them, only ever sees those checked
//! copies ([`copies`]). Whatever the tables hold, the boot core is in the result.
//!
//! Source: ACPI Specification 6.5, sections 5.2.5 (RSDP), 5.2.6 (headers), 5.2.7/8
//! (RSDT, XSDT), 5.2.9 (FADT), 5.2.12 (MADT); IA-PC HPET Specification 1.0a, 3.2.4.

mod copies;
mod entries;
mod memory;
mod root;
mod timers;
mod topology;
mod warning;

pub use memory::{PhysicalMemory, Unreadable};
pub use timers::{PmTimer, PmTimerRegister};
pub use topology::{
    CoreEntry, CoreSource, IoApicEntry, LocalNmi, Override, Polarity, Topology, Trigger,
};
pub use warning::{Table, Warning};

use acpi::AcpiTables;
use acpi::sdt::fadt::Fadt;
use acpi::sdt::hpet::HpetTable;
use acpi::sdt::madt::Madt;
use alloc::vec::Vec;
use copies::Copies;
use warning::Warnings;

/// What the tables say, as far as it can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Cores and interrupt controllers.
    pub topology: Topology,
    /// Physical address of the HPET's registers.
    pub hpet: Option<u64>,
    /// The ACPI power-management timer (3.579545 MHz).
    pub pm_timer: Option<PmTimer>,
    /// What was wrong, in the order found. Each prints as one log line.
    pub warnings: Vec<Warning>,
}

/// Reads the tables. `rsdp` is the physical address the boot loader gave; without one
/// (or when nothing believable is there) the BIOS areas are searched. `boot_apic_id` is
/// the running core's own (see [`crate::apic::current_id`]): that core is always the
/// first of the result, whatever the tables say.
///
/// Never panics, never loops, never reads where `memory` refuses; work and memory are
/// bounded by constants of this module.
#[must_use]
pub fn discover(memory: &impl PhysicalMemory, rsdp: Option<u64>, boot_apic_id: u32) -> Discovery {
    let mut warnings = Warnings::new();
    let copies = match root::find(memory, rsdp, &mut warnings) {
        Some(root) => Copies::collect(memory, &root, &mut warnings),
        None => Copies::empty(),
    };
    // SAFETY: the handler serves only `copies`: a root table of the form the given
    // revision means, and tables whose lengths and entries have been checked.
    let tables = unsafe {
        AcpiTables::from_rsdt(
            copies.handler(),
            copies::ROOT_REVISION,
            copies::ROOT_ADDRESS,
        )
    }
    .ok();

    let madt = tables.as_ref().and_then(AcpiTables::find_table::<Madt>);
    let topology = match &madt {
        Some(madt) => entries::collect(madt.get(), memory, boot_apic_id, &mut warnings),
        None => {
            warnings.push(Warning::Absent(Table::Madt));
            entries::assumed(memory, boot_apic_id, &mut warnings)
        }
    };
    let pm_timer = tables
        .as_ref()
        .and_then(AcpiTables::find_table::<Fadt>)
        .and_then(|fadt| timers::pm_timer(&fadt, memory, &mut warnings));
    let hpet = tables
        .as_ref()
        .and_then(AcpiTables::find_table::<HpetTable>)
        .and_then(|table| timers::hpet(&table, memory, &mut warnings));
    Discovery {
        topology,
        hpet,
        pm_timer,
        warnings: warnings.into_vec(),
    }
}
