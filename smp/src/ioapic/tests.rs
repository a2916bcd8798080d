//! Routing over redirection tables in memory.

use super::*;
use crate::madt::{CoreEntry, CoreSource, IoApicEntry};
use alloc::collections::BTreeMap;
use alloc::vec;
use std::cell::RefCell;
use std::rc::Rc;

/// A redirection table that keeps what was written, and refuses to be changed unmasked.
#[derive(Clone, Debug, Default)]
struct FakeTable {
    version: u32,
    highest_pin: u8,
    entries: Rc<RefCell<BTreeMap<u8, Entry>>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    is_unmasked: bool,
    target: Option<(u8, u8, Polarity, Trigger)>,
}

impl RedirectionTable for FakeTable {
    fn version(&mut self) -> u32 {
        self.version
    }
    fn highest_pin(&mut self) -> u8 {
        self.highest_pin
    }
    fn mask(&mut self, pin: u8) {
        assert!(pin <= self.highest_pin);
        self.entries
            .borrow_mut()
            .entry(pin)
            .or_default()
            .is_unmasked = false;
    }
    fn unmask(&mut self, pin: u8) {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.get_mut(&pin).expect("was masked at first");
        entry.is_unmasked = true;
    }
    fn set_masked(
        &mut self,
        pin: u8,
        vector: u8,
        apic_id: u8,
        polarity: Polarity,
        trigger: Trigger,
    ) {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.get_mut(&pin).expect("was masked at first");
        assert!(!entry.is_unmasked, "changed while it could fire");
        entry.target = Some((vector, apic_id, polarity, trigger));
    }
}

fn table(version: u32, highest_pin: u8) -> FakeTable {
    FakeTable {
        version,
        highest_pin,
        ..FakeTable::default()
    }
}

fn topology(io_apics: &[(u64, u32)], overrides: &[Override]) -> Topology {
    Topology {
        cores: vec![CoreEntry {
            apic_id: 0,
            acpi_uid: 0,
            is_enabled: true,
            is_online_capable: false,
            source: CoreSource::Running,
        }],
        unusable_cores: 0,
        io_apics: io_apics
            .iter()
            .map(|&(address, gsi_base)| IoApicEntry {
                id: 0,
                address,
                gsi_base,
            })
            .collect(),
        overrides: overrides.to_vec(),
        local_nmis: vec![],
        local_apic_address: 0xFEE0_0000,
        has_legacy_pics: true,
    }
}

const TIMER: Override = Override {
    irq: 0,
    gsi: 2,
    polarity: Polarity::ActiveHigh,
    trigger: Trigger::Edge,
};
const SCI: Override = Override {
    irq: 9,
    gsi: 9,
    polarity: Polarity::ActiveLow,
    trigger: Trigger::Level,
};

/// Two I/O APICs: gsi 0 to 23 and 24 to 31.
fn two() -> (IoApics<FakeTable>, [FakeTable; 2]) {
    let tables = [table(0x20, 23), table(0x11, 7)];
    let topology = topology(&[(0xA000, 0), (0xB000, 24)], &[TIMER, SCI]);
    let (io_apics, failures) = IoApics::probe(&topology, |address| {
        Some(tables[usize::from(address == 0xB000)].clone())
    });
    assert_eq!(failures, []);
    (io_apics, tables)
}

fn entry(table: &FakeTable, pin: u8) -> Entry {
    table.entries.borrow()[&pin]
}

const ROUTE: Route = Route {
    vector: 0x41,
    apic_id: 3,
    polarity: Polarity::ActiveLow,
    trigger: Trigger::Level,
};

#[test]
fn every_pin_is_masked_at_first() {
    let (io_apics, tables) = two();
    assert_eq!(io_apics.len(), 2);
    assert_eq!(tables[0].entries.borrow().len(), 24);
    assert_eq!(tables[1].entries.borrow().len(), 8);
    for table in &tables {
        assert!(
            table
                .entries
                .borrow()
                .values()
                .all(|entry| !entry.is_unmasked)
        );
    }
}

#[test]
fn a_gsi_is_routed_to_its_own_pin() {
    let (mut io_apics, tables) = two();
    io_apics.route(26, ROUTE).unwrap();
    let expected = Entry {
        is_unmasked: true,
        target: Some((0x41, 3, Polarity::ActiveLow, Trigger::Level)),
    };
    assert_eq!(entry(&tables[1], 2), expected);
    assert!(!entry(&tables[0], 2).is_unmasked);
    io_apics.mask(26).unwrap();
    assert!(!entry(&tables[1], 2).is_unmasked);
    io_apics.unmask(26).unwrap();
    assert_eq!(entry(&tables[1], 2), expected);
}

#[test]
fn an_interrupt_can_be_routed_again() {
    let (mut io_apics, tables) = two();
    io_apics.route(4, ROUTE).unwrap();
    io_apics
        .route(
            4,
            Route {
                apic_id: 1,
                ..ROUTE
            },
        )
        .unwrap();
    assert_eq!(entry(&tables[0], 4).target.unwrap().1, 1);
    assert!(entry(&tables[0], 4).is_unmasked);
}

#[test]
fn isa_interrupts_follow_their_overrides() {
    let (mut io_apics, tables) = two();
    assert_eq!(io_apics.route_isa(0, 0x30, 0), Ok(2));
    assert_eq!(io_apics.route_isa(4, 0x34, 0), Ok(4));
    assert_eq!(io_apics.route_isa(9, 0x39, 0), Ok(9));
    assert_eq!(
        entry(&tables[0], 2).target,
        Some((0x30, 0, Polarity::ActiveHigh, Trigger::Edge))
    );
    assert_eq!(
        entry(&tables[0], 4).target,
        Some((0x34, 0, Polarity::ActiveHigh, Trigger::Edge))
    );
    assert_eq!(
        entry(&tables[0], 9).target,
        Some((0x39, 0, Polarity::ActiveLow, Trigger::Level))
    );
}

#[test]
fn a_line_speaks_as_its_override_or_its_bus_does() {
    let (io_apics, _) = two();
    let isa = (Polarity::ActiveHigh, Trigger::Edge);
    let pci = (Polarity::ActiveLow, Trigger::Level);
    assert_eq!(io_apics.speech(2), isa);
    assert_eq!(io_apics.speech(8), isa);
    assert_eq!(io_apics.speech(9), (SCI.polarity, SCI.trigger));
    assert_eq!(io_apics.speech(16), pci);
    assert!(io_apics.reaches(0) && io_apics.reaches(31) && !io_apics.reaches(32));
}

#[test]
fn what_cannot_be_routed_changes_nothing() {
    let (mut io_apics, tables) = two();
    let too_far = Route {
        apic_id: 256,
        ..ROUTE
    };
    let everyone = Route {
        apic_id: 255,
        ..ROUTE
    };
    let exception = Route {
        vector: 31,
        ..ROUTE
    };
    assert_eq!(io_apics.route(32, ROUTE), Err(RouteError::NoSuchGsi(32)));
    assert_eq!(
        io_apics.route(u32::MAX, ROUTE),
        Err(RouteError::NoSuchGsi(u32::MAX))
    );
    assert_eq!(
        io_apics.route(1, too_far),
        Err(RouteError::CoreOutOfReach(256))
    );
    assert_eq!(
        io_apics.route(1, everyone),
        Err(RouteError::CoreOutOfReach(255))
    );
    assert_eq!(
        io_apics.route(1, exception),
        Err(RouteError::VectorReserved(31))
    );
    assert_eq!(
        io_apics.route_isa(16, 0x40, 0),
        Err(RouteError::NoSuchIsaInterrupt(16))
    );
    for table in &tables {
        let entries = table.entries.borrow();
        assert!(entries.values().all(|entry| *entry == Entry::default()));
    }
}

#[test]
fn what_does_not_answer_as_an_io_apic_is_left_alone() {
    let topology = topology(&[(1, 0), (2, 24), (3, 48), (4, 72), (5, 96)], &[]);
    let ones = table(0xFF, 0xFF);
    let zeros = table(0, 0);
    let (io_apics, failures) = IoApics::probe(&topology, |address| match address {
        1 => Some(ones.clone()),
        2 => Some(zeros.clone()),
        3 => None,
        4 => Some(table(0x20, 240)),
        _ => Some(table(0x20, 23)),
    });
    assert!(io_apics.gsis().eq(core::iter::once(96..120)));
    assert_eq!(failures.len(), 4);
    assert!(ones.entries.borrow().is_empty());
    assert!(zeros.entries.borrow().is_empty());
}

#[test]
fn pins_that_belong_to_another_io_apic_are_masked_and_not_routed() {
    let first = table(0x20, 23);
    let second = table(0x20, 23);
    let topology = topology(&[(1, 0), (2, 16)], &[]);
    let (mut io_apics, failures) = IoApics::probe(&topology, |address| {
        Some(if address == 1 {
            first.clone()
        } else {
            second.clone()
        })
    });
    assert_eq!(
        failures,
        [ProbeFailure::OverlappingGsis {
            address: 2,
            gsi_base: 16
        }]
    );
    assert_eq!(second.entries.borrow().len(), 24);
    io_apics.route(20, ROUTE).unwrap();
    assert!(entry(&first, 20).is_unmasked);
    assert_eq!(io_apics.route(24, ROUTE), Err(RouteError::NoSuchGsi(24)));
}
