//! The loop between a machine and our streams. One thread, one `poll`, no write that
//! can block: a stuck reader of ours never hides a signal or the end of the time.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use roentgen_abi::frame::Kind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGWINCH};

use crate::console::guest::{Guest, Message};
use crate::console::log::Log;
use crate::console::signals::Signals;
use crate::console::sinks::Output;
pub use crate::console::sinks::Sink;
use crate::console::terminal::{self, RawMode};
use crate::error::{Error, Result};
use crate::machine::process::Running;

/// Bytes of entropy that the guest gets with our first frame.
const SEED: usize = 64;
/// Ctrl-], and how often it must come in a row to end a machine that does not answer.
const ESCAPE: (u8, usize) = (0x1d, 3);
/// How many bytes of a terminal's input are read ahead of the guest.
const HELD: usize = 64 * 1024;
/// How long a panicking kernel may take to end the machine after its first words.
const PANIC_PATIENCE: Duration = Duration::from_secs(5);
/// How long we wait for the last output to be taken after the machine's end.
const LAST_WORDS: Duration = Duration::from_secs(3600);

/// Where the program's standard input comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// The same, when the program has printed something: whoever types a key with a meaning
    /// before a program is ready for it ends it.
    Answer(Vec<u8>),
    /// Our standard input.
    Ours,
}

/// The program's streams on our side.
pub struct Streams {
    /// Standard input.
    pub stdin: Source,
    /// Standard output.
    pub stdout: Sink,
    /// Standard error.
    pub stderr: Sink,
    /// Standard input is our terminal: it becomes raw, and its keys are the guest's.
    pub is_terminal: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Everything.
    pub whole: Option<Duration>,
    /// Until the kernel says hello.
    pub boot: Option<Duration>,
}

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The first process ended: its status, or a negative signal number.
    Exited(i32),
    /// The kernel panicked, and said this.
    Panicked(String),
    /// The time was up.
    TimeUp,
    /// The kernel did not say hello in time.
    NeverStarted,
    /// The emulator ended without a word.
    Stopped,
    /// The serial line carried something else than frames.
    Broken(String),
    /// We were told to end by a signal (a closed standard output is SIGPIPE).
    Signalled(i32),
    /// Our standard output takes no more, for this reason.
    Unwritten(Errno),
    /// The user ended the machine from the keyboard.
    Abandoned,
}

/// What was gathered on the way.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Standard output, where its sink is memory.
    pub stdout: Vec<u8>,
    /// Standard error, where its sink is memory.
    pub stderr: Vec<u8>,
    /// Until the kernel's hello.
    pub seconds_to_hello: Option<f64>,
    /// Until the first byte of output.
    pub seconds_to_output: Option<f64>,
    /// Until the end.
    pub seconds: f64,
}

/// Drives a machine's console until the machine ends or must be ended. The caller ends
/// the emulator.
///
/// # Errors
/// Where the system refuses what every process may do.
pub fn drive(
    running: &mut Running,
    log: &mut Log,
    streams: Streams,
    limits: Limits,
) -> Result<(Outcome, Gathered)> {
    // Only who owns the process's streams owns its signals: tests share theirs.
    let owns_process = matches!(streams.stdin, Source::Ours);
    let is_answer = matches!(streams.stdin, Source::Answer(_));
    let mut driver = Driver {
        guest: Guest::default(),
        input: if owns_process {
            Input::Open
        } else {
            Input::Ended
        },
        held: match streams.stdin {
            Source::Bytes(bytes) | Source::Answer(bytes) => bytes.into(),
            Source::Ours => VecDeque::new(),
        },
        is_answer,
        stdout: Output::new(streams.stdout),
        stderr: Output::new(streams.stderr),
        panic: None,
        owns_process,
        is_terminal: streams.is_terminal,
        escapes: 0,
        started: Instant::now(),
        gathered: Gathered::default(),
    };
    let mut signals = if owns_process {
        Some(Signals::listen()?)
    } else {
        None
    };
    let raw = if streams.is_terminal {
        RawMode::enter()
    } else {
        None
    };
    let outcome = driver.run(running, log, signals.as_mut(), limits)?;
    let outcome = driver.flush(outcome, signals.as_mut());
    drain_log(running, log);
    drop(raw);
    let mut gathered = driver.gathered;
    gathered.seconds = driver.started.elapsed().as_secs_f64();
    gathered.stdout = driver.stdout.into_bytes();
    gathered.stderr = driver.stderr.into_bytes();
    Ok((outcome, gathered))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Our standard input may have more.
    Open,
    /// Nothing more will come; what is held goes first.
    Ended,
    /// The guest knows that it has all.
    Finished,
}

struct Driver {
    guest: Guest,
    input: Input,
    /// Standard input that the guest has given no credit for yet.
    held: VecDeque<u8>,
    /// Nothing of it is due before the program's first output.
    is_answer: bool,
    stdout: Output,
    stderr: Output,
    panic: Option<(Instant, String)>,
    owns_process: bool,
    is_terminal: bool,
    escapes: usize,
    started: Instant,
    gathered: Gathered,
}

/// What a descriptor in the poll set is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Guest,
    Log,
    Stdin,
    Stdout,
    Stderr,
    Signals,
}

impl Driver {
    fn run(
        &mut self,
        running: &Running,
        log: &mut Log,
        mut signals: Option<&mut Signals>,
        limits: Limits,
    ) -> Result<Outcome> {
        let mut log_is_open = running.log.is_some();
        loop {
            self.feed();
            let (left, late) = self.patience(limits);
            if left == Some(Duration::ZERO) {
                return Ok(late);
            }
            let log_end = running
                .log
                .as_ref()
                .filter(|_| log_is_open)
                .map(AsFd::as_fd);
            let signal_end = signals.as_ref().map(|signals| signals.as_fd());
            let ready = self.wait(running.link.as_fd(), log_end, signal_end, left)?;
            for (role, flags) in ready {
                let end = match role {
                    Role::Guest => self.exchange(running.link.as_fd(), flags),
                    Role::Log => {
                        log_is_open = running
                            .log
                            .as_ref()
                            .is_some_and(|end| read_log(end.as_fd(), log));
                        None
                    }
                    Role::Stdin => self.read_input(),
                    Role::Stdout => self.stdout.write_piece().err().map(unwritten),
                    Role::Stderr => {
                        // What cannot be said anywhere is dropped.
                        let _ = self.stderr.write_piece();
                        None
                    }
                    Role::Signals => signals
                        .as_mut()
                        .and_then(|signals| self.obey(&signals.take())),
                };
                if let Some(outcome) = end {
                    return Ok(outcome);
                }
            }
        }
    }

    /// How long we wait for something to happen, and what it means where nothing does.
    fn patience(&mut self, limits: Limits) -> (Option<Duration>, Outcome) {
        let age = self.started.elapsed();
        let mut ends = vec![(limits.whole, Outcome::TimeUp)];
        if !self.guest.is_greeted() {
            ends.push((limits.boot, Outcome::NeverStarted));
        }
        if let Some((since, text)) = &self.panic {
            let end = since.duration_since(self.started) + PANIC_PATIENCE;
            ends.push((Some(end), Outcome::Panicked(text.clone())));
        }
        ends.into_iter()
            .filter_map(|(end, outcome)| Some((Some(end?.saturating_sub(age)), outcome)))
            .min_by_key(|(left, _)| *left)
            .unwrap_or((None, Outcome::TimeUp))
    }

    /// Waits until something can be done; says what.
    fn wait(
        &self,
        link: BorrowedFd<'_>,
        log: Option<BorrowedFd<'_>>,
        signals: Option<BorrowedFd<'_>>,
        left: Option<Duration>,
    ) -> Result<Vec<(Role, PollFlags)>> {
        let mut roles = Vec::new();
        let mut set = Vec::new();
        let mut add = |role, descriptor, flags| {
            roles.push(role);
            set.push(PollFd::from_borrowed_fd(descriptor, flags));
        };
        let mut link_flags = PollFlags::empty();
        if !self.stdout.is_full() && !self.stderr.is_full() {
            link_flags |= PollFlags::IN;
        }
        if self.guest.has_outgoing() {
            link_flags |= PollFlags::OUT;
        }
        add(Role::Guest, link, link_flags);
        if let Some(log) = log {
            add(Role::Log, log, PollFlags::IN);
        }
        if let Some(signals) = signals {
            add(Role::Signals, signals, PollFlags::IN);
        }
        // A terminal's keys are read ahead of the guest's credit, for the escape among
        // them; of a pipe no byte is taken that the guest might never read.
        let wants_input = if self.is_terminal {
            self.held.len() < HELD
        } else {
            self.guest.credit() > 0 && !self.guest.has_outgoing()
        };
        if self.input == Input::Open && wants_input {
            add(Role::Stdin, rustix::stdio::stdin(), PollFlags::IN);
        }
        if let Some(stdout) = self.stdout.wants() {
            add(Role::Stdout, stdout, PollFlags::OUT);
        }
        if let Some(stderr) = self.stderr.wants() {
            add(Role::Stderr, stderr, PollFlags::OUT);
        }
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut set, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("poll")(error)),
        }
        Ok(roles
            .into_iter()
            .zip(set.iter().map(PollFd::revents))
            .filter(|(_, flags)| !flags.is_empty())
            .collect())
    }

    /// Moves bytes both ways on the serial line.
    fn exchange(&mut self, link: BorrowedFd<'_>, flags: PollFlags) -> Option<Outcome> {
        if flags.contains(PollFlags::OUT) {
            let outgoing = self.guest.outgoing();
            let (front, _) = outgoing.as_slices();
            if let Ok(count) = rustix::io::write(link, front) {
                outgoing.drain(..count);
            }
        }
        if !flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return None;
        }
        let mut buffer = [0; 16 * 1024];
        match rustix::io::read(link, &mut buffer) {
            Ok(0) => Some(self.stopped()),
            Ok(count) => {
                for message in self.guest.receive(&buffer[..count]) {
                    if let Some(outcome) = self.handle(message) {
                        return Some(outcome);
                    }
                }
                None
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(self.stopped()),
        }
    }

    fn stopped(&mut self) -> Outcome {
        match self.panic.take() {
            Some((_, text)) => Outcome::Panicked(text),
            None => Outcome::Stopped,
        }
    }

    fn handle(&mut self, message: Message) -> Option<Outcome> {
        let now = self.started.elapsed().as_secs_f64();
        match message {
            Message::Hello => {
                self.gathered.seconds_to_hello = Some(now);
                self.greet();
            }
            Message::Stdout(bytes) => {
                self.gathered.seconds_to_output.get_or_insert(now);
                self.stdout.push(&bytes);
            }
            Message::Stderr(bytes) => {
                self.gathered.seconds_to_output.get_or_insert(now);
                self.stderr.push(&bytes);
            }
            Message::Panic(text) => {
                let (_, panic) = self
                    .panic
                    .get_or_insert_with(|| (Instant::now(), String::new()));
                panic.push_str(&String::from_utf8_lossy(&text));
            }
            Message::Exit(status) => return Some(Outcome::Exited(status)),
            // After a panic's first words anything may follow: wait for the end.
            Message::Nonsense(_) if self.panic.is_some() => {}
            Message::Nonsense(what) => return Some(Outcome::Broken(what)),
        }
        None
    }

    fn greet(&mut self) {
        let mut seed = [0; SEED];
        let mut filled = 0;
        while filled < SEED {
            // The guest waits for no seed for ever: without one it has its own sources.
            match rustix::rand::getrandom(
                &mut seed[filled..],
                rustix::rand::GetRandomFlags::empty(),
            ) {
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        self.guest.send(Kind::Seed, &seed[..filled]);
        self.send_window();
    }

    fn send_window(&mut self) {
        if let Some((rows, columns)) = terminal::window().filter(|_| self.owns_process) {
            let payload = [rows.to_le_bytes(), columns.to_le_bytes()].concat();
            self.guest.send(Kind::WindowSize, &payload);
        }
    }

    /// Sends what is held, within the credit, and the end after the last byte.
    fn feed(&mut self) {
        let has_spoken = self.gathered.seconds_to_output.is_some();
        if !self.guest.is_greeted() || (self.is_answer && !has_spoken) {
            return;
        }
        let count = self.held.len().min(self.guest.credit());
        if count > 0 {
            let piece: Vec<u8> = self.held.drain(..count).collect();
            self.guest.send_input(&piece);
        }
        if self.held.is_empty() && self.input == Input::Ended {
            self.guest.send(Kind::StdinEnd, &[]);
            self.input = Input::Finished;
        }
    }

    fn read_input(&mut self) -> Option<Outcome> {
        let mut buffer = [0; 4096];
        let most = if self.is_terminal {
            HELD - self.held.len()
        } else {
            self.guest.credit()
        };
        let most = most.min(buffer.len());
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer[..most]) {
            Ok(count) if count > 0 => {
                self.held.extend(&buffer[..count]);
                return self.watch_for_escape(&buffer[..count]);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => self.input = Input::Ended,
        }
        None
    }

    /// A raw terminal has no key that ends us; three times Ctrl-] does.
    fn watch_for_escape(&mut self, bytes: &[u8]) -> Option<Outcome> {
        for byte in bytes {
            self.escapes = if *byte == ESCAPE.0 {
                self.escapes + 1
            } else {
                0
            };
        }
        (self.is_terminal && self.escapes >= ESCAPE.1).then_some(Outcome::Abandoned)
    }

    fn obey(&mut self, signals: &[i32]) -> Option<Outcome> {
        for signal in signals {
            match *signal {
                SIGWINCH if self.guest.is_greeted() => self.send_window(),
                // Before the kernel listens, Ctrl-C ends the machine as it would a shell's child.
                SIGINT if self.guest.is_greeted() => self.guest.send(Kind::Signal, &[SIGINT as u8]),
                SIGINT | SIGTERM | SIGHUP => return Some(Outcome::Signalled(*signal)),
                _ => {}
            }
        }
        None
    }

    /// Writes out what the program printed last. Our reader may take its time, but a
    /// signal ends the wait.
    fn flush(&mut self, outcome: Outcome, mut signals: Option<&mut Signals>) -> Outcome {
        if matches!(outcome, Outcome::Signalled(_) | Outcome::TimeUp) {
            return outcome;
        }
        let end = Instant::now() + LAST_WORDS;
        while Instant::now() < end {
            let mut set = Vec::new();
            let wanted = [self.stdout.wants(), self.stderr.wants()];
            for descriptor in wanted.iter().flatten() {
                set.push(PollFd::from_borrowed_fd(*descriptor, PollFlags::OUT));
            }
            if set.is_empty() {
                break;
            }
            let brief = Timespec {
                tv_sec: 0,
                tv_nsec: 100_000_000,
            };
            let writable = poll(&mut set, Some(&brief)).unwrap_or(0) > 0;
            let ready: Vec<bool> = set.iter().map(|one| !one.revents().is_empty()).collect();
            let mut ready = ready.into_iter();
            if writable
                && wanted[0].is_some()
                && ready.next() == Some(true)
                && let Err(reason) = self.stdout.write_piece()
            {
                return unwritten(reason);
            }
            if writable && wanted[1].is_some() && ready.next() == Some(true) {
                let _ = self.stderr.write_piece();
            }
            let ended = signals
                .as_mut()
                .map(|signals| signals.take())
                .unwrap_or_default();
            if let Some(signal) = ended.into_iter().find(|signal| *signal != SIGWINCH) {
                return Outcome::Signalled(signal);
            }
        }
        outcome
    }
}

/// The end where our standard output takes no more.
fn unwritten(reason: Errno) -> Outcome {
    match reason {
        Errno::PIPE => Outcome::Signalled(SIGPIPE),
        reason => Outcome::Unwritten(reason),
    }
}

/// Reads what is there of the log. `false`: its end.
fn read_log(end: BorrowedFd<'_>, log: &mut Log) -> bool {
    let mut buffer = [0; 16 * 1024];
    match rustix::io::read(end, &mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            log.write(&buffer[..count]);
            true
        }
        Err(Errno::AGAIN | Errno::INTR) => true,
        Err(_) => false,
    }
}

/// Reads the rest of the log without waiting.
fn drain_log(running: &Running, log: &mut Log) {
    let Some(end) = &running.log else {
        return;
    };
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = rustix::io::read(end, &mut buffer) {
        if count == 0 {
            break;
        }
        log.write(&buffer[..count]);
    }
}
