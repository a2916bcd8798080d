//! Suite `reactor`: Twisted's echo over loopback TCP, by Roentgen's reactor and by Twisted's
//! own for Linux, here and on the control.

use super::Depth;
use super::case::{Case, Group};
use super::figure::{Figure, Unit};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let (rounds, samples) = depth.pick((8, 3), (100, 10));
    let case = |name: &str, label: &str| {
        let figure = Figure::new(format!("echo_{name}"), label, Unit::Microseconds);
        Case::new(
            format!("python bench_reactor.py {name} {rounds} {samples}"),
            [figure],
        )
        .with_packages(&["twisted"])
    };
    vec![Group::wall(
        "64 bytes there and back by Twisted, ten clients, two cores",
        depth,
        vec![
            case("roentgen", "a request, on Roentgen's reactor"),
            case("epoll", "a request, on Twisted's epoll reactor"),
        ],
    )]
}
