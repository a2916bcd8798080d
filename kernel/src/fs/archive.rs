//! Unpacking the boot archive into the root file system.
//!
//! A file's whole pages are shown where the boot loader put them, if they lie on page
//! borders; what is left over at the end is copied, because bytes of the next file may
//! follow it. The archive's memory is therefore never freed.

use std::collections::BTreeMap;
use std::sync::Arc;

use formats::cpio::{self, Entry};

use super::inode::{Change, Inode, Kind, NewContent, NewInode, Time, device_number};
use super::path::{Base, LastName, resolve_last};
use super::tmpfs::{Data, Node};
use super::{kernel_base, path};
use crate::errno::{Errno, Result};
use crate::memory::PAGE_SIZE;
use crate::memory::object::MemoryObject;
use crate::memory::user::Source;

/// Unpacks every archive of `bytes`. A fault in it ends the unpacking with a line in the
/// log; what came before is kept.
pub fn unpack(bytes: &'static [u8], physical: u64) {
    let Ok(base) = kernel_base() else {
        return;
    };
    let mut unpacker = Unpacker {
        base,
        physical,
        linked: BTreeMap::new(),
        directory_times: Vec::new(),
    };
    let mut count = 0_usize;
    for entry in cpio::entries(bytes) {
        match entry {
            Ok(entry) => {
                if let Err(error) = unpacker.unpack(&entry) {
                    let name = String::from_utf8_lossy(entry.name);
                    crate::warn!("fs: {name} of the boot archive is left out: {error:?}");
                }
                count += 1;
            }
            Err(error) => crate::warn!("fs: the boot archive ends early: {error}"),
        }
    }
    for (directory, time) in unpacker.directory_times {
        let _ = directory.change(&times(time));
    }
    crate::log!(
        "fs: {count} entries in the boot archive, {} bytes",
        bytes.len()
    );
}

struct Unpacker {
    base: Base,
    physical: u64,
    /// Files with several names that are there already, by archive and inode number.
    linked: BTreeMap<(usize, u32), Arc<dyn Inode>>,
    /// Set at the end: making files in a directory changes its times.
    directory_times: Vec<(Arc<dyn Inode>, u32)>,
}

fn times(modified: u32) -> Change {
    let time = Time {
        seconds: i64::from(modified),
        nanos: 0,
    };
    Change {
        accessed: Some(time),
        modified: Some(time),
        ..Change::default()
    }
}

impl Unpacker {
    fn unpack(&mut self, entry: &Entry<'static>) -> Result<()> {
        let kind = Kind::from_mode(entry.mode).ok_or(Errno::EINVAL)?;
        let last = resolve_last(&self.base, entry.name)?;
        let LastName::Name(name) = last.name else {
            // The root itself: only its metadata.
            return self.finish(entry, &last.directory);
        };
        let directory = last.directory;
        if let Ok(there) = path::find(&directory, &name) {
            if kind == Kind::Directory && there.kind() == Kind::Directory {
                // /proc and /sys are what the kernel says they are.
                let is_ours = there.as_any().is::<Node>();
                return if is_ours {
                    self.finish(entry, &there)
                } else {
                    Ok(())
                };
            }
            if there.kind() == Kind::CharacterDevice {
                return Ok(());
            }
            directory.unlink(&name)?;
        }
        let key = (entry.archive, entry.ino);
        if kind == Kind::File
            && entry.links > 1
            && let Some(inode) = self.linked.get(&key).cloned()
        {
            if !entry.data.is_empty() {
                fill(&inode, entry.data)?;
            }
            return directory.link(&name, &inode);
        }
        let content = match kind {
            Kind::File if !entry.data.is_empty() => {
                let inode = self.show_file(entry, &directory, &name)?;
                return self.keep(entry, key, inode);
            }
            Kind::File => NewContent::File,
            Kind::Directory => NewContent::Directory,
            Kind::Symlink => NewContent::Symlink(entry.data.to_vec()),
            Kind::CharacterDevice | Kind::BlockDevice => {
                NewContent::Device(kind, device_number(entry.device.0, entry.device.1))
            }
            Kind::Fifo => NewContent::Fifo,
            Kind::Socket => NewContent::Socket,
        };
        let inode = directory.create(&name, self.new_inode(entry, content))?;
        self.keep(entry, key, inode)
    }

    fn keep(&mut self, entry: &Entry<'_>, key: (usize, u32), inode: Arc<dyn Inode>) -> Result<()> {
        if inode.kind() == Kind::File && entry.links > 1 {
            self.linked.insert(key, inode.clone());
        }
        self.finish(entry, &inode)
    }

    fn new_inode(&self, entry: &Entry<'_>, content: NewContent) -> NewInode {
        NewInode {
            content,
            permissions: entry.mode & 0o7777,
            uid: entry.uid,
            gid: entry.gid,
        }
    }

    fn finish(&mut self, entry: &Entry<'_>, inode: &Arc<dyn Inode>) -> Result<()> {
        if inode.kind() == Kind::Directory {
            self.directory_times.push((inode.clone(), entry.modified));
        }
        inode.change(&Change {
            permissions: Some(entry.mode & 0o7777),
            uid: Some(entry.uid),
            gid: Some(entry.gid),
            ..times(entry.modified)
        })
    }

    /// Makes a file of the entry's bytes, without a copy of its whole pages where they
    /// lie on page borders.
    fn show_file(
        &self,
        entry: &Entry<'static>,
        directory: &Arc<dyn Inode>,
        name: &[u8],
    ) -> Result<Arc<dyn Inode>> {
        let place = self.physical + entry.data_offset as u64;
        let whole = entry.data.len() / PAGE_SIZE * PAGE_SIZE;
        if !place.is_multiple_of(PAGE_SIZE as u64) || whole == 0 {
            let inode = directory.create(name, self.new_inode(entry, NewContent::File))?;
            fill(&inode, entry.data)?;
            return Ok(inode);
        }
        let memory = MemoryObject::from_boot_archive(place, whole as u64);
        let rest = entry.data.get(whole..).unwrap_or_default();
        write_all(&memory, whole as u64, rest)?;
        let above = directory
            .as_any()
            .downcast_ref::<Node>()
            .ok_or(Errno::EPERM)?;
        let data = Data::from_archive(memory, whole as u64);
        let inode: Arc<dyn Inode> = Node::unlinked_file(
            above.system(),
            data,
            entry.mode & 0o7777,
            (entry.uid, entry.gid),
        );
        directory.link(name, &inode)?;
        Ok(inode)
    }
}

fn fill(inode: &Arc<dyn Inode>, bytes: &[u8]) -> Result<()> {
    let node = inode.as_any().downcast_ref::<Node>().ok_or(Errno::EPERM)?;
    write_all(node.data()?.memory(), 0, bytes)
}

fn write_all(memory: &MemoryObject, offset: u64, bytes: &[u8]) -> Result<()> {
    let mut from = Source::kernel(bytes);
    memory.write_at(offset, &mut from)?;
    if from.remaining() > 0 {
        return Err(Errno::ENOSPC);
    }
    Ok(())
}
