//! Natives for the system calls of the process model: channels, templates, processes.
//!
//! Thin: a value in, a value out, an `OSError` where the kernel refuses. Interrupted calls
//! run Python's signal handlers and go on with the time that is left. Names and manners
//! are the package's.

use std::io;
use std::time::{Duration, Instant};

use roentgen_abi::message::Message;
use roentgen_abi::syscall;
use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::convert::IntoPyException;
use rustpython_vm::signal::check_signals;
use rustpython_vm::{PyResult, VirtualMachine};

/// One of Roentgen's own calls.
///
/// # Safety
/// As the call's: what the arguments point to must be as it says.
pub(crate) unsafe fn call<const COUNT: usize>(
    number: usize,
    arguments: [usize; COUNT],
) -> io::Result<usize> {
    const { assert!(COUNT <= 5) };
    let mut all = [0; 5];
    all[..COUNT].copy_from_slice(&arguments);
    let [a, b, c, d, e] = all;
    // SAFETY: the caller's promise.
    let result = unsafe { libc::syscall(number as libc::c_long, a, b, c, d, e) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// How long something may take.
#[derive(Clone, Copy)]
pub(crate) struct Timeout {
    seconds: Option<f64>,
    end: Option<Instant>,
}

impl Timeout {
    /// None: for ever.
    ///
    /// # Errors
    /// `ValueError` where it is negative or no number.
    pub(crate) fn new(seconds: Option<f64>, vm: &VirtualMachine) -> PyResult<Self> {
        let end = match seconds {
            None => None,
            // Also what is no number.
            Some(seconds) if !(seconds >= 0.0) => {
                return Err(vm.new_value_error("a timeout is a number of seconds, 0 or more"));
            }
            // Too far away to be an instant is for ever.
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|length| Instant::now().checked_add(length)),
        };
        Ok(Self { seconds, end })
    }

    /// What is left of it, in nanoseconds, as the kernel takes it.
    fn left(&self) -> u64 {
        self.end.map_or(syscall::FOREVER, |end| {
            let left = end.saturating_duration_since(Instant::now());
            u64::try_from(left.as_nanos()).unwrap_or(syscall::FOREVER)
        })
    }

    /// Repeats a call while signals interrupt it.
    pub(crate) fn repeat<T>(
        &self,
        vm: &VirtualMachine,
        mut call: impl FnMut(u64) -> io::Result<T>,
    ) -> PyResult<io::Result<T>> {
        loop {
            let left = self.left();
            match vm.allow_threads(|| call(left)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => check_signals(vm)?,
                result => return Ok(result),
            }
        }
    }

    fn text(&self) -> String {
        match self.seconds {
            Some(seconds) if seconds > 0.0 => format!("within {seconds} s"),
            _ => "yet".to_owned(),
        }
    }
}

/// The exception for what a call about a channel returned.
pub(crate) fn channel_error(
    error: io::Error,
    timeout: &Timeout,
    what: &str,
    vm: &VirtualMachine,
) -> PyBaseExceptionRef {
    let (name, number, text) = match error.raw_os_error() {
        Some(libc::EPIPE) => ("ChannelClosed", libc::EPIPE, "the channel is closed"),
        Some(libc::ECONNRESET) => (
            "PeersGone",
            libc::ECONNRESET,
            "all others at the channel have ended or closed their ends",
        ),
        Some(libc::ETIMEDOUT | libc::EAGAIN) => {
            let text = format!("{what} {}", timeout.text());
            return vm.new_exception_msg(vm.ctx.exceptions.timeout_error.to_owned(), text.into());
        }
        _ => return error.into_pyexception(vm),
    };
    let made = (|| {
        vm.import("roentgen._errors", 0)?;
        let module = crate::codec::modules(vm)?.get_item("roentgen._errors", vm)?;
        module.get_attr(name, vm)?.call((number, text), vm)
    })();
    match made.map(|made| made.downcast()) {
        Ok(Ok(exception)) => exception,
        Ok(Err(_)) => error.into_pyexception(vm),
        Err(error) => error,
    }
}

/// `number(first, message)`, with a further timeout for those that take one.
pub(crate) fn message_call(
    number: usize,
    first: usize,
    message: *const Message,
    timeout: u64,
) -> io::Result<()> {
    // SAFETY: callers pass a message whose parts lie where it says, with the room that it
    // says; and numbers of calls that take these arguments.
    unsafe { call(number, [first, message.addr(), timeout as usize, 0]) }.map(drop)
}

/// Where the C library keeps this thread's id, which a clone must find changed: what it
/// has the kernel clear at the thread's end. 0 where the kernel does not tell.
fn id_address() -> usize {
    let mut address = 0_usize;
    // SAFETY: stores one address.
    unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address) };
    address
}

/// Who returns from [`freeze`].
pub(crate) enum Frozen {
    /// Who called it, with a descriptor of the template.
    Maker(i32),
    /// A process that was spawned from it.
    Spawned,
    /// The first process of a machine that booted from it, and where its arguments are.
    First(usize),
}

/// Makes a template of the calling process, whose descriptors are these.
pub(crate) fn freeze(kept: &[i32]) -> io::Result<Frozen> {
    crate::allocator::fill_holes();
    let mut template = -1_i32;
    // SAFETY: the call reads `kept`, and writes one descriptor.
    let result = unsafe {
        call(
            syscall::RG_FREEZE,
            [
                kept.as_ptr().addr(),
                kept.len(),
                (&raw mut template).expose_provenance(),
                id_address(),
            ],
        )
    };
    result.map(|returned| match returned {
        0 => Frozen::Spawned,
        1 => Frozen::Maker(template),
        block => Frozen::First(block),
    })
}

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _calls {
    use std::collections::BTreeSet;
    use std::io;
    use std::os::fd::{FromRawFd, OwnedFd};

    use roentgen_abi::message::Message;
    use roentgen_abi::spawn::{Ending, Placed, SELF, Spawn, UNLIMITED};
    use roentgen_abi::syscall;
    use rustpython_vm::builtins::{PyBytes, PyBytesRef, PyTupleRef, PyUtf8StrRef};
    use rustpython_vm::common::lock::PyMutex;
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::function::ArgIntoFloat;
    use rustpython_vm::{PyObjectRef, PyPayload, PyRef, PyResult, TryFromObject, VirtualMachine};

    use super::{Frozen, Timeout, call, channel_error, id_address, message_call};
    use crate::codec::encode;
    use crate::descriptor::Descriptor;
    use crate::message::{Outgoing, receive as receive_message};

    /// The ends of channels that the package has, by their numbers.
    static ENDS: PyMutex<BTreeSet<i32>> = PyMutex::new(BTreeSet::new());

    /// In a clone: gives it ends of its own in the place of those that it shares with its
    /// maker, so that each knows when the other has gone.
    fn own_ends() {
        for end in ENDS.lock().iter().copied() {
            // SAFETY: asks for the mode of a number.
            let mode = unsafe { libc::fcntl(end, libc::F_GETFL) } & libc::O_ACCMODE;
            let flags = (mode | libc::O_CLOEXEC) as usize;
            // SAFETY: takes numbers only. It fails where the number is no end any more:
            // somebody closed it who did not make it.
            if let Ok(own) = unsafe { call(syscall::RG_CHANNEL_END, [end as usize, flags, 0, 0]) } {
                // SAFETY: both numbers are open; what was shared is let go of.
                unsafe {
                    libc::dup3(own as i32, end, libc::O_CLOEXEC);
                    libc::close(own as i32);
                }
            }
        }
    }

    /// Takes over an end that arrived in a message.
    #[pyfunction]
    fn adopt_end(fd: i32) -> i32 {
        ENDS.lock().insert(fd);
        fd
    }

    /// Drops an end.
    #[pyfunction]
    fn close_end(fd: i32, vm: &VirtualMachine) -> PyResult<()> {
        ENDS.lock().remove(&fd);
        // SAFETY: the caller gives the number away.
        if unsafe { libc::close(fd) } < 0 {
            return Err(io::Error::last_os_error().into_pyexception(vm));
        }
        Ok(())
    }

    /// A descriptor that a call returned.
    fn descriptor(result: io::Result<usize>, vm: &VirtualMachine) -> PyResult<i32> {
        result
            .map(|number| number as i32)
            .map_err(|error| error.into_pyexception(vm))
    }

    /// A new channel: the descriptor of a first end.
    #[pyfunction]
    fn channel(capacity: usize, vm: &VirtualMachine) -> PyResult<i32> {
        let flags = libc::O_CLOEXEC as usize;
        // SAFETY: takes numbers only.
        let result = unsafe { call(syscall::RG_CHANNEL, [capacity, flags, 0, 0]) };
        descriptor(result, vm).map(adopt_end)
    }

    /// A further end of a channel; mode: as `os.O_RDONLY`.
    #[pyfunction]
    fn channel_end(fd: i32, mode: i32, vm: &VirtualMachine) -> PyResult<i32> {
        let mode = (mode | libc::O_CLOEXEC) as usize;
        // SAFETY: takes numbers only.
        let result = unsafe { call(syscall::RG_CHANNEL_END, [fd as usize, mode, 0, 0]) };
        descriptor(result, vm).map(adopt_end)
    }

    /// Closes a channel for everybody.
    #[pyfunction]
    fn channel_close(fd: i32, vm: &VirtualMachine) -> PyResult<()> {
        // SAFETY: takes a number only.
        let result = unsafe { call(syscall::RG_CHANNEL_CLOSE, [fd as usize, 0, 0, 0]) };
        descriptor(result, vm).map(drop)
    }

    /// Sends a value.
    #[pyfunction]
    fn send(
        fd: i32,
        value: PyObjectRef,
        timeout: Option<ArgIntoFloat>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let timeout = Timeout::new(timeout.map(Into::into), vm)?;
        let outgoing = Outgoing::new(encode(&value, vm)?);
        let message = outgoing.message();
        timeout
            .repeat(vm, |left| {
                message_call(syscall::RG_SEND, fd as usize, &raw const message, left)
            })?
            .map_err(|error| channel_error(error, &timeout, "there was no room", vm))
    }

    /// Receives the next value.
    #[pyfunction]
    fn receive(fd: i32, timeout: Option<ArgIntoFloat>, vm: &VirtualMachine) -> PyResult {
        let timeout = Timeout::new(timeout.map(Into::into), vm)?;
        timeout
            .repeat(vm, |left| {
                receive_message(|message| {
                    message_call(syscall::RG_RECEIVE, fd as usize, message, left)
                })
            })?
            .map_err(|error| channel_error(error, &timeout, "there was no message", vm))?
            .decode(vm)
    }

    /// What a process is to be, beside what it is to do: a tuple, in this order.
    struct Options {
        affinity: Option<PyBytesRef>,
        nice: i32,
        memory: Option<u64>,
        cpu_time: Option<ArgIntoFloat>,
        deadline: Option<ArgIntoFloat>,
        name: Option<PyUtf8StrRef>,
    }

    impl TryFromObject for Options {
        fn try_from_object(vm: &VirtualMachine, object: PyObjectRef) -> PyResult<Self> {
            let options: PyTupleRef = object.try_into_value(vm)?;
            let [affinity, nice, memory, cpu_time, deadline, name] = options.as_slice() else {
                return Err(vm.new_type_error("options are a tuple of six"));
            };
            Ok(Self {
                affinity: affinity.clone().try_into_value(vm)?,
                nice: nice.clone().try_into_value(vm)?,
                memory: memory.clone().try_into_value(vm)?,
                cpu_time: cpu_time.clone().try_into_value(vm)?,
                deadline: deadline.clone().try_into_value(vm)?,
                name: name.clone().try_into_value(vm)?,
            })
        }
    }

    /// Seconds as the kernel takes a limit.
    fn limit(seconds: Option<ArgIntoFloat>) -> u64 {
        // A float beyond the largest number becomes it, which is no limit.
        seconds.map_or(UNLIMITED, |seconds| (seconds.into_float() * 1e9) as u64)
    }

    fn spawn_with(template: i32, options: Options, payload: Message) -> io::Result<(usize, i32)> {
        let (cpu_time, deadline) = (limit(options.cpu_time), limit(options.deadline));
        let (affinity, affinity_size) = match &options.affinity {
            Some(mask) => (mask.as_bytes().as_ptr().addr(), mask.as_bytes().len()),
            None => (0, 0),
        };
        let (name, name_length) = match &options.name {
            Some(name) => (name.as_str().as_ptr().addr(), name.as_str().len()),
            None => (0, 0),
        };
        let mut standard = [0, 1, 2].map(|number| Placed {
            from: number,
            to: number,
        });
        let mut count = standard.len();
        loop {
            let arguments = Spawn {
                template,
                nice: options.nice,
                affinity: affinity as u64,
                affinity_size: affinity_size as u64,
                memory: options.memory.unwrap_or(UNLIMITED),
                cpu_time,
                deadline,
                name: name as u64,
                name_length: name_length as u64,
                // A clone has all that its maker has.
                descriptors: standard.as_ptr().addr() as u64,
                descriptor_count: if template == SELF { 0 } else { count as u64 },
                id_address: id_address() as u64,
                payload,
            };
            let mut pidfd = -1_i32;
            // SAFETY: `arguments` and all that it points to live until the call is over,
            // which writes one descriptor. A clone of this process continues here as well.
            let result = unsafe {
                call(
                    syscall::RG_SPAWN,
                    [
                        (&raw const arguments).addr(),
                        size_of::<Spawn>(),
                        (&raw mut pidfd).expose_provenance(),
                        0,
                    ],
                )
            };
            match result {
                Err(error) if error.raw_os_error() == Some(libc::EBADF) && count == 3 => {
                    // One of them is not open here, so it is not there either.
                    let open = standard.iter().copied().filter(|placed| {
                        // SAFETY: asks for the flags of a number.
                        unsafe { libc::fcntl(placed.from, libc::F_GETFD) >= 0 }
                    });
                    let open: Vec<Placed> = open.collect();
                    count = open.len();
                    if count == 3 {
                        return Err(error);
                    }
                    standard[..count].copy_from_slice(&open);
                }
                result => return result.map(|pid| (pid, pidfd)),
            }
        }
    }

    fn started((pid, pidfd): (usize, i32), vm: &VirtualMachine) -> (usize, PyRef<Descriptor>) {
        // SAFETY: the call has just made it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        (pid, Descriptor::owned(pidfd).into_ref(&vm.ctx))
    }

    /// Spawns a process from a template: its id and a descriptor of it.
    #[pyfunction]
    fn spawn(
        template: i32,
        payload: PyObjectRef,
        options: Options,
        vm: &VirtualMachine,
    ) -> PyResult<(usize, PyRef<Descriptor>)> {
        let outgoing = Outgoing::new(encode(&payload, vm)?);
        spawn_with(template, options, outgoing.message())
            .map(|made| started(made, vm))
            .map_err(|error| error.into_pyexception(vm))
    }

    /// Spawns a clone of the calling process, which calls `function` and ends.
    #[pyfunction]
    fn spawn_self(
        function: PyObjectRef,
        arguments: PyObjectRef,
        keywords: PyObjectRef,
        options: Options,
        vm: &VirtualMachine,
    ) -> PyResult<(usize, PyRef<Descriptor>)> {
        let made = spawn_with(SELF, options, Message::default())
            .map_err(|error| error.into_pyexception(vm))?;
        if made.0 == 0 {
            own_ends();
            let result = crate::child::renew(vm)
                .and_then(|()| crate::child::apply(&function, &arguments, &keywords, vm));
            crate::child::end(result, vm);
        }
        Ok(started(made, vm))
    }

    /// Spawns a process that runs another program, at the same addresses each time.
    #[pyfunction]
    fn spawn_program(
        arguments: Vec<PyBytesRef>,
        environment: Vec<PyBytesRef>,
        options: Options,
        vm: &VirtualMachine,
    ) -> PyResult<(usize, PyRef<Descriptor>)> {
        let terminated = |texts: Vec<PyBytesRef>| {
            let texts = texts
                .iter()
                .map(|text| std::ffi::CString::new(text.as_bytes()));
            texts
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| vm.new_value_error("embedded null byte"))
        };
        let (arguments, environment) = (terminated(arguments)?, terminated(environment)?);
        let pointers = |texts: &[std::ffi::CString]| -> Vec<*const libc::c_char> {
            let pointers = texts.iter().map(|text| text.as_ptr());
            pointers.chain([std::ptr::null()]).collect()
        };
        let (argv, envp) = (pointers(&arguments), pointers(&environment));
        let Some(program) = arguments.first() else {
            return Err(vm.new_value_error("a program has a name"));
        };
        let made = spawn_with(SELF, options, Message::default())
            .map_err(|error| error.into_pyexception(vm))?;
        if made.0 == 0 {
            // A clone, maybe of one of several threads: nothing but the next call is safe.
            // SAFETY: strings and arrays end with a null, and live until then.
            unsafe {
                libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
                libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr());
                libc::_exit(127);
            }
        }
        Ok(started(made, vm))
    }

    /// Makes a template of the calling process: its descriptor. A process that is spawned
    /// from it does what it was given there, and does not return.
    #[pyfunction]
    fn freeze(kept: Vec<i32>, vm: &VirtualMachine) -> PyResult<i32> {
        match super::freeze(&kept) {
            Ok(Frozen::Maker(template)) => Ok(template),
            // The first process of a machine is given no call, and ends by that.
            Ok(Frozen::Spawned | Frozen::First(_)) => crate::child::live(vm),
            Err(error) => Err(error.into_pyexception(vm)),
        }
    }

    /// What processes of a template wrote of that which they share with it, as addresses in
    /// this machine's order of bytes. The first call begins with it.
    #[pyfunction]
    fn traced_writes(template: i32, vm: &VirtualMachine) -> PyResult<PyRef<PyBytes>> {
        let read = || {
            let mut addresses = vec![0_usize; traced(template, &mut [])?];
            let count = traced(template, &mut addresses)?;
            addresses.truncate(count);
            Ok(addresses)
        };
        let addresses = read().map_err(|error: io::Error| error.into_pyexception(vm))?;
        let bytes: Vec<u8> = addresses.iter().flat_map(|a| a.to_ne_bytes()).collect();
        Ok(vm.ctx.new_bytes(bytes))
    }

    /// The heap's profile (`allocator/layout`), where copies of the process wrote at these
    /// addresses that recorded its blocks; empty where that was not this one's maker.
    #[pyfunction]
    fn heap_profile(writes: PyBytesRef, vm: &VirtualMachine) -> PyRef<PyBytes> {
        let addresses: Vec<usize> = writes
            .as_bytes()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| usize::from_ne_bytes(*bytes))
            .collect();
        vm.ctx
            .new_bytes(crate::allocator::layout::profile(&addresses))
    }

    fn traced(template: i32, addresses: &mut [usize]) -> io::Result<usize> {
        let to = addresses.as_mut_ptr().expose_provenance();
        // SAFETY: the call writes as many addresses as there is room for.
        unsafe {
            call(
                syscall::RG_TRACE_WRITES,
                [template as usize, to, addresses.len(), 0],
            )
        }
    }

    /// The template that the machine booted from: a descriptor.
    #[pyfunction]
    fn system_template(vm: &VirtualMachine) -> PyResult<i32> {
        // SAFETY: takes no argument.
        let result = unsafe { call(syscall::RG_TEMPLATE, [0; 4]) };
        descriptor(result, vm)
    }

    /// Waits for the end of a spawned process: exit code (or minus the signal) and limit that
    /// ended it, and the answer: a tuple; None where it left none; the exception that says
    /// why it cannot be had; `...` where somebody else has taken it.
    #[pyfunction]
    fn join(
        handle: PyRef<Descriptor>,
        timeout: Option<ArgIntoFloat>,
        vm: &VirtualMachine,
    ) -> PyResult<((i32, u32), PyObjectRef)> {
        let pidfd = handle.number(vm)?;
        let timeout = Timeout::new(timeout.map(Into::into), vm)?;
        let mut ending = Ending::default();
        let answer = timeout
            .repeat(vm, |left| {
                receive_message(|message| {
                    let arguments = [
                        pidfd as usize,
                        (&raw mut *message).expose_provenance(),
                        (&raw mut ending).expose_provenance(),
                        left as usize,
                    ];
                    // SAFETY: both are there for the call to fill, and what the message
                    // points to has the room that it says.
                    unsafe { call(syscall::RG_JOIN, arguments) }.map(drop)
                })
            })?
            .map_err(|error| channel_error(error, &timeout, "the process has not ended", vm))?;
        let answer = if !answer.is_empty() {
            answer.decode(vm).unwrap_or_else(Into::into)
        } else if ending.has_answer != 0 {
            vm.ctx.ellipsis.clone().into()
        } else {
            vm.ctx.none()
        };
        let status = ending.status as i32;
        let code = if libc::WIFSIGNALED(status) {
            -libc::WTERMSIG(status)
        } else {
            libc::WEXITSTATUS(status)
        };
        Ok(((code, ending.limit), answer))
    }

    /// What a process has used, a line each: name, space, value.
    #[pyfunction]
    fn process(handle: PyRef<Descriptor>, vm: &VirtualMachine) -> PyResult<String> {
        let pidfd = handle.number(vm)?;
        let mut buffer = vec![0_u8; 4096];
        loop {
            let arguments = [
                pidfd as usize,
                buffer.as_mut_ptr().expose_provenance(),
                buffer.len(),
                0,
            ];
            // SAFETY: the call writes at most `buffer.len()` bytes to it.
            let length = unsafe { call(syscall::RG_PROCESS, arguments) }
                .map_err(|error| error.into_pyexception(vm))?;
            if length <= buffer.len() {
                buffer.truncate(length);
                return Ok(String::from_utf8_lossy(&buffer).into_owned());
            }
            buffer.resize(length, 0);
        }
    }

    /// An exception as the answer of a process: what `roentgen._process._remote` takes.
    #[pyfunction]
    fn failure(
        error: rustpython_vm::builtins::PyBaseExceptionRef,
        vm: &VirtualMachine,
    ) -> PyResult<rustpython_vm::builtins::PyTupleRef> {
        crate::child::failure(&error, vm)
    }

    /// Has what is allocated from now on lie together.
    #[pyfunction]
    fn fill_holes() {
        crate::allocator::fill_holes();
    }

    /// Calls a function as a spawned process does, and encodes its answer: for what that
    /// leaves behind in the interpreter's caches.
    #[pyfunction]
    fn rehearse(
        function: PyObjectRef,
        arguments: PyObjectRef,
        keywords: PyObjectRef,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        crate::child::rehearse(&function, &arguments, &keywords, vm)
    }

    /// Calls a function as a spawned process does, and all that is due at its end: the exit
    /// status, and the answer or None.
    #[pyfunction]
    fn perform(
        function: PyObjectRef,
        arguments: PyObjectRef,
        keywords: PyObjectRef,
        vm: &VirtualMachine,
    ) -> PyResult<(u32, Option<PyObjectRef>)> {
        let result = crate::child::renew(vm)
            .and_then(|()| crate::child::apply(&function, &arguments, &keywords, vm));
        let (status, answer) = crate::child::conclude(result, vm);
        let answer = answer.map(|encoded| crate::linux::parts(encoded, vm));
        Ok((status, answer.transpose()?))
    }
}
