//! Roentgen's own calls (`roentgen_abi::syscall`).

use core::fmt::Write;
use core::sync::atomic::Ordering;

use roentgen_abi::syscall::{RG_COUNTERS, RG_MEMORY, RG_VERSION, VERSION};

use crate::counters;
use crate::cpu;
use crate::errno::Result;
use crate::memory::frame;
use crate::memory::{kernel_map, user};
use crate::task::{futex, process};

pub(super) fn dispatch(number: u32, [buffer, size, ..]: [usize; 6]) -> Option<Result<usize>> {
    Some(match number as usize {
        RG_VERSION => Ok(VERSION as usize),
        RG_MEMORY => memory(buffer, size),
        RG_COUNTERS => counters(buffer, size),
        _ => return None,
    })
}

fn memory(buffer: usize, size: usize) -> Result<usize> {
    let words = frame::memory_info().to_words();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    user::copy_out(buffer, &bytes[..bytes.len().min(size)])?;
    Ok(0)
}

fn counters(buffer: usize, size: usize) -> Result<usize> {
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
    let calls: u64 = cpu::all().map(|core| core.system_calls()).sum();
    let _ = writeln!(text, "system_calls {calls}");
    for core in cpu::all() {
        let _ = writeln!(text, "core{}_system_calls {}", core.id, core.system_calls());
        let _ = writeln!(
            text,
            "core{}_interrupts {}",
            core.id,
            core.interrupts.load(Ordering::Relaxed)
        );
        let _ = writeln!(
            text,
            "core{}_idle_nanos {}",
            core.id,
            core.scheduler.idle_nanos()
        );
        let tlb = core.tlb.counts();
        for (name, count) in [
            ("space_loads", tlb.space_loads),
            ("space_loads_kept", tlb.space_loads_kept),
            ("pcid_slots", tlb.slots_in_use),
            ("shootdowns_sent", tlb.shootdowns_sent),
            ("shootdowns_merged", tlb.shootdowns_merged),
            ("shootdowns_answered", tlb.shootdowns_answered),
        ] {
            let _ = writeln!(text, "core{}_{name} {count}", core.id);
        }
    }
    user::copy_out(buffer, &text.as_bytes()[..text.len().min(size)])?;
    Ok(text.len())
}
