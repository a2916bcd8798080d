//! The reference timers, best first: PM timer, HPET, PIT channel 2.

use super::Reference;
use crate::madt::{PmTimer, PmTimerRegister};
use core::fmt;
use x86_64::instructions::port::Port;

/// The ACPI power-management timer (ACPI 4.8.3.3).
#[derive(Debug)]
pub struct PmTimerReference {
    access: PmTimerAccess,
    mask: u64,
}

#[derive(Debug)]
enum PmTimerAccess {
    Port(Port<u32>),
    Memory(*const u32),
}

impl PmTimerReference {
    const HZ: u64 = 3_579_545;

    /// `map` gives the virtual address of a physical register, where that is needed.
    ///
    /// # Safety
    /// `timer` is the machine's; `map`'s mapping is uncacheable and lasts.
    pub unsafe fn new(timer: &PmTimer, map: impl FnOnce(u64) -> Option<u64>) -> Option<Self> {
        let access = match timer.register {
            PmTimerRegister::Port(port) => PmTimerAccess::Port(Port::new(port)),
            PmTimerRegister::Memory(address) => PmTimerAccess::Memory(map(address)? as *const u32),
        };
        let mask = if timer.is_32_bit {
            0xFFFF_FFFF
        } else {
            0x00FF_FFFF
        };
        Some(Self { access, mask })
    }
}

impl Reference for PmTimerReference {
    fn frequency_hz(&self) -> u64 {
        Self::HZ
    }

    fn mask(&self) -> u64 {
        self.mask
    }

    fn read(&mut self) -> u64 {
        let value = match &mut self.access {
            // SAFETY: the timer's port, by `new`'s contract; reading changes nothing.
            PmTimerAccess::Port(port) => unsafe { port.read() },
            // SAFETY: mapped, by `new`'s contract; aligned, as the tables were checked.
            PmTimerAccess::Memory(register) => unsafe { register.read_volatile() },
        };
        u64::from(value) & self.mask
    }
}

/// Why there is no HPET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpetError {
    /// Its period, in femtoseconds, is not one that the specification allows.
    BadPeriod(u32),
}

impl fmt::Display for HpetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPeriod(period) => write!(formatter, "HPET with a period of {period} fs"),
        }
    }
}

impl core::error::Error for HpetError {}

/// The high precision event timer's main counter (IA-PC HPET Specification 1.0a, 2.3).
#[derive(Debug)]
pub struct Hpet {
    base: *mut u64,
    hz: u64,
    mask: u64,
}

impl Hpet {
    /// Registers, in units of 8 bytes.
    const CAPABILITIES: usize = 0;
    const CONFIGURATION: usize = 0x10 / 8;
    const MAIN_COUNTER: usize = 0xF0 / 8;
    const ENABLED: u64 = 1 << 0;
    const IS_64_BIT: u64 = 1 << 13;
    const FEMTOSECONDS: u64 = 1_000_000_000_000_000;
    /// 100 ns: the longest period allowed. The shortest believed is 1 ns.
    const PERIODS: core::ops::RangeInclusive<u32> = 1_000_000..=100_000_000;

    /// Starts the counter, if the firmware has not.
    ///
    /// # Errors
    /// [`HpetError`]; nothing has been changed then.
    ///
    /// # Safety
    /// `base` is the virtual address of the machine's HPET registers (1024 bytes, aligned
    /// to 8), uncacheable, for as long as this lives; nobody else drives them.
    pub unsafe fn new(base: u64) -> Result<Self, HpetError> {
        let base = base as *mut u64;
        // SAFETY: caller's promise.
        let capabilities = unsafe { base.add(Self::CAPABILITIES).read_volatile() };
        let period = (capabilities >> 32) as u32;
        if !Self::PERIODS.contains(&period) {
            return Err(HpetError::BadPeriod(period));
        }
        // SAFETY: caller's promise.
        unsafe {
            let configuration = base.add(Self::CONFIGURATION);
            configuration.write_volatile(configuration.read_volatile() | Self::ENABLED);
        }
        Ok(Self {
            base,
            hz: Self::FEMTOSECONDS / u64::from(period),
            mask: if capabilities & Self::IS_64_BIT != 0 {
                u64::MAX
            } else {
                0xFFFF_FFFF
            },
        })
    }
}

impl Reference for Hpet {
    fn frequency_hz(&self) -> u64 {
        self.hz
    }

    fn mask(&self) -> u64 {
        self.mask
    }

    fn read(&mut self) -> u64 {
        // SAFETY: `new`'s contract.
        let value = unsafe { self.base.add(Self::MAIN_COUNTER).read_volatile() };
        value & self.mask
    }
}

/// Channel 2 of the 8254 interval timer, which has a gate and no interrupt. Wraps every 55
/// ms: only for stretches of up to 20 ms.
#[derive(Debug)]
pub struct Pit {
    command: Port<u8>,
    channel2: Port<u8>,
}

impl Pit {
    const HZ: u64 = 1_193_182;
    const GATE: u16 = 0x61;
    const GATE_ON: u8 = 1 << 0;
    const SPEAKER_ON: u8 = 1 << 1;
    /// Channel 2, low byte then high byte, mode 2 (rate generator), binary.
    const PROGRAM: u8 = 0b1011_0100;
    /// Latch the count of channel 2.
    const LATCH: u8 = 0b1000_0000;

    /// Starts the channel, with the speaker off.
    ///
    /// # Safety
    /// The machine has a PIT, and nobody else uses its channel 2 or port 0x61.
    #[must_use]
    pub unsafe fn new() -> Self {
        let mut pit = Self {
            command: Port::new(0x43),
            channel2: Port::new(0x42),
        };
        let mut gate: Port<u8> = Port::new(Self::GATE);
        // SAFETY: caller's promise; the data sheet's order: gate, command, low, high. A
        // count of 0 means 65536.
        unsafe {
            let value = gate.read();
            gate.write((value & !Self::SPEAKER_ON) | Self::GATE_ON);
            pit.command.write(Self::PROGRAM);
            pit.channel2.write(0);
            pit.channel2.write(0);
        }
        pit
    }
}

impl Reference for Pit {
    fn frequency_hz(&self) -> u64 {
        Self::HZ
    }

    fn mask(&self) -> u64 {
        0xFFFF
    }

    fn read(&mut self) -> u64 {
        // SAFETY: `new`'s contract; latching lets the two halves belong together.
        let (low, high) = unsafe {
            self.command.write(Self::LATCH);
            (self.channel2.read(), self.channel2.read())
        };
        // It counts down.
        u64::from(!u16::from_le_bytes([low, high]))
    }
}
