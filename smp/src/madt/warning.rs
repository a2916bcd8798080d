//! What was wrong with the tables: typed, and a log line each.

use alloc::vec::Vec;
use core::fmt;

/// The table a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Root System Description Pointer.
    Rsdp,
    /// Root System Description Table (32-bit pointers).
    Rsdt,
    /// Extended System Description Table (64-bit pointers).
    Xsdt,
    /// Multiple APIC Description Table.
    Madt,
    /// Fixed ACPI Description Table.
    Fadt,
    /// High Precision Event Timer table.
    Hpet,
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rsdp => "RSDP",
            Self::Rsdt => "RSDT",
            Self::Xsdt => "XSDT",
            Self::Madt => "MADT",
            Self::Fadt => "FADT",
            Self::Hpet => "HPET",
        })
    }
}

/// Something in the firmware's tables that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The address that the boot loader gave holds no RSDP.
    NoRsdpWhereTold { address: u64 },
    /// There is no such table.
    Absent(Table),
    /// A table's bytes do not sum to zero. It is used all the same.
    BadChecksum(Table),
    /// A table is where nothing can be read.
    Unreadable { table: Table, address: u64 },
    /// A pointer of the root table leads where nothing can be read.
    DanglingPointer { address: u64 },
    /// Another table stands where this one should be.
    WrongSignature { table: Table, found: [u8; 4] },
    /// A table is shorter or longer than it can be.
    BadLength { table: Table, length: u32 },
    /// Only the first `readable` of a table's `length` bytes can be read.
    Truncated {
        table: Table,
        length: u32,
        readable: u32,
    },
    /// A second table of a kind that there is one of. The first is used.
    DuplicateTable(Table),
    /// The root table has more entries than are looked at.
    TooManyTables { found: usize },
    /// The MADT's entries stop making sense at this offset.
    BrokenEntries { offset: usize },
    /// An entry of the MADT is too short for its type.
    ShortEntry { kind: u8, length: u8, offset: usize },
    /// Two usable entries claim the same APIC id.
    DuplicateCore { apic_id: u32 },
    /// A usable core claims the APIC id that means "everyone".
    BroadcastCore { acpi_uid: u32 },
    /// The running core is not among the usable ones listed.
    BootCoreNotListed { apic_id: u32 },
    /// There are more usable cores than [`crate::MAX_CORES`].
    TooManyCores { found: usize },
    /// The local APIC cannot be at that address; the default is taken.
    BadLocalApicAddress { address: u64 },
    /// An I/O APIC cannot be there, or overlaps another.
    BadIoApic { id: u8, address: u64 },
    /// No I/O APIC is listed; the conventional one is assumed.
    AssumedIoApic,
    /// There are more I/O APICs than are looked at.
    TooManyIoApics { found: usize },
    /// An interrupt override that cannot be.
    BadOverride { bus: u8, irq: u8, gsi: u32 },
    /// Polarity or trigger bits that mean nothing; the bus's own are taken.
    ReservedInterruptFlags { flags: u16 },
    /// A local NMI is wired to a pin that does not exist.
    BadNmiPin { pin: u8 },
    /// The timer's registers cannot be at that address.
    BadTimerAddress { table: Table, address: u64 },
    /// The timer is in an address space that is not understood.
    BadTimerSpace { table: Table },
    /// So many more warnings that are not listed.
    Suppressed { count: usize },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("acpi: ")?;
        match *self {
            Self::NoRsdpWhereTold { address } => {
                write!(formatter, "no RSDP at {address:#x}, where one was promised")
            }
            Self::Absent(table) => write!(formatter, "no usable {table}"),
            Self::BadChecksum(table) => write!(formatter, "{table}: bad checksum"),
            Self::Unreadable { table, address } => {
                write!(formatter, "{table} at {address:#x} cannot be read")
            }
            Self::DanglingPointer { address } => {
                write!(
                    formatter,
                    "root table points to {address:#x}, which cannot be read"
                )
            }
            Self::WrongSignature { table, found } => {
                write!(formatter, "no {table} but \"{}\"", found.escape_ascii())
            }
            Self::BadLength { table, length } => {
                write!(formatter, "{table}: impossible length {length}")
            }
            Self::Truncated {
                table,
                length,
                readable,
            } => write!(
                formatter,
                "{table}: only {readable} of {length} bytes can be read"
            ),
            Self::DuplicateTable(table) => {
                write!(formatter, "more than one {table}, the first is used")
            }
            Self::TooManyTables { found } => {
                write!(formatter, "{found} tables, not all are looked at")
            }
            Self::BrokenEntries { offset } => {
                write!(
                    formatter,
                    "MADT: entries end in nonsense at offset {offset}"
                )
            }
            Self::ShortEntry {
                kind,
                length,
                offset,
            } => write!(
                formatter,
                "MADT: entry of type {kind} at offset {offset} has only {length} bytes"
            ),
            Self::DuplicateCore { apic_id } => {
                write!(
                    formatter,
                    "MADT: APIC id {apic_id} twice, the first is used"
                )
            }
            Self::BroadcastCore { acpi_uid } => write!(
                formatter,
                "MADT: core {acpi_uid} has the broadcast APIC id, ignored"
            ),
            Self::BootCoreNotListed { apic_id } => write!(
                formatter,
                "MADT: the boot core (APIC id {apic_id}) is not listed as usable"
            ),
            Self::TooManyCores { found } => write!(
                formatter,
                "MADT: {found} cores, {} are used",
                crate::MAX_CORES
            ),
            Self::BadLocalApicAddress { address } => {
                write!(formatter, "MADT: no local APIC can be at {address:#x}")
            }
            Self::BadIoApic { id, address } => {
                write!(formatter, "MADT: no I/O APIC {id} can be at {address:#x}")
            }
            Self::AssumedIoApic => {
                write!(
                    formatter,
                    "no I/O APIC listed, the conventional one is assumed"
                )
            }
            Self::TooManyIoApics { found } => {
                write!(formatter, "MADT: {found} I/O APICs, not all are used")
            }
            Self::BadOverride { bus, irq, gsi } => write!(
                formatter,
                "MADT: override of bus {bus} irq {irq} to gsi {gsi} ignored"
            ),
            Self::ReservedInterruptFlags { flags } => {
                write!(formatter, "MADT: reserved interrupt flags {flags:#x}")
            }
            Self::BadNmiPin { pin } => write!(formatter, "MADT: NMI on pin LINT{pin} ignored"),
            Self::BadTimerAddress { table, address } => {
                write!(formatter, "{table}: no timer can be at {address:#x}")
            }
            Self::BadTimerSpace { table } => {
                write!(formatter, "{table}: timer in an unknown address space")
            }
            Self::Suppressed { count } => write!(formatter, "{count} more warnings"),
        }
    }
}

/// Collects warnings, not more than a screenful: nonsense comes in thousands.
pub(super) struct Warnings {
    list: Vec<Warning>,
    suppressed: usize,
}

impl Warnings {
    const LIMIT: usize = 32;

    pub(super) fn new() -> Self {
        Self {
            list: Vec::new(),
            suppressed: 0,
        }
    }

    pub(super) fn push(&mut self, warning: Warning) {
        if self.list.len() < Self::LIMIT {
            self.list.push(warning);
        } else {
            self.suppressed += 1;
        }
    }

    pub(super) fn into_vec(mut self) -> Vec<Warning> {
        if self.suppressed > 0 {
            self.list.push(Warning::Suppressed {
                count: self.suppressed,
            });
        }
        self.list
    }
}
