//! Names that native code looks up again and again. Interned once, a name brings its hash and is
//! found by its address.

use rustpython_vm::builtins::{PyModule, PyStrInterned};
use rustpython_vm::{PyObject, PyResult, VirtualMachine};

/// `&'static PyStrInterned` of a literal. All interpreters of a process have the same.
macro_rules! interned {
    ($vm:expr, $name:literal) => {{
        static NAME: std::sync::OnceLock<&'static rustpython_vm::builtins::PyStrInterned> =
            std::sync::OnceLock::new();
        *NAME.get_or_init(|| $vm.ctx.intern_str($name))
    }};
}

/// A global of a module; an attribute, where it is no plain module or has no such global.
pub(crate) fn global(
    module: &PyObject,
    name: &'static PyStrInterned,
    vm: &VirtualMachine,
) -> PyResult {
    if let Some(module) = module.downcast_ref_if_exact::<PyModule>(vm)
        && let Some(value) = module.dict().get_item_opt(name, vm)?
    {
        return Ok(value);
    }
    module.get_attr(name, vm)
}
