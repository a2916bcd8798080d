//! Files in /proc about the machine (`proc(5)`).

use core::fmt::Write;

use crate::task;

/// What `uname -r` says: the Linux whose system calls these are.
pub(super) const RELEASE: &str = "6.1.0-roentgen";

const NANOS: u64 = 1_000_000_000;

pub(super) fn version() -> Vec<u8> {
    format!("Linux version {RELEASE} (roentgen) #1 SMP\n").into_bytes()
}

pub(super) fn cpuinfo() -> Vec<u8> {
    // SAFETY: CPUID is there on every x86-64 processor and has no effect.
    #[allow(unused_unsafe)]
    let leaf = |number: u32| unsafe { core::arch::x86_64::__cpuid(number) };
    let maker = leaf(0);
    let vendor: Vec<u8> = [maker.ebx, maker.edx, maker.ecx]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let signature = leaf(1).eax;
    let family = ((signature >> 8) & 0xf) + ((signature >> 20) & 0xff);
    let model = ((signature >> 4) & 0xf) | ((signature >> 12) & 0xf0);
    let mut name = Vec::new();
    if leaf(0x8000_0000).eax >= 0x8000_0004 {
        for number in 0x8000_0002..=0x8000_0004 {
            let words = leaf(number);
            for word in [words.eax, words.ebx, words.ecx, words.edx] {
                name.extend(word.to_le_bytes());
            }
        }
    }
    let name = String::from_utf8_lossy(&name);
    let name = name.trim_end_matches('\0').trim();
    let vendor = String::from_utf8_lossy(&vendor);
    let count = crate::cpu::count();
    let mut text = String::new();
    for index in 0..count {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "processor\t: {index}\nvendor_id\t: {vendor}\ncpu family\t: {family}\n\
             model\t\t: {model}\nmodel name\t: {name}\nstepping\t: {stepping}\n\
             physical id\t: 0\nsiblings\t: {count}\ncore id\t\t: {index}\n\
             cpu cores\t: {count}\nfpu\t\t: yes\n\n",
            stepping = signature & 0xf,
        );
    }
    text.into_bytes()
}

pub(super) fn meminfo() -> Vec<u8> {
    let memory = crate::memory::frame::memory_info();
    let kernel = memory.kernel_heap;
    let lines = [
        ("MemTotal:", memory.total),
        ("MemFree:", memory.free),
        ("MemAvailable:", memory.free),
        ("Buffers:", 0),
        ("Cached:", memory.boot),
        ("SwapCached:", 0),
        ("Active:", memory.user),
        ("Inactive:", 0),
        ("SwapTotal:", 0),
        ("SwapFree:", 0),
        ("AnonPages:", memory.user),
        ("Shmem:", 0),
        ("Slab:", kernel),
        ("KernelStack:", memory.kernel_stacks),
        ("PageTables:", memory.page_tables),
    ];
    let lines = lines
        .iter()
        .map(|(name, bytes)| format!("{name:<15} {:>8} kB\n", bytes / 1024));
    lines.collect::<String>().into_bytes()
}

pub(super) fn stat() -> Vec<u8> {
    let boot = (crate::time::realtime_nanos().saturating_sub(crate::time::uptime_nanos())) / NANOS;
    let mut text = String::from("cpu  0 0 0 0 0 0 0 0 0 0\n");
    // Writing to a String cannot fail.
    for index in 0..crate::cpu::count() {
        let _ = writeln!(text, "cpu{index} 0 0 0 0 0 0 0 0 0 0");
    }
    let processes = task::process::all().len();
    let _ = write!(
        text,
        "intr 0\nctxt 0\nbtime {boot}\nprocesses {processes}\nprocs_running 1\nprocs_blocked 0\n"
    );
    text.into_bytes()
}

pub(super) fn uptime() -> Vec<u8> {
    let up = crate::time::uptime_nanos();
    let (seconds, hundredths) = (up / NANOS, up % NANOS / (NANOS / 100));
    format!("{seconds}.{hundredths:02} 0.00\n").into_bytes()
}

pub(super) fn loadavg() -> Vec<u8> {
    let processes = task::process::all();
    let threads: usize = processes
        .iter()
        .map(|process| process.threads().len())
        .sum();
    let last = processes
        .iter()
        .map(|process| process.id())
        .max()
        .unwrap_or(0);
    format!("0.00 0.00 0.00 1/{threads} {last}\n").into_bytes()
}

/// A random UUID (RFC 4122, version 4) with a newline.
pub(super) fn uuid() -> Vec<u8> {
    let mut bytes = [0_u8; 16];
    crate::entropy::fill(&mut bytes);
    let number = u128::from_be_bytes(bytes);
    let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{number:032x}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text.push('\n');
    text.into_bytes()
}

/// The same as long as this kernel runs.
pub(super) fn boot_id() -> Vec<u8> {
    static ID: spin::Once<Vec<u8>> = spin::Once::new();
    ID.call_once(uuid).clone()
}
