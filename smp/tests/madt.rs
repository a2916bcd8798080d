//! What discovery promises on tables that are right, and on each single thing that is
//! wrong. Random nonsense is in `madt_fuzz.rs`.

mod support;

use smp::madt::{
    CoreSource, Discovery, IoApicEntry, PmTimer, PmTimerRegister, Polarity, Table, Trigger,
    Warning, discover,
};
use support::*;

fn apic_ids(discovery: &Discovery) -> Vec<u32> {
    let cores = discovery.topology.cores.iter();
    cores.map(|core| core.apic_id).collect()
}

fn discover_madt(madt: Vec<u8>) -> Discovery {
    discover(&machine(madt), Some(RSDP), 0)
}

#[test]
fn every_core_of_1_to_64_is_found_in_order() {
    for count in [1, 2, 3, 4, 8, 16, 63, 64] {
        let discovery = discover_madt(qemu_madt(count));
        assert_eq!(apic_ids(&discovery), (0..count).collect::<Vec<_>>());
        assert_eq!(discovery.warnings, []);
        assert_eq!(
            discovery.topology.application_cores().count() as u32,
            count - 1
        );
    }
}

#[test]
fn x2apic_entries_are_cores_too() {
    for count in 1..=64 {
        let mut madt = MadtBuilder::new().io_apic(0, 0xFEC0_0000, 0);
        for core in 0..count {
            madt = madt.x2apic(core, core * 0x1000, 1);
        }
        let discovery = discover_madt(madt.build());
        let expected: Vec<_> = (0..count).map(|core| core * 0x1000).collect();
        assert_eq!(apic_ids(&discovery), expected);
        assert_eq!(discovery.warnings, []);
        let cores = &discovery.topology.cores;
        assert!(
            cores
                .iter()
                .all(|core| core.source == CoreSource::LocalX2Apic)
        );
    }
}

#[test]
fn controllers_overrides_nmis_and_timers_are_found() {
    let discovery = discover_madt(qemu_madt(2));
    let topology = &discovery.topology;
    assert_eq!(
        topology.io_apics,
        [IoApicEntry {
            id: 0,
            address: 0xFEC0_0000,
            gsi_base: 0
        }]
    );
    assert_eq!(topology.local_apic_address, 0xFEE0_0000);
    assert!(topology.has_legacy_pics);
    let timer = topology.overrides[0];
    assert_eq!((timer.irq, timer.gsi), (0, 2));
    assert_eq!(timer.polarity, Polarity::ActiveHigh);
    assert_eq!(timer.trigger, Trigger::Edge);
    let sci = topology.overrides[2];
    assert_eq!((sci.irq, sci.gsi), (9, 9));
    assert_eq!(sci.polarity, Polarity::ActiveHigh);
    assert_eq!(sci.trigger, Trigger::Level);
    assert_eq!(topology.local_nmis.len(), 1);
    assert_eq!(topology.local_nmis[0].acpi_uid, None);
    assert_eq!(topology.local_nmis[0].pin, 1);
    assert_eq!(discovery.hpet, Some(0xFED0_0000));
    assert_eq!(
        discovery.pm_timer,
        Some(PmTimer {
            register: PmTimerRegister::Port(PORT),
            is_32_bit: true
        })
    );
}

#[test]
fn the_rsdp_is_found_in_the_bios_area() {
    let discovery = discover(&machine(qemu_madt(3)), None, 0);
    assert_eq!(apic_ids(&discovery), [0, 1, 2]);
    assert_eq!(discovery.warnings, []);
}

#[test]
fn the_boot_core_is_first_wherever_it_is_listed() {
    let discovery = discover(&machine(qemu_madt(5)), Some(RSDP), 3);
    assert_eq!(apic_ids(&discovery), [3, 0, 1, 2, 4]);
}

#[test]
fn without_any_table_the_boot_core_remains() {
    let discovery = discover(&FakeMemory::default(), None, 7);
    assert_eq!(apic_ids(&discovery), [7]);
    assert!(discovery.warnings.contains(&Warning::Absent(Table::Rsdp)));
    assert!(discovery.warnings.contains(&Warning::Absent(Table::Madt)));
}

/// One thing is wrong; the right warning says so, and the cores are all there.
fn assert_forgiven(discovery: &Discovery, cores: u32, warning: Warning) {
    assert_eq!(apic_ids(discovery), (0..cores).collect::<Vec<_>>());
    assert_eq!(discovery.warnings, [warning]);
}

#[test]
fn a_bad_checksum_is_reported_and_forgiven() {
    for (place, table) in [
        (XSDT, Table::Xsdt),
        (MADT, Table::Madt),
        (FADT, Table::Fadt),
        (HPET, Table::Hpet),
    ] {
        let mut memory = machine(qemu_madt(4));
        memory.at(place)[9] ^= 0x55;
        let discovery = discover(&memory, Some(RSDP), 0);
        assert_forgiven(&discovery, 4, Warning::BadChecksum(table));
    }
}

#[test]
fn an_rsdp_with_a_bad_checksum_is_believed_only_where_it_was_promised() {
    let mut memory = machine(qemu_madt(4));
    memory.at(0xF_0000)[0x5A40 + 8] ^= 1;
    let told = discover(&memory, Some(RSDP), 0);
    assert_eq!(apic_ids(&told), [0, 1, 2, 3]);
    assert!(told.warnings.contains(&Warning::BadChecksum(Table::Rsdp)));
    let searched = discover(&memory, None, 0);
    assert_eq!(apic_ids(&searched), [0]);
}

#[test]
fn a_wrong_promise_of_an_rsdp_leads_to_a_search() {
    for address in [0, 0x1234, XSDT, u64::MAX] {
        let discovery = discover(&machine(qemu_madt(4)), Some(address), 0);
        assert_forgiven(&discovery, 4, Warning::NoRsdpWhereTold { address });
    }
}

#[test]
fn the_rsdp_is_found_in_the_extended_bios_data_area() {
    let mut memory = machine(qemu_madt(2));
    memory.at(0xF_0000).fill(0);
    memory.at(0x400)[0xE..0x10].copy_from_slice(&0x9FC0_u16.to_le_bytes());
    let mut ebda = vec![0; 0x400];
    ebda[0x130..0x130 + 36].copy_from_slice(&rsdp(2, RSDT, XSDT));
    memory.put(0x9_FC00, ebda);
    assert_eq!(apic_ids(&discover(&memory, None, 0)), [0, 1]);
}

#[test]
fn an_rsdp_of_version_1_leads_through_the_rsdt() {
    let mut memory = machine(qemu_madt(2));
    memory.at(0xF_0000)[0x5A40..0x5A40 + 36].copy_from_slice(&rsdp(0, RSDT, 0xDEAD_BEEF_0000));
    let discovery = discover(&memory, Some(RSDP), 0);
    assert_eq!(apic_ids(&discovery), [0, 1]);
    assert_eq!(discovery.warnings, []);
}

#[test]
fn a_version_1_rsdp_at_the_very_end_of_memory_is_read() {
    let mut memory = machine(qemu_madt(2));
    memory.put(0x5000, rsdp(0, RSDT, 0)[..20].to_vec());
    assert_eq!(apic_ids(&discover(&memory, Some(0x5000), 0)), [0, 1]);
}

#[test]
fn without_a_usable_xsdt_the_rsdt_serves() {
    let mut memory = machine(qemu_madt(4));
    memory.at(XSDT)[0] = b'Y';
    let discovery = discover(&memory, Some(RSDP), 0);
    assert_forgiven(
        &discovery,
        4,
        Warning::WrongSignature {
            table: Table::Xsdt,
            found: *b"YSDT",
        },
    );
}

#[test]
fn a_pointer_to_nowhere_is_reported_and_the_others_followed() {
    let mut memory = machine(qemu_madt(4));
    memory.at(XSDT)[36..44].copy_from_slice(&0xDEAD_0000_0000_u64.to_le_bytes());
    seal(memory.at(XSDT), 9);
    let discovery = discover(&memory, Some(RSDP), 0);
    let address = 0xDEAD_0000_0000;
    assert_forgiven(&discovery, 4, Warning::DanglingPointer { address });
    assert_eq!(discovery.pm_timer, None);
    assert!(discovery.hpet.is_some());
}

#[test]
fn an_entry_of_length_zero_ends_the_list_but_keeps_what_was_before() {
    for kind in [0, 9, 0x11, 0x7F, 0xFF] {
        let madt = MadtBuilder::new()
            .io_apic(0, 0xFEC0_0000, 0)
            .xapic(0, 0, 1)
            .xapic(1, 1, 1)
            .raw(&[kind, 0])
            .xapic(2, 2, 1);
        let discovery = discover_madt(madt.build());
        assert_forgiven(&discovery, 2, Warning::BrokenEntries { offset: 72 });
    }
}

#[test]
fn an_entry_too_short_for_its_type_is_stepped_over() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .raw(&[9, 4, 0, 0])
        .xapic(1, 1, 1);
    let discovery = discover_madt(madt.build());
    assert_forgiven(
        &discovery,
        2,
        Warning::ShortEntry {
            kind: 9,
            length: 4,
            offset: 64,
        },
    );
}

#[test]
fn entries_longer_than_known_and_of_unknown_type_are_no_news() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .raw(&[0, 10, 0, 0, 1, 0, 0, 0, 0xAA, 0xBB])
        .raw(&[0x55, 3, 1])
        .raw(&[0xB, 4, 1, 2])
        .xapic(1, 1, 1);
    let discovery = discover_madt(madt.build());
    assert_eq!(apic_ids(&discovery), [0, 1]);
    assert_eq!(discovery.warnings, []);
}

#[test]
fn an_apic_id_listed_twice_is_one_core() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .xapic(1, 1, 1)
        .xapic(2, 1, 1);
    let discovery = discover_madt(madt.build());
    assert_forgiven(&discovery, 2, Warning::DuplicateCore { apic_id: 1 });
}

#[test]
fn a_core_listed_in_both_forms_is_one_core_and_no_warning() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .xapic(1, 1, 1)
        .x2apic(0, 0, 1)
        .x2apic(1, 1, 1);
    let discovery = discover_madt(madt.build());
    assert_eq!(apic_ids(&discovery), [0, 1]);
    assert_eq!(discovery.warnings, []);
}

#[test]
fn the_broadcast_id_is_no_core_but_x2apic_255_is_one() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .xapic(1, 255, 1)
        .x2apic(2, 255, 1)
        .x2apic(3, u32::MAX, 1);
    let discovery = discover_madt(madt.build());
    assert_eq!(apic_ids(&discovery), [0, 255]);
    assert_eq!(
        discovery.warnings,
        [
            Warning::BroadcastCore { acpi_uid: 1 },
            Warning::BroadcastCore { acpi_uid: 3 }
        ]
    );
}

#[test]
fn unusable_entries_are_counted_and_nothing_else() {
    let mut madt = MadtBuilder::new().io_apic(0, 0xFEC0_0000, 0).xapic(0, 0, 1);
    for _ in 0..300 {
        madt = madt.xapic(0, 255, 0);
    }
    let discovery = discover_madt(madt.build());
    assert_eq!(apic_ids(&discovery), [0]);
    assert_eq!(discovery.topology.unusable_cores, 300);
    assert_eq!(discovery.warnings, []);
}

#[test]
fn an_online_capable_core_is_listed_but_not_started() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .xapic(1, 1, 2)
        .xapic(2, 2, 1);
    let discovery = discover_madt(madt.build());
    assert_eq!(apic_ids(&discovery), [0, 1, 2]);
    let started: Vec<_> = discovery.topology.application_cores().collect();
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].apic_id, 2);
}

#[test]
fn more_cores_than_supported_are_cut_and_the_boot_core_still_is_there() {
    for (boot, last) in [(0, 255), (999, 254), (5_000, 254)] {
        let mut madt = MadtBuilder::new().io_apic(0, 0xFEC0_0000, 0);
        for core in 0..1_000 {
            madt = madt.x2apic(core, core, 1);
        }
        let discovery = discover(&machine(madt.build()), Some(RSDP), boot);
        let ids = apic_ids(&discovery);
        assert_eq!(ids.len(), smp::MAX_CORES);
        assert_eq!(ids[0], boot);
        assert_eq!(ids[255], last);
        let warning = Warning::TooManyCores { found: 1_000 };
        assert!(discovery.warnings.contains(&warning));
    }
}

#[test]
fn a_boot_core_that_is_not_listed_is_added_first() {
    let discovery = discover(&machine(qemu_madt(2)), Some(RSDP), 9);
    assert_eq!(apic_ids(&discovery), [9, 0, 1]);
    assert_eq!(discovery.topology.cores[0].source, CoreSource::Running);
    assert_eq!(
        discovery.warnings,
        [Warning::BootCoreNotListed { apic_id: 9 }]
    );
}

#[test]
fn device_addresses_in_usable_memory_are_not_believed() {
    let madt = MadtBuilder::new()
        .io_apic(1, 0x0010_0000, 0)
        .io_apic(2, 0xFEC0_0000, 24)
        .raw(&[5, 12, 0, 0])
        .raw(&0x0020_0000_u64.to_le_bytes())
        .xapic(0, 0, 1)
        .build();
    let mut memory = machine(madt);
    memory.put(HPET, hpet(0x0030_0000));
    memory.ram.push(0x10_0000..0x800_0000);
    let discovery = discover(&memory, Some(RSDP), 0);
    assert_eq!(discovery.topology.io_apics.len(), 1);
    assert_eq!(discovery.topology.io_apics[0].id, 2);
    assert_eq!(discovery.topology.local_apic_address, 0xFEE0_0000);
    assert_eq!(discovery.hpet, None);
    assert_eq!(discovery.warnings.len(), 3);
}

#[test]
fn the_local_apic_address_override_wins() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .raw(&[5, 12, 0, 0])
        .raw(&0x1_FEE0_0000_u64.to_le_bytes());
    let discovery = discover_madt(madt.build());
    assert_eq!(discovery.topology.local_apic_address, 0x1_FEE0_0000);
}

#[test]
fn overrides_that_cannot_be_are_ignored() {
    let madt = MadtBuilder::new()
        .io_apic(0, 0xFEC0_0000, 0)
        .xapic(0, 0, 1)
        .source_override(1, 3, 3, 0)
        .source_override(0, 16, 3, 0)
        .source_override(0, 4, 20, 0)
        .source_override(0, 4, 21, 0);
    let discovery = discover_madt(madt.build());
    let overrides = &discovery.topology.overrides;
    assert_eq!(overrides.len(), 1);
    assert_eq!((overrides[0].irq, overrides[0].gsi), (4, 20));
    assert_eq!(discovery.warnings.len(), 3);
}

#[test]
fn without_an_io_apic_the_conventional_one_is_assumed() {
    let discovery = discover_madt(MadtBuilder::new().xapic(0, 0, 1).build());
    assert_eq!(discovery.topology.io_apics[0].address, 0xFEC0_0000);
    assert_eq!(discovery.warnings, [Warning::AssumedIoApic]);
}

#[test]
fn a_fadt_of_acpi_1_has_a_pm_timer_too() {
    let mut memory = machine(qemu_madt(1));
    let short = fadt()[36..116].to_vec();
    memory.put(FADT, table(b"FACP", 1, &short));
    let timer = discover(&memory, Some(RSDP), 0).pm_timer.unwrap();
    assert_eq!(timer.register, PmTimerRegister::Port(PORT));
    assert!(timer.is_32_bit);
}

#[test]
fn a_machine_without_pm_timer_has_none() {
    let mut memory = machine(qemu_madt(1));
    memory.at(FADT)[91] = 0;
    seal(memory.at(FADT), 9);
    let discovery = discover(&memory, Some(RSDP), 0);
    assert_eq!(discovery.pm_timer, None);
    assert_eq!(discovery.warnings, []);
}

#[test]
fn a_pm_timer_that_cannot_be_is_reported() {
    for (space, address) in [
        (1, 0x1_0608_u64),
        (1, 0xFFFE),
        (0, 0x10),
        (0, 1 << 60),
        (3, 1),
        (9, 1),
    ] {
        let mut memory = machine(qemu_madt(1));
        memory.at(FADT)[208] = space;
        memory.at(FADT)[212..220].copy_from_slice(&address.to_le_bytes());
        seal(memory.at(FADT), 9);
        let discovery = discover(&memory, Some(RSDP), 0);
        assert_eq!(discovery.pm_timer, None, "{space} {address:#x}");
        assert_eq!(discovery.warnings.len(), 1);
    }
}

#[test]
fn every_warning_of_a_ruined_machine_is_one_line() {
    let mut madt = MadtBuilder::new().xapic(0, 0, 1);
    for core in 0..100 {
        madt = madt.xapic(core, 0, 1);
    }
    let discovery = discover_madt(madt.build());
    assert!(discovery.warnings.len() <= 33);
    let last = discovery.warnings.last().unwrap();
    assert!(matches!(last, Warning::Suppressed { .. }), "{last}");
}
