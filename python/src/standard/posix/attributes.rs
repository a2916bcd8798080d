//! Extended attributes: `os.getxattr`, `setxattr`, `removexattr`, `listxattr`.

pub(super) use attributes::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod attributes {
    use crate::standard::outcome::{Descriptor, checked, failed_at};
    use rustpython_vm::builtins::PyInt;
    use rustpython_vm::function::ArgBytesLike;
    use rustpython_vm::ospath::OsPath;
    use rustpython_vm::{FromArgs, PyObjectRef, PyResult, TryFromObject, VirtualMachine};
    use std::ffi::CString;
    use std::io;

    /// Sizes that are tried one after the other, as the value may grow meanwhile.
    const SIZES: [usize; 2] = [128, 64 * 1024];

    /// A file by its name or as a descriptor.
    enum File {
        Name { name: CString, follow: bool },
        Open(i32),
    }

    /// A file, and what an error says of it.
    struct Target {
        file: File,
        object: PyObjectRef,
    }

    impl Target {
        fn new(
            function: &str,
            path: PyObjectRef,
            follow: bool,
            vm: &VirtualMachine,
        ) -> PyResult<Self> {
            let object = path.clone();
            let file = if path.downcast_ref::<PyInt>().is_some() {
                if !follow {
                    return Err(vm.new_value_error(format!(
                        "{function}: cannot use fd and follow_symlinks together"
                    )));
                }
                File::Open(Descriptor::try_from_object(vm, path)?.0)
            } else {
                let name = OsPath::try_from_object(vm, path)?.into_cstring(vm)?;
                File::Name { name, follow }
            };
            Ok(Self { file, object })
        }

        fn failed(
            &self,
            error: &io::Error,
            vm: &VirtualMachine,
        ) -> rustpython_vm::builtins::PyBaseExceptionRef {
            failed_at(error, self.object.clone(), vm)
        }

        /// Asks with a growing buffer until the answer fits.
        fn ask(
            &self,
            vm: &VirtualMachine,
            call: impl Fn(&File, &mut [u8]) -> isize,
        ) -> PyResult<Vec<u8>> {
            for size in SIZES {
                let mut buffer = vec![0_u8; size];
                let result = vm.allow_threads(|| checked(call(&self.file, &mut buffer)));
                match result {
                    Ok(length) => {
                        buffer.truncate(length.cast_unsigned());
                        return Ok(buffer);
                    }
                    Err(error) if error.raw_os_error() == Some(libc::ERANGE) => {}
                    Err(error) => return Err(self.failed(&error, vm)),
                }
            }
            Err(self.failed(&io::Error::from_raw_os_error(libc::ERANGE), vm))
        }
    }

    #[derive(FromArgs)]
    struct NamedArgs {
        #[pyarg(any)]
        path: PyObjectRef,
        #[pyarg(any)]
        attribute: OsPath,
        #[pyarg(named, default = true)]
        follow_symlinks: bool,
    }

    /// Return the value of extended attribute attribute on path.
    ///
    /// path may be either a string, a path-like object, or an open file descriptor.
    /// If follow_symlinks is False, and the last element of the path is a symbolic
    ///   link, getxattr will examine the symbolic link itself instead of the file
    ///   the link points to.
    #[pyfunction]
    fn getxattr(args: NamedArgs, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let target = Target::new("getxattr", args.path, args.follow_symlinks, vm)?;
        let attribute = args.attribute.into_cstring(vm)?;
        target.ask(vm, |file, buffer| {
            let (value, size) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: both names end with a NUL; at most `size` bytes are written to `value`.
            unsafe {
                match file {
                    File::Open(fd) => libc::fgetxattr(*fd, attribute.as_ptr(), value, size),
                    File::Name { name, follow: true } => {
                        libc::getxattr(name.as_ptr(), attribute.as_ptr(), value, size)
                    }
                    File::Name { name, .. } => {
                        libc::lgetxattr(name.as_ptr(), attribute.as_ptr(), value, size)
                    }
                }
            }
        })
    }

    #[derive(FromArgs)]
    struct SetArgs {
        #[pyarg(any)]
        path: PyObjectRef,
        #[pyarg(any)]
        attribute: OsPath,
        #[pyarg(any)]
        value: ArgBytesLike,
        #[pyarg(any, default = 0)]
        flags: i32,
        #[pyarg(named, default = true)]
        follow_symlinks: bool,
    }

    /// Set extended attribute attribute on path to value.
    ///
    /// path may be either a string, a path-like object,  or an open file descriptor.
    /// If follow_symlinks is False, and the last element of the path is a symbolic
    ///   link, setxattr will modify the symbolic link itself instead of the file
    ///   the link points to.
    #[pyfunction]
    fn setxattr(args: SetArgs, vm: &VirtualMachine) -> PyResult<()> {
        let target = Target::new("setxattr", args.path, args.follow_symlinks, vm)?;
        let attribute = args.attribute.into_cstring(vm)?;
        let value = args.value.borrow_buf_unlocked(vm)?;
        let (bytes, size, flags) = (value.as_ptr().cast(), value.len(), args.flags);
        // SAFETY: both names end with a NUL; `size` bytes of `value` are read.
        let result = unsafe {
            match &target.file {
                File::Open(fd) => libc::fsetxattr(*fd, attribute.as_ptr(), bytes, size, flags),
                File::Name { name, follow: true } => {
                    libc::setxattr(name.as_ptr(), attribute.as_ptr(), bytes, size, flags)
                }
                File::Name { name, .. } => {
                    libc::lsetxattr(name.as_ptr(), attribute.as_ptr(), bytes, size, flags)
                }
            }
        };
        checked(result).map_err(|error| target.failed(&error, vm))?;
        Ok(())
    }

    /// Remove extended attribute attribute on path.
    ///
    /// path may be either a string, a path-like object, or an open file descriptor.
    /// If follow_symlinks is False, and the last element of the path is a symbolic
    ///   link, removexattr will modify the symbolic link itself instead of the file
    ///   the link points to.
    #[pyfunction]
    fn removexattr(args: NamedArgs, vm: &VirtualMachine) -> PyResult<()> {
        let target = Target::new("removexattr", args.path, args.follow_symlinks, vm)?;
        let attribute = args.attribute.into_cstring(vm)?;
        // SAFETY: both names end with a NUL.
        let result = unsafe {
            match &target.file {
                File::Open(fd) => libc::fremovexattr(*fd, attribute.as_ptr()),
                File::Name { name, follow: true } => {
                    libc::removexattr(name.as_ptr(), attribute.as_ptr())
                }
                File::Name { name, .. } => libc::lremovexattr(name.as_ptr(), attribute.as_ptr()),
            }
        };
        checked(result).map_err(|error| target.failed(&error, vm))?;
        Ok(())
    }

    #[derive(FromArgs)]
    struct ListArgs {
        #[pyarg(any, default)]
        path: Option<PyObjectRef>,
        #[pyarg(named, default = true)]
        follow_symlinks: bool,
    }

    /// Return a list of extended attributes on path.
    ///
    /// path may be either None, a string, a path-like object, or an open file descriptor.
    /// if path is None, listxattr will examine the current directory.
    /// If follow_symlinks is False, and the last element of the path is a symbolic
    ///   link, listxattr will examine the symbolic link itself instead of the file
    ///   the link points to.
    #[pyfunction]
    fn listxattr(args: ListArgs, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let path = args.path.unwrap_or_else(|| vm.ctx.new_str(".").into());
        let target = Target::new("listxattr", path, args.follow_symlinks, vm)?;
        let names = target.ask(vm, |file, buffer| {
            let (list, size) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: the name ends with a NUL; at most `size` bytes are written to `list`.
            unsafe {
                match file {
                    File::Open(fd) => libc::flistxattr(*fd, list, size),
                    File::Name { name, follow: true } => libc::listxattr(name.as_ptr(), list, size),
                    File::Name { name, .. } => libc::llistxattr(name.as_ptr(), list, size),
                }
            }
        })?;
        let names = names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty());
        Ok(names
            .map(|name| {
                let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name);
                vm.fsdecode(name).into()
            })
            .collect())
    }
}
