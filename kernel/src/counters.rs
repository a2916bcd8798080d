//! Counters that anybody can read: a name and a number each.

use core::fmt::Write;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A counter. Made by [`counters!`], listed by [`text`] from its first use on.
pub struct Counter {
    name: &'static str,
    value: AtomicU64,
    next: AtomicPtr<Counter>,
}

static FIRST: AtomicPtr<Counter> = AtomicPtr::new(core::ptr::null_mut());

/// [`Counter::next`] of a counter that is not listed yet: an address that no counter has,
/// as it is not aligned for one.
const UNLISTED: *mut Counter = core::ptr::without_provenance_mut(1);

impl Counter {
    /// A counter at zero. Only for [`counters!`].
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            value: AtomicU64::new(0),
            next: AtomicPtr::new(UNLISTED),
        }
    }

    /// Counts `amount` more.
    pub fn add(&'static self, amount: u64) {
        self.value.fetch_add(amount, Ordering::Relaxed);
        if self.next.load(Ordering::Relaxed) == UNLISTED {
            self.list();
        }
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }

    #[cold]
    fn list(&'static self) {
        let this = core::ptr::from_ref(self).cast_mut();
        if self
            .next
            .compare_exchange(
                UNLISTED,
                core::ptr::null_mut(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_err()
        {
            return;
        }
        let mut first = FIRST.load(Ordering::Acquire);
        loop {
            self.next.store(first, Ordering::Release);
            match FIRST.compare_exchange(first, this, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }
}

/// Defines counters: `counters! { /// doc \n static NAME = "name"; }`.
#[macro_export]
macro_rules! counters {
    ($($(#[$doc:meta])* $visibility:vis static $name:ident = $text:literal;)*) => { $(
        $(#[$doc])*
        $visibility static $name: $crate::counters::Counter =
            $crate::counters::Counter::new($text);
    )* };
}

/// All counters that ever counted, a line each: name, space, value.
#[must_use]
pub fn text() -> String {
    let mut text = String::new();
    let mut next = FIRST.load(Ordering::Acquire);
    // SAFETY: the list holds `&'static Counter`s only.
    while let Some(counter) = unsafe { next.as_ref() } {
        let _ = writeln!(text, "{} {}", counter.name, counter.get());
        next = counter.next.load(Ordering::Acquire);
    }
    text
}
