//! What must be known of a code object to send functions that run it: its marshalled
//! bytes and the globals it uses. Both are found once and kept.
//!
//! A function is encoded as: its code; its globals (`None`: those of `__main__`, a module,
//! or a dictionary); its cells, new ones still empty. Now it can be made, and what follows
//! may refer to it: name, qualified name, module, defaults, defaults by keyword, doc,
//! attributes, each `End` where it is what the code says or empty; globals by name up to
//! an `End`; what is in the new cells.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::decode::native_module;
use rustpython_vm::builtins::{PyBytes, PyCode, PyDict, PyStrInterned};
use rustpython_vm::bytecode::{Instruction, OpArg};
use rustpython_vm::common::lock::PyMutex;
use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

/// How many code objects are remembered before all are forgotten.
const MOST: usize = 512;

/// See the module.
pub(super) struct Summary {
    pub(super) marshalled: Box<[u8]>,
    /// Names that the code, and code within it, looks up as globals.
    pub(super) globals: Box<[&'static PyStrInterned]>,
    /// All names in it, attributes among them.
    pub(super) names: Box<[&'static PyStrInterned]>,
}

/// Summaries by the address of their code, which is held so that the address stays its.
static SUMMARIES: LazyLock<PyMutex<HashMap<usize, (PyRef<PyCode>, Arc<Summary>)>>> =
    LazyLock::new(Default::default);

/// The summary of `code`.
pub(super) fn summary(
    code: &Py<PyCode>,
    modules: &Py<PyDict>,
    vm: &VirtualMachine,
) -> PyResult<Arc<Summary>> {
    let address = code.as_object().get_id();
    if let Some((_, known)) = SUMMARIES.lock().get(&address) {
        return Ok(Arc::clone(known));
    }
    let dumps = native_module("marshal", modules, vm)?.get_attr("dumps", vm)?;
    let marshalled = dumps.call((code.to_owned(),), vm)?;
    let marshalled = marshalled
        .downcast_ref::<PyBytes>()
        .map(|bytes| bytes.as_bytes().into())
        .ok_or_else(|| vm.new_type_error("marshal.dumps() did not return bytes"))?;
    let mut globals = Vec::new();
    let mut names = Vec::new();
    collect(code, &mut globals, &mut names);
    let summary = Arc::new(Summary {
        marshalled,
        globals: globals.into(),
        names: names.into(),
    });
    let forgotten = {
        let mut summaries = SUMMARIES.lock();
        let forgotten = (summaries.len() >= MOST).then(|| std::mem::take(&mut *summaries));
        summaries.insert(address, (code.to_owned(), Arc::clone(&summary)));
        forgotten
    };
    // Outside the lock: it may be the last reference to some.
    drop(forgotten);
    Ok(summary)
}

fn add(names: &mut Vec<&'static PyStrInterned>, name: &'static PyStrInterned) {
    if !names.iter().any(|known| std::ptr::eq(*known, name)) {
        names.push(name);
    }
}

fn collect(
    code: &PyCode,
    globals: &mut Vec<&'static PyStrInterned>,
    names: &mut Vec<&'static PyStrInterned>,
) {
    let code = &code.code;
    for name in &code.names {
        add(names, name);
    }
    let mut extended = 0_u32;
    let mut index = 0;
    while index < code.instructions.len() {
        let instruction = code.instructions.read_op(index).deoptimize();
        let argument = extended << 8 | u32::from(u8::from(code.instructions.read_arg(index)));
        index += 1 + instruction.cache_entries();
        extended = match instruction {
            Instruction::ExtendedArg => argument,
            _ => 0,
        };
        let name = match instruction {
            Instruction::LoadGlobal { namei } => namei.get(OpArg::new(argument)) >> 1,
            Instruction::LoadName { namei } => namei.get(OpArg::new(argument)),
            Instruction::LoadFromDictOrGlobals { i } => i.get(OpArg::new(argument)),
            _ => continue,
        };
        if let Some(name) = code.names.get(name as usize) {
            add(globals, name);
        }
    }
    for constant in code.constants.iter() {
        let constant: &PyObject = std::borrow::Borrow::borrow(constant);
        if let Some(inner) = constant.downcast_ref::<PyCode>() {
            collect(inner, globals, names);
        }
    }
}

/// `object.name` if it has it.
pub(super) fn attribute(
    object: &PyObject,
    name: &'static str,
    vm: &VirtualMachine,
) -> PyResult<Option<PyObjectRef>> {
    vm.get_attribute_opt(object, name)
}
