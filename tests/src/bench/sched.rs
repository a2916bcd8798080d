//! Suite `sched`: what the scheduler makes of two real cores, what its operations cost in
//! instructions, and how work spreads over more cores than the host has.

use super::Depth;
use super::case::{Case, Group, Kind, MEMORY, System};
use super::figure::{Figure, Unit};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    let mut groups = vec![wall(depth), instructions()];
    groups.extend(virtual_speed_up(depth));
    groups.push(spaces(depth));
    groups
}

/// How many address-space loads keep the TLB, on a CPU that has PCID.
fn spaces(depth: Depth) -> Group {
    let (processes, loads) = depth.pick((100, 1_000), (1_000, 10_000));
    let label = format!("loads that keep the TLB, {processes} processes on a core");
    let kept = Figure::new("spaces_kept", label, Unit::Efficiency).at_least(0.99);
    Group {
        title: "switches of address spaces".to_owned(),
        kind: Kind::Virtual,
        cores: 1,
        memory: MEMORY,
        systems: vec![System::OURS],
        rounds: 1,
        first_line: None,
        cases: vec![Case::new(
            format!("bench_work spaces {processes} {loads}"),
            [kept],
        )],
    }
}

/// On two cores of the host, one for each virtual one.
fn wall(depth: Depth) -> Group {
    use Unit::Microseconds;
    let (loops, samples) = (depth.pick(25_000, 100_000), 3);
    let across = depth.pick("2000 3", "3000 5");
    let efficiency = |command: String, name: &str, label: &str| {
        let figure = Figure::new(name, label, Unit::Efficiency);
        Case::new(command, [figure.at_least_part(1.0, System::PLAIN)])
    };
    let cases = vec![
        Case::new(
            format!("bench_switch pipe across {across}"),
            [
                Figure::new("pipe_across", "pipe there and back, across", Microseconds)
                    .at_most(0.2, System::PLAIN)
                    .at_most(0.5, System::BEST),
            ],
        ),
        Case::new(
            "bench_switch pipe one 2000 3",
            [
                Figure::new("pipe_one", "pipe there and back, one core", Microseconds)
                    .at_most(0.5, System::PLAIN),
            ],
        ),
        Case::new(
            "bench_switch pair across python bench_pipe.py 1000 3 python_pipe_across",
            [Figure::new(
                "python_pipe_across",
                "  the same from Python, across",
                Microseconds,
            )
            .at_most(1.0, System::BEST)],
        ),
        Case::new(
            "bench_switch pair one python bench_pipe.py 500 3 python_pipe_one",
            [Figure::new(
                "python_pipe_one",
                "  the same from Python, one core",
                Microseconds,
            )
            .at_most(0.7, System::PLAIN)],
        ),
        Case::new(
            "bench_switch yield threads 10000 3",
            [
                Figure::new("yield_threads", "sched_yield, two threads", Microseconds)
                    .at_most(1.0, System::PLAIN),
            ],
        ),
        Case::new(
            "bench_switch yield processes 3000 3",
            [Figure::new(
                "yield_processes",
                "sched_yield, two processes",
                Microseconds,
            )
            .at_most(1.0, System::PLAIN)],
        ),
        Case::new(
            "bench_switch futex one 4000 3",
            [
                Figure::new("futex_one", "futex hand-over, one core", Microseconds)
                    .at_most(1.0, System::PLAIN),
            ],
        ),
        Case::new(
            format!("bench_switch futex across {across}"),
            [
                Figure::new("futex_across", "futex hand-over, across", Microseconds)
                    .at_most(1.0, System::PLAIN),
            ],
        ),
        Case::new(
            "bench_wake latency 4 200 1",
            [
                Figure::new(
                    "wake_p50",
                    "four workers woken: the median one",
                    Microseconds,
                ),
                Figure::new("wake_p99", "  the 99th of a hundred", Microseconds),
                Figure::new("wake_most", "  the last", Microseconds),
            ],
        ),
        Case::new(
            "bench_wake groups 2 4 25 3",
            [Figure::new(
                "groups",
                "two groups of 4 to 4 by pipes, a message",
                Microseconds,
            )],
        ),
        efficiency(
            format!("bench_work even 2 10000 {samples}"),
            "even_2",
            "two processes, efficiency",
        ),
        efficiency(
            format!("bench_work even 4 10000 {samples}"),
            "even_4",
            "four processes, efficiency",
        ),
        efficiency(
            format!("python bench_scaling.py processes 2 {loops} {samples}"),
            "python_processes_2",
            "  two Python processes",
        ),
        efficiency(
            format!("python bench_scaling.py processes 4 {loops} {samples}"),
            "python_processes_4",
            "  four Python processes",
        ),
        efficiency(
            format!("python bench_scaling.py threads 2 {loops} {samples}"),
            "python_threads_2",
            "  two threads of one Python process",
        ),
    ];
    Group::wall("two cores", depth, cases)
}

/// What an operation costs. All on two cores, of which the second is idle where an
/// operation is on one core: halted, it executes nothing.
fn instructions() -> Group {
    let case = |command: &str, name: &str, label: &str| {
        Case::new(command, [Figure::new(name, label, Unit::Instructions)])
    };
    let mut cases = vec![
        case("bench_start getppid 1000 1", "getppid", "a call (getppid)"),
        case(
            "bench_switch yield threads 1000 1",
            "yield_threads",
            "a switch between threads (sched_yield)",
        ),
        case(
            "bench_switch yield processes 1000 1",
            "yield_processes",
            "a switch between processes (sched_yield)",
        ),
        case(
            "bench_switch wake 32 1",
            "wake",
            "a wake without a switch (futex)",
        ),
        case(
            "bench_switch futex one 1000 1",
            "futex_one",
            "a wake and a switch, one core (futex)",
        ),
        case(
            "bench_switch futex across 1000 1",
            "futex_across",
            "a wake and a switch, across (futex)",
        ),
        case(
            "bench_switch pipe one 1000 1",
            "pipe_one",
            "a byte there and back, one core (pipe)",
        ),
        case(
            "bench_switch pipe across 1000 1",
            "pipe_across",
            "a byte there and back, across (pipe)",
        ),
        case(
            "bench_work migrate 200 1",
            "migrate",
            "a migration (sched_setaffinity)",
        ),
    ];
    cases.push(Case::new(
        "bench_work steal 64 25 1",
        [
            Figure::new(
                "steal",
                "a steal, with what it takes to wake the thief",
                Unit::Instructions,
            ),
            Figure::new("steals", "  threads stolen meanwhile, of 64", Unit::Count),
        ],
    ));
    Group::counted("for an operation, of all cores together", cases)
}

/// Work on more cores than the host has, on the emulator's clock.
fn virtual_speed_up(depth: Depth) -> Vec<Group> {
    let cores: &[u32] = depth.pick(&[4], &[1, 2, 4, 8, 16]);
    // An interpreter's start alone takes minutes there.
    let with_python: &[u32] = depth.pick(&[], &[2, 4, 8, 16]);
    let native = |cores: u32| {
        vec![
            Case::new(
                format!("bench_work even {cores} 200 1"),
                [Figure::new(
                    format!("even_{cores}"),
                    format!("as many equal processes as cores, on {cores}"),
                    Unit::Efficiency,
                )
                .at_least(0.95)],
            ),
            Case::new(
                "bench_work uneven 100 2 1",
                [Figure::new(
                    "uneven",
                    format!("100 processes of 1 to 100 units, on {cores}"),
                    Unit::Efficiency,
                )
                .at_least(0.90)],
            ),
        ]
    };
    let group = |cores, cases| Group {
        title: "of the ideal speed-up".to_owned(),
        kind: Kind::Virtual,
        cores,
        memory: MEMORY,
        systems: vec![System::OURS],
        rounds: 1,
        first_line: None,
        cases,
    };
    let python = |cores: u32| {
        let figure = Figure::new(
            format!("python_processes_{cores}"),
            format!("as many equal Python processes as cores, on {cores}"),
            Unit::Efficiency,
        );
        let command = format!("python bench_scaling.py processes {cores} 20000 1");
        group(cores, vec![Case::new(command, [figure.at_least(0.95)])])
    };
    let native = cores.iter().map(|cores| group(*cores, native(*cores)));
    native
        .chain(with_python.iter().map(|cores| python(*cores)))
        .collect()
}
