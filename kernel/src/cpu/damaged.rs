//! Firmware tables that are damaged on purpose: `damage_tables=SEED` on the kernel's command line,
//! for the tests that the machine starts all the same.

use smp::madt::{PhysicalMemory, Unreadable};

/// Physical memory in which about one byte of 256 reads as another, always the same.
pub struct Damaged<M> {
    memory: M,
    seed: Option<u64>,
}

impl<M> Damaged<M> {
    /// This memory as it is, where there is no seed.
    pub fn new(memory: M, seed: Option<u64>) -> Self {
        Self { memory, seed }
    }
}

impl<M: PhysicalMemory> PhysicalMemory for Damaged<M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        self.memory.read(address, buffer)?;
        if let Some(seed) = self.seed {
            for (at, byte) in (address..).zip(buffer) {
                *byte ^= damage(seed, at);
            }
        }
        Ok(())
    }

    fn is_usable_ram(&self, address: u64, length: u64) -> bool {
        self.memory.is_usable_ram(address, length)
    }
}

/// What is wrong with the byte at an address: the bits that are turned, mostly none.
fn damage(seed: u64, address: u64) -> u8 {
    let mixed = (seed ^ address.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(address);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let [chance, bits, ..] = (mixed ^ (mixed >> 31)).to_be_bytes();
    if chance == 0 { bits } else { 0 }
}
