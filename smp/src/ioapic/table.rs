//! One I/O APIC's redirection table, as a trait over crate `x2apic`'s driver, so that
//! routing can be tested without one.

use crate::madt::{Polarity, Trigger};
use x2apic::ioapic::{IoApic, IrqFlags, IrqMode, RedirectionTableEntry};

/// A redirection table.
pub trait RedirectionTable {
    /// The version, or what is read in its place.
    fn version(&mut self) -> u32;
    /// The highest pin, or what is read in its place.
    fn highest_pin(&mut self) -> u8;
    /// Stops a pin.
    fn mask(&mut self, pin: u8);
    /// Lets a pin through.
    fn unmask(&mut self, pin: u8);
    /// Writes a pin's entry: fixed delivery to one core, physical destination, masked.
    fn set_masked(
        &mut self,
        pin: u8,
        vector: u8,
        apic_id: u8,
        polarity: Polarity,
        trigger: Trigger,
    );

    /// How many pins there are, if this answers as an I/O APIC does: a version of 0x10 to
    /// 0x2F or the 82489DX's 0x0X, and 1 to 240 pins (82093AA data sheet, 3.2.2). An
    /// unmapped bus reads as all ones.
    fn pins(&mut self) -> Option<u32> {
        let is_known = self.version() < 0x30;
        let pins = u32::from(self.highest_pin()) + 1;
        // One pin and version 0 is what memory full of zeros looks like.
        (is_known && (2..=240).contains(&pins)).then_some(pins)
    }
}

/// `IoApics::take_over` has taken the promise that these registers are mapped and ours.
impl RedirectionTable for IoApic {
    fn version(&mut self) -> u32 {
        // SAFETY: an I/O APIC's registers, by `take_over`'s contract; reading is harmless.
        u32::from(unsafe { self.version() })
    }

    fn highest_pin(&mut self) -> u8 {
        // SAFETY: as above.
        unsafe { self.max_table_entry() }
    }

    fn mask(&mut self, pin: u8) {
        // SAFETY: as above; a masked pin raises nothing.
        unsafe { self.disable_irq(pin) }
    }

    fn unmask(&mut self, pin: u8) {
        // SAFETY: as above; `route` has set the entry.
        unsafe { self.enable_irq(pin) }
    }

    fn set_masked(
        &mut self,
        pin: u8,
        vector: u8,
        apic_id: u8,
        polarity: Polarity,
        trigger: Trigger,
    ) {
        let mut flags = IrqFlags::MASKED;
        flags.set(IrqFlags::LOW_ACTIVE, polarity == Polarity::ActiveLow);
        flags.set(IrqFlags::LEVEL_TRIGGERED, trigger == Trigger::Level);
        let mut entry = RedirectionTableEntry::default();
        entry.set_mode(IrqMode::Fixed);
        entry.set_vector(vector);
        entry.set_dest(apic_id);
        entry.set_flags(flags);
        // SAFETY: as above; the entry is masked.
        unsafe { self.set_table_entry(pin, entry) }
    }
}
