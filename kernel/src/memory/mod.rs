//! Memory: frames, the kernel's own mappings and heap, address spaces, user copies.

pub mod area;
pub mod direct;
pub mod failing;
pub mod fault;
pub mod frame;
pub mod frozen;
pub mod heap;
pub mod kernel_map;
pub mod ledger;
pub mod loaded;
pub mod object;
pub mod pressure;
pub mod saved;
pub mod space;
pub mod stacks;
pub mod tables;
pub mod tlb;
pub mod trace;
pub mod user;
mod window;
mod written;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

/// The kernel's half of every address space, by top-level entry (512 GiB each).
pub mod layout {
    /// All physical memory, at its address plus this.
    pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
    /// Bytes that each of the windows below has: one top-level entry.
    pub const WINDOW: u64 = 1 << 39;
    /// What of the kernel heap is no small block.
    pub const HEAP: u64 = 0xffff_c000_0000_0000;
    /// Kernel stacks, each below an unmapped guard.
    pub const STACKS: u64 = 0xffff_d000_0000_0000;
    /// Device registers.
    pub const DEVICES: u64 = 0xffff_e000_0000_0000;
    /// The kernel image's load address plus this is where it is linked.
    pub const IMAGE: u64 = 0xffff_ffff_8000_0000;
}
