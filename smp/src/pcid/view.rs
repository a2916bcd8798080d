//! One core's view of address spaces: which one it runs, and as of when it knows it.

use super::slots::{Cause, Load, Slot, Slots};
use crate::shootdown::{Batch, Translations};
use crate::sync::{Ordering, fence};

/// The address space that a core runs, and the slots of those that it remembers.
pub struct CoreSpaces {
    pub(crate) core: usize,
    pub(crate) slots: Slots,
    pub(crate) loaded: Option<Slot>,
}

impl CoreSpaces {
    /// A core that runs on the kernel's own table.
    #[must_use]
    pub fn new(core: usize, slots: Slots) -> Self {
        Self {
            core,
            slots,
            loaded: None,
        }
    }

    /// The core's slots.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The generation of the loaded space that this core is as new as.
    #[must_use]
    pub fn loaded_generation(&self) -> Option<u64> {
        self.loaded.map(|slot| self.slots.generation(slot))
    }

    /// Enters `space`: calls `load`, which loads its table as it is told, and leaves
    /// `previous`, the one loaded until now.
    ///
    /// In the set before the generation is read: whoever changes the space raises the
    /// generation before it reads the set. So either this core sees the new generation,
    /// or it is told.
    pub fn enter(
        &mut self,
        space: &Translations,
        previous: Option<&Translations>,
        load: impl FnOnce(Load),
    ) -> Option<Cause> {
        space.running().insert(self.core);
        fence(Ordering::SeqCst);
        let (slot, how) = self.slots.choose(space.id(), space.generation());
        load(how);
        self.loaded = Some(slot);
        if let Some(previous) = previous {
            previous.running().remove(self.core);
        }
        how.flush
    }

    /// Leaves the loaded space for the kernel's own table, which `load` loads. What the
    /// TLB holds of the space stays, for its return.
    pub fn leave(&mut self, loaded: &Translations, load: impl FnOnce()) {
        load();
        self.loaded = None;
        loaded.running().remove(self.core);
    }

    /// Makes this core as new as the space it runs: calls `flush` with what must go from
    /// its TLB, if anything must.
    pub fn catch_up(&mut self, loaded: &Translations, flush: impl FnOnce(&Batch)) {
        let Some(slot) = self.loaded else {
            return;
        };
        // The generation first, the flush after: what is changed meanwhile is missing
        // from the flush, and from the generation.
        if let Some(missed) = loaded.since(self.slots.generation(slot)) {
            flush(&missed.batch);
            self.slots.set_generation(slot, missed.generation);
        }
    }
}
