//! This core's TLB, and telling other cores to forget what was taken away.
//!
//! The protocol is crate `smp`'s ([`smp::shootdown`]); here are the cores that it runs on,
//! the flushes, the counters, and the kernel's own mappings, which are global: no PCID
//! and no load of CR3 keeps or flushes them. Not here: which space a core has loaded
//! ([`super::loaded`]).
//!
//! Single pages are flushed by INVLPG, on the core that has the space loaded. It also
//! drops everything that the core's paging-structure caches hold of the space, whatever
//! the page (Intel SDM vol. 3A, 4.10.4.1; AMD APM vol. 2, 5.5.3, with EFER.TCE clear): so
//! one page flushed is enough before a table goes, and any freed table notes one. INVLPG
//! is never relied on for global pages, which it misses on some cores with PCID on
//! (Intel's erratum ADL063).

use bugs::Bug;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use smp::pcid::Cause;
use smp::shootdown::{self, Batch, Cores, Hardware, Mailbox, Pen, Translations};

use super::{PAGE_SIZE, loaded};
use crate::cpu::{self, Core, control, interrupts, stop};
use crate::sync::InterruptsOff;
use crate::task::scheduler;

crate::counters! {
    /// Requests to other cores to catch up with a space, or with the kernel's mappings.
    static SENT = "tlb_shootdowns_sent";
    /// Of those, the ones that found another before the core, and sent no interrupt.
    static MERGED = "tlb_shootdowns_merged";
    /// Requests that were answered.
    static ANSWERED = "tlb_shootdowns_answered";
    /// Flushes of a space that was changed since it ran on the core, at its return.
    static FLUSHED_OLDER = "tlb_flushes_older";
    /// Flushes of a slot that was another space's, or nobody's yet.
    static FLUSHED_TAKEN_OVER = "tlb_flushes_taken_over";
    /// Flushes at a load because the CPU has no PCID.
    static FLUSHED_UNTAGGED = "tlb_flushes_untagged";
    /// Flushes of all of a loaded space because it was changed.
    static FLUSHED_SHOOTDOWN = "tlb_flushes_shootdown";
    /// Flushes of everything because a mapping of the kernel's went.
    static FLUSHED_KERNEL = "tlb_flushes_kernel";
    /// Single pages flushed because a loaded space was changed.
    static FLUSHED_PAGES = "tlb_pages_flushed";
}

/// Raised when a mapping of the kernel's was taken away.
static KERNEL_GENERATION: AtomicU64 = AtomicU64::new(0);

/// Pages of a space that are flushed one by one at most; of more, all of it is. Measured by
/// `./run.sh bench pcid` (docs/speed.md): under TCG, with 256 pages in use, one by one takes
/// half of the time at 64 pages, and is ahead at 128 still. A CPU's break-even lies lower (an
/// INVLPG is 100 to 200 cycles, an entry to be found again 20 to 100): Linux has 33.
static PAGE_LIMIT: AtomicU32 = AtomicU32::new(64);

/// Sets how many pages are flushed one by one at most (`flush_pages=N`).
pub fn set_page_limit(pages: u32) {
    PAGE_LIMIT.store(pages, Ordering::Relaxed);
}

/// Whether every shootdown is checked once it is complete (`check=tlb`).
static IS_CHECKED: AtomicBool = AtomicBool::new(false);

/// Turns the check of completed shootdowns on.
pub fn check_shootdowns() {
    IS_CHECKED.store(true, Ordering::Relaxed);
}

/// What a core's TLB is asked, and what it has done.
pub struct CoreTlb {
    mailbox: Mailbox,
    kernel_generation: AtomicU64,
    /// For the check: the space that the core runs, 0: none, and as of when; and how often
    /// that was said.
    running: AtomicU64,
    as_of: AtomicU64,
    shown: AtomicU64,
    space_loads: AtomicU64,
    space_loads_kept: AtomicU64,
    shootdowns_sent: AtomicU64,
    shootdowns_merged: AtomicU64,
    shootdowns_answered: AtomicU64,
    slots_in_use: AtomicU64,
}

/// What a core's TLB has done since the boot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Loads of CR3 for another address space.
    pub space_loads: u64,
    /// Of those, the ones that kept the TLB.
    pub space_loads_kept: u64,
    /// Requests to other cores.
    pub shootdowns_sent: u64,
    /// Of those, merged into an earlier one.
    pub shootdowns_merged: u64,
    /// Requests of other cores that were answered.
    pub shootdowns_answered: u64,
    /// PCIDs that stand for some space now; without PCID, at most 1.
    pub slots_in_use: u64,
}

impl CoreTlb {
    /// Nothing asked, nothing done.
    #[must_use]
    pub fn new() -> Self {
        Self {
            mailbox: Mailbox::new(),
            kernel_generation: AtomicU64::new(KERNEL_GENERATION.load(Ordering::SeqCst)),
            running: AtomicU64::new(0),
            as_of: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            space_loads: AtomicU64::new(0),
            space_loads_kept: AtomicU64::new(0),
            shootdowns_sent: AtomicU64::new(0),
            shootdowns_merged: AtomicU64::new(0),
            shootdowns_answered: AtomicU64::new(0),
            slots_in_use: AtomicU64::new(0),
        }
    }

    /// The numbers now; each is right, but they are not of one moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            space_loads: read(&self.space_loads),
            space_loads_kept: read(&self.space_loads_kept),
            shootdowns_sent: read(&self.shootdowns_sent),
            shootdowns_merged: read(&self.shootdowns_merged),
            shootdowns_answered: read(&self.shootdowns_answered),
            slots_in_use: read(&self.slots_in_use),
        }
    }

    /// Counts a load of a space on this core.
    pub(super) fn note_load(&self, flushed: Option<Cause>, slots_in_use: usize) {
        self.space_loads.fetch_add(1, Ordering::Relaxed);
        self.slots_in_use
            .store(slots_in_use as u64, Ordering::Relaxed);
        match flushed {
            None => {
                self.space_loads_kept.fetch_add(1, Ordering::Relaxed);
            }
            Some(Cause::Older) => FLUSHED_OLDER.add(1),
            Some(Cause::TakenOver) => FLUSHED_TAKEN_OVER.add(1),
            Some(Cause::Untagged) => FLUSHED_UNTAGGED.add(1),
        }
    }

    /// Says which space this core runs (0: none), and as of which generation, for the
    /// check. Nobody reads one space's id with another's generation: in between it is 0.
    /// And it is 0 before the core is out of a space's set: nobody finds it behind who did
    /// not have to ask it.
    pub(super) fn show_running(&self, space: u64, generation: u64) {
        self.shown.fetch_add(1, Ordering::SeqCst);
        self.running.store(0, Ordering::SeqCst);
        self.as_of.store(generation, Ordering::SeqCst);
        self.running.store(space, Ordering::SeqCst);
    }

    /// Whether this core may use translations of `space` from before `generation`. One that
    /// has left the space and is back when it is looked at again came as of now.
    fn is_behind(&self, space: u64, generation: u64) -> bool {
        let running = || self.running.load(Ordering::SeqCst) == space;
        let shown = self.shown.load(Ordering::SeqCst);
        running()
            && self.as_of.load(Ordering::SeqCst) < generation
            && running()
            && self.shown.load(Ordering::SeqCst) == shown
    }

    fn note_sent(&self, sent: shootdown::Sent) {
        SENT.add(sent.asked);
        MERGED.add(sent.merged);
        self.shootdowns_sent
            .fetch_add(sent.asked, Ordering::Relaxed);
        self.shootdowns_merged
            .fetch_add(sent.merged, Ordering::Relaxed);
    }
}

/// The cores, as the protocol sees them.
struct AllCores;

impl Hardware for AllCores {
    fn mailbox(&self, core: usize) -> Option<&Mailbox> {
        Some(&cpu::by_id(core)?.tlb.mailbox)
    }

    fn interrupt(&self, core: usize) {
        if let Some(core) = cpu::by_id(core) {
            interrupts::send(core, interrupts::SHOOTDOWN);
        }
    }

    fn relax(&self) {
        serve();
        core::hint::spin_loop();
    }
}

/// Flushes one page of the loaded space on this core: enough where a mapping was
/// widened, since other cores find out by a fault of their own.
pub fn flush_page_here(address: usize) {
    x86_64::instructions::tlb::flush(x86_64::VirtAddr::new_truncate(address as u64));
}

/// Flushes a batch of the loaded space on this core.
pub(super) fn flush_here(batch: &Batch) {
    match batch.ranges() {
        _ if bugs::has(Bug::SkippedFlush) => {}
        Some(ranges) if batch.pages() <= PAGE_LIMIT.load(Ordering::Relaxed) => {
            for range in ranges {
                for page in range.first..range.first + u64::from(range.count) {
                    flush_page_here(page as usize * PAGE_SIZE);
                }
            }
            FLUSHED_PAGES.add(u64::from(batch.pages()));
        }
        _ => {
            control::flush_space();
            FLUSHED_SHOOTDOWN.add(1);
        }
    }
}

/// Answers the requests to this core. Called from the IPI's handler and from every
/// place that spins.
pub fn serve() {
    if !cpu::is_ready() {
        return;
    }
    let off = InterruptsOff::new();
    let core = cpu::this(&off);
    let answered = core.tlb.mailbox.answer(|| {
        loaded::catch_up(&off);
        catch_up_with_kernel(core);
    });
    if answered > 0 {
        ANSWERED.add(answered);
        core.tlb
            .shootdowns_answered
            .fetch_add(answered, Ordering::Relaxed);
    }
}

/// Makes every core forget what `batch` says was narrowed in a space, and returns when no
/// core can use it any more. The caller changed the tables before.
pub fn shoot_down(space: &Translations, pen: &mut Pen, batch: &Batch) {
    let off = InterruptsOff::new();
    let core = cpu::this(&off);
    let generation = space.publish(pen, batch);
    loaded::catch_up(&off);
    if !bugs::has(Bug::SkippedShootdown) {
        let sent = shootdown::shoot_down(&AllCores, &space.running().now(), core.id);
        core.tlb.note_sent(sent);
    }
    if IS_CHECKED.load(Ordering::Relaxed) {
        for other in cpu::all() {
            assert!(
                !other.tlb.is_behind(space.id(), generation),
                "check=tlb: core {} runs space {} older than {generation}, after the shootdown",
                other.id,
                space.id(),
            );
        }
    }
}

/// Returns when every one of `cores` has come by here: what it does afterwards sees what
/// this core did before, and what it did before is seen here.
pub fn barrier(cores: &Cores) {
    let off = InterruptsOff::new();
    let core = cpu::this(&off);
    let sent = shootdown::shoot_down(&AllCores, cores, core.id);
    core.tlb.note_sent(sent);
}

/// Whether this core may wait for all others: there are threads, and no panic has stopped
/// the cores. Who spins for a lock answers meanwhile, so locks may be held.
pub fn can_ask_others() -> bool {
    scheduler::is_in_thread() && !stop::is_stopping()
}

/// Makes every core forget all of the kernel's mappings, and returns when all have: one
/// was taken away. All cores that are up must have their interrupts on, or spin.
pub fn forget_kernel_mappings() {
    let off = InterruptsOff::new();
    KERNEL_GENERATION.fetch_add(1, Ordering::SeqCst);
    catch_up_with_kernel(cpu::this(&off));
    barrier(&Cores::below(cpu::count()));
}

fn catch_up_with_kernel(core: &Core) {
    let generation = KERNEL_GENERATION.load(Ordering::SeqCst);
    if core.tlb.kernel_generation.load(Ordering::Relaxed) != generation {
        control::flush_everything();
        FLUSHED_KERNEL.add(1);
        core.tlb
            .kernel_generation
            .store(generation, Ordering::Relaxed);
    }
}

/// How the TLB is used, for the log.
pub fn log_how() {
    let off = InterruptsOff::new();
    crate::log!(
        "tlb: {}, up to {} pages flushed one by one",
        match loaded::slot_count(&off) {
            Some(count) => format!("{count} PCID slots a core"),
            None => "no PCID: flushed at every load".to_owned(),
        },
        PAGE_LIMIT.load(Ordering::Relaxed),
    );
}
