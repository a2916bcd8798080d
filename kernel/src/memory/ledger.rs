//! Ledgers: how many frames a group of processes has, and may have.
//!
//! A frame is charged when it is allocated, to the ledger of the process that runs on that
//! core, and credited to the same one when nobody refers to it any more, whoever was the
//! last. A ledger within another charges that one too. Where a limit would be passed there
//! is no frame, and the error says that it is the limit's.
//!
//! Charged are pages of processes and files, and page tables. A process that is spawned is
//! made by another one, which is charged for the first few tables of it.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

/// A count of frames. Lives in a box of its own while somebody has a handle, or a frame is
/// charged to it.
pub struct Ledger {
    /// Frames at most, handles counted as one each.
    limit: u64,
    /// Frames charged, and handles.
    count: AtomicU64,
    parent: Option<NonNull<Ledger>>,
}

/// What keeps a ledger.
pub struct LedgerHandle(NonNull<Ledger>);

// SAFETY: a ledger is atomics, and links that never change.
unsafe impl Send for LedgerHandle {}
// SAFETY: as above.
unsafe impl Sync for LedgerHandle {}

/// A limit was reached.
pub struct Refused;

impl LedgerHandle {
    /// A ledger of at most `limit` frames, within `parent`.
    #[must_use]
    pub fn new(limit: u64, parent: Option<&Self>) -> Self {
        let parent = parent.map(|handle| handle.0);
        if let Some(parent) = parent {
            // SAFETY: the caller's handle keeps it. Counted whatever its limit is.
            unsafe { for_chain(parent, |ledger| ledger.add()) };
        }
        let ledger = Box::new(Ledger {
            limit: limit.saturating_add(1),
            count: AtomicU64::new(1),
            parent,
        });
        Self(NonNull::from(Box::leak(ledger)))
    }

    /// The ledger, for as long as the handle lives.
    #[must_use]
    pub fn pointer(&self) -> NonNull<Ledger> {
        self.0
    }

    /// Whether it has no room for another frame.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // SAFETY: the handle keeps it.
        let ledger = unsafe { self.0.as_ref() };
        ledger.count.load(Ordering::Relaxed) >= ledger.limit
    }
}

impl Drop for LedgerHandle {
    fn drop(&mut self) {
        // SAFETY: the handle's own count.
        unsafe { credit(self.0) };
    }
}

impl Ledger {
    fn add(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// Calls `body` for a ledger and those that it is within.
///
/// # Safety
/// It is kept.
unsafe fn for_chain(first: NonNull<Ledger>, body: impl Fn(&Ledger) -> u64) {
    let mut next = Some(first);
    while let Some(ledger) = next {
        // SAFETY: kept by the caller; a ledger keeps the one that it is within.
        let ledger = unsafe { ledger.as_ref() };
        body(ledger);
        next = ledger.parent;
    }
}

/// Charges a frame.
///
/// # Safety
/// The ledger is kept meanwhile.
///
/// # Errors
/// A limit was reached; nothing is charged.
pub unsafe fn charge(first: NonNull<Ledger>) -> Result<(), Refused> {
    let mut next = Some(first);
    while let Some(pointer) = next {
        // SAFETY: kept by the caller; a ledger keeps the one that it is within.
        let ledger = unsafe { pointer.as_ref() };
        if ledger.add() >= ledger.limit {
            // SAFETY: these counts were added just now.
            unsafe { credit_until(first, ledger.parent) };
            return Err(Refused);
        }
        next = ledger.parent;
    }
    Ok(())
}

/// Credits a frame that was charged.
///
/// # Safety
/// It was, to this ledger, and is credited once.
pub unsafe fn credit(first: NonNull<Ledger>) {
    // SAFETY: the caller's promise.
    unsafe { credit_until(first, None) };
}

/// As [`credit`], for the chain up to the ledger before `end`.
unsafe fn credit_until(first: NonNull<Ledger>, end: Option<NonNull<Ledger>>) {
    let mut next = Some(first);
    while let Some(pointer) = next
        && next != end
    {
        // SAFETY: the count that is given back here keeps it.
        let ledger = unsafe { pointer.as_ref() };
        next = ledger.parent;
        if ledger.count.fetch_sub(1, Ordering::Release) == 1 {
            core::sync::atomic::fence(Ordering::Acquire);
            // SAFETY: it came from a box, and this was the last count.
            drop(unsafe { Box::from_raw(pointer.as_ptr()) });
        }
    }
}
