//! Boots: cores, CPUs, memory, and faults of the kernel on purpose.

use tests::programs::{Link, compile};
use tests::suite::Tier;

use crate::common::{finished, limit, printed, python};

const COUNTS: &str = "import os, roentgen; print(os.cpu_count(), roentgen.cpu_count())";

/// A fault on purpose, and what the panic says of it.
const FAULTS: &[(&str, &str)] = &[
    ("panic", "asked for on the command line"),
    ("null", "page fault in the kernel: reading 0x0"),
    ("stack", "kernel stack overflow"),
    ("text", "page fault in the kernel: writing"),
    ("data", "page fault in the kernel: executing"),
    ("machine-check", "machine check"),
];

/// Times two children beside each other and then one alone; prints how much longer two
/// took, up to the first good answer.
const BESIDE: &str = "\
import os, time
def busy():
    began = time.monotonic()
    sum(i * i for i in range(100000))
    return time.monotonic() - began
def side_by_side(count):
    read, write = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            try: os.write(write, b'%f\\n' % busy())
            finally: os._exit(0)
    for _ in range(count): os.wait()
    times = [float(line) for line in os.read(read, 4096).split()]
    os.close(read); os.close(write)
    return max(times)
side_by_side(2)
for attempt in range(8):
    ratio = side_by_side(2) / side_by_side(1)
    print(ratio)
    if ratio < 1.5: break
";

pub fn add(mut tier: Tier) -> Tier {
    for cores in [1, 2, 4, 8, 16, 64] {
        tier = tier.test(format!("boot: {cores} cores are counted"), move || {
            let machine = python(COUNTS).smp(cores).timeout(limit(cores));
            assert_eq!(printed(machine), format!("{cores} {cores}\n"));
        });
    }
    for (cpu, has, lacks) in [
        ("max", "nx wp smep smap umip fsgsbase xsave x2apic", ""),
        ("max,-x2apic", "xsave", "x2apic"),
        ("qemu64", "nx wp", "fsgsbase"),
    ] {
        tier = tier.test(format!("boot: CPU {cpu} has what it has on"), move || {
            let output = finished(python(COUNTS).smp(2).cpu(cpu));
            assert_eq!(output.stdout_text(), "2 2\n");
            let log = output.log_text();
            let line = log.lines().find(|line| line.contains(" cpu: ")).unwrap();
            assert!(line.contains(has), "{line}");
            assert!(lacks.is_empty() || !line.contains(lacks), "{line}");
        });
    }
    for (fault, said) in FAULTS.iter().copied() {
        tier = tier.test(
            format!("boot: {fault} is a panic that says so"),
            move || {
                let machine = python("print('not reached')").smp(2);
                let output = machine
                    .kernel_words(&format!("inject={fault}"))
                    .run()
                    .unwrap();
                assert_eq!(output.status(), 101, "{}", output.remarks());
                assert_eq!(output.stdout_text(), "");
                let text = output.remarks();
                assert!(text.contains("kernel panic on core 0"), "{text}");
                assert!(text.contains(said), "{text}");
                assert!(text.contains("1 of 1 other cores stopped"), "{text}");
                // A symbol of the backtrace, with its offset.
                assert!(text.contains("std::panicking::"), "{text}");
            },
        );
    }
    tier.test(
        "boot: an NMI that nobody caused is a line in the log",
        || {
            let output = finished(python("print(1)").kernel_words("inject=nmi"));
            assert_eq!(output.stdout_text(), "1\n");
            assert!(output.log_text().contains("non-maskable interrupt"));
        },
    )
    .test(
        "boot: cores that never answer are reported and left out",
        || {
            let output = finished(python(COUNTS).smp(2).kernel_words("phantom_cores=2"));
            assert_eq!(output.stdout_text(), "2 2\n");
            assert_eq!(output.log_text().matches("does not answer").count(), 2);
        },
    )
    .test(
        "boot: all memory is accounted for, and none is writable and executable",
        || {
            let code = "import roentgen as r; m = r.memory(); c = r.counters(); \
                    print(m.total == sum(m[1:]), c['memory_writable_executable'])";
            assert_eq!(printed(python(code)), "True 0\n");
        },
    )
    .test(
        "boot: calls that are not there are counted each time and named once",
        || {
            let program = compile("errnos", Link::Static).unwrap();
            let code = "\
import roentgen, subprocess
before = roentgen.counters()['unknown_system_calls']
for _ in range(3): subprocess.run(['/bin/errnos'], stdout=subprocess.DEVNULL)
print(roentgen.counters()['unknown_system_calls'] - before >= 3)
";
            let machine = python(code).file("/bin/errnos", 0o755, std::fs::read(program).unwrap());
            let output = finished(machine);
            assert_eq!(output.stdout_text(), "True\n", "{}", output.stderr_text());
            let log = output.log_text();
            assert_eq!(
                log.matches("system call 9999 is not there").count(),
                1,
                "{log}"
            );
        },
    )
    .test(
        "boot: interpreters compute at the same time, one on each core",
        || {
            let code = "\
import os, roentgen, time
read, write = os.pipe()
for child in range(4):
    if os.fork() == 0:
        try:
            sum(i * i for i in range(60000))
            os.write(write, b'%d %d\\n' % (os.getpid(), roentgen.current_core()))
        finally:
            os._exit(0)
for _ in range(4): os.wait()
lines = os.read(read, 4096).split(b'\\n')[:-1]
pids, cores = zip(*(line.split() for line in lines))
print(len(set(pids)), len(set(cores)))
";
            assert_eq!(printed(python(code).smp(4)), "4 4\n");
        },
    )
    .test(
        "boot: two interpreters on two cores take little more time than one alone",
        || {
            let output = printed(python(BESIDE).smp(2));
            let ratios: Vec<f64> = output
                .split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect();
            // One behind the other would take twice as long, every time; what else the
            // host does may spoil some of the tries.
            let best = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(best < 1.6, "{ratios:?}");
        },
    )
}
