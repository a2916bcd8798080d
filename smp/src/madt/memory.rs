//! Physical memory as the table reader sees it: a thing that may say no.

use alloc::vec;
use alloc::vec::Vec;

/// The memory at an address cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Physical memory, as far as it is mapped.
pub trait PhysicalMemory {
    /// Fills `buffer` from physical `address`.
    ///
    /// # Errors
    /// [`Unreadable`] when any byte of the range is not mapped (or the range wraps);
    /// `buffer` may then be partly written.
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Unreadable>;

    /// Whether any byte of the range is RAM that the kernel hands out. Device registers
    /// that the tables claim to be there are not believed. The default knows nothing.
    fn is_usable_ram(&self, address: u64, length: u64) -> bool {
        let _ = (address, length);
        false
    }
}

/// How finely the readable part of a range is looked for.
const PREFIX_STEP: usize = 64;

/// As many bytes of `address..address + length` as can be read, from its start.
pub(super) fn read_prefix(memory: &impl PhysicalMemory, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if memory.read(address, &mut bytes).is_ok() {
        return bytes;
    }
    let mut good = 0;
    for chunk in bytes.chunks_mut(PREFIX_STEP) {
        let Some(at) = address.checked_add(good as u64) else {
            break;
        };
        if memory.read(at, chunk).is_err() {
            break;
        }
        good += chunk.len();
    }
    bytes.truncate(good);
    bytes
}

/// The sum that is zero in a sound table (ACPI 5.2.5.3).
pub(super) fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Little-endian u32 at `offset`, zero where there is none.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |raw| u32::from_le_bytes(*raw))
}

/// Little-endian u64 at `offset`, zero where there is none.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |raw| u64::from_le_bytes(*raw))
}
