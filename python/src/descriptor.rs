//! `Descriptor`: a file descriptor as a value that can be sent.

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _descriptor {
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

    use rustpython_vm::builtins::PyType;
    use rustpython_vm::common::lock::PyMutex;
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::types::{Constructor, Representable};
    use rustpython_vm::{Py, PyPayload, PyResult, VirtualMachine, pyclass};

    /// Whose descriptor it is.
    #[derive(Debug)]
    enum State {
        /// Somebody else closes it.
        Borrowed(i32),
        Owned(OwnedFd),
        Closed,
    }

    /// Descriptor(fd, owned=False)
    /// --
    ///
    /// A file descriptor to put into a message: it arrives as a new descriptor of the same
    /// open file. One that is owned, as all that arrive are, is closed when its object
    /// goes, unless it was detached.
    #[pyattr]
    #[pyclass(module = "roentgen", name = "Descriptor")]
    #[derive(Debug, PyPayload)]
    pub(crate) struct Descriptor {
        state: PyMutex<State>,
    }

    impl Descriptor {
        /// One that is closed with the object.
        pub(crate) fn owned(descriptor: OwnedFd) -> Self {
            Self {
                state: PyMutex::new(State::Owned(descriptor)),
            }
        }

        /// Its number.
        ///
        /// # Errors
        /// `ValueError` where it was closed or detached.
        pub(crate) fn number(&self, vm: &VirtualMachine) -> PyResult<i32> {
            match &*self.state.lock() {
                State::Borrowed(number) => Ok(*number),
                State::Owned(descriptor) => Ok(descriptor.as_raw_fd()),
                State::Closed => Err(vm.new_value_error("the descriptor is closed")),
            }
        }
    }

    impl Constructor for Descriptor {
        type Args = (i32, OptionalArg<bool>);

        fn py_new(_class: &Py<PyType>, args: Self::Args, vm: &VirtualMachine) -> PyResult<Self> {
            let (fd, owned) = args;
            if fd < 0 {
                return Err(vm.new_value_error("a descriptor is not negative"));
            }
            Ok(Self {
                state: PyMutex::new(if owned.unwrap_or(false) {
                    // SAFETY: the caller gives it away.
                    State::Owned(unsafe { OwnedFd::from_raw_fd(fd) })
                } else {
                    State::Borrowed(fd)
                }),
            })
        }
    }

    impl Representable for Descriptor {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok(match &*zelf.state.lock() {
                State::Borrowed(number) => format!("<roentgen.Descriptor {number}>"),
                State::Owned(descriptor) => {
                    format!("<roentgen.Descriptor {}, owned>", descriptor.as_raw_fd())
                }
                State::Closed => "<roentgen.Descriptor, closed>".to_owned(),
            })
        }
    }

    #[pyclass(with(Constructor, Representable))]
    impl Descriptor {
        /// Return its number.
        #[pymethod]
        fn fileno(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<i32> {
            zelf.number(vm)
        }

        /// Return its number, and leave it to the caller to close it.
        #[pymethod]
        fn detach(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<i32> {
            match std::mem::replace(&mut *zelf.state.lock(), State::Closed) {
                State::Borrowed(number) => Ok(number),
                State::Owned(descriptor) => Ok(descriptor.into_raw_fd()),
                State::Closed => Err(vm.new_value_error("the descriptor is closed")),
            }
        }

        /// Close it, where it is the object's to close.
        #[pymethod]
        fn close(zelf: &Py<Self>) {
            drop(std::mem::replace(&mut *zelf.state.lock(), State::Closed));
        }
    }
}

pub(crate) use _descriptor::Descriptor;
