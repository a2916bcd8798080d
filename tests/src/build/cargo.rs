//! Running Cargo: quiet when it works, a line of progress while it takes long, its
//! whole output when it fails.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::termios::isatty;

use crate::error::{Error, Result};

/// A build shorter than this says nothing.
const SILENCE: Duration = Duration::from_secs(2);
/// How often the line is renewed on a terminal, and elsewhere.
const ON_TERMINAL: Duration = Duration::from_secs(1);
const ELSEWHERE: Duration = Duration::from_secs(60);

/// One build at a time in this process: tests boot machines from many threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a build command to its end. `what` fits "building the kernel".
///
/// # Errors
/// [`Error::Tool`] with everything that the command printed.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let (reader, writer) = std::io::pipe().map_err(Error::io("pipe"))?;
    let second = writer.try_clone().map_err(Error::io("pipe"))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .spawn()
        .map_err(Error::file(command.get_program().as_ref()))?;
    // The command holds copies of the pipe's end; only the child's may stay open.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let (sender, lines) = mpsc::channel();
    let gather = std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(|line| line.ok()) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut progress = Progress::new(what);
    let mut output = String::new();
    loop {
        match lines.recv_timeout(ON_TERMINAL) {
            Ok(line) => {
                progress.steps += usize::from(line.trim_start().starts_with("Compiling "));
                output.push_str(&line);
                output.push('\n');
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        progress.show();
    }
    let _ = gather.join();
    progress.clear();
    let status = child.wait().map_err(Error::io(what))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Tool {
        what: what.to_owned(),
        output,
    })
}

/// The line on standard error.
struct Progress<'a> {
    what: &'a str,
    started: Instant,
    shown: Option<Instant>,
    on_terminal: bool,
    steps: usize,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str) -> Self {
        Self {
            what,
            started: Instant::now(),
            shown: None,
            on_terminal: isatty(std::io::stderr()),
            steps: 0,
        }
    }

    fn show(&mut self) {
        let period = if self.on_terminal {
            ON_TERMINAL
        } else {
            ELSEWHERE
        };
        if self.started.elapsed() < SILENCE
            || self.shown.is_some_and(|shown| shown.elapsed() < period)
        {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs();
        let line = format!(
            "roentgen: {}: {} crates so far, {}:{:02}",
            self.what,
            self.steps,
            seconds / 60,
            seconds % 60
        );
        let mut stderr = std::io::stderr();
        // Progress is a courtesy: a closed standard error must not stop the build.
        let _ = if self.on_terminal {
            write!(stderr, "\r{line}\x1b[K")
        } else {
            writeln!(stderr, "{line}")
        };
    }

    fn clear(&self) {
        if self.on_terminal && self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
