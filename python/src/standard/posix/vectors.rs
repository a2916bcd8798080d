//! `os.readv`, `os.writev`, `os.preadv`, `os.pwritev`, and `os.splice`.

pub(super) use vectors::module_def;

#[rustpython_vm::pymodule(name = "posix")]
mod vectors {
    use crate::standard::outcome::{checked, retried};
    use rustpython_vm::function::{ArgBytesLike, ArgMemoryBuffer, OptionalArg};
    use rustpython_vm::{FromArgs, PyObjectRef, PyResult, TryFromObject, VirtualMachine};

    /// The items of an argument that must be a sequence.
    fn items<T: TryFromObject>(
        buffers: &PyObjectRef,
        function: &str,
        vm: &VirtualMachine,
    ) -> PyResult<Vec<T>> {
        if buffers.try_sequence(vm).is_err() {
            return Err(vm.new_type_error(format!("{function}() arg 2 must be a sequence")));
        }
        vm.extract_elements_with(buffers, |item| T::try_from_object(vm, item))
    }

    /// How many there are, as the calls take it.
    fn count(vectors: &[libc::iovec]) -> i32 {
        // More than `i32::MAX` is more than any kernel takes: EINVAL there.
        i32::try_from(vectors.len()).unwrap_or(i32::MAX)
    }

    /// Reads into buffers by a call, which gets vectors that are valid to write.
    ///
    /// The bytes go aside first: a buffer's bytes are behind a lock that must not be held
    /// while the call waits.
    fn scatter(
        buffers: &[ArgMemoryBuffer],
        vm: &VirtualMachine,
        call: impl Fn(&[libc::iovec]) -> isize,
    ) -> PyResult<usize> {
        let mut parts: Vec<Vec<u8>> = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            let mut part = Vec::new();
            part.try_reserve_exact(buffer.len())
                .map_err(|_| vm.new_memory_error("buffers"))?;
            part.resize(buffer.len(), 0);
            parts.push(part);
        }
        let vectors: Vec<libc::iovec> = parts
            .iter_mut()
            .map(|part| libc::iovec {
                iov_base: part.as_mut_ptr().cast(),
                iov_len: part.len(),
            })
            .collect();
        let length = retried(vm, || checked(call(&vectors)))?.cast_unsigned();
        let mut left = length;
        for (buffer, part) in buffers.iter().zip(&parts) {
            let taken = left.min(part.len());
            buffer.borrow_buf_mut()[..taken].copy_from_slice(&part[..taken]);
            left -= taken;
        }
        Ok(length)
    }

    /// Writes buffers by a call, which gets vectors that are valid to read.
    fn gather(
        buffers: &[ArgBytesLike],
        vm: &VirtualMachine,
        call: impl Fn(&[libc::iovec]) -> isize,
    ) -> PyResult<usize> {
        let mut parts = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            parts.push(buffer.borrow_buf_unlocked(vm)?);
        }
        let vectors: Vec<libc::iovec> = parts
            .iter()
            .map(|part| libc::iovec {
                iov_base: part.as_ptr().cast_mut().cast(),
                iov_len: part.len(),
            })
            .collect();
        Ok(retried(vm, || checked(call(&vectors)))?.cast_unsigned())
    }

    /// Read from a file descriptor fd into an iterable of buffers.
    ///
    /// The buffers should be mutable buffers accepting bytes.
    /// readv will transfer data into each buffer until it is full
    /// and then move on to the next buffer in the sequence to hold
    /// the rest of the data.
    ///
    /// readv returns the total number of bytes read,
    /// which may be less than the total capacity of all the buffers.
    #[pyfunction]
    fn readv(fd: i32, buffers: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        let buffers = items(&buffers, "readv", vm)?;
        // SAFETY: `scatter` gives vectors that are valid to write.
        scatter(&buffers, vm, |vectors| unsafe {
            libc::readv(fd, vectors.as_ptr(), count(vectors))
        })
    }

    /// Iterate over buffers, and write the contents of each to a file descriptor.
    ///
    /// Returns the total number of bytes written.
    /// buffers must be a sequence of bytes-like objects.
    #[pyfunction]
    fn writev(fd: i32, buffers: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        let buffers = items(&buffers, "writev", vm)?;
        // SAFETY: `gather` gives vectors that are valid to read.
        gather(&buffers, vm, |vectors| unsafe {
            libc::writev(fd, vectors.as_ptr(), count(vectors))
        })
    }

    /// Reads from a file descriptor into a number of mutable bytes-like objects.
    ///
    /// Combines the functionality of readv() and pread(). As readv(), it will
    /// transfer data into each buffer until it is full and then move on to the next
    /// buffer in the sequence to hold the rest of the data. Its fourth argument,
    /// specifies the file offset at which the input operation is to be performed. It
    /// will return the total number of bytes read (which can be less than the total
    /// capacity of all the objects).
    ///
    /// The flags argument contains a bitwise OR of zero or more of the following flags:
    ///
    /// - RWF_HIPRI
    /// - RWF_NOWAIT
    ///
    /// Using non-zero flags requires Linux 4.6 or newer.
    #[pyfunction]
    fn preadv(
        fd: i32,
        buffers: PyObjectRef,
        offset: libc::off_t,
        flags: OptionalArg<i32>,
        vm: &VirtualMachine,
    ) -> PyResult<usize> {
        let buffers = items(&buffers, "preadv2", vm)?;
        let flags = flags.unwrap_or(0);
        // SAFETY: `scatter` gives vectors that are valid to write.
        scatter(&buffers, vm, |vectors| unsafe {
            libc::preadv2(fd, vectors.as_ptr(), count(vectors), offset, flags)
        })
    }

    /// Writes the contents of bytes-like objects to a file descriptor at a given offset.
    ///
    /// Combines the functionality of writev() and pwrite(). All buffers must be a sequence
    /// of bytes-like objects. Buffers are processed in array order. Entire contents of first
    /// buffer is written before proceeding to second, and so on. The operating system may
    /// set a limit (sysconf() value SC_IOV_MAX) on the number of buffers that can be used.
    /// This function writes the contents of each object to the file descriptor and returns
    /// the total number of bytes written.
    ///
    /// The flags argument contains a bitwise OR of zero or more of the following flags:
    ///
    /// - RWF_DSYNC
    /// - RWF_SYNC
    /// - RWF_APPEND
    ///
    /// Using non-zero flags requires Linux 4.7 or newer.
    #[pyfunction]
    fn pwritev(
        fd: i32,
        buffers: PyObjectRef,
        offset: libc::off_t,
        flags: OptionalArg<i32>,
        vm: &VirtualMachine,
    ) -> PyResult<usize> {
        let buffers = items(&buffers, "pwritev2", vm)?;
        let flags = flags.unwrap_or(0);
        // SAFETY: `gather` gives vectors that are valid to read.
        gather(&buffers, vm, |vectors| unsafe {
            libc::pwritev2(fd, vectors.as_ptr(), count(vectors), offset, flags)
        })
    }

    #[derive(FromArgs)]
    struct SpliceArgs {
        #[pyarg(any)]
        src: i32,
        #[pyarg(any)]
        dst: i32,
        #[pyarg(any)]
        count: isize,
        #[pyarg(any, default)]
        offset_src: Option<libc::off_t>,
        #[pyarg(any, default)]
        offset_dst: Option<libc::off_t>,
        #[pyarg(any, default = 0)]
        flags: libc::c_uint,
    }

    /// Transfer count bytes from one pipe to a descriptor or vice versa.
    ///
    ///   src
    ///     Source file descriptor.
    ///   dst
    ///     Destination file descriptor.
    ///   count
    ///     Number of bytes to copy.
    ///   offset_src
    ///     Starting offset in src.
    ///   offset_dst
    ///     Starting offset in dst.
    ///   flags
    ///     Flags to modify the semantics of the call.
    ///
    /// If offset_src is None, then src is read from the current position;
    /// respectively for offset_dst. The offset associated to the file
    /// descriptor that refers to a pipe must be None.
    #[pyfunction]
    fn splice(args: SpliceArgs, vm: &VirtualMachine) -> PyResult<usize> {
        let Ok(count) = usize::try_from(args.count) else {
            return Err(vm.new_value_error("negative value for 'count' not allowed"));
        };
        let pointer = |offset: &mut Option<libc::off_t>| {
            offset
                .as_mut()
                .map_or(std::ptr::null_mut(), |offset| &raw mut *offset)
        };
        let moved = retried(vm, || {
            let (mut from, mut to) = (args.offset_src, args.offset_dst);
            let (from, to) = (pointer(&mut from), pointer(&mut to));
            // SAFETY: both pointers are null or to offsets that outlive the call.
            checked(unsafe { libc::splice(args.src, from, args.dst, to, count, args.flags) })
        })?;
        Ok(moved.cast_unsigned())
    }
}
