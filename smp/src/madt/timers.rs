//! The reference timers that the tables tell of: PM timer (FADT) and HPET.

use super::memory::PhysicalMemory;
use super::warning::{Table, Warning, Warnings};
use acpi::address::AddressSpace;
use acpi::sdt::fadt::Fadt;
use acpi::sdt::hpet::HpetTable;

/// The ACPI power-management timer: counts up at 3.579545 MHz (ACPI 4.8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PmTimer {
    /// Where it is read, 32 bits at a time.
    pub register: PmTimerRegister,
    /// Whether it counts in 32 bits; else in 24.
    pub is_32_bit: bool,
}

/// Where the PM timer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PmTimerRegister {
    /// An I/O port.
    Port(u16),
    /// A physical address.
    Memory(u64),
}

/// Bytes of the HPET's register block.
const HPET_WINDOW: u64 = 1024;
const SYSTEM_MEMORY: u8 = 0;

pub(super) fn pm_timer(
    fadt: &Fadt,
    memory: &impl PhysicalMemory,
    warnings: &mut Warnings,
) -> Option<PmTimer> {
    let Ok(block) = fadt.pm_timer_block() else {
        warnings.push(Warning::BadTimerSpace { table: Table::Fadt });
        return None;
    };
    let block = block?;
    let bad_address = Warning::BadTimerAddress {
        table: Table::Fadt,
        address: block.address,
    };
    let register = match block.address_space {
        AddressSpace::SystemIo => match u16::try_from(block.address) {
            Ok(port) if port != 0 && port <= u16::MAX - 3 => PmTimerRegister::Port(port),
            _ => {
                warnings.push(bad_address);
                return None;
            }
        },
        AddressSpace::SystemMemory => {
            if !is_register_window(memory, block.address, 4) {
                warnings.push(bad_address);
                return None;
            }
            PmTimerRegister::Memory(block.address)
        }
        _ => {
            warnings.push(Warning::BadTimerSpace { table: Table::Fadt });
            return None;
        }
    };
    let flags = fadt.flags;
    Some(PmTimer {
        register,
        is_32_bit: flags.pm_timer_is_32_bit(),
    })
}

pub(super) fn hpet(
    table: &HpetTable,
    memory: &impl PhysicalMemory,
    warnings: &mut Warnings,
) -> Option<u64> {
    let block = table.base_address;
    if block.address_space != SYSTEM_MEMORY {
        warnings.push(Warning::BadTimerSpace { table: Table::Hpet });
        return None;
    }
    let address = block.address;
    // The registers are read 64 bits at a time.
    if !address.is_multiple_of(8) || !is_register_window(memory, address, HPET_WINDOW) {
        warnings.push(Warning::BadTimerAddress {
            table: Table::Hpet,
            address,
        });
        return None;
    }
    Some(address)
}

fn is_register_window(memory: &impl PhysicalMemory, address: u64, length: u64) -> bool {
    address >= 0x1000
        && address.is_multiple_of(4)
        && address < 1 << 52
        && !memory.is_usable_ram(address, length)
}
