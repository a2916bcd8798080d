//! Interrupt lines, ports and registers in Python, and the drivers that are made of them.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tests::machine::{Machine, SecondSerial};
use tests::project;
use tests::suite::Tier;

use crate::common::{LIMIT, all_well, printed};

/// Looks from inside.
const CHECKS: &str = include_str!("interrupts.py");

/// The clock's time against the kernel's, and its interrupts against the kernel's clock.
const CLOCK: &str = "
import datetime, time, roentgen
from roentgen.drivers.rtc import Rtc
clock = Rtc()
told = clock.time().replace(tzinfo=datetime.UTC).timestamp()
print(abs(told - time.time()) < 3 or (told, time.time()))
moments = roentgen.Channel(64)
out = moments.sender
def note(count):
    out.send((count, time.monotonic()), 0)
with clock.periodic(16), clock.attach(note, core=0) as line:
    # What came while the resident started comes at once.
    _, first = moments.receive(5)
    ticks = 0
    while ticks < 16:
        count, last = moments.receive(5)
        ticks += count
spent = last - first
print(0.5 < spent / (ticks / 16) < 2 or (spent, ticks))
try:
    with clock.periodic(3): pass
except ValueError: print(True)
";

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "interrupts: counts add up, faults detach, storms pause, nobody else may",
        || {
            let place = tempfile::tempdir().unwrap();
            let machine = Machine::new()
                .python(["-c", CHECKS])
                .smp(2)
                .second_serial(SecondSerial::File(place.path().join("serial")))
                .timeout(LIMIT);
            all_well(
                machine,
                &[
                    "line 8: more interrupts than it may have; masked for a while (pause 1)",
                    "serves it for longer than 100 ms; it is killed, and the line taken away",
                    "line 3: ",
                ],
            );
        },
    )
    .test(
        "interrupts: the clock's driver tells the time and ticks",
        || {
            let machine = Machine::new().python(["-c", CLOCK]).smp(2).timeout(LIMIT);
            assert_eq!(printed(machine), "True\nTrue\nTrue\n");
        },
    )
    .test("interrupts: the example clock ticks", || {
        let machine = example("rtc_clock.py").python(["/rtc_clock.py", "3"]);
        let text = printed(machine);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("tick 3  core 1  pid "), "{text}");
    })
    .test(
        "interrupts: the second serial port's driver receives and sends",
        serial,
    )
}

fn example(name: &str) -> Machine {
    let content = std::fs::read(project::root().join("examples").join(name)).unwrap();
    Machine::new()
        .file(&format!("/{name}"), 0o644, content)
        .smp(2)
        .timeout(LIMIT)
}

fn serial() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("serial");
    let machine = example("serial_echo.py")
        .python(["/serial_echo.py"])
        .second_serial(SecondSerial::Socket(socket.clone()));
    let talk = thread::spawn(move || talk(&socket));
    let text = printed(machine);
    let long = "x".repeat(3000);
    assert_eq!(
        talk.join().unwrap(),
        [
            "roentgen: say something",
            "HELLO",
            &long.to_uppercase(),
            "bye"
        ]
    );
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("received hello"));
    assert_eq!(lines.next(), Some(format!("received {long}").as_str()));
    let last = lines.next().unwrap_or_default();
    let count: u64 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(
        count > 10 && last.ends_with(" interrupts of line 3"),
        "{text}"
    );
}

/// The other end of the port: what it is told.
fn talk(socket: &Path) -> Vec<String> {
    let end = Instant::now() + LIMIT;
    let stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(50)),
            Err(error) => panic!("{error}"),
        }
    };
    let mut to = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut next = || lines.next().unwrap().unwrap().trim_end().to_owned();
    let mut told = vec![next()];
    for said in ["hello".to_owned(), "x".repeat(3000), "bye".to_owned()] {
        to.write_all(format!("{said}\r\n").as_bytes()).unwrap();
        told.push(next());
    }
    told
}
