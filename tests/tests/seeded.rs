//! Tier `seeded`: bugs put in on purpose, and whether the other tests find them.

use std::process::ExitCode;

fn main() -> ExitCode {
    tests::seeded::tier().run()
}
