//! The `python` ELF: RustPython as published, its frozen standard library, and the
//! package `roentgen` with its native half `_roentgen`.
//!
//! The same file runs on Roentgen and on Linux; what only Roentgen's kernel can do
//! says so when it is asked for elsewhere.

#[macro_use]
mod interned;

mod allocator;
mod calls;
mod child;
mod codec;
mod descriptor;
mod devices;
mod entropy;
mod linux;
mod message;
mod native;
mod policy;
mod standard;
mod tasklet;
mod template;

use rustpython::{InterpreterBuilder, InterpreterBuilderExt};
use rustpython_vm::py_freeze;

/// What `sys._stdlib_dir` says; the library itself is frozen into this file.
const STDLIB_DIR: &str = "/usr/lib/python3.14";

#[global_allocator]
static ALLOCATOR: allocator::PageAllocator = allocator::PageAllocator;

fn main() -> std::process::ExitCode {
    allocator::layout::begin();
    let builder = InterpreterBuilder::new().init_stdlib();
    let native = native::module_def(&builder.ctx);
    let tasklets = tasklet::module_def(&builder.ctx);
    let builder = builder
        .add_native_module(native)
        .add_native_module(tasklets)
        .add_frozen_modules(py_freeze!(dir = "../lib"))
        .init_hook(standard::install)
        .init_hook(|vm| {
            if let Some(state) = rustpython_vm::common::rc::PyRc::get_mut(&mut vm.state) {
                state.config.paths.stdlib_dir = Some(STDLIB_DIR.to_owned());
            }
        });
    if template::is_wanted() {
        template::run(builder)
    } else {
        rustpython::run(builder)
    }
}
