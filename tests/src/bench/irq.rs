//! Suite `irq`: from an interrupt to the first bytecode of the Python routine that is
//! attached to its line, against a futex wake of the same interpreter. Linux has no such
//! thing, so nothing is compared with it.

use super::Depth;
use super::case::{Case, Group, Kind};
use super::figure::{Figure, Unit};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let samples = depth.pick(40, 400);
    vec![
        Group::ours(
            "from an interrupt to its routine, two cores",
            Kind::Wall,
            depth.pick(2, 5),
            vec![case(samples, Unit::Microseconds)],
        ),
        Group::ours(
            "from an interrupt to its routine, of all cores together",
            Kind::Instructions,
            1,
            vec![case(samples, Unit::Instructions)],
        ),
    ]
}

fn case(samples: u32, unit: Unit) -> Case {
    Case::new(
        format!("python bench_irq.py {samples}"),
        [
            Figure::new("irq_idle", "interrupt to routine, core idle", unit),
            Figure::new("irq_busy", "  beside a loop", unit),
            Figure::new("wake_here", "futex wake of a thread, same core", unit),
            Figure::new("wake_across", "  from another core, core idle", unit),
            Figure::new(
                "irq_over_wake",
                "median of the first over that of the third",
                Unit::Ratio,
            )
            .at_most_itself(2.0),
        ],
    )
}
