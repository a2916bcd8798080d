//! The line discipline: typed bytes in; lines, echoes and signals out.

use alloc::vec::Vec;

use linux_raw_sys::general as linux;

use super::erase::Erase;
use super::input_buffer::InputBuffer;
use super::output::{self, Cursor};
use super::settings::Settings;

/// Bytes of input that wait for a reader at most; what comes then is dropped, as on
/// Linux (whose limit is 4 KiB).
pub const CAPACITY: usize = 4 << 20;

/// An end of file that was typed: a line end that is not delivered (`__DISABLED_CHAR`).
const END_OF_FILE: u8 = 0;

/// A signal for the foreground process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalSignal {
    /// `VINTR`: `SIGINT`.
    Interrupt,
    /// `VQUIT`: `SIGQUIT`.
    Quit,
    /// `VSUSP`: `SIGTSTP`.
    Suspend,
}

/// What typed bytes caused, beside the input itself. The caller carries it out.
#[derive(Debug, Default)]
pub struct Effects {
    /// Bytes for the terminal's output.
    pub echo: Vec<u8>,
    /// Signals, in order.
    pub signals: Vec<TerminalSignal>,
    /// Output that waits is to be thrown away (a signal without `NOFLSH`).
    pub flush_output: bool,
    /// Bytes that found no room.
    pub dropped: usize,
}

/// A terminal's input and settings.
#[derive(Default)]
pub struct Discipline {
    pub(super) settings: Settings,
    pub(super) input: InputBuffer,
    /// Bytes of `input` that lines are complete of; the rest may still be erased.
    pub(super) committed: usize,
    pub(super) cursor: Cursor,
    literal_next: bool,
    /// Output stands still: `VSTOP` was typed.
    stopped: bool,
}

impl Discipline {
    /// The settings now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings; input that waits stays readable.
    pub fn set_settings(&mut self, settings: Settings) {
        let was_canonical = self.settings.is_canonical();
        self.settings = settings;
        if settings.is_canonical() != was_canonical {
            self.literal_next = false;
            self.committed = 0;
            if settings.is_canonical() {
                // What was typed ahead becomes one line, whatever it was before.
                for index in 0..self.input.len() {
                    self.input.mark(index, index + 1 == self.input.len());
                }
                self.committed = self.input.len();
            }
        }
        if !settings.has_input(linux::IXON) {
            self.stopped = false;
        }
    }

    /// Whether `VSTOP` (or [`Discipline::set_stopped`]) holds output back.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Holds output back, or lets it go (`tcflow`).
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.input.len())
    }

    /// Takes typed bytes.
    pub fn receive(&mut self, bytes: &[u8], effects: &mut Effects) {
        for byte in bytes {
            self.receive_byte(*byte, effects);
        }
    }

    /// Throws unread input away (`TCIFLUSH`).
    pub fn flush_input(&mut self) {
        self.input = InputBuffer::default();
        self.committed = 0;
        self.literal_next = false;
    }

    /// Whether a read gets something: a line, or `minimum` bytes where there are no
    /// lines.
    #[must_use]
    pub fn is_readable(&self, minimum: usize) -> bool {
        if self.settings.is_canonical() {
            self.committed > 0
        } else {
            self.input.len() >= minimum.max(1)
        }
    }

    /// Whether `poll(2)` reports input: `VMIN` bytes where no timer runs.
    #[must_use]
    pub fn is_pollable(&self) -> bool {
        match self.settings.tenths() {
            0 => self.is_readable(self.settings.minimum()),
            _ => self.is_readable(1),
        }
    }

    /// Bytes that reads would give now (`FIONREAD`).
    #[must_use]
    pub fn available(&self) -> usize {
        if !self.settings.is_canonical() {
            return self.input.len();
        }
        (0..self.committed)
            .filter(|index| self.input.get(*index) != Some((END_OF_FILE, true)))
            .count()
    }

    /// Reads into `to`: up to the end of a line in canonical mode. Says how many bytes,
    /// and whether a line ended with them (an end of file is a line of no bytes).
    pub fn read(&mut self, to: &mut [u8]) -> (usize, bool) {
        let mut count = 0;
        if !self.settings.is_canonical() {
            while count < to.len()
                && let Some((byte, _)) = self.input.pop()
            {
                to[count] = byte;
                count += 1;
            }
            return (count, false);
        }
        while self.committed > 0 {
            let next = self.input.get(0);
            if count == to.len() {
                // A full buffer swallows an end of file that directly follows it, so
                // that the next read does not take it for one (n_tty_read).
                if next == Some((END_OF_FILE, true)) {
                    self.take_committed();
                    return (count, true);
                }
                return (count, false);
            }
            match next {
                Some((END_OF_FILE, true)) => {
                    self.take_committed();
                    return (count, true);
                }
                Some((byte, ends_line)) => {
                    self.take_committed();
                    to[count] = byte;
                    count += 1;
                    if ends_line {
                        return (count, true);
                    }
                }
                None => self.committed = 0,
            }
        }
        (count, false)
    }

    /// Processes output bytes into `to` (up to 8 bytes for each).
    pub fn process_output(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        for byte in bytes {
            output::put(*byte, &self.settings, &mut self.cursor, to);
        }
    }

    /// The cursor, to put back with [`Discipline::restore_cursor`] where processed
    /// output could not be sent.
    #[must_use]
    pub fn save_cursor(&self) -> (usize, usize) {
        (self.cursor.column, self.cursor.line_start)
    }

    /// See [`Discipline::save_cursor`].
    pub fn restore_cursor(&mut self, (column, line_start): (usize, usize)) {
        self.cursor = Cursor { column, line_start };
    }

    fn take_committed(&mut self) {
        self.input.pop();
        self.committed -= 1;
    }

    pub(super) fn echo(&mut self, byte: u8, effects: &mut Effects) {
        output::echo(byte, &self.settings, &mut self.cursor, &mut effects.echo);
    }

    pub(super) fn echo_raw(&mut self, byte: u8, effects: &mut Effects) {
        output::put(byte, &self.settings, &mut self.cursor, &mut effects.echo);
    }

    fn receive_byte(&mut self, byte: u8, effects: &mut Effects) {
        let settings = self.settings;
        let mut byte = byte;
        if settings.has_input(linux::ISTRIP) {
            byte &= 0x7f;
        }
        if settings.has_input(linux::IUCLC) && settings.has_local(linux::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if core::mem::take(&mut self.literal_next) {
            return self.receive_ordinary(byte, effects);
        }
        if settings.has_input(linux::IXON) {
            if settings.is(linux::VSTART, byte) {
                self.stopped = false;
                return;
            }
            if settings.is(linux::VSTOP, byte) {
                self.stopped = true;
                return;
            }
        }
        if settings.has_local(linux::ISIG)
            && let Some(signal) = signal_of(&settings, byte)
        {
            return self.receive_signal(byte, signal, effects);
        }
        if self.stopped && settings.has_input(linux::IXON | linux::IXANY) {
            self.stopped = false;
        }
        match byte {
            b'\r' if settings.has_input(linux::IGNCR) => return,
            b'\r' if settings.has_input(linux::ICRNL) => byte = b'\n',
            b'\n' if settings.has_input(linux::INLCR) => byte = b'\r',
            _ => {}
        }
        if settings.is_canonical() && self.receive_editing(byte, effects) {
            return;
        }
        self.receive_ordinary(byte, effects);
    }

    fn receive_signal(&mut self, byte: u8, signal: TerminalSignal, effects: &mut Effects) {
        effects.signals.push(signal);
        if !self.settings.has_local(linux::NOFLSH) {
            self.flush_input();
            effects.echo.clear();
            effects.flush_output = true;
        }
        if self.settings.has_input(linux::IXON) {
            self.stopped = false;
        }
        if self.settings.has_local(linux::ECHO) {
            self.echo(byte, effects);
        }
    }

    /// The characters that edit or end a line; false where `byte` is none of them.
    fn receive_editing(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let settings = self.settings;
        let is_extended = settings.has_local(linux::IEXTEN);
        let echoes = settings.has_local(linux::ECHO);
        if settings.is(linux::VERASE, byte) {
            self.erase(Erase::Character, effects);
        } else if settings.is(linux::VKILL, byte) {
            self.erase(Erase::Line, effects);
        } else if settings.is(linux::VWERASE, byte) && is_extended {
            self.erase(Erase::Word, effects);
        } else if settings.is(linux::VLNEXT, byte) && is_extended {
            self.literal_next = true;
            if echoes && settings.has_local(linux::ECHOCTL) {
                effects.echo.extend_from_slice(b"^\x08");
            }
        } else if settings.is(linux::VREPRINT, byte) && is_extended && echoes {
            self.reprint(byte, effects);
        } else if byte == b'\n' {
            if echoes || settings.has_local(linux::ECHONL) {
                self.echo_raw(b'\n', effects);
            }
            self.end_line(b'\n', effects);
        } else if settings.is(linux::VEOF, byte) {
            self.end_line(END_OF_FILE, effects);
        } else if settings.is(linux::VEOL, byte) || (settings.is(linux::VEOL2, byte) && is_extended)
        {
            if echoes {
                self.echo(byte, effects);
            }
            self.end_line(byte, effects);
        } else {
            return false;
        }
        true
    }

    fn receive_ordinary(&mut self, byte: u8, effects: &mut Effects) {
        if self.room() == 0 {
            effects.dropped += 1;
            if self.settings.has_input(linux::IMAXBEL) {
                effects.echo.push(0x07);
            }
            return;
        }
        if self.settings.has_local(linux::ECHO) {
            if self.committed == self.input.len() {
                self.cursor.line_start = self.cursor.column;
            }
            if byte == b'\n' {
                self.echo_raw(byte, effects);
            } else {
                self.echo(byte, effects);
            }
        }
        self.input.push(byte, false);
    }

    fn end_line(&mut self, byte: u8, effects: &mut Effects) {
        // One place is kept for the end of a line that fills the buffer.
        if self.input.len() > CAPACITY {
            effects.dropped += 1;
            return;
        }
        self.input.push(byte, true);
        self.committed = self.input.len();
    }

    fn reprint(&mut self, byte: u8, effects: &mut Effects) {
        self.echo(byte, effects);
        self.echo_raw(b'\n', effects);
        for index in self.committed..self.input.len() {
            if let Some((byte, _)) = self.input.get(index) {
                self.echo(byte, effects);
            }
        }
    }
}

fn signal_of(settings: &Settings, byte: u8) -> Option<TerminalSignal> {
    [
        (linux::VINTR, TerminalSignal::Interrupt),
        (linux::VQUIT, TerminalSignal::Quit),
        (linux::VSUSP, TerminalSignal::Suspend),
    ]
    .into_iter()
    .find_map(|(index, signal)| settings.is(index, byte).then_some(signal))
}
