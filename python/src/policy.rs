//! Natives for scheduling policies: becoming one, waiting, and the memory that it shares.
//!
//! Thin, as those of `calls`; what they mean is in `roentgen_abi::syscall` and
//! `roentgen_abi::policy`. Words are read and written at once, which is why the memory is
//! accessed here and not by Python's `mmap`.

#[rustpython_vm::pymodule(sub)]
pub(crate) mod _policy {
    use std::io;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicU64, Ordering};

    use roentgen_abi::policy::{
        BYTES, CONSUMED, EVENT_WORDS, EVENTS, Event, First, Kind, LAST_RANK, LOST, RING,
        SLICE_UNIT, SLOT_WORDS, SLOTS, Second, TABLE, WORDS,
    };
    use roentgen_abi::syscall;
    use rustpython_vm::builtins::{PyListRef, PyTupleRef, PyType};
    use rustpython_vm::common::lock::PyMutex;
    use rustpython_vm::convert::IntoPyException;
    use rustpython_vm::signal::check_signals;
    use rustpython_vm::types::Constructor;
    use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

    use crate::calls::call;

    #[pyattr]
    const POLICY_RANKED: u32 = syscall::POLICY_RANKED;
    #[pyattr]
    const POLICY_LAST_RANK: u64 = LAST_RANK;
    #[pyattr]
    const POLICY_SLICE_UNIT: u64 = SLICE_UNIT;
    #[pyattr]
    const POLICY_BEGAN: u8 = Kind::Began as u8;
    #[pyattr]
    const POLICY_WOKE: u8 = Kind::Woke as u8;
    #[pyattr]
    const POLICY_SLEPT: u8 = Kind::Slept as u8;
    #[pyattr]
    const POLICY_USED: u8 = Kind::Used as u8;
    #[pyattr]
    const POLICY_ENDED: u8 = Kind::Ended as u8;

    fn number(result: io::Result<usize>, vm: &VirtualMachine) -> PyResult<u64> {
        result
            .map(|number| number as u64)
            .map_err(|error| error.into_pyexception(vm))
    }

    /// Makes the process the machine's policy: its descriptor. `events`: the kinds that it
    /// is told, each the bit of its number.
    #[pyfunction]
    fn policy(flags: u32, events: u32, vm: &VirtualMachine) -> PyResult<u64> {
        let flags = flags | libc::O_CLOEXEC as u32;
        // SAFETY: takes numbers only.
        number(
            unsafe { call(syscall::RG_POLICY, [flags as usize, events as usize]) },
            vm,
        )
    }

    /// Waits for events; times are nanoseconds, no timeout: for ever. How many there are.
    #[pyfunction]
    fn policy_wait(
        fd: i32,
        kicks: u64,
        pause: u64,
        timeout: Option<u64>,
        vm: &VirtualMachine,
    ) -> PyResult<u64> {
        let timeout = timeout.unwrap_or(syscall::FOREVER);
        let mut arguments = [
            fd as usize,
            kicks as usize,
            pause as usize,
            timeout as usize,
        ];
        loop {
            // SAFETY: takes numbers only.
            match vm.allow_threads(|| unsafe { call(syscall::RG_POLICY_WAIT, arguments) }) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    check_signals(vm)?;
                    arguments[1] = 0;
                }
                result => return number(result, vm),
            }
        }
    }

    /// PolicyMemory(fd)
    /// --
    ///
    /// The memory that a policy shares with the kernel.
    #[pyattr]
    #[pyclass(module = "_roentgen", name = "PolicyMemory")]
    #[derive(Debug, PyPayload)]
    pub(crate) struct PolicyMemory {
        words: Words,
        /// Events read so far.
        consumed: PyMutex<u64>,
    }

    /// A mapping, for as long as the object is there.
    #[derive(Debug)]
    struct Words(NonNull<AtomicU64>);

    // SAFETY: words that are atomic, whoever accesses them.
    unsafe impl Send for Words {}
    // SAFETY: as above.
    unsafe impl Sync for Words {}

    impl Words {
        fn map(fd: i32) -> io::Result<Self> {
            // SAFETY: a new mapping, where none was.
            let address = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    BYTES,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED,
                    fd,
                    0,
                )
            };
            if address == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            NonNull::new(address.cast())
                .map(Self)
                .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
        }

        fn word(&self, index: usize) -> &AtomicU64 {
            assert!(index < WORDS, "a word of the policy's memory");
            // SAFETY: within the mapping, which is there as long as this, and aligned.
            unsafe { &*self.0.as_ptr().add(index) }
        }
    }

    impl Drop for Words {
        fn drop(&mut self) {
            // SAFETY: the mapping that `map` made; nobody has a reference into it any more.
            unsafe { libc::munmap(self.0.as_ptr().cast(), BYTES) };
        }
    }

    impl Constructor for PolicyMemory {
        type Args = (i32,);

        fn py_new(_class: &Py<PyType>, (fd,): Self::Args, vm: &VirtualMachine) -> PyResult<Self> {
            let words = Words::map(fd).map_err(|error| error.into_pyexception(vm))?;
            let consumed = PyMutex::new(words.word(CONSUMED).load(Ordering::Acquire));
            Ok(Self { words, consumed })
        }
    }

    impl PolicyMemory {
        /// The event of this number, if it is there.
        fn event(&self, number: u64) -> Option<Event> {
            let place = RING + (number % EVENTS as u64) as usize * EVENT_WORDS;
            // What it was written before is seen with it.
            if self.words.word(place).load(Ordering::Acquire) != number.wrapping_add(1) {
                return None;
            }
            Some(Event::decode(std::array::from_fn(|index| {
                self.words.word(place + 1 + index).load(Ordering::Relaxed)
            })))
        }
    }

    #[pyclass(with(Constructor))]
    impl PolicyMemory {
        /// Take all events that are there: tuples of kind, slot, tag, core, nice value, thread,
        /// process, time and run time, the last two in nanoseconds.
        #[pymethod]
        fn events(zelf: &Py<Self>, vm: &VirtualMachine) -> PyListRef {
            let mut consumed = zelf.consumed.lock();
            let mut events: Vec<PyObjectRef> = Vec::new();
            while let Some(event) = zelf.event(*consumed) {
                *consumed += 1;
                let fields = vec![
                    vm.ctx.new_int(event.kind).into(),
                    vm.ctx.new_int(event.slot).into(),
                    vm.ctx.new_int(event.tag).into(),
                    vm.ctx.new_int(event.core).into(),
                    vm.ctx.new_int(event.nice).into(),
                    vm.ctx.new_int(event.thread).into(),
                    vm.ctx.new_int(event.process).into(),
                    vm.ctx.new_int(event.time).into(),
                    vm.ctx.new_int(event.run_time).into(),
                ];
                events.push(vm.ctx.new_tuple(fields).into());
                if events.len() == EVENTS {
                    break;
                }
            }
            zelf.words
                .word(CONSUMED)
                .store(*consumed, Ordering::Release);
            vm.ctx.new_list(events)
        }

        /// How many events were lost so far.
        #[pymethod]
        fn lost(zelf: &Py<Self>) -> u64 {
            zelf.words.word(LOST).load(Ordering::Relaxed)
        }

        /// Publish decisions: tuples of slot, tag, weight, slice in units, core and one more,
        /// rank; 0 is no wish.
        #[pymethod]
        fn publish(
            zelf: &Py<Self>,
            decisions: Vec<PyTupleRef>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            for decision in decisions {
                let [slot, tag, weight, slice, place, rank] = decision.as_slice() else {
                    return Err(vm.new_type_error("a decision is a tuple of six"));
                };
                let slot: usize = slot.clone().try_into_value(vm)?;
                let tag: u16 = tag.clone().try_into_value(vm)?;
                let weight: u32 = weight.clone().try_into_value(vm)?;
                let slice: u32 = slice.clone().try_into_value(vm)?;
                let place: u32 = place.clone().try_into_value(vm)?;
                let rank: u64 = rank.clone().try_into_value(vm)?;
                if slot >= SLOTS {
                    return Err(vm.new_value_error("there is no such slot"));
                }
                let first = First {
                    weight,
                    slice,
                    place,
                    unused: 0,
                    tag,
                };
                let second = Second { rank, tag };
                if First::decode(first.encode()) != first
                    || Second::decode(second.encode()) != second
                {
                    return Err(vm.new_value_error("a decision is beyond its bounds"));
                }
                let place = TABLE + slot * SLOT_WORDS;
                for (index, word) in [first.encode(), second.encode()].into_iter().enumerate() {
                    zelf.words
                        .word(place + index)
                        .store(word, Ordering::Release);
                }
            }
            Ok(())
        }
    }
}
