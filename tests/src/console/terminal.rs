//! Our own terminal: raw while a machine runs (its discipline is the guest's), and
//! restored in every case that a destructor sees.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{
    OptionalActions, OutputModes, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
};

use crate::initramfs::Stream;

/// Whether output processing is off now, so that a line feed alone is no new line.
static IS_RAW: AtomicBool = AtomicBool::new(false);

/// What our standard streams are, and the window's size where one is a terminal.
#[must_use]
pub fn ours() -> ([Stream; 3], Option<(u16, u16)>) {
    let kind = |is_terminal| {
        if is_terminal {
            Stream::Terminal
        } else {
            Stream::Pipe
        }
    };
    let streams = [
        kind(isatty(std::io::stdin())),
        kind(isatty(std::io::stdout())),
        kind(isatty(std::io::stderr())),
    ];
    (streams, window())
}

/// Rows and columns of our terminal.
#[must_use]
pub fn window() -> Option<(u16, u16)> {
    tcgetwinsize(std::io::stdin())
        .or_else(|_| tcgetwinsize(std::io::stdout()))
        .or_else(|_| tcgetwinsize(std::io::stderr()))
        .ok()
        .map(|size| (size.ws_row, size.ws_col))
}

/// Raw mode for as long as this lives.
pub struct RawMode(Termios);

impl RawMode {
    /// Makes our standard input's terminal raw. Output processing stays on where some
    /// other program may be printing to the same terminal (a pipe's other end), off
    /// where everything on it is ours.
    #[must_use]
    pub fn enter() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        let is_alone = isatty(std::io::stdout()) && isatty(std::io::stderr());
        if !is_alone {
            raw.output_modes |= before.output_modes & (OutputModes::OPOST | OutputModes::ONLCR);
        }
        tcsetattr(std::io::stdin(), OptionalActions::Drain, &raw).ok()?;
        IS_RAW.store(is_alone, Ordering::Relaxed);
        Some(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        IS_RAW.store(false, Ordering::Relaxed);
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// Text of our own, fit for the terminal as it is now.
#[must_use]
pub fn for_display(text: &[u8]) -> Cow<'_, [u8]> {
    if !IS_RAW.load(Ordering::Relaxed) {
        return Cow::Borrowed(text);
    }
    let mut shown = Vec::with_capacity(text.len());
    for byte in text {
        if *byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(*byte);
    }
    Cow::Owned(shown)
}
