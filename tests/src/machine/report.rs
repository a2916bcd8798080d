//! What came out of a machine, for tests; and the lines and exit status that `run.sh`
//! makes of it.

use std::fmt::Write as _;

use crate::console::driver::Outcome;
use crate::error::{STATUS_FAILED, STATUS_PANIC, STATUS_TIMEOUT};

/// How many lines of the log are shown where a machine ended badly.
const TAIL: usize = 15;

/// What came out of a machine.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub outcome: Outcome,
    /// The program's standard output, where it was gathered in memory.
    pub stdout: Vec<u8>,
    /// The program's standard error, where it was gathered in memory.
    pub stderr: Vec<u8>,
    /// The kernel's log (its last megabytes).
    pub log: Vec<u8>,
    /// What the emulator itself printed.
    pub complaint: String,
    /// From the emulator's start to the kernel's first frame.
    pub seconds_to_hello: Option<f64>,
    /// From the emulator's start to the program's first byte of output.
    pub seconds_to_output: Option<f64>,
    /// From the emulator's start to the machine's end.
    pub seconds: f64,
}

impl Output {
    /// The exit status that `run.sh` gives.
    #[must_use]
    pub fn status(&self) -> u8 {
        match &self.outcome {
            Outcome::Exited(status) => match u8::try_from(*status) {
                Ok(status) => status,
                // A signal's number, negated.
                Err(_) => 128_u8.wrapping_add(status.unsigned_abs() as u8),
            },
            Outcome::Panicked(_) => STATUS_PANIC,
            Outcome::TimeUp => STATUS_TIMEOUT,
            Outcome::Signalled(signal) => 128_u8.wrapping_add(*signal as u8),
            Outcome::Stopped if self.log_shows_panic() => STATUS_PANIC,
            Outcome::Stopped
            | Outcome::NeverStarted
            | Outcome::Broken(_)
            | Outcome::Unwritten(_)
            | Outcome::Abandoned => STATUS_FAILED,
        }
    }

    /// Standard output as text.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The kernel's log as text.
    #[must_use]
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }

    /// What is to be said on standard error about the machine; empty where it ended as
    /// a program ends.
    #[must_use]
    pub fn remarks(&self) -> String {
        let mut text = String::new();
        let line = match &self.outcome {
            Outcome::Exited(_) | Outcome::Signalled(_) => return text,
            Outcome::Panicked(what) => {
                text.push_str(what.trim_end());
                text.push('\n');
                return text;
            }
            Outcome::TimeUp => "the time was up; the machine was ended".to_owned(),
            Outcome::Unwritten(reason) => format!("standard output: {reason}"),
            Outcome::Abandoned => "the machine was ended from the keyboard".to_owned(),
            Outcome::Stopped if !self.complaint.trim().is_empty() => {
                let mut lines = self
                    .complaint
                    .lines()
                    .filter(|line| !line.trim().is_empty());
                format!(
                    "the machine did not run: {}",
                    lines.next_back().unwrap_or_default()
                )
            }
            Outcome::Stopped if self.log_shows_panic() => "the kernel panicked".to_owned(),
            Outcome::Stopped => "the machine stopped without an exit status".to_owned(),
            Outcome::NeverStarted => "the kernel did not start in time".to_owned(),
            Outcome::Broken(why) => format!("the serial line carried nonsense: {why}"),
        };
        let _ = writeln!(text, "roentgen: {line}");
        let is_ours = matches!(
            self.outcome,
            Outcome::TimeUp | Outcome::Unwritten(_) | Outcome::Abandoned
        );
        if !is_ours && !self.log.is_empty() {
            let _ = writeln!(text, "roentgen: the end of its log:");
            let log = self.log_text();
            let lines: Vec<&str> = log.lines().collect();
            for line in &lines[lines.len().saturating_sub(TAIL)..] {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    fn log_shows_panic(&self) -> bool {
        self.log_text().to_ascii_lowercase().contains("panic")
    }
}
