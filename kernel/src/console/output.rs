//! Standard output and standard error as streams of bytes to the host.

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;
use roentgen_abi::frame::{Kind, MAX_PAYLOAD};

use super::Console;
use crate::errno::{Errno, Result};
use crate::fs::anonymous::{AnonymousInode, Device};
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::memory::user::Source;
use crate::sync::WaitQueue;

/// The open file of one of them.
pub struct OutputFile {
    console: &'static Console,
    kind: Kind,
    inode: AnonymousInode,
}

impl OutputFile {
    /// Opens the stream that travels in frames of `kind`.
    #[must_use]
    pub fn open(console: &'static Console, kind: Kind) -> Arc<OpenFile> {
        let inode = AnonymousInode::with_owner(Device::Pipe, linux::S_IFIFO | 0o600, 0, 0);
        let name = inode.name("pipe");
        let file = Self {
            console,
            kind,
            inode,
        };
        OpenFile::new(Arc::new(file), linux::O_WRONLY, name)
    }
}

impl FileObject for OutputFile {
    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let mut piece = vec![0; MAX_PAYLOAD.min(from.remaining())];
        let mut done = 0;
        while from.remaining() > 0 {
            let step = from.read(&mut piece).and_then(|count| {
                self.console
                    .transmit
                    .send(self.kind, &piece[..count], file.is_nonblocking())
                    .inspect_err(|_| from.unread(count))
                    .map(|()| count)
            });
            match step {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn read(
        &self,
        _file: &OpenFile,
        _to: &mut crate::memory::user::Destination<'_>,
    ) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        match self.console.transmit.has_room() {
            true => Events::OUT | Events::WRNORM,
            false => Events::empty(),
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.console.transmit.room)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
