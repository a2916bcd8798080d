//! The interrupt command register's value (SDM vol. 3A, 12.6.1 and 12.12.9).

/// To whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// The core with this APIC id.
    Core(u32),
    /// This core.
    Myself,
    /// All but this core.
    AllOthers,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// An interrupt with this vector.
    Fixed(u8),
    /// A non-maskable interrupt.
    NonMaskable,
}

pub(super) const DELIVERY_PENDING: u32 = 1 << 12;
const LEVEL_ASSERT: u32 = 1 << 14;
const SHORTHAND_MYSELF: u32 = 0b01 << 18;
const SHORTHAND_ALL_OTHERS: u32 = 0b11 << 18;
const MODE_FIXED: u32 = 0b000 << 8;
const MODE_NON_MASKABLE: u32 = 0b100 << 8;

/// The low half: the same in both modes.
#[inline]
pub(super) const fn low(message: Message, destination: Destination) -> u32 {
    let message = match message {
        Message::Fixed(vector) => MODE_FIXED | vector as u32,
        Message::NonMaskable => MODE_NON_MASKABLE,
    };
    let shorthand = match destination {
        Destination::Core(_) => 0,
        Destination::Myself => SHORTHAND_MYSELF,
        Destination::AllOthers => SHORTHAND_ALL_OTHERS,
    };
    message | shorthand | LEVEL_ASSERT
}

/// The APIC id that the command goes to; zero with a shorthand.
#[inline]
pub(super) const fn target(destination: Destination) -> u32 {
    match destination {
        Destination::Core(apic_id) => apic_id,
        Destination::Myself | Destination::AllOthers => 0,
    }
}

/// The high half in xAPIC mode: the id in the top byte.
#[inline]
pub(super) const fn xapic_high(destination: Destination) -> u32 {
    target(destination) << 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_interrupt_to_a_core_is_what_the_manual_says() {
        let destination = Destination::Core(0x21);
        assert_eq!(low(Message::Fixed(0xF3), destination), 0x0000_40F3);
        assert_eq!(xapic_high(destination), 0x2100_0000);
        assert_eq!(target(destination), 0x21);
    }

    #[test]
    fn an_nmi_to_all_others_uses_the_shorthand() {
        let destination = Destination::AllOthers;
        assert_eq!(low(Message::NonMaskable, destination), 0x000C_4400);
        assert_eq!(xapic_high(destination), 0);
    }

    #[test]
    fn an_interrupt_to_oneself_uses_the_shorthand() {
        assert_eq!(low(Message::Fixed(0x40), Destination::Myself), 0x0004_4040);
    }
}
