//! The kernel of Roentgen: an SMP kernel whose processes are Python.
//!
//! | module | what lives there |
//! |---|---|
//! | [`boot`] | the entry, and what the boot loader says |
//! | [`cpu`] | cores: bringing them up, traps, switching, stopping |
//! | [`devices`] | interrupt lines, ports and registers that processes use themselves |
//! | [`memory`] | frames, heap, page tables, address spaces, user copies |
//! | [`message`] | what channels carry, and spawned processes are given |
//! | [`sync`] | locks and waiting |
//! | [`task`] | threads, processes, scheduling, signals, futexes, exec |
//! | [`fs`] | files in memory, pipes, sockets, terminals, /proc, /sys, /dev |
//! | [`syscall`] | Linux's system calls, and our own |
//! | [`console`] | COM1 |
//! | [`time`] | the clock and timers |
//! | [`uts`] | the names that the machine is given |
//!
//! [`kernel_main`] is the table of contents of the boot.
#![no_main]

mod boot;
mod console;
mod counters;
mod cpu;
mod devices;
mod entropy;
mod errno;
mod first_process;
mod fs;
mod inject;
mod log;
mod memory;
mod message;
mod panic;
mod std_support;
mod sync;
mod syscall;
mod task;
mod time;
mod uts;

use std::sync::{Arc, Weak};

use formats::cmdline::CommandLine;
use smp::madt::Discovery;
use spin::Once;

use crate::boot::Region;
use crate::cpu::Core;
use crate::memory::stacks::KernelStack;
use crate::memory::{frame, kernel_map};
use crate::task::Process;

pub use first_process::ended as first_process_ended;

/// The process that the cores' idle threads belong to.
static KERNEL_PROCESS: Once<Arc<Process>> = Once::new();

/// The process that the cores' idle threads belong to.
///
/// # Panics
/// Before the boot has made it.
#[must_use]
pub fn kernel_process() -> Arc<Process> {
    match KERNEL_PROCESS.get() {
        Some(process) => process.clone(),
        None => panic!("asked for the kernel's process before it was made"),
    }
}

/// The first Rust code: on the boot core, with the boot tables, interrupts off.
/// `magic` and `info` are the boot loader's ([`boot::read`]).
extern "C" fn kernel_main(magic: u32, info: u64) -> ! {
    let boot = boot::read(magic, info);
    let archive = boot.archive.unwrap_or(Region { start: 0, end: 0 });
    let reserved = [
        // Firmware's data, the trampoline, the boot loader's structures.
        Region {
            start: 0,
            end: 0x10_0000,
        },
        kernel_map::image(),
        archive,
    ];
    if frame::init(&boot, &reserved).is_err() {
        log::write_unlocked("no room for the frame table: not enough memory\n");
        cpu::stop::halt();
    }
    let highest = boot
        .usable()
        .iter()
        .map(|region| region.end)
        .max()
        .unwrap_or(0);
    if kernel_map::init(highest.max(archive.end)).is_err() {
        log::write_unlocked("no room for page tables: not enough memory\n");
        cpu::stop::halt();
    }
    std::panic::set_hook(Box::new(panic::hook));

    let command_line = CommandLine::parse(&boot.command_line());
    cpu::control::restrict(&command_line);
    let core = Core::new(0, cpu::start::boot_apic_id());
    // SAFETY: once, on this core, before anything else touches per-core storage.
    unsafe { core.adopt() };
    cpu::set_ready();
    log::set_verbose(command_line.value("log") == Some("debug"));
    if let Some(bug) = command_line.value("bug") {
        match bugs::choose(bug) {
            Ok(()) => warn!("bug: {bug} is in, on purpose"),
            Err(bugs::Unknown) => panic!("bug={bug} is none that this build can have"),
        }
    }
    log!(
        "Roentgen {} ({})",
        env!("CARGO_PKG_VERSION"),
        if magic == 0 { "PVH" } else { "multiboot2" }
    );
    log!("cpu: {}", cpu::control::enabled_features());
    if let Some(pages) = command_line.value("flush_pages").map(str::parse) {
        match pages {
            Ok(pages) => memory::tlb::set_page_limit(pages),
            Err(_) => warn!("flush_pages wants a number of pages"),
        }
    }
    memory::tlb::log_how();
    for check in command_line.value("check").unwrap_or_default().split(',') {
        match check {
            "" => {}
            "tlb" => memory::tlb::check_shootdowns(),
            "sched" => task::check::turn_on(),
            "stacks" => memory::stacks::turn_check_on(),
            other => warn!("check={other} is none: tlb, sched, stacks"),
        }
    }
    log_memory(&boot, archive);

    // For the test of what wrong tables do to the boot.
    let damage = command_line.value("damage_tables").map(str::parse);
    let discovery = cpu::start::discover(&boot, damage.and_then(Result::ok));
    devices::init(&boot, &discovery);
    entropy::init();
    // SAFETY: the archive lies in reserved memory that the direct map reaches, and that
    // nobody writes.
    let archive_bytes = unsafe {
        let start = memory::direct::pointer(x86_64::PhysAddr::new(archive.start));
        core::slice::from_raw_parts(start, (archive.end - archive.start) as usize)
    };
    fs::init(archive_bytes, archive.start);
    panic::load_symbols();
    KERNEL_PROCESS.call_once(make_kernel_process);
    let Ok(stack) = KernelStack::new() else {
        panic!("no memory for the first kernel stack");
    };
    BOOT.call_once(|| Boot {
        discovery,
        command_line,
    });
    let top = stack.top();
    cpu::start::become_idle(core, stack);
    cpu::start::leave_boot_stack(top, finish_boot)
}

/// What the second half of the boot needs of the first.
struct Boot {
    discovery: Discovery,
    command_line: CommandLine,
}

static BOOT: Once<Boot> = Once::new();

/// The second half of the boot, in the boot core's idle thread.
extern "C" fn finish_boot() -> ! {
    let Some(Boot {
        discovery,
        command_line,
    }) = BOOT.get()
    else {
        unreachable!("the first half made it");
    };
    // For the test of what a core that does not exist does to the boot.
    let phantoms = command_line.value("phantom_cores").map(str::parse);
    let phantoms = phantoms.and_then(Result::ok).unwrap_or(0);
    if let Some(time) = command_line.value("idle_poll").map(str::parse) {
        match time {
            Ok(microseconds) => task::idle::set_poll(microseconds),
            Err(_) => warn!("idle_poll wants a number of microseconds"),
        }
    }
    cpu::start::start_others(discovery, phantoms);
    first_process::start(command_line);
    x86_64::instructions::interrupts::enable();
    task::idle::run()
}

fn make_kernel_process() -> Arc<Process> {
    let context = match fs::FsContext::initial() {
        Ok(context) => context,
        Err(error) => panic!("no root directory: {error:?}"),
    };
    Process::new(0, None, Arc::default(), context, Weak::new())
}

fn log_memory(boot: &boot::BootInfo, archive: Region) {
    let info = frame::memory_info();
    log!(
        "memory: {} MiB usable in {} region(s), {} MiB free; boot archive {} KiB",
        info.total >> 20,
        boot.usable().len(),
        info.free >> 20,
        (archive.end - archive.start) >> 10
    );
}
