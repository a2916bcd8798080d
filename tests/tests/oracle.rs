//! Tier `oracle`: the same programs, with the same interpreter, on Linux and here.

use std::process::ExitCode;

fn main() -> ExitCode {
    tests::oracle::tier().run()
}
