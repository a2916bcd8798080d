//! What the boot loader tells us, made one: memory map, boot archive, command line,
//! RSDP. Everything in it is checked before it is believed.

mod entry;
mod multiboot2;
mod pvh;

use std::vec::Vec;

/// Magic in EAX under multiboot2 (specification 3.3).
const MULTIBOOT2_MAGIC: u32 = 0x36d7_6289;

/// A run of physical memory, in bytes: `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
}

/// Most regions that are looked at; firmware that reports more loses the rest.
pub const MAX_REGIONS: usize = 128;

/// What the boot loader handed over. Fixed in size: there is no heap yet.
pub struct BootInfo {
    regions: [Region; MAX_REGIONS],
    region_count: usize,
    /// The boot archive (initramfs), where it is now.
    pub archive: Option<Region>,
    command_line: [u8; 1024],
    command_line_length: usize,
    /// Physical address of ACPI's root pointer.
    pub rsdp: Option<u64>,
}

impl BootInfo {
    const fn empty() -> Self {
        Self {
            regions: [Region { start: 0, end: 0 }; MAX_REGIONS],
            region_count: 0,
            archive: None,
            command_line: [0; 1024],
            command_line_length: 0,
            rsdp: None,
        }
    }

    /// Usable memory, as reported; regions may touch, and may even overlap.
    #[must_use]
    pub fn usable(&self) -> &[Region] {
        &self.regions[..self.region_count]
    }

    /// The kernel command line, without its NUL.
    #[must_use]
    pub fn command_line(&self) -> Vec<u8> {
        self.command_line[..self.command_line_length].to_vec()
    }

    fn add_usable(&mut self, start: u64, length: u64) {
        let Some(end) = start.checked_add(length) else {
            return;
        };
        if length > 0 && self.region_count < MAX_REGIONS {
            self.regions[self.region_count] = Region { start, end };
            self.region_count += 1;
        }
    }

    fn set_command_line(&mut self, text: &[u8]) {
        let length = text.len().min(self.command_line.len());
        self.command_line[..length].copy_from_slice(&text[..length]);
        self.command_line_length = length;
    }
}

/// Reads what the boot loader left. `magic` and `info` are what the entry code saved:
/// multiboot2's magic or 0 for PVH, and the physical address of the information.
pub fn read(magic: u32, info: u64) -> BootInfo {
    if magic == MULTIBOOT2_MAGIC {
        multiboot2::read(info)
    } else {
        pvh::read(info)
    }
}
