//! What the processes of a template write of that which they share with it, address by
//! address: for whoever lays a heap out so that these lie together.
//!
//! A process that is traced may write a page for one instruction only, and the processor's
//! single step (Intel SDM vol. 3B, 18.3.1.4) takes the page back. Each write so faults, and
//! that is its trace. It is slow, and meant for a few processes before the many.
//!
//! Not traced: stacks and shared memory; what the kernel writes for a process but for the
//! first time in a page, before the process goes on; with several threads, what another one
//! writes during the step.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeSet;

use x86_64::structures::paging::PageTableFlags as Flags;

use super::area::{Area, AreaName, Protection};
use super::space::{AddressSpace, Layout};
use super::tables::{Gather, clear_writable};
use super::{PAGE_SIZE, tlb};
use crate::sync::SleepMutex;

/// Addresses that are kept at most. A Python process that answers writes some thousand.
const MOST: usize = 1 << 16;

/// A template's trace.
pub(super) struct Trace {
    is_on: AtomicBool,
    addresses: SleepMutex<BTreeSet<usize>>,
}

/// How a page fault was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The page can be used.
    ForGood,
    /// It can be written until [`AddressSpace::end_step`], which is due behind the next
    /// instruction.
    ForOneStep,
}

impl Trace {
    /// Off, and empty.
    pub(super) const fn new() -> Self {
        Self {
            is_on: AtomicBool::new(false),
            addresses: SleepMutex::new(BTreeSet::new()),
        }
    }

    /// Whether processes that begin are traced.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Traces processes that begin from now on.
    pub(super) fn start(&self) {
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// What was written, in order.
    pub(super) fn addresses(&self) -> Vec<usize> {
        self.addresses.lock().iter().copied().collect()
    }
}

impl Layout {
    /// A fault at `address` was served. Notes it, and what is writable until the step's end,
    /// where the space is traced.
    pub(super) fn trace(&mut self, address: usize, access: Protection) -> Served {
        let Some(template) = self.template.as_ref().filter(|_| self.is_traced) else {
            return Served::ForGood;
        };
        let is_meant = |area: &Area| !area.is_shared && area.name != AreaName::Stack;
        if !access.contains(Protection::WRITE) || !self.areas.find(address).is_some_and(is_meant) {
            return Served::ForGood;
        }
        let mut addresses = template.trace.addresses.lock();
        if addresses.len() < MOST {
            addresses.insert(address);
        }
        self.stepped.push(address / PAGE_SIZE * PAGE_SIZE);
        Served::ForOneStep
    }
}

impl AddressSpace {
    /// Takes back what could be written for one step; false where that was nothing.
    pub fn end_step(&self) -> bool {
        let mut layout = self.layout.lock();
        let pages = core::mem::take(&mut layout.stepped);
        let mut gather = Gather::new();
        for &page in &pages {
            // Its own by the write; without a frame for a table there was no write.
            if let Ok(entry) = layout.tables.leaf(page, &mut gather)
                && entry.flags().contains(Flags::WRITABLE)
            {
                clear_writable(entry);
                gather.note_narrowed(page, page + 1);
            }
        }
        self.finish(&mut layout.pen, &mut gather);
        for &page in &pages {
            tlb::flush_page_here(page);
        }
        !pages.is_empty()
    }
}
