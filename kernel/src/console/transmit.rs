//! Output to COM1: a ring of whole frames, drained by whoever writes and by the
//! transmitter's interrupt.
//!
//! Bytes of two frames never mix: a frame enters the ring under one lock, or not at all.
//! Between two FIFO loads the lock is open and interrupts are on.

use core::time::Duration;

use roentgen_abi::frame::{self, Kind, MAX_PAYLOAD};
use streams::byte_ring::ByteRing;

use super::uart::{FIFO, Uart};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::block;
use crate::sync::{IrqLock, WaitQueue};
use crate::time::Instant;

/// Bytes that wait for the UART at most.
const CAPACITY: usize = 64 << 10;

/// FIFO loads that one interrupt sends.
const LOADS_PER_INTERRUPT: usize = 4;

/// How long a host may take nothing before the last words are given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Polls of the line status in a panic, without a clock: some seconds.
const PANIC_POLLS: usize = 4_000_000;

struct State {
    ring: ByteRing,
    /// The transmitter's interrupt is on.
    has_interrupt: bool,
    /// Somebody waits for room.
    is_room_awaited: bool,
    /// Somebody waits for the end.
    is_end_awaited: bool,
}

/// The way out.
pub struct Transmit {
    uart: Option<Uart>,
    is_framed: bool,
    state: IrqLock<State>,
    /// Told when at least half of the ring is free, and when it is empty.
    pub room: WaitQueue,
}

impl Transmit {
    /// An empty ring before `uart`; without one, output is thrown away.
    #[must_use]
    pub fn new(uart: Option<Uart>, is_framed: bool) -> Self {
        Self {
            uart,
            is_framed,
            state: IrqLock::new(State {
                ring: ByteRing::new(CAPACITY),
                has_interrupt: false,
                is_room_awaited: false,
                is_end_awaited: false,
            }),
            room: WaitQueue::new(),
        }
    }

    /// The device, for the receiving side.
    #[must_use]
    pub fn uart(&self) -> Option<&Uart> {
        self.uart.as_ref()
    }

    /// Queues `payload` as frames of `kind` (as bare bytes in raw mode, where only output
    /// is sent), all of it or nothing; says whether. [`Transmit::start`] sends it.
    pub fn queue(&self, kind: Kind, payload: &[u8]) -> bool {
        if self.uart.is_none() {
            return true;
        }
        let mut state = self.state.lock();
        let is_queued = self.push(&mut state.ring, kind, payload);
        state.is_room_awaited |= !is_queued;
        is_queued
    }

    /// Queues and sends; as [`Transmit::queue`]. Not in interrupts: it goes on until the
    /// UART has no room.
    pub fn try_send(&self, kind: Kind, payload: &[u8]) -> bool {
        let is_queued = self.queue(kind, payload);
        self.start();
        is_queued
    }

    /// Sends what is queued until the UART has no room. Not in interrupts.
    pub fn start(&self) {
        self.pump(usize::MAX);
    }

    fn push(&self, ring: &mut ByteRing, kind: Kind, payload: &[u8]) -> bool {
        if !self.is_framed {
            return !matches!(kind, Kind::Stdout | Kind::Stderr) || ring.push_whole(&[payload]);
        }
        let frames = payload.len().div_ceil(MAX_PAYLOAD).max(1);
        if ring.room() < payload.len() + frames * frame::HEADER {
            return false;
        }
        if payload.is_empty() {
            return ring.push_whole(&[&frame::header(kind, 0)]);
        }
        payload
            .chunks(MAX_PAYLOAD)
            .all(|piece| ring.push_whole(&[&frame::header(kind, piece.len()), piece]))
    }

    /// Sends `payload`, at most [`MAX_PAYLOAD`] bytes, waiting for room.
    ///
    /// # Errors
    /// `EAGAIN` where it must not wait, `RestartOrEintr`; nothing is sent then.
    pub fn send(&self, kind: Kind, payload: &[u8], is_nonblocking: bool) -> Result<()> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Errno::EINVAL);
        }
        block(&self.room, is_nonblocking, None, || {
            self.try_send(kind, payload).then_some(Ok(()))
        })
    }

    /// Whether a whole frame fits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let mut state = self.state.lock();
        let has_room = state.ring.room() >= MAX_PAYLOAD + frame::HEADER;
        state.is_room_awaited |= !has_room;
        has_room
    }

    /// Whether everything was given to the UART.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let mut state = self.state.lock();
        let is_empty = state.ring.is_empty();
        state.is_end_awaited |= !is_empty;
        is_empty
    }

    /// Gives the UART what it takes now, at most `loads` FIFO loads; leaves the rest to
    /// its interrupt.
    fn pump(&self, loads: usize) {
        let Some(uart) = &self.uart else {
            return;
        };
        for _ in 0..loads {
            let mut state = self.state.lock();
            let has_more = !state.ring.is_empty();
            if !has_more || !uart.has_room() {
                if state.has_interrupt != has_more {
                    state.has_interrupt = has_more;
                    uart.enable_interrupts(has_more);
                }
                break;
            }
            let mut load = [0; FIFO];
            let count = state.ring.pop(&mut load);
            for byte in load.iter().take(count) {
                uart.send(*byte);
            }
        }
        self.tell();
    }

    fn tell(&self) {
        let is_time = {
            let mut state = self.state.lock();
            let has_room = state.is_room_awaited && state.ring.room() >= CAPACITY / 2;
            let is_end = state.is_end_awaited && state.ring.is_empty();
            state.is_room_awaited &= !has_room;
            state.is_end_awaited &= !is_end;
            has_room || is_end
        };
        if is_time {
            self.room.wake_all();
        }
    }

    /// The transmitter's part of the interrupt.
    pub fn interrupt(&self) {
        self.pump(LOADS_PER_INTERRUPT);
    }

    /// Makes a new edge on the interrupt line, should anything be pending.
    pub fn rearm_interrupt(&self) {
        if let Some(uart) = &self.uart {
            let state = self.state.lock();
            uart.disable_interrupts();
            uart.enable_interrupts(state.has_interrupt);
        }
    }

    /// Sends a last frame, and waits until the UART has sent everything: not longer than
    /// the host takes something every two seconds.
    pub fn finish(&self, kind: Kind, payload: &[u8]) {
        let Some(uart) = &self.uart else {
            return;
        };
        let mut is_pushed = false;
        let mut last = (usize::MAX, Instant::now());
        loop {
            is_pushed = is_pushed || self.try_send(kind, payload);
            self.pump(usize::MAX);
            let length = self.state.lock().ring.len();
            if is_pushed && length == 0 && uart.is_idle() {
                return;
            }
            if length != last.0 {
                last = (length, Instant::now());
            } else if Instant::now() >= last.1 + PATIENCE {
                return;
            }
            core::hint::spin_loop();
        }
    }

    /// Sends what is left and then `text`, by polling: for a panic.
    ///
    /// # Safety
    /// All other cores stand still, for ever.
    pub unsafe fn send_last_words(&self, text: &str) {
        let Some(uart) = &self.uart else {
            return;
        };
        let mut guard = match self.state.try_lock() {
            Some(guard) => guard,
            None => {
                // SAFETY: the caller's promise. The ring may be half changed; its
                // indices are checked on every use.
                unsafe { self.state.force_unlock() };
                self.state.lock()
            }
        };
        let mut polls = PANIC_POLLS;
        let mut send = |byte: u8| {
            while !uart.has_room() && polls > 0 {
                polls -= 1;
                core::hint::spin_loop();
            }
            uart.send(byte);
        };
        let mut byte = [0];
        for _ in 0..CAPACITY {
            if guard.ring.pop(&mut byte) == 0 {
                break;
            }
            send(byte[0]);
        }
        for piece in text.as_bytes().chunks(MAX_PAYLOAD) {
            if self.is_framed {
                frame::header(Kind::Panic, piece.len())
                    .into_iter()
                    .for_each(&mut send);
            }
            for byte in piece {
                if !self.is_framed && *byte == b'\n' {
                    send(b'\r');
                }
                send(*byte);
            }
        }
    }

    /// Puts bytes into the ring as they are: the protocol's first words.
    pub fn greet(&self, bytes: &[u8]) {
        self.state.lock().ring.push(bytes);
        self.pump(usize::MAX);
    }
}
