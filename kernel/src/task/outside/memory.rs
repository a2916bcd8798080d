//! The pages that a policy and the kernel share: made whole when it comes, so that whoever
//! looks at a word never waits for one.

use core::sync::atomic::AtomicU64;
use std::sync::Arc;

use roentgen_abi::policy::{BYTES, WORDS};
use sched::outside::Memory;

use crate::errno::Result;
use crate::memory::PAGE_SIZE;
use crate::memory::frame::Frame;
use crate::memory::object::MemoryObject;

const PAGE_WORDS: usize = PAGE_SIZE / size_of::<u64>();
const _: () = assert!(BYTES.is_multiple_of(PAGE_SIZE) && WORDS * size_of::<u64>() == BYTES);

/// Shared words.
pub struct Pages {
    object: Arc<MemoryObject>,
    /// Its pages, which stay whatever is done to the object.
    frames: Vec<Frame>,
}

impl Pages {
    /// Words that are all 0.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        let object = MemoryObject::new(BYTES as u64);
        let pages = 0..(BYTES / PAGE_SIZE) as u64;
        let frames = pages.map(|page| object.page_for_writing(page));
        let frames = frames.collect::<core::result::Result<Vec<_>, _>>()?;
        Ok(Self { object, frames })
    }

    /// The object to map.
    #[must_use]
    pub fn object(&self) -> &Arc<MemoryObject> {
        &self.object
    }
}

impl Memory for Pages {
    fn word(&self, index: usize) -> &AtomicU64 {
        let words = self.frames[index / PAGE_WORDS]
            .pointer()
            .cast::<AtomicU64>();
        // SAFETY: a word within a page that this keeps, aligned; here and in processes it is
        // memory that anybody may change at any time, and here it is only ever an atomic.
        unsafe { &*words.add(index % PAGE_WORDS) }
    }
}
