//! `open(2)`: from a path to an open file description.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::file::{FileObject, OpenFile};
use super::inode::{Inode, Kind, NewContent, NewInode};
use super::path::{Base, LastName, Link, Location, Place, Walk, find};
use super::permission::{self, Access};
use super::text::TextClaim;
use crate::errno::{Errno, Result};

/// Flags that mean something here; others are ignored, as Linux ignores them.
const KNOWN: u32 = linux::O_ACCMODE
    | linux::O_CREAT
    | linux::O_EXCL
    | linux::O_NOCTTY
    | linux::O_TRUNC
    | linux::O_APPEND
    | linux::O_NONBLOCK
    | linux::O_SYNC
    | linux::O_DIRECT
    | linux::O_LARGEFILE
    | linux::O_DIRECTORY
    | linux::O_NOFOLLOW
    | linux::O_NOATIME
    | linux::O_PATH
    | linux::__O_TMPFILE;

/// Flags that `F_GETFL` does not show: they count at opening only.
const MOMENTARY: u32 = linux::O_CREAT | linux::O_EXCL | linux::O_NOCTTY | linux::O_TRUNC;

/// Opens `path` from `base`. `flags` are those of `open(2)`; `permissions` those of a new
/// file, with the umask already applied.
///
/// # Errors
/// Those of `open(2)` but `EMFILE`.
pub fn open(base: &Base, path: &[u8], flags: u32, permissions: u32) -> Result<Arc<OpenFile>> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let flags = effective_flags(flags)?;
    if flags & linux::__O_TMPFILE != 0 {
        return open_unnamed(base, path, flags, permissions);
    }
    let found = find_or_create(base, path, flags, permissions)?;
    if found.is_new {
        let claim = claim_to_write(&found.location.inode, flags)?;
        let object = found.location.inode.clone().open(flags)?;
        let flags = flags & !MOMENTARY;
        return Ok(OpenFile::claiming(object, flags, found.location, claim));
    }
    open_location(base, found.location, flags, found.must_be_directory)
}

/// The flags that count; asked before the path is looked at.
///
/// # Errors
/// `EINVAL` for what does not go together.
pub fn effective_flags(flags: u32) -> Result<u32> {
    let flags = flags & KNOWN;
    if flags & linux::O_PATH != 0 {
        return Ok(flags & (linux::O_PATH | linux::O_DIRECTORY | linux::O_NOFOLLOW));
    }
    let creates = flags & linux::O_CREAT != 0;
    let names_directory = flags & linux::O_DIRECTORY != 0;
    let is_unnamed = flags & linux::__O_TMPFILE != 0;
    let writes = flags & linux::O_ACCMODE != linux::O_RDONLY;
    if (creates && names_directory) || (is_unnamed && (!names_directory || !writes)) {
        return Err(Errno::EINVAL);
    }
    Ok(flags)
}

struct Found {
    location: Location,
    is_new: bool,
    must_be_directory: bool,
}

fn find_or_create(base: &Base, path: &[u8], flags: u32, permissions: u32) -> Result<Found> {
    let creates = flags & linux::O_CREAT != 0;
    let is_exclusive = creates && flags & linux::O_EXCL != 0;
    let mut walk = Walk::new(base);
    let mut from = base.start.clone();
    let mut path = path.to_vec();
    let mut must_be_directory = false;
    loop {
        let last = walk.resolve_last(&from, &path)?;
        let old = |location| Found {
            location,
            is_new: false,
            must_be_directory,
        };
        let name = match last.name {
            LastName::Name(name) => name,
            LastName::Here | LastName::Up if is_exclusive => return Err(Errno::EEXIST),
            LastName::Here => return Ok(old(Location::bare(last.directory))),
            LastName::Up => return Ok(old(Location::bare(walk.up(&last.directory)))),
        };
        if creates && last.has_slash {
            return Err(Errno::EISDIR);
        }
        must_be_directory |= last.has_slash;
        let inode = match find(&last.directory, &name) {
            Err(Errno::ENOENT) if creates => {
                match create(base, &last.directory, &name, permissions) {
                    // Somebody else made it meanwhile.
                    Err(Errno::EEXIST) if !is_exclusive => continue,
                    Err(error) => return Err(error),
                    Ok(inode) => {
                        let directory = last.directory;
                        let place = Some(Place { directory, name });
                        return Ok(Found {
                            location: Location { inode, place },
                            is_new: true,
                            must_be_directory: false,
                        });
                    }
                }
            }
            found => found?,
        };
        if is_exclusive {
            return Err(Errno::EEXIST);
        }
        let follows = flags & linux::O_NOFOLLOW == 0 || must_be_directory;
        if inode.kind() == Kind::Symlink && follows {
            match walk.link(&inode)? {
                Link::Path(target) => {
                    path = target;
                    from = last.directory;
                    continue;
                }
                Link::Place(location) => {
                    return Ok(Found {
                        location,
                        is_new: false,
                        must_be_directory,
                    });
                }
            }
        }
        let place = (inode.kind() != Kind::Directory).then_some(Place {
            directory: last.directory,
            name,
        });
        return Ok(Found {
            location: Location { inode, place },
            is_new: false,
            must_be_directory,
        });
    }
}

fn create(
    base: &Base,
    directory: &Arc<dyn Inode>,
    name: &[u8],
    permissions: u32,
) -> Result<Arc<dyn Inode>> {
    permission::check_create(&**directory, &base.caller)?;
    directory.create(name, new_file(base, directory, permissions))
}

fn new_file(base: &Base, directory: &Arc<dyn Inode>, permissions: u32) -> NewInode {
    NewInode {
        content: NewContent::File,
        permissions: permissions & 0o7777,
        uid: base.caller.uid,
        gid: inherited_group(&**directory, base.caller.gid),
    }
}

/// The group of something made in `directory`: a set-group-id directory hands its own on.
#[must_use]
pub fn inherited_group(directory: &dyn Inode, gid: u32) -> u32 {
    let above = directory.metadata();
    if above.permissions & linux::S_ISGID != 0 {
        above.gid
    } else {
        gid
    }
}

/// Opens what is already found. `flags` as those of `open(2)`.
///
/// # Errors
/// Those of `open(2)`.
pub fn open_location(
    base: &Base,
    location: Location,
    flags: u32,
    must_be_directory: bool,
) -> Result<Arc<OpenFile>> {
    let inode = location.inode.clone();
    let kind = inode.kind();
    let is_directory = kind == Kind::Directory;
    if !is_directory && (must_be_directory || flags & linux::O_DIRECTORY != 0) {
        return Err(Errno::ENOTDIR);
    }
    if flags & linux::O_PATH != 0 {
        return Ok(OpenFile::at(Arc::new(PathOnly(inode)), flags, location));
    }
    let access = match flags & linux::O_ACCMODE {
        linux::O_RDONLY => Access::READ,
        linux::O_WRONLY => Access::WRITE,
        _ => Access::READ | Access::WRITE,
    };
    let truncates = flags & linux::O_TRUNC != 0;
    let access = if truncates {
        access | Access::WRITE
    } else {
        access
    };
    match kind {
        Kind::Symlink => return Err(Errno::ELOOP),
        Kind::Directory if access.contains(Access::WRITE) || flags & linux::O_CREAT != 0 => {
            return Err(Errno::EISDIR);
        }
        _ => {}
    }
    permission::check(&*inode, &base.caller, access)?;
    if flags & linux::O_NOATIME != 0 && !base.caller.owns(&inode.metadata()) {
        return Err(Errno::EPERM);
    }
    let claim = claim_to_write(&inode, flags)?;
    let object = inode.clone().open(flags)?;
    if truncates && kind == Kind::File {
        truncate(&inode, 0)?;
    }
    Ok(OpenFile::claiming(
        object,
        flags & !MOMENTARY,
        location,
        claim,
    ))
}

fn claim_to_write(inode: &Arc<dyn Inode>, flags: u32) -> Result<Option<TextClaim>> {
    if flags & linux::O_ACCMODE == linux::O_RDONLY {
        return Ok(None);
    }
    TextClaim::to_write(inode)
}

/// Sets a file's length; for whoever has no description that may write.
///
/// # Errors
/// `ETXTBSY` while it runs; those of `truncate(2)`.
pub fn truncate(inode: &Arc<dyn Inode>, length: u64) -> Result<()> {
    let _claim = TextClaim::to_write(inode)?;
    inode.truncate(length)
}

/// `O_TMPFILE`: `path` names the directory.
fn open_unnamed(base: &Base, path: &[u8], flags: u32, permissions: u32) -> Result<Arc<OpenFile>> {
    let follow = flags & linux::O_NOFOLLOW == 0;
    let directory = Walk::new(base).resolve(&base.start, path, follow)?.inode;
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    permission::check_create(&*directory, &base.caller)?;
    let is_linkable = flags & linux::O_EXCL == 0;
    let inode = directory.create_unnamed(new_file(base, &directory, permissions), is_linkable)?;
    let name = format!("#{}", inode.identity().1).into_bytes();
    let claim = claim_to_write(&inode, flags)?;
    let object = inode.clone().open(flags)?;
    let place = Some(Place { directory, name });
    Ok(OpenFile::claiming(
        object,
        flags & !MOMENTARY,
        Location { inode, place },
        claim,
    ))
}

/// What an `O_PATH` descriptor refers to: a place, of which only `fstat(2)` and the `at`
/// calls know something.
struct PathOnly(Arc<dyn Inode>);

impl FileObject for PathOnly {
    fn stat(&self) -> Result<linux::stat> {
        Ok(self.0.metadata().to_stat())
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
