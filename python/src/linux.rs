//! What the package's fallback for Linux needs of that kernel and `posix` has not: messages
//! over sockets, locks that tell who is there, limits. Nothing here is used on Roentgen.

use std::os::fd::{FromRawFd, OwnedFd};

use rustpython_vm::builtins::PyBytes;
use rustpython_vm::{PyObjectRef, PyPayload, PyResult, VirtualMachine};

use crate::codec::{Encoded, Holder};

/// An encoded value as a tuple of bytes, a list of byte-like objects, and a list of numbers.
pub(crate) fn parts(encoded: Encoded, vm: &VirtualMachine) -> PyResult {
    let ctx = &vm.ctx;
    let ranges = encoded.pieces.into_iter().map(|piece| match piece.holder {
        Holder::Object(object) => object,
        Holder::Buffer(buffer) => buffer.obj.clone(),
        Holder::Block(block) => PyBytes::from(block).into_ref(ctx).into(),
    });
    let ranges: Vec<PyObjectRef> = ranges.collect();
    let descriptors = encoded.descriptors.iter();
    let descriptors = descriptors.map(|number| ctx.new_int(*number).into());
    let parts = vec![
        ctx.new_bytes(encoded.bytes).into(),
        ctx.new_list(ranges).into(),
        ctx.new_list(descriptors.collect()).into(),
        // Keeps the descriptors open as long as the parts are there.
        ctx.new_list(encoded.holders).into(),
    ];
    Ok(ctx.new_tuple(parts).into())
}

fn owned(number: i32) -> std::io::Result<OwnedFd> {
    if number < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: a call has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _linux {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

    use roentgen_abi::message::MOST_DESCRIPTORS;
    use rustpython_vm::builtins::{PyBytesRef, PyUtf8StrRef};
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::function::{ArgBytesLike, ArgIntoFloat};
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use super::{owned, parts};
    use crate::codec::{self, Arrived, Parts};

    /// What is asked for; the kernel gives what it may.
    static SOCKET_BUFFER: libc::c_int = 1 << 25;

    fn check(result: libc::c_int, vm: &VirtualMachine) -> PyResult<()> {
        if result < 0 {
            return Err(io::Error::last_os_error().into_pyexception(vm));
        }
        Ok(())
    }

    fn number(descriptor: io::Result<OwnedFd>, vm: &VirtualMachine) -> PyResult<i32> {
        descriptor
            .map(IntoRawFd::into_raw_fd)
            .map_err(|error| error.into_pyexception(vm))
    }

    /// A value as bytes, byte-like objects, numbers of descriptors, and what holds these.
    #[pyfunction]
    fn encode(value: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        parts(codec::encode(&value, vm)?, vm)
    }

    /// The value of bytes, bytes objects, and descriptors, which are its to close.
    #[pyfunction]
    fn decode(
        bytes: ArgBytesLike,
        ranges: Vec<PyBytesRef>,
        descriptors: Vec<i32>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let descriptors = descriptors.into_iter().map(|number| {
            // SAFETY: the caller gives them away.
            (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) })
        });
        let parts = Parts {
            ranges: ranges
                .into_iter()
                .map(|range| Some(Arrived::Bytes(range.into())))
                .collect(),
            descriptors: descriptors.collect(),
        };
        let bytes = bytes.borrow_buf().to_vec();
        codec::decode(&bytes, parts, vm)
    }

    /// Two connected sockets for whole messages. They do not block.
    #[pyfunction]
    fn socket_pair(vm: &VirtualMachine) -> PyResult<(i32, i32)> {
        let mut pair = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: the call writes two numbers to `pair`.
        check(
            unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) },
            vm,
        )?;
        for option in [libc::SO_SNDBUF, libc::SO_SNDBUFFORCE] {
            // SAFETY: the call reads one number. Without the privilege it fails, and what
            // the other option gave stays.
            unsafe {
                libc::setsockopt(
                    pair[0],
                    libc::SOL_SOCKET,
                    option,
                    (&raw const SOCKET_BUFFER).cast(),
                    size_of::<libc::c_int>() as u32,
                )
            };
        }
        Ok((pair[0], pair[1]))
    }

    /// Room for the numbers of a message's descriptors, aligned as its header.
    #[repr(C, align(8))]
    struct Control([u8; CONTROL]);

    // SAFETY: computes a number.
    const CONTROL: usize =
        unsafe { libc::CMSG_SPACE((MOST_DESCRIPTORS * size_of::<i32>()) as u32) } as usize;

    /// Sends bytes and descriptors as one message; `BlockingIOError` where there is no room.
    #[pyfunction]
    fn socket_send(
        fd: i32,
        bytes: ArgBytesLike,
        descriptors: Vec<i32>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        if descriptors.len() > MOST_DESCRIPTORS {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE).into_pyexception(vm));
        }
        let data = bytes.borrow_buf();
        let mut control = Control([0; CONTROL]);
        let size = size_of_val(descriptors.as_slice());
        let mut vector = libc::iovec {
            iov_base: data.as_ptr().cast_mut().cast(),
            iov_len: data.len(),
        };
        // SAFETY: all zeros is a valid header of an empty message.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        if size > 0 {
            header.msg_control = control.0.as_mut_ptr().cast();
            // SAFETY: computes a number. `control` is large enough for the most.
            header.msg_controllen = unsafe { libc::CMSG_SPACE(size as u32) } as usize;
            // SAFETY: the header has room for one control message of `size` bytes.
            unsafe {
                let first = libc::CMSG_FIRSTHDR(&raw const header);
                (*first).cmsg_level = libc::SOL_SOCKET;
                (*first).cmsg_type = libc::SCM_RIGHTS;
                (*first).cmsg_len = libc::CMSG_LEN(size as u32) as usize;
                std::ptr::copy_nonoverlapping(
                    descriptors.as_ptr().cast::<u8>(),
                    libc::CMSG_DATA(first),
                    size,
                );
            }
        }
        // SAFETY: the header and all that it points to are as built above.
        let sent = unsafe { libc::sendmsg(fd, &raw const header, libc::MSG_NOSIGNAL) };
        check(sent.min(0) as i32, vm)
    }

    /// Receives a message of at most `room` bytes: bytes and descriptors; no bytes at the
    /// end. `BlockingIOError` where none is there.
    #[pyfunction]
    fn socket_receive(
        fd: i32,
        room: usize,
        vm: &VirtualMachine,
    ) -> PyResult<(PyObjectRef, PyObjectRef)> {
        let mut bytes: Vec<u8> = Vec::with_capacity(room);
        let mut control = Control([0; CONTROL]);
        let mut vector = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: room,
        };
        // SAFETY: as in `socket_send`.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL;
        // SAFETY: the header says where there is how much room.
        let length = unsafe { libc::recvmsg(fd, &raw mut header, libc::MSG_CMSG_CLOEXEC) };
        check(length.min(0) as i32, vm)?;
        // SAFETY: the call wrote that many bytes, at most `room`.
        unsafe { bytes.set_len(length as usize) };
        let mut descriptors = Vec::new();
        // SAFETY: the call has written a valid list of control messages, in which those of
        // this type hold numbers.
        unsafe {
            let mut next = libc::CMSG_FIRSTHDR(&raw const header);
            while let Some(message) = next.as_ref() {
                if message.cmsg_type == libc::SCM_RIGHTS {
                    let size = message.cmsg_len - libc::CMSG_LEN(0) as usize;
                    let data = libc::CMSG_DATA(next).cast::<i32>();
                    for index in 0..size / size_of::<i32>() {
                        let number = data.add(index).read_unaligned();
                        descriptors.push(vm.ctx.new_int(number).into());
                    }
                }
                next = libc::CMSG_NXTHDR(&raw const header, next);
            }
        }
        Ok((
            vm.ctx.new_bytes(bytes).into(),
            vm.ctx.new_list(descriptors).into(),
        ))
    }

    /// Nothing is sent any more by any descriptor of this socket.
    #[pyfunction]
    fn socket_close(fd: i32, vm: &VirtualMachine) -> PyResult<()> {
        // SAFETY: takes numbers only.
        check(unsafe { libc::shutdown(fd, libc::SHUT_WR) }, vm)
    }

    /// A counter that each read takes one from. It does not block.
    #[pyfunction]
    fn semaphore(value: u32, vm: &VirtualMachine) -> PyResult<i32> {
        let flags = libc::EFD_SEMAPHORE | libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: takes numbers only.
        number(owned(unsafe { libc::eventfd(value, flags) }), vm)
    }

    /// A file in memory.
    #[pyfunction]
    fn memory_file(vm: &VirtualMachine) -> PyResult<i32> {
        // SAFETY: the name ends with a null.
        number(
            owned(unsafe { libc::memfd_create(c"roentgen".as_ptr(), libc::MFD_CLOEXEC) }),
            vm,
        )
    }

    fn byte_lock(kind: libc::c_int, byte: i64) -> libc::flock {
        // SAFETY: all zeros is a valid lock.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as i16;
        lock.l_whence = libc::SEEK_SET as i16;
        lock.l_start = byte;
        lock.l_len = 1;
        lock
    }

    /// Holds a byte of a file, together with others, as long as the open file is there.
    #[pyfunction]
    fn hold(fd: i32, byte: i64, vm: &VirtualMachine) -> PyResult<()> {
        let lock = byte_lock(libc::F_RDLCK, byte);
        // SAFETY: the call reads `lock`.
        check(
            unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const lock) },
            vm,
        )
    }

    /// Whether anybody else holds it.
    #[pyfunction]
    fn is_held(fd: i32, byte: i64, vm: &VirtualMachine) -> PyResult<bool> {
        let mut lock = byte_lock(libc::F_WRLCK, byte);
        // SAFETY: the call reads and writes `lock`.
        check(
            unsafe { libc::fcntl(fd, libc::F_OFD_GETLK, &raw mut lock) },
            vm,
        )?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }

    /// A descriptor of a process.
    #[pyfunction]
    fn pidfd_open(pid: i32, vm: &VirtualMachine) -> PyResult<i32> {
        // SAFETY: takes numbers only.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        number(owned(result as i32), vm)
    }

    /// Sends a signal to the process of a descriptor.
    #[pyfunction]
    fn pidfd_signal(pidfd: i32, signal: i32, vm: &VirtualMachine) -> PyResult<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: takes numbers, and no siginfo.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, none, 0) };
        check(result as i32, vm)
    }

    /// Kills the calling process after so many seconds, of its CPU time or of the clock.
    #[pyfunction]
    fn kill_after(seconds: ArgIntoFloat, is_cpu_time: bool, vm: &VirtualMachine) -> PyResult<()> {
        let clock = if is_cpu_time {
            libc::CLOCK_PROCESS_CPUTIME_ID
        } else {
            libc::CLOCK_MONOTONIC
        };
        // SAFETY: all zeros is a valid event.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGKILL;
        let mut timer = MaybeUninit::uninit();
        // SAFETY: the call reads `event` and writes `timer`.
        check(
            unsafe { libc::timer_create(clock, &raw mut event, timer.as_mut_ptr()) },
            vm,
        )?;
        let nanoseconds = ((seconds.into_float() * 1e9) as i64).max(1);
        let value = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: nanoseconds / 1_000_000_000,
                tv_nsec: nanoseconds % 1_000_000_000,
            },
        };
        // SAFETY: the timer was made above; the call reads `value`.
        check(
            unsafe {
                libc::timer_settime(
                    timer.assume_init(),
                    0,
                    &raw const value,
                    std::ptr::null_mut(),
                )
            },
            vm,
        )
    }

    /// Names the calling thread, as the kernel knows it.
    #[pyfunction]
    fn set_name(name: PyUtf8StrRef, vm: &VirtualMachine) -> PyResult<()> {
        let mut text = [0_u8; 16];
        let length = name.as_str().len().min(15);
        text[..length].copy_from_slice(&name.as_str().as_bytes()[..length]);
        // SAFETY: the text ends with a null.
        check(unsafe { libc::prctl(libc::PR_SET_NAME, text.as_ptr()) }, vm)
    }
}
