//! A ring of bytes with a fixed size, allocated once.

use alloc::boxed::Box;
use alloc::vec;

/// First in, first out; never grows.
pub struct ByteRing {
    bytes: Box<[u8]>,
    start: usize,
    length: usize,
}

impl ByteRing {
    /// An empty ring for `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            start: 0,
            length: 0,
        }
    }

    /// Bytes inside.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.bytes.len() - self.length
    }

    /// Appends as many of `from` as fit; says how many.
    pub fn push(&mut self, from: &[u8]) -> usize {
        let count = from.len().min(self.room());
        let capacity = self.bytes.len();
        if count == 0 {
            return 0;
        }
        let tail = (self.start + self.length) % capacity;
        let first = count.min(capacity - tail);
        self.bytes[tail..tail + first].copy_from_slice(&from[..first]);
        self.bytes[..count - first].copy_from_slice(&from[first..count]);
        self.length += count;
        count
    }

    /// Appends all of `parts` one behind the other, or nothing; says whether.
    pub fn push_whole(&mut self, parts: &[&[u8]]) -> bool {
        if parts.iter().map(|part| part.len()).sum::<usize>() > self.room() {
            return false;
        }
        for part in parts {
            self.push(part);
        }
        true
    }

    /// Takes as many bytes as are there and fit into `to`; says how many.
    pub fn pop(&mut self, to: &mut [u8]) -> usize {
        let count = to.len().min(self.length);
        let capacity = self.bytes.len();
        if count == 0 {
            return 0;
        }
        let first = count.min(capacity - self.start);
        to[..first].copy_from_slice(&self.bytes[self.start..self.start + first]);
        to[first..count].copy_from_slice(&self.bytes[..count - first]);
        self.start = (self.start + count) % capacity;
        self.length -= count;
        count
    }

    /// Forgets what is inside.
    pub fn clear(&mut self) {
        self.start = 0;
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn behaves_as_a_bounded_deque(
            capacity in 0_usize..40,
            steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..50)), 0..60),
        ) {
            let mut ring = ByteRing::new(capacity);
            let mut model = VecDeque::new();
            for (is_push, bytes) in steps {
                if is_push {
                    let room = capacity - model.len();
                    let pushed = ring.push(&bytes);
                    prop_assert_eq!(pushed, bytes.len().min(room));
                    model.extend(&bytes[..pushed]);
                } else {
                    let mut to = std::vec![0; bytes.len()];
                    let count = ring.pop(&mut to);
                    let expected: Vec<u8> = model.drain(..bytes.len().min(model.len())).collect();
                    prop_assert_eq!(&to[..count], &expected[..]);
                }
                prop_assert_eq!(ring.len(), model.len());
            }
        }
    }
}
