//! Suite `policy`: what a scheduling policy in Python costs whoever is scheduled: a wake-up
//! and a yield, under the kernel's own policy and under each of the package's. Linux has no
//! such thing, so nothing is compared with it.

use super::Depth;
use super::case::{Case, Group, Kind};
use super::figure::{Figure, Unit};

/// As `bench_policy.py` has them.
const POLICIES: [(&str, &str); 5] = [
    ("none", "the kernel's own"),
    ("idle", "one that decides nothing"),
    ("round_robin", "round robin"),
    ("lottery", "lottery"),
    ("deadline", "deadline, told of each wake-up and sleep"),
];

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let samples = depth.pick(30, 200);
    vec![
        Group::ours(
            "switches under a policy, two cores",
            Kind::Wall,
            depth.pick(2, 5),
            vec![case(samples, Unit::Microseconds)],
        ),
        Group::ours(
            "switches under a policy, of all cores together",
            Kind::Instructions,
            1,
            vec![case(samples, Unit::Instructions)],
        ),
    ]
}

fn case(samples: u32, unit: Unit) -> Case {
    let mut figures = Vec::new();
    for (what, short, title) in [
        (
            "wake",
            "there and back",
            "to a process and back through pipes",
        ),
        ("yield", "a yield", "a yield of two that compute"),
    ] {
        for (policy, name) in POLICIES {
            let name = if policy == "none" {
                format!("{title}: {name}")
            } else {
                format!("  {short}, {name}")
            };
            figures.push(Figure::new(format!("{what}_{policy}"), name, unit));
        }
    }
    Case::new(format!("python bench_policy.py {samples}"), figures)
}
