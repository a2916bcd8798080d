//! The interpreter as a template: it starts, stops right before it looks at what it is to
//! do, and every copy goes on from there.
//!
//! A copy is either a spawned process ([`crate::child`]), or the first process of a machine
//! that booted with the template in a file: then the kernel hands it arguments and
//! environment ([`given`]), and it becomes what a start from nothing would have become
//! ([`renewal`], [`program`]). Where it cannot become that (options of the interpreter,
//! variables that its start looks at), it starts from nothing after all. Not here: what the
//! package has ready for spawned processes (`roentgen._kernel_processes`).

mod given;
mod program;
mod renewal;

use std::ffi::CStr;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use rustpython_vm::common::rc::PyRc;
use rustpython_vm::scope::Scope;
use rustpython_vm::{InterpreterBuilder, PyPayload, PyResult, VirtualMachine};

use crate::calls::{Frozen, freeze};
use crate::descriptor::Descriptor;
use given::Given;

/// Environment variable: become a template, and leave it as the answer of this process.
const VARIABLE: &CStr = c"ROENTGEN_TEMPLATE";

/// Whether this process is to become a template. Called once, before the interpreter starts.
pub(crate) fn is_wanted() -> bool {
    // SAFETY: there is one thread yet, which reads and writes the environment here.
    unsafe {
        let is_wanted = !libc::getenv(VARIABLE.as_ptr()).is_null();
        libc::unsetenv(VARIABLE.as_ptr());
        is_wanted
    }
}

/// Starts the interpreter, and goes on as a template's maker or copy does.
pub(crate) fn run(builder: InterpreterBuilder) -> ExitCode {
    let mut settings = match rustpython::parse_opts() {
        Ok((settings, _)) => settings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let laid_out = crate::allocator::layout::hash_seed();
    settings.hash_seed = laid_out.or(settings.hash_seed);
    let interpreter = builder
        .settings(settings)
        .init_hook(move |vm| {
            // It was drawn, and nobody has asked for it: so programs see it.
            if laid_out.is_some()
                && let Some(state) = PyRc::get_mut(&mut vm.state)
            {
                state.config.settings.hash_seed = None;
            }
        })
        .interpreter();
    let status = interpreter.run(begin);
    rustpython_vm::host_env::os::exit_code(status)
}

/// As `rustpython::run` begins, up to its first look at the arguments.
fn begin(vm: &VirtualMachine) -> PyResult<()> {
    let scope = vm.new_scope_with_main()?;
    // Both may fail there too.
    let _ = vm.import("warnings", 0);
    let _ = vm.import("site", 0);
    let start = given::Start::current();
    vm.import("roentgen._kernel_processes", 0)?;
    crate::codec::modules(vm)?
        .get_item("roentgen._kernel_processes", vm)?
        .get_attr("prepare_system_template", vm)?
        .call((), vm)?;
    // Copies differ from here on.
    crate::allocator::layout::stop();
    match freeze(&[]) {
        Ok(Frozen::Maker(template)) => {
            // SAFETY: the call has just made it.
            let template = unsafe { OwnedFd::from_raw_fd(template) };
            crate::child::end(Ok(Descriptor::owned(template).into_pyobject(vm)), vm)
        }
        Ok(Frozen::Spawned) => crate::child::live(vm),
        Ok(Frozen::First(block)) => {
            // SAFETY: the kernel has put it there for this process.
            first(unsafe { Given::at(block) }, &start, scope, vm)
        }
        Err(error) => Err(vm.new_os_error(error.to_string())),
    }
}

/// The life of a machine's first process.
fn first(given: Given, start: &given::Start, scope: Scope, vm: &VirtualMachine) -> PyResult<()> {
    let Some(program) = start.allows(&given).then(|| given.program()).flatten() else {
        given.start_anew()
    };
    given.take_environment();
    crate::child::renew(vm)?;
    renewal::environment(vm)?;
    renewal::streams(vm)?;
    renewal::arguments(&program, &given, vm)?;
    program::run(&program.mode, scope, vm)
}
