//! Cargo does not see that `py_freeze!` reads `lib/`: it is told here. And two functions of
//! the C library are wrapped: `src/entropy.rs` and `src/tasklet/bounds.rs` say why.

fn main() {
    println!("cargo::rerun-if-changed=lib");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,--wrap=dlsym");
    println!("cargo::rustc-link-arg=-Wl,--wrap=pthread_getattr_np");
}
