//! Names in directories of the file system in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::{Content, Node};
use crate::errno::{Errno, Result};
use crate::fs::inode::{DirectoryEntry, Inode, Kind, NewInode};
use crate::sync::SleepMutex;

/// What `st_size` counts for one name, as Linux's tmpfs does.
const SIZE_PER_NAME: u64 = 20;
/// Most names that one inode may have, as on Linux (`LINK_MAX` of tmpfs is this large).
const MOST_LINKS: u32 = 0x7fff_ffff;

pub(super) struct Child {
    pub node: Arc<Node>,
    /// Where this name stands in listings: before all that were there earlier. So a
    /// listing under way never meets what is made meanwhile, and always ends.
    pub cookie: u64,
}

/// The first name's cookie; later ones count down from here.
const FIRST_COOKIE: u64 = 1 << 62;

#[derive(Default)]
pub(super) struct Children {
    by_name: BTreeMap<Vec<u8>, Child>,
    by_cookie: BTreeMap<u64, Vec<u8>>,
    /// How many names there ever were.
    count: u64,
    /// The directory was removed: nothing is made in it any more.
    pub is_removed: bool,
}

impl Children {
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Node>> {
        self.by_name.get(name).map(|child| &child.node)
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Puts `node` under `name`; gives back what was there.
    pub fn insert(&mut self, name: &[u8], node: Arc<Node>) -> Option<Arc<Node>> {
        let before = self.remove(name);
        let cookie = FIRST_COOKIE - self.count;
        self.count += 1;
        self.by_cookie.insert(cookie, name.to_vec());
        self.by_name.insert(name.to_vec(), Child { node, cookie });
        before
    }

    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Node>> {
        let child = self.by_name.remove(name)?;
        self.by_cookie.remove(&child.cookie);
        Some(child.node)
    }

    /// The first name behind `cookie`.
    fn after(&self, cookie: u64) -> Option<(u64, &Vec<u8>, &Arc<Node>)> {
        let (cookie, name) = self.by_cookie.range(cookie.checked_add(1)?..).next()?;
        Some((*cookie, name, &self.by_name.get(name)?.node))
    }
}

#[derive(Default)]
pub(super) struct Directory {
    pub children: SleepMutex<Children>,
    /// The parent and the name there; None at the root. Changes under the parent's
    /// `children` (both parents' in a rename); a leaf lock.
    place: SleepMutex<Option<(Weak<Node>, Vec<u8>)>>,
}

impl Directory {
    pub fn get(&self, name: &[u8]) -> Result<Arc<Node>> {
        self.children.lock().get(name).cloned().ok_or(Errno::ENOENT)
    }

    pub fn size(&self) -> u64 {
        (self.children.lock().by_name.len() as u64 + 2) * SIZE_PER_NAME
    }

    pub fn place(&self) -> Option<(Arc<Node>, Vec<u8>)> {
        let place = self.place.lock();
        let (parent, name) = place.as_ref()?;
        Some((parent.upgrade()?, name.clone()))
    }

    pub fn set_place(&self, parent: &Arc<Node>, name: &[u8]) {
        *self.place.lock() = Some((Arc::downgrade(parent), name.to_vec()));
    }

    /// Calls `emit` for the names behind `after` until it says false.
    pub fn list(&self, after: u64, emit: &mut dyn FnMut(DirectoryEntry<'_>) -> bool) {
        let children = self.children.lock();
        let mut after = after;
        while let Some((cookie, name, node)) = children.after(after) {
            let is_wanted = emit(DirectoryEntry {
                name,
                ino: node.ino,
                kind: node.kind(),
                cookie,
            });
            if !is_wanted {
                return;
            }
            after = cookie;
        }
    }
}

impl Node {
    /// Makes `name`; it must not be there.
    pub(super) fn create_child(&self, name: &[u8], new: NewInode) -> Result<Arc<Self>> {
        let me = self.arc()?;
        let mut children = self.directory()?.children.lock();
        if children.is_removed {
            return Err(Errno::ENOENT);
        }
        if children.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let is_directory = matches!(new.content, super::NewContent::Directory);
        let node = Self::new(&self.system, new, if is_directory { 2 } else { 1 });
        if let Content::Directory(directory) = &node.content {
            directory.set_place(&me, name);
            self.change_links(1);
        }
        children.insert(name, node.clone());
        self.touch_modified();
        Ok(node)
    }

    pub(super) fn link_child(&self, name: &[u8], node: &Arc<Self>) -> Result<()> {
        if !Arc::ptr_eq(&self.system, &node.system) {
            return Err(Errno::EXDEV);
        }
        if node.kind() == Kind::Directory {
            return Err(Errno::EPERM);
        }
        let mut children = self.directory()?.children.lock();
        if children.is_removed {
            return Err(Errno::ENOENT);
        }
        if children.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        {
            let mut attributes = node.attributes.lock();
            if attributes.links == 0 && !attributes.is_linkable {
                return Err(Errno::ENOENT);
            }
            if attributes.links >= MOST_LINKS {
                return Err(Errno::EMLINK);
            }
            attributes.links += 1;
            attributes.is_linkable = false;
        }
        node.touch_changed();
        children.insert(name, node.clone());
        self.touch_modified();
        Ok(())
    }

    pub(super) fn unlink_child(&self, name: &[u8]) -> Result<()> {
        let mut children = self.directory()?.children.lock();
        let node = children.get(name).ok_or(Errno::ENOENT)?;
        if node.kind() == Kind::Directory {
            return Err(Errno::EISDIR);
        }
        let removed = children.remove(name);
        drop(children);
        self.touch_modified();
        if let Some(node) = removed {
            node.lose_link();
        }
        Ok(())
    }

    pub(super) fn remove_directory(&self, name: &[u8]) -> Result<()> {
        let mut children = self.directory()?.children.lock();
        let node = children.get(name).ok_or(Errno::ENOENT)?.clone();
        node.retire_directory()?;
        children.remove(name);
        drop(children);
        self.change_links(-1);
        self.touch_modified();
        Ok(())
    }

    /// Marks an empty directory as removed; its parent's `children` are locked.
    pub(super) fn retire_directory(&self) -> Result<()> {
        let mut inside = self.directory()?.children.lock();
        if !inside.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        inside.is_removed = true;
        drop(inside);
        self.attributes.lock().links = 0;
        self.touch_changed();
        Ok(())
    }
}
