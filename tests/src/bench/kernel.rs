//! Suite `kernel`: what a program pays the kernel for besides calls and switches, which are
//! in suites `start` and `sched`: a ring of processes, the kernel's own channels, page
//! faults, mappings, processes and programs begun and ended, signals. All by static C, once
//! as wall time and once in instructions.

use super::Depth;
use super::case::{Case, Group, System};
use super::figure::{Figure, Unit};

/// One operation: how it is timed, and how it is counted.
struct Operation {
    /// What the program prints before the value.
    name: &'static str,
    label: &'static str,
    /// The program, its arguments but the last one, which is the number of samples.
    wall: &'static str,
    /// The same with fewer rounds; None where others run beside it, so that a count would be
    /// of them.
    counted: Option<&'static str>,
    is_compared: bool,
}

impl Operation {
    const fn new(
        name: &'static str,
        label: &'static str,
        wall: &'static str,
        counted: &'static str,
    ) -> Self {
        Self {
            name,
            label,
            wall,
            counted: Some(counted),
            is_compared: true,
        }
    }

    const fn ours_only(mut self) -> Self {
        self.is_compared = false;
        self
    }

    fn case(&self, command: &str, samples: u32, unit: Unit) -> Case {
        let figure = Figure::new(self.name, self.label, unit);
        let figure = if self.is_compared {
            figure.at_most(1.0, System::PLAIN)
        } else {
            figure
        };
        Case::new(format!("{command} {samples}"), [figure])
    }
}

const OPERATIONS: [Operation; 13] = [
    Operation::new(
        "ring_18_0",
        "a hop in a ring of 18 processes, one core (pipes)",
        "bench_ring 18 0 100",
        "bench_ring 18 0 30",
    ),
    Operation::new(
        "ring_18_16",
        "  the same with 16 KiB each, less their work",
        "bench_ring 18 16 50",
        "bench_ring 18 16 30",
    ),
    Operation::new(
        "channel_64_one",
        "64 bytes there and back, one core (channels)",
        "bench_channel round one 64 1000",
        "bench_channel round one 64 300",
    )
    .ours_only(),
    Operation::new(
        "channel_64_across",
        "  the same across",
        "bench_channel round across 64 1000",
        "bench_channel round across 64 300",
    )
    .ours_only(),
    Operation::new(
        "fault_anonymous",
        "a fresh page written for the first time",
        "bench_faults anonymous 2000",
        "bench_faults anonymous 1000",
    ),
    Operation::new(
        "fault_file",
        "a page of a mapped file read for the first time",
        "bench_faults file 2000",
        "bench_faults file 1000",
    ),
    Operation::new(
        "fault_cow",
        "a page written in a child after fork",
        "bench_faults cow 1000",
        "bench_faults cow 500",
    ),
    Operation::new(
        "map_1",
        "mmap, 32 pages written, munmap",
        "bench_faults map 32 1 200",
        "bench_faults map 32 1 50",
    ),
    Operation {
        name: "map_2",
        label: "  the same while another thread runs (shootdown)",
        wall: "bench_faults map 32 2 200",
        counted: None,
        is_compared: true,
    },
    Operation::new(
        "fork",
        "fork, exit and wait of a small static program",
        "bench_life fork 100",
        "bench_life fork 30",
    ),
    Operation::new(
        "exec",
        "execve of a small static program by itself",
        "bench_life exec 50",
        "bench_life exec 20",
    ),
    Operation::new(
        "fork_exec",
        "fork, execve, exit and wait",
        "bench_life both 50",
        "bench_life both 20",
    ),
    Operation::new(
        "signal",
        "a signal to itself, handled",
        "bench_life signal 3000",
        "bench_life signal 500",
    ),
];

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    vec![wall(depth), instructions()]
}

fn wall(depth: Depth) -> Group {
    let samples = depth.pick(3, 5);
    let case = |operation: &Operation| {
        let unit = Unit::Microseconds;
        operation.case(operation.wall, samples, unit)
    };
    let cases = OPERATIONS.iter().map(case).collect();
    Group::wall("operations of the kernel, two cores", depth, cases)
}

/// On two cores, as in suite `sched`: where an operation is on one of them, the other is
/// halted and executes nothing.
fn instructions() -> Group {
    let case = |operation: &Operation| {
        let unit = Unit::Instructions;
        let command = operation.counted?;
        Some(operation.case(command, 1, unit))
    };
    let cases = OPERATIONS.iter().filter_map(case).collect();
    Group::counted(
        "for an operation of the kernel, of all cores together",
        cases,
    )
}

#[cfg(test)]
mod tests {
    use super::{Depth, OPERATIONS, groups};

    #[test]
    fn what_runs_beside_others_is_timed_and_not_counted() {
        let groups = groups(Depth::Quick);
        let has = |index: usize, name: &str| {
            let mut figures = groups[index].figures();
            figures.any(|figure| figure.name == name)
        };
        assert_eq!(groups[0].figures().count(), OPERATIONS.len());
        assert!(has(0, "map_2") && !has(1, "map_2"));
        assert!(has(0, "map_1") && has(1, "map_1"));
    }
}
