//! Device registers in physical memory as a descriptor (`RG_REGISTERS`): an access is a
//! `pread` or `pwrite`.
//!
//! The kernel maps the pages, uncached, and accesses them for the process. They are not
//! mapped into the process: what a buffer object does with memory is copies of any width,
//! and a register wants one access of its own; and pages that no frame counts would be in
//! the way of forks, templates and messages.

use core::any::Any;
use core::ptr;
use std::collections::BTreeMap;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device};
use super::file::{FileObject, OpenFile};
use crate::devices;
use crate::errno::{Errno, Result};
use crate::memory::user::{Destination, Source};
use crate::memory::{PAGE_SIZE, kernel_map};
use crate::sync::SleepMutex;

crate::counters! {
    /// Accesses of processes to device registers in memory.
    static REGISTER_ACCESSES = "register_accesses";
}

const PAGE: u64 = PAGE_SIZE as u64;

/// Bytes that one descriptor may span.
const MOST_BYTES: u64 = 1 << 20;

/// Pages that are mapped for processes at most: they stay.
const MOST_PAGES: usize = 4096;

/// Where pages are mapped, by physical address: each once, for all who ask.
static MAPPED: SleepMutex<BTreeMap<u64, u64>> = SleepMutex::new(BTreeMap::new());

struct Registers {
    /// Bytes of the first page that lie before the registers.
    lead: u64,
    length: u64,
    /// Where the pages are mapped.
    pages: Vec<u64>,
    inode: AnonymousInode,
}

/// `length` bytes of registers from `physical` on.
///
/// # Errors
/// `EINVAL` (no such addresses, too many), `EBUSY` (memory, or the kernel's own), `ENOMEM`.
pub fn create(physical: u64, length: u64) -> Result<Arc<OpenFile>> {
    if !(1..=MOST_BYTES).contains(&length) {
        return Err(Errno::EINVAL);
    }
    let end = physical
        .checked_add(length)
        .filter(|end| *end <= devices::physical_end())
        .ok_or(Errno::EINVAL)?;
    let first = physical / PAGE * PAGE;
    if !devices::are_registers_free(&(first..end.next_multiple_of(PAGE))) {
        return Err(Errno::EBUSY);
    }
    let mut pages = Vec::new();
    for page in (first..end).step_by(PAGE_SIZE) {
        pages.push(map(page)?);
    }
    let registers = Registers {
        lead: physical - first,
        length,
        pages,
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    Ok(OpenFile::new(
        Arc::new(registers),
        linux::O_RDWR,
        b"anon_inode:[registers]".to_vec(),
    ))
}

fn map(page: u64) -> Result<u64> {
    let mut mapped = MAPPED.lock();
    if let Some(address) = mapped.get(&page) {
        return Ok(*address);
    }
    if mapped.len() >= MOST_PAGES {
        return Err(Errno::ENOMEM);
    }
    let address = kernel_map::map_device(page, PAGE)?;
    mapped.insert(page, address);
    Ok(address)
}

impl Registers {
    /// Where an access goes.
    fn address(&self, offset: u64, width: usize) -> Result<u64> {
        devices::check_permission()?;
        let width = width as u64;
        let is_within = offset
            .checked_add(width)
            .is_some_and(|end| end <= self.length);
        let at = self.lead.wrapping_add(offset);
        if !is_within || !at.is_multiple_of(width) {
            return Err(Errno::EINVAL);
        }
        // One that is aligned lies in one page.
        let page = self.pages.get((at / PAGE) as usize).ok_or(Errno::EINVAL)?;
        REGISTER_ACCESSES.add(1);
        Ok(page + at % PAGE)
    }
}

impl FileObject for Registers {
    fn read_at(&self, _file: &OpenFile, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let width = to.remaining();
        if !matches!(width, 1 | 2 | 4 | 8) {
            return Err(Errno::EINVAL);
        }
        let address = self.address(offset, width)?;
        // SAFETY: mapped for ever, uncached, aligned; neither memory nor the kernel's own;
        // and a process that is trusted with devices.
        let value = unsafe {
            match width {
                1 => u64::from(ptr::read_volatile(address as *const u8)),
                2 => u64::from(ptr::read_volatile(address as *const u16)),
                4 => u64::from(ptr::read_volatile(address as *const u32)),
                _ => ptr::read_volatile(address as *const u64),
            }
        };
        to.write(&value.to_le_bytes()[..width])
    }

    fn write_at(&self, _file: &OpenFile, offset: u64, from: &mut Source<'_>) -> Result<usize> {
        let width = from.remaining();
        if !matches!(width, 1 | 2 | 4 | 8) {
            return Err(Errno::EINVAL);
        }
        let address = self.address(offset, width)?;
        let mut bytes = [0; 8];
        if from.read(&mut bytes[..width])? < width {
            return Err(Errno::EFAULT);
        }
        let value = u64::from_le_bytes(bytes);
        // SAFETY: as above.
        unsafe {
            match width {
                1 => ptr::write_volatile(address as *mut u8, value as u8),
                2 => ptr::write_volatile(address as *mut u16, value as u16),
                4 => ptr::write_volatile(address as *mut u32, value as u32),
                _ => ptr::write_volatile(address as *mut u64, value),
            }
        }
        Ok(width)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
