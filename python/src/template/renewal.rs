//! What an interpreter has read of its process when it started, read again: arguments,
//! environment, standard streams. What makes a copy another process than its siblings is
//! [`crate::child::renew`]'s.

use std::ffi::c_int;
use std::os::unix::ffi::OsStringExt;

use rustpython_vm::builtins::PyDictRef;
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

use super::given::{Given, Program};

/// `os.environ`, whose dictionary is `posix.environ`.
pub(super) fn environment(vm: &VirtualMachine) -> PyResult<()> {
    let environment: PyDictRef = vm
        .import("posix", 0)?
        .get_attr("environ", vm)?
        .try_into_value(vm)?;
    environment.clear();
    for (name, value) in std::env::vars_os() {
        let name: PyObjectRef = vm.ctx.new_bytes(name.into_vec()).into();
        let value: PyObjectRef = vm.ctx.new_bytes(value.into_vec()).into();
        environment.set_item(&*name, value, vm)?;
    }
    Ok(())
}

/// `sys.argv` and `sys.orig_argv`.
pub(super) fn arguments(program: &Program, given: &Given, vm: &VirtualMachine) -> PyResult<()> {
    let list = |texts: &[String]| {
        let texts = texts
            .iter()
            .map(|text| vm.ctx.new_str(text.as_str()).into());
        vm.ctx.new_list(texts.collect())
    };
    vm.sys_module
        .set_attr("argv", list(&program.arguments), vm)?;
    let given = given.arguments().unwrap_or_default();
    vm.sys_module.set_attr("orig_argv", list(&given), vm)
}

/// `sys.stdin`, `stdout` and `stderr`: how they work depends on what the descriptors are.
pub(super) fn streams(vm: &VirtualMachine) -> PyResult<()> {
    for (name, number) in [("stdin", 0), ("stdout", 1), ("stderr", 2)] {
        let stream = stream(name, number, vm)?;
        let original = vm.ctx.intern_str(format!("__{name}__"));
        vm.sys_module.set_attr(original, stream.clone(), vm)?;
        vm.sys_module.set_attr(name, stream, vm)?;
    }
    Ok(())
}

/// As `VirtualMachine::initialize` makes it where no option says otherwise.
fn stream(name: &str, number: c_int, vm: &VirtualMachine) -> PyResult {
    let io = vm.import("_io", 0)?;
    let is_written = number > 0;
    let mode = if is_written { "wb" } else { "rb" };
    // Its buffer, encoding, errors and newlines by default; its descriptor stays open.
    let arguments: Vec<PyObjectRef> = vec![
        vm.ctx.new_int(number).into(),
        vm.ctx.new_str(mode).into(),
        vm.ctx.new_int(-1).into(),
        vm.ctx.none(),
        vm.ctx.none(),
        vm.ctx.none(),
        vm.ctx.new_bool(false).into(),
    ];
    let buffer = io.get_attr("open", vm)?.call(arguments, vm)?;
    let raw = buffer.get_attr("raw", vm)?;
    raw.set_attr("name", vm.ctx.new_str(format!("<{name}>")), vm)?;
    let is_terminal = vm.call_method(&raw, "isatty", ())?.is_true(vm)?;
    let errors = if number == 2 {
        "backslashreplace"
    } else {
        "surrogateescape"
    };
    let text = io.get_attr("TextIOWrapper", vm)?.call(
        (
            buffer,
            vm.ctx.none(),
            errors,
            "\n",
            is_terminal || number == 2,
            false,
        ),
        vm,
    )?;
    let mode = if is_written { "w" } else { "r" };
    text.set_attr("mode", vm.ctx.new_str(mode), vm)?;
    Ok(text)
}
