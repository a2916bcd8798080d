//! Multiboot2, through the published crate.

use multiboot2::{BootInformation, BootInformationHeader, MemoryAreaType};

use super::{BootInfo, Region};
use crate::memory::direct;

pub(super) fn read(info: u64) -> BootInfo {
    let mut boot = BootInfo::empty();
    let address = direct::early(info) as *const BootInformationHeader;
    // SAFETY: the boot loader's information lies in memory that the boot tables map,
    // and nothing has written there yet; the crate checks sizes and the end tag.
    let Ok(information) = (unsafe { BootInformation::load(address) }) else {
        return boot;
    };
    if let Some(map) = information.memory_map_tag() {
        for area in map.memory_areas() {
            if area.typ() == MemoryAreaType::Available {
                boot.add_usable(area.start_address(), area.size());
            }
        }
    }
    if let Some(module) = information.module_tags().next() {
        boot.archive = Some(Region {
            start: u64::from(module.start_address()),
            end: u64::from(module.end_address()),
        });
    }
    if let Some(tag) = information.command_line_tag()
        && let Ok(text) = tag.cmdline()
    {
        boot.set_command_line(text.as_bytes());
    }
    // The tag holds a copy of the RSDP itself, so its address will do.
    boot.rsdp = information
        .rsdp_v2_tag()
        .map(|tag| core::ptr::from_ref(tag) as u64 + 8)
        .or_else(|| {
            information
                .rsdp_v1_tag()
                .map(|tag| core::ptr::from_ref(tag) as u64 + 8)
        })
        .map(direct::early_to_physical);
    boot
}
