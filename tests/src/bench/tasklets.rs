//! Suite `tasklets`: what a switch between tasklets costs, against a generator's `next` in the
//! same interpreter; and 50,000 tasklets that wait in one process.

use super::Depth;
use super::case::{Case, Group, Kind};
use super::figure::{Figure, Unit};
use crate::size::MIB;

/// Tasklets that wait at once.
const CROWD: u32 = 50_000;
/// The memory of the machine that they are in, in bytes.
const CROWD_MEMORY: u64 = 4096 * MIB;

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let speed = |samples, unit| Case::new(command(samples, None), figures(unit));
    let crowd = Case::new(
        command(0, Some(CROWD)),
        [
            Figure::new("waiting", "tasklets that wait at once", Unit::Count)
                .at_least(CROWD.into()),
            Figure::new("waiting_memory", "memory of each", Unit::Kibibytes),
        ],
    );
    vec![
        Group::wall("tasklets", depth, vec![speed(5, Unit::Microseconds)]),
        Group {
            cores: 1,
            ..Group::ours(
                "tasklets, of all cores together",
                Kind::Instructions,
                1,
                vec![speed(10, Unit::Instructions)],
            )
        },
        // Ours alone: on the control so many do not fit, and the process is killed.
        Group {
            memory: CROWD_MEMORY,
            ..Group::ours("many tasklets, 4 GiB", Kind::Wall, 1, vec![crowd])
        },
    ]
}

fn command(samples: u32, crowd: Option<u32>) -> String {
    let crowd = crowd.map_or(String::new(), |crowd| format!(" {crowd}"));
    format!("python bench_tasklets.py {samples}{crowd}")
}

fn figures(unit: Unit) -> Vec<Figure> {
    vec![
        Figure::new("next", "a generator's next", unit),
        Figure::new("switch", "a switch between tasklets (schedule)", unit),
        Figure::new("switch_over_next", "  over a next", Unit::Ratio).at_most_itself(3.0),
        Figure::new("channel", "a value sent and received, two switches", unit),
        Figure::new("begin_and_end", "a tasklet made, run and ended", unit),
    ]
}
