//! The direct map: physical memory as the kernel reaches it.

use x86_64::PhysAddr;

use super::layout::{DIRECT_MAP, IMAGE};

/// How far the boot tables' direct map reaches.
const EARLY_LIMIT: u64 = 4 << 30;

/// Where the kernel sees this byte of physical memory.
#[must_use]
pub fn pointer(physical: PhysAddr) -> *mut u8 {
    (DIRECT_MAP + physical.as_u64()) as *mut u8
}

/// The physical address of a byte that [`pointer`] has shown.
#[must_use]
pub fn to_physical(pointer: *const u8) -> PhysAddr {
    PhysAddr::new(pointer as u64 - DIRECT_MAP)
}

/// As [`pointer`], for the addresses that the boot loader gives (below 4 GiB).
#[must_use]
pub fn early(physical: u64) -> *mut u8 {
    (DIRECT_MAP + physical % EARLY_LIMIT) as *mut u8
}

/// The physical address behind a direct-map address.
#[must_use]
pub fn early_to_physical(address: u64) -> u64 {
    address.wrapping_sub(DIRECT_MAP)
}

/// The physical address behind an address in the kernel image.
#[must_use]
pub fn image_to_physical(address: u64) -> u64 {
    address.wrapping_sub(IMAGE)
}

/// Reads a structure of the boot loader; None where it cannot lie in mapped memory.
pub fn read_early<T: Copy>(physical: u64) -> Option<T> {
    let end = physical.checked_add(size_of::<T>() as u64)?;
    if physical == 0 || end > EARLY_LIMIT {
        return None;
    }
    // SAFETY: the boot tables map this range; T is a plain structure of the boot
    // protocol, for which any bytes are a value.
    Some(unsafe { early(physical).cast::<T>().read_unaligned() })
}

/// Copies the string at `physical`, up to its NUL or the end of `buffer`; its length.
pub fn read_early_string(physical: u64, buffer: &mut [u8]) -> usize {
    let mut length = 0;
    while length < buffer.len() {
        match read_early::<u8>(physical + length as u64) {
            None | Some(0) => break,
            Some(byte) => buffer[length] = byte,
        }
        length += 1;
    }
    length
}
