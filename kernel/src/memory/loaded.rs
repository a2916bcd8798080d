//! Which address space a core has loaded, and changing that.
//!
//! The one place that writes CR3 after the boot. Not here: when to switch (the
//! scheduler), and how other cores are told of changed tables ([`super::tlb`]).

use core::cell::UnsafeCell;
use std::sync::Arc;

use super::kernel_map;
use super::space::AddressSpace;
use crate::cpu::{self, control};
use crate::sync::InterruptsOff;

crate::counters! {
    /// Switches that loaded another address space.
    static SPACE_SWITCHES = "address_space_switches";
}

/// What one core's CR3 holds; None: the kernel's own table. Kept alive while loaded.
pub struct LoadedSpace(UnsafeCell<Option<Arc<AddressSpace>>>);

impl LoadedSpace {
    /// The kernel's own table.
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    #[allow(clippy::mut_from_ref, reason = "the core's own, for this file only")]
    fn own(&self, _off: &InterruptsOff) -> &mut Option<Arc<AddressSpace>> {
        // SAFETY: reached through `cpu::this`, so this core's own, with interrupts off;
        // no reference outlives the function below that took it.
        unsafe { &mut *self.0.get() }
    }
}

/// Loads `space` on this core, unless it is loaded.
pub fn load(space: &Arc<AddressSpace>, off: &InterruptsOff) {
    let core = cpu::this(off);
    let loaded = core.loaded_space.own(off);
    if loaded
        .as_ref()
        .is_some_and(|loaded| Arc::ptr_eq(loaded, space))
    {
        return;
    }
    SPACE_SWITCHES.add(1);
    // In the set before the load: a shootdown in between flushes too much, not too
    // little.
    space.running().insert(core.id);
    // SAFETY: every space maps the kernel's half; `loaded` keeps it alive.
    unsafe { control::load_root(space.root()) };
    if let Some(old) = loaded.replace(space.clone()) {
        old.running().remove(core.id);
    }
}

/// Leaves the loaded address space for the kernel's own table: before a process that
/// ends drops it, and when a core idles.
pub fn leave() {
    let off = InterruptsOff::new();
    let core = cpu::this(&off);
    if let Some(old) = core.loaded_space.own(&off).take() {
        // SAFETY: the kernel's own table maps all that the kernel uses.
        unsafe { control::load_root(kernel_map::root()) };
        old.running().remove(core.id);
        // Dropping a space frees its tables: not with interrupts off for long.
        drop(off);
        drop(old);
    }
}
