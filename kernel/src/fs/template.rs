//! A template as an open file: what keeps it, passes it on, and says which one is meant.
//! Not here: what it is ([`crate::task::template`]).

use core::any::Any;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::anonymous::{AnonymousInode, Device};
use super::file::{Events, FileObject, OpenFile};
use crate::errno::{Errno, Result};
use crate::task::template::Template;

struct TemplateFile {
    template: Arc<Template>,
    inode: AnonymousInode,
}

/// A file for `template`.
#[must_use]
pub fn create(template: Arc<Template>) -> Arc<OpenFile> {
    let object = TemplateFile {
        template,
        inode: AnonymousInode::new(Device::Event, 0o400),
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

impl FileObject for TemplateFile {
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
