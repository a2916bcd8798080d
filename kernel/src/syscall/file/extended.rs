//! Extended attributes (`xattr(7)`).

use linux_raw_sys::general as linux;

use super::{file, find_at, location_of};
use crate::errno::{Errno, Result};
use crate::fs::caller;
use crate::fs::extended::{ExtendedAttributes, is_user};
use crate::fs::inode::{Inode, Kind};
use crate::fs::path::Location;
use crate::fs::permission::{Access, check};
use crate::memory::user;

const CWD: usize = linux::AT_FDCWD as usize;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let place = match number {
        linux::__NR_setxattr
        | linux::__NR_getxattr
        | linux::__NR_listxattr
        | linux::__NR_removexattr => Place::Path(true),
        linux::__NR_lsetxattr
        | linux::__NR_lgetxattr
        | linux::__NR_llistxattr
        | linux::__NR_lremovexattr => Place::Path(false),
        linux::__NR_fsetxattr
        | linux::__NR_fgetxattr
        | linux::__NR_flistxattr
        | linux::__NR_fremovexattr => Place::Descriptor,
        _ => return None,
    };
    Some(match number {
        linux::__NR_setxattr | linux::__NR_lsetxattr | linux::__NR_fsetxattr => set(place, args),
        linux::__NR_getxattr | linux::__NR_lgetxattr | linux::__NR_fgetxattr => get(place, args),
        linux::__NR_listxattr | linux::__NR_llistxattr | linux::__NR_flistxattr => {
            list(place, args)
        }
        _ => remove(place, args),
    })
}

/// What the first argument names.
#[derive(Clone, Copy)]
enum Place {
    /// A path; whether its last symbolic link is followed.
    Path(bool),
    Descriptor,
}

impl Place {
    fn find(self, argument: usize) -> Result<Location> {
        match self {
            Self::Path(follow) => find_at(CWD, argument, follow, false),
            Self::Descriptor => {
                file(argument)?;
                location_of(argument).map_err(|error| match error {
                    Errno::EINVAL => Errno::EOPNOTSUPP,
                    other => other,
                })
            }
        }
    }
}

fn read_name(address: usize) -> Result<Vec<u8>> {
    let limit = linux::XATTR_NAME_MAX as usize + 1;
    match user::read_string(address, limit) {
        Ok(name) if name.is_empty() => Err(Errno::ERANGE),
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        name => name,
    }
}

/// The attributes of `inode`, if the caller may do `access` with the attribute `name`.
fn attributes<'a>(
    inode: &'a dyn Inode,
    name: &[u8],
    access: Access,
) -> Result<&'a ExtendedAttributes> {
    if is_user(name) {
        if !matches!(inode.kind(), Kind::File | Kind::Directory) {
            let is_write = access.contains(Access::WRITE);
            return Err(if is_write {
                Errno::EPERM
            } else {
                Errno::ENODATA
            });
        }
        check(inode, &caller(), access)?;
    }
    inode.extended_attributes().ok_or(Errno::EOPNOTSUPP)
}

fn set(place: Place, [argument, name, value, size, flags, _]: [usize; 6]) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(linux::XATTR_CREATE | linux::XATTR_REPLACE) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = read_name(name)?;
    if size > linux::XATTR_SIZE_MAX as usize {
        return Err(Errno::E2BIG);
    }
    let value: Vec<u8> = {
        let mut bytes = vec![0; size];
        user::copy_in(value, &mut bytes)?;
        bytes
    };
    let inode = place.find(argument)?.inode;
    attributes(&*inode, &name, Access::WRITE)?.set(&name, value, flags, &caller())?;
    inode.change(&crate::fs::inode::Change::default())?;
    Ok(0)
}

/// Copies `bytes` to the buffer of an asking call; size 0 asks for the size.
fn answer(bytes: &[u8], address: usize, size: usize) -> Result<usize> {
    if size != 0 {
        if bytes.len() > size {
            return Err(Errno::ERANGE);
        }
        user::copy_out(address, bytes)?;
    }
    Ok(bytes.len())
}

fn get(place: Place, [argument, name, value, size, ..]: [usize; 6]) -> Result<usize> {
    let name = read_name(name)?;
    let inode = place.find(argument)?.inode;
    let bytes = attributes(&*inode, &name, Access::READ)?.get(&name, &caller())?;
    answer(&bytes, value, size)
}

fn list(place: Place, [argument, address, size, ..]: [usize; 6]) -> Result<usize> {
    let inode = place.find(argument)?.inode;
    let names = match inode.extended_attributes() {
        Some(attributes) => attributes.list(&caller()),
        None => Vec::new(),
    };
    answer(&names, address, size)
}

fn remove(place: Place, [argument, name, ..]: [usize; 6]) -> Result<usize> {
    let name = read_name(name)?;
    let inode = place.find(argument)?.inode;
    attributes(&*inode, &name, Access::WRITE)?.remove(&name, &caller())?;
    inode.change(&crate::fs::inode::Change::default())?;
    Ok(0)
}
