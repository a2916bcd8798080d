//! Memory: `mmap` and its family.

use linux_raw_sys::general as linux;
use smp::shootdown::Cores;

use super::file::memfd::is_sealed_for_writing;
use crate::cpu;
use crate::errno::{Errno, Result};
use crate::memory::PAGE_SIZE;
use crate::memory::area::{AreaName, AtFork, Backing, Protection};
use crate::memory::object::MemoryObject;
use crate::memory::space::{Placement, Request};
use crate::memory::{tlb, user};
use crate::task;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_mmap => mmap(args),
        linux::__NR_munmap => munmap(args),
        linux::__NR_mprotect => mprotect(args),
        linux::__NR_mremap => mremap(args),
        linux::__NR_brk => brk(args),
        linux::__NR_madvise => madvise(args),
        linux::__NR_mincore => mincore(args),
        linux::__NR_msync => msync(args),
        linux::__NR_mlock | linux::__NR_munlock | linux::__NR_mlock2 => locked(args),
        linux::__NR_mlockall | linux::__NR_munlockall => Ok(0),
        linux::__NR_membarrier => membarrier(args),
        _ => return None,
    })
}

fn protection(bits: usize) -> Result<Protection> {
    let bits = bits as u32;
    let known = linux::PROT_READ
        | linux::PROT_WRITE
        | linux::PROT_EXEC
        | linux::PROT_GROWSDOWN
        | linux::PROT_GROWSUP;
    if bits & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let mut protection = Protection::from_bits_truncate((bits & 7) as u8);
    // x86 has no pages that can be written or executed but not read.
    if !protection.is_empty() {
        protection |= Protection::READ;
    }
    Ok(protection)
}

/// `mmap(address, length, protection, flags, descriptor, offset)`.
fn mmap([address, length, bits, flags, descriptor, offset]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let protection = protection(bits)?;
    let kind = flags & linux::MAP_TYPE;
    let is_shared = match kind {
        linux::MAP_SHARED | linux::MAP_SHARED_VALIDATE => true,
        linux::MAP_PRIVATE => false,
        _ => return Err(Errno::EINVAL),
    };
    if !offset.is_multiple_of(PAGE_SIZE) || length == 0 {
        return Err(Errno::EINVAL);
    }
    let process = task::current_process();
    let (backing, allowed, name) = if flags & linux::MAP_ANONYMOUS != 0 {
        let backing = if is_shared {
            Backing::Object(MemoryObject::new(length as u64), 0)
        } else {
            Backing::Anonymous
        };
        (backing, Protection::all(), AreaName::None)
    } else {
        let file = process.files().get(descriptor as i32)?;
        if !file.is_readable() {
            return Err(Errno::EACCES);
        }
        let mut allowed = Protection::all();
        if is_shared && !file.is_writable() {
            allowed = Protection::READ | Protection::EXECUTE;
        }
        if !allowed.contains(protection) {
            return Err(Errno::EACCES);
        }
        if is_shared && is_sealed_for_writing(&file) {
            if protection.contains(Protection::WRITE) {
                return Err(Errno::EPERM);
            }
            allowed -= Protection::WRITE;
        }
        let end = (offset as u64).checked_add(length as u64);
        end.filter(|end| *end <= i64::MAX as u64)
            .ok_or(Errno::EOVERFLOW)?;
        let object = file.object.memory()?;
        (
            Backing::Object(object, offset as u64),
            allowed,
            AreaName::File(file.name().into()),
        )
    };
    let placement = if flags & linux::MAP_FIXED_NOREPLACE != 0 {
        Placement::Exact
    } else if flags & linux::MAP_FIXED != 0 {
        Placement::Replace
    } else {
        Placement::Hint
    };
    let is_fixed = placement != Placement::Hint;
    let start = process.space().map(Request {
        at: (address != 0 || is_fixed).then_some(address),
        length,
        protection,
        allowed,
        is_shared,
        backing,
        name,
        placement,
        reserve: flags & linux::MAP_NORESERVE == 0,
    })?;
    if flags & linux::MAP_POPULATE != 0 {
        for page in (start..start.saturating_add(length)).step_by(PAGE_SIZE) {
            if process
                .space()
                .serve_fault(page, protection & !Protection::EXECUTE)
                .is_err()
            {
                break;
            }
        }
    }
    Ok(start)
}

fn munmap([address, length, ..]: [usize; 6]) -> Result<usize> {
    task::current_process().space().unmap(address, length)?;
    Ok(0)
}

fn mprotect([address, length, bits, ..]: [usize; 6]) -> Result<usize> {
    let protection = protection(bits)?;
    task::current_process()
        .space()
        .protect(address, length, protection)?;
    Ok(0)
}

fn mremap([old, old_length, new_length, flags, new, _]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let is_fixed = flags & linux::MREMAP_FIXED != 0;
    let may_move = flags & linux::MREMAP_MAYMOVE != 0;
    if flags & !(linux::MREMAP_FIXED | linux::MREMAP_MAYMOVE) != 0 || (is_fixed && !may_move) {
        return Err(Errno::EINVAL);
    }
    let space = task::current_process().space();
    space.remap(
        old,
        old_length,
        new_length,
        may_move,
        is_fixed.then_some(new),
    )
}

fn brk([wanted, ..]: [usize; 6]) -> Result<usize> {
    Ok(task::current_process().space().set_break(wanted))
}

fn madvise([address, length, advice, ..]: [usize; 6]) -> Result<usize> {
    if !address.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    match advice as u32 {
        linux::MADV_DONTNEED | linux::MADV_FREE => {
            task::current_process().space().discard(address, length)?;
            Ok(0)
        }
        linux::MADV_DONTFORK => at_fork(address, length, AtFork::LEFT, true),
        linux::MADV_DOFORK => at_fork(address, length, AtFork::LEFT, false),
        linux::MADV_WIPEONFORK => at_fork(address, length, AtFork::WIPED, true),
        linux::MADV_KEEPONFORK => at_fork(address, length, AtFork::WIPED, false),
        linux::MADV_NORMAL
        | linux::MADV_RANDOM
        | linux::MADV_SEQUENTIAL
        | linux::MADV_WILLNEED
        | linux::MADV_HUGEPAGE
        | linux::MADV_NOHUGEPAGE
        | linux::MADV_DONTDUMP
        | linux::MADV_DODUMP
        | linux::MADV_MERGEABLE
        | linux::MADV_UNMERGEABLE
        | linux::MADV_COLD
        | linux::MADV_PAGEOUT => {
            // Advice that needs nothing done here; a hole is an error all the same.
            if length == 0 {
                return Ok(0);
            }
            task::current_process()
                .space()
                .resident_pages(address, length.min(PAGE_SIZE))?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn at_fork(address: usize, length: usize, at_fork: AtFork, is_set: bool) -> Result<usize> {
    task::current_process()
        .space()
        .set_at_fork(address, length, at_fork, is_set)?;
    Ok(0)
}

fn mincore([address, length, vector, ..]: [usize; 6]) -> Result<usize> {
    if !address.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let pages = task::current_process()
        .space()
        .resident_pages(address, length)?;
    user::copy_out(vector, &pages)?;
    Ok(0)
}

/// Files live in memory: what is written is where it belongs.
fn msync([address, length, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let both = linux::MS_ASYNC | linux::MS_SYNC;
    if !address.is_multiple_of(PAGE_SIZE)
        || flags & !(both | linux::MS_INVALIDATE) != 0
        || flags & both == both
    {
        return Err(Errno::EINVAL);
    }
    if length > 0 {
        task::current_process()
            .space()
            .resident_pages(address, length)?;
    }
    Ok(0)
}

/// Nothing is ever swapped out; the range must exist all the same.
fn locked([address, length, ..]: [usize; 6]) -> Result<usize> {
    let start = address / PAGE_SIZE * PAGE_SIZE;
    let length = length.checked_add(address - start).ok_or(Errno::EINVAL)?;
    if length > 0 {
        task::current_process()
            .space()
            .resident_pages(start, length)?;
    }
    Ok(0)
}

/// `membarrier`: every core that it is about comes by and says so. One that begins to run
/// the space meanwhile has ordered its accesses by that (it loaded CR3).
fn membarrier([command, flags, ..]: [usize; 6]) -> Result<usize> {
    const QUERY: usize = 0;
    const GLOBAL: usize = 1;
    const PRIVATE_EXPEDITED: usize = 8;
    const REGISTER_PRIVATE_EXPEDITED: usize = 16;
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        QUERY => Ok(GLOBAL | PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED),
        REGISTER_PRIVATE_EXPEDITED => Ok(0),
        GLOBAL => {
            tlb::barrier(&Cores::below(cpu::count()));
            Ok(0)
        }
        PRIVATE_EXPEDITED => {
            let space = task::current_process().space();
            tlb::barrier(&space.translations().running().now());
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
