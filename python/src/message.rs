//! Encoded values on their way: what `RG_SEND`, `RG_RECEIVE` and their like are given,
//! and what they gave. The format of the bytes is the codec's.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};

use roentgen_abi::message::{
    LEAST_RANGE, MOST_BYTES, MOST_DESCRIPTORS, MOST_RANGES, Message, Range,
};
use rustpython_vm::{PyResult, VirtualMachine};

use crate::codec::{self, Arrived, Encoded, Holder, IN_RANGE, Parts, Piece};

const _: () = assert!(
    MOST_BYTES >= LEAST_RANGE - 1,
    "what is too large to be copied is large enough for a range"
);

/// Room for a message's bytes before it is known how many there are.
const ROOM: usize = 4096;

/// An encoded value with the arrays that a [`Message`] points to.
pub(crate) struct Outgoing {
    encoded: Encoded,
    ranges: Vec<Range>,
}

impl Outgoing {
    pub(crate) fn new(mut encoded: Encoded) -> Self {
        if encoded.bytes.len() > MOST_BYTES {
            let block = std::mem::replace(&mut encoded.bytes, vec![IN_RANGE]);
            encoded.pieces.push(Piece {
                address: block.as_ptr().addr(),
                length: block.len(),
                holder: Holder::Block(block),
            });
        }
        let ranges = encoded.pieces.iter().map(|piece| Range {
            address: piece.address as u64,
            length: piece.length as u64,
        });
        let ranges = ranges.collect();
        Self { encoded, ranges }
    }

    /// The message. Valid as long as `self` is borrowed.
    pub(crate) fn message(&self) -> Message {
        let Encoded {
            bytes, descriptors, ..
        } = &self.encoded;
        Message {
            bytes: bytes.as_ptr().addr() as u64,
            length: bytes.len() as u64,
            ranges: self.ranges.as_ptr().addr() as u64,
            range_count: self.ranges.len() as u64,
            descriptors: descriptors.as_ptr().addr() as u64,
            descriptor_count: descriptors.len() as u64,
        }
    }
}

/// A message that arrived.
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    parts: Parts,
}

impl Incoming {
    /// Whether there is none: not even a version byte.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value in it.
    ///
    /// # Errors
    /// [`codec::decode`]'s.
    pub(crate) fn decode(mut self, vm: &VirtualMachine) -> PyResult {
        if self.bytes != [IN_RANGE] {
            return codec::decode(&self.bytes, self.parts, vm);
        }
        match self.parts.ranges.pop() {
            Some(Some(Arrived::Block(block))) => codec::decode(&block, self.parts, vm),
            _ => codec::decode(&self.bytes, self.parts, vm),
        }
    }
}

/// Takes a message by `call`, which fills in the message that it is given, as `RG_RECEIVE`
/// does.
///
/// # Errors
/// `call`'s, other than that the room was too small.
pub(crate) fn receive(
    mut call: impl FnMut(&mut Message) -> io::Result<()>,
) -> io::Result<Incoming> {
    let mut ranges = [const { MaybeUninit::<Range>::uninit() }; MOST_RANGES];
    let mut descriptors = [const { MaybeUninit::<i32>::uninit() }; MOST_DESCRIPTORS];
    let mut small = [const { MaybeUninit::<u8>::uninit() }; ROOM];
    let mut large: Vec<u8> = Vec::new();
    loop {
        let (address, length) = if large.capacity() == 0 {
            (small.as_mut_ptr().addr(), ROOM)
        } else {
            (large.as_mut_ptr().addr(), large.capacity())
        };
        let mut message = Message {
            bytes: address as u64,
            length: length as u64,
            ranges: ranges.as_mut_ptr().expose_provenance() as u64,
            range_count: MOST_RANGES as u64,
            descriptors: descriptors.as_mut_ptr().expose_provenance() as u64,
            descriptor_count: MOST_DESCRIPTORS as u64,
        };
        match call(&mut message) {
            Ok(()) => {}
            Err(error)
                if error.raw_os_error() == Some(libc::EMSGSIZE)
                    && message.length as usize > length =>
            {
                // Others may take it meanwhile: then the next one decides.
                large.reserve_exact(message.length as usize);
                continue;
            }
            Err(error) => return Err(error),
        }
        let arrived = (message.length as usize).min(length);
        let bytes = if large.capacity() == 0 {
            // SAFETY: the kernel wrote `message.length` bytes there.
            unsafe { std::slice::from_raw_parts(small.as_ptr().cast::<u8>(), arrived) }.to_vec()
        } else {
            // SAFETY: as above, within the capacity.
            unsafe { large.set_len(arrived) };
            large
        };
        let ranges = ranges
            .iter()
            .take(message.range_count as usize)
            .map(|range| {
                // SAFETY: the kernel wrote that many ranges.
                let range = unsafe { range.assume_init() };
                let address = std::ptr::with_exposed_provenance_mut(range.address as usize);
                let length = range.length as usize;
                // SAFETY: a mapping of the kernel's making that is ours alone, in whole pages
                // and at least LEAST_RANGE long: what the allocator would have made for a
                // block of this size, and so unmaps.
                let block = unsafe { Vec::from_raw_parts(address, length, length) };
                Some(Arrived::Block(block))
            });
        let descriptors = descriptors.iter().take(message.descriptor_count as usize);
        let descriptors = descriptors.map(|number| {
            // SAFETY: the kernel wrote that many numbers, of descriptors that it made for us.
            Some(unsafe { OwnedFd::from_raw_fd(number.assume_init()) })
        });
        return Ok(Incoming {
            bytes,
            parts: Parts {
                ranges: ranges.collect(),
                descriptors: descriptors.collect(),
            },
        });
    }
}
