//! PVH: `hvm_start_info` (Xen's `public/arch-x86/hvm/start_info.h`, version 1).

use super::{BootInfo, Region};
use crate::memory::direct;

/// "xEn3" with its top bit set.
const MAGIC: u32 = 0x336e_c578;
const E820_RAM: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Module {
    address: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct MemoryMapEntry {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

pub(super) fn read(info: u64) -> BootInfo {
    let mut boot = BootInfo::empty();
    let Some(start) = direct::read_early::<StartInfo>(info) else {
        return boot;
    };
    if start.magic != MAGIC {
        return boot;
    }
    boot.rsdp = (start.rsdp != 0).then_some(start.rsdp);
    if start.module_count > 0
        && let Some(module) = direct::read_early::<Module>(start.modules)
        && let Some(end) = module.address.checked_add(module.size)
    {
        boot.archive = Some(Region {
            start: module.address,
            end,
        });
    }
    let mut text = [0_u8; 1024];
    let length = direct::read_early_string(start.command_line, &mut text);
    boot.set_command_line(&text[..length]);
    if start.version >= 1 {
        for index in 0..u64::from(start.memory_map_entries).min(super::MAX_REGIONS as u64) {
            let at = start.memory_map + index * size_of::<MemoryMapEntry>() as u64;
            if let Some(entry) = direct::read_early::<MemoryMapEntry>(at)
                && entry.kind == E820_RAM
            {
                boot.add_usable(entry.address, entry.size);
            }
        }
    }
    boot
}
