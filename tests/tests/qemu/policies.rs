//! Scheduling policies in Python: what they decide is done, and the bad ones are out in
//! time. And programs that are not Python, under the same scheduler.

use tests::build;
use tests::machine::Machine;
use tests::programs::{self, Link};
use tests::project;
use tests::suite::Tier;

use crate::common::{LIMIT, all_well, printed};

/// Looks from inside.
const CHECKS: &str = include_str!("policies.py");
/// Native programs beside Python, and what the kernel counted of them.
const MIXED: &str = include_str!("mixed.py");

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "policies: one that sleeps, loops, raises, dies or talks nonsense is out in time",
        || {
            all_well(
                checks().timeout(LIMIT),
                &[
                    "it has not answered for 95 ms; the built-in one decides",
                    "it raised LookupError('of all things'); the built-in one decides",
                    "its process ended; the built-in one decides",
                    "it published a weight that is none; the built-in one decides",
                ],
            );
        },
    )
    .test(
        "policies: a lottery's shares are its tickets', by the kernel's counters",
        || {
            let text = printed(example("lottery.py", &["6"]));
            assert_eq!(text.lines().count(), 6, "{text}");
            assert!(text.contains("furthest off: "), "{text}");
        },
    )
    .test(
        "policies: the earliest deadline first meets those that fairness misses",
        || {
            let text = printed(
                example("deadlines.py", &["0.6"])
                    .counting()
                    .cpu("max,-x2apic"),
            );
            let (fair, first) = text.split_once("the earliest deadline first:").unwrap();
            assert!(fair.contains(" late, by "), "{text}");
            assert_eq!(first.matches(" in time").count(), 3, "{text}");
        },
    )
    .test(
        "policies: native programs are preempted, moved and shared out as Python is",
        mixed,
    )
}

fn checks() -> Machine {
    Machine::new().python(["-c", CHECKS]).smp(2)
}

fn example(name: &str, arguments: &[&str]) -> Machine {
    let content = std::fs::read(project::root().join("examples").join(name)).unwrap();
    let path = format!("/{name}");
    Machine::new()
        .file(&path, 0o644, content)
        .python([&[path.as_str()], arguments].concat())
        .smp(2)
        .timeout(LIMIT)
}

/// A shell loop of Debian's static busybox, a C program with threads, a Rust one, and Python
/// processes, more of them than cores.
fn mixed() {
    let program = |path: std::path::PathBuf| std::fs::read(path).unwrap();
    let c = programs::compile("spin", Link::Static).unwrap();
    let rust = build::native::compile("tests/programs/spin.rs").unwrap();
    let machine = Machine::new()
        .file("/bin/busybox", 0o755, program("/bin/busybox".into()))
        .file("/bin/spin-c", 0o755, program(c))
        .file("/bin/spin-rust", 0o755, program(rust))
        .python(["-c", MIXED])
        .smp(2)
        .timeout(LIMIT);
    let text = printed(machine);
    let wrong = text.lines().filter(|line| !line.ends_with(" well"));
    assert_eq!(wrong.collect::<Vec<_>>(), ["end"], "{text}");
}
