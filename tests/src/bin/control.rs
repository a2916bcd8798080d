//! Runs Python under the control: `control [--best] [ARG…]`, the arguments being Python's.
//! On standard error: the seconds from QEMU's start to hello, first output and end.

use std::process::ExitCode;

use tests::build::python;
use tests::linux::{self, Variant};
use tests::machine::Machine;
use tests::toolchain::Toolchain;
use tests::{Result, console::log::LogTarget};

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("control: {error}");
        ExitCode::from(error.exit_status())
    })
}

fn run() -> Result<ExitCode> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut variant = Variant::Plain;
    if words.first().is_some_and(|word| word == "--best") {
        variant = Variant::Best;
        words.remove(0);
    }
    let python = python::current(&Toolchain::chosen()?)?;
    let output = Machine::new()
        .linux(linux::prepare(variant)?, python)
        .cpu(variant.cpu())
        .python(&words)
        .our_streams()
        .log(LogTarget::Memory)
        .run()?;
    eprint!("{}", output.remarks());
    eprintln!(
        "control: {variant:?}: hello {:.2} s, first output {:.2} s, end {:.2} s",
        output.seconds_to_hello.unwrap_or(f64::NAN),
        output.seconds_to_output.unwrap_or(f64::NAN),
        output.seconds,
    );
    Ok(ExitCode::from(output.status()))
}
