//! Tier `qemu`: machines under QEMU, from the first core to a Python prompt.
//!
//! | module | what is promised there |
//! |---|---|
//! | [`boot`] | a machine starts, whatever its cores and CPU, and stands when it must fall |
//! | [`frames`] | no function of the kernel takes half a stack |
//! | [`streams`] | the console as pipes |
//! | [`endings`] | how programs and machines end |
//! | [`programs`] | static C programs do what they do on Linux |
//! | [`mutants`] | damaged programs, thousands of them |
//! | [`exhaustion`] | memory, descriptors and processes run out |
//! | [`judges`] | Debian's hackbench and stress-ng, as they are, find nothing wrong |
//! | [`scheduler`] | work spreads, the tables add up, loops leave a prompt answering |
//! | [`interrupts`] | interrupt lines, ports and registers in Python, and drivers |
//! | [`reactor`] | Twisted with packages from PyPI, on one object of the kernel |
//! | [`tasklets`] | package `stackless`: tasklets by the ten thousand, templates of them |
//! | [`policies`] | scheduling policies in Python, good and bad; native programs beside |
//! | [`template`] | the interpreter's saved template |
//! | [`door`] | `run.sh` itself, as a pipe and as a prompt; its GRUB image |
//! | [`terminal`] | `run.sh` on a terminal: editing, pasting, resizing |
//! | [`stress`] | what `run.sh stress` runs, at a small part |
//! | [`bench`] | what `run.sh bench` measures with runs here and on Linux |

mod bench;
mod boot;
mod common;
mod door;
mod endings;
mod exhaustion;
mod frames;
mod interrupts;
mod judges;
mod mutants;
mod policies;
mod programs;
mod reactor;
mod scheduler;
mod streams;
mod stress;
mod tasklets;
mod template;
mod terminal;

use std::process::ExitCode;

use tests::machine::qemu;
use tests::suite::Tier;

fn main() -> ExitCode {
    qemu::check_kernels();
    let mut tier = Tier::new("qemu").second_tries(2);
    for add in [
        boot::add,
        frames::add,
        streams::add,
        endings::add,
        programs::add,
        judges::add,
        scheduler::add,
        mutants::add,
        exhaustion::add,
        interrupts::add,
        reactor::add,
        policies::add,
        stress::add,
        tasklets::add,
        template::add,
        door::add,
        terminal::add,
        bench::add,
    ] {
        tier = add(tier);
    }
    tier.run()
}
