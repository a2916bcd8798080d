//! The Linux oracle: the same Python programs, with the same `python` ELF, in the same
//! tree of files, on the host's Linux and in our kernel; what passes there passes here.
//!
//! | module | what is in it |
//! |---|---|
//! | [`jail`] | the Linux side: the machine's own tree as the root of a few namespaces |
//! | [`task`] | one run of one side: a tree and Python's arguments |
//! | [`programs`] | the programs of `tests/oracle/programs`: output byte by byte, status |
//! | [`comparison`] | tests by their ids |
//! | [`cpython`], [`twisted`] | whose tests these are: CPython's, Twisted's |
//! | [`difference`] | where two outputs part |
//!
//! Linux's results come from the same run of the tests; they are kept under `target/`
//! as long as the interpreter, the programs and the host's kernel stay the same.
//!
//! Not here: what runs on either side. That is `tests/oracle/*.py` and its lists.

pub mod comparison;
pub mod cpython;
pub mod difference;
pub mod jail;
pub mod programs;
pub mod task;
pub mod twisted;

use std::process::Command;

use crate::build;
use crate::error::Result;
use crate::suite::Tier;

/// Environment variable: the tier has the groups `long` as well, which take the better part of an
/// hour.
pub const LONG: &str = "ROENTGEN_LONG_ORACLE";

/// The tier `oracle`.
#[must_use]
pub fn tier() -> Tier {
    let tier = Tier::new("oracle")
        .test(
            "the_native_module_says_on_linux_what_is_not_there",
            native_module,
        )
        .test("programs_write_and_end_as_they_do_on_linux", || {
            verdict(programs::compare())
        })
        .test("first_processes_write_and_end_as_they_do_on_linux", || {
            verdict(programs::compare_alone());
        })
        .test("cpythons_tests_that_pass_on_linux_pass_here", || {
            ids(&cpython::suite(&["kernel", "library"]), 3_500);
        })
        .test("cpythons_tests_of_processes_pass_here_too", || {
            ids(&cpython::suite(&["processes"]), 240);
        })
        .test("twisteds_tests_that_pass_on_linux_pass_here", || {
            ids(&twisted::suite(&["default", "partly"]), 650);
        });
    if std::env::var_os(LONG).is_none() {
        return tier;
    }
    tier.test("long: cpythons_tests", || {
        ids(&cpython::suite(&["long"]), 1);
    })
    .test("long: twisteds_tests", || {
        ids(&twisted::suite(&["default", "long"]), 1_650);
    })
}

/// What package `roentgen` says under another kernel: what any can tell, and one sentence
/// for each thing that it cannot.
fn native_module() {
    const CODE: &str = "\
import os, roentgen
from roentgen import io, irq, sched
print(roentgen.is_roentgen(), roentgen.cpu_count() == os.cpu_count())
print(0 <= roentgen.current_core() < 4096, roentgen.uptime() > 0)
for call in (
    roentgen.memory, roentgen.counters, roentgen.cores, roentgen.ps,
    sched.status, lambda: sched.attach(sched.Policy()),
    irq.lines, lambda: irq.attach(8, print), lambda: io.Ports(0x70, 2),
):
    try: call()
    except roentgen.NotAvailable as error: print(error.args[-1])
";
    const WHAT: &[&str] = &[
        "memory()",
        "counters()",
        "cores()",
        "ps()",
        "sched.status()",
        "sched.attach()",
        "irq.lines()",
        "irq.attach()",
        "io.Ports",
    ];
    let python = build::images().unwrap().python;
    let output = Command::new(python).args(["-c", CODE]).output().unwrap();
    let sentences = WHAT.iter().map(|what| {
        format!("roentgen.{what} needs the Roentgen kernel; this interpreter runs on Linux\n")
    });
    let sentences: String = sentences.collect();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("False True\nTrue True\n{sentences}"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Tests of somebody, of which at least so many pass on Linux.
fn ids(suite: &comparison::Suite<'_>, least: usize) {
    verdict(comparison::compare(suite, least));
}

/// A test fails by a panic: with the error, or with the number of what differs.
fn verdict(result: Result<usize>) {
    match result {
        Ok(0) => {}
        Ok(count) => panic!("{count} differ"),
        Err(error) => panic!("{error}"),
    }
}
