//! Cargo does not see that `py_freeze!` reads `lib/`: it is told here.

fn main() {
    println!("cargo::rerun-if-changed=lib");
    println!("cargo::rerun-if-changed=build.rs");
}
