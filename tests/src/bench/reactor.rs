//! Suite `reactor`: Twisted's echo over loopback TCP, by Roentgen's reactor and by Twisted's
//! own for Linux, here and on the control.

use super::Depth;
use super::case::{Case, Group};
use super::figure::{Figure, Unit};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let (rounds, samples) = depth.pick((8, 3), (16, 3));
    let figure =
        |name: &str, label: &str| Figure::new(format!("echo_{name}"), label, Unit::Microseconds);
    let command = format!("python bench_reactor.py {rounds} {samples} roentgen epoll");
    vec![Group::wall(
        "64 bytes there and back by Twisted, ten clients, two cores",
        depth,
        vec![
            Case::new(
                command,
                [
                    figure("roentgen", "a request, on Roentgen's reactor"),
                    figure("epoll", "a request, on Twisted's epoll reactor"),
                ],
            )
            .with_packages(&["twisted"]),
        ],
    )]
}
