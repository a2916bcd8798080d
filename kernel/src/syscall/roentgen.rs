//! Roentgen's own calls (`roentgen_abi::syscall`).

use core::fmt::Write;

use roentgen_abi::syscall::{
    BASE, RG_CORES, RG_COUNTERS, RG_MEMORY, RG_THREADS, RG_VERSION, VERSION,
};

use super::{channel, tables};
use crate::counters;
use crate::errno::Result;
use crate::memory::frame;
use crate::memory::{kernel_map, user};
use crate::task::{futex, process};

/// The calls of our own block; None for Linux's.
#[inline]
pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    if (number as usize) < BASE {
        return None;
    }
    let [buffer, size, ..] = args;
    Some(match number as usize {
        RG_VERSION => Ok(VERSION as usize),
        RG_MEMORY => memory(buffer, size),
        RG_COUNTERS => write_text(&counters(), buffer, size),
        RG_CORES => write_text(&tables::cores(), buffer, size),
        RG_THREADS => write_text(&tables::threads(), buffer, size),
        _ => return channel::dispatch(number, args),
    })
}

/// Writes as much of a text as there is room for; its whole length.
fn write_text(text: &str, buffer: usize, size: usize) -> Result<usize> {
    user::copy_out(buffer, &text.as_bytes()[..text.len().min(size)])?;
    Ok(text.len())
}

fn memory(buffer: usize, size: usize) -> Result<usize> {
    let words = frame::memory_info().to_words();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    user::copy_out(buffer, &bytes[..bytes.len().min(size)])?;
    Ok(0)
}

fn counters() -> String {
    let mut text = counters::text();
    // Gauges: read when asked for.
    let _ = writeln!(text, "memory_free_counted {}", frame::count_free());
    let _ = writeln!(
        text,
        "memory_writable_executable {}",
        kernel_map::count_writable_executable()
    );
    let _ = writeln!(text, "threads {}", process::thread_count());
    let _ = writeln!(text, "futex_waiters {}", futex::waiting());
    tables::sums(&mut text);
    text
}
