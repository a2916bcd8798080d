//! From a system call's result to Python's: errors as `OSError`, interruptions handled.
//!
//! A call that may wait lets go of the interpreter meanwhile, so that other threads run
//! and can be stopped.

use std::io;

use rustpython_vm::builtins::{PyBaseExceptionRef, PyInt};
use rustpython_vm::convert::IntoPyException;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, TryFromObject, VirtualMachine};

/// The result of a call that says -1 for an error and puts its number into `errno`.
pub(super) fn checked<T: Copy + PartialOrd + Default>(result: T) -> io::Result<T> {
    if result < T::default() {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// The exception for an error. As CPython does it, handlers of signals run first where
/// the call was interrupted, and what they raise goes before.
pub(super) fn failed(error: io::Error, vm: &VirtualMachine) -> PyBaseExceptionRef {
    if error.kind() == io::ErrorKind::Interrupted
        && let Err(raised) = vm.check_signals()
    {
        return raised;
    }
    error.into_pyexception(vm)
}

/// Makes a call that may wait, once.
pub(super) fn waiting<T>(vm: &VirtualMachine, call: impl FnOnce() -> io::Result<T>) -> PyResult<T> {
    vm.allow_threads(call).map_err(|error| failed(error, vm))
}

/// Makes a call that may wait; where a signal interrupts it and no handler raises, again
/// (PEP 475).
pub(super) fn retried<T>(
    vm: &VirtualMachine,
    mut call: impl FnMut() -> io::Result<T>,
) -> PyResult<T> {
    loop {
        match vm.allow_threads(&mut call) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => vm.check_signals()?,
            result => return result.map_err(|error| error.into_pyexception(vm)),
        }
    }
}

/// A descriptor as an argument: an int, or an object that has `fileno()`
/// (`PyObject_AsFileDescriptor`).
#[derive(Clone, Copy)]
pub(super) struct Descriptor(pub(super) i32);

impl TryFromObject for Descriptor {
    fn try_from_object(vm: &VirtualMachine, object: PyObjectRef) -> PyResult<Self> {
        let number = match object.downcast::<PyInt>() {
            Ok(number) => number,
            Err(object) => {
                let Some(method) = vm.get_attribute_opt(&object, vm.ctx.intern_str("fileno"))?
                else {
                    return Err(
                        vm.new_type_error("argument must be an int, or have a fileno() method.")
                    );
                };
                method
                    .call((), vm)?
                    .downcast::<PyInt>()
                    .map_err(|_| vm.new_type_error("fileno() returned a non-integer"))?
            }
        };
        let number: i32 = number.try_to_primitive(vm)?;
        if number < 0 {
            return Err(vm.new_value_error(format!(
                "file descriptor cannot be a negative integer ({number})"
            )));
        }
        Ok(Self(number))
    }
}

/// An `OSError` that names a file.
pub(super) fn failed_at(
    error: &io::Error,
    filename: PyObjectRef,
    vm: &VirtualMachine,
) -> PyBaseExceptionRef {
    let number = error.raw_os_error().unwrap_or_default();
    let text = rustpython_vm::host_env::errno::strerror_string(number)
        .unwrap_or_else(|| error.to_string());
    let class = vm.ctx.exceptions.os_error.as_object();
    // The class chooses the subclass that goes with the number.
    match class.call((number, text, filename), vm) {
        Ok(exception) => exception
            .downcast()
            .unwrap_or_else(|_| io::Error::from_raw_os_error(number).into_pyexception(vm)),
        Err(raised) => raised,
    }
}
