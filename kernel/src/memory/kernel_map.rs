//! The kernel's half of every address space: direct map, image, heap, stacks, devices.
//!
//! Its top-level entries are made once at boot and copied into every address space, so
//! a mapping that is added later is seen everywhere, and no table ever goes. (TLBs hold no
//! missing entries, so a mapping that is added needs no flush.) Pages of the heap and of
//! stacks are taken away again; that no TLB knows an address that is mapped anew is the
//! windows' business ([`super::window`]). All of it is global, and nothing in it is both
//! writable and executable (the image's frames are read-only in the direct map where they
//! are in the image). The one exception is the trampoline.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::PhysAddr;
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTable, PageTableFlags as Flags};

use super::frame::{Frame, FrameUse, OutOfMemory};
use super::{PAGE_SIZE, direct, layout};
use crate::boot::Region;
use crate::sync::IrqLock;

unsafe extern "C" {
    static __kernel_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __kernel_end: u8;
}

const HUGE: u64 = 2 << 20;

static ROOT: AtomicU64 = AtomicU64::new(0);
/// Orders all changes of the kernel's tables. Takes frames (per-core and global lists).
static TABLES: IrqLock<()> = IrqLock::new(());

/// Physical address of the kernel's own top-level table: what a core without a process
/// runs on.
#[must_use]
pub fn root() -> PhysAddr {
    PhysAddr::new(ROOT.load(Ordering::Relaxed))
}

/// Where the kernel image lies in physical memory.
#[must_use]
pub fn image() -> Region {
    let end = core::ptr::addr_of!(__kernel_end) as u64;
    Region {
        start: 0x10_0000,
        end: direct::image_to_physical(end),
    }
}

fn table_at(physical: PhysAddr) -> *mut PageTable {
    direct::pointer(physical).cast()
}

fn new_table() -> Result<PhysAddr, OutOfMemory> {
    Ok(Frame::allocate_zeroed(FrameUse::KernelHeap)?.into_entry())
}

/// The table below `entry`, made if it is missing.
fn descend(entry: &mut PageTableEntry) -> Result<*mut PageTable, OutOfMemory> {
    if entry.is_unused() {
        entry.set_addr(new_table()?, Flags::PRESENT | Flags::WRITABLE);
    }
    Ok(table_at(entry.addr()))
}

fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * level)) as usize & 511
}

/// The entry of level `leaf` (0: 4 KiB, 1: 2 MiB) that maps `address`.
fn entry_at(address: u64, leaf: u32) -> Result<*mut PageTableEntry, OutOfMemory> {
    let mut table = table_at(root());
    for level in (leaf + 1..4).rev() {
        // SAFETY: tables of the kernel's half are never freed; TABLES is held, or this
        // is the only core that runs.
        table = descend(unsafe { &mut (&mut *table)[index(address, level)] })?;
    }
    // SAFETY: as above.
    Ok(unsafe { &raw mut (&mut *table)[index(address, leaf)] })
}

fn set(address: u64, leaf: u32, physical: u64, flags: Flags) -> Result<(), OutOfMemory> {
    let entry = entry_at(address, leaf)?;
    let flags = flags | Flags::PRESENT | Flags::GLOBAL;
    // SAFETY: `entry_at` gave a live entry.
    unsafe { (*entry).set_addr(PhysAddr::new(physical), flags) };
    Ok(())
}

/// Builds the tables over `memory` (all that the direct map must reach) and loads them.
///
/// # Errors
/// No frame is free.
pub fn init(memory_end: u64) -> Result<(), OutOfMemory> {
    ROOT.store(new_table()?.as_u64(), Ordering::Relaxed);
    let data = Flags::WRITABLE | Flags::NO_EXECUTE;
    let image = image();
    let rodata_end = direct::image_to_physical(core::ptr::addr_of!(__rodata_end) as u64);
    // At least 4 GiB: firmware tables lie in what the map calls reserved.
    let mut at = 0;
    while at < memory_end.max(4 << 30) {
        if at + HUGE > image.start && at < image.end {
            for page in (at..at + HUGE).step_by(PAGE_SIZE) {
                let read_only = (image.start..rodata_end).contains(&page);
                let flags = if read_only { Flags::NO_EXECUTE } else { data };
                set(layout::DIRECT_MAP + page, 0, page, flags)?;
            }
        } else {
            set(layout::DIRECT_MAP + at, 1, at, data | Flags::HUGE_PAGE)?;
        }
        at += HUGE;
    }
    let sections = [
        (
            core::ptr::addr_of!(__kernel_start) as u64,
            core::ptr::addr_of!(__text_end) as u64,
            Flags::empty(),
        ),
        (
            core::ptr::addr_of!(__text_end) as u64,
            core::ptr::addr_of!(__rodata_end) as u64,
            Flags::NO_EXECUTE,
        ),
        (
            core::ptr::addr_of!(__rodata_end) as u64,
            core::ptr::addr_of!(__kernel_end) as u64,
            data,
        ),
    ];
    for (start, end, flags) in sections {
        for page in (start..end).step_by(PAGE_SIZE) {
            set(page, 0, direct::image_to_physical(page), flags)?;
        }
    }
    // The windows' tables exist from now on, so that every space has their entries.
    for window in [layout::HEAP, layout::STACKS, layout::DEVICES] {
        // SAFETY: as in `entry_at`; this core is alone.
        descend(unsafe { &mut (&mut *table_at(root()))[index(window, 3)] })?;
    }
    // SAFETY: the new tables map the running code, its stack and all data where the
    // old ones did.
    unsafe { crate::cpu::control::load_root(root(), 0, false) };
    Ok(())
}

/// Copies the kernel's half into a new top-level table.
pub fn share_with(table: &mut PageTable) {
    // SAFETY: the kernel's top-level table is never freed, and its upper half does not
    // change any more.
    let kernel = unsafe { &*table_at(root()) };
    for index in 256..512 {
        table[index] = kernel[index].clone();
    }
}

/// Maps `frame` at `address`, writable. No TLB knows anything of that address.
///
/// # Errors
/// No frame is free for a table.
pub fn map_page(address: u64, frame: Frame) -> Result<(), OutOfMemory> {
    let _tables = TABLES.lock();
    let entry = entry_at(address, 0)?;
    let flags = Flags::WRITABLE | Flags::NO_EXECUTE | Flags::PRESENT | Flags::GLOBAL;
    // SAFETY: `entry_at` gave a live entry.
    unsafe { (*entry).set_addr(frame.into_entry(), flags) };
    Ok(())
}

/// Takes away what [`map_page`] has mapped at `address`, and gives back the frame. TLBs may
/// know it still.
///
/// # Panics
/// Nothing is mapped there.
#[must_use]
pub fn unmap_page(address: u64) -> Frame {
    let _tables = TABLES.lock();
    let physical = match existing_entry(address) {
        // SAFETY: a live entry, and TABLES is held.
        Some(entry) => unsafe {
            let physical = (*entry).addr();
            assert!((*entry).flags().contains(Flags::PRESENT), "not mapped");
            (*entry).set_unused();
            physical
        },
        None => panic!("{address:#x} is not mapped"),
    };
    // SAFETY: the entry held this reference, and is gone; whoever had the address is done
    // with it.
    unsafe { Frame::from_entry(physical) }
}

/// The entry of a page that was mapped once.
fn existing_entry(address: u64) -> Option<*mut PageTableEntry> {
    let mut table = table_at(root());
    for level in (1..4).rev() {
        // SAFETY: tables of the kernel's half are never freed; TABLES is held.
        let entry = unsafe { &(&*table)[index(address, level)] };
        if entry.is_unused() {
            return None;
        }
        table = table_at(entry.addr());
    }
    // SAFETY: as above.
    Some(unsafe { &raw mut (&mut *table)[index(address, 0)] })
}

/// Writes a number into the entry of a page that was mapped once, and is not now.
///
/// # Panics
/// The page was never mapped.
pub fn write_link(address: u64, link: u32) {
    let _tables = TABLES.lock();
    let Some(entry) = existing_entry(address) else {
        panic!("{address:#x} was never mapped");
    };
    let number = PhysAddr::new(u64::from(link) * PAGE_SIZE as u64);
    // SAFETY: a live entry, not present, and TABLES is held.
    unsafe { (*entry).set_addr(number, Flags::empty()) };
}

/// What [`write_link`] wrote.
#[must_use]
pub fn read_link(address: u64) -> u32 {
    let _tables = TABLES.lock();
    existing_entry(address).map_or(0, |entry| {
        // SAFETY: a live entry, and TABLES is held.
        let number = unsafe { (*entry).addr() };
        (number.as_u64() / PAGE_SIZE as u64) as u32
    })
}

/// Maps device registers, uncached, and returns where.
///
/// # Errors
/// No frame is free for a table.
pub fn map_device(physical: u64, length: u64) -> Result<u64, OutOfMemory> {
    static NEXT: AtomicU64 = AtomicU64::new(layout::DEVICES);
    let first = physical / PAGE_SIZE as u64 * PAGE_SIZE as u64;
    let end = (physical + length).next_multiple_of(PAGE_SIZE as u64);
    let base = NEXT.fetch_add(end - first, Ordering::Relaxed);
    let _tables = TABLES.lock();
    for offset in (0..end - first).step_by(PAGE_SIZE) {
        let flags = Flags::WRITABLE | Flags::NO_EXECUTE | Flags::NO_CACHE | Flags::WRITE_THROUGH;
        set(base + offset, 0, first + offset, flags)?;
    }
    Ok(base + physical - first)
}

/// Maps the page at `physical` at its own address, executable, for the application
/// processors' first instructions; or takes that away again, after which
/// [`super::tlb::forget_kernel_mappings`] is due. It is not global, but no load of the
/// kernel's table flushes what a TLB has of it under PCID 0.
///
/// # Errors
/// No frame is free for a table.
pub fn set_trampoline(physical: u64, mapped: bool) -> Result<(), OutOfMemory> {
    let _tables = TABLES.lock();
    if mapped {
        let entry = entry_at(physical, 0)?;
        // SAFETY: `entry_at` gave a live entry.
        unsafe { (*entry).set_addr(PhysAddr::new(physical), Flags::PRESENT) };
    } else {
        // SAFETY: the lower half of the kernel's table serves the trampoline only; its
        // three tables stay for the next use.
        unsafe { (&mut *table_at(root()))[0].set_unused() };
    }
    Ok(())
}

/// How many leaf entries of the kernel's tables are both writable and executable: none,
/// at any time. For whoever wants to see it with their own eyes.
#[must_use]
pub fn count_writable_executable() -> usize {
    fn count(table: PhysAddr, level: u32) -> usize {
        // SAFETY: a live table: the kernel's own are never freed, and TABLES is held.
        let table = unsafe { &*table_at(table) };
        table
            .iter()
            .filter(|entry| entry.flags().contains(Flags::PRESENT))
            .map(|entry| {
                let flags = entry.flags();
                if level > 0 && !flags.contains(Flags::HUGE_PAGE) {
                    return count(entry.addr(), level - 1);
                }
                usize::from(flags.contains(Flags::WRITABLE) && !flags.contains(Flags::NO_EXECUTE))
            })
            .sum()
    }
    let _tables = TABLES.lock();
    count(root(), 3)
}
