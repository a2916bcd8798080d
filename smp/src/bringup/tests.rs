//! Fake machines whose cores answer early, late, twice or never.

use super::*;
use alloc::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// How a core behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    /// Answers that long after the n-th start-up after an INIT.
    Answers { startup: u32, after_us: u64 },
    /// Never answers.
    Dead,
}

#[derive(Debug, Default)]
struct Core {
    behaviour: Option<Behaviour>,
    waits_for_startup: bool,
    startups: u32,
    answers_at: Option<u64>,
    has_answered: bool,
    admitted: u32,
    inits: u32,
}

#[derive(Debug, Default)]
struct FakeMachine {
    now: u64,
    cores: BTreeMap<u32, Core>,
    pages: Vec<u8>,
    init_sent_at: BTreeMap<u32, u64>,
}

impl FakeMachine {
    fn new(behaviours: &[Behaviour]) -> Self {
        let cores = (1..).zip(behaviours).map(|(id, behaviour)| {
            let core = Core {
                behaviour: Some(*behaviour),
                ..Core::default()
            };
            (id, core)
        });
        Self {
            cores: cores.collect(),
            ..Self::default()
        }
    }

    fn ids(&self) -> Vec<u32> {
        self.cores.keys().copied().collect()
    }

    fn advance(&mut self, microseconds: u64) {
        self.now += microseconds;
        for core in self.cores.values_mut() {
            if core.answers_at.is_some_and(|at| at <= self.now) {
                core.has_answered = true;
            }
        }
    }

    /// Long after: whoever would still answer has answered.
    fn let_time_pass(&mut self) {
        self.advance(1_000_000_000);
    }
}

impl Machine for FakeMachine {
    fn send_init(&mut self, apic_id: u32) {
        let core = self.cores.get_mut(&apic_id).expect("a core");
        core.inits += 1;
        core.waits_for_startup = true;
        core.startups = 0;
        core.answers_at = None;
        self.init_sent_at.insert(apic_id, self.now);
    }

    fn send_startup(&mut self, apic_id: u32, page: u8) {
        self.pages.push(page);
        let now = self.now;
        assert!(
            now - self.init_sent_at[&apic_id] >= 10_000,
            "started within 10 ms of its INIT"
        );
        let core = self.cores.get_mut(&apic_id).expect("a core");
        core.startups += 1;
        if let Some(Behaviour::Answers { startup, after_us }) = core.behaviour
            && core.waits_for_startup
            && core.startups >= startup
        {
            core.waits_for_startup = false;
            core.answers_at = Some(now + after_us);
        }
        self.advance(1);
    }

    fn delay_us(&mut self, microseconds: u32) {
        assert!(microseconds > 0, "a delay of nothing");
        self.advance(u64::from(microseconds));
    }

    fn has_answered(&mut self, apic_id: u32) -> bool {
        self.cores[&apic_id].has_answered
    }

    fn admit(&mut self, apic_id: u32) {
        let core = self.cores.get_mut(&apic_id).expect("a core");
        assert!(core.has_answered, "admitted before it answered");
        core.admitted += 1;
    }
}

const PROMPT: Behaviour = Behaviour::Answers {
    startup: 1,
    after_us: 50,
};

fn start_all(machine: &mut FakeMachine) -> Report {
    let ids = machine.ids();
    start(machine, ids, 8, &Timing::default())
}

#[test]
fn all_of_64_cores_are_up_with_the_init_delay_paid_once() {
    let mut machine = FakeMachine::new(&[PROMPT; 63]);
    let report = start_all(&mut machine);
    assert_eq!(report.up.len(), 63);
    assert_eq!(report.silent, []);
    assert_eq!(report.second_startups, 0);
    assert!(machine.now < 11_000, "{} µs", machine.now);
}

#[test]
fn no_cores_cost_no_time() {
    let mut machine = FakeMachine::default();
    assert_eq!(start_all(&mut machine), Report::default());
    assert_eq!(machine.now, 0);
}

#[test]
fn a_core_that_needs_the_second_startup_gets_it() {
    let needs_two = Behaviour::Answers {
        startup: 2,
        after_us: 50,
    };
    let mut machine = FakeMachine::new(&[PROMPT, needs_two]);
    let report = start_all(&mut machine);
    assert_eq!(report.up, [1, 2]);
    assert_eq!(report.second_startups, 1);
    assert_eq!(machine.cores[&1].startups, 1);
    assert_eq!(machine.cores[&2].startups, 2);
}

#[test]
fn a_core_that_answers_between_the_startups_is_not_sent_the_second() {
    let late = Behaviour::Answers {
        startup: 1,
        after_us: 190,
    };
    let mut machine = FakeMachine::new(&[late]);
    let report = start_all(&mut machine);
    assert_eq!(report.up, [1]);
    assert_eq!(report.second_startups, 0);
}

#[test]
fn a_core_that_answers_after_the_second_startup_is_up_once() {
    let late = Behaviour::Answers {
        startup: 1,
        after_us: 300_000,
    };
    let mut machine = FakeMachine::new(&[late]);
    let report = start_all(&mut machine);
    assert_eq!(report.up, [1]);
    assert_eq!(machine.cores[&1].admitted, 1);
    assert_eq!(machine.cores[&1].inits, 1);
}

#[test]
fn a_dead_core_is_reported_and_does_not_hold_up_the_others() {
    let mut machine = FakeMachine::new(&[PROMPT, Behaviour::Dead, PROMPT]);
    let report = start_all(&mut machine);
    assert_eq!(report.up, [1, 3]);
    assert_eq!(report.silent, [2]);
    assert!(machine.now < 520_000, "{} µs", machine.now);
}

#[test]
fn a_core_given_up_is_put_back_to_sleep_and_never_admitted() {
    let too_late = Behaviour::Answers {
        startup: 1,
        after_us: 900_000,
    };
    let mut machine = FakeMachine::new(&[PROMPT, too_late]);
    let report = start_all(&mut machine);
    machine.let_time_pass();
    assert_eq!(report.silent, [2]);
    assert_eq!(machine.cores[&2].inits, 2);
    assert!(!machine.cores[&2].has_answered);
    assert_eq!(machine.cores[&2].admitted, 0);
}

#[test]
fn slow_cores_that_keep_coming_are_all_waited_for() {
    let behaviours: Vec<_> = (1..=10)
        .map(|index| Behaviour::Answers {
            startup: 1,
            after_us: index * 400_000,
        })
        .collect();
    let report = start_all(&mut FakeMachine::new(&behaviours));
    assert_eq!(report.up, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_core_named_twice_is_started_once() {
    let mut machine = FakeMachine::new(&[PROMPT]);
    let report = start(&mut machine, [1, 1, 1], 8, &Timing::default());
    assert_eq!(report.up, [1]);
    assert_eq!(machine.cores[&1].inits, 1);
    assert_eq!(machine.cores[&1].admitted, 1);
}

#[test]
fn one_at_a_time_still_pays_the_init_delay_once() {
    let mut machine = FakeMachine::new(&[PROMPT; 63]);
    let ids = machine.ids();
    let timing = Timing {
        at_once: 1,
        ..Timing::default()
    };
    let report = start(&mut machine, ids, 8, &timing);
    assert_eq!(report.up, (1..=63).collect::<Vec<_>>());
    assert!(machine.now < 20_000, "{} µs", machine.now);
}

#[test]
fn every_startup_names_the_page() {
    let mut machine = FakeMachine::new(&[PROMPT, Behaviour::Dead]);
    start(&mut machine, [1, 2], 0x9A, &Timing::default());
    assert_eq!(machine.pages, vec![0x9A; 3]);
}

fn any_behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        1 => Just(Behaviour::Dead),
        9 => (1_u32..=3, 0_u64..800_000)
            .prop_map(|(startup, after_us)| Behaviour::Answers { startup, after_us }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_core_is_either_up_and_admitted_once_or_silent_and_asleep(
        behaviours in prop::collection::vec(any_behaviour(), 0..20),
        at_once in 0_usize..25,
        poll_us in 0_u32..5_000,
    ) {
        let mut machine = FakeMachine::new(&behaviours);
        let ids = machine.ids();
        let timing = Timing { at_once, poll_us, ..Timing::default() };
        let report = start(&mut machine, ids.clone(), 8, &timing);
        let mut all: Vec<u32> = report.up.iter().chain(&report.silent).copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, ids);
        machine.let_time_pass();
        for (id, core) in &machine.cores {
            let is_up = report.up.contains(id);
            prop_assert_eq!(core.admitted, u32::from(is_up));
            prop_assert_eq!(core.has_answered, is_up);
            prop_assert_eq!(core.waits_for_startup, !is_up);
        }
    }
}
