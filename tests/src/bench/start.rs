//! Suite `start`: from the emulator's start to the first line, starting an interpreter,
//! the price of a call.

use super::Depth;
use super::case::{Case, Group, System};
use super::figure::{Figure, Unit};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let title = "starting, two cores";
    vec![
        to_first_line(depth, title),
        Group {
            first_line: None,
            cases: vec![
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
            ..to_first_line(depth, title)
        },
    ]
}

/// From the emulator's start to the first line of Python.
#[must_use]
pub fn to_first_line(depth: Depth, title: &str) -> Group {
    let boot = Figure::new(
        "boot",
        "emulator's start to the first line of python -c",
        Unit::Seconds,
    );
    Group {
        first_line: Some(boot.at_most(0.1, System::BEST)),
        ..Group::wall(title, depth, vec![Case::new("python -c print()", [])])
    }
}
