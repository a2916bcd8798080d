//! The inside of a pipe: a queue of page slots, as Linux has it.
//!
//! The slots are visible to programs: how much a full pipe takes, when it is writable
//! again, and where a short write ends all follow from them (`fs/pipe.c`,
//! `pipe_write`): the odd bytes of a write go into the last slot where they fit as a
//! whole, everything else starts a slot of its own.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// Bytes in a slot.
pub const SLOT: usize = 4096;

struct Slot {
    page: Box<[u8; SLOT]>,
    start: usize,
    end: usize,
    /// One write in packet mode: nothing is added, and a read takes it alone.
    is_packet: bool,
}

/// Page slots between a pipe's writers and its readers.
pub struct PipeBuffer {
    slots: VecDeque<Slot>,
    limit: usize,
    length: usize,
    spare: Option<Box<[u8; SLOT]>>,
}

impl PipeBuffer {
    /// An empty pipe of `limit` slots.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            limit,
            length: 0,
            spare: None,
        }
    }

    /// Bytes inside (`FIONREAD`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether a read finds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether no slot is free: a write blocks, unless its bytes fit into the last slot.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.slots.len() >= self.limit
    }

    /// Slots in all (`F_GETPIPE_SZ` in pages).
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets the number of slots; false where more than that are in use.
    pub fn set_limit(&mut self, limit: usize) -> bool {
        if limit < self.slots.len() {
            return false;
        }
        self.limit = limit;
        true
    }

    /// Writes the odd bytes of a write of `count` bytes into the last slot, if they fit.
    /// `fill` puts bytes into the given place and says how many, or fails; what it has
    /// put there is in the pipe.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn append<E>(
        &mut self,
        count: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let odd = count % SLOT;
        match self.slots.back_mut() {
            Some(slot) if odd > 0 && !slot.is_packet && slot.end + odd <= SLOT => {
                let done = fill(&mut slot.page[slot.end..slot.end + odd])?.min(odd);
                slot.end += done;
                self.length += done;
                Ok(done)
            }
            _ => Ok(0),
        }
    }

    /// Writes up to a page of `count` bytes into a new slot. None where the pipe is full.
    ///
    /// # Errors
    /// Those of `fill`; no slot is taken then.
    pub fn push<E>(
        &mut self,
        count: usize,
        is_packet: bool,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Option<usize>, E> {
        if self.is_full() {
            return Ok(None);
        }
        let mut page = self.spare.take().unwrap_or_else(|| Box::new([0; SLOT]));
        let wanted = count.min(SLOT);
        match fill(&mut page[..wanted]) {
            Ok(done) if done > 0 => {
                let done = done.min(wanted);
                self.length += done;
                self.slots.push_back(Slot {
                    page,
                    start: 0,
                    end: done,
                    is_packet,
                });
                Ok(Some(done))
            }
            Ok(_) => {
                self.spare = Some(page);
                Ok(Some(0))
            }
            Err(error) => {
                self.spare = Some(page);
                Err(error)
            }
        }
    }

    /// Reads from the first slot: `drain` takes from the given bytes and says how many.
    /// The second value says whether the read ends here (a packet: what the reader has
    /// no room for is thrown away). None where the pipe is empty.
    ///
    /// # Errors
    /// Those of `drain`; nothing is taken then.
    pub fn pop<E>(
        &mut self,
        drain: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Result<Option<(usize, bool)>, E> {
        let Some(slot) = self.slots.front_mut() else {
            return Ok(None);
        };
        let done = drain(&slot.page[slot.start..slot.end])?.min(slot.end - slot.start);
        slot.start += done;
        self.length -= done;
        let is_packet = slot.is_packet;
        if is_packet || slot.start == slot.end {
            self.length -= slot.end - slot.start;
            if let Some(slot) = self.slots.pop_front() {
                self.spare = Some(slot.page);
            }
        }
        Ok(Some((done, is_packet)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::vec::Vec;

    fn write(pipe: &mut PipeBuffer, bytes: &[u8]) -> usize {
        let mut done = pipe
            .append(bytes.len(), |to| {
                to.copy_from_slice(&bytes[..to.len()]);
                Ok::<_, ()>(to.len())
            })
            .unwrap();
        while done < bytes.len() {
            let step = pipe
                .push(bytes.len() - done, false, |to| {
                    to.copy_from_slice(&bytes[done..done + to.len()]);
                    Ok::<_, ()>(to.len())
                })
                .unwrap();
            match step {
                Some(count) => done += count,
                None => break,
            }
        }
        done
    }

    fn read(pipe: &mut PipeBuffer, count: usize) -> Vec<u8> {
        let mut got = Vec::new();
        while got.len() < count {
            let step = pipe
                .pop(|from| {
                    let take = from.len().min(count - got.len());
                    got.extend_from_slice(&from[..take]);
                    Ok::<_, ()>(take)
                })
                .unwrap();
            if step.is_none() {
                break;
            }
        }
        got
    }

    proptest! {
        #[test]
        fn bytes_come_out_in_order_and_none_is_lost(
            steps in prop::collection::vec((any::<bool>(), 1_usize..20_000), 1..80),
        ) {
            let mut pipe = PipeBuffer::new(16);
            let mut model = VecDeque::new();
            let mut next = 0_u8;
            for (is_write, count) in steps {
                if is_write {
                    let bytes: Vec<u8> = (0..count).map(|i| next.wrapping_add(i as u8)).collect();
                    let done = write(&mut pipe, &bytes);
                    next = next.wrapping_add(done as u8);
                    model.extend(&bytes[..done]);
                    prop_assert!(done == count || pipe.is_full());
                } else {
                    let expected: Vec<u8> = model.drain(..count.min(model.len())).collect();
                    prop_assert_eq!(read(&mut pipe, count), expected);
                }
                prop_assert_eq!(pipe.len(), model.len());
                prop_assert_eq!(pipe.is_empty(), model.is_empty());
            }
        }
    }

    #[test]
    fn single_bytes_fill_a_pipe_to_its_last_byte() {
        let mut pipe = PipeBuffer::new(16);
        let mut count = 0;
        while write(&mut pipe, b"x") == 1 {
            count += 1;
        }
        assert_eq!(count, 65536);
        // One byte read frees no slot: not writable before a page is gone.
        read(&mut pipe, 1);
        assert!(pipe.is_full());
        read(&mut pipe, SLOT - 1);
        assert!(!pipe.is_full());
    }

    #[test]
    fn a_packet_is_read_alone_and_its_rest_is_dropped() {
        let mut pipe = PipeBuffer::new(16);
        for packet in [&b"first"[..], b"second"] {
            pipe.push(packet.len(), true, |to| {
                to.copy_from_slice(packet);
                Ok::<_, ()>(to.len())
            })
            .unwrap();
        }
        let step = pipe.pop(|from| Ok::<_, ()>(from.len().min(2))).unwrap();
        assert_eq!(step, Some((2, true)));
        assert_eq!(read(&mut pipe, 6), b"second");
        assert_eq!(pipe.len(), 0);
    }
}
