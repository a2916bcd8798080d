//! Tells the linker where the kernel's sections go.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-T{directory}/kernel.ld");
    println!("cargo::rustc-link-arg-bins=--no-eh-frame-hdr");
    println!("cargo::rerun-if-changed=kernel.ld");
}
