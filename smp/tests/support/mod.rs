//! A fake physical memory, and the firmware tables in it.

use smp::madt::{PhysicalMemory, Unreadable};
use std::cell::Cell;
use std::collections::BTreeMap;

/// Memory as a few readable ranges; everything else refuses. Counts what is asked.
#[derive(Clone, Debug, Default)]
pub struct FakeMemory {
    ranges: BTreeMap<u64, Vec<u8>>,
    /// Usable RAM, where no device can be.
    pub ram: Vec<std::ops::Range<u64>>,
    /// How many reads were asked for.
    pub reads: Cell<usize>,
}

impl FakeMemory {
    pub fn put(&mut self, address: u64, bytes: Vec<u8>) {
        self.ranges.insert(address, bytes);
    }

    pub fn at(&mut self, address: u64) -> &mut Vec<u8> {
        self.ranges.get_mut(&address).expect("a table is there")
    }
}

impl PhysicalMemory for FakeMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        self.reads.set(self.reads.get() + 1);
        let (start, bytes) = self
            .ranges
            .range(..=address)
            .next_back()
            .ok_or(Unreadable)?;
        let offset = usize::try_from(address - start).map_err(|_| Unreadable)?;
        let end = offset.checked_add(buffer.len()).ok_or(Unreadable)?;
        buffer.copy_from_slice(bytes.get(offset..end).ok_or(Unreadable)?);
        Ok(())
    }

    fn is_usable_ram(&self, address: u64, length: u64) -> bool {
        self.ram
            .iter()
            .any(|range| address < range.end && range.start < address.saturating_add(length))
    }
}

/// Makes the bytes of a table sum to zero by its checksum at `at`.
pub fn seal(bytes: &mut [u8], at: usize) {
    bytes[at] = 0;
    bytes[at] = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
}

/// A table with a header around `body`, length and checksum right.
pub fn table(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 36];
    bytes[..4].copy_from_slice(signature);
    bytes[4..8].copy_from_slice(&(36 + body.len() as u32).to_le_bytes());
    bytes[8] = revision;
    bytes[10..16].copy_from_slice(b"BOCHS ");
    bytes[16..24].copy_from_slice(b"BXPC    ");
    bytes.extend_from_slice(body);
    seal(&mut bytes, 9);
    bytes
}

/// The parts of a MADT.
#[derive(Clone, Debug, Default)]
pub struct MadtBuilder {
    body: Vec<u8>,
}

impl MadtBuilder {
    pub fn new() -> Self {
        let mut body = 0xFEE0_0000_u32.to_le_bytes().to_vec();
        body.extend_from_slice(&1_u32.to_le_bytes());
        Self { body }
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.body.extend_from_slice(bytes);
        self
    }

    pub fn xapic(self, uid: u8, apic_id: u8, flags: u32) -> Self {
        self.raw(&[0, 8, uid, apic_id]).raw(&flags.to_le_bytes())
    }

    pub fn x2apic(self, uid: u32, apic_id: u32, flags: u32) -> Self {
        self.raw(&[9, 16, 0, 0])
            .raw(&apic_id.to_le_bytes())
            .raw(&flags.to_le_bytes())
            .raw(&uid.to_le_bytes())
    }

    pub fn io_apic(self, id: u8, address: u32, gsi_base: u32) -> Self {
        self.raw(&[1, 12, id, 0])
            .raw(&address.to_le_bytes())
            .raw(&gsi_base.to_le_bytes())
    }

    pub fn source_override(self, bus: u8, irq: u8, gsi: u32, flags: u16) -> Self {
        self.raw(&[2, 10, bus, irq])
            .raw(&gsi.to_le_bytes())
            .raw(&flags.to_le_bytes())
    }

    pub fn local_nmi(self, uid: u8, flags: u16, pin: u8) -> Self {
        self.raw(&[4, 6, uid]).raw(&flags.to_le_bytes()).raw(&[pin])
    }

    pub fn build(self) -> Vec<u8> {
        table(b"APIC", 3, &self.body)
    }
}

/// Where the tables of [`machine`] stand.
pub const RSDP: u64 = 0xF_5A40;
pub const XSDT: u64 = 0x7FE_0000;
pub const RSDT: u64 = 0x7FE_1004;
pub const MADT: u64 = 0x7FE_2001;
pub const FADT: u64 = 0x7FE_4000;
pub const HPET: u64 = 0x7FE_5000;
pub const PORT: u16 = 0x608;

pub fn rsdp(revision: u8, rsdt: u64, xsdt: u64) -> Vec<u8> {
    let mut bytes = vec![0; 36];
    bytes[..8].copy_from_slice(b"RSD PTR ");
    bytes[9..15].copy_from_slice(b"BOCHS ");
    bytes[15] = revision;
    bytes[16..20].copy_from_slice(&(rsdt as u32).to_le_bytes());
    seal(&mut bytes[..20], 8);
    bytes[20..24].copy_from_slice(&36_u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&xsdt.to_le_bytes());
    seal(&mut bytes, 32);
    bytes
}

pub fn fadt() -> Vec<u8> {
    let mut body = vec![0; 276 - 36];
    let mut put = |offset: usize, bytes: &[u8]| {
        body[offset - 36..offset - 36 + bytes.len()].copy_from_slice(bytes);
    };
    put(76, &u32::from(PORT).to_le_bytes());
    put(91, &[4]);
    put(112, &(1_u32 << 8).to_le_bytes());
    put(208, &[1, 32, 0, 3]);
    put(212, &u64::from(PORT).to_le_bytes());
    table(b"FACP", 6, &body)
}

pub fn hpet(address: u64) -> Vec<u8> {
    let mut body = vec![0; 20];
    body[..4].copy_from_slice(&0x8086_A201_u32.to_le_bytes());
    body[8..16].copy_from_slice(&address.to_le_bytes());
    table(b"HPET", 1, &body)
}

/// A machine with that MADT: RSDP in the BIOS area, both root tables, FADT, HPET.
pub fn machine(madt: Vec<u8>) -> FakeMemory {
    let mut memory = FakeMemory::default();
    let mut bios = vec![0; 0x1_0000];
    let offset = (RSDP - 0xF_0000) as usize;
    bios[offset..offset + 36].copy_from_slice(&rsdp(2, RSDT, XSDT));
    memory.put(0xF_0000, bios);
    memory.put(0x400, vec![0; 0x100]);
    let pointers = [FADT, MADT, HPET];
    let wide: Vec<u8> = pointers.iter().flat_map(|at| at.to_le_bytes()).collect();
    let narrow: Vec<u8> = pointers
        .iter()
        .flat_map(|at| (*at as u32).to_le_bytes())
        .collect();
    memory.put(XSDT, table(b"XSDT", 1, &wide));
    memory.put(RSDT, table(b"RSDT", 1, &narrow));
    memory.put(MADT, madt);
    memory.put(FADT, fadt());
    memory.put(HPET, hpet(0xFED0_0000));
    memory
}

/// What QEMU's `pc` machine says with that many cores.
pub fn qemu_madt(cores: u32) -> Vec<u8> {
    let mut madt = MadtBuilder::new();
    for core in 0..cores {
        madt = if core < 255 {
            madt.xapic(core as u8, core as u8, 1)
        } else {
            madt.x2apic(core, core, 1)
        };
    }
    madt.io_apic(0, 0xFEC0_0000, 0)
        .source_override(0, 0, 2, 0)
        .source_override(0, 5, 5, 0xD)
        .source_override(0, 9, 9, 0xD)
        .source_override(0, 10, 10, 0xD)
        .source_override(0, 11, 11, 0xD)
        .local_nmi(0xFF, 0, 1)
        .build()
}
