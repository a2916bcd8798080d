//! Tier `qemu`: machines under QEMU, from the first core to a Python prompt.
//!
//! | module | what is promised there |
//! |---|---|
//! | [`boot`] | a machine starts, whatever its cores and CPU, and stands when it must fall |
//! | [`streams`] | the console as pipes |
//! | [`endings`] | how programs and machines end |
//! | [`programs`] | static C programs do what they do on Linux |
//! | [`door`] | `run.sh` itself, as a pipe and as a terminal |
//! | [`bench`] | what `run.sh bench` measures with runs here and on Linux |

mod bench;
mod boot;
mod common;
mod door;
mod endings;
mod programs;
mod streams;

use std::process::ExitCode;

use tests::suite::Tier;

fn main() -> ExitCode {
    let mut tier = Tier::new("qemu");
    for add in [
        boot::add,
        streams::add,
        endings::add,
        programs::add,
        door::add,
        bench::add,
    ] {
        tier = add(tier);
    }
    tier.run()
}
