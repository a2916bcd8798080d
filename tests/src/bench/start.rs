//! Suite `start`: from the emulator's start to the first line, starting an interpreter,
//! the price of a call.

use super::Depth;
use super::case::{Case, Group, Kind, System};
use super::figure::{Figure, Unit};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let title = "starting, two cores";
    let group = |first_line, cases| Group {
        title: title.to_owned(),
        kind: Kind::Wall,
        cores: 2,
        systems: System::COMPARED.to_vec(),
        rounds: depth.pick(3, 10),
        first_line,
        cases,
    };
    let boot = Figure::new(
        "boot",
        "emulator's start to the first line of python -c",
        Unit::Seconds,
    );
    vec![
        group(Some(boot), vec![Case::new("python -c print()", [])]),
        group(
            None,
            vec![
                Case::new(
                    "bench_start program 7 python -c print()",
                    [
                        Figure::new(
                            "start_cold",
                            "execve to first line, first in a machine",
                            Unit::Milliseconds,
                        ),
                        Figure::new(
                            "start_warm",
                            "execve to first line, later ones",
                            Unit::Milliseconds,
                        ),
                    ],
                ),
                Case::new(
                    "bench_start getppid 100000 5",
                    [Figure::new("getppid", "getppid", Unit::Nanoseconds)],
                ),
            ],
        ),
    ]
}
