//! The kernel's log: a line at a time, to the emulator's debug port (0xE9), and kept
//! for a panic's reader.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use x86_64::instructions::port::Port;

use crate::sync::IrqLock;

/// Writes to port 0xE9: QEMU's debugcon and Bochs's `port_e9_hack`. Elsewhere nobody
/// listens there.
struct DebugPort;

impl Write for DebugPort {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut port = Port::<u8>::new(0xe9);
        for byte in text.bytes() {
            // SAFETY: no device that we drive listens at this port.
            unsafe { port.write(byte) };
        }
        Ok(())
    }
}

/// A leaf lock: lines of several cores do not mix.
static PORT: IrqLock<DebugPort> = IrqLock::new(DebugPort);
static IS_VERBOSE: AtomicBool = AtomicBool::new(false);

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Only with `log=debug`.
    Debug,
    /// What happened.
    Info,
    /// What should not have.
    Warning,
}

/// Lets debug lines through.
pub fn set_verbose(verbose: bool) {
    IS_VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Writes a line; the macros call it.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    if level == Level::Debug && !IS_VERBOSE.load(Ordering::Relaxed) {
        return;
    }
    let micros = crate::time::uptime_nanos() / 1000;
    let core = crate::cpu::current_id();
    let mark = if level == Level::Warning {
        "warning: "
    } else {
        ""
    };
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut port = PORT.lock();
    let _ = writeln!(port, "[{seconds:4}.{micros:06}] {core}: {mark}{line}");
}

/// As [`write`], without the lock: for a panic, when nobody else runs.
pub fn write_unlocked(text: &str) {
    let _ = DebugPort.write_str(text);
}

/// A line of the log.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::log::write($crate::log::Level::Info, format_args!($($argument)*))
    };
}

/// A line of the log about something that should not be.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)*) => {
        $crate::log::write($crate::log::Level::Warning, format_args!($($argument)*))
    };
}

/// A line of the log that is only written with `log=debug`.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)*) => {
        $crate::log::write($crate::log::Level::Debug, format_args!($($argument)*))
    };
}
