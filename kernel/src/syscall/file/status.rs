//! `stat(2)` and its relatives: what files and file systems are.

use linux_raw_sys::general as linux;

use super::{base_at, file, files, find_at, read_path};
use crate::errno::{Errno, Result};
use crate::fs;
use crate::fs::inode::{Inode, Kind, Metadata, Time, device_parts};
use crate::fs::path::resolve;
use crate::fs::permission::{Access, Caller, check};
use crate::memory::user;

user::plain!(linux::stat, linux::statx, linux::statfs);

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let nofollow = linux::AT_SYMLINK_NOFOLLOW as usize;
    Some(match number {
        linux::__NR_stat => newfstatat([CWD, args[0], args[1], 0, 0, 0]),
        linux::__NR_lstat => newfstatat([CWD, args[0], args[1], nofollow, 0, 0]),
        linux::__NR_fstat => fstat(args),
        linux::__NR_newfstatat => newfstatat(args),
        linux::__NR_statx => statx(args),
        linux::__NR_access => access(CWD, args[0], args[1], 0),
        linux::__NR_faccessat => access(args[0], args[1], args[2], 0),
        linux::__NR_faccessat2 => access(args[0], args[1], args[2], args[3] as u32),
        linux::__NR_statfs => statfs(args),
        linux::__NR_fstatfs => fstatfs(args),
        _ => return None,
    })
}

fn fstat([descriptor, address, ..]: [usize; 6]) -> Result<usize> {
    let file = files().get_any(descriptor as i32)?;
    let stat = match file.location() {
        Some(location) => location.inode.metadata().to_stat(),
        None => file.object.stat()?,
    };
    user::write(address, &stat)?;
    Ok(0)
}

fn newfstatat([directory, path, address, flags, ..]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    let known = linux::AT_SYMLINK_NOFOLLOW | linux::AT_NO_AUTOMOUNT | linux::AT_EMPTY_PATH;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & linux::AT_EMPTY_PATH != 0 && is_empty(path)? && directory as i32 >= 0 {
        return fstat([directory, address, 0, 0, 0, 0]);
    }
    let follow = flags & linux::AT_SYMLINK_NOFOLLOW == 0;
    let location = find_at(directory, path, follow, flags & linux::AT_EMPTY_PATH != 0)?;
    user::write(address, &location.inode.metadata().to_stat())?;
    Ok(0)
}

fn is_empty(path: usize) -> Result<bool> {
    Ok(path == 0 || user::read::<u8>(path)? == 0)
}

fn statx([directory, path, flags, mask, address, _]: [usize; 6]) -> Result<usize> {
    let (flags, mask) = (flags as u32, mask as u32);
    let known = linux::AT_SYMLINK_NOFOLLOW
        | linux::AT_NO_AUTOMOUNT
        | linux::AT_EMPTY_PATH
        | linux::AT_STATX_SYNC_TYPE;
    if flags & !known != 0
        || mask & linux::STATX__RESERVED != 0
        || flags & linux::AT_STATX_SYNC_TYPE == linux::AT_STATX_SYNC_TYPE
    {
        return Err(Errno::EINVAL);
    }
    let may_be_empty = flags & linux::AT_EMPTY_PATH != 0;
    let answer = if may_be_empty && is_empty(path)? && directory as i32 >= 0 {
        let file = files().get_any(directory as i32)?;
        match file.location() {
            Some(location) => from_inode(&location.inode),
            None => from_stat(&file.object.stat()?),
        }
    } else {
        let follow = flags & linux::AT_SYMLINK_NOFOLLOW == 0;
        from_inode(&find_at(directory, path, follow, may_be_empty)?.inode)
    };
    user::write(address, &answer)?;
    Ok(0)
}

fn from_inode(inode: &std::sync::Arc<dyn Inode>) -> linux::statx {
    let metadata = inode.metadata();
    let mut answer = from_metadata(&metadata);
    if fs::mount::all()
        .iter()
        .any(|mount| fs::inode::is_same(&*mount.root, &**inode))
    {
        answer.stx_attributes |= u64::from(linux::STATX_ATTR_MOUNT_ROOT);
    }
    answer
}

fn from_stat(stat: &linux::stat) -> linux::statx {
    let time = |seconds: u64, nanos: u64| Time {
        seconds: seconds.cast_signed(),
        nanos: nanos as u32,
    };
    let mut answer = from_metadata(&Metadata {
        device: stat.st_dev,
        ino: stat.st_ino,
        kind: Kind::File,
        permissions: 0,
        links: stat.st_nlink as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: stat.st_rdev,
        size: stat.st_size.cast_unsigned(),
        blocks: stat.st_blocks.cast_unsigned(),
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
        born: None,
    });
    answer.stx_mode = stat.st_mode as u16;
    answer
}

fn from_metadata(metadata: &Metadata) -> linux::statx {
    let timestamp = |time: Time| linux::statx_timestamp {
        tv_sec: time.seconds,
        tv_nsec: time.nanos,
        __reserved: 0,
    };
    let (device_major, device_minor) = device_parts(metadata.device);
    let (rdev_major, rdev_minor) = device_parts(metadata.rdev);
    let mut mask = linux::STATX_BASIC_STATS | linux::STATX_MNT_ID;
    if metadata.born.is_some() {
        mask |= linux::STATX_BTIME;
    }
    linux::statx {
        stx_mask: mask,
        stx_blksize: 4096,
        stx_attributes: 0,
        stx_nlink: metadata.links,
        stx_uid: metadata.uid,
        stx_gid: metadata.gid,
        stx_mode: metadata.mode() as u16,
        __spare0: [0],
        stx_ino: metadata.ino,
        stx_size: metadata.size,
        stx_blocks: metadata.blocks,
        stx_attributes_mask: u64::from(linux::STATX_ATTR_MOUNT_ROOT),
        stx_atime: timestamp(metadata.accessed),
        stx_btime: timestamp(metadata.born.unwrap_or_default()),
        stx_ctime: timestamp(metadata.changed),
        stx_mtime: timestamp(metadata.modified),
        stx_rdev_major: rdev_major,
        stx_rdev_minor: rdev_minor,
        stx_dev_major: device_major,
        stx_dev_minor: device_minor,
        stx_mnt_id: u64::from(device_minor),
        stx_dio_mem_align: 0,
        stx_dio_offset_align: 0,
        stx_subvol: 0,
        stx_atomic_write_unit_min: 0,
        stx_atomic_write_unit_max: 0,
        stx_atomic_write_segments_max: 0,
        stx_dio_read_offset_align: 0,
        stx_atomic_write_unit_max_opt: 0,
        __spare2: [0],
        __spare3: [0; 8],
    }
}

fn access(directory: usize, path: usize, mode: usize, flags: u32) -> Result<usize> {
    let known = linux::AT_EACCESS | linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH;
    let mode = mode as u32;
    if mode & !0o7 != 0 || flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let may_be_empty = flags & linux::AT_EMPTY_PATH != 0;
    let follow = flags & linux::AT_SYMLINK_NOFOLLOW == 0;
    let caller = if flags & linux::AT_EACCESS != 0 {
        fs::caller()
    } else {
        let credentials = crate::task::current_process().credentials();
        Caller {
            uid: credentials.uid,
            gid: credentials.gid,
            groups: credentials.groups,
        }
    };
    let inode = if may_be_empty && is_empty(path)? {
        super::location_of(directory)?.inode
    } else {
        let path = read_path(path)?;
        let mut base = base_at(directory, &path)?;
        base.caller = caller.clone();
        resolve(&base, &path, follow)?.inode
    };
    if mode != 0 {
        check(&*inode, &caller, Access::from_bits_truncate(mode))?;
    }
    Ok(0)
}

fn statfs([path, address, ..]: [usize; 6]) -> Result<usize> {
    let location = find_at(CWD, path, true, false)?;
    user::write(address, &location.inode.statfs())?;
    Ok(0)
}

fn fstatfs([descriptor, address, ..]: [usize; 6]) -> Result<usize> {
    /// `PIPEFS_MAGIC`.
    const PIPES: u32 = 0x5049_5045;
    /// `SOCKFS_MAGIC`.
    const SOCKETS: u32 = 0x534f_434b;
    /// `ANON_INODE_FS_MAGIC`.
    const OTHERS: u32 = 0x0904_1934;
    let file = file(descriptor)?;
    let answer = match file.location() {
        Some(location) => location.inode.statfs(),
        None => {
            let stat = file.object.stat()?;
            let magic = match Kind::from_mode(stat.st_mode) {
                Some(Kind::Fifo) => PIPES,
                Some(Kind::Socket) => SOCKETS,
                _ => OTHERS,
            };
            fs::empty_statfs(magic, stat.st_dev)
        }
    };
    user::write(address, &answer)?;
    Ok(0)
}
