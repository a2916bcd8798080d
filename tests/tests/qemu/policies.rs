//! Scheduling policies in Python: what they decide is done, and the bad ones are out in
//! time. And programs that are not Python, under the same scheduler.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
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

/// A policy that is asked something at every moment, for four seconds.
const STOPPED: &str = "
import time, roentgen
from roentgen import sched

class Ticking(sched.Policy):
    interval = 0.02
    def tick(self):
        pass

def counts():
    counters = roentgen.counters()
    return [counters.get(name, 0) for name in ('policy_takeovers', 'policy_stalls')]

before = counts()
with sched.attach(Ticking()) as policy:
    for _ in range(40):
        time.sleep(0.1)
        policy.check()
    print(*(after - first for first, after in zip(before, counts())))
";

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
        "policies: one whose cores stand still, since the host is busy, stays in force",
        || {
            let machine = Machine::new().python(["-c", STOPPED]).smp(2).timeout(LIMIT);
            let text = interrupted(|| printed(machine));
            let (takeovers, stalls) = text.trim().split_once(' ').unwrap();
            assert_eq!(takeovers, "0", "{text}");
            assert!(stalls.parse::<u32>().unwrap() > 0, "{text}");
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

/// Runs a machine whose emulator stands still for a quarter of a second, again and again.
fn interrupted<T>(run: impl FnOnce() -> T) -> T {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(700));
                for signal in [Signal::STOP, Signal::CONT] {
                    for pid in emulators() {
                        // It may have ended.
                        let _ = kill_process(pid, signal);
                    }
                    std::thread::sleep(Duration::from_millis(250));
                }
            }
        });
        let _over = Over(&is_over);
        run()
    })
}

/// The emulators that this process has started.
fn emulators() -> Vec<Pid> {
    let parent = format!("PPid:\t{}", std::process::id());
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let is_one = status.starts_with("Name:\tqemu") && status.lines().any(|line| line == parent);
        Pid::from_raw(
            path.file_name()?
                .to_str()?
                .parse()
                .ok()
                .filter(|_| is_one)?,
        )
    });
    pids.collect()
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
