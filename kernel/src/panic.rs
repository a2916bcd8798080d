//! The end of the kernel itself: all cores stop, and the one that panicked says why,
//! with a symbolised backtrace.

use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};
use std::panic::PanicHookInfo;

use spin::Once;

use crate::cpu::{self, stop};
use crate::{console, first_process, log};

/// The kernel's symbols, a line each: hexadecimal address, space, name; ascending.
static SYMBOLS: Once<Vec<u8>> = Once::new();

/// Frames that a backtrace shows at most.
const DEPTH: usize = 32;

/// Reads the symbols from the boot archive: with the memory still in order.
pub fn load_symbols() {
    if let Some(text) = first_process::read_file(b"/boot/kernel.sym") {
        SYMBOLS.call_once(|| text);
    }
}

/// What `std` calls for every panic.
pub fn hook(info: &PanicHookInfo<'_>) {
    static DEPTH_OF_PANICS: AtomicU32 = AtomicU32::new(0);
    x86_64::instructions::interrupts::disable();
    if DEPTH_OF_PANICS.fetch_add(1, Ordering::SeqCst) > 2 || !stop::stop_others() {
        if DEPTH_OF_PANICS.load(Ordering::SeqCst) > 1 {
            log::write_unlocked("panic while panicking\n");
        }
        stop::halt();
    }
    let mut text = String::new();
    let _ = writeln!(text, "kernel panic on core {}: {info}", cpu::current_id());
    if cpu::is_ready() {
        let others = cpu::count() - 1;
        let _ = writeln!(text, "{} of {others} other cores stopped", stop::standing());
    }
    backtrace(&mut text);
    log::write_unlocked(&text);
    // SAFETY: all other cores stand still.
    unsafe { console::panic_text(&text) };
    first_process::power_off();
    stop::halt();
}

/// Follows the frame pointers from here.
fn backtrace(text: &mut String) {
    let mut frame: *const [u64; 2];
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack)) };
    let mut last = 0;
    let mut has_left_core_stack = false;
    for depth in 0..DEPTH {
        let address = frame as u64;
        // Frames lie in the kernel's half, aligned, and grow towards the stack's top; but from a
        // core's own stack they go on below a thread's, wherever that is.
        if address <= last && core::mem::replace(&mut has_left_core_stack, true) {
            break;
        }
        if address < 0xffff_8000_0000_0000 || !address.is_multiple_of(8) {
            break;
        }
        // SAFETY: checked above; the kernel's stacks are mapped.
        let [next, return_address] = unsafe { *frame };
        if return_address < 0xffff_ffff_8000_0000 {
            break;
        }
        let _ = write!(text, "  {depth:2}: {return_address:#x}");
        if let Some((name, offset)) = symbol(return_address - 1) {
            let _ = write!(text, " {name} + {:#x}", offset + 1);
        }
        text.push('\n');
        last = address;
        frame = next as *const [u64; 2];
    }
}

/// The symbol that covers `address`, and how far into it.
fn symbol(address: u64) -> Option<(&'static str, u64)> {
    let text = core::str::from_utf8(SYMBOLS.get()?).ok()?;
    let mut best = None;
    for line in text.lines() {
        let (hex, name) = line.split_once(' ')?;
        let start = u64::from_str_radix(hex, 16).ok()?;
        if start > address {
            break;
        }
        best = Some((name, address - start));
    }
    best
}
