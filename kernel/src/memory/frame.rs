//! Physical frames: who has them, how often they are referred to, which are free.
//!
//! Every usable frame has an entry in one array: its reference count. Free frames stand
//! on per-core stacks, and behind those on one global stack; memory that was never used
//! is a run that is cut from its front, so that boot does not touch it. `free` is what
//! the uses leave of the total, so that every reading adds up; [`count_free`] walks the
//! lists and must come to the same.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use bugs::Bug;
use roentgen_abi::syscall::MemoryInfo;
use x86_64::PhysAddr;

use super::ledger::{self, Ledger};
use super::{PAGE_SIZE, direct, failing, heap};
use crate::boot::{BootInfo, MAX_REGIONS, Region};
use crate::cpu;
use crate::sync::{InterruptsOff, IrqLock};

/// No frame is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Whether it is a limit of who asked, and the machine has some.
    pub is_limit: bool,
}

/// The machine has none.
pub const OUT_OF_MEMORY: OutOfMemory = OutOfMemory { is_limit: false };

impl From<OutOfMemory> for crate::errno::Errno {
    fn from(_: OutOfMemory) -> Self {
        Self::ENOMEM
    }
}

/// What a frame is used for; the accounting of `RG_MEMORY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FrameUse {
    /// Page tables of user address spaces.
    PageTable = 0,
    /// Pages of processes and files.
    User = 1,
    /// The kernel heap, and the kernel's own page tables.
    KernelHeap = 2,
    /// Kernel stacks.
    KernelStack = 3,
}

const USES: usize = 4;

/// One entry per physical frame. The count is 0 for a free frame; [`ETERNAL`] for what
/// is never given back (boot archive, holes).
struct FrameInfo {
    references: AtomicU32,
    /// While free: number of the next free frame plus one. While used: its [`FrameUse`].
    link: AtomicU32,
    /// Of a page table: the groups of entries among which references are, a bit each. Of the
    /// heap's small blocks: how many of its own a trim has found free.
    groups: AtomicU32,
    /// Who is charged for it; null: nobody.
    ledger: AtomicPtr<Ledger>,
}

const ETERNAL: u32 = u32::MAX / 2;

/// Frames that a core keeps to itself.
const CORE_CACHE: usize = 64;

struct FreeList {
    /// Number of the first free frame plus one; 0 where there is none.
    head: u32,
    length: usize,
    /// Memory that was never given out, as frame numbers.
    untouched: [(u32, u32); MAX_REGIONS],
    untouched_count: usize,
}

/// One core's free frames.
pub struct CoreFrames {
    frames: [u32; CORE_CACHE],
    length: usize,
    /// Who is charged for what is allocated here; kept by the process that runs.
    ledger: Option<NonNull<Ledger>>,
}

impl CoreFrames {
    /// No frames.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            frames: [0; CORE_CACHE],
            length: 0,
            ledger: None,
        }
    }
}

static INFO: AtomicUsize = AtomicUsize::new(0);
static INFO_LENGTH: AtomicUsize = AtomicUsize::new(0);
static FREE: IrqLock<FreeList> = IrqLock::new(FreeList {
    head: 0,
    length: 0,
    untouched: [(0, 0); MAX_REGIONS],
    untouched_count: 0,
});
static TOTAL: AtomicU64 = AtomicU64::new(0);
static BOOT: AtomicU64 = AtomicU64::new(0);
static USED: [AtomicU64; USES] = [const { AtomicU64::new(0) }; USES];

fn info(number: u32) -> &'static FrameInfo {
    let number = number as usize;
    assert!(
        number < INFO_LENGTH.load(Ordering::Relaxed),
        "no such frame"
    );
    // SAFETY: `init` made the array of INFO_LENGTH entries, which is never freed.
    unsafe { &*(INFO.load(Ordering::Relaxed) as *const FrameInfo).add(number) }
}

/// Takes over the machine's memory.
///
/// Regions are cut to whole frames below `limit`; what `reserved` covers (kernel image,
/// boot archive, the first MiB) is counted as boot memory and never given out.
///
/// # Errors
/// There is no room for the frame array.
pub fn init(boot: &BootInfo, reserved: &[Region]) -> Result<(), OutOfMemory> {
    let mut pieces = [Region { start: 0, end: 0 }; MAX_REGIONS];
    let (count, total) = usable_pieces(boot, reserved, &mut pieces);
    let pieces = &mut pieces[..count];
    let highest = pieces.iter().map(|piece| piece.end).max().unwrap_or(0);
    let archive_end = reserved.iter().map(|region| region.end).max().unwrap_or(0);
    let frames = highest.max(archive_end).div_ceil(PAGE_SIZE as u64) as usize;
    let bytes = (frames * size_of::<FrameInfo>()).next_multiple_of(PAGE_SIZE) as u64;

    // The array lies in the first piece below 4 GiB that holds it (the boot tables'
    // reach).
    let home = pieces
        .iter_mut()
        .find(|piece| piece.end - piece.start >= bytes && piece.start + bytes <= 4 << 30)
        .ok_or(OUT_OF_MEMORY)?;
    let array = direct::early(home.start);
    home.start += bytes;
    // SAFETY: this memory is usable, mapped, and from now on only the array's.
    unsafe { core::ptr::write_bytes(array, 0, bytes as usize) };
    INFO.store(array as usize, Ordering::Relaxed);
    INFO_LENGTH.store(frames, Ordering::Relaxed);

    let mut free = FREE.lock();
    let mut left = 0;
    // The last piece is used first, and what is used first must lie below 4 GiB: the
    // boot tables reach no further, and the other cores load CR3 with 32 bits.
    pieces.sort_unstable_by_key(|piece| (piece.start < 4 << 30, piece.start));
    for piece in pieces.iter().filter(|piece| piece.end > piece.start) {
        let range = (
            (piece.start / PAGE_SIZE as u64) as u32,
            (piece.end / PAGE_SIZE as u64) as u32,
        );
        let slot = free.untouched_count;
        free.untouched[slot] = range;
        free.untouched_count += 1;
        left += piece.end - piece.start;
    }
    super::pressure::init(left);
    TOTAL.store(total, Ordering::Relaxed);
    BOOT.store(total - left, Ordering::Relaxed);
    for region in reserved {
        let first = region.start / PAGE_SIZE as u64;
        for number in first..region.end.div_ceil(PAGE_SIZE as u64) {
            info(number as u32)
                .references
                .store(ETERNAL, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Cuts the usable regions to whole frames, removes overlaps and what is reserved.
/// Returns the number of pieces and the total of usable bytes, reserved ones included.
fn usable_pieces(
    boot: &BootInfo,
    reserved: &[Region],
    pieces: &mut [Region; MAX_REGIONS],
) -> (usize, u64) {
    let page = PAGE_SIZE as u64;
    // Frame numbers are 32 bits; 16 TiB is also all that the direct map reserves.
    let limit = 1_u64 << 44;
    let mut regions = [Region { start: 0, end: 0 }; MAX_REGIONS];
    let usable = boot.usable();
    regions[..usable.len()].copy_from_slice(usable);
    let regions = &mut regions[..usable.len()];
    regions.sort_unstable_by_key(|region| region.start);
    let mut holes = [Region { start: 0, end: 0 }; 8];
    let hole_count = reserved.len().min(holes.len());
    holes[..hole_count].copy_from_slice(&reserved[..hole_count]);
    let holes = &mut holes[..hole_count];
    holes.sort_unstable_by_key(|hole| hole.start);

    let (mut count, mut total, mut covered) = (0, 0, 0);
    for region in regions.iter() {
        let start = region.start.max(covered).next_multiple_of(page);
        let end = region.end.min(limit) / page * page;
        if start >= end {
            continue;
        }
        covered = end;
        total += end - start;
        let mut from = start;
        for hole in holes.iter() {
            let (hole_start, hole_end) =
                (hole.start / page * page, hole.end.next_multiple_of(page));
            if hole_end <= from || hole_start >= end {
                continue;
            }
            if hole_start > from && count < pieces.len() {
                pieces[count] = Region {
                    start: from,
                    end: hole_start,
                };
                count += 1;
            }
            from = hole_end;
        }
        if from < end && count < pieces.len() {
            pieces[count] = Region { start: from, end };
            count += 1;
        }
    }
    (count, total)
}

impl FreeList {
    fn available(&self) -> u64 {
        let untouched = &self.untouched[..self.untouched_count];
        let never_given: u64 = untouched
            .iter()
            .map(|(start, end)| u64::from(end - start))
            .sum();
        self.length as u64 + never_given
    }

    fn pop(&mut self) -> Option<u32> {
        if self.head != 0 {
            let number = self.head - 1;
            self.head = info(number).link.load(Ordering::Relaxed);
            self.length -= 1;
            return Some(number);
        }
        while self.untouched_count > 0 {
            let (start, end) = &mut self.untouched[self.untouched_count - 1];
            if start < end {
                *start += 1;
                return Some(*start - 1);
            }
            self.untouched_count -= 1;
        }
        None
    }

    fn push(&mut self, number: u32) {
        info(number).link.store(self.head, Ordering::Relaxed);
        self.head = number + 1;
        self.length += 1;
    }
}

/// A free frame's number. The last ones are for who `may_use_reserve`.
fn take_number(may_use_reserve: bool) -> Option<u32> {
    let interrupts_off = InterruptsOff::new();
    let Some(cache) = cpu::frames(&interrupts_off) else {
        return FREE.lock().pop();
    };
    if cache.length == 0 {
        let mut free = FREE.lock();
        if free.available() <= super::pressure::reserved_frames() {
            // No more than is asked for: others would empty the cache.
            return if may_use_reserve { free.pop() } else { None };
        }
        while cache.length < CORE_CACHE / 2 {
            let Some(number) = free.pop() else { break };
            cache.frames[cache.length] = number;
            cache.length += 1;
        }
    }
    cache.length = cache.length.checked_sub(1)?;
    Some(cache.frames[cache.length])
}

fn give_number(number: u32) {
    let interrupts_off = InterruptsOff::new();
    let Some(cache) = cpu::frames(&interrupts_off) else {
        FREE.lock().push(number);
        return;
    };
    if cache.length == CORE_CACHE {
        let mut free = FREE.lock();
        while cache.length > CORE_CACHE / 2 {
            cache.length -= 1;
            free.push(cache.frames[cache.length]);
        }
    }
    cache.frames[cache.length] = number;
    cache.length += 1;
}

/// Charges a frame to whoever runs on this core; whom.
fn charge() -> Result<Option<NonNull<Ledger>>, OutOfMemory> {
    let off = InterruptsOff::new();
    let Some(ledger) = cpu::frames(&off).and_then(|frames| frames.ledger) else {
        return Ok(None);
    };
    // SAFETY: the process that runs here keeps it, and no other one begins to meanwhile.
    match unsafe { ledger::charge(ledger) } {
        Ok(()) => Ok(Some(ledger)),
        Err(ledger::Refused) => Err(OutOfMemory { is_limit: true }),
    }
}

fn credit(charged: Option<NonNull<Ledger>>) {
    if let Some(ledger) = charged {
        // SAFETY: charged once, when the frame was allocated.
        unsafe { ledger::credit(ledger) };
    }
}

/// Has what this core allocates from now on charged to this ledger.
///
/// # Safety
/// It is kept until the next call.
pub unsafe fn charge_to(ledger: Option<NonNull<Ledger>>, off: &InterruptsOff) {
    if let Some(frames) = cpu::frames(off) {
        frames.ledger = ledger;
    }
}

/// A reference to a frame. Clones refer to the same frame; the last one to go gives it
/// back.
pub struct Frame(u32);

impl Frame {
    /// A frame of zeros.
    ///
    /// # Errors
    /// No frame is free.
    pub fn allocate_zeroed(purpose: FrameUse) -> Result<Self, OutOfMemory> {
        let frame = Self::allocate(purpose)?;
        if purpose != FrameUse::User || !bugs::has(Bug::DirtyFrames) {
            // SAFETY: the frame is ours alone.
            unsafe { clear(frame.pointer()) };
        }
        Ok(frame)
    }

    /// A frame with whatever was in it: the caller overwrites all of it.
    ///
    /// # Errors
    /// No frame is free.
    pub fn allocate(purpose: FrameUse) -> Result<Self, OutOfMemory> {
        if purpose != FrameUse::KernelHeap && failing::must_fail() {
            return Err(OUT_OF_MEMORY);
        }
        let is_charged = matches!(purpose, FrameUse::PageTable | FrameUse::User);
        let charged = if is_charged { charge()? } else { None };
        let take = || take_number(purpose == FrameUse::KernelHeap);
        let number = take().or_else(|| heap::trim().then(take)?);
        let Some(number) = number else {
            credit(charged);
            return Err(OUT_OF_MEMORY);
        };
        let entry = info(number);
        let ledger = charged.map_or(core::ptr::null_mut(), NonNull::as_ptr);
        entry.ledger.store(ledger, Ordering::Relaxed);
        debug_assert_eq!(entry.references.load(Ordering::Relaxed), 0);
        entry.link.store(purpose as u32, Ordering::Relaxed);
        entry.references.store(1, Ordering::Relaxed);
        entry.groups.store(0, Ordering::Relaxed);
        USED[purpose as usize].fetch_add(1, Ordering::Relaxed);
        Ok(Self(number))
    }

    /// A new frame with this one's bytes.
    ///
    /// # Errors
    /// No frame is free.
    pub fn copy(&self, purpose: FrameUse) -> Result<Self, OutOfMemory> {
        // SAFETY: this one is a reference.
        unsafe { Self::copy_of(self.physical(), purpose) }
    }

    /// A new frame with the bytes of the one at `physical`.
    ///
    /// # Safety
    /// Somebody keeps a reference to it meanwhile.
    ///
    /// # Errors
    /// No frame is free.
    pub unsafe fn copy_of(physical: PhysAddr, purpose: FrameUse) -> Result<Self, OutOfMemory> {
        let copy = Self::allocate(purpose)?;
        // SAFETY: both are whole frames in the direct map, and the copy is ours alone.
        unsafe { copy_page(copy.pointer(), direct::pointer(physical)) };
        Ok(copy)
    }

    /// A reference to a frame of the boot archive, which is never given back.
    ///
    /// # Panics
    /// Where the address lies outside of all memory.
    #[must_use]
    pub fn from_boot_archive(physical: u64) -> Self {
        let number = (physical / PAGE_SIZE as u64) as u32;
        let before = info(number).references.fetch_add(1, Ordering::Relaxed);
        assert!(before >= ETERNAL, "not a frame of the boot archive");
        Self(number)
    }

    /// Takes over the reference that a page-table entry held.
    ///
    /// # Safety
    /// The entry referred to this frame and is gone, or will not be used again.
    #[must_use]
    pub unsafe fn from_entry(physical: PhysAddr) -> Self {
        Self((physical.as_u64() / PAGE_SIZE as u64) as u32)
    }

    /// Gives the reference to a page-table entry.
    #[must_use]
    pub fn into_entry(self) -> PhysAddr {
        ManuallyDrop::new(self).physical()
    }

    /// Adds a reference for a second entry to the frame at `physical`.
    ///
    /// # Safety
    /// An entry that stays in place meanwhile refers to it.
    pub unsafe fn add_reference(physical: PhysAddr) {
        let number = (physical.as_u64() / PAGE_SIZE as u64) as u32;
        info(number).references.fetch_add(1, Ordering::Relaxed);
    }

    /// How many references there are to the frame at `physical`.
    ///
    /// # Safety
    /// An entry that stays in place meanwhile refers to it.
    #[must_use]
    pub unsafe fn references_of(physical: PhysAddr) -> u32 {
        let number = (physical.as_u64() / PAGE_SIZE as u64) as u32;
        info(number).references.load(Ordering::Acquire)
    }

    /// Physical address of the first byte.
    #[must_use]
    pub fn physical(&self) -> PhysAddr {
        PhysAddr::new(u64::from(self.0) * PAGE_SIZE as u64)
    }

    /// The frame in the direct map.
    #[must_use]
    pub fn pointer(&self) -> *mut u8 {
        direct::pointer(self.physical())
    }

    /// Its bytes. Others may write them meanwhile, where the frame is shared memory.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: a whole frame in the direct map, kept alive by this reference.
        unsafe { core::slice::from_raw_parts(self.pointer(), PAGE_SIZE) }
    }

    /// Its bytes, to write.
    ///
    /// # Safety
    /// Either nobody else refers to the frame, or it is shared memory, for which torn
    /// and concurrent bytes are allowed.
    #[must_use]
    #[allow(
        clippy::mut_from_ref,
        reason = "shared memory; the caller answers for it"
    )]
    pub unsafe fn bytes_mut(&self) -> &mut [u8] {
        // SAFETY: a whole frame in the direct map; the caller's promise for the rest.
        unsafe { core::slice::from_raw_parts_mut(self.pointer(), PAGE_SIZE) }
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        info(self.0).references.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let entry = info(self.0);
        if entry.references.fetch_sub(1, Ordering::Release) == 1 {
            core::sync::atomic::fence(Ordering::Acquire);
            let purpose = entry.link.load(Ordering::Relaxed) as usize;
            USED[purpose.min(USES - 1)].fetch_sub(1, Ordering::Relaxed);
            credit(NonNull::new(entry.ledger.load(Ordering::Relaxed)));
            give_number(self.0);
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Frame({:#x})", self.physical().as_u64())
    }
}

/// Zeroes a page. Under TCG `rep stosq` is the fastest there is.
///
/// # Safety
/// `page` is a whole frame that nobody else uses.
unsafe fn clear(page: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!("rep stosq", inout("rdi") page => _, inout("rcx") PAGE_SIZE / 8 => _,
            in("rax") 0_u64, options(nostack, preserves_flags));
    }
}

/// Copies a page, by words: under TCG `rep movsb` is three times slower.
///
/// # Safety
/// Both are whole frames, and nobody else uses `to`.
unsafe fn copy_page(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!("rep movsq", inout("rdi") to => _, inout("rsi") from => _,
            inout("rcx") PAGE_SIZE / 8 => _, options(nostack, preserves_flags));
    }
}

/// How memory is used, now, in bytes.
#[must_use]
pub fn memory_info() -> MemoryInfo {
    let page = PAGE_SIZE as u64;
    let used = [0, 1, 2, 3].map(|purpose: usize| USED[purpose].load(Ordering::Relaxed) * page);
    let total = TOTAL.load(Ordering::Relaxed);
    let boot = BOOT.load(Ordering::Relaxed);
    MemoryInfo {
        total,
        free: total.saturating_sub(boot + used.iter().sum::<u64>()),
        page_tables: used[FrameUse::PageTable as usize],
        user: used[FrameUse::User as usize],
        kernel_heap: used[FrameUse::KernelHeap as usize],
        kernel_stacks: used[FrameUse::KernelStack as usize],
        boot,
    }
}

/// Frames on all free lists, in bytes, counted one by one: equal to
/// [`MemoryInfo::free`] while nobody allocates.
#[must_use]
pub fn count_free() -> u64 {
    let free = FREE.lock();
    let mut frames = free.available();
    drop(free);
    frames += cpu::cached_frames();
    frames * PAGE_SIZE as u64
}

impl CoreFrames {
    /// Frames in the cache; a racy reading from other cores.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }
}

/// Entries of a page table in one group.
pub const GROUP_SIZE: usize = 512 / u32::BITS as usize;

/// The groups of entries of the page table at `physical` among which those are that hold a
/// reference; a bit each, the lowest the first [`GROUP_SIZE`]. So a table that holds few is
/// given back without reading all of it.
///
/// # Safety
/// A reference to the table stays meanwhile.
#[must_use]
pub unsafe fn groups_of(physical: PhysAddr) -> u32 {
    let number = (physical.as_u64() / PAGE_SIZE as u64) as u32;
    info(number).groups.load(Ordering::Relaxed)
}

/// Adds groups to those of a table.
///
/// # Safety
/// As [`groups_of`]; and the caller alone changes the table.
pub unsafe fn add_groups(physical: PhysAddr, groups: u32) {
    let number = (physical.as_u64() / PAGE_SIZE as u64) as u32;
    let entry = info(number);
    let before = entry.groups.load(Ordering::Relaxed);
    entry.groups.store(before | groups, Ordering::Relaxed);
}

/// How many free blocks a trim of the heap has found in the frame around `physical`; 0 while
/// there is none.
///
/// # Safety
/// The frame is one of small blocks, and stays one meanwhile; only the trim asks.
#[must_use]
pub unsafe fn free_blocks_of(physical: PhysAddr) -> &'static AtomicU32 {
    &info((physical.as_u64() / PAGE_SIZE as u64) as u32).groups
}

/// Drops one reference to the page table at `physical`; whoever drops the last one runs
/// `on_last` (which drops what the table refers to) before the frame is free.
///
/// # Safety
/// The reference was an entry's, and that entry is gone and out of every TLB.
pub unsafe fn release_table(physical: PhysAddr, on_last: impl FnOnce()) {
    let number = (physical.as_u64() / PAGE_SIZE as u64) as u32;
    let entry = info(number);
    if entry.references.fetch_sub(1, Ordering::Release) == 1 {
        core::sync::atomic::fence(Ordering::Acquire);
        on_last();
        USED[FrameUse::PageTable as usize].fetch_sub(1, Ordering::Relaxed);
        credit(NonNull::new(entry.ledger.load(Ordering::Relaxed)));
        give_number(number);
    }
}
