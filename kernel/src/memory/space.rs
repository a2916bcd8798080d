//! Address spaces: `mmap` and its family over areas and tables.

pub mod lent;

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use smp::shootdown::{Batch, Pen, Translations};
use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags as Flags;
use x86_64::structures::paging::page_table::PageTableEntry;

use super::area::{Area, AreaMap, AreaName, AtFork, Backing, Protection};
use super::frozen::FrozenSpace;
use super::object::MemoryObject;
use super::tables::{BORROWED, Gather, KEPT, Tables};
use super::tlb;
use super::user::USER_END;
use super::{PAGE_SIZE, frame, pressure};
use crate::errno::{Errno, Result};
use crate::sync::{IrqLock, SleepMutex};

/// Lowest address that can be mapped (`vm.mmap_min_addr`): null pointers must fault.
pub const LOWEST: usize = 0x1_0000;

/// Room kept free below a growing stack (Linux's `stack_guard_gap`).
pub const STACK_GAP: usize = 256 * PAGE_SIZE;

/// Where the first thread's stack ends, less what is drawn at random.
pub const STACK_TOP: usize = 0x7fff_ffff_0000;

/// Bytes of a line of `/proc/PID/maps`, about.
const LINE: usize = 112;

/// Areas that a process may have (Linux's `vm.max_map_count`).
const MAX_AREAS: usize = 65_530;

pub(super) struct Layout {
    /// Shared with a template, and with its other processes, until it changes.
    pub(super) areas: Arc<AreaMap>,
    pub(super) tables: Tables,
    /// Whose frames and tables `tables` borrows from. Behind it: it must go first.
    pub(super) template: Option<Arc<FrozenSpace>>,
    /// Whether its writes are traced ([`super::trace`]).
    pub(super) is_traced: bool,
    /// Pages that may be written until the step's end.
    pub(super) stepped: Vec<usize>,
    /// The right to say what was narrowed in the tables.
    pub(super) pen: Pen,
    /// First byte of the program break's area, and the break.
    pub(super) break_start: usize,
    pub(super) break_end: usize,
    /// `mmap` places areas below this.
    pub(super) mmap_top: usize,
    /// The limits that matter here, in bytes: stack, data, address space.
    pub(super) stack_limit: usize,
    area_limit: u64,
    data_limit: u64,
}

/// An address space. Its lock is held while page faults are served, so nothing that may
/// fault on user memory runs under it.
pub struct AddressSpace {
    translations: Translations,
    root: PhysAddr,
    pub(super) layout: SleepMutex<Layout>,
}

/// What to map.
pub struct Request {
    /// Where; None: anywhere.
    pub at: Option<usize>,
    /// Length in bytes; rounded up to pages.
    pub length: usize,
    /// What user code may do.
    pub protection: Protection,
    /// What `mprotect` may allow later.
    pub allowed: Protection,
    /// Whether writes are seen by other mappings.
    pub is_shared: bool,
    /// First contents.
    pub backing: Backing,
    /// Its name.
    pub name: AreaName,
    /// What happens with what is there (only with `at`).
    pub placement: Placement,
    /// Whether it is refused when it could never be filled (`MAP_NORESERVE` is not).
    pub reserve: bool,
}

/// How an address is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// A wish.
    Hint,
    /// An order; what is there goes (`MAP_FIXED`).
    Replace,
    /// An order; it is an error if something is there (`MAP_FIXED_NOREPLACE`).
    Exact,
}

/// Sizes in pages, for `/proc/PID/statm`.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "proc(5) names them")]
pub struct Statm {
    pub size: u64,
    pub resident: u64,
    pub shared: u64,
    pub text: u64,
    pub data: u64,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Every space that lives, by id: what a truncated object looks for its mappings in. A
/// leaf lock.
static SPACES: IrqLock<BTreeMap<u64, Weak<AddressSpace>>> = IrqLock::new(BTreeMap::new());

/// Takes the pages of `object` from byte `from` on out of every mapping there is, private
/// copies too: the object was truncated (`truncate(2)`), or a hole made in it.
pub(super) fn forget_everywhere(object: &MemoryObject, range: &Range<u64>) {
    let mut next = 0;
    loop {
        // One at a time: the layout's lock sleeps, and the last holder drops the space.
        let found = {
            let spaces = SPACES.lock();
            spaces
                .range(next..)
                .find_map(|(id, space)| space.upgrade().map(|space| (*id, space)))
        };
        let Some((id, space)) = found else {
            return;
        };
        space.forget_object(object, range);
        next = id + 1;
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        let removed = SPACES.lock().remove(&self.id());
        drop(removed);
    }
}

/// What TLBs must know of a new space.
pub(super) fn new_translations() -> (Translations, Pen) {
    Translations::new(NEXT_ID.fetch_add(1, Ordering::Relaxed))
}

fn page_up(value: usize) -> Option<usize> {
    value.checked_next_multiple_of(PAGE_SIZE)
}

fn page_range(start: usize, length: usize) -> Result<Range<usize>> {
    let end = page_up(length)
        .and_then(|length| start.checked_add(length))
        .filter(|end| *end <= USER_END)
        .ok_or(Errno::ENOMEM)?;
    Ok(start..end)
}

/// The flags of a leaf: W only where the page may be written in place at once.
pub(super) fn leaf_flags(protection: Protection, writable: bool) -> Flags {
    let mut flags = if protection.is_empty() {
        KEPT
    } else {
        Flags::PRESENT | Flags::USER_ACCESSIBLE
    };
    flags.set(
        Flags::WRITABLE,
        writable && protection.contains(Protection::WRITE),
    );
    flags.set(Flags::NO_EXECUTE, !protection.contains(Protection::EXECUTE));
    flags
}

/// Whether a leaf forbids what it allowed, so that TLBs must forget it. What it allows in
/// addition a core finds out by a fault.
fn is_narrower(old: Flags, new: Flags) -> bool {
    let lost = old.difference(new) & (Flags::PRESENT | Flags::WRITABLE | Flags::USER_ACCESSIBLE);
    let forbidden = new.difference(old) & Flags::NO_EXECUTE;
    old.contains(Flags::PRESENT) && !(lost | forbidden).is_empty()
}

impl AddressSpace {
    /// An empty space. `shift` moves the stack and mapping area down by that many pages.
    ///
    /// # Errors
    /// No frame is free.
    pub fn new(shift: usize) -> Result<Arc<Self>> {
        let tables = Tables::new()?;
        let (translations, pen) = new_translations();
        let mmap_top = STACK_TOP - (shift % 0x1_0000) * PAGE_SIZE - (64 << 20);
        Ok(Self::with(translations, Layout::new(tables, pen, mmap_top)))
    }

    pub(super) fn with(translations: Translations, layout: Layout) -> Arc<Self> {
        let space = Arc::new(Self {
            translations,
            root: layout.tables.root(),
            layout: SleepMutex::new(layout),
        });
        SPACES.lock().insert(space.id(), Arc::downgrade(&space));
        space
    }

    /// A number that no other space ever has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.translations.id()
    }

    /// The top-level table.
    #[must_use]
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// What TLBs must know of this space, and which cores run it.
    #[must_use]
    pub fn translations(&self) -> &Translations {
        &self.translations
    }

    /// Flushes where it must, then drops what was taken out.
    pub(super) fn finish(&self, pen: &mut Pen, gather: &mut Gather) {
        if !gather.narrowed().is_empty() {
            tlb::shoot_down(&self.translations, pen, gather.narrowed());
        }
        // SAFETY: every core that runs the space has just flushed; the layout's lock,
        // which the caller holds, keeps others from changing it meanwhile.
        unsafe { gather.release() };
    }

    /// The limits that this space enforces, in bytes: stack size, all areas, and those
    /// that are private and writable.
    pub fn set_limits(&self, stack: u64, areas: u64, data: u64) {
        let mut layout = self.layout.lock();
        layout.stack_limit = usize::try_from(stack).unwrap_or(usize::MAX).min(1 << 40);
        layout.area_limit = areas;
        layout.data_limit = data;
    }

    /// Maps an area; its first address.
    ///
    /// # Errors
    /// `EINVAL` (length, alignment), `ENOMEM` (no room, a limit, more than the machine
    /// could ever hold), `EEXIST` (taken, with [`Placement::Exact`]), `EPERM` (address
    /// too low).
    pub fn map(&self, request: Request) -> Result<usize> {
        if request.length == 0 {
            return Err(Errno::EINVAL);
        }
        let length = page_up(request.length).ok_or(Errno::ENOMEM)?;
        let is_private_write = !request.is_shared && request.protection.contains(Protection::WRITE);
        if request.reserve && is_private_write && length as u64 > frame::memory_info().total {
            return Err(Errno::ENOMEM);
        }
        pressure::check_room(Errno::ENOMEM)?;
        if let Backing::Object(object, _) = &request.backing {
            object.note_mapped();
        }
        let mut layout = self.layout.lock();
        let start = layout.place(&request, length)?;
        let range = page_range(start, length)?;
        let area = Area {
            start: range.start,
            end: range.end,
            protection: request.protection,
            allowed: request.allowed,
            is_shared: request.is_shared,
            backing: request.backing,
            name: request.name,
            at_fork: AtFork::empty(),
        };
        layout.check_limits(&area, request.placement == Placement::Replace)?;
        if request.placement == Placement::Replace {
            self.unmap_locked(&mut layout, &range)?;
        }
        layout.areas_mut().insert(area);
        Ok(start)
    }

    /// `munmap`.
    ///
    /// # Errors
    /// `EINVAL` (alignment, length, outside of user space), `ENOMEM`.
    pub fn unmap(&self, start: usize, length: usize) -> Result<()> {
        if !start.is_multiple_of(PAGE_SIZE) || length == 0 {
            return Err(Errno::EINVAL);
        }
        let range = page_range(start, length).map_err(|_| Errno::EINVAL)?;
        let mut layout = self.layout.lock();
        self.unmap_locked(&mut layout, &range)
    }

    fn unmap_locked(&self, layout: &mut Layout, range: &Range<usize>) -> Result<()> {
        if layout.areas.is_free(range) {
            return Ok(());
        }
        layout.check_division(range, pressure::check_release)?;
        let mut gather = Gather::new();
        let result = layout.tables.unmap(range.start, range.end, &mut gather);
        if result.is_ok() {
            // Objects are dropped here; they do not need this lock.
            drop(layout.areas_mut().remove(range));
        }
        self.finish(&mut layout.pen, &mut gather);
        Ok(result?)
    }

    /// `mprotect`.
    ///
    /// # Errors
    /// `EINVAL` (alignment), `ENOMEM` (a hole, a limit), `EACCES` (a file not open for
    /// that).
    pub fn protect(&self, start: usize, length: usize, protection: Protection) -> Result<()> {
        if !start.is_multiple_of(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        let range = page_range(start, length)?;
        let mut layout = self.layout.lock();
        if !layout.areas.covers(&range) {
            return Err(Errno::ENOMEM);
        }
        let is_allowed = |area: &Area| area.allowed.contains(protection);
        if !layout.areas.within(&range).all(is_allowed) {
            return Err(Errno::EACCES);
        }
        if protection.contains(Protection::WRITE) {
            let more = layout.areas.bytes_within(&range, |area| {
                !area.is_data() && !area.is_shared && area.name != AreaName::Stack
            });
            if more > 0 {
                layout.check_data(more)?;
            }
        }
        layout.check_division(&range, pressure::check_reserve)?;
        let mut gather = Gather::new();
        let result = layout.protect_pages(&range, protection, &mut gather);
        for mut area in layout.areas_mut().remove(&range) {
            if result.is_ok() {
                area.protection = protection;
            } else {
                // As it was. This fails at the table, if any, where the change did.
                let pages = area.start..area.end;
                let _ = layout.protect_pages(&pages, area.protection, &mut gather);
            }
            layout.areas_mut().insert(area);
        }
        self.finish(&mut layout.pen, &mut gather);
        Ok(result?)
    }

    /// `madvise(MADV_DONTNEED)`: the range's pages go; private ones come back as zeros
    /// or as the file has them.
    ///
    /// # Errors
    /// `ENOMEM` where the range has a hole.
    pub fn discard(&self, start: usize, length: usize) -> Result<()> {
        let range = page_range(start, length)?;
        let mut layout = self.layout.lock();
        if range.is_empty() {
            return Ok(());
        }
        let covered = layout.areas.covers(&range);
        let mut gather = Gather::new();
        let result = layout.tables.unmap(range.start, range.end, &mut gather);
        self.finish(&mut layout.pen, &mut gather);
        result?;
        covered.then_some(()).ok_or(Errno::ENOMEM)
    }

    /// Takes the whole pages of `object` within these bytes out of every mapping here.
    fn forget_object(&self, object: &MemoryObject, bytes: &Range<u64>) {
        let mut layout = self.layout.lock();
        let in_area = |area: &Area, byte: u64, offset: u64| {
            let distance = usize::try_from(byte.saturating_sub(offset)).unwrap_or(usize::MAX);
            area.start.saturating_add(distance).min(area.end)
        };
        let ranges: Vec<Range<usize>> = layout
            .areas
            .iter()
            .filter_map(|area| match &area.backing {
                Backing::Object(mine, offset) if mine.id() == object.id() => {
                    let start = page_up(in_area(area, bytes.start, *offset))?;
                    let end = in_area(area, bytes.end, *offset) / PAGE_SIZE * PAGE_SIZE;
                    (start < end).then_some(start..end)
                }
                _ => None,
            })
            .collect();
        let mut gather = Gather::new();
        for range in ranges {
            // A missing frame leaves stale pages mapped, which the object's holder
            // keeps alive: old bytes, nobody else's.
            let _ = layout.tables.unmap(range.start, range.end, &mut gather);
        }
        self.finish(&mut layout.pen, &mut gather);
    }

    /// `mremap`.
    ///
    /// # Errors
    /// `EINVAL`, `EFAULT` (not one area), `ENOMEM` (no room, and it may not move).
    pub fn remap(
        &self,
        old: usize,
        old_length: usize,
        new_length: usize,
        may_move: bool,
        new: Option<usize>,
    ) -> Result<usize> {
        if !old.is_multiple_of(PAGE_SIZE) || new_length == 0 {
            return Err(Errno::EINVAL);
        }
        let old_range = page_range(old, old_length).map_err(|_| Errno::EINVAL)?;
        let new_length = page_up(new_length).ok_or(Errno::ENOMEM)?;
        let mut layout = self.layout.lock();
        let area = layout.areas.find(old).cloned().ok_or(Errno::EFAULT)?;
        if old_range.is_empty() || old_range.end > area.end {
            return Err(if old_range.is_empty() {
                Errno::EINVAL
            } else {
                Errno::EFAULT
            });
        }
        let old_size = old_range.end - old_range.start;
        if new.is_none() {
            if new_length <= old_size {
                if new_length < old_size {
                    self.unmap_locked(&mut layout, &(old + new_length..old_range.end))?;
                }
                return Ok(old);
            }
            let growth = page_range(old_range.end, new_length - old_size)?;
            layout.check_growth(new_length - old_size)?;
            if area.is_data() {
                layout.check_data(new_length - old_size)?;
            }
            if old_range.end == area.end && layout.areas.is_free(&growth) {
                let mut more = area.clone();
                if let Backing::Object(_, offset) = &mut more.backing {
                    *offset += (area.end - area.start) as u64;
                }
                (more.start, more.end) = (growth.start, growth.end);
                layout.areas_mut().insert(more);
                return Ok(old);
            }
            if !may_move {
                return Err(Errno::ENOMEM);
            }
        }
        let target = match new {
            Some(at) => {
                let range = page_range(at, new_length).map_err(|_| Errno::EINVAL)?;
                let overlaps = range.start < old_range.end && old_range.start < range.end;
                if !at.is_multiple_of(PAGE_SIZE) || overlaps || at < LOWEST {
                    return Err(Errno::EINVAL);
                }
                self.unmap_locked(&mut layout, &range)?;
                range
            }
            None => {
                let start = layout.find_gap(new_length)?;
                start..start + new_length
            }
        };
        layout.check_division(&old_range, pressure::check_reserve)?;
        self.move_pages(&mut layout, &old_range, &target)?;
        let mut moved = area.clone();
        if let Backing::Object(_, offset) = &mut moved.backing {
            *offset += (old - area.start) as u64;
        }
        (moved.start, moved.end) = (target.start, target.end);
        drop(layout.areas_mut().remove(&old_range));
        layout.areas_mut().insert(moved);
        Ok(target.start)
    }

    /// Moves the mapped pages of `from` to the start of `to`, and drops those that find
    /// no place; all or none.
    fn move_pages(
        &self,
        layout: &mut Layout,
        from: &Range<usize>,
        to: &Range<usize>,
    ) -> Result<()> {
        let mut gather = Gather::new();
        let result = layout.move_leaves(from, to, &mut gather);
        self.finish(&mut layout.pen, &mut gather);
        Ok(result?)
    }

    /// Starts the program break at `start`: the end of the program's data.
    pub fn set_break_start(&self, start: usize) {
        let mut layout = self.layout.lock();
        layout.break_start = start;
        layout.break_end = start;
    }

    /// `brk`: moves the break if it can; where it is then.
    pub fn set_break(&self, wanted: usize) -> usize {
        let mut layout = self.layout.lock();
        let old = layout.break_end;
        if wanted < layout.break_start || (wanted - layout.break_start) as u64 > layout.data_limit {
            return old;
        }
        let (Some(old_page), Some(new_page)) = (page_up(old), page_up(wanted)) else {
            return old;
        };
        if new_page < old_page {
            if self
                .unmap_locked(&mut layout, &(new_page..old_page))
                .is_err()
            {
                return old;
            }
        } else if new_page > old_page {
            let range = old_page..new_page;
            let with_gap = old_page..new_page.saturating_add(STACK_GAP);
            if new_page > USER_END
                || !layout.areas.is_free(&with_gap)
                || layout.check_growth(range.len()).is_err()
                || layout.check_data(range.len()).is_err()
            {
                return old;
            }
            layout.areas_mut().insert(Area {
                start: range.start,
                end: range.end,
                protection: Protection::READ | Protection::WRITE,
                allowed: Protection::all(),
                is_shared: false,
                backing: Backing::Anonymous,
                name: AreaName::Heap,
                at_fork: AtFork::empty(),
            });
        }
        layout.break_end = wanted;
        wanted
    }

    /// `madvise(MADV_DONTFORK)` and its like: how children find the range.
    ///
    /// # Errors
    /// `ENOMEM` where the range has a hole; `EINVAL` for wiping what is no private
    /// anonymous memory.
    pub fn set_at_fork(
        &self,
        start: usize,
        length: usize,
        at_fork: AtFork,
        is_set: bool,
    ) -> Result<()> {
        let range = page_range(start, length)?;
        let mut layout = self.layout.lock();
        if is_set && at_fork == AtFork::WIPED {
            let others = layout.areas.bytes_within(&range, |area| {
                area.is_shared || matches!(area.backing, Backing::Object(..))
            });
            if others > 0 {
                return Err(Errno::EINVAL);
            }
        }
        let is_whole = layout.areas.covers(&range);
        layout.check_division(&range, pressure::check_reserve)?;
        for mut area in layout.areas_mut().remove(&range) {
            area.at_fork.set(at_fork, is_set);
            layout.areas_mut().insert(area);
        }
        is_whole.then_some(()).ok_or(Errno::ENOMEM)
    }

    /// A copy for a child: same areas, shared tables, copy-on-write.
    ///
    /// # Errors
    /// No frame is free.
    pub fn fork(&self) -> Result<Arc<Self>> {
        let mut layout = self.layout.lock();
        let mut tables = layout.tables.share()?;
        let mut gather = Gather::new();
        gather.note_all_narrowed();
        self.finish(&mut layout.pen, &mut gather);
        let mut areas = layout.areas.clone();
        let not_kept = |area: &&Area| !area.at_fork.is_empty();
        for area in layout.areas.iter().filter(not_kept) {
            let range = area.start..area.end;
            let mut gather = Gather::new();
            let result = tables.unmap(range.start, range.end, &mut gather);
            // SAFETY: these are the child's tables, which no core has ever loaded.
            unsafe { gather.release() };
            result?;
            if area.at_fork.contains(AtFork::LEFT) {
                drop(Arc::make_mut(&mut areas).remove(&range));
            }
        }
        let (translations, pen) = new_translations();
        let copy = Layout {
            areas,
            tables,
            template: layout.template.clone(),
            is_traced: false,
            stepped: Vec::new(),
            pen,
            break_start: layout.break_start,
            break_end: layout.break_end,
            mmap_top: layout.mmap_top,
            stack_limit: layout.stack_limit,
            area_limit: layout.area_limit,
            data_limit: layout.data_limit,
        };
        Ok(Self::with(translations, copy))
    }

    /// `/proc/PID/maps`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn maps_text(&self) -> Result<Vec<u8>> {
        use std::io::Write;
        let layout = self.layout.lock();
        let mut text = Vec::new();
        pressure::reserve_exact(&mut text, layout.areas.count() * LINE, Errno::ENOMEM)?;
        for area in layout.areas.iter() {
            let bit = |bit, letter| {
                if area.protection.contains(bit) {
                    letter
                } else {
                    '-'
                }
            };
            let (offset, inode) = match &area.backing {
                Backing::Object(object, offset) => (*offset, object.id()),
                Backing::Anonymous => (0, 0),
            };
            let _ = write!(
                text,
                "{:08x}-{:08x} {}{}{}{} {:08x} 00:{:02x} {} ",
                area.start,
                area.end,
                bit(Protection::READ, 'r'),
                bit(Protection::WRITE, 'w'),
                bit(Protection::EXECUTE, 'x'),
                if area.is_shared { 's' } else { 'p' },
                offset,
                u8::from(inode != 0),
                inode
            );
            let name: &[u8] = match &area.name {
                AreaName::None => b"",
                AreaName::Heap => b"[heap]",
                AreaName::Stack => b"[stack]",
                AreaName::File(path) => path,
            };
            if !name.is_empty() {
                text.extend_from_slice(b"                   ");
                text.extend_from_slice(name);
            }
            text.push(b'\n');
        }
        Ok(text)
    }

    /// Sizes for `/proc/PID/statm`.
    #[must_use]
    pub fn statm(&self) -> Statm {
        let mut layout = self.layout.lock();
        let mut statm = Statm::default();
        let ranges: Vec<(usize, usize, bool, Protection)> = layout
            .areas
            .iter()
            .map(|area| (area.start, area.end, area.is_shared, area.protection))
            .collect();
        for (start, end, is_shared, protection) in ranges {
            let pages = ((end - start) / PAGE_SIZE) as u64;
            statm.size += pages;
            if protection.contains(Protection::EXECUTE) {
                statm.text += pages;
            } else if protection.contains(Protection::WRITE) {
                statm.data += pages;
            }
            let resident = layout.tables.count(start, end);
            statm.resident += resident;
            if is_shared {
                statm.shared += resident;
            }
        }
        statm
    }

    /// Pages that it has and that no template has: roughly what its end gives back.
    #[must_use]
    pub fn own_pages(&self) -> u64 {
        self.layout.lock().tables.count_own()
    }

    /// Whether every page of the range is mapped by an area, and which are resident:
    /// `mincore`.
    ///
    /// # Errors
    /// `ENOMEM` where the range has a hole.
    pub fn resident_pages(&self, start: usize, length: usize) -> Result<Vec<u8>> {
        let range = page_range(start, length)?;
        let layout = self.layout.lock();
        if !layout.areas.covers(&range) {
            return Err(Errno::ENOMEM);
        }
        Ok(range
            .step_by(PAGE_SIZE)
            .map(|page| u8::from(layout.tables.lookup(page).is_some()))
            .collect())
    }
}

impl Layout {
    /// Has the range's leaves allow what `protection` does. W comes back by a fault, which
    /// knows whether the page must be copied.
    fn protect_pages(
        &mut self,
        range: &Range<usize>,
        protection: Protection,
        gather: &mut Gather,
    ) -> core::result::Result<(), frame::OutOfMemory> {
        let mut narrowed = Batch::new();
        let change = &mut |page: usize, entry: &mut PageTableEntry| {
            let keep_writable = entry.flags().contains(Flags::WRITABLE);
            let flags = leaf_flags(protection, keep_writable);
            let kept = entry.flags() & BORROWED;
            if entry
                .flags()
                .intersection(!(Flags::ACCESSED | Flags::DIRTY | BORROWED))
                != flags
            {
                if is_narrower(entry.flags(), flags) {
                    narrowed.add((page / PAGE_SIZE) as u64, 1);
                }
                entry.set_flags(flags | kept);
            }
        };
        let result = self.tables.change(range.start, range.end, gather, change);
        gather.note_batch(&narrowed);
        result
    }

    /// Moves the leaves of `from` to the start of `to`, and takes out those that find no
    /// place; all or none.
    fn move_leaves(
        &mut self,
        from: &Range<usize>,
        to: &Range<usize>,
        gather: &mut Gather,
    ) -> core::result::Result<(), frame::OutOfMemory> {
        for border in [from.start, from.end, to.start, to.end] {
            self.tables.own_border(border, gather)?;
        }
        let offsets = || (0..from.len().min(to.len())).step_by(PAGE_SIZE);
        // Every table is there, and this tree's own, before anything moves.
        let mut make_tables = || {
            for offset in offsets() {
                if self.tables.lookup(from.start + offset).is_some() {
                    self.tables.leaf(to.start + offset, gather)?;
                    self.tables.leaf(from.start + offset, gather)?;
                }
            }
            Ok(())
        };
        if let Err(error) = make_tables() {
            // The new tables are empty, and the borders' are this tree's: nothing fails.
            let _ = self.tables.unmap(to.start, to.end, gather);
            return Err(error);
        }
        for offset in offsets() {
            let page = from.start + offset;
            if self.tables.lookup(page).is_none() {
                continue;
            }
            let leaf = self.tables.leaf(page, gather)?;
            let moved = leaf.clone();
            leaf.set_unused();
            gather.note_narrowed(page, page + 1);
            *self.tables.leaf(to.start + offset, gather)? = moved;
        }
        self.tables.unmap(from.start, from.end, gather)
    }

    /// Whether areas may be divided so that the range can be cut out; `check` looks at the
    /// memory.
    fn check_division(&self, range: &Range<usize>, check: fn(Errno) -> Result<()>) -> Result<()> {
        match self.areas.divided_by(range) {
            0 => Ok(()),
            more if self.areas.count() + more > MAX_AREAS => Err(Errno::ENOMEM),
            _ => check(Errno::ENOMEM),
        }
    }

    /// Nothing mapped, and the limits that a process has before it is told others.
    pub(super) fn new(tables: Tables, pen: Pen, mmap_top: usize) -> Self {
        Self {
            areas: Arc::default(),
            tables,
            template: None,
            is_traced: false,
            stepped: Vec::new(),
            pen,
            break_start: 0,
            break_end: 0,
            mmap_top,
            stack_limit: 8 << 20,
            area_limit: u64::MAX,
            data_limit: u64::MAX,
        }
    }

    /// The areas, to change them: a copy of its own where they are shared.
    pub(super) fn areas_mut(&mut self) -> &mut AreaMap {
        Arc::make_mut(&mut self.areas)
    }

    /// The highest free addresses for so many bytes.
    pub(super) fn find_gap(&mut self, length: usize) -> Result<usize> {
        let top = self.mmap_top;
        let gap = self.areas_mut().find_gap(length, LOWEST, top);
        gap.ok_or(Errno::ENOMEM)
    }

    fn place(&mut self, request: &Request, length: usize) -> Result<usize> {
        let Some(at) = request.at else {
            return self.find_gap(length);
        };
        if request.placement == Placement::Hint {
            let at = at / PAGE_SIZE * PAGE_SIZE;
            if at >= LOWEST
                && let Ok(range) = page_range(at, length)
                && self.areas.is_free(&range)
            {
                return Ok(at);
            }
            return self.find_gap(length);
        }
        if !at.is_multiple_of(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        let range = page_range(at, length)?;
        if at < LOWEST {
            return Err(Errno::EPERM);
        }
        if request.placement == Placement::Exact && !self.areas.is_free(&range) {
            return Err(Errno::EEXIST);
        }
        Ok(at)
    }

    /// Whether the limits have room for `area`, in the place of what is there now if it
    /// `replaces` that.
    fn check_limits(&self, area: &Area, replaces: bool) -> Result<()> {
        let range = area.start..area.end;
        let gone = |is_meant: fn(&Area) -> bool| {
            if replaces {
                self.areas.bytes_within(&range, is_meant)
            } else {
                0
            }
        };
        let total = self.areas.total() - gone(|_| true) + range.len();
        let data = self.areas.data() - gone(Area::is_data) + range.len();
        if total as u64 > self.area_limit
            || (area.is_data() && data as u64 > self.data_limit)
            || self.areas.count() >= MAX_AREAS
        {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Whether `RLIMIT_DATA` has room for so many more bytes.
    fn check_data(&self, bytes: usize) -> Result<()> {
        let data = self.areas.data().checked_add(bytes).ok_or(Errno::ENOMEM)?;
        if data as u64 > self.data_limit {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    pub(super) fn check_growth(&self, bytes: usize) -> Result<()> {
        let total = self.areas.total().checked_add(bytes).ok_or(Errno::ENOMEM)?;
        if total as u64 > self.area_limit || bytes as u64 > frame::memory_info().total {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}
