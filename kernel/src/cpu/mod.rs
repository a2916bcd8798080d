//! A core: its storage, its control registers, its ways into and out of the kernel.
//!
//! Per-core storage is reached through GS. What only its own core touches is handed out
//! for a closure's or a guard's time with interrupts off, never as `&'static mut`.

pub mod control;
pub mod copy;
mod damaged;
pub mod descriptors;
pub mod entry;
pub mod fpu;
pub mod interrupts;
pub mod looks;
pub mod own_stack;
pub mod start;
pub mod stop;
pub mod switch;
pub mod tls;
pub mod trap;

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use crate::memory::frame::CoreFrames;
use crate::memory::heap::CoreBlocks;
use crate::memory::loaded::LoadedSpace;
use crate::memory::stacks::KernelStack;
use crate::memory::tlb::CoreTlb;
use crate::sync::InterruptsOff;
use crate::task::Thread;
use crate::task::scheduler::CoreScheduler;

/// Most cores that the kernel serves.
pub const MAX_CORES: usize = 256;

/// One core's storage. The first fields are read by assembly, at the offsets that
/// [`offset`] names.
#[repr(C)]
pub struct Core {
    this: *const Core,
    kernel_stack: UnsafeCell<u64>,
    user_stack: UnsafeCell<u64>,
    kernel_fs: UnsafeCell<u64>,
    user_fs: UnsafeCell<u64>,
    has_fsgsbase: UnsafeCell<u64>,
    /// The thread that runs here: read by one instruction, which no migration can split.
    current: AtomicPtr<Thread>,
    system_calls: UnsafeCell<u64>,
    own_stack: UnsafeCell<u64>,
    /// This core's number, counted from 0.
    pub id: usize,
    /// Its local APIC's id.
    pub apic_id: u32,
    is_fault_forbidden: UnsafeCell<bool>,
    frames: UnsafeCell<CoreFrames>,
    blocks: UnsafeCell<CoreBlocks>,
    /// Whether a trim of the heap has asked for these blocks.
    pub(crate) is_asked_for_blocks: AtomicBool,
    pub(crate) descriptors: UnsafeCell<descriptors::CoreDescriptors>,
    pub(crate) apic: UnsafeCell<Option<interrupts::CoreApic>>,
    /// What runs here and what waits to.
    pub scheduler: CoreScheduler,
    /// The address space in CR3.
    pub loaded_space: LoadedSpace,
    /// What this core's TLB is asked and has done.
    pub tlb: CoreTlb,
    /// Interrupts that it sent and took.
    pub interrupts: interrupts::Counts,
}

/// Offsets in [`Core`] that assembly uses.
pub mod offset {
    use super::Core;
    use core::mem::offset_of;

    /// Top of the current thread's kernel stack.
    pub const KERNEL_STACK: usize = offset_of!(Core, kernel_stack);
    /// Scratch for the user's RSP at system call entry.
    pub const USER_STACK: usize = offset_of!(Core, user_stack);
    /// FS base of the kernel's thread-local storage on this core.
    pub const KERNEL_FS: usize = offset_of!(Core, kernel_fs);
    /// FS base of the user thread that entered.
    pub const USER_FS: usize = offset_of!(Core, user_fs);
    /// Not zero where RDFSBASE and WRFSBASE may be used.
    pub const HAS_FSGSBASE: usize = offset_of!(Core, has_fsgsbase);
    /// The thread that runs on the core.
    pub const CURRENT: usize = offset_of!(Core, current);
    /// System calls that entered here.
    pub const SYSTEM_CALLS: usize = offset_of!(Core, system_calls);
}

// SAFETY: the cells are touched by their own core only, with interrupts off.
unsafe impl Sync for Core {}
// SAFETY: as above; a core's storage is made on another core and then given over.
unsafe impl Send for Core {}

static IS_READY: AtomicBool = AtomicBool::new(false);
static CORES: [AtomicPtr<Core>; MAX_CORES] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_CORES];
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Core {
    /// Storage for a core, to live for ever.
    #[must_use]
    pub fn new(id: usize, apic_id: u32) -> &'static Self {
        let core = Box::leak(Box::new(Self {
            this: core::ptr::null(),
            kernel_stack: UnsafeCell::new(0),
            user_stack: UnsafeCell::new(0),
            kernel_fs: UnsafeCell::new(tls::new_block()),
            user_fs: UnsafeCell::new(0),
            has_fsgsbase: UnsafeCell::new(0),
            current: AtomicPtr::new(core::ptr::null_mut()),
            system_calls: UnsafeCell::new(0),
            own_stack: UnsafeCell::new(0),
            id,
            apic_id,
            is_fault_forbidden: UnsafeCell::new(false),
            frames: UnsafeCell::new(CoreFrames::new()),
            blocks: UnsafeCell::new(CoreBlocks::new()),
            is_asked_for_blocks: AtomicBool::new(false),
            descriptors: UnsafeCell::new(descriptors::CoreDescriptors::new()),
            apic: UnsafeCell::new(None),
            scheduler: CoreScheduler::new(id),
            loaded_space: LoadedSpace::new(id),
            tlb: CoreTlb::new(),
            interrupts: interrupts::Counts::default(),
        }));
        core.this = core;
        CORES[id].store(core, Ordering::Release);
        core
    }

    /// Makes this the storage of the core that runs this, and sets the core up: control
    /// registers, descriptors, thread-local storage.
    ///
    /// # Safety
    /// Called once on each core, first of all, with interrupts off.
    pub unsafe fn adopt(&'static self) {
        let has_fsgsbase = control::enable_features();
        // SAFETY: this core's own fields, before anything else runs here.
        unsafe {
            *self.has_fsgsbase.get() = u64::from(has_fsgsbase);
            control::set_gs_base(core::ptr::from_ref(self) as u64);
            control::set_kernel_gs_base(0);
            control::set_fs_base(*self.kernel_fs.get());
            (*self.descriptors.get()).load(self);
            *self.own_stack.get() = KernelStack::for_ever(self.id);
        }
        if control::uses_pcids() {
            // SAFETY: this core, interrupts off, nothing is loaded yet.
            unsafe { self.loaded_space.use_pcids(self.id) };
        }
        entry::enable_system_calls();
        fpu::enable();
    }

    /// The top of the stack that is the core's own.
    fn own_stack(&self, _off: &InterruptsOff) -> u64 {
        // SAFETY: written once, when the core was set up.
        unsafe { *self.own_stack.get() }
    }

    /// Sets the stack on which this core enters the kernel from user mode.
    pub(crate) fn set_kernel_stack(&self, top: u64, _off: &InterruptsOff) {
        // SAFETY: this core's own fields, interrupts off.
        unsafe {
            *self.kernel_stack.get() = top;
            (*self.descriptors.get()).set_entry_stack(top);
        }
    }

    /// Says which thread runs here from now on; null: none yet.
    pub(crate) fn set_current(&self, thread: *const Thread, _off: &InterruptsOff) {
        self.current.store(thread.cast_mut(), Ordering::Relaxed);
    }

    /// System calls that entered the kernel on this core; counted by the entry.
    #[must_use]
    pub fn system_calls(&self) -> u64 {
        // SAFETY: one word that its core alone writes; a torn read cannot happen to an
        // aligned one (Intel SDM vol. 3A, 9.1.1).
        unsafe { self.system_calls.get().read_volatile() }
    }

    /// FS base of the user thread that entered the kernel last on this core.
    pub(crate) fn user_fs(&self, _off: &InterruptsOff) -> u64 {
        // SAFETY: this core's own field, interrupts off.
        unsafe { *self.user_fs.get() }
    }

    /// Sets the FS base that the next return to user mode loads.
    pub(crate) fn set_user_fs(&self, base: u64, _off: &InterruptsOff) {
        // SAFETY: this core's own field, interrupts off.
        unsafe { *self.user_fs.get() = base }
    }

    /// Whether user code can change FS and GS bases without asking.
    pub(crate) fn has_fsgsbase(&self) -> bool {
        // SAFETY: written once, before the core runs anything else.
        unsafe { *self.has_fsgsbase.get() != 0 }
    }
}

/// The number of cores that are up.
#[must_use]
pub fn count() -> usize {
    COUNT.load(Ordering::Acquire).max(1)
}

/// The core with this number.
#[must_use]
pub fn by_id(id: usize) -> Option<&'static Core> {
    let core = CORES.get(id)?.load(Ordering::Acquire);
    // SAFETY: set once by `Core::new` to storage that lives for ever.
    unsafe { core.as_ref() }
}

/// All cores that are up.
pub fn all() -> impl Iterator<Item = &'static Core> {
    (0..count()).filter_map(by_id)
}

pub(crate) fn set_count(count: usize) {
    COUNT.store(count, Ordering::Release);
}

pub(crate) fn set_ready() {
    IS_READY.store(true, Ordering::Release);
}

/// Whether per-core storage is there.
#[must_use]
pub fn is_ready() -> bool {
    IS_READY.load(Ordering::Acquire)
}

/// The core that runs this; the guard keeps the caller on it.
#[must_use]
pub fn this(_off: &InterruptsOff) -> &'static Core {
    // SAFETY: GS has held this core's storage since `adopt`.
    unsafe { &*this_pointer() }
}

fn this_pointer() -> *const Core {
    let pointer: *const Core;
    // SAFETY: reads the first field of the storage that GS points to.
    unsafe {
        core::arch::asm!("mov {}, gs:[0]", out(reg) pointer,
            options(nostack, preserves_flags, readonly));
    }
    pointer
}

/// The thread that runs this; null before there are threads.
#[must_use]
pub(crate) fn current_thread() -> *const Thread {
    let thread: *const Thread;
    // SAFETY: reads one field of the storage that GS points to; wherever this thread runs,
    // the field there names it.
    unsafe {
        core::arch::asm!("mov {}, gs:[{}]", out(reg) thread, const offset::CURRENT,
            options(nostack, preserves_flags, readonly));
    }
    thread
}

/// The number of the core that runs this; it may be another one at once.
#[must_use]
pub fn current_id() -> usize {
    if !is_ready() {
        return 0;
    }
    this(&InterruptsOff::new()).id
}

/// This core's frame cache; None before per-core storage is there.
#[allow(
    clippy::mut_from_ref,
    reason = "bounded by the guard, and asked for in two leaf functions only"
)]
pub(crate) fn frames(off: &InterruptsOff) -> Option<&mut CoreFrames> {
    // SAFETY: only this core touches the cell, with interrupts off; `memory::frame`
    // never holds two.
    is_ready().then(|| unsafe { &mut *this(off).frames.get() })
}

/// This core's heap blocks; None before per-core storage is there.
#[allow(
    clippy::mut_from_ref,
    reason = "bounded by the guard, and asked for in two leaf functions only"
)]
pub(crate) fn blocks(off: &InterruptsOff) -> Option<&mut CoreBlocks> {
    // SAFETY: as in `frames`, for `memory::heap` and its trim.
    is_ready().then(|| unsafe { &mut *this(off).blocks.get() })
}

/// Frames in all cores' caches: a racy sum, exact while nobody allocates.
pub(crate) fn cached_frames() -> u64 {
    // SAFETY: a word-sized racy read of a counter.
    all()
        .map(|core| unsafe { (*core.frames.get()).len() } as u64)
        .sum()
}

/// Free heap blocks in all cores' lists, by class: a racy look, exact while nobody allocates.
pub(crate) fn spare_blocks() -> impl Iterator<Item = (usize, usize)> {
    // SAFETY: word-sized racy reads of counters.
    all().flat_map(|core| unsafe { (*core.blocks.get()).lengths() }.enumerate())
}

/// Runs `body` so that a page fault on user memory in it fails at once instead of
/// being served: for a read of user memory under a spin lock.
pub fn without_faults<T>(off: &InterruptsOff, body: impl FnOnce() -> T) -> T {
    let flag = this(off).is_fault_forbidden.get();
    // SAFETY: this core's own field, interrupts off.
    unsafe { *flag = true };
    let result = body();
    // SAFETY: as above.
    unsafe { *flag = false };
    result
}

pub(crate) fn is_fault_forbidden() -> bool {
    let off = InterruptsOff::new();
    // SAFETY: this core's own field, interrupts off.
    unsafe { *this(&off).is_fault_forbidden.get() }
}
