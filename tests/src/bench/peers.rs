//! Suite `peers`: this kernel's processes in Python beside what one would take on Linux
//! instead, which is CPython and its `multiprocessing`, as Debian has them.
//!
//! The columns differ in everything: kernel, interpreter, library. Free threads and
//! subinterpreters with a lock of their own need a CPython that Debian 12 does not have.

use super::Depth;
use super::case::{Case, Group, System};
use super::figure::{Figure, Unit};

/// Turns of the loop that stands for work.
const WORK: u32 = 60_000;

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let command = format!(
        "python bench_peers.py 20 {WORK} {samples}",
        samples = depth.pick(2, 3)
    );
    let figure = |name: &str, label: &str, unit| Figure::new(name, label, unit);
    let judged = |name: &str, label: &str| {
        let figure = Figure::new(name, label, Unit::Microseconds);
        figure
            .at_most(1.0, System::PLAIN)
            .at_most(1.0, System::BEST)
    };
    let case = Case::new(
        command,
        [
            judged("peer_process", "a process made and waited for"),
            figure(
                "peer_command",
                "an interpreter started, -c pass",
                Unit::Milliseconds,
            ),
            judged("peer_message", "64 bytes there and back"),
            judged("peer_call", "a call in a pool of two"),
            figure("peer_work", "a loop in a process", Unit::Milliseconds),
            figure(
                "peer_two",
                "two of these at once, efficiency",
                Unit::Efficiency,
            ),
        ],
    );
    vec![Group {
        rounds: depth.pick(2, 10),
        ..Group::wall(
            "roentgen and this interpreter; multiprocessing and CPython 3.11 on Linux, two cores",
            depth,
            vec![case.with_cpython()],
        )
    }]
}
