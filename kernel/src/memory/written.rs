//! Which pages of a template everybody writes who begins from it.
//!
//! A page that is written first costs a fault, and that is many times what its copy costs.
//! So what those wrote that came to their ends in good order is remembered, and copied for
//! those that follow before they begin: the pages that all of them wrote, as far as they
//! were looked at, so that next to none is copied in vain.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use x86_64::structures::paging::PageTableFlags as Flags;

use super::area::{Area, AreaMap, Backing, Protection};
use super::frame::{Frame, FrameUse, OutOfMemory};
use super::tables::{BORROWED, Gather, Tables, UPPER, is_borrowed};
use crate::sync::IrqLock;

crate::counters! {
    /// Pages of templates that were copied before a process began.
    static COPIED_AHEAD = "template_pages_copied";
}

/// Most pages that are copied ahead.
const MOST: usize = 192;

/// How many processes are looked at from the first one on; later, one in [`INTERVAL`].
const FIRST: u64 = 3;
const INTERVAL: u64 = 64;

/// A page that is written.
#[derive(Clone, Copy)]
struct Page {
    address: usize,
    /// Whether it is zeros where the template has none.
    is_anonymous: bool,
}

/// What is known.
pub(super) struct Written {
    /// Processes that came to their ends.
    ended: AtomicU64,
    /// By address; None before the first one. A leaf lock: the list is made, and dropped,
    /// outside of it.
    pages: IrqLock<Option<Arc<[Page]>>>,
}

impl Written {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self {
            ended: AtomicU64::new(0),
            pages: IrqLock::new(None),
        }
    }

    /// A process has done what it was for, and these are its tables.
    pub(super) fn learn(&self, tables: &Tables, areas: &AreaMap) {
        let number = self.ended.fetch_add(1, Ordering::Relaxed);
        if number >= FIRST && !number.is_multiple_of(INTERVAL) {
            return;
        }
        let known = self.pages.lock().clone();
        let mut pages = Vec::new();
        tables.for_each_own_page(&mut |address| {
            let is_new = known.as_ref().is_some_and(|known| {
                let found = known.binary_search_by_key(&address, |page| page.address);
                found.is_err()
            });
            let area = areas.find(address).filter(|area| may_be_written(area));
            if let Some(area) = area.filter(|_| !is_new && pages.len() < MOST) {
                let is_anonymous = matches!(area.backing, Backing::Anonymous);
                pages.push(Page {
                    address,
                    is_anonymous,
                });
            }
        });
        let old = self.pages.lock().replace(pages.into());
        drop(old);
    }

    /// Copies what is known into a tree that began as the template's, and that no core has
    /// loaded.
    pub(super) fn copy_into(&self, tables: &mut Tables) -> Result<(), OutOfMemory> {
        let Some(pages) = self.pages.lock().clone() else {
            return Ok(());
        };
        let mut gather = Gather::new();
        let mut copied = 0;
        for page in pages.iter() {
            let entry = tables.leaf(page.address, &mut gather)?;
            if entry.is_unused() && page.is_anonymous {
                let fresh = Frame::allocate_zeroed(FrameUse::User)?;
                entry.set_addr(fresh.into_entry(), FRESH);
                continue;
            }
            if !is_borrowed(entry) || !entry.flags().contains(Flags::PRESENT) {
                continue;
            }
            // SAFETY: the template, which the caller has, keeps the frame.
            let copy = unsafe { Frame::copy_of(entry.addr(), FrameUse::User) }?;
            let flags = entry.flags().difference(BORROWED) | Flags::WRITABLE;
            entry.set_addr(copy.into_entry(), flags);
            copied += 1;
        }
        COPIED_AHEAD.add(copied);
        Ok(())
    }
}

/// The flags of a page of zeros. Where code may run in it as well, a fault says so.
const FRESH: Flags = UPPER.union(Flags::NO_EXECUTE);

/// Whether whoever begins from the template may write an area's pages by itself.
fn may_be_written(area: &Area) -> bool {
    area.protection
        .contains(Protection::READ | Protection::WRITE)
        && !area.is_shared
}
