//! From the RSDP to the list of table addresses (ACPI 5.2.5 to 5.2.8).

use super::memory::{PhysicalMemory, checksum, read_prefix, u32_at, u64_at};
use super::warning::{Table, Warning, Warnings};
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of the header that all tables share (ACPI 5.2.6).
pub(super) const HEADER_LENGTH: usize = 36;
/// Longer tables than this are not believed.
pub(super) const MAX_TABLE_LENGTH: usize = 256 * 1024;
/// More tables than this are not looked at.
const MAX_TABLES: usize = 512;

const RSDP_V1_LENGTH: usize = 20;
const RSDP_V2_LENGTH: usize = 36;
const RSDP_MAX_LENGTH: usize = 256;

/// Where the BIOS data area keeps the segment of the extended BIOS data area.
const EBDA_SEGMENT_POINTER: u64 = 0x40E;
const EBDA_RANGE: core::ops::Range<u64> = 0x8_0000..0xA_0000;
const EBDA_SEARCHED: u64 = 1024;
/// How much is read at a time.
const SEARCH_STEP: usize = 4096;
const BIOS_AREA: core::ops::Range<u64> = 0xE_0000..0x10_0000;

/// The physical addresses of the tables, from a root table that makes sense.
pub(super) struct Root {
    pub(super) tables: Vec<u64>,
}

/// Finds the root table, trying the better source first.
pub(super) fn find(
    memory: &impl PhysicalMemory,
    told: Option<u64>,
    warnings: &mut Warnings,
) -> Option<Root> {
    let pointer = told
        .and_then(|address| {
            let found = Rsdp::read(memory, address, Strictness::Told, warnings);
            if found.is_none() {
                warnings.push(Warning::NoRsdpWhereTold { address });
            }
            found
        })
        .or_else(|| search(memory, warnings));
    let Some(pointer) = pointer else {
        warnings.push(Warning::Absent(Table::Rsdp));
        return None;
    };
    for (table, address) in pointer.candidates() {
        if let Some(root) = read_root(memory, table, address, warnings) {
            return Some(root);
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// The boot loader named the address: a wrong checksum is forgiven.
    Told,
    /// Found by searching: the checksum is what tells it from chance.
    Searched,
}

struct Rsdp {
    rsdt: Option<u64>,
    xsdt: Option<u64>,
    is_xsdt_trusted: bool,
}

impl Rsdp {
    fn read(
        memory: &impl PhysicalMemory,
        address: u64,
        strictness: Strictness,
        warnings: &mut Warnings,
    ) -> Option<Self> {
        let mut first = [0; RSDP_V1_LENGTH];
        memory.read(address, &mut first).ok()?;
        if first[..8] != *b"RSD PTR " {
            return None;
        }
        if checksum(&first) != 0 {
            if strictness == Strictness::Searched {
                return None;
            }
            warnings.push(Warning::BadChecksum(Table::Rsdp));
        }
        let rsdt = Some(u64::from(u32_at(&first, 16))).filter(|address| *address != 0);
        let revision = first[15];
        if revision < 2 {
            return Some(Self {
                rsdt,
                xsdt: None,
                is_xsdt_trusted: false,
            });
        }
        let mut second = [0; RSDP_V2_LENGTH];
        if memory.read(address, &mut second).is_err() {
            warnings.push(Warning::Unreadable {
                table: Table::Rsdp,
                address,
            });
            return Some(Self {
                rsdt,
                xsdt: None,
                is_xsdt_trusted: false,
            });
        }
        let length = u32_at(&second, 20);
        let xsdt = Some(u64_at(&second, 24)).filter(|address| *address != 0);
        let is_xsdt_trusted = if (RSDP_V2_LENGTH..=RSDP_MAX_LENGTH).contains(&(length as usize)) {
            let mut whole = vec![0; length as usize];
            let is_sound = memory.read(address, &mut whole).is_ok() && checksum(&whole) == 0;
            if !is_sound {
                warnings.push(Warning::BadChecksum(Table::Rsdp));
            }
            is_sound
        } else {
            warnings.push(Warning::BadLength {
                table: Table::Rsdp,
                length,
            });
            false
        };
        Some(Self {
            rsdt,
            xsdt,
            is_xsdt_trusted,
        })
    }

    /// The root tables to try, best first. An XSDT that the RSDP's own checksum does not
    /// vouch for comes after the RSDT.
    fn candidates(&self) -> impl Iterator<Item = (Table, u64)> {
        let rsdt = self.rsdt.map(|address| (Table::Rsdt, address));
        let xsdt = self.xsdt.map(|address| (Table::Xsdt, address));
        let (first, second) = if self.is_xsdt_trusted {
            (xsdt, rsdt)
        } else {
            (rsdt, xsdt)
        };
        first.into_iter().chain(second)
    }
}

/// Searches the areas of ACPI 5.2.5.1, on 16-byte boundaries.
fn search(memory: &impl PhysicalMemory, warnings: &mut Warnings) -> Option<Rsdp> {
    let mut segment = [0; 2];
    let ebda = memory
        .read(EBDA_SEGMENT_POINTER, &mut segment)
        .ok()
        .map(|()| u64::from(u16::from_le_bytes(segment)) << 4)
        .filter(|address| EBDA_RANGE.contains(address))
        .map(|address| address..(address + EBDA_SEARCHED).min(EBDA_RANGE.end));
    for area in ebda.into_iter().chain([BIOS_AREA]) {
        for page in area.clone().step_by(SEARCH_STEP) {
            let length = (area.end - page).min(SEARCH_STEP as u64) as usize;
            let bytes = read_prefix(memory, page, length);
            for (paragraph, address) in bytes.chunks(16).zip((page..).step_by(16)) {
                if paragraph.starts_with(b"RSD PTR ")
                    && let Some(found) = Rsdp::read(memory, address, Strictness::Searched, warnings)
                {
                    return Some(found);
                }
            }
        }
    }
    None
}

fn read_root(
    memory: &impl PhysicalMemory,
    table: Table,
    address: u64,
    warnings: &mut Warnings,
) -> Option<Root> {
    let (signature, entry_length) = match table {
        Table::Xsdt => (*b"XSDT", 8),
        _ => (*b"RSDT", 4),
    };
    let bytes = read_table(memory, table, signature, address, warnings)?;
    let entries = bytes[HEADER_LENGTH..].chunks_exact(entry_length);
    if entries.len() > MAX_TABLES {
        warnings.push(Warning::TooManyTables {
            found: entries.len(),
        });
    }
    let tables = entries
        .take(MAX_TABLES)
        .map(|raw| match table {
            Table::Xsdt => u64_at(raw, 0),
            _ => u64::from(u32_at(raw, 0)),
        })
        .filter(|address| *address != 0)
        .collect();
    Some(Root { tables })
}

/// The bytes of the table at `address`, at least its header: what of it can be read, but
/// not more than it claims to have.
pub(super) fn read_table(
    memory: &impl PhysicalMemory,
    table: Table,
    signature: [u8; 4],
    address: u64,
    warnings: &mut Warnings,
) -> Option<Vec<u8>> {
    let mut header = [0; HEADER_LENGTH];
    if memory.read(address, &mut header).is_err() {
        warnings.push(Warning::Unreadable { table, address });
        return None;
    }
    let found = [header[0], header[1], header[2], header[3]];
    if found != signature {
        warnings.push(Warning::WrongSignature { table, found });
        return None;
    }
    let length = u32_at(&header, 4);
    if !(HEADER_LENGTH..=MAX_TABLE_LENGTH).contains(&(length as usize)) {
        warnings.push(Warning::BadLength { table, length });
        return None;
    }
    let bytes = read_prefix(memory, address, length as usize);
    if bytes.len() < HEADER_LENGTH {
        warnings.push(Warning::Unreadable { table, address });
        return None;
    }
    if bytes.len() < length as usize {
        warnings.push(Warning::Truncated {
            table,
            length,
            readable: bytes.len() as u32,
        });
    } else if checksum(&bytes) != 0 {
        warnings.push(Warning::BadChecksum(table));
    }
    Some(bytes)
}
