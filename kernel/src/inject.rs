//! Faults on purpose, for the tests of what each of them does: `inject=WHAT` on the
//! kernel's command line, carried out on the boot core when all others are up and the
//! console is there.
//!
//! All of them but `nmi` must end in a panic that names the core and the cause.

use core::hint::black_box;

use crate::cpu;
use crate::memory::direct;
use crate::sync::InterruptsOff;

/// The faults, by their names on the command line.
const FAULTS: &[(&str, fn())] = &[
    ("panic", || panic!("asked for on the command line")),
    ("null", read_null),
    ("stack", overflow_stack),
    ("text", write_text),
    ("data", execute_data),
    ("machine-check", machine_check),
    ("nmi", non_maskable_interrupt),
];

/// Does what `name` says.
///
/// # Panics
/// That is what it is for; also where nothing has that name.
pub fn inject(name: &str) {
    crate::warn!("inject: {name} on core {}", cpu::current_id());
    match FAULTS.iter().find(|(known, _)| *known == name) {
        Some((_, fault)) => fault(),
        None => {
            let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
            panic!(
                "inject={name} is none of the faults there are: {}",
                names.join(", ")
            );
        }
    }
}

fn read_null() {
    let pointer = black_box(core::ptr::null::<u64>());
    // SAFETY: none: page 0 is never mapped, and the fault is the point.
    let _ = black_box(unsafe { pointer.read_volatile() });
}

/// Recursion to the guard page; the double fault has a stack of its own.
fn overflow_stack() {
    #[expect(unconditional_recursion, reason = "that it never returns is the point")]
    fn deeper(depth: usize) -> usize {
        let room = black_box([depth; 64]);
        black_box(deeper(depth + 1) + room[depth % 64])
    }
    black_box(deeper(0));
}

/// W^X: the kernel's own text.
fn write_text() {
    let text = black_box(overflow_stack as *const () as *mut u8);
    // SAFETY: none: text is mapped read-only, and the fault is the point.
    unsafe { text.write_volatile(0xcc) };
}

/// NX: a page of the direct map.
fn execute_data() {
    let page = direct::pointer(x86_64::PhysAddr::new(0x10_0000));
    // SAFETY: none: data is not executable, and the fault is the point.
    let call: extern "C" fn() = unsafe { core::mem::transmute(page) };
    black_box(call)();
}

/// With a stack pointer that nothing can be pushed to: the stack of its own is all there is.
fn machine_check() {
    // SAFETY: vector 18's gate stands and has a stack of its own; its handler never returns.
    unsafe { core::arch::asm!("xor esp, esp", "int 18", options(noreturn)) };
}

/// One that nobody caused is a line in the log, no more; as above without a stack.
fn non_maskable_interrupt() {
    let _off = InterruptsOff::new();
    // SAFETY: vector 2's gate stands and has a stack of its own; its handler returns here
    // with the stack pointer as it was, which is then put back.
    unsafe {
        core::arch::asm!(
            "mov {saved}, rsp",
            "xor esp, esp",
            "int 2",
            "mov rsp, {saved}",
            saved = out(reg) _,
        );
    }
}
