//! Checked copies of the tables, and the view of memory that crate `acpi` gets.
//!
//! Crate `acpi` 6.1 trusts what it reads: a header length below 36 underflows, a MADT
//! entry of length 0 loops for ever, an entry shorter than its type is read past its
//! end, and 64-bit pointers are read unaligned (a panic in debug builds). So it is given
//! a physical memory of our own making: a root table that names only the copies below,
//! each padded with zeros past the largest structure read from it, its length true, its
//! entries walked once before.
//!
//! Invariant: `map_physical_region` never returns memory shorter than what it was asked
//! for, nor memory outside of a copy.

use super::memory::PhysicalMemory;
use super::root::{HEADER_LENGTH, Root, read_table};
use super::warning::{Table, Warning, Warnings};
use acpi::{Handler, PciAddress, PhysicalMapping};
use alloc::vec;
use alloc::vec::Vec;
use core::ptr::NonNull;

/// The revision that makes crate `acpi` read 64-bit pointers.
pub(super) const ROOT_REVISION: u8 = 2;
/// Where our own root table stands in the address space that crate `acpi` sees.
pub(super) const ROOT_ADDRESS: usize = 0x1000;
/// Where the copies stand there, one every [`COPY_SPACING`].
const COPY_BASE: usize = 0x1000_0000;
const COPY_SPACING: usize = 0x10_0000;

/// At least what the largest structure (the FADT, 276 bytes) needs.
const PADDED_LENGTH: usize = 512;

/// The type of a MADT entry that crate `acpi` steps over.
const SKIPPED_ENTRY: u8 = 0x7F;
/// Where a MADT's entries begin.
const MADT_ENTRIES: usize = 44;

/// The MADT entries that are used, and how long they must be (ACPI 5.2.12).
const USED_ENTRIES: [(u8, u8); 7] = [
    (0x0, 8),  // Processor Local APIC
    (0x1, 12), // I/O APIC
    (0x2, 10), // Interrupt Source Override
    (0x4, 6),  // Local APIC NMI
    (0x5, 12), // Local APIC Address Override
    (0x9, 16), // Processor Local x2APIC
    (0xA, 12), // Local x2APIC NMI
];

/// A table, followed by zeros.
struct TableCopy {
    address: usize,
    /// The table starts at `offset`, which makes its byte 36 divisible by 8.
    bytes: Vec<u8>,
    offset: usize,
}

impl TableCopy {
    fn new(address: usize, table: &[u8]) -> Self {
        let mut bytes = vec![0; table.len().max(PADDED_LENGTH) + PADDED_LENGTH];
        let misalignment = (bytes.as_ptr().addr() + HEADER_LENGTH) % 8;
        let offset = (8 - misalignment) % 8;
        bytes[offset..offset + table.len()].copy_from_slice(table);
        Self {
            address,
            bytes,
            offset,
        }
    }
}

/// The checked copies.
pub(super) struct Copies {
    tables: Vec<TableCopy>,
    /// What is mapped where there is no copy: signature and length zero.
    nothing: [u8; PADDED_LENGTH],
}

impl Copies {
    /// No tables: what is left when there is no root table.
    pub(super) fn empty() -> Self {
        Self::of(&[])
    }

    /// Copies and checks the tables of `root` that are wanted, the first of each kind.
    pub(super) fn collect(
        memory: &impl PhysicalMemory,
        root: &Root,
        warnings: &mut Warnings,
    ) -> Self {
        let mut wanted = [
            (Table::Madt, *b"APIC", MADT_ENTRIES, None),
            (Table::Fadt, *b"FACP", 116, None),
            (Table::Hpet, *b"HPET", 56, None),
        ];
        for &address in &root.tables {
            let mut signature = [0; 4];
            if memory.read(address, &mut signature).is_err() {
                warnings.push(Warning::DanglingPointer { address });
                continue;
            }
            let slot = wanted.iter_mut().find(|slot| slot.1 == signature);
            let Some((table, signature, minimum, copy)) = slot else {
                continue;
            };
            if copy.is_some() {
                warnings.push(Warning::DuplicateTable(*table));
                continue;
            }
            let bytes = read_table(memory, *table, *signature, address, warnings);
            *copy = bytes.filter(|bytes| {
                if bytes.len() < *minimum {
                    warnings.push(Warning::BadLength {
                        table: *table,
                        length: bytes.len() as u32,
                    });
                }
                bytes.len() >= *minimum
            });
        }
        let [(_, _, _, madt), (_, _, _, fadt), (_, _, _, hpet)] = wanted;
        let madt = madt.map(|bytes| clean_entries(bytes, warnings));
        let tables: Vec<_> = [madt, fadt, hpet]
            .into_iter()
            .flatten()
            .map(with_true_length)
            .collect();
        Self::of(&tables)
    }

    fn of(tables: &[Vec<u8>]) -> Self {
        let addresses = (0..tables.len()).map(|index| COPY_BASE + index * COPY_SPACING);
        let mut root = vec![0; HEADER_LENGTH];
        root[..4].copy_from_slice(b"XSDT");
        for address in addresses.clone() {
            root.extend_from_slice(&(address as u64).to_le_bytes());
        }
        let mut copies = vec![TableCopy::new(ROOT_ADDRESS, &with_true_length(root))];
        copies.extend(
            addresses
                .zip(tables)
                .map(|(address, table)| TableCopy::new(address, table)),
        );
        Self {
            tables: copies,
            nothing: [0; PADDED_LENGTH],
        }
    }

    /// The view that crate `acpi` gets.
    pub(super) fn handler(&self) -> CopyHandler<'_> {
        CopyHandler { copies: self }
    }
}

fn with_true_length(mut table: Vec<u8>) -> Vec<u8> {
    let length = table.len() as u32;
    table[4..8].copy_from_slice(&length.to_le_bytes());
    table
}

/// Walks a MADT's entries: cuts the table where they stop making sense, and turns those
/// that are not used, or too short for their type, into ones that are stepped over.
fn clean_entries(mut table: Vec<u8>, warnings: &mut Warnings) -> Vec<u8> {
    let mut offset = MADT_ENTRIES;
    while offset < table.len() {
        let (Some(&kind), Some(&length)) = (table.get(offset), table.get(offset + 1)) else {
            break;
        };
        if length < 2 || offset + usize::from(length) > table.len() {
            break;
        }
        match USED_ENTRIES.iter().find(|used| used.0 == kind) {
            Some(&(_, minimum)) if length < minimum => {
                warnings.push(Warning::ShortEntry {
                    kind,
                    length,
                    offset,
                });
                table[offset] = SKIPPED_ENTRY;
            }
            Some(_) => {}
            None => table[offset] = SKIPPED_ENTRY,
        }
        offset += usize::from(length);
    }
    if offset != table.len() {
        warnings.push(Warning::BrokenEntries { offset });
        table.truncate(offset);
    }
    table
}

/// Crate `acpi`'s door to physical memory: the copies and nothing else.
#[derive(Clone, Copy)]
pub(super) struct CopyHandler<'a> {
    copies: &'a Copies,
}

impl Handler for CopyHandler<'_> {
    unsafe fn map_physical_region<T>(
        &self,
        physical_address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let needed = size.max(size_of::<T>());
        let region = self
            .copies
            .tables
            .iter()
            .find(|copy| copy.address == physical_address)
            .map(|copy| &copy.bytes[copy.offset..])
            .filter(|bytes| needed <= bytes.len())
            .unwrap_or(&self.copies.nothing);
        // Only sizes that the copies have been made for are asked for: a header, a
        // structure smaller than the padding, a length that is true.
        assert!(size_of::<T>() <= region.len(), "table structure too large");
        PhysicalMapping {
            physical_start: physical_address,
            virtual_start: NonNull::from(region).cast(),
            region_length: size.min(region.len()),
            mapped_length: region.len(),
            handler: *self,
        }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}

    // The rest serves the AML interpreter, which is not built in: never called.
    fn read_u8(&self, _address: usize) -> u8 {
        0
    }
    fn read_u16(&self, _address: usize) -> u16 {
        0
    }
    fn read_u32(&self, _address: usize) -> u32 {
        0
    }
    fn read_u64(&self, _address: usize) -> u64 {
        0
    }
    fn write_u8(&self, _address: usize, _value: u8) {}
    fn write_u16(&self, _address: usize, _value: u16) {}
    fn write_u32(&self, _address: usize, _value: u32) {}
    fn write_u64(&self, _address: usize, _value: u64) {}
    fn read_io_u8(&self, _port: u16) -> u8 {
        0
    }
    fn read_io_u16(&self, _port: u16) -> u16 {
        0
    }
    fn read_io_u32(&self, _port: u16) -> u32 {
        0
    }
    fn write_io_u8(&self, _port: u16, _value: u8) {}
    fn write_io_u16(&self, _port: u16, _value: u16) {}
    fn write_io_u32(&self, _port: u16, _value: u32) {}
    fn read_pci_u8(&self, _address: PciAddress, _offset: u16) -> u8 {
        0
    }
    fn read_pci_u16(&self, _address: PciAddress, _offset: u16) -> u16 {
        0
    }
    fn read_pci_u32(&self, _address: PciAddress, _offset: u16) -> u32 {
        0
    }
    fn write_pci_u8(&self, _address: PciAddress, _offset: u16, _value: u8) {}
    fn write_pci_u16(&self, _address: PciAddress, _offset: u16, _value: u16) {}
    fn write_pci_u32(&self, _address: PciAddress, _offset: u16, _value: u32) {}
    fn nanos_since_boot(&self) -> u64 {
        0
    }
    fn stall(&self, _microseconds: u64) {}
    fn sleep(&self, _milliseconds: u64) {}
}
