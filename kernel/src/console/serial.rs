//! IRQ 4.

use super::CONSOLE;

/// Turns before the interrupt handler returns, whatever is left.
const TURNS: usize = 16;

/// COM1's interrupt. The line is edge-triggered: it is served until the UART has nothing
/// more to say, or taken down and up again, so that the rest makes an edge of its own.
pub fn interrupt() {
    let Some(console) = CONSOLE.get() else {
        return;
    };
    let Some(uart) = console.transmit.uart() else {
        return;
    };
    for _ in 0..TURNS {
        uart.acknowledge_status();
        console.receive();
        console.transmit.interrupt();
        if !uart.has_interrupt() {
            return;
        }
    }
    console.transmit.rearm_interrupt();
}
