//! The scheduler as a user sees it: work spreads, its tables add up, a prompt answers
//! beside loops on every core. What it promises programs is in [`super::programs`].

use std::process::Command;

use expectrl::{ControlCode, Eof, Expect, Session};
use tests::machine::Machine;
use tests::project;
use tests::suite::Tier;

use crate::common::{LIMIT, limit, printed, python};

/// Threads that yield, sleep, wake each other, start and end, on every core and on one;
/// and then the sums of the cores' tables, once nothing but their reader runs.
const CHURN: &str = "\
import os, threading, time, roentgen

def switch(core):
    if core is not None:
        os.sched_setaffinity(0, {core})
    for _ in range(200):
        os.sched_yield()
    for _ in range(20):
        time.sleep(0.001)
    threads = [threading.Thread(target=sum, args=(range(20000),)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

for index in range(16):
    if os.fork() == 0:
        try:
            switch(index % 4 if index % 2 else None)
        finally:
            os._exit(0)
for _ in range(16): os.wait()

def add_up():
    cores = roentgen.cores()
    total = lambda name: sum(getattr(core, name) for core in cores)
    left = sum(map(total, ('popped', 'stolen', 'dropped', 'queue_length')))
    counters = roentgen.counters()
    over = counters['timers_cancelled'] + counters['timers_expired']
    return total('queued'), total('queued') - left, counters['timers_armed'] - over

for _ in range(50):
    time.sleep(0.02)
    queued, lost, armed = add_up()
    if lost == 0 and armed < 10: break
# Who yields alone enters no queue; who wakes does.
print(queued > 16 * 20, lost, 0 <= armed < 10)
";

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "scheduler: uneven work that starts on one core is stolen by all of four",
        || {
            let program = project::root().join("examples/steal.py");
            let content = std::fs::read(program).unwrap();
            let machine = Machine::new()
                .file("/steal.py", 0o644, content)
                .python(["/steal.py"])
                .smp(4)
                .timeout(limit(4));
            printed(machine);
        },
    )
    .test(
        "scheduler: every entry into a queue is accounted for",
        || {
            assert_eq!(printed(python(CHURN).smp(4)), "True 0 True\n");
        },
    )
    .test("scheduler: top shows every core once", || {
        let machine = Machine::new()
            .python(["-m", "roentgen.top", "--once"])
            .smp(4)
            .timeout(limit(4));
        let text = printed(machine);
        assert!(text.contains("4 cores"), "{text}");
    })
    .test(
        "scheduler: loops on every core leave a prompt answering",
        prompt_beside_loops,
    )
}

fn prompt_beside_loops() {
    let mut command = Command::new(project::root().join("run.sh"));
    command.args(["--smp", "2"]).env("TERM", "xterm");
    let mut terminal = Session::spawn(command).unwrap();
    terminal.set_expect_timeout(Some(LIMIT));
    terminal.expect(">>>").unwrap();
    terminal.send_line("import os").unwrap();
    terminal.expect(">>>").unwrap();
    let loops = "[os.fork() or exec('while True: pass') for _ in range(4)]";
    terminal.send_line(loops).unwrap();
    terminal.expect("\n[").unwrap();
    terminal.expect(">>>").unwrap();
    for _ in 0..3 {
        terminal.send_line("6 * 7").unwrap();
        terminal.expect("\n42").unwrap();
        terminal.expect(">>>").unwrap();
    }
    terminal.send(ControlCode::EndOfTransmission).unwrap();
    terminal.expect(Eof).unwrap();
}
