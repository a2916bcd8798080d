//! Nonsense in the tables, by the ten thousand: discovery never panics, never loops,
//! never reads what memory refuses, and always has the boot core.

mod support;

use proptest::prelude::*;
use smp::MAX_CORES;
use smp::madt::{Discovery, discover};
use std::collections::BTreeSet;
use support::*;

/// What holds for every discovery, whatever it was made from.
fn check(memory: &FakeMemory, rsdp: Option<u64>, boot: u32) -> Result<Discovery, TestCaseError> {
    memory.reads.set(0);
    let discovery = discover(memory, rsdp, boot);
    let topology = &discovery.topology;
    let first = topology.cores.first();
    prop_assert!(first.is_some_and(|core| core.apic_id == boot && core.is_enabled));
    prop_assert!(topology.cores.len() <= MAX_CORES);
    let ids: BTreeSet<_> = topology.cores.iter().map(|core| core.apic_id).collect();
    prop_assert_eq!(ids.len(), topology.cores.len());
    prop_assert!(
        topology
            .cores
            .iter()
            .all(|core| core.is_enabled != core.is_online_capable)
    );
    prop_assert!(
        topology
            .application_cores()
            .all(|core| core.apic_id != boot)
    );
    prop_assert!(topology.io_apics.is_sorted_by_key(|entry| entry.gsi_base));
    prop_assert!(topology.io_apics.len() <= 64);
    let irqs: BTreeSet<_> = topology.overrides.iter().map(|entry| entry.irq).collect();
    prop_assert_eq!(irqs.len(), topology.overrides.len());
    prop_assert!(irqs.iter().all(|irq| *irq < 16));
    prop_assert!(topology.local_nmis.iter().all(|nmi| nmi.pin < 2));
    prop_assert!(topology.local_apic_address.is_multiple_of(4096));
    prop_assert!(topology.local_apic_address != 0);
    prop_assert!(discovery.warnings.len() <= 33);
    for warning in &discovery.warnings {
        let line = warning.to_string();
        prop_assert!(!line.is_empty() && !line.contains('\n'));
    }
    // A table in ruins is read in up to 4096 steps, and there are five.
    prop_assert!(memory.reads.get() < 22_000, "{}", memory.reads.get());
    Ok(discovery)
}

#[derive(Clone, Debug)]
enum Damage {
    /// A byte of a table becomes another.
    Byte(usize, usize, u8),
    /// A table's length field becomes another.
    Length(usize, u32),
    /// Memory ends within a table.
    Cut(usize, usize),
    /// A table's checksum is made right, whatever it says.
    Seal(usize),
    /// A pointer of the root tables becomes another.
    Pointer(usize, u64),
    /// A table becomes bytes of chance.
    Noise(usize, Vec<u8>),
}

const PLACES: [u64; 6] = [0xF_0000, XSDT, RSDT, MADT, FADT, HPET];

fn inflict(memory: &mut FakeMemory, damage: &Damage) {
    match damage {
        Damage::Byte(place, at, value) => {
            let bytes = memory.at(PLACES[*place]);
            let len = if *place == 0 { 36 } else { bytes.len() };
            let base = if *place == 0 { 0x5A40 } else { 0 };
            if len > 0 && base + at % len < bytes.len() {
                bytes[base + at % len] = *value;
            }
        }
        Damage::Length(place, length) => {
            let bytes = memory.at(PLACES[*place]);
            let field = if *place == 0 { 0x5A40 + 20 } else { 4 };
            if let Some(field) = bytes.get_mut(field..field + 4) {
                field.copy_from_slice(&length.to_le_bytes());
            }
        }
        Damage::Cut(place, at) => {
            let bytes = memory.at(PLACES[*place]);
            let len = bytes.len();
            bytes.truncate(at % (len + 1));
        }
        Damage::Seal(place) => {
            let bytes = memory.at(PLACES[*place]);
            if *place == 0 {
                if let Some(rsdp) = bytes.get_mut(0x5A40..0x5A40 + 36) {
                    seal(&mut rsdp[..20], 8);
                    seal(rsdp, 32);
                }
            } else if bytes.len() > 9 {
                seal(bytes, 9);
            }
        }
        Damage::Pointer(index, value) => {
            for (place, size) in [(XSDT, 8), (RSDT, 4)] {
                let at = 36 + index % 3 * size;
                if let Some(field) = memory.at(place).get_mut(at..at + size) {
                    field.copy_from_slice(&value.to_le_bytes()[..size]);
                }
            }
        }
        Damage::Noise(place, noise) => {
            let bytes = memory.at(PLACES[*place]);
            let base = if *place == 0 { 0x5A40 } else { 4 };
            for (byte, noise) in bytes.iter_mut().skip(base).zip(noise) {
                *byte = *noise;
            }
        }
    }
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let place = 0..PLACES.len();
    let length = prop_oneof![
        0_u32..64,
        0_u32..5_000,
        any::<u32>(),
        Just(u32::MAX),
        Just(256 * 1024)
    ];
    let pointer = prop_oneof![
        any::<u64>(),
        prop::sample::select(PLACES.to_vec()),
        (0_u64..4096).prop_map(|at| XSDT + at),
        Just(u64::MAX),
        Just(u64::MAX - 35),
    ];
    prop_oneof![
        8 => (place.clone(), any::<usize>(), any::<u8>())
            .prop_map(|(place, at, value)| Damage::Byte(place, at, value)),
        3 => (place.clone(), length).prop_map(|(place, to)| Damage::Length(place, to)),
        1 => (place.clone(), any::<usize>()).prop_map(|(place, at)| Damage::Cut(place, at)),
        4 => place.clone().prop_map(Damage::Seal),
        2 => (0_usize..3, pointer).prop_map(|(index, to)| Damage::Pointer(index, to)),
        1 => (place, prop::collection::vec(any::<u8>(), 0..400))
            .prop_map(|(place, noise)| Damage::Noise(place, noise)),
    ]
}

/// An entry of a MADT: any type, any length byte, any number of bytes that follow.
fn any_entry() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![9 => 0_u8..0x14, 1 => any::<u8>()];
    let length = prop_oneof![
        6 => Just(None),
        3 => prop::sample::select(vec![0_u8, 1, 2, 3, 6, 8, 10, 12, 16, 20]).prop_map(Some),
        1 => any::<u8>().prop_map(Some)
    ];
    (kind, length, prop::collection::vec(any::<u8>(), 0..24)).prop_map(
        |(kind, length, mut bytes)| {
            let right = match kind {
                0 => 8,
                1 | 5 | 10 => 12,
                2 => 10,
                4 => 6,
                9 => 16,
                _ => bytes.len() + 2,
            };
            if length.is_none() {
                bytes.resize(right - 2, 1);
            }
            let length = length.unwrap_or(right as u8);
            [vec![kind, length], bytes].concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn damaged_tables_never_hurt(
        cores in 1_u32..=64,
        boot in 0_u32..70,
        is_told: bool,
        damages in prop::collection::vec(any_damage(), 1..12),
    ) {
        let mut memory = machine(qemu_madt(cores));
        for damage in &damages {
            inflict(&mut memory, damage);
        }
        check(&memory, is_told.then_some(RSDP), boot)?;
    }

    #[test]
    fn random_entries_never_hurt(
        entries in prop::collection::vec(any_entry(), 0..20),
        boot: u32,
    ) {
        let mut madt = MadtBuilder::new();
        for entry in &entries {
            madt = madt.raw(entry);
        }
        check(&machine(madt.build()), Some(RSDP), boot)?;
    }

    #[test]
    fn random_bytes_are_no_tables(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        rsdp: u64,
        boot: u32,
    ) {
        let mut memory = FakeMemory::default();
        memory.put(rsdp & !0xFFF, noise);
        check(&memory, Some(rsdp), boot)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_table_cut_anywhere_keeps_the_cores_before_the_cut(
        cores in 1_u32..=64,
        x2apic: bool,
        cut in any::<prop::sample::Index>(),
        is_length_true: bool,
    ) {
        let size = if x2apic { 16 } else { 8 };
        let mut madt = MadtBuilder::new();
        for core in 0..cores {
            madt = if x2apic {
                madt.x2apic(core, core, 1)
            } else {
                madt.xapic(core as u8, core as u8, 1)
            };
        }
        let mut bytes = madt.build();
        let cut = 44 + cut.index(bytes.len() - 44);
        bytes.truncate(cut);
        if is_length_true {
            bytes[4..8].copy_from_slice(&(cut as u32).to_le_bytes());
        }
        let discovery = check(&machine(bytes), Some(RSDP), 0)?;
        // What is read of memory that ends is read in steps of 64 bytes.
        let whole = if is_length_true { cut } else { (cut / 64 * 64).max(44) };
        let whole = (whole - 44) / size;
        prop_assert_eq!(discovery.topology.cores.len(), whole.max(1));
        prop_assert!(!discovery.warnings.is_empty());
    }

    #[test]
    fn sound_tables_are_read_as_they_are(
        // (APIC id, whether it can be used, in which form)
        cores in prop::collection::btree_map(0_u32..255, (any::<bool>(), any::<bool>()), 1..64),
        boot in any::<prop::sample::Index>(),
    ) {
        let ids: Vec<u32> = cores.keys().copied().collect();
        let boot = ids[boot.index(ids.len())];
        let mut madt = MadtBuilder::new().io_apic(0, 0xFEC0_0000, 0);
        let mut expected = vec![boot];
        for (&id, &(is_enabled, is_x2apic)) in &cores {
            let is_enabled = is_enabled || id == boot;
            madt = if is_x2apic {
                madt.x2apic(id, id, u32::from(is_enabled))
            } else {
                madt.xapic(id as u8, id as u8, u32::from(is_enabled))
            };
            if is_enabled && id != boot {
                expected.push(id);
            }
        }
        let discovery = check(&machine(madt.build()), Some(RSDP), boot)?;
        let found: Vec<u32> = discovery.topology.cores.iter().map(|core| core.apic_id).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(discovery.topology.unusable_cores, ids.len() - expected.len());
        prop_assert_eq!(discovery.warnings, vec![]);
    }
}
