//! Tasklets. Their semantics are the oracle's (`stackless_*.py`, run here and on Linux); here
//! is what depends on the machine: how many there can be, what a switch costs, templates.

use tests::machine::Machine;
use tests::project;
use tests::suite::Tier;

use crate::common::{LIMIT, printed, python};

/// Tasklets in 4 GiB. What each takes is measured for all of them, guarded or not.
const MANY: &str = "50000";

/// What the example prints without a number.
const SHOWN: &str = "\
hello
  one: hello
  two: hello
  one: again
  two: again
ping-pong
  ping 1
  pong 2
  and out, after 2 hits
watchdog
  interrupted: a b a b a b
  all of them counted: True
";

/// A module whose tasklets wait when their process is frozen.
const CROWD: &str = "
import stackless

answers = []
channel = stackless.channel()

def wait(n):
    try:
        answers.append((n, channel.receive()))
    finally:
        answers.append('left')

tasklets = [stackless.tasklet(wait)(n) for n in range(3)]
stackless.run()

def go_on(value):
    for _ in range(2):
        channel.send(value)
    tasklets[2].kill()
    return answers, channel.balance
";

/// Processes from a template that was made by the main tasklet, and by another one.
const TEMPLATES: &str = "
import crowd, roentgen, stackless

def freeze(values):
    template = roentgen.template()
    for value in values:
        print(*roentgen.spawn(crowd.go_on, value, template=template).result(30))
    template.close()

freeze('ab')
stackless.tasklet(freeze)('c')
stackless.run()
";

/// The clock counts instructions.
const COST: &str = "
import time, stackless
def endless():
    while True:
        yield
def nexts(turns):
    generator = endless()
    began = time.monotonic_ns()
    for _ in range(turns):
        next(generator)
    return time.monotonic_ns() - began
def switches(turns):
    def work():
        schedule = stackless.schedule
        for _ in range(turns):
            schedule()
    for _ in range(2):
        stackless.tasklet(work)()
    began = time.monotonic_ns()
    stackless.run()
    return (time.monotonic_ns() - began) / 2
for _ in range(2):
    ratio = switches(3000) / nexts(3000)
print(ratio <= 3 or ratio)
";

pub fn add(tier: Tier) -> Tier {
    tier.test("tasklets: the example shows what it says", || {
        let machine = example().python(["/tasklets.py"]).timeout(LIMIT);
        assert_eq!(printed(machine), SHOWN);
    })
    .test("tasklets: 50,000 wait in a process, in 4 GiB", || {
        let machine = example()
            .python(["/tasklets.py", MANY])
            .memory_mib(4096)
            .timeout(LIMIT);
        let text = printed(machine);
        let last = text.lines().next_back().unwrap();
        assert!(last.starts_with("  50000 waited, "), "{text}");
        let each = last.split(' ').nth(4).map(str::parse::<f64>);
        assert!(matches!(each, Some(Ok(each)) if each < 20.0), "{last}");
    })
    .test("tasklets: of a template they wait in each process", || {
        let machine = Machine::new()
            .file("/crowd.py", 0o644, CROWD)
            .file("/templates.py", 0o644, TEMPLATES)
            .python(["/templates.py"])
            .smp(2)
            .timeout(LIMIT);
        let answer =
            |value| format!("[(0, '{value}'), 'left', (1, '{value}'), 'left', 'left'] 0\n");
        assert_eq!(printed(machine), ['a', 'b', 'c'].map(answer).concat());
    })
    .test("tasklets: a switch costs no more than three nexts", || {
        let machine = python(COST).counting().cpu("max,-x2apic");
        assert_eq!(printed(machine), "True\n");
    })
}

fn example() -> Machine {
    let path = project::root().join("examples/tasklets.py");
    Machine::new().file("/tasklets.py", 0o644, std::fs::read(path).unwrap())
}
