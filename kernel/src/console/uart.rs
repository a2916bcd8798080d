//! The 16550 at COM1: registers, and whether there is one.
//!
//! Source: National Semiconductor PC16550D, sections 8.1 to 8.8.

use x86_64::instructions::port::Port;

const BASE: u16 = 0x3f8;

/// Bytes that the transmitter takes once it says that it is empty.
pub const FIFO: usize = 16;

const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const INTERRUPT_IDENTIFICATION: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const MODEM_STATUS: u16 = 6;
const SCRATCH: u16 = 7;

/// `INTERRUPT_ENABLE`: received data.
const RECEIVED: u8 = 0x01;
/// `INTERRUPT_ENABLE`: the transmitter is empty.
const TRANSMITTER_EMPTY: u8 = 0x02;
/// `LINE_CONTROL`: the first two registers are the divisor.
const DIVISOR_ACCESS: u8 = 0x80;
/// `LINE_CONTROL`: eight bits, no parity, one stop bit.
const EIGHT_N_ONE: u8 = 0x03;
/// `FIFO_CONTROL`: on, interrupt at 8 bytes; the receiver is *not* cleared, which would
/// lose what was typed or piped in before we came.
const FIFO_ON: u8 = 0x81;
/// `MODEM_CONTROL`: DTR, RTS and OUT2, which lets interrupts through on a PC.
const MODEM_ON: u8 = 0x0b;

/// COM1. Whoever has it keeps register accesses from interleaving (the console's locks).
pub struct Uart(());

impl Uart {
    /// Finds the UART and sets it to 115200 baud; None where there is none.
    #[must_use]
    pub fn find() -> Option<Self> {
        let uart = Self(());
        for pattern in [0x5a, 0xa5] {
            uart.write(SCRATCH, pattern);
            if uart.read(SCRATCH) != pattern {
                return None;
            }
        }
        // An absent device reads as all ones, also where the scratch register's write
        // lingers on the bus.
        if uart.read(LINE_STATUS) == 0xff {
            return None;
        }
        uart.write(INTERRUPT_ENABLE, 0);
        uart.write(LINE_CONTROL, DIVISOR_ACCESS | EIGHT_N_ONE);
        uart.write(0, 1);
        uart.write(1, 0);
        uart.write(LINE_CONTROL, EIGHT_N_ONE);
        uart.write(FIFO_CONTROL, FIFO_ON);
        uart.write(MODEM_CONTROL, MODEM_ON);
        Some(uart)
    }

    /// Lets interrupts come: always for received data, and where `wants_room` when the
    /// transmitter is empty.
    pub fn enable_interrupts(&self, wants_room: bool) {
        let room = if wants_room { TRANSMITTER_EMPTY } else { 0 };
        self.write(INTERRUPT_ENABLE, RECEIVED | room);
    }

    /// Takes the interrupt line down, so that setting it up again makes an edge.
    pub fn disable_interrupts(&self) {
        self.write(INTERRUPT_ENABLE, 0);
    }

    /// Whether an interrupt is pending; reading it acknowledges an empty transmitter.
    #[must_use]
    pub fn has_interrupt(&self) -> bool {
        self.read(INTERRUPT_IDENTIFICATION) & 1 == 0
    }

    /// Reads the registers whose change is an interrupt that nobody here waits for.
    pub fn acknowledge_status(&self) {
        let _ = self.read(MODEM_STATUS);
    }

    /// A received byte, if there is one.
    #[must_use]
    pub fn receive(&self) -> Option<u8> {
        (self.read(LINE_STATUS) & 0x01 != 0).then(|| self.read(0))
    }

    /// Whether the transmitter takes [`FIFO`] bytes.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.read(LINE_STATUS) & 0x20 != 0
    }

    /// Whether the last bit is on the line.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.read(LINE_STATUS) & 0x40 != 0
    }

    /// Sends a byte; only after [`Uart::has_room`].
    pub fn send(&self, byte: u8) {
        self.write(0, byte);
    }

    fn read(&self, register: u16) -> u8 {
        // SAFETY: COM1's ports are the console's alone, and reading them has no effect
        // on memory.
        unsafe { Port::<u8>::new(BASE + register).read() }
    }

    fn write(&self, register: u16, value: u8) {
        // SAFETY: as in `read`.
        unsafe { Port::<u8>::new(BASE + register).write(value) }
    }
}
