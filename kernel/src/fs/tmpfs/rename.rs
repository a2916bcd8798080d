//! `rename(2)` in the file system in memory.
//!
//! While a directory's parent changes, `renaming` is held, so the tree above any
//! directory stands still and two threads cannot move two directories into each other.

use std::sync::Arc;

use super::directory::{Children, Directory};
use super::{Content, Node};
use crate::errno::{Errno, Result};
use crate::fs::inode::{Inode, Kind, Replace};
use crate::sync::SleepMutexGuard;

/// Moves `old` in `from` to `new` in `to`; both are directories of one file system.
pub(super) fn rename(
    from: &Node,
    old: &[u8],
    to: &Node,
    new: &[u8],
    replace: Replace,
) -> Result<()> {
    if core::ptr::eq(from, to) {
        let mut children = from.directory()?.children.lock();
        let moving = children.get(old).ok_or(Errno::ENOENT)?.clone();
        let victim = check(&moving, children.get(new), replace)?;
        let Decision::Go(victim) = victim else {
            return Ok(());
        };
        if replace == Replace::Exchange {
            let victim = victim.ok_or(Errno::ENOENT)?;
            children.insert(old, victim.clone());
            children.insert(new, moving.clone());
            settle(&victim, from, old);
        } else {
            retire(victim.as_ref(), to)?;
            children.remove(old);
            children.insert(new, moving.clone());
        }
        settle(&moving, to, new);
        drop(children);
        from.touch_modified();
        return Ok(());
    }
    let _standing_still = from.system.renaming.lock();
    let moving = from.directory()?.get(old)?;
    let target = to.directory()?.get(new).ok();
    // Neither may be moved into itself or below.
    if contains(&moving, to) {
        return Err(Errno::EINVAL);
    }
    if let Some(target) = &target
        && contains(target, from)
    {
        return Err(match replace {
            Replace::Exchange => Errno::EINVAL,
            Replace::No => Errno::EEXIST,
            Replace::Yes => Errno::ENOTEMPTY,
        });
    }
    let (mut source, mut destination) = lock_both(from, to)?;
    // What was looked up without the locks may have changed.
    let moving = source.get(old).ok_or(Errno::ENOENT)?.clone();
    if contains(&moving, to) {
        return Err(Errno::EINVAL);
    }
    if destination.is_removed {
        return Err(Errno::ENOENT);
    }
    if let Some(target) = destination.get(new)
        && contains(target, from)
    {
        return Err(Errno::ENOTEMPTY);
    }
    let Decision::Go(victim) = check(&moving, destination.get(new), replace)? else {
        return Ok(());
    };
    if replace == Replace::Exchange {
        let victim = victim.ok_or(Errno::ENOENT)?;
        source.insert(old, victim.clone());
        destination.insert(new, moving.clone());
        settle(&victim, from, old);
        count(from, -links_above(&moving) + links_above(&victim));
        count(to, links_above(&moving) - links_above(&victim));
    } else {
        retire(victim.as_ref(), to)?;
        source.remove(old);
        destination.insert(new, moving.clone());
        count(from, -links_above(&moving));
        count(to, links_above(&moving));
    }
    settle(&moving, to, new);
    drop((source, destination));
    from.touch_modified();
    to.touch_modified();
    Ok(())
}

enum Decision {
    /// Both names are the same file already: POSIX asks for success without effect.
    Nothing,
    /// Go on, and replace or exchange this.
    Go(Option<Arc<Node>>),
}

fn check(moving: &Arc<Node>, target: Option<&Arc<Node>>, replace: Replace) -> Result<Decision> {
    let Some(target) = target else {
        return match replace {
            Replace::Exchange => Err(Errno::ENOENT),
            Replace::Yes | Replace::No => Ok(Decision::Go(None)),
        };
    };
    if replace == Replace::No {
        return Err(Errno::EEXIST);
    }
    if Arc::ptr_eq(moving, target) {
        return Ok(Decision::Nothing);
    }
    if replace == Replace::Yes {
        let is_directory = moving.kind() == Kind::Directory;
        let onto_directory = target.kind() == Kind::Directory;
        if is_directory && !onto_directory {
            return Err(Errno::ENOTDIR);
        }
        if !is_directory && onto_directory {
            return Err(Errno::EISDIR);
        }
    }
    Ok(Decision::Go(Some(target.clone())))
}

/// Takes its name away from what is replaced in `parent`, whose children are locked.
fn retire(victim: Option<&Arc<Node>>, parent: &Node) -> Result<()> {
    let Some(victim) = victim else {
        return Ok(());
    };
    if victim.kind() == Kind::Directory {
        victim.retire_directory()?;
        parent.change_links(-1);
    } else {
        victim.lose_link();
    }
    Ok(())
}

/// Tells what has moved where it is now.
fn settle(node: &Arc<Node>, parent: &Node, name: &[u8]) {
    if let (Content::Directory(directory), Ok(parent)) = (&node.content, parent.arc()) {
        directory.set_place(&parent, name);
    }
    node.touch_changed();
}

/// How many links a child gives its parent: a directory's `..` is one.
fn links_above(node: &Node) -> i32 {
    i32::from(node.kind() == Kind::Directory)
}

fn count(node: &Node, difference: i32) {
    if difference != 0 {
        node.change_links(difference);
    }
}

/// Whether `ancestor` is `node` or above it. Only under `renaming`.
fn contains(ancestor: &Node, node: &Node) -> bool {
    if core::ptr::eq(ancestor, node) {
        return true;
    }
    let mut at = node.directory().ok().and_then(Directory::place);
    while let Some((above, _)) = at {
        if core::ptr::eq(ancestor, &raw const *above) {
            return true;
        }
        at = above.directory().ok().and_then(Directory::place);
    }
    false
}

type Locked<'a> = SleepMutexGuard<'a, Children>;

/// Locks the children of two directories: the ancestor's first, as everybody who goes
/// from a directory to its child does; otherwise in the order of inode numbers.
fn lock_both<'a>(from: &'a Node, to: &'a Node) -> Result<(Locked<'a>, Locked<'a>)> {
    let (source, destination) = (&from.directory()?.children, &to.directory()?.children);
    if contains(from, to) || (!contains(to, from) && from.ino < to.ino) {
        let source = source.lock();
        Ok((source, destination.lock()))
    } else {
        let destination = destination.lock();
        Ok((source.lock(), destination))
    }
}
