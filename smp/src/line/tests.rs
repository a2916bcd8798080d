//! A line against a simulated device and pin, at random; and what it promises, one by one.

use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Half of a millisecond.
const STEP: u64 = 500_000;
const LIMIT: u64 = 20 * STEP;

#[derive(Clone, Debug)]
enum Event {
    /// The device asks (an edge), or asks until it is served (a level).
    Raise,
    /// The kernel hands the count out.
    Take,
    /// The routine has returned; it has served the device, or not.
    Return(bool),
    /// Time passes, in steps.
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => Just(Event::Raise),
        3 => Just(Event::Take),
        3 => any::<bool>().prop_map(Event::Return),
        4 => (1_u64..40).prop_map(Event::Wait),
        1 => (40_u64..800).prop_map(Event::Wait),
    ];
    proptest::collection::vec(event, 1..400)
}

/// The device, its pin as an I/O APIC has it, and the kernel around the line.
struct Machine {
    line: Line,
    trigger: Trigger,
    allowance: u32,
    now: u64,
    is_asserted: bool,
    is_masked: bool,
    fired: Vec<u64>,
    taken: u64,
    has_taken: bool,
    /// Edges since the last take that the mask has swallowed.
    lost_edges: bool,
}

impl Machine {
    fn new(trigger: Trigger, allowance: u32) -> Self {
        Self {
            line: Line::new(trigger, allowance, LIMIT, 0),
            trigger,
            allowance,
            now: 0,
            is_asserted: false,
            is_masked: false,
            fired: Vec::new(),
            taken: 0,
            has_taken: false,
            lost_edges: false,
        }
    }

    fn apply(&mut self, change: Change) {
        match change.pin {
            Pin::Stays => {}
            Pin::Mask => {
                assert!(!self.is_masked, "masked twice");
                self.is_masked = true;
            }
            Pin::Unmask => {
                assert!(self.is_masked, "unmasked twice");
                self.is_masked = false;
            }
        }
        assert_eq!(self.is_masked, self.line.is_masked());
        if change.pause.is_some() {
            assert!(self.is_masked && self.line.deadline().is_some());
        }
    }

    fn fire(&mut self) {
        assert!(!self.is_masked);
        self.fired.push(self.now);
        let change = self.line.interrupt(self.now);
        self.apply(change);
    }

    /// A level-triggered pin fires whenever it is asserted and not masked.
    fn settle(&mut self) {
        while self.trigger == Trigger::Level && self.is_asserted && !self.is_masked {
            self.fire();
        }
    }

    fn play(&mut self, event: &Event) {
        match event {
            Event::Raise => {
                self.is_asserted = true;
                if self.trigger == Trigger::Edge {
                    if self.is_masked {
                        self.lost_edges = true;
                    } else {
                        self.fire();
                    }
                }
            }
            Event::Take => {
                let news = self.line.has_news();
                let count = self.line.take(self.now);
                assert_eq!(count.is_some(), news);
                if let Some(count) = count {
                    self.taken += count;
                    self.has_taken = true;
                    self.lost_edges = false;
                }
            }
            Event::Return(serves) => {
                if core::mem::take(&mut self.has_taken) {
                    self.is_asserted &= !serves;
                    let change = self.line.acknowledge(self.now);
                    self.apply(change);
                }
            }
            Event::Wait(steps) => {
                for _ in 0..*steps {
                    self.now += STEP;
                    // The kernel looks at the deadline, no earlier and hardly later.
                    if self.line.deadline().is_some_and(|end| end <= self.now) {
                        let change = self.line.look(self.now);
                        self.apply(change);
                    }
                    self.settle();
                }
            }
        }
        self.settle();
    }

    fn check(&self) {
        let counted = self.fired.len() as u64;
        assert_eq!(self.line.total(), counted);
        assert_eq!(self.taken + self.line.untaken(), counted);
        // Any stretch of a window's length lies in two windows of the line's at most.
        for (index, start) in self.fired.iter().enumerate() {
            let within = self.fired[index..]
                .iter()
                .take_while(|time| **time < start + WINDOW)
                .count();
            assert!(
                within <= 2 * self.allowance as usize,
                "{within} in a window"
            );
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_the_pin_is_as_the_line_says(
        is_level in any::<bool>(),
        allowance in 1_u32..20,
        events in events(),
    ) {
        let trigger = if is_level { Trigger::Level } else { Trigger::Edge };
        let mut machine = Machine::new(trigger, allowance);
        for event in &events {
            machine.play(event);
            machine.check();
        }
        // Served well from now on, it comes to rest unmasked, and whoever serves it has
        // looked since the last edge that was lost.
        for _ in 0..2000 {
            machine.play(&Event::Take);
            machine.play(&Event::Return(true));
            machine.play(&Event::Wait(8));
        }
        machine.play(&Event::Wait(100_000));
        machine.play(&Event::Take);
        machine.play(&Event::Return(true));
        prop_assert!(!machine.line.is_masked());
        prop_assert!(!machine.lost_edges);
        prop_assert_eq!(machine.line.untaken(), 0);
    }

    #[test]
    fn runs_take_half_of_the_time(run in 1_u64..30, pause in 0_u64..3) {
        let mut line = Line::new(Trigger::Edge, u32::MAX, u64::MAX, 0);
        let (mut now, mut busy) = (0_u64, 0_u64);
        // It fires whenever it is let through.
        while now < 200 * WINDOW {
            if line.deadline().is_some_and(|end| end <= now) {
                line.look(now);
            }
            if !line.is_masked() {
                line.interrupt(now);
            }
            if line.take(now).is_some() {
                now += run * STEP;
                busy += run * STEP;
                line.acknowledge(now);
            }
            now += pause * STEP + STEP / 50;
        }
        prop_assert_eq!(line.busy(), busy);
        prop_assert!(busy <= now / 2 + RESERVE + 30 * STEP, "{busy} of {now}");
    }
}

#[test]
fn a_level_stays_masked_until_it_is_acknowledged() {
    let mut line = Line::new(Trigger::Level, 100, LIMIT, 0);
    assert_eq!(line.interrupt(1).pin, Pin::Mask);
    assert_eq!(line.take(2), Some(1));
    assert!(line.is_masked());
    assert_eq!(line.acknowledge(3).pin, Pin::Unmask);
    assert_eq!(line.take(4), None);
}

#[test]
fn an_acknowledgement_is_of_what_was_taken_alone() {
    let mut line = Line::new(Trigger::Level, 100, LIMIT, 0);
    line.interrupt(1);
    assert_eq!(line.acknowledge(2).pin, Pin::Stays);
    assert!(line.is_masked());
    assert_eq!(line.take(3), Some(1));
    assert_eq!(line.acknowledge(4).pin, Pin::Unmask);
}

#[test]
fn an_edge_is_counted_and_goes_on() {
    let mut line = Line::new(Trigger::Edge, 100, LIMIT, 0);
    for now in 0..7 {
        assert_eq!(line.interrupt(now).pin, Pin::Stays);
    }
    assert_eq!(line.take(8), Some(7));
    assert_eq!(line.take(9), None);
}

#[test]
fn an_edge_may_have_come_before() {
    let mut line = Line::new(Trigger::Edge, 100, LIMIT, 0);
    assert_eq!(line.take(1), Some(0));
    assert_eq!(line.take(2), None);
    assert_eq!(Line::new(Trigger::Level, 100, LIMIT, 0).take(1), None);
}

#[test]
fn a_storm_pauses_until_the_window_is_over_and_then_is_looked_at() {
    let mut line = Line::new(Trigger::Edge, 3, LIMIT, 0);
    line.interrupt(10);
    line.interrupt(11);
    let change = line.interrupt(12);
    let expected = Change {
        pin: Pin::Mask,
        pause: Some(Cause::Rate),
    };
    assert_eq!(change, expected);
    assert_eq!(line.deadline(), Some(10 + WINDOW));
    assert_eq!(line.take(13), Some(3));
    line.acknowledge(14);
    assert_eq!(line.look(9 + WINDOW).pin, Pin::Stays);
    assert_eq!(line.look(10 + WINDOW).pin, Pin::Unmask);
    assert_eq!(line.take(11 + WINDOW), Some(0));
    assert_eq!(line.pauses(), 1);
}

#[test]
fn a_run_is_an_overrun_after_its_limit() {
    let mut line = Line::new(Trigger::Edge, 100, LIMIT, 0);
    line.interrupt(1);
    assert!(!line.is_overrun(u64::MAX));
    line.take(5);
    assert_eq!(line.deadline(), Some(5 + LIMIT));
    assert!(!line.is_overrun(4 + LIMIT));
    assert!(line.is_overrun(5 + LIMIT));
    line.acknowledge(6);
    assert!(!line.is_overrun(u64::MAX));
}
