//! From path names to inodes (POSIX.1-2017, 4.13; `path_resolution(7)`).
//!
//! There is no cache of names: a directory knows its parent and its own name, and that
//! is all that `..` and `getcwd(2)` need. Not here: opening and creating
//! ([`super::open`]), the table of mounts ([`super::mount`]).

use std::sync::Arc;

use formats::path::{NAME_MAX, is_absolute, split};

use super::inode::{Inode, Kind, is_same};
use super::permission::{Access, Caller};
use super::{mount, permission};
use crate::errno::{Errno, Result};

/// Symbolic links followed in one lookup before it is `ELOOP`.
const MAX_LINKS: u32 = 40;

/// An inode and the name by which it was found.
#[derive(Clone)]
pub struct Location {
    /// What was found.
    pub inode: Arc<dyn Inode>,
    /// The directory and the name in it; None for a directory, which knows its own, and
    /// for what was found without a name.
    pub place: Option<Place>,
}

/// A name in a directory.
#[derive(Clone)]
pub struct Place {
    /// The directory.
    pub directory: Arc<dyn Inode>,
    /// The name.
    pub name: Vec<u8>,
}

impl Location {
    /// A place for an inode without a name, or for a directory.
    #[must_use]
    pub fn bare(inode: Arc<dyn Inode>) -> Self {
        Self { inode, place: None }
    }

    /// The path from the root of all to here, as it is now; ` (deleted)` follows where
    /// the name is gone (as `d_path` in Linux has it).
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        let Some(place) = &self.place else {
            return absolute_path(&self.inode, None).unwrap_or_else(|| {
                let mut name = b"/".to_vec();
                name.extend(self.inode.name());
                name.extend_from_slice(b" (deleted)");
                name
            });
        };
        let mut path = absolute_path(&place.directory, None).unwrap_or_default();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(&place.name);
        let is_there = mount::lookup(&place.directory, &place.name)
            .is_ok_and(|found| is_same(&*found, &*self.inode));
        if !is_there {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }
}

/// The path from `root` (or the root of all) down to `directory`; None where it has been
/// removed or lies outside of `root`.
#[must_use]
pub fn absolute_path(directory: &Arc<dyn Inode>, root: Option<&Arc<dyn Inode>>) -> Option<Vec<u8>> {
    let mut names = Vec::new();
    let mut at = directory.clone();
    loop {
        if root.is_some_and(|root| is_same(&**root, &*at)) {
            break;
        }
        if at.metadata().links == 0 {
            return None;
        }
        match mount::parent(&at) {
            Some((parent, name)) => {
                names.push(name);
                at = parent;
            }
            None if root.is_none() => break,
            None => return None,
        }
    }
    let mut path = Vec::new();
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Some(path)
}

/// From where a lookup starts, and who asks.
#[derive(Clone)]
pub struct Base {
    /// What `/` means.
    pub root: Arc<dyn Inode>,
    /// Where relative paths begin.
    pub start: Arc<dyn Inode>,
    /// Whose permissions count.
    pub caller: Caller,
}

/// The last component of a path.
pub enum LastName {
    /// A name to look up or to make.
    Name(Vec<u8>),
    /// The directory itself (`.`, or the path `/`).
    Here,
    /// Its parent (`..`).
    Up,
}

/// A path walked up to its last component.
pub struct Last {
    /// The directory that the last component is in.
    pub directory: Arc<dyn Inode>,
    /// The last component.
    pub name: LastName,
    /// Whether slashes follow it: then it must be a directory.
    pub has_slash: bool,
}

/// One lookup: where it may start and how many links it may still follow.
pub struct Walk<'a> {
    base: &'a Base,
    links_left: u32,
}

impl<'a> Walk<'a> {
    /// A lookup from `base`.
    #[must_use]
    pub fn new(base: &'a Base) -> Self {
        Self {
            base,
            links_left: MAX_LINKS,
        }
    }

    /// Walks `path`, which starts at `from` where it is relative, up to its last
    /// component, through all symbolic links before that.
    pub fn resolve_last(&mut self, from: &Arc<dyn Inode>, path: &[u8]) -> Result<Last> {
        // What is left of the path: `text` from `at` on.
        let mut text = path.to_vec();
        let mut at = 0;
        let mut directory = self.start(from, path);
        loop {
            let Some(next) = split(text.get(at..).unwrap_or_default()) else {
                return Ok(Last {
                    directory,
                    name: LastName::Here,
                    has_slash: false,
                });
            };
            if directory.kind() != Kind::Directory {
                return Err(Errno::ENOTDIR);
            }
            permission::check(&*directory, &self.base.caller, Access::EXECUTE)?;
            if next.rest.is_empty() {
                return Ok(Last {
                    directory,
                    name: match next.first {
                        b"." => LastName::Here,
                        b".." => LastName::Up,
                        name => LastName::Name(name.to_vec()),
                    },
                    has_slash: next.has_slash,
                });
            }
            let behind = text.len() - next.rest.len();
            match next.first {
                b"." => {}
                b".." => directory = self.up(&directory),
                name => {
                    let found = find(&directory, name)?;
                    if found.kind() != Kind::Symlink {
                        directory = found;
                    } else {
                        match self.link(&found)? {
                            Link::Place(location) => directory = location.inode,
                            Link::Path(mut target) => {
                                directory = self.start(&directory, &target);
                                target.push(b'/');
                                target.extend_from_slice(next.rest);
                                text = target;
                                at = 0;
                                continue;
                            }
                        }
                    }
                }
            }
            at = behind;
        }
    }

    /// Walks `path` to its end. The last component's symbolic link is followed where
    /// `follow` says so or a slash is behind it.
    pub fn resolve(
        &mut self,
        from: &Arc<dyn Inode>,
        path: &[u8],
        follow: bool,
    ) -> Result<Location> {
        let mut path = path.to_vec();
        let mut from = from.clone();
        let mut must_be_directory = false;
        loop {
            let last = self.resolve_last(&from, &path)?;
            must_be_directory |= last.has_slash;
            let name = match last.name {
                LastName::Here => return Ok(Location::bare(last.directory)),
                LastName::Up => return Ok(Location::bare(self.up(&last.directory))),
                LastName::Name(name) => name,
            };
            let inode = find(&last.directory, &name)?;
            if inode.kind() == Kind::Symlink && (follow || must_be_directory) {
                match self.link(&inode)? {
                    Link::Path(target) => {
                        path = target;
                        from = last.directory;
                        continue;
                    }
                    Link::Place(location) => {
                        return check_kind(location, must_be_directory);
                    }
                }
            }
            let place = (inode.kind() != Kind::Directory).then_some(Place {
                directory: last.directory,
                name,
            });
            return check_kind(Location { inode, place }, must_be_directory);
        }
    }

    /// Where a symbolic link leads; counts it.
    pub fn link(&mut self, inode: &Arc<dyn Inode>) -> Result<Link> {
        self.links_left = self.links_left.checked_sub(1).ok_or(Errno::ELOOP)?;
        if let Some(location) = inode.follow() {
            return location.map(Link::Place);
        }
        let target = inode.target()?;
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        Ok(Link::Path(target))
    }

    /// The parent of `directory`, which is itself at the root of the lookup.
    #[must_use]
    pub fn up(&self, directory: &Arc<dyn Inode>) -> Arc<dyn Inode> {
        if is_same(&**directory, &*self.base.root) {
            return directory.clone();
        }
        mount::parent(directory).map_or_else(|| directory.clone(), |(parent, _)| parent)
    }

    fn start(&self, from: &Arc<dyn Inode>, path: &[u8]) -> Arc<dyn Inode> {
        if is_absolute(path) {
            self.base.root.clone()
        } else {
            from.clone()
        }
    }
}

/// Where a symbolic link leads.
pub enum Link {
    /// To a path.
    Path(Vec<u8>),
    /// Straight to an inode.
    Place(Location),
}

fn check_kind(location: Location, must_be_directory: bool) -> Result<Location> {
    if must_be_directory && location.inode.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    Ok(location)
}

/// Looks up one name, through a mount on it.
pub fn find(directory: &Arc<dyn Inode>, name: &[u8]) -> Result<Arc<dyn Inode>> {
    if name.len() > NAME_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    mount::lookup(directory, name)
}

/// Finds what `path` refers to from `base`.
///
/// # Errors
/// `ENOENT` also for the empty path.
pub fn resolve(base: &Base, path: &[u8], follow: bool) -> Result<Location> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    Walk::new(base).resolve(&base.start, path, follow)
}

/// Finds the directory and the name that `path` ends in, for a name that is to be made
/// or removed. The name's length is checked by [`find`] only.
///
/// # Errors
/// `ENOENT` also for the empty path.
pub fn resolve_last(base: &Base, path: &[u8]) -> Result<Last> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let last = Walk::new(base).resolve_last(&base.start, path)?;
    if last.directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    Ok(last)
}
