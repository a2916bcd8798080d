//! Which address space a core has loaded, and changing that.
//!
//! The one place that writes CR3 after the boot. Not here: when to switch (the
//! scheduler), how other cores are told of changed tables ([`super::tlb`]), and which
//! PCID a space has here ([`smp::pcid`]).
//!
//! A space may die while TLBs hold translations of it: see [`smp::pcid`] for why its
//! tables and frames can be reused at once all the same.

use core::cell::UnsafeCell;
use std::sync::Arc;

use smp::pcid::{CoreSpaces, Slots};

use super::space::AddressSpace;
use super::{kernel_map, tlb};
use crate::cpu::{self, control};
use crate::sync::InterruptsOff;

crate::counters! {
    /// Loads of another address space.
    static LOADS = "space_loads";
    /// Of those, the ones that kept the TLB.
    static LOADS_KEPT = "space_loads_kept";
    /// Loads of the kernel's own table, on the way to idling or at a process's end.
    static KERNEL_LOADS = "kernel_table_loads";
}

/// What one core's CR3 holds, and its TLB.
pub struct LoadedSpace(UnsafeCell<Own>);

struct Own {
    /// None: the kernel's own table. Kept alive while loaded.
    space: Option<Arc<AddressSpace>>,
    view: CoreSpaces,
}

impl LoadedSpace {
    /// The kernel's own table, on core `id`, whose TLB has no tags yet.
    #[must_use]
    pub fn new(id: usize) -> Self {
        Self(UnsafeCell::new(Own {
            space: None,
            view: CoreSpaces::new(id, Slots::untagged()),
        }))
    }

    #[allow(clippy::mut_from_ref, reason = "the core's own, for this file only")]
    fn own(&self, _off: &InterruptsOff) -> &mut Own {
        // SAFETY: reached through `cpu::this`, so this core's own, with interrupts off;
        // no reference outlives the function below that took it, and none of them takes
        // a lock or drops a space meanwhile, which might spin and come back here.
        unsafe { &mut *self.0.get() }
    }

    /// Uses PCIDs on core `id` from now on: CR4.PCIDE is set.
    ///
    /// # Safety
    /// Runs on that core, with interrupts off, before it loads its first space.
    pub unsafe fn use_pcids(&self, id: usize) {
        // SAFETY: the caller's promise.
        let own = unsafe { &mut *self.0.get() };
        own.view = CoreSpaces::new(id, Slots::new(control::pcid_limit()));
    }
}

/// The slots of this core; None where its TLB has no tags.
#[must_use]
pub fn slot_count(off: &InterruptsOff) -> Option<u16> {
    let slots = cpu::this(off).loaded_space.own(off).view.slots();
    slots.is_tagged().then_some(slots.count())
}

/// Loads `space` on this core, unless it is loaded.
pub fn load(space: &Arc<AddressSpace>, off: &InterruptsOff) {
    let core = cpu::this(off);
    let previous = {
        let Own {
            space: loaded,
            view,
        } = core.loaded_space.own(off);
        if loaded
            .as_ref()
            .is_some_and(|loaded| Arc::ptr_eq(loaded, space))
        {
            return;
        }
        core.tlb.show_running(0, 0);
        let previous = loaded.replace(space.clone());
        let flushed = view.enter(
            space.translations(),
            previous.as_ref().map(|space| space.translations()),
            |how| {
                // SAFETY: every space maps the kernel's half; `loaded` keeps this one
                // alive. `how` is what this core's slots say of its TLB.
                unsafe { control::load_root(space.root(), how.pcid, how.flush.is_none()) };
            },
        );
        LOADS.add(1);
        LOADS_KEPT.add(u64::from(flushed.is_none()));
        core.tlb.note_load(flushed, view.slots().in_use());
        core.tlb
            .show_running(space.id(), view.loaded_generation().unwrap_or(0));
        previous
    };
    drop(previous);
}

/// Leaves the loaded address space for the kernel's own table: before a process that
/// ends drops it, and when a core idles. With PCID the TLB is kept, for the space's
/// return; PCID 0 is always right, since tables of the kernel's half never go, and
/// mappings that do are flushed everywhere before their addresses are used again.
pub fn leave() {
    let off = InterruptsOff::new();
    let core = cpu::this(&off);
    let left = {
        let Own {
            space: loaded,
            view,
        } = core.loaded_space.own(&off);
        let Some(space) = loaded.take() else {
            return;
        };
        core.tlb.show_running(0, 0);
        let is_kept = view.slots().is_tagged();
        view.leave(space.translations(), || {
            // SAFETY: the kernel's own table maps all that the kernel uses.
            unsafe { control::load_root(kernel_map::root(), 0, is_kept) };
        });
        KERNEL_LOADS.add(1);
        space
    };
    // Dropping a space frees its tables: not with interrupts off for long.
    drop(off);
    drop(left);
}

/// Makes this core's TLB as new as the space that it has loaded.
pub(super) fn catch_up(off: &InterruptsOff) {
    let core = cpu::this(off);
    let Own {
        space: loaded,
        view,
    } = core.loaded_space.own(off);
    if let Some(space) = loaded {
        view.catch_up(space.translations(), tlb::flush_here);
        core.tlb
            .show_running(space.id(), view.loaded_generation().unwrap_or(0));
    }
}
