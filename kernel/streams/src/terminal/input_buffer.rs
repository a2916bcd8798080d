//! The typed bytes, each with a mark that says whether a line ends there.
//!
//! In chunks, because it grows with interrupts off: never more than one small
//! allocation for a byte.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

const CHUNK: usize = 4096;

struct Chunk {
    bytes: [u8; CHUNK],
    line_ends: [u64; CHUNK / 64],
}

/// A queue of bytes that also shrinks at its end (erasing).
#[derive(Default)]
pub struct InputBuffer {
    chunks: VecDeque<Box<Chunk>>,
    spare: Option<Box<Chunk>>,
    /// Position of the first byte in the first chunk.
    start: usize,
    length: usize,
}

impl InputBuffer {
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn push(&mut self, byte: u8, ends_line: bool) {
        let at = self.start + self.length;
        if at == self.chunks.len() * CHUNK {
            let chunk = self.spare.take().unwrap_or_else(|| {
                Box::new(Chunk {
                    bytes: [0; CHUNK],
                    line_ends: [0; CHUNK / 64],
                })
            });
            self.chunks.push_back(chunk);
        }
        if let Some(chunk) = self.chunks.get_mut(at / CHUNK) {
            chunk.bytes[at % CHUNK] = byte;
        }
        self.length += 1;
        self.mark(self.length - 1, ends_line);
    }

    /// The byte at `index`, counted from the oldest, and whether a line ends there.
    pub fn get(&self, index: usize) -> Option<(u8, bool)> {
        if index >= self.length {
            return None;
        }
        let at = self.start + index;
        let chunk = self.chunks.get(at / CHUNK)?;
        let within = at % CHUNK;
        let ends_line = chunk.line_ends[within / 64] >> (within % 64) & 1 == 1;
        Some((chunk.bytes[within], ends_line))
    }

    /// Sets whether a line ends at `index`.
    pub fn mark(&mut self, index: usize, ends_line: bool) {
        let at = self.start + index;
        if let Some(chunk) = self.chunks.get_mut(at / CHUNK) {
            let word = &mut chunk.line_ends[at % CHUNK / 64];
            let bit = 1 << (at % 64);
            *word = if ends_line { *word | bit } else { *word & !bit };
        }
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<(u8, bool)> {
        let first = self.get(0)?;
        self.start += 1;
        self.length -= 1;
        if self.start == CHUNK {
            self.spare = self.chunks.pop_front();
            self.start = 0;
        }
        Some(first)
    }

    /// Keeps the oldest `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        let chunks = (self.start + self.length).div_ceil(CHUNK);
        while self.chunks.len() > chunks.max(1) {
            self.spare = self.chunks.pop_back();
        }
    }
}
