//! Where output goes: our own streams, never blocking on them, or memory.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

/// The kernel promises a writable pipe room for this much (`PIPE_BUF`), so a write of
/// no more does not block.
const PIECE: usize = 4096;
/// With more than this waiting, no more is taken from the guest.
const FULL: usize = 256 * 1024;

/// Where one of the program's streams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Gathered for the caller.
    Memory,
    /// Our standard output.
    Stdout,
    /// Our standard error.
    Stderr,
}

/// A sink with what it has not taken yet.
pub struct Output {
    sink: Sink,
    waiting: VecDeque<u8>,
    is_closed: bool,
}

impl Output {
    /// An empty one.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self {
            sink,
            waiting: VecDeque::new(),
            is_closed: false,
        }
    }

    /// Adds bytes; dropped where nobody reads any more.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_closed {
            self.waiting.extend(bytes);
        }
    }

    /// Whether the guest must wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.sink != Sink::Memory && self.waiting.len() >= FULL
    }

    /// The descriptor that must become writable, where bytes wait.
    #[must_use]
    pub fn wants(&self) -> Option<BorrowedFd<'static>> {
        match self.sink {
            _ if self.waiting.is_empty() => None,
            Sink::Memory => None,
            Sink::Stdout => Some(rustix::stdio::stdout()),
            Sink::Stderr => Some(rustix::stdio::stderr()),
        }
    }

    /// Writes one piece to a descriptor that is writable.
    ///
    /// # Errors
    /// It takes no more: its reader is gone (`EPIPE`), or a disk is full.
    pub fn write_piece(&mut self) -> Result<(), Errno> {
        let Some(descriptor) = self.wants() else {
            return Ok(());
        };
        let (front, _) = self.waiting.as_slices();
        match rustix::io::write(descriptor, &front[..front.len().min(PIECE)]) {
            Ok(count) => {
                self.waiting.drain(..count);
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(error) => {
                self.waiting.clear();
                self.is_closed = true;
                Err(error)
            }
        }
    }

    /// What was gathered in memory.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.waiting.into()
    }
}
