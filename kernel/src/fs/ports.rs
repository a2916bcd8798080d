//! A range of I/O ports as a descriptor (`RG_PORTS`): an access is a `pread` or `pwrite`.
//!
//! A system call for each access, not a bitmap of permitted ports in the task state
//! segment: an access takes the device a microsecond and the interpreter another, so that
//! the call is not what it waits for; and a bitmap would be 8 KiB for each core, to be put
//! in force at every switch, where a call is checked and counted, and costs nobody else
//! anything.

use core::any::Any;
use core::ops::Range;
use std::sync::Arc;

use linux_raw_sys::general as linux;
use x86_64::instructions::port::Port;

use super::anonymous::{AnonymousInode, Device};
use super::file::{FileObject, OpenFile};
use crate::devices;
use crate::errno::{Errno, Result};
use crate::memory::user::{Destination, Source};

crate::counters! {
    /// Accesses of processes to I/O ports.
    static PORT_ACCESSES = "port_accesses";
}

/// Ports that there are.
const PORTS: u32 = 0x1_0000;

struct PortRange {
    ports: Range<u32>,
    inode: AnonymousInode,
}

/// `count` ports from `first` on.
///
/// # Errors
/// `EINVAL` (there are no such), `EBUSY` (the kernel's own are among them).
pub fn create(first: usize, count: usize) -> Result<Arc<OpenFile>> {
    let end = first
        .checked_add(count)
        .filter(|end| *end <= PORTS as usize);
    let end = end.filter(|_| count > 0).ok_or(Errno::EINVAL)?;
    let ports = first as u32..end as u32;
    if !devices::are_ports_free(&ports) {
        return Err(Errno::EBUSY);
    }
    let range = PortRange {
        ports,
        inode: AnonymousInode::new(Device::Event, 0o600),
    };
    Ok(OpenFile::new(
        Arc::new(range),
        linux::O_RDWR,
        b"anon_inode:[ports]".to_vec(),
    ))
}

impl PortRange {
    /// The port of an access.
    fn port(&self, offset: u64, width: usize) -> Result<u16> {
        devices::check_permission()?;
        let first = u32::try_from(offset)
            .ok()
            .and_then(|offset| self.ports.start.checked_add(offset));
        let port = first
            .filter(|first| first.saturating_add(width as u32) <= self.ports.end)
            .ok_or(Errno::EINVAL)?;
        PORT_ACCESSES.add(1);
        u16::try_from(port).map_err(|_| Errno::EINVAL)
    }
}

impl FileObject for PortRange {
    fn read_at(&self, _file: &OpenFile, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let width = to.remaining();
        if !matches!(width, 1 | 2 | 4) {
            return Err(Errno::EINVAL);
        }
        let port = self.port(offset, width)?;
        // SAFETY: no port of the kernel's own, and a process that is trusted with devices.
        let value = unsafe {
            match width {
                1 => u32::from(Port::<u8>::new(port).read()),
                2 => u32::from(Port::<u16>::new(port).read()),
                _ => Port::<u32>::new(port).read(),
            }
        };
        to.write(&value.to_le_bytes()[..width])
    }

    fn write_at(&self, _file: &OpenFile, offset: u64, from: &mut Source<'_>) -> Result<usize> {
        let width = from.remaining();
        if !matches!(width, 1 | 2 | 4) {
            return Err(Errno::EINVAL);
        }
        let port = self.port(offset, width)?;
        let mut bytes = [0; 4];
        if from.read(&mut bytes[..width])? < width {
            return Err(Errno::EFAULT);
        }
        let value = u32::from_le_bytes(bytes);
        // SAFETY: as above.
        unsafe {
            match width {
                1 => Port::new(port).write(value as u8),
                2 => Port::new(port).write(value as u16),
                _ => Port::new(port).write(value),
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
