//! What CPython has and RustPython 0.6 lacks, under its standard names.
//!
//! Each file here defines functions, classes and constants for modules that RustPython
//! brings. They become part of those modules' definitions before any is imported: nothing
//! is run at the start, and further interpreters of the process have them too. Semantics,
//! argument names and exceptions are those of CPython 3.14's `Modules/*.c`.
//!
//! | module | what it adds |
//! |---|---|
//! | [`posix`] | event and timer descriptors, `waitid`, vectored files, memory files, terminals |
//! | [`constants`] | numbers of `posix`, `fcntl`, `select` and `socket` |
//! | [`limits`] | `resource.prlimit` |
//! | [`mappings`] | `mmap.mmap` with the flags that it is given |
//! | [`scheduling`] | affinity, the round-robin interval, a thread's clock |
//! | [`signals`] | waiting for signals, sending them to threads |
//! | [`zone`] | `time.tzset` |
//! | [`outcome`] | how a system call's result becomes an exception |
//!
//! Not here: modules that are Roentgen's own, and the standard library's Python files,
//! which stay as published.

mod constants;
mod limits;
mod mappings;
mod outcome;
mod posix;
mod scheduling;
mod signals;
mod zone;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rustpython_vm::builtins::{PyModule, PyModuleDef, PyModuleSlots};
use rustpython_vm::common::rc::PyRc;
use rustpython_vm::{Context, Py, PyResult, VirtualMachine};

/// What puts classes and constants into a module that is being imported.
type Filler = fn(&VirtualMachine, &Py<PyModule>) -> PyResult<()>;

/// The fillers of each module that has additions, its own first.
static FILLERS: OnceLock<BTreeMap<&'static str, Vec<Filler>>> = OnceLock::new();

fn additions(context: &Context) -> Vec<&'static PyModuleDef> {
    let mut all = posix::additions(context);
    all.extend(constants::additions(context));
    all.extend(scheduling::additions(context));
    all.extend([
        limits::module_def(context),
        mappings::module_def(context),
        signals::module_def(context),
        zone::module_def(context),
    ]);
    all
}

/// Adds everything to the interpreter's modules. For an init hook: the modules that were
/// imported already stay as they are.
pub(crate) fn install(vm: &mut VirtualMachine) {
    let additions = additions(&vm.ctx);
    let Some(state) = PyRc::get_mut(&mut vm.state) else {
        return;
    };
    let mut fillers = BTreeMap::<_, Vec<Filler>>::new();
    for addition in additions {
        let name = addition.name.as_str();
        if let Some(definition) = state.module_defs.get_mut(name) {
            let own = definition.slots.exec;
            fillers
                .entry(name)
                .or_insert_with(|| own.into_iter().collect())
                .extend(addition.slots.exec);
            *definition = extended(definition, addition);
        }
    }
    // One interpreter of a process is built, the others are made from it.
    let _ = FILLERS.set(fillers);
}

/// `module` with the functions of `addition` behind its own. Definitions live as long as
/// the process, as those that the macros make do.
fn extended(module: &PyModuleDef, addition: &PyModuleDef) -> &'static PyModuleDef {
    Box::leak(Box::new(PyModuleDef {
        name: module.name,
        doc: module.doc,
        methods: [module.methods, addition.methods].concat().leak(),
        slots: PyModuleSlots {
            create: module.slots.create,
            exec: Some(fill),
        },
    }))
}

/// Runs all fillers of a module.
fn fill(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
    let fillers = FILLERS
        .get()
        .zip(module.name)
        .and_then(|(fillers, name)| fillers.get(name.as_str()));
    fillers
        .into_iter()
        .flatten()
        .try_for_each(|filler| filler(vm, module))
}
