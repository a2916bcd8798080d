//! A template as an open file: what keeps it, passes it on, and says which one is meant.
//! Read, it is the file that it is saved as. Not here: what it is
//! ([`crate::task::template`]), and what the file says ([`crate::task::saved`]).

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::memory::PAGE_SIZE;
use crate::memory::saved::page_bytes;
use crate::memory::user::Destination;
use crate::sync::SleepMutex;
use crate::task::saved::Content;
use crate::task::template::Template;

struct TemplateFile {
    template: Arc<Template>,
    inode: AnonymousInode,
    /// What it is saved as, once somebody has read of it.
    content: SleepMutex<Option<Arc<Content>>>,
}

/// A file for `template`.
#[must_use]
pub fn create(template: Arc<Template>) -> Arc<OpenFile> {
    let object = TemplateFile {
        template,
        inode: AnonymousInode::new(Device::Event, 0o400),
        content: SleepMutex::new(None),
    };
    OpenFile::new(
        Arc::new(object),
        linux::O_RDONLY,
        b"anon_inode:[template]".to_vec(),
    )
}

/// The template behind a file.
///
/// # Errors
/// `EBADF` where `file` is none.
pub fn template_of(file: &OpenFile) -> Result<Arc<Template>> {
    let object = file.object.as_any().downcast_ref::<TemplateFile>();
    object.map(|file| file.template.clone()).ok_or(Errno::EBADF)
}

impl TemplateFile {
    fn content(&self) -> Result<Arc<Content>> {
        let mut content = self.content.lock();
        if let Some(content) = &*content {
            return Ok(content.clone());
        }
        let made = Arc::new(self.template.content()?);
        *content = Some(made.clone());
        Ok(made)
    }
}

impl FileObject for TemplateFile {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        let mut position = file.position.lock();
        let count = self.read_at(file, *position, to)?;
        *position += count as u64;
        Ok(count)
    }

    fn read_at(&self, _file: &OpenFile, offset: u64, to: &mut Destination<'_>) -> Result<usize> {
        let content = self.content()?;
        let before = to.done();
        let mut offset = usize::try_from(offset).map_err(|_| Errno::EINVAL)?;
        while to.remaining() > 0 {
            let rest = match offset.checked_sub(content.head.len()) {
                None => &content.head[offset..],
                Some(offset) => match content.pages.get(offset / PAGE_SIZE) {
                    // SAFETY: the template is kept, and with it its space.
                    Some(page) => unsafe { &page_bytes(*page)[offset % PAGE_SIZE..] },
                    None => break,
                },
            };
            match to.write(rest) {
                Ok(count) => offset += count,
                Err(error) if to.done() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(to.done() - before)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        Events::empty()
    }

    fn stat(&self) -> Result<linux::stat> {
        let mut stat = self.inode.stat();
        stat.st_size = self.template.size().cast_signed();
        Ok(stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
