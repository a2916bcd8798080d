//! Suite `process`: making processes and what they weigh, messages between them, and the
//! start of the system, each against what Linux's programs would do instead.

use super::Depth;
use super::case::{Case, Group, MEMORY, System};
use super::figure::{Figure, Unit};
use super::start;
use crate::size::MIB;

/// Heaps at which a spawn is measured, in MiB.
pub const HEAPS: [u32; 3] = [8, 64, 512];
/// The smallest message of the curve, and the largest, in bytes.
const SMALL: u64 = 64;
const LARGE: u64 = 64 * MIB;
/// What ten thousand processes are to have room in.
const FULL_MEMORY: u64 = 4 * 1024 * MIB;

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    vec![
        Group::wall("processes and messages, two cores", depth, together(depth)),
        Group {
            memory: depth.pick(MEMORY, FULL_MEMORY),
            rounds: 1,
            ..Group::wall("memory of a process", depth, memory(depth))
        },
        start::to_first_line(depth, "starting, two cores"),
        instructions(),
    ]
}

/// What one boot of a system measures.
fn together(depth: Depth) -> Vec<Case> {
    [making(depth), heaps(depth), messages(depth)].concat()
}

/// No-ops, made, ended and waited for.
fn making(depth: Depth) -> Vec<Case> {
    let samples = depth.pick(3, 5);
    let spawn = Figure::new(
        "python_spawn",
        "spawn and join from Python; on Linux os.fork and waitpid",
        Unit::Microseconds,
    )
    .at_most(1.0 / 20.0, System::PLAIN)
    .at_most(1.0 / 50.0, System::PLAIN)
    .at_most(1.0 / 20.0, System::BEST);
    let command = Figure::new(
        "python_command",
        "spawn and join; on Linux python -c pass",
        Unit::Microseconds,
    )
    .at_most(1.0 / 1000.0, System::PLAIN)
    .at_most(1.0 / 1000.0, System::BEST);
    let native = Figure::new(
        "cheapest_1",
        "the same from C with 1 MiB of its own",
        Unit::Microseconds,
    )
    .at_most(1.0, System::PLAIN);
    let fork = Figure::new("python_fork", "os.fork and waitpid", Unit::Microseconds);
    vec![
        Case::new(
            format!("python bench_process.py spawn 20 {samples}"),
            [spawn, fork],
        ),
        Case::new(
            format!("python bench_process.py command 2 {samples}"),
            [command],
        ),
        Case::new(format!("bench_spawn 1 100 {samples} cheapest"), [native]),
    ]
}

/// The same at heaps of several sizes.
fn heaps(depth: Depth) -> Vec<Case> {
    let (count, samples) = depth.pick((2, 2), (10, 3));
    let words = HEAPS.map(|heap| heap.to_string()).join(" ");
    let at = |heap: u32| {
        Figure::new(
            format!("heap_{heap}"),
            format!("a process of {heap} MiB of heap"),
            Unit::Microseconds,
        )
    };
    let growth =
        Figure::new("heap_growth", "  at 512 MiB over at 8 MiB", Unit::Ratio).at_most_itself(1.2);
    vec![Case::new(
        format!("python bench_process.py heap {count} {samples} {words}"),
        HEAPS.into_iter().map(at).chain([growth]),
    )]
}

/// From 64 bytes to 64 MiB.
fn messages(depth: Depth) -> Vec<Case> {
    let step = depth.pick(16, 4);
    let sizes = std::iter::successors(Some(SMALL), |size| Some(size * step));
    let figure = |size: u64| {
        let figure = Figure::new(
            format!("message_{size}"),
            format!("{} there and back", bytes(size)),
            Unit::Microseconds,
        );
        match size {
            SMALL => figure
                .at_most(0.1, System::PLAIN)
                .at_most(0.1, System::BEST),
            LARGE => figure
                .at_most(0.05, System::PLAIN)
                .at_most(0.05, System::BEST),
            _ => figure,
        }
    };
    let words = |size: u64| {
        // As many as take about as long, whatever their size.
        let rounds = (MIB / size).clamp(1, 200);
        // The control takes seconds for the largest: more of them come from more rounds.
        let samples = if size > MIB { 1 } else { 2 };
        format!(" {size} {rounds} {samples}")
    };
    let sizes: Vec<u64> = sizes.take_while(|size| *size <= LARGE).collect();
    let words: String = sizes.iter().copied().map(words).collect();
    vec![Case::new(
        format!("python bench_channel.py{words}"),
        sizes.into_iter().map(figure),
    )]
}

/// A size as people say it.
fn bytes(size: u64) -> String {
    match size {
        size if size >= MIB => format!("{} MiB", size / MIB),
        size if size >= 1024 => format!("{} KiB", size / 1024),
        size => format!("{size} bytes"),
    }
}

fn memory(depth: Depth) -> Vec<Case> {
    let count = depth.pick(100, 10_000);
    let figure = |name: &str, label: &str, most: u64| {
        let figure = Figure::new(name, label, Unit::Kibibytes);
        figure.at_most_itself((most * 1024) as f64)
    };
    let alive = Figure::new(
        "memory_count",
        format!("alive at once: {count}, or as many as fit"),
        Unit::Count,
    );
    vec![Case::new(
        format!("python bench_process.py memory {count}"),
        [
            alive,
            figure("memory", "after its first answer", 256),
            figure("memory_worked", "after a little work", 400),
        ],
    )]
}

/// The price of a process, whatever the host.
fn instructions() -> Group {
    let figure = |name: &str, label: &str| Figure::new(name, label, Unit::Instructions);
    let cases = vec![
        Case::new(
            "python bench_process.py spawn 20 1",
            [
                figure(
                    "python_spawn",
                    "spawn and join from Python; on Linux os.fork",
                )
                .at_most(1.0 / 20.0, System::PLAIN),
                figure("python_fork", "os.fork and waitpid"),
            ],
        ),
        Case::new(
            "bench_spawn 1 20 1 cheapest",
            [figure(
                "cheapest_1",
                "the same from C with 1 MiB of its own",
            )],
        ),
    ];
    Group::counted("for a process, of all cores together", cases)
}

#[cfg(test)]
mod tests {
    use super::{Depth, LARGE, SMALL, bytes, messages};

    #[test]
    fn the_curve_of_messages_has_both_sizes_that_have_targets() {
        for depth in [Depth::Quick, Depth::Full] {
            let cases = messages(depth);
            let figures = || cases.iter().flat_map(|case| &case.figures);
            let judged: Vec<&str> = figures()
                .filter(|figure| !figure.targets.is_empty())
                .map(|figure| figure.name.as_str())
                .collect();
            let ends = [SMALL, LARGE].map(|size| format!("message_{size}"));
            assert_eq!(judged, ends);
            assert!(figures().count() >= 6);
        }
    }

    #[test]
    fn a_size_is_said_in_its_largest_unit() {
        assert_eq!(bytes(64), "64 bytes");
        assert_eq!(bytes(16384), "16 KiB");
        assert_eq!(bytes(LARGE), "64 MiB");
    }
}
