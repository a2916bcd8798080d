//! Tier `qemu`: machines under QEMU, from the first core to a Python prompt.

use std::process::{Command, ExitCode};
use std::time::Duration;

use tests::console::driver::Outcome;
use tests::machine::{Machine, Output};
use tests::project;
use tests::suite::Tier;

fn main() -> ExitCode {
    Tier::new("qemu")
        .test("python: prints, and its status is the machine's", || {
            let output = finished(python("print('hi'); import sys; sys.exit(7)"));
            assert_eq!(output.stdout_text(), "hi\n");
            assert_eq!(output.outcome, Outcome::Exited(7));
        })
        .test("python: standard error is not standard output", || {
            let output = finished(python(
                "import sys; print('e', file=sys.stderr); print('o')",
            ));
            assert_eq!(
                (output.stdout_text(), output.stderr_text()),
                ("o\n".into(), "e\n".into())
            );
        })
        .test("python: every core is counted", || {
            for cores in [1, 2, 4] {
                let code = "import os, roentgen; print(os.cpu_count(), roentgen.cpu_count())";
                let output = finished(python(code).smp(cores));
                assert_eq!(output.stdout_text(), format!("{cores} {cores}\n"));
            }
        })
        .test(
            "python: arguments and working directory are a shell's",
            || {
                let machine = Machine::new()
                    .python([
                        "-c",
                        "import os, sys; print(sys.argv, os.getcwd())",
                        "a b",
                        "ü",
                    ])
                    .timeout(LIMIT);
                assert_eq!(
                    finished(machine).stdout_text(),
                    "['-c', 'a b', 'ü'] /home/user\n"
                );
            },
        )
        .test(
            "console: a megabyte of all byte values goes each way, and then the end",
            || {
                let code =
                    "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1])";
                let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i ^ (i >> 8)) as u8).collect();
                let output = finished(python(code).stdin(sent.clone()));
                let back: Vec<u8> = output.stdout.iter().rev().copied().collect();
                assert!(back == sent, "{} bytes of {}", back.len(), sent.len());
            },
        )
        .test("machine: the end of the time is status 124", || {
            let output = python("while True: pass")
                .timeout(Duration::from_secs(8))
                .run()
                .unwrap();
            assert_eq!(output.status(), 124);
        })
        .test("machine: its memory adds up", || {
            let code = "import roentgen; m = roentgen.memory(); print(m.total == sum(m[1:]))";
            assert_eq!(finished(python(code)).stdout_text(), "True\n");
        })
        .test("process: a busybox applet is the first process", || {
            let busybox = std::fs::read("/bin/busybox").unwrap();
            let machine = Machine::new()
                .file("/bin/busybox", 0o755, busybox)
                .execute(["/bin/busybox", "sha256sum", "/etc/hostname"])
                .timeout(LIMIT);
            assert!(
                finished(machine)
                    .stdout_text()
                    .ends_with("  /etc/hostname\n")
            );
        })
        .test("process: a file that is no program is refused", || {
            let machine = Machine::new()
                .file("/bin/broken", 0o755, *b"\x7fELF and nothing else")
                .execute(["/bin/broken"])
                .timeout(LIMIT);
            let output = machine.run().unwrap();
            assert_ne!(output.status(), 0);
            assert_ne!(output.outcome, Outcome::TimeUp);
        })
        .test("process: a signal's death is 128 and its number", || {
            let output = finished(python("import os; os.kill(os.getpid(), 9)"));
            assert_eq!(output.status(), 137);
        })
        .test(
            "door: the program's streams and status are run.sh's",
            || {
                let place = tempfile::tempdir().unwrap();
                let file = place.path().join("r.py");
                std::fs::write(&file, "print(input()[::-1])").unwrap();
                let command = format!(
                    "echo abc | {} {}",
                    project::root().join("run.sh").display(),
                    file.display()
                );
                let output = Command::new("sh").args(["-c", &command]).output().unwrap();
                assert_eq!(output.stdout, b"cba\n");
                assert!(
                    output.stderr.is_empty(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
            },
        )
        .test(
            "prompt: a terminal gives a prompt, Ctrl-C interrupts, Ctrl-D ends",
            prompt,
        )
        .run()
}

const LIMIT: Duration = Duration::from_secs(120);

fn python(code: &str) -> Machine {
    Machine::new().python(["-c", code]).timeout(LIMIT)
}

/// Runs a machine that must end as a program ends.
fn finished(machine: Machine) -> Output {
    let output = machine.run().unwrap();
    assert!(
        matches!(output.outcome, Outcome::Exited(_)),
        "{:?}\n{}",
        output.outcome,
        output.remarks()
    );
    output
}

fn prompt() {
    use expectrl::{ControlCode, Eof, Expect, Session};

    let mut command = Command::new(project::root().join("run.sh"));
    command.env("TERM", "xterm");
    let mut terminal = Session::spawn(command).unwrap();
    terminal.set_expect_timeout(Some(LIMIT));
    terminal.expect(">>>").unwrap();
    terminal.send_line("6 * 7").unwrap();
    terminal.expect("42").unwrap();
    terminal.expect(">>>").unwrap();
    terminal.send_line("while True: pass").unwrap();
    terminal.send("\r").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    terminal.send(ControlCode::EndOfText).unwrap();
    terminal.expect("KeyboardInterrupt").unwrap();
    terminal.expect(">>>").unwrap();
    terminal.send("\x1b[A").unwrap();
    terminal.expect("while True: pass").unwrap();
    terminal.send(ControlCode::EndOfText).unwrap();
    terminal.expect(">>>").unwrap();
    terminal.send(ControlCode::EndOfTransmission).unwrap();
    terminal.expect(Eof).unwrap();
}
