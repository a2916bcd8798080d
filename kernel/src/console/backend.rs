//! The console as a terminal's hardware: output to COM1 (and the screen), credit for
//! input.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use roentgen_abi::frame::Kind;

use super::transmit::Transmit;
use crate::fs::tty::Backend;
use crate::sync::WaitQueue;

/// Credit is renewed in steps of this many bytes.
const STEP: usize = 1 << 20;

/// Between the console's terminal and its transmitter.
pub struct ConsoleBackend {
    transmit: Arc<Transmit>,
    is_framed: bool,
    /// The first process's standard output is not the terminal: what that prints is kept apart
    /// from it.
    is_beside_output: AtomicBool,
    /// Bytes that the host may still send.
    credit: AtomicUsize,
}

impl ConsoleBackend {
    /// Before the first credit.
    #[must_use]
    pub fn new(transmit: Arc<Transmit>, is_framed: bool) -> Self {
        Self {
            transmit,
            is_framed,
            is_beside_output: AtomicBool::new(false),
            credit: AtomicUsize::new(0),
        }
    }

    /// From now on what the terminal prints goes where standard error goes.
    pub fn leave_standard_output(&self) {
        self.is_beside_output.store(true, Ordering::Relaxed);
    }
}

impl Backend for ConsoleBackend {
    fn queue(&self, bytes: &[u8]) -> bool {
        let kind = match self.is_beside_output.load(Ordering::Relaxed) {
            true => Kind::Stderr,
            false => Kind::Stdout,
        };
        let is_queued = self.transmit.queue(kind, bytes);
        if is_queued && !self.is_framed {
            super::screen::write(bytes);
        }
        is_queued
    }

    fn start(&self) {
        self.transmit.start();
    }

    fn has_room(&self) -> bool {
        self.transmit.has_room()
    }

    fn is_drained(&self) -> bool {
        self.transmit.is_empty()
    }

    fn room_queue(&self) -> &WaitQueue {
        &self.transmit.room
    }

    fn input_changed(&self, received: usize, room: usize) {
        let before = self
            .credit
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
                Some(credit.saturating_sub(received))
            });
        let left = before.unwrap_or(0).saturating_sub(received);
        let due = room.saturating_sub(left);
        if self.is_framed && due >= STEP {
            let due = u32::try_from(due).unwrap_or(u32::MAX);
            // No room for seven bytes: the next read or keystroke tries again.
            if self.transmit.queue(Kind::Credit, &due.to_le_bytes()) {
                self.credit.fetch_add(due as usize, Ordering::Relaxed);
            }
        }
    }
}
