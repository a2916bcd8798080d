//! ACPI's tables (`smp::madt`).

use smp::MAX_CORES;
use smp::madt::{PhysicalMemory, Unreadable, discover};

/// Where the input stands in the machine, and where in it tables stand in the seeds.
const BASE: u64 = 0xf_0000;
const TABLES: [usize; 4] = [0x100, 0x200, 0x400, 0x600];
const SIZE: usize = 0x800;
const BOOT_CORE: u32 = 3;

struct Memory<'a>(&'a [u8]);

impl PhysicalMemory for Memory<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        let start = address.checked_sub(BASE).ok_or(Unreadable)?;
        let start = usize::try_from(start).map_err(|_| Unreadable)?;
        let end = start.checked_add(buffer.len()).ok_or(Unreadable)?;
        buffer.copy_from_slice(self.0.get(start..end).ok_or(Unreadable)?);
        Ok(())
    }
}

/// The boot core is the first one, and no core is there twice. The first byte says whether the
/// tables' sums are made right before.
pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let mut memory = rest.to_vec();
    if first & 1 == 0 {
        seal_all(&mut memory);
    }
    let discovery = discover(
        &Memory(&memory),
        (first & 2 == 0).then_some(BASE),
        BOOT_CORE,
    );
    let cores = &discovery.topology.cores;
    assert!(
        cores
            .first()
            .is_some_and(|core| core.apic_id == BOOT_CORE && core.is_enabled)
    );
    assert!(cores.len() <= MAX_CORES);
    for (at, core) in cores.iter().enumerate() {
        assert!(
            cores[..at]
                .iter()
                .all(|other| other.apic_id != core.apic_id)
        );
    }
    assert!(discovery.topology.local_apic_address != 0);
    for warning in discovery.warnings {
        assert!(!warning.to_string().contains('\n'));
    }
}

fn seal_all(memory: &mut [u8]) {
    if let Some(pointer) = memory.get_mut(..36) {
        seal(&mut pointer[..20], 8);
        seal(pointer, 32);
    }
    for at in TABLES {
        let length = memory.get(at + 4..at + 8);
        let length = length.and_then(|bytes| bytes.try_into().ok());
        let length = length.map_or(0, u32::from_le_bytes) as usize;
        if let Some(table) = memory.get_mut(at..at.saturating_add(length))
            && table.len() >= 36
        {
            seal(table, 9);
        }
    }
}

/// Makes the bytes' sum zero by the one at `at`.
fn seal(bytes: &mut [u8], at: usize) {
    bytes[at] = 0;
    bytes[at] = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
}

/// Two cores, an I/O APIC, an override, an HPET and a PM timer.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut memory = vec![0; SIZE];
    memory[..8].copy_from_slice(b"RSD PTR ");
    memory[15] = 2;
    memory[20..24].copy_from_slice(&36_u32.to_le_bytes());
    memory[24..32].copy_from_slice(&(BASE + TABLES[0] as u64).to_le_bytes());
    let mut put = |at: usize, signature: &[u8; 4], body: &[u8]| {
        let length = 36 + body.len();
        memory[at..at + 4].copy_from_slice(signature);
        memory[at + 4..at + 8].copy_from_slice(&(length as u32).to_le_bytes());
        memory[at + 8] = 3;
        memory[at + 36..at + length].copy_from_slice(body);
    };
    let pointers: Vec<u8> = TABLES[1..]
        .iter()
        .flat_map(|at| (BASE + *at as u64).to_le_bytes())
        .collect();
    put(TABLES[0], b"XSDT", &pointers);
    let mut madt = 0xfee0_0000_u32.to_le_bytes().to_vec();
    madt.extend(1_u32.to_le_bytes());
    madt.extend([0, 8, 0, 3, 1, 0, 0, 0]);
    madt.extend([0, 8, 1, 1, 1, 0, 0, 0]);
    madt.extend([1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
    madt.extend([2, 10, 0, 0, 2, 0, 0, 0, 0, 0]);
    madt.extend([4, 6, 0xff, 0, 0, 1]);
    madt.extend([9, 16, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    put(TABLES[1], b"APIC", &madt);
    let mut fadt = vec![0; 240];
    fadt[40..44].copy_from_slice(&0x608_u32.to_le_bytes());
    fadt[55] = 4;
    put(TABLES[2], b"FACP", &fadt);
    let mut hpet = vec![0; 20];
    hpet[8..16].copy_from_slice(&0xfed0_0000_u64.to_le_bytes());
    put(TABLES[3], b"HPET", &hpet);
    vec![[&[0][..], &memory].concat()]
}
