//! `run.sh` itself, as a pipe and as a terminal.

use std::process::Command;
use std::time::Duration;

use tests::project;
use tests::suite::Tier;

use crate::common::LIMIT;

pub fn add(tier: Tier) -> Tier {
    tier.test(
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
