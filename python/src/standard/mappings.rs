//! `mmap.mmap` with the flags and the protection that it is given.
//!
//! RustPython maps files shared and anonymous memory private, readable and writable,
//! whatever the caller asks for: what a process maps and then forks is not shared. Here
//! the constructor has a second step, which maps anew, at the same address and of the same
//! length, what was not asked for so. The object, its methods and its end stay as they are.
//!
//! Not here: `resize`, which for anonymous memory maps a private copy.

pub(super) use mappings::module_def;

#[rustpython_vm::pymodule(name = "mmap")]
mod mappings {
    use std::io;
    use std::sync::OnceLock;

    use rustpython_vm::builtins::{PyModule, PyType, PyTypeRef};
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::function::FuncArgs;
    use rustpython_vm::{FromArgs, Py, PyObjectRef, PyResult, VirtualMachine};

    #[pyattr]
    use libc::{MAP_32BIT, MAP_NORESERVE};

    /// The constructor that RustPython brings.
    static CONSTRUCTOR: OnceLock<fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult> =
        OnceLock::new();

    /// Readable and writable: how RustPython maps.
    const BOTH: i32 = libc::PROT_READ | libc::PROT_WRITE;

    #[derive(FromArgs)]
    struct NewArgs {
        #[pyarg(any)]
        fileno: i32,
        #[pyarg(any)]
        _length: PyObjectRef,
        #[pyarg(any, default = libc::MAP_SHARED)]
        flags: i32,
        #[pyarg(any, default = BOTH)]
        prot: i32,
        #[pyarg(any, default = 0)]
        access: i32,
        #[pyarg(any, default = 0)]
        offset: libc::off_t,
        #[pyarg(named, default = true)]
        _trackfd: bool,
    }

    /// `ACCESS_COPY`: private, and RustPython knows it.
    const ACCESS_COPY: i32 = 3;

    /// Maps as RustPython does, and then as it was asked for.
    fn new(class: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        let Some(constructor) = CONSTRUCTOR.get() else {
            return Err(vm.new_runtime_error("mmap is not initialized"));
        };
        let mapping = constructor(class, args.clone(), vm)?;
        let args: NewArgs = args.bind(vm)?;
        let is_shared = args.flags & libc::MAP_SHARED != 0;
        let is_anonymous = args.fileno == -1;
        if args.access != ACCESS_COPY && (is_anonymous == is_shared) {
            map_anew(&mapping, &args, vm)?;
        }
        Ok(mapping)
    }

    fn map_anew(mapping: &PyObjectRef, args: &NewArgs, vm: &VirtualMachine) -> PyResult<()> {
        let (address, length) =
            mapping.try_bytes_like(vm, |bytes| (bytes.as_ptr(), bytes.len()))?;
        let mut flags = args.flags | libc::MAP_FIXED;
        if args.fileno == -1 {
            flags |= libc::MAP_ANONYMOUS;
        }
        // SAFETY: the range is a mapping that the new object owns, page-aligned (its offset
        // is, or mapping it had failed), which nobody else has seen yet. It keeps its
        // protection, so all that the object does with it stays allowed.
        let result = unsafe {
            libc::mmap(
                address.cast_mut().cast(),
                length,
                BOTH,
                flags,
                args.fileno,
                args.offset,
            )
        };
        if result == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into_pyexception(vm));
        }
        Ok(())
    }

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let class = module.get_attr("mmap", vm)?;
        let Some(class) = class.downcast_ref::<PyType>() else {
            return Ok(());
        };
        // Each interpreter of the process has the same class.
        if let Some(constructor) = class.slots.new.load()
            && CONSTRUCTOR.set(constructor).is_ok()
        {
            class.slots.new.store(Some(new));
        }
        Ok(())
    }
}
