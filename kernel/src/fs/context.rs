//! What path names mean to a process: its root and working directory, and its umask.

use std::sync::Arc;

use super::inode::Inode;
use crate::errno::{Errno, Result};
use crate::sync::SleepMutex;

#[derive(Clone)]
struct State {
    root: Arc<dyn Inode>,
    directory: Arc<dyn Inode>,
    umask: u32,
}

/// Root, working directory and umask; threads, and processes cloned with `CLONE_FS`, share
/// one.
pub struct FsContext {
    state: SleepMutex<State>,
}

impl FsContext {
    /// The first process's: both are the root of all, umask 022.
    ///
    /// # Errors
    /// `ENOENT` before the file system is there.
    pub fn initial() -> Result<Arc<Self>> {
        let root = super::mount::root().ok_or(Errno::ENOENT)?;
        Ok(Arc::new(Self {
            state: SleepMutex::new(State {
                directory: root.clone(),
                root,
                umask: 0o022,
            }),
        }))
    }

    /// A copy for a forked child.
    #[must_use]
    pub fn fork(&self) -> Arc<Self> {
        Arc::new(Self {
            state: SleepMutex::new(self.state.lock().clone()),
        })
    }

    /// What `/` means.
    #[must_use]
    pub fn root(&self) -> Arc<dyn Inode> {
        self.state.lock().root.clone()
    }

    /// The working directory.
    #[must_use]
    pub fn directory(&self) -> Arc<dyn Inode> {
        self.state.lock().directory.clone()
    }

    /// Root and working directory at one moment.
    #[must_use]
    pub fn both(&self) -> (Arc<dyn Inode>, Arc<dyn Inode>) {
        let state = self.state.lock();
        (state.root.clone(), state.directory.clone())
    }

    /// Sets the working directory.
    pub fn set_directory(&self, directory: Arc<dyn Inode>) {
        let before = core::mem::replace(&mut self.state.lock().directory, directory);
        drop(before);
    }

    /// Sets what `/` means.
    pub fn set_root(&self, root: Arc<dyn Inode>) {
        let before = core::mem::replace(&mut self.state.lock().root, root);
        drop(before);
    }

    /// Permission bits that new files do not get.
    #[must_use]
    pub fn umask(&self) -> u32 {
        self.state.lock().umask
    }

    /// Sets the umask; gives back the old one.
    pub fn set_umask(&self, umask: u32) -> u32 {
        core::mem::replace(&mut self.state.lock().umask, umask & 0o777)
    }
}
