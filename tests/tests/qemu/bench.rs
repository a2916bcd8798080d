//! What `run.sh bench` measures with: the timing programs end well and print what they
//! should, here and on Linux. How fast anything is, is not judged here, but for what a few
//! operations take in instructions, which no host changes.

use tests::bench::case::{Case, Group, Kind};
use tests::bench::counts::Counts;
use tests::bench::figure::{Figure, Unit};
use tests::bench::python;
use tests::bench::runner::{Runner, Section};
use tests::programs::{Link, compile, on_linux};
use tests::suite::Tier;

/// Every command of every timing program, for a few rounds, and the figures it prints.
const COMMANDS: &[(&str, &[(&str, Unit)])] = &[
    (
        "bench_start getppid 100 1",
        &[("getppid", Unit::Nanoseconds)],
    ),
    (
        "bench_switch pipe one 20 1",
        &[("pipe_one", Unit::Nanoseconds)],
    ),
    (
        "bench_switch pipe across 20 1",
        &[("pipe_across", Unit::Nanoseconds)],
    ),
    (
        "bench_switch yield threads 5000 1",
        &[("yield_threads", Unit::Nanoseconds)],
    ),
    (
        "bench_switch yield processes 5000 1",
        &[("yield_processes", Unit::Nanoseconds)],
    ),
    (
        "bench_switch futex one 20 1",
        &[("futex_one", Unit::Nanoseconds)],
    ),
    (
        "bench_switch futex across 20 1",
        &[("futex_across", Unit::Nanoseconds)],
    ),
    ("bench_switch wake 4 1", &[("wake", Unit::Nanoseconds)]),
    (
        "bench_wake latency 3 5 1",
        &[
            ("wake_p50", Unit::Nanoseconds),
            ("wake_p99", Unit::Nanoseconds),
            ("wake_most", Unit::Nanoseconds),
        ],
    ),
    (
        "bench_wake groups 2 2 3 1",
        &[("groups", Unit::Nanoseconds)],
    ),
    ("bench_work even 3 50 1", &[("even_3", Unit::Efficiency)]),
    ("bench_work uneven 20 1 1", &[("uneven", Unit::Efficiency)]),
    ("bench_work migrate 4 1", &[("migrate", Unit::Nanoseconds)]),
    (
        "bench_work steal 4 5 1",
        &[("steals", Unit::Count), ("steal", Unit::Instructions)],
    ),
    (
        "bench_work spaces 5 20",
        &[("spaces_kept", Unit::Efficiency)],
    ),
    (
        "bench_spawn 1 3 1 cheapest",
        &[("cheapest_1", Unit::Nanoseconds)],
    ),
    ("bench_pages 8 20 1", &[("pages_8", Unit::Nanoseconds)]),
    ("bench_unmap 8 16 20 1", &[("unmap_8", Unit::Nanoseconds)]),
    ("bench_ring 18 0 3 1", &[("ring_18_0", Unit::Nanoseconds)]),
    ("bench_ring 18 16 3 1", &[("ring_18_16", Unit::Nanoseconds)]),
    (
        "bench_channel round one 64 20 1",
        &[("channel_64_one", Unit::Nanoseconds)],
    ),
    (
        "bench_channel round across 64 20 1",
        &[("channel_64_across", Unit::Nanoseconds)],
    ),
    (
        "bench_faults anonymous 50 1",
        &[("fault_anonymous", Unit::Nanoseconds)],
    ),
    (
        "bench_faults file 50 1",
        &[("fault_file", Unit::Nanoseconds)],
    ),
    ("bench_faults cow 50 1", &[("fault_cow", Unit::Nanoseconds)]),
    ("bench_faults map 8 1 5 1", &[("map_1", Unit::Nanoseconds)]),
    ("bench_faults map 8 2 5 1", &[("map_2", Unit::Nanoseconds)]),
    ("bench_life fork 5 1", &[("fork", Unit::Nanoseconds)]),
    ("bench_life exec 5 1", &[("exec", Unit::Nanoseconds)]),
    ("bench_life both 5 1", &[("fork_exec", Unit::Nanoseconds)]),
    ("bench_life signal 50 1", &[("signal", Unit::Nanoseconds)]),
];
/// Figures of this kernel's own counters and calls: not on Linux.
const OURS_ONLY: &[&str] = &[
    "steals",
    "steal",
    "spaces_kept",
    "channel_64_one",
    "channel_64_across",
];
/// Commands that need the interpreter.
const PYTHON_COMMANDS: &[(&str, &[(&str, Unit)])] = &[
    (
        "bench_start program 1 python -c print()",
        &[
            ("start_cold", Unit::Nanoseconds),
            ("start_warm", Unit::Nanoseconds),
        ],
    ),
    (
        "bench_switch pair across python bench_pipe.py 20 1 pair",
        &[("pair", Unit::Nanoseconds)],
    ),
    (
        "python bench_process.py spawn 3 1",
        &[
            ("python_spawn", Unit::Nanoseconds),
            ("python_fork", Unit::Nanoseconds),
        ],
    ),
    (
        "python bench_process.py command 3 1",
        &[("python_command", Unit::Nanoseconds)],
    ),
    (
        "python bench_process.py heap 3 1 1 4",
        &[
            ("heap_1", Unit::Nanoseconds),
            ("heap_4", Unit::Nanoseconds),
            ("heap_growth", Unit::Ratio),
        ],
    ),
    (
        "python bench_process.py memory 20",
        &[
            ("memory_count", Unit::Count),
            ("memory", Unit::Kibibytes),
            ("memory_worked", Unit::Kibibytes),
        ],
    ),
    (
        "python bench_channel.py 64 5 1",
        &[("message_64", Unit::Nanoseconds)],
    ),
    (
        "python bench_channel.py 4194304 2 1",
        &[("message_4194304", Unit::Nanoseconds)],
    ),
    (
        "python bench_irq.py 5",
        &[
            ("irq_idle", Unit::Nanoseconds),
            ("irq_busy", Unit::Nanoseconds),
            ("wake_here", Unit::Nanoseconds),
            ("wake_across", Unit::Nanoseconds),
            ("irq_over_wake", Unit::Ratio),
        ],
    ),
    (
        "python bench_policy.py 2",
        &[
            ("wake_none", Unit::Nanoseconds),
            ("wake_idle", Unit::Nanoseconds),
            ("wake_round_robin", Unit::Nanoseconds),
            ("wake_lottery", Unit::Nanoseconds),
            ("wake_deadline", Unit::Nanoseconds),
            ("yield_none", Unit::Nanoseconds),
            ("yield_idle", Unit::Nanoseconds),
            ("yield_round_robin", Unit::Nanoseconds),
            ("yield_lottery", Unit::Nanoseconds),
            ("yield_deadline", Unit::Nanoseconds),
        ],
    ),
    (
        "python bench_scaling.py processes 2 2000 1",
        &[("python_processes_2", Unit::Efficiency)],
    ),
    (
        "python bench_scaling.py threads 2 2000 1",
        &[("python_threads_2", Unit::Efficiency)],
    ),
];

/// What runs beside CPython on Linux.
const PEERS: (&str, &[(&str, Unit)]) = (
    "python bench_peers.py 1 200 1",
    &[
        ("peer_process", Unit::Nanoseconds),
        ("peer_command", Unit::Nanoseconds),
        ("peer_message", Unit::Nanoseconds),
        ("peer_call", Unit::Nanoseconds),
        ("peer_work", Unit::Nanoseconds),
        ("peer_two", Unit::Ratio),
    ],
);

pub fn add(tier: Tier) -> Tier {
    tier.test("bench: the native programs measure on Linux", || {
        for (command, figures) in COMMANDS {
            let mut words = command.split(' ');
            let program = compile(words.next().unwrap(), Link::Static).unwrap();
            let ending = on_linux(&program, &words.collect::<Vec<_>>()).unwrap();
            let printed = String::from_utf8(ending.stdout).unwrap();
            assert_eq!(ending.status, 0, "{command}: {printed}");
            let mut seen = Vec::new();
            for line in printed.lines() {
                let (name, value) = line.split_once(' ').unwrap();
                let (_, unit) = figures.iter().find(|(figure, _)| *figure == name).unwrap();
                assert_plausible(command, *unit, value.parse().unwrap());
                seen.push(name);
            }
            let expected = figures.iter().map(|(name, _)| *name);
            let expected: Vec<&str> = expected.filter(|name| !OURS_ONLY.contains(name)).collect();
            assert_eq!(seen, expected, "{command}");
        }
    })
    .test("bench: every timing program measures here", || {
        let commands = COMMANDS.iter().chain(PYTHON_COMMANDS);
        let cases = commands.map(|(command, figures)| case(command, figures));
        assert_all_measure(cases.collect());
    })
    .test(
        "bench: every program of Python's suites is right and measures here",
        || {
            let mut cases = python::cases(1, Unit::Nanoseconds);
            cases.push(case(PEERS.0, PEERS.1));
            assert_all_measure(cases);
        },
    )
    .test(
        "bench: a command that fails is a remark, and the next one runs",
        || {
            let cases = vec![
                case("bench_start nothing", &[]),
                case(
                    "bench_start getppid 100 1",
                    &[("getppid", Unit::Instructions)],
                ),
            ];
            let group = Group::ours("counted", Kind::Instructions, 2, cases);
            let section = measured(group);
            assert_eq!(
                section.remarks,
                ["roentgen: status 2 /bin/bench_start nothing"]
            );
            // Counted instructions hardly depend on the host: a few interrupts more or less.
            let counts = section.rows[0].cells[0].all();
            assert_eq!(counts.len(), 2);
            assert!((counts[0] / counts[1] - 1.0).abs() < 0.05, "{counts:?}");
        },
    )
    .test(
        "bench: no operation takes more instructions than it did",
        || {
            let committed = Counts::committed().unwrap();
            let judgement = committed.judge(&committed.again(|text| println!("{text}")).unwrap());
            for line in judgement.notes.iter().chain(&judgement.lines) {
                println!("{line}");
            }
            assert!(
                judgement.failures.is_empty(),
                "more than tests/bench/instructions.json allows (docs/benchmarks.md): {:#?}",
                judgement.failures
            );
        },
    )
}

fn measured(group: Group) -> Section {
    let runner = Runner::new(false).unwrap();
    let mut sections = runner.measure(&[group], None, |_| ()).unwrap();
    sections.remove(0)
}

/// Boots a machine, in which all commands must end well and print all of their figures.
fn assert_all_measure(cases: Vec<Case>) {
    let group = Group::ours("a few rounds", Kind::Wall, 1, cases);
    let section = measured(group);
    assert!(section.remarks.is_empty(), "{:#?}", section.remarks);
    for row in &section.rows {
        let (name, samples) = (&row.figure.name, &row.cells[0]);
        // So few jobs may all find an idle core at once, and none is stolen.
        assert!(samples.count() > 0 || name == "steal", "{name}");
        for sample in samples.all() {
            assert_plausible(name, row.figure.unit, *sample);
        }
    }
}

fn case(command: &str, figures: &[(&str, Unit)]) -> Case {
    let figures = figures
        .iter()
        .map(|(name, unit)| Figure::new(*name, *name, *unit));
    Case::new(command, figures)
}

/// From a few instructions to some seconds; work side by side up to its ideal speed and,
/// by the noise of a busy host, a little above it. What a steal costs is the difference
/// of two times, and may be anything.
fn assert_plausible(what: &str, unit: Unit, value: f64) {
    let range = match unit {
        Unit::Efficiency => 0.0..=3.0,
        Unit::Ratio => 0.01..=100.0,
        Unit::Count => 0.0..=1e6,
        Unit::Instructions => -10e9..=10e9,
        _ => 1.0..=10e9,
    };
    assert!(range.contains(&value), "{what}: {value}");
}
