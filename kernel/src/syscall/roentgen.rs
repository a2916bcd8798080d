//! Roentgen's own calls (`roentgen_abi::syscall`): the table of all of them, and those
//! that tell what the machine is doing.

use core::fmt::Write;

use roentgen_abi::syscall::{
    RG_CHANNEL, RG_CHANNEL_CLOSE, RG_CHANNEL_END, RG_CORES, RG_COUNTERS, RG_FAIL_ALLOCATION,
    RG_FINISH, RG_FREEZE, RG_GRANT, RG_JOIN, RG_LINE, RG_LINE_DETACH, RG_LINE_WAIT, RG_LINES,
    RG_MEMORY, RG_PAYLOAD, RG_POLICY, RG_POLICY_STATUS, RG_POLICY_WAIT, RG_PORTS, RG_PROCESS,
    RG_RECEIVE, RG_REGISTERS, RG_SEND, RG_SPAWN, RG_TEMPLATE, RG_THREADS, RG_TRACE_WRITES,
    RG_VERSION, VERSION,
};

use super::{channel, devices, policy, spawn, tables, unknown};
use crate::counters;
use crate::cpu::entry::TrapFrame;
use crate::devices::lines;
use crate::errno::Result;
use crate::memory::frame;
use crate::memory::{heap, kernel_map, stacks, user};
use crate::task::outside::record;
use crate::task::{self, futex, process};

/// Each call in a frame of its own: together they would take half of a kernel stack.
pub(super) fn carry_out(number: u32, args: [usize; 6], frame: &TrapFrame) -> Result<usize> {
    let [buffer, size, ..] = args;
    match number as usize {
        RG_VERSION => Ok(VERSION as usize),
        RG_MEMORY => memory(buffer, size),
        RG_COUNTERS => write_text(&counters(), buffer, size),
        RG_CORES => write_text(&tables::cores(), buffer, size),
        RG_THREADS => write_text(&tables::threads(), buffer, size),
        RG_CHANNEL => channel::create(args),
        RG_CHANNEL_END => channel::further_end(args),
        RG_CHANNEL_CLOSE => channel::close(args),
        RG_SEND => channel::send(args),
        RG_RECEIVE => channel::receive(args),
        RG_FREEZE => spawn::freeze(args, frame),
        RG_SPAWN => spawn::spawn(args, frame),
        RG_TEMPLATE => spawn::system_template(),
        RG_PAYLOAD => spawn::payload(args),
        RG_FINISH => spawn::finish(args),
        RG_JOIN => spawn::join(args),
        RG_PROCESS => spawn::process(args),
        RG_FAIL_ALLOCATION => Ok(fail_allocation(args)),
        RG_TRACE_WRITES => spawn::trace_writes(args),
        RG_LINE => devices::line(args),
        RG_LINE_WAIT => devices::line_wait(args),
        RG_LINES => write_text(&lines::table(), buffer, size),
        RG_LINE_DETACH => devices::line_detach(args),
        RG_GRANT => devices::grant(args),
        RG_PORTS => devices::ports(args),
        RG_REGISTERS => devices::registers(args),
        RG_POLICY => policy::attach(args),
        RG_POLICY_WAIT => policy::wait(args),
        RG_POLICY_STATUS => write_text(&record::text(), buffer, size),
        _ => unknown::answer(number, &task::current()),
    }
}

/// Writes as much of a text as there is room for; its whole length.
pub(super) fn write_text(text: &str, buffer: usize, size: usize) -> Result<usize> {
    user::copy_out(buffer, &text.as_bytes()[..text.len().min(size)])?;
    Ok(text.len())
}

fn fail_allocation([nth, count, ..]: [usize; 6]) -> usize {
    task::current().failing.arm(nth as u32, count as u32) as usize
}

#[inline(never)]
fn memory(buffer: usize, size: usize) -> Result<usize> {
    let words = frame::memory_info().to_words();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    user::copy_out(buffer, &bytes[..bytes.len().min(size)])?;
    Ok(0)
}

#[inline(never)]
fn counters() -> String {
    let mut text = counters::text();
    // Gauges: read when asked for.
    let _ = writeln!(text, "memory_free_counted {}", frame::count_free());
    let _ = writeln!(text, "kernel_heap_used {}", heap::used());
    let _ = writeln!(text, "kernel_stack_deepest {}", stacks::deepest());
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
