//! The MADT's entries made into a [`Topology`] (ACPI 5.2.12).

use super::memory::PhysicalMemory;
use super::topology::{
    CoreEntry, CoreSource, IoApicEntry, LocalNmi, Override, Polarity, Topology, Trigger,
};
use super::warning::{Warning, Warnings};
use crate::MAX_CORES;
use acpi::sdt::madt::{Madt, MadtEntry};
use alloc::vec;
use alloc::vec::Vec;
use core::pin::Pin;

/// Where local APICs are unless moved (SDM vol. 3A, 12.4.1).
const DEFAULT_LOCAL_APIC: u64 = 0xFEE0_0000;
/// Where the first I/O APIC is by convention (MultiProcessor Specification 1.4, 3.6.5).
const DEFAULT_IO_APIC: u64 = 0xFEC0_0000;
/// Bytes that the registers of an APIC, of either kind, take up.
const APIC_WINDOW: u64 = 0x1000;
const MAX_IO_APICS: usize = 64;
const MAX_LOCAL_NMIS: usize = 2 * MAX_CORES;
const ISA_INTERRUPTS: u8 = 16;

const XAPIC_BROADCAST: u32 = 0xFF;
const X2APIC_BROADCAST: u32 = 0xFFFF_FFFF;

/// What a processor entry's flags say.
const ENABLED: u32 = 1 << 0;
const ONLINE_CAPABLE: u32 = 1 << 1;

/// The topology that is assumed without a MADT: the running core, and interrupt
/// controllers at their conventional places.
pub(super) fn assumed(
    memory: &impl PhysicalMemory,
    boot_apic_id: u32,
    warnings: &mut Warnings,
) -> Topology {
    Topology {
        cores: vec![running_core(boot_apic_id)],
        unusable_cores: 0,
        io_apics: assumed_io_apics(memory, warnings),
        // The timer (ISA interrupt 0) is on pin 2 wherever there is no table to deny it.
        overrides: vec![Override {
            irq: 0,
            gsi: 2,
            polarity: Polarity::ActiveHigh,
            trigger: Trigger::Edge,
        }],
        local_nmis: Vec::new(),
        local_apic_address: DEFAULT_LOCAL_APIC,
        has_legacy_pics: true,
    }
}

/// Reads a MADT whose entries have been checked for length.
pub(super) fn collect(
    madt: Pin<&Madt>,
    memory: &impl PhysicalMemory,
    boot_apic_id: u32,
    warnings: &mut Warnings,
) -> Topology {
    let mut collector = Collector {
        memory,
        warnings,
        cores: Vec::new(),
        usable_cores_found: 0,
        unusable_cores: 0,
        io_apics: Vec::new(),
        io_apics_found: 0,
        overrides: Vec::new(),
        local_nmis: Vec::new(),
        local_apic_address: u64::from(madt.local_apic_address),
        boot_apic_id,
    };
    for entry in madt.entries() {
        collector.take(&entry);
    }
    collector.finish(madt.supports_8259())
}

struct Collector<'a, M> {
    memory: &'a M,
    warnings: &'a mut Warnings,
    cores: Vec<CoreEntry>,
    usable_cores_found: usize,
    unusable_cores: usize,
    io_apics: Vec<IoApicEntry>,
    io_apics_found: usize,
    overrides: Vec<Override>,
    local_nmis: Vec<LocalNmi>,
    local_apic_address: u64,
    boot_apic_id: u32,
}

impl<M: PhysicalMemory> Collector<'_, M> {
    fn take(&mut self, entry: &MadtEntry<'_>) {
        match *entry {
            MadtEntry::LocalApic(entry) => self.core(
                CoreSource::LocalApic,
                u32::from(entry.apic_id),
                u32::from(entry.processor_id),
                entry.flags,
            ),
            MadtEntry::LocalX2Apic(entry) => self.core(
                CoreSource::LocalX2Apic,
                entry.x2apic_id,
                entry.processor_uid,
                entry.flags,
            ),
            MadtEntry::IoApic(entry) => self.io_apic(IoApicEntry {
                id: entry.io_apic_id,
                address: u64::from(entry.io_apic_address),
                gsi_base: entry.global_system_interrupt_base,
            }),
            MadtEntry::InterruptSourceOverride(entry) => self.interrupt_override(
                entry.bus,
                entry.irq,
                entry.global_system_interrupt,
                entry.flags,
            ),
            MadtEntry::LocalApicNmi(entry) => {
                let uid = Some(u32::from(entry.processor_id)).filter(|uid| *uid != 0xFF);
                self.local_nmi(uid, entry.nmi_line, entry.flags);
            }
            MadtEntry::X2ApicNmi(entry) => {
                let uid = Some(entry.processor_uid).filter(|uid| *uid != 0xFFFF_FFFF);
                self.local_nmi(uid, entry.nmi_line, entry.flags);
            }
            MadtEntry::LocalApicAddressOverride(entry) => {
                self.local_apic_address = entry.local_apic_address;
            }
            _ => {}
        }
    }

    fn core(&mut self, source: CoreSource, apic_id: u32, acpi_uid: u32, flags: u32) {
        let is_enabled = flags & ENABLED != 0;
        let is_online_capable = !is_enabled && flags & ONLINE_CAPABLE != 0;
        // Firmware pads its table with unusable entries: their ids mean nothing.
        if !is_enabled && !is_online_capable {
            self.unusable_cores += 1;
            return;
        }
        let broadcast = match source {
            CoreSource::LocalApic => XAPIC_BROADCAST,
            CoreSource::LocalX2Apic | CoreSource::Running => X2APIC_BROADCAST,
        };
        if apic_id == broadcast {
            self.warnings.push(Warning::BroadcastCore { acpi_uid });
            return;
        }
        if let Some(known) = self.cores.iter_mut().find(|core| core.apic_id == apic_id) {
            if known.source == source {
                self.warnings.push(Warning::DuplicateCore { apic_id });
            } else {
                // Listed in both forms, as firmware may: usable if either says so.
                known.is_enabled |= is_enabled;
                known.is_online_capable = !known.is_enabled;
            }
            return;
        }
        self.usable_cores_found += 1;
        // Room is kept for the boot core, wherever it is listed.
        let is_boot_listed = self
            .cores
            .iter()
            .any(|core| core.apic_id == self.boot_apic_id);
        let room = MAX_CORES - usize::from(!is_boot_listed);
        if self.cores.len() < room || apic_id == self.boot_apic_id {
            self.cores.push(CoreEntry {
                apic_id,
                acpi_uid,
                is_enabled,
                is_online_capable,
                source,
            });
        }
    }

    fn io_apic(&mut self, entry: IoApicEntry) {
        self.io_apics_found += 1;
        let is_sane = is_device_window(self.memory, entry.address)
            && self
                .io_apics
                .iter()
                .all(|known| known.address != entry.address && known.gsi_base != entry.gsi_base);
        if !is_sane {
            self.warnings.push(Warning::BadIoApic {
                id: entry.id,
                address: entry.address,
            });
        } else if self.io_apics.len() < MAX_IO_APICS {
            self.io_apics.push(entry);
        }
    }

    fn interrupt_override(&mut self, bus: u8, irq: u8, gsi: u32, flags: u16) {
        let is_known = self.overrides.iter().any(|known| known.irq == irq);
        if bus != 0 || irq >= ISA_INTERRUPTS || is_known {
            self.warnings.push(Warning::BadOverride { bus, irq, gsi });
            return;
        }
        let (polarity, trigger) = self.interrupt_flags(flags);
        self.overrides.push(Override {
            irq,
            gsi,
            polarity,
            trigger,
        });
    }

    fn local_nmi(&mut self, acpi_uid: Option<u32>, pin: u8, flags: u16) {
        if pin > 1 {
            self.warnings.push(Warning::BadNmiPin { pin });
        } else if self.local_nmis.len() < MAX_LOCAL_NMIS {
            let (polarity, trigger) = self.interrupt_flags(flags);
            self.local_nmis.push(LocalNmi {
                acpi_uid,
                pin,
                polarity,
                trigger,
            });
        }
    }

    /// MPS INTI flags (ACPI table 5.26). "As the bus does" is ISA: high and edge.
    fn interrupt_flags(&mut self, flags: u16) -> (Polarity, Trigger) {
        let (polarity, trigger) = (flags & 0b11, flags >> 2 & 0b11);
        if polarity == 0b10 || trigger == 0b10 {
            self.warnings
                .push(Warning::ReservedInterruptFlags { flags });
        }
        let polarity = match polarity {
            0b11 => Polarity::ActiveLow,
            _ => Polarity::ActiveHigh,
        };
        let trigger = match trigger {
            0b11 => Trigger::Level,
            _ => Trigger::Edge,
        };
        (polarity, trigger)
    }

    fn finish(self, has_legacy_pics: bool) -> Topology {
        let Self {
            memory,
            warnings,
            mut cores,
            usable_cores_found,
            unusable_cores,
            mut io_apics,
            io_apics_found,
            overrides,
            local_nmis,
            mut local_apic_address,
            boot_apic_id,
        } = self;
        if usable_cores_found > MAX_CORES {
            warnings.push(Warning::TooManyCores {
                found: usable_cores_found,
            });
        }
        match cores.iter().position(|core| core.apic_id == boot_apic_id) {
            Some(index) => {
                if !cores[index].is_enabled {
                    warnings.push(Warning::BootCoreNotListed {
                        apic_id: boot_apic_id,
                    });
                    // It runs: what better proof is there.
                    cores[index].is_enabled = true;
                    cores[index].is_online_capable = false;
                }
                cores[..=index].rotate_right(1);
            }
            None => {
                warnings.push(Warning::BootCoreNotListed {
                    apic_id: boot_apic_id,
                });
                cores.insert(0, running_core(boot_apic_id));
            }
        }
        if !is_device_window(memory, local_apic_address)
            || !local_apic_address.is_multiple_of(APIC_WINDOW)
        {
            warnings.push(Warning::BadLocalApicAddress {
                address: local_apic_address,
            });
            local_apic_address = DEFAULT_LOCAL_APIC;
        }
        if io_apics_found > MAX_IO_APICS {
            warnings.push(Warning::TooManyIoApics {
                found: io_apics_found,
            });
        }
        if io_apics.is_empty() {
            io_apics = assumed_io_apics(memory, warnings);
        }
        io_apics.sort_by_key(|entry| entry.gsi_base);
        Topology {
            cores,
            unusable_cores,
            io_apics,
            overrides,
            local_nmis,
            local_apic_address,
            has_legacy_pics,
        }
    }
}

fn running_core(apic_id: u32) -> CoreEntry {
    CoreEntry {
        apic_id,
        acpi_uid: 0,
        is_enabled: true,
        is_online_capable: false,
        source: CoreSource::Running,
    }
}

fn assumed_io_apics(memory: &impl PhysicalMemory, warnings: &mut Warnings) -> Vec<IoApicEntry> {
    warnings.push(Warning::AssumedIoApic);
    let entry = IoApicEntry {
        id: 0,
        address: DEFAULT_IO_APIC,
        gsi_base: 0,
    };
    Some(entry)
        .filter(|entry| is_device_window(memory, entry.address))
        .into_iter()
        .collect()
}

/// Whether device registers can be there at all.
fn is_device_window(memory: &impl PhysicalMemory, address: u64) -> bool {
    /// Bits of a physical address at most (SDM vol. 3A, 5.1.4).
    const PHYSICAL_ADDRESS_BITS: u32 = 52;
    address >= APIC_WINDOW
        && address.is_multiple_of(16)
        && address < 1 << PHYSICAL_ADDRESS_BITS
        && !memory.is_usable_ram(address, APIC_WINDOW)
}
