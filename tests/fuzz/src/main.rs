//! Coverage-guided fuzzing of everything that parses what comes from outside. One program, whose
//! target is named by `FUZZ_TARGET`; `FUZZ_SEEDS`, where it is set, names a directory that sound
//! inputs are written to before the first run. Everything else are libFuzzer's own options.
//!
//! `run.sh stress parsers` builds it, instrumented, and runs all targets. A target fails by a
//! panic, by reading out of bounds (all of this is safe Rust), by taking too long or too much
//! memory; and it asserts what its parser promises.

#![no_main]

mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use targets::Target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

/// # Panics
/// Where no target is named, or seeds cannot be written: nothing would be fuzzed.
fn begin() {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names what is to be fuzzed");
    let mut targets = targets::ALL.iter();
    let target = targets
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("FUZZ_TARGET={name} is none of those there are"));
    if let Some(place) = std::env::var_os("FUZZ_SEEDS") {
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            let path = std::path::Path::new(&place).join(format!("seed-{number}"));
            std::fs::write(&path, seed).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
    }
    TARGET.set(target).ok();
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(bytes);
    }
});
