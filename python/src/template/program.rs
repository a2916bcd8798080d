//! Running a program in an interpreter that has started: what crate `rustpython` keeps to
//! itself of its `run`. Where it does not say, `Modules/main.c` of CPython is followed there,
//! and so here.

use std::io::IsTerminal;
use std::path::{MAIN_SEPARATOR, Path};

use rustpython_vm::builtins::PyDictRef;
use rustpython_vm::scope::Scope;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine, version};

use super::given::Mode;

/// Runs it, in the scope of `__main__`.
pub(super) fn run(mode: &Mode, scope: Scope, vm: &VirtualMachine) -> PyResult<()> {
    match mode {
        Mode::Command(code) => {
            insert_path("", vm)?;
            vm.run_string(scope, code, "<string>").map(drop)
        }
        Mode::Module(module) => {
            if let Some(directory) = current_directory() {
                insert_path(&directory, vm)?;
            }
            vm.run_module(module)
        }
        Mode::Script(path) => run_file(path, scope, vm),
        Mode::Prompt => {
            insert_path("", vm)?;
            if std::io::stdin().is_terminal() {
                greet();
                warn_of_missing_editor(vm);
            }
            rustpython::run_shell(vm, scope)
        }
    }
}

fn insert_path(path: &str, vm: &VirtualMachine) -> PyResult<()> {
    vm.insert_sys_path(vm.ctx.new_str(path).into())
}

/// The working directory, where it can be named.
fn current_directory() -> Option<String> {
    std::env::current_dir()
        .ok()?
        .into_os_string()
        .into_string()
        .ok()
}

fn greet() {
    eprintln!(
        "Welcome to the magnificent Rust Python {}.{}.{} interpreter \u{1f631} \u{1f596}",
        version::MAJOR_IMPL,
        version::MINOR_IMPL,
        version::MICRO_IMPL
    );
    eprintln!(
        "RustPython {}.{}.{}",
        version::MAJOR,
        version::MINOR,
        version::MICRO
    );
    eprintln!("Type \"help\", \"copyright\", \"credits\" or \"license\" for more information.");
}

/// Says why the better prompt cannot be had, where `_pyrepl` would.
fn warn_of_missing_editor(vm: &VirtualMachine) {
    let _ = vm.run_simple_string(
        r"
import os, sys
if not os.getenv('PYTHON_BASIC_REPL'):
    try:
        from _pyrepl.main import CAN_USE_PYREPL, FAIL_REASON
        if not CAN_USE_PYREPL and FAIL_REASON:
            print(FAIL_REASON, file=sys.stderr)
    except Exception:
        pass
",
    );
}

/// `pymain_run_file_obj`: a file, or a directory or archive with a `__main__.py`.
fn run_file(name: &str, scope: Scope, vm: &VirtualMachine) -> PyResult<()> {
    let path = &absolute(name);
    if has_importer(path, vm)? {
        insert_path(path, vm)?;
        let run = vm.import("runpy", 0)?.get_attr("_run_module_as_main", vm)?;
        run.call((vm.ctx.new_str("__main__"), false), vm)?;
        return Ok(());
    }
    insert_path(&directory_of(name), vm)?;
    if let Err(error) = std::fs::metadata(path) {
        let program = &vm.state.config.paths.executable;
        let shown = vm.ctx.new_str(path.as_str()).as_object().repr(vm)?;
        let number = error.raw_os_error().unwrap_or(libc::ENOENT);
        eprintln!("{program}: can't open file {shown}: [Errno {number}] {error}");
        return Err(vm.new_system_exit(vec![vm.ctx.new_int(2).into()].into()));
    }
    vm.run_any_file(scope, path)
}

/// `_Py_abspath`: joined to the working directory, where that can be named.
fn absolute(path: &str) -> String {
    let here = current_directory();
    if path.is_empty() || path == "." {
        return here.unwrap_or_else(|| path.to_owned());
    }
    match here {
        Some(here) if !Path::new(path).is_absolute() => format!("{here}{MAIN_SEPARATOR}{path}"),
        _ => path.to_owned(),
    }
}

/// `_PyPathConfig_ComputeSysPath0`: the directory of a script, symbolic links followed.
fn directory_of(script: &str) -> String {
    let resolved = std::fs::canonicalize(script)
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok());
    let path = resolved.as_deref().unwrap_or(script);
    match path.rfind(MAIN_SEPARATOR) {
        None => String::new(),
        Some(0) => path[..1].to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

/// Whether something in `sys.path_hooks` imports from this path: it is no plain file.
fn has_importer(path: &str, vm: &VirtualMachine) -> PyResult<bool> {
    let cache: PyDictRef = vm
        .sys_module
        .get_attr("path_importer_cache", vm)?
        .try_into_value(vm)?;
    if cache.get_item_opt(path, vm)?.is_some() {
        return Ok(true);
    }
    let hooks: Vec<PyObjectRef> = vm
        .sys_module
        .get_attr("path_hooks", vm)?
        .try_into_value(vm)?;
    for hook in hooks {
        match hook.call((vm.ctx.new_str(path),), vm) {
            Ok(importer) => {
                cache.set_item(path, importer, vm)?;
                return Ok(true);
            }
            Err(error) if error.fast_isinstance(vm.ctx.exceptions.import_error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
