//! What the kernel's functions take of a stack. Whole-program inlining can put a chain of them
//! into one, whose frame has room for all.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use tests::build;
use tests::suite::Tier;

/// Half of a kernel stack (`kernel/src/memory/stacks.rs`), in bytes.
const MOST: u64 = 8192;

/// What runs once, on a stack on which nothing else is: the start of the kernel, and what it sets
/// up for ever.
const AT_START: &[&str] = &["kernel_main", "try_call_once_slow"];

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "kernel: no function takes more than half of a stack",
        || {
            let frames = frames(&build::images().unwrap().kernel);
            assert!(frames.len() > 500, "{} functions have frames", frames.len());
            let large: Vec<_> = frames
                .iter()
                .filter(|(name, bytes)| {
                    *bytes > MOST && !AT_START.iter().any(|start| name.contains(start))
                })
                .collect();
            assert!(large.is_empty(), "{large:#?}");
        },
    )
}

/// The functions of a program that make room on the stack, and for how many bytes.
fn frames(program: &std::path::Path) -> Vec<(String, u64)> {
    let mut objdump = Command::new("objdump")
        .args(["--disassemble", "--demangle", "--no-show-raw-insn"])
        .arg(program)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut frames: Vec<(String, u64)> = Vec::new();
    let mut function = String::new();
    for line in BufReader::new(objdump.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|it| it.split_once(" <")) {
            name.clone_into(&mut function);
        }
        let subtracted = line
            .split_once("sub ")
            .and_then(|(_, operands)| operands.trim().strip_prefix("$0x")?.strip_suffix(",%rsp"));
        if let Some(bytes) = subtracted.and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
            frames.push((function.clone(), bytes));
        }
    }
    assert!(objdump.wait().unwrap().success());
    frames
}
