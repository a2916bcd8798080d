//! Clocks that are right, interrupted, wrapping, stuck or wild.

use super::*;
use alloc::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

/// Time that passes with each look at a clock, in picoseconds. Now and then it jumps, as
/// when the host takes the core away.
#[derive(Clone)]
struct World {
    now: Rc<Cell<u128>>,
    looks: Rc<Cell<u64>>,
    cost: u128,
    jump_every: u64,
    jump: u128,
}

impl World {
    fn new(cost: u128) -> Self {
        Self {
            now: Rc::default(),
            looks: Rc::default(),
            cost,
            jump_every: u64::MAX,
            jump: 0,
        }
    }

    fn look(&self) -> u128 {
        self.looks.set(self.looks.get() + 1);
        let jump = if self.looks.get().is_multiple_of(self.jump_every) {
            self.jump
        } else {
            0
        };
        self.now.set(self.now.get() + self.cost + jump);
        self.now.get()
    }

    fn clock(&self, hz: u64, phase: u64) -> impl FnMut() -> u64 + use<> {
        let world = self.clone();
        move || (world.look() * u128::from(hz) / 1_000_000_000_000) as u64 + phase
    }
}

struct FakeReference<F> {
    hz: u64,
    mask: u64,
    clock: F,
}

impl<F: FnMut() -> u64> Reference for FakeReference<F> {
    fn frequency_hz(&self) -> u64 {
        self.hz
    }
    fn mask(&self) -> u64 {
        self.mask
    }
    fn read(&mut self) -> u64 {
        // Bits above the mask are noise.
        let value = (self.clock)();
        value & self.mask | value.reverse_bits() & !self.mask
    }
}

const PM_HZ: u64 = 3_579_545;

fn measure(world: &World, tsc_hz: u64, mask: u64, phase: u64) -> Result<u64, CalibrationError> {
    let mut reference = FakeReference {
        hz: PM_HZ,
        mask,
        clock: world.clock(PM_HZ, phase),
    };
    calibrate_tsc(
        &mut reference,
        world.clock(tsc_hz, 12_345),
        &Plan::default(),
    )
}

fn assert_near(result: Result<u64, CalibrationError>, hz: u64, ppm: u64) {
    let measured = result.expect("a frequency");
    assert!(
        measured.abs_diff(hz) <= hz / 1_000_000 * ppm,
        "{measured} is not {hz}"
    );
}

#[test]
fn a_steady_clock_is_measured_to_100_ppm() {
    for hz in [11_000_000, 999_999_999, 2_400_000_000, 5_700_000_000] {
        assert_near(measure(&World::new(700_000), hz, 0xFF_FFFF, 0), hz, 100);
    }
}

#[test]
fn a_reference_that_wraps_within_the_stretch_does_no_harm() {
    let phase = 0xFF_FFFF - 1_000;
    let world = World::new(700_000);
    assert_near(
        measure(&world, 3_000_000_000, 0xFF_FFFF, phase),
        3_000_000_000,
        100,
    );
}

#[test]
fn being_interrupted_now_and_then_does_no_harm() {
    for every in [2, 3, 7, 1_000] {
        let mut world = World::new(700_000);
        world.jump_every = every;
        world.jump = 150_000_000;
        assert_near(
            measure(&world, 3_000_000_000, 0xFFFF_FFFF, 5),
            3_000_000_000,
            20_000,
        );
    }
    let mut world = World::new(700_000);
    world.jump_every = 97;
    world.jump = 3_000_000_000;
    assert_near(
        measure(&world, 3_000_000_000, 0xFFFF_FFFF, 5),
        3_000_000_000,
        100,
    );
}

#[test]
fn a_dead_reference_is_an_error_and_no_endless_loop() {
    let world = World::new(100_000);
    let mut reference = FakeReference {
        hz: PM_HZ,
        mask: 0xFF_FFFF,
        clock: || u64::MAX,
    };
    assert_eq!(
        calibrate_tsc(
            &mut reference,
            world.clock(1_000_000_000, 0),
            &Plan::default()
        ),
        Err(CalibrationError::ReferenceStuck)
    );
}

#[test]
fn a_dead_counter_is_an_error() {
    let world = World::new(700_000);
    let mut reference = FakeReference {
        hz: PM_HZ,
        mask: 0xFF_FFFF,
        clock: world.clock(PM_HZ, 0),
    };
    assert_eq!(
        calibrate_tsc(&mut reference, || 42, &Plan::default()),
        Err(CalibrationError::CounterStuck)
    );
}

#[test]
fn a_frequency_that_cannot_be_is_an_error() {
    let result = measure(&World::new(700_000), 10_000, 0xFF_FFFF, 0);
    assert!(matches!(result, Err(CalibrationError::NotSane { .. })));
}

#[test]
fn a_stretch_longer_than_the_reference_counts_is_refused() {
    let world = World::new(700_000);
    let mut reference = FakeReference {
        hz: 1_193_182,
        mask: 0xFFFF,
        clock: world.clock(1_193_182, 0),
    };
    let plan = Plan {
        stretch_us: 50_000,
        ..Plan::default()
    };
    assert_eq!(
        calibrate_tsc(&mut reference, world.clock(1_000_000_000, 0), &plan),
        Err(CalibrationError::ReferenceTooShort)
    );
}

struct FakeCountdown<F> {
    clock: F,
    started: u64,
    is_running: Rc<Cell<bool>>,
}

impl<F: FnMut() -> u64> CountdownTimer for FakeCountdown<F> {
    fn start(&mut self) {
        self.started = (self.clock)();
        self.is_running.set(true);
    }
    fn elapsed(&mut self) -> u32 {
        ((self.clock)() - self.started)
            .try_into()
            .unwrap_or(u32::MAX)
    }
    fn stop(&mut self) {
        self.is_running.set(false);
    }
}

#[test]
fn an_apic_timer_is_measured_against_the_counter_and_stopped() {
    for hz in [25_000_000, 1_000_000_000] {
        let world = World::new(200_000);
        let is_running = Rc::new(Cell::new(false));
        let timer = FakeCountdown {
            clock: world.clock(hz, 0),
            started: 0,
            is_running: is_running.clone(),
        };
        let result = calibrate_countdown(
            timer,
            world.clock(2_000_000_000, 99),
            2_000_000_000,
            &Plan::default(),
        );
        assert_near(result, hz, 100);
        assert!(!is_running.get());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_readings_the_result_is_sane_or_an_error(
        references in prop::collection::vec(any::<u64>(), 1..50),
        counters in prop::collection::vec(any::<u64>(), 1..50),
        mask in prop::sample::select(vec![0xFFFF_u64, 0xFF_FFFF, 0xFFFF_FFFF, u64::MAX]),
        hz in 0_u64..100_000_000,
        stretches in 0_u32..4,
    ) {
        let mut references = references.iter().cycle();
        let mut counters = counters.iter().cycle();
        let mut reference = FakeReference { hz, mask, clock: || *references.next().unwrap() };
        let plan = Plan { stretches, ..Plan::default() };
        if let Ok(hz) = calibrate_tsc(&mut reference, || *counters.next().unwrap(), &plan) {
            prop_assert!(super::is_sane_frequency(hz));
        }
    }
}
