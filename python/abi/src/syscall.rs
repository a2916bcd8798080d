//! Roentgen's own system calls: one block of numbers far above Linux's and x32's.
//!
//! Calling convention is Linux x86-64's (System V ABI, AMD64 supplement, A.2.1). On a
//! kernel that is not Roentgen each of these numbers answers `ENOSYS`, and that is how
//! a program tells where it runs.

/// First number of the block. x32 ends far below (bit 30 plus a small number).
pub const BASE: usize = 0x5267_0000;

/// `version() -> u32`: the version of this block, [`VERSION`] on this kernel.
pub const RG_VERSION: usize = BASE;

/// `memory(buf: *mut MemoryInfo, size: usize) -> 0`: the machine's memory in bytes.
///
/// Writes `min(size, size_of::<MemoryInfo>())` bytes. Errors: `EFAULT`.
pub const RG_MEMORY: usize = BASE + 1;

/// `counters(buf: *mut u8, size: usize) -> usize`: every kernel counter as text, a line
/// each: name, space, decimal value. Returns the full length in bytes, also where `size`
/// was smaller. Errors: `EFAULT`.
pub const RG_COUNTERS: usize = BASE + 2;

/// `cores(buf: *mut u8, size: usize) -> usize`: what each core has done, as a
/// [table](crate::table). Returns the full length in bytes, also where `size` was
/// smaller. Errors: `EFAULT`.
pub const RG_CORES: usize = BASE + 3;

/// `threads(buf: *mut u8, size: usize) -> usize`: every thread of every process, as a
/// [table](crate::table). Length and errors as [`RG_CORES`].
pub const RG_THREADS: usize = BASE + 4;

/// What [`RG_VERSION`] returns.
pub const VERSION: u32 = 2;

/// The machine's memory, in bytes. `total` is the sum of all others:
/// every frame is in exactly one state at any time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryInfo {
    /// Usable memory that the firmware reported.
    pub total: u64,
    /// Frames that nobody uses.
    pub free: u64,
    /// Page-table pages of user address spaces.
    pub page_tables: u64,
    /// Pages of processes and of files in memory.
    pub user: u64,
    /// Frames given to the kernel heap.
    pub kernel_heap: u64,
    /// Kernel stacks.
    pub kernel_stacks: u64,
    /// The kernel image, the initramfs and what was set aside at boot.
    pub boot: u64,
}

impl MemoryInfo {
    /// The fields in order, as words. The layout above has no padding.
    #[must_use]
    pub fn to_words(&self) -> [u64; 7] {
        [
            self.total,
            self.free,
            self.page_tables,
            self.user,
            self.kernel_heap,
            self.kernel_stacks,
            self.boot,
        ]
    }
}
