//! The two 8259A PICs, put where they cannot hurt (Intel 8259A data sheet).
//!
//! Masking is not enough: a spurious interrupt (IRQ 7 or 15) comes in spite of it, by
//! default on the vectors of the double fault and of the coprocessor. So they are moved
//! to vectors of their own first.

use x86_64::instructions::port::Port;

const MAIN_COMMAND: u16 = 0x20;
const MAIN_DATA: u16 = 0x21;
const SECOND_COMMAND: u16 = 0xA0;
const SECOND_DATA: u16 = 0xA1;

/// ICW1: edge triggered, cascaded, ICW4 follows.
const INITIALISE: u8 = 0x11;
/// ICW3: the second PIC is on input 2 of the main one.
const CASCADE_MASK: u8 = 1 << 2;
const CASCADE_INPUT: u8 = 2;
/// ICW4: 8086 mode.
const MODE_8086: u8 = 0x01;
const ALL_MASKED: u8 = 0xFF;

/// How many vectors the two PICs take.
pub const VECTORS: u8 = 16;

/// Moves the PICs' interrupts to `first_vector..first_vector + 16`, a multiple of 8, and
/// masks them all. What still comes there is spurious and wants no answer.
///
/// # Safety
/// The machine has PICs (MADT flag PCAT_COMPAT) or ignores their ports; interrupts are
/// off; the vectors have handlers.
pub unsafe fn silence(first_vector: u8) {
    debug_assert!(first_vector >= 32 && first_vector.is_multiple_of(8));
    let sequence = [
        (MAIN_DATA, ALL_MASKED),
        (SECOND_DATA, ALL_MASKED),
        (MAIN_COMMAND, INITIALISE),
        (SECOND_COMMAND, INITIALISE),
        (MAIN_DATA, first_vector),
        (SECOND_DATA, first_vector.wrapping_add(8)),
        (MAIN_DATA, CASCADE_MASK),
        (SECOND_DATA, CASCADE_INPUT),
        (MAIN_DATA, MODE_8086),
        (SECOND_DATA, MODE_8086),
        (MAIN_DATA, ALL_MASKED),
        (SECOND_DATA, ALL_MASKED),
    ];
    for (port, value) in sequence {
        // SAFETY: the PICs' own ports, in their data sheet's order; port 0x80 is the
        // POST code's, written to give a slow PIC time.
        unsafe {
            Port::new(port).write(value);
            Port::new(0x80).write(0_u8);
        }
    }
}
