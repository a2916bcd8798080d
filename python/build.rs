//! Cargo does not see that `py_freeze!` reads `lib/`: it is told here. And `dlsym` is
//! wrapped: `src/entropy.rs` says why.

fn main() {
    println!("cargo::rerun-if-changed=lib");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,--wrap=dlsym");
}
