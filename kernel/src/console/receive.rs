//! Input from COM1: bytes become frames, frames become input, signals and sizes.
//!
//! Everything here runs in the interrupt. Nothing the host sends is trusted: what makes
//! no sense is counted, and named once in the log.

use core::sync::atomic::{AtomicBool, Ordering};

use linux_raw_sys::general as linux;
use roentgen_abi::frame::{Decoder, Kind, Step};

use super::Console;
use crate::sync::IrqLock;
use crate::task;

crate::counters! {
    /// Frames from the host that made no sense.
    pub static BAD_FRAMES = "console_bad_frames";
    /// Input bytes that came without credit and found no room.
    pub static DROPPED_INPUT = "console_dropped_input";
}

/// Bytes taken from the UART before the transmitter gets its turn.
const BYTES_PER_TURN: usize = 64;

/// The way in.
pub struct Receive {
    decoder: IrqLock<Decoder>,
    has_warned: AtomicBool,
    /// Standard input goes to the pipe-like stream, not to the terminal.
    pub is_stream: AtomicBool,
}

impl Receive {
    /// Before the first frame.
    #[must_use]
    pub fn new() -> Self {
        Self {
            decoder: IrqLock::new(Decoder::new()),
            has_warned: AtomicBool::new(false),
            is_stream: AtomicBool::new(false),
        }
    }
}

impl Console {
    /// Takes what the UART has received, up to a bound.
    pub(super) fn receive(&self) {
        let Some(uart) = self.transmit.uart() else {
            return;
        };
        // Held throughout: this is the outermost of the console's locks, and only the
        // interrupt takes it.
        let mut decoder = self.receive.decoder.lock();
        let mut bytes = [0; BYTES_PER_TURN];
        let mut count = 0;
        while count < bytes.len()
            && let Some(byte) = uart.receive()
        {
            bytes[count] = byte;
            count += 1;
        }
        let bytes = &bytes[..count];
        if !self.is_framed {
            if !bytes.is_empty() {
                self.terminal.input(bytes);
            }
            return;
        }
        for byte in bytes {
            match decoder.push(*byte) {
                Ok(Step::More) => {}
                Ok(Step::Frame(kind, length)) => self.take(kind, decoder.payload(length)),
                Err(_) => self.complain("not a frame"),
            }
        }
    }

    fn take(&self, kind: Kind, payload: &[u8]) {
        match (kind, payload) {
            (Kind::Stdin, bytes) if self.receive.is_stream.load(Ordering::Relaxed) => {
                let dropped = bytes.len() - self.input.push(bytes);
                DROPPED_INPUT.add(dropped as u64);
            }
            (Kind::Stdin, bytes) => self.terminal.input(bytes),
            (Kind::StdinEnd, _) if self.receive.is_stream.load(Ordering::Relaxed) => {
                self.input.end();
            }
            (Kind::StdinEnd, _) => self.terminal.end_input(),
            (Kind::WindowSize, &[low, high, columns_low, columns_high, ..]) => {
                let rows = u16::from_le_bytes([low, high]);
                let columns = u16::from_le_bytes([columns_low, columns_high]);
                self.terminal.set_size(rows, columns);
            }
            (Kind::Seed, bytes) => crate::entropy::add(bytes),
            (Kind::Signal, &[number, ..]) if (1..=64).contains(&number) => {
                self.signal(u32::from(number));
            }
            _ => self.complain("unexpected kind or length"),
        }
    }

    fn signal(&self, number: u32) {
        debug_assert!(number <= linux::_NSIG);
        if let Some(group) = self.terminal.foreground() {
            task::process::signal_group(group, number);
        } else if let Some(first) =
            task::process::find(super::FIRST_PROCESS.load(Ordering::Relaxed))
        {
            first.send_signal(number);
        }
    }

    fn complain(&self, what: &str) {
        BAD_FRAMES.add(1);
        if !self.receive.has_warned.swap(true, Ordering::Relaxed) {
            crate::warn!("console: the host sent nonsense ({what}); counted from now on");
        }
    }
}
