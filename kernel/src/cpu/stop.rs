//! Stopping all cores: what a panic does before it speaks.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::interrupts;
use crate::sync::InterruptsOff;

static IS_STOPPING: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// How long the others are waited for, in spins.
const PATIENCE: u32 = 50_000_000;

/// Stops all other cores by NMI and waits until they stand, or for a while. False: some
/// core is stopping the others already, and this one should halt.
pub fn stop_others() -> bool {
    if IS_STOPPING.swap(true, Ordering::SeqCst) {
        return false;
    }
    if !super::is_ready() {
        return true;
    }
    let off = InterruptsOff::new();
    let others = super::count() - 1;
    for core in super::all().filter(|core| core.id != super::this(&off).id) {
        interrupts::with_apic(&off, |apic| apic.send_nmi(core.apic_id));
    }
    for _ in 0..PATIENCE {
        if STOPPED.load(Ordering::SeqCst) >= others {
            break;
        }
        core::hint::spin_loop();
    }
    true
}

/// The cores that stand still by [`stop_others`].
#[must_use]
pub fn standing() -> usize {
    STOPPED.load(Ordering::SeqCst)
}

/// Whether some core has begun to stop the others.
#[must_use]
pub fn is_stopping() -> bool {
    IS_STOPPING.load(Ordering::Relaxed)
}

/// An NMI: the order to stop, or something that nobody here caused.
pub(super) fn non_maskable_interrupt() {
    if IS_STOPPING.load(Ordering::SeqCst) {
        STOPPED.fetch_add(1, Ordering::SeqCst);
        halt();
    }
    crate::warn!("non-maskable interrupt on core {}", super::current_id());
}

/// Stands still for ever.
pub fn halt() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}
