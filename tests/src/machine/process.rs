//! An emulator as a child process: started in its own process group, dead when we are,
//! with one socket for the serial line and one for the kernel's log.

use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use crate::error::{Error, Result};

/// How long an emulator may take to end by itself after the program's exit.
const GRACE: Duration = Duration::from_millis(500);

/// A started emulator.
pub struct Running {
    /// The serial line, non-blocking.
    pub link: OwnedFd,
    /// The kernel's log, non-blocking.
    pub log: Option<OwnedFd>,
    emulator: Guard,
    complaints: Option<JoinHandle<String>>,
    /// What must live as long as the machine: a display, temporary files.
    _companions: Vec<Box<dyn std::any::Any + Send>>,
}

impl Running {
    /// Starts an emulator whose sockets are made already.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(
        mut command: Command,
        link: OwnedFd,
        log: Option<OwnedFd>,
        companions: Vec<Box<dyn std::any::Any + Send>>,
    ) -> Result<Self> {
        command.stderr(Stdio::piped());
        let mut emulator = spawn(&mut command)?;
        let complaints = emulator.0.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        Ok(Self {
            link,
            log,
            emulator,
            complaints,
            _companions: companions,
        })
    }

    /// Ends the emulator at once.
    pub fn kill(&mut self) {
        self.emulator.kill();
    }

    /// Waits for the emulator's own end, or ends it; returns what it complained about.
    pub fn end(mut self) -> String {
        let patience = Instant::now() + GRACE;
        while Instant::now() < patience && !self.emulator.has_ended() {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.emulator.kill();
        self.complaints
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

/// A child that does not outlive its guard.
pub struct Guard(pub Child);

impl Guard {
    /// Kills the child's whole process group and reaps the child.
    pub fn kill(&mut self) {
        if !self.has_ended() {
            if let Some(group) = Pid::from_raw(self.0.id() as i32) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.0.wait();
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Waits for the end, at most so long; then kills.
    pub fn wait_or_kill(&mut self, patience: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.0.try_wait() {
                return status.signal().is_none().then_some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill();
        None
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a child in its own process group (a terminal's Ctrl-C is ours to handle) that
/// the kernel kills when the thread that started it is gone.
///
/// # Errors
/// Where it cannot be started.
pub fn spawn(command: &mut Command) -> Result<Guard> {
    let parent = std::process::id();
    command.process_group(0);
    // SAFETY: between fork and exec only two system calls are made; nothing is
    // allocated and no lock is taken.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the line above.
            if rustix::process::getppid()
                .map(Pid::as_raw_nonzero)
                .map(|pid| pid.get() as u32)
                != Some(parent)
            {
                return Err(std::io::ErrorKind::NotFound.into());
            }
            Ok(())
        });
    }
    let name = command.get_program().to_owned();
    command.spawn().map(Guard).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Error::Missing(format!("{} is not installed", name.display()))
        } else {
            Error::io(name.display().to_string())(error)
        }
    })
}

/// A pair of connected sockets: ours (non-blocking, closed on exec) and the child's
/// (inherited under its own number).
///
/// # Errors
/// Where there are no descriptors left.
pub fn socket_for_child() -> Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(Error::io("socketpair"))?;
    set_nonblocking(&ours)?;
    Ok((ours, theirs))
}

/// Makes a descriptor non-blocking.
///
/// # Errors
/// Where the system refuses.
pub fn set_nonblocking(descriptor: &OwnedFd) -> Result<()> {
    fcntl_getfl(descriptor)
        .and_then(|flags| fcntl_setfl(descriptor, flags | OFlags::NONBLOCK))
        .map_err(Error::io("fcntl"))
}

/// Lets the next child inherit these descriptors under their own numbers. Only between
/// fork and exec: no other child of ours gets them.
pub fn pass(command: &mut Command, descriptors: Vec<OwnedFd>) {
    let pass = move || {
        for descriptor in &descriptors {
            fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only `fcntl` is called.
    unsafe {
        command.pre_exec(pass);
    }
}

/// A descriptor's number, as the child will know it.
#[must_use]
pub fn number(descriptor: &OwnedFd) -> i32 {
    descriptor.as_raw_fd()
}
