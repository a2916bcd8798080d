//! TLB shootdown: after a mapping was narrowed, no core may use the old one.
//!
//! A space knows on which cores it is loaded. Whoever narrows a mapping sends those
//! cores a request and waits for their answers, serving its own meanwhile; cores that
//! do not have the space loaded flush when they load it. Requests merge: a core answers
//! all that were made before it looked.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::cpu;
use crate::cpu::interrupts;
use crate::sync::InterruptsOff;

crate::counters! {
    /// Shootdown requests sent to other cores.
    static SHOOTDOWNS_SENT = "tlb_shootdowns_sent";
    /// Times a core flushed on request; fewer than sent where requests merged.
    static SHOOTDOWNS_ANSWERED = "tlb_shootdowns_answered";
}

/// Requests for one core.
pub struct CoreTlb {
    requested: AtomicU64,
    answered: AtomicU64,
}

impl CoreTlb {
    /// No request.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            requested: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }
    // TAKE-TLB
    pub fn slots_in_use(&self) -> u64 {
        0
    }
    pub fn space_loads(&self) -> u64 {
        0
    }
    pub fn space_loads_kept(&self) -> u64 {
        0
    }
    pub fn shootdowns_sent(&self) -> u64 {
        0
    }
    pub fn shootdowns_merged(&self) -> u64 {
        0
    }
    pub fn shootdowns_answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

/// A set of cores.
pub struct CoreSet {
    words: [AtomicU64; cpu::MAX_CORES / 64],
}

impl Default for CoreSet {
    fn default() -> Self {
        Self::new()
    }
}

impl CoreSet {
    /// No core.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: [const { AtomicU64::new(0) }; cpu::MAX_CORES / 64],
        }
    }

    /// Adds a core; what it does afterwards is not seen before this.
    pub fn insert(&self, core: usize) {
        self.words[core / 64].fetch_or(1 << (core % 64), Ordering::SeqCst);
    }

    /// Removes a core.
    pub fn remove(&self, core: usize) {
        self.words[core / 64].fetch_and(!(1 << (core % 64)), Ordering::SeqCst);
    }

    fn snapshot(&self) -> [u64; cpu::MAX_CORES / 64] {
        core::array::from_fn(|word| self.words[word].load(Ordering::SeqCst))
    }
}

/// Flushes everything of the loaded space on this core.
pub fn flush_here() {
    // SAFETY: reloads the table that is loaded.
    unsafe { cpu::control::load_root(cpu::control::loaded_root()) };
}

/// Flushes one page on this core.
pub fn flush_page_here(address: usize) {
    x86_64::instructions::tlb::flush(x86_64::VirtAddr::new_truncate(address as u64));
}

/// Answers the requests to this core. Called from the IPI's handler and from every
/// place that spins.
pub fn serve() {
    if !cpu::is_ready() {
        return;
    }
    let off = InterruptsOff::new();
    let tlb = &cpu::this(&off).tlb;
    let requested = tlb.requested.load(Ordering::SeqCst);
    if requested != tlb.answered.load(Ordering::Relaxed) {
        flush_here();
        tlb.answered.store(requested, Ordering::SeqCst);
        SHOOTDOWNS_ANSWERED.add(1);
    }
}

/// Makes every core that has the space loaded flush it, and returns when all have. The
/// caller changed the tables before.
pub fn shoot_down(running: &CoreSet) {
    fence(Ordering::SeqCst);
    let off = InterruptsOff::new();
    let here = cpu::this(&off).id;
    let cores = running.snapshot();
    if cores[here / 64] & (1 << (here % 64)) != 0 {
        flush_here();
    }
    let others = || {
        (0..cpu::MAX_CORES / 64).flat_map(|word| {
            (0..64)
                .filter(move |bit| cores[word] & (1 << bit) != 0)
                .map(move |bit| word * 64 + bit)
                .filter(|core| *core != here)
        })
    };
    let mut targets = [0_u64; cpu::MAX_CORES];
    for core in others() {
        if let Some(target) = cpu::by_id(core) {
            targets[core] = target.tlb.requested.fetch_add(1, Ordering::SeqCst) + 1;
            interrupts::send(target, interrupts::SHOOTDOWN);
            SHOOTDOWNS_SENT.add(1);
        }
    }
    for core in others() {
        if let Some(target) = cpu::by_id(core) {
            while target.tlb.answered.load(Ordering::SeqCst) < targets[core] {
                serve();
                core::hint::spin_loop();
            }
        }
    }
}
