//! Tier `qemu`: machines under QEMU, from the first core to a Python prompt.
//!
//! | module | what is promised there |
//! |---|---|
//! | [`boot`] | a machine starts, whatever its cores, memory and CPU |
//! | [`endings`] | how machines end, and what `run.sh` says then |
//! | [`programs`] | static C programs do what they do on Linux |
//! | [`images`] | an ELF that is broken ends its process, not the machine |
//! | [`limits`] | memory, processes and descriptors that run out |
//! | [`cores`] | interpreters compute at the same time |
//! | [`streams`] | the console as pipes |
//! | [`terminal`] | the console as a terminal |
//! | [`door`] | `run.sh` itself |

mod boot;
mod common;
mod cores;
mod door;
mod endings;
mod images;
mod limits;
mod programs;
mod streams;
mod terminal;

use std::process::ExitCode;

use tests::suite::Tier;

fn main() -> ExitCode {
    let mut tier = Tier::new("qemu");
    for add in [
        boot::add,
        streams::add,
        endings::add,
        programs::add,
        images::add,
        limits::add,
        cores::add,
        door::add,
        terminal::add,
    ] {
        tier = add(tier);
    }
    tier.run()
}
