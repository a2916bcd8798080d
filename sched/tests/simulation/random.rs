//! Any mixture of tasks, on any machine, under any policy. The machine itself checks
//! after each event what must hold; see [`crate::machine`].

use proptest::prelude::*;
use sched::entity::Entity;
use sched::policy::{Cause, Fair, Policy, View};
use sched::weight::Class;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::machine::{Behaviour, MILLISECOND, Simulation};

/// Wishes nonsense: cores that are not there or are forbidden, no weight, no slice, or
/// one that never ends.
struct Nonsense(AtomicU64);

impl Nonsense {
    fn next(&self) -> u64 {
        let step = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        (step ^ step >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
    }
}

impl Policy for Nonsense {
    fn place(&self, _: &Entity, _: Cause, view: &View<'_>) -> Option<usize> {
        match self.next() % 8 {
            0 => None,
            1 => Some(usize::MAX),
            2 => Some(view.cores),
            number => Some((self.next() + number) as usize % (2 * view.cores)),
        }
    }

    fn weight(&self, _: &Entity) -> u32 {
        [0, 1, 1024, u32::MAX][self.next() as usize % 4]
    }

    fn slice(&self, _: &Entity) -> u64 {
        [0, 1, MILLISECOND, u64::MAX][self.next() as usize % 4]
    }
}

/// That of a task of nice -20.
const LONGEST_FAIR_SLICE: u64 = 16 * MILLISECOND;

#[derive(Clone, Debug)]
struct Plan {
    behaviour: Behaviour,
    nice: i32,
    class: Class,
    starts_on: usize,
    mask: Option<u64>,
}

pub fn behaviour() -> impl Strategy<Value = Behaviour> {
    let run = 1_000..4_000_000_u64;
    prop_oneof![
        Just(Behaviour::Hog),
        (run.clone(), 1_000..8_000_000_u64)
            .prop_map(|(run, sleep)| Behaviour::Cycle { run, sleep }),
        (50_000..4_000_000_u64, any::<usize>())
            .prop_map(|(run, partner)| Behaviour::Alternate { run, partner }),
        (100_000..4_000_000_u64).prop_map(|run| Behaviour::Yielder { run }),
        run.prop_map(|run| Behaviour::Finite { run }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let class = prop_oneof![
        8 => Just(Class::Normal),
        2 => Just(Class::Idle),
        1 => Just(Class::Interrupt),
    ];
    let mask = prop::option::of(any::<u64>());
    (behaviour(), -20..20_i32, class, any::<usize>(), mask).prop_map(
        |(behaviour, nice, class, starts_on, mask)| Plan {
            // Interrupt work is short: nobody else runs meanwhile.
            behaviour: match class {
                Class::Interrupt => Behaviour::Cycle {
                    run: 5_000,
                    sleep: 1_000_000,
                },
                _ => behaviour,
            },
            nice,
            class,
            starts_on,
            mask,
        },
    )
}

/// Runs the tasks, and changes their affinities as `changes` say: which, when, to what.
fn live<P: Policy>(
    mut simulation: Simulation<P>,
    cores: usize,
    plans: &[Plan],
    changes: &[(usize, u64, u64)],
) {
    for plan in plans {
        let behaviour = match plan.behaviour {
            Behaviour::Alternate { run, partner } => Behaviour::Alternate {
                run,
                partner: partner % plans.len(),
            },
            other => other,
        };
        simulation.make(behaviour, plan.nice, plan.class);
    }
    for (task, plan) in plans.iter().enumerate() {
        if let Some(bits) = plan.mask {
            simulation.set_affinity(task, simulation.mask_of(bits));
        }
        simulation.start(task, plan.starts_on % cores);
    }
    for (task, after, bits) in changes {
        simulation.run(*after);
        simulation.set_affinity(task % plans.len(), simulation.mask_of(*bits));
    }
    simulation.run(300 * MILLISECOND);
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

type Changes = Vec<(usize, u64, u64)>;

fn changes() -> impl Strategy<Value = Changes> {
    prop::collection::vec((any::<usize>(), 0..10_000_000_u64, any::<u64>()), 0..12)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_must_hold_holds_on_small_machines(
        cores in 1..9_usize,
        poll in prop_oneof![Just(0), Just(50_000_u64)],
        plans in prop::collection::vec(plan(), 1..24),
        changes in changes(),
    ) {
        let mut simulation = Simulation::new(cores, Fair).polling(poll);
        simulation.most_idle = 2 * LONGEST_FAIR_SLICE;
        live(simulation, cores, &plans, &changes);
    }

    #[test]
    fn a_policy_that_wishes_nonsense_breaks_nothing(
        cores in 1..9_usize,
        seed in any::<u64>(),
        plans in prop::collection::vec(plan(), 1..16),
        changes in changes(),
    ) {
        let simulation = Simulation::new(cores, Nonsense(AtomicU64::new(seed)));
        live(simulation, cores, &plans, &changes);
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn what_must_hold_holds_on_large_machines(
        cores in 9..=256_usize,
        plans in prop::collection::vec(plan(), 1..400),
        changes in changes(),
    ) {
        let mut simulation = Simulation::new(cores, Fair);
        simulation.most_idle = 2 * LONGEST_FAIR_SLICE;
        live(simulation, cores, &plans, &changes);
    }
}
