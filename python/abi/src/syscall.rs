//! Roentgen's own system calls: one block of numbers far above Linux's and x32's.
//!
//! Calling convention is Linux x86-64's (System V ABI, AMD64 supplement, A.2.1). On a
//! kernel that is not Roentgen each of these numbers answers `ENOSYS`, and that is how
//! a program tells where it runs.

/// First number of the block. x32 ends far below (bit 30 plus a small number).
pub const BASE: usize = 0x5267_0000;

/// `version() -> u32`: the version of this block, [`VERSION`] on this kernel.
pub const RG_VERSION: usize = BASE;

/// `memory(buf: *mut MemoryInfo, size: usize) -> 0`: the machine's memory in bytes.
///
/// Writes `min(size, size_of::<MemoryInfo>())` bytes. Errors: `EFAULT`.
pub const RG_MEMORY: usize = BASE + 1;

/// `counters(buf: *mut u8, size: usize) -> usize`: every kernel counter as text, a line
/// each: name, space, decimal value. Returns the full length in bytes, also where `size`
/// was smaller. Errors: `EFAULT`.
pub const RG_COUNTERS: usize = BASE + 2;

/// `cores(buf: *mut u8, size: usize) -> usize`: what each core has done, as a
/// [table](crate::table). Returns the full length in bytes, also where `size` was
/// smaller. Errors: `EFAULT`.
pub const RG_CORES: usize = BASE + 3;

/// `threads(buf: *mut u8, size: usize) -> usize`: every thread of every process, as a
/// [table](crate::table). Length and errors as [`RG_CORES`].
pub const RG_THREADS: usize = BASE + 4;

/// `channel(capacity: usize, flags: u32) -> fd`: a channel of up to `capacity` messages
/// (1 to [`MOST_CAPACITY`]), and a first end of it that sends and receives.
///
/// An end is a descriptor, and which of both it may do is its access mode (`F_GETFL`). It
/// can be polled: readable where a message is there or none will ever come, writable where
/// there is room or nobody will ever receive. Each process that gets an end, by a message
/// or at `spawn`, has a further end of its own. Flags: `O_CLOEXEC`, `O_NONBLOCK`.
/// Errors: `EINVAL`, `EMFILE`, `ENFILE`.
pub const RG_CHANNEL: usize = BASE + 5;

/// `channel_end(fd, mode: u32) -> fd`: a further end of the same channel. `mode`:
/// `O_RDONLY` to receive, `O_WRONLY` to send, or `O_RDWR`, with the flags of [`RG_CHANNEL`].
/// Errors: `EBADF` (no channel's end), `EACCES` (more than the end may do itself), `EINVAL`,
/// `EMFILE`, `ENFILE`.
pub const RG_CHANNEL_END: usize = BASE + 6;

/// `channel_close(fd) -> 0`: nothing is sent any more, by anybody; what is inside can still
/// be received. For an end that may send. Errors: `EBADF`.
pub const RG_CHANNEL_CLOSE: usize = BASE + 7;

/// `send(fd, message: *const Message, timeout: u64) -> 0`: sends a whole
/// [message](crate::message), waiting for room at most `timeout` nanoseconds
/// ([`FOREVER`]: as long as it takes; `O_NONBLOCK`: not at all).
///
/// Errors: `EBADF`; `EPIPE` (the channel is closed); `ECONNRESET` (all others that could
/// receive are gone); `EAGAIN` (`O_NONBLOCK`), `ETIMEDOUT`, `EINTR`; `EMSGSIZE`,
/// `EINVAL` (a range), `EFAULT`, `ENOBUFS` (memory is short); `ELOOP` (an end that is
/// sent leads back to this channel).
pub const RG_SEND: usize = BASE + 8;

/// `receive(fd, message: *mut Message, timeout: u64) -> 0`: takes the oldest message.
///
/// Errors: as [`RG_SEND`]'s; `EPIPE` and `ECONNRESET` (all others that could send are gone)
/// only where nothing is inside; `EMSGSIZE` (the room that is needed was written to
/// `message`, and the message is still inside); `EMFILE`, `ENOMEM` (it is still inside).
pub const RG_RECEIVE: usize = BASE + 9;

/// `freeze(kept: *const i32, count: usize, template: *mut i32, id: *mut u32) -> 1`, and 0 in
/// each process that is spawned from it: makes a template of the calling process, and stores a descriptor
/// for it. A template is an immutable image, shared copy-on-write: memory, registers, signal
/// actions, and the `count` descriptors in `kept`; every other descriptor must be closed
/// first. Where shared memory was mapped, the same is mapped again. In a spawned process its
/// id stands at `id`, where that is not null, and is cleared at its end, as with
/// `CLONE_CHILD_SETTID` and `CLONE_CHILD_CLEARTID`.
///
/// The template's descriptor can be read: the file that a machine can boot with, where there
/// are no shared mappings in it, none of files but the program's, and no descriptors (else
/// reading is `EINVAL`). The first process of such a machine returns from the call as well,
/// with the address of its arguments: their count, pointers to them, null, pointers to the
/// variables of its environment, null.
///
/// Errors: `EBUSY` (more than one thread), `EEXIST` (an open descriptor is not in `kept`),
/// `EBADF` (one in `kept` is not open), `EFAULT`, `EMFILE`, `ENOMEM`.
pub const RG_FREEZE: usize = BASE + 10;

/// `spawn(arguments: *const Spawn, size: usize, pidfd: *mut i32) -> pid`, and 0 in the new
/// process where it is a clone of the caller's. See [`spawn`](crate::spawn).
///
/// The new process is nobody's to wait for: when it ends its id is free, and what is left
/// of it is read by [`RG_JOIN`] through its descriptor. Working directory, credentials,
/// resource limits, group and session are the caller's. Errors: `EINVAL`, `EBADF`,
/// `EFAULT`, `EAGAIN` (a limit), `EPERM` (a nice value), `ENOMEM`, and `RG_SEND`'s for its
/// payload.
pub const RG_SPAWN: usize = BASE + 11;

/// `payload(message: *mut Message) -> 0`: takes what the calling process was spawned with.
/// Errors: as [`RG_RECEIVE`]'s; `ENODATA` (there is none, or it was taken).
pub const RG_PAYLOAD: usize = BASE + 12;

/// `finish(status: u32, answer: *const Message)`: ends the calling process, with an exit
/// status of 0 to 255, and leaves an answer. Returns only where that is not possible.
/// Errors: as [`RG_SEND`]'s.
pub const RG_FINISH: usize = BASE + 13;

/// `join(pidfd, answer: *mut Message, ending: *mut Ending, timeout: u64) -> 0`: waits for
/// the end of a spawned process, says [how it ended](crate::spawn::Ending), and takes its
/// answer where it left one and nobody took it. Errors: `EBADF`, `ETIMEDOUT`, `EINTR`, and
/// `RG_RECEIVE`'s for the answer.
pub const RG_JOIN: usize = BASE + 14;

/// `process(pidfd, buf: *mut u8, size: usize) -> usize`: what a process has used, as text:
/// lines as [`RG_COUNTERS`]'s. Also for one that has ended. Errors: `EBADF`, `EFAULT`.
pub const RG_PROCESS: usize = BASE + 15;

/// `fail_allocation(nth: u32, count: u32) -> u32`: has `count` allocations fail of those that
/// the kernel makes for the calling thread from now on, in its calls and page faults, the
/// `nth` the first; 0: none. Counted are those that can fail: pages, tables, kernel stacks,
/// room for something new. A page fault in user code that fails so is tried again. A thread
/// that is made does not inherit it; a program that is executed does.
///
/// Returns how many were still to come, up to the first that was asked for before: 0 where
/// that one has failed, or none was asked for. For tests; compare Linux's `fail-nth`.
pub const RG_FAIL_ALLOCATION: usize = BASE + 16;

/// `template() -> descriptor`: the template that the machine booted from, with
/// `FD_CLOEXEC`. Errors: `ENOENT` (it booted without one), `EMFILE`.
pub const RG_TEMPLATE: usize = BASE + 17;

/// `trace_writes(template, buf: *mut u64, count: usize) -> usize`: the addresses that
/// processes of a template wrote of what they share with it, in order and up to `count`;
/// returns how many there are. The first call has the processes traced that are spawned from
/// then on, each write by a fault and a single step, which is slow. Stacks and shared memory
/// are not traced, nor all that the kernel writes for a process. Errors: `EBADF`, `EFAULT`.
pub const RG_TRACE_WRITES: usize = BASE + 18;

/// `line(number: u32, core: u32, flags: u32, rate: u32, limit: u64) -> fd`: an interrupt line,
/// let through to a core from now on until the last descriptor of it is closed.
///
/// `number` is an ISA line, 0 to 15, or a global system interrupt with [`LINE_GSI`], 0 to 63.
/// It is edge- or level-triggered as the firmware says, or with [`LINE_EDGE`] and
/// [`LINE_LEVEL`] as the caller says. At most `rate` interrupts a second are let through, and
/// half of the time may go into serving them: beyond that the line is masked for a while,
/// which is counted and said in the log. `limit`: the longest run of a server, in
/// nanoseconds, 1,000,000 to 10,000,000,000 (see [`RG_LINE_WAIT`]).
///
/// `read` waits for interrupts and gives their count since the last read, as 8 bytes; 0
/// where some may have been lost before or while the line was masked, so that the device
/// should be looked at. It can be polled. A level-triggered line is masked from its interrupt on until
/// what was read is acknowledged: by the next `read`, by [`RG_LINE_WAIT`], or by a `write` of
/// any 8 bytes. Other flags: `O_CLOEXEC`, `O_NONBLOCK`.
///
/// Errors: `EPERM` (the caller [may not](RG_GRANT)), `EINVAL` (no such line, core, flag or
/// limit; a rate of 0), `EBUSY` (the kernel uses it, or somebody else does), `EMFILE`,
/// `ENFILE`. The calls that use the descriptor answer `ENODEV` once the line was taken away.
pub const RG_LINE: usize = BASE + 40;

/// `line_wait(fd, timeout: u64) -> count`: as a `read`, by the thread that serves the line.
/// When it is woken it runs ahead of everything else on its core that does not serve a line,
/// until it calls again, or acknowledges by a `write`; it should be bound to the line's core.
/// A server that does neither within the line's limit is killed, its process with it, and the
/// line is taken away, which the log says.
///
/// Errors: `EBADF`, `EINVAL` (no line), `ENODEV`, `ETIMEDOUT`, `EINTR`.
pub const RG_LINE_WAIT: usize = BASE + 41;

/// `lines(buf: *mut u8, size: usize) -> usize`: every line that is or was served, as a
/// [table](crate::table). Length and errors as [`RG_CORES`].
pub const RG_LINES: usize = BASE + 42;

/// `line_detach(number: u32, flags: u32) -> 0`: takes a line away from whoever has it.
/// Number and flags as [`RG_LINE`]'s. Errors: `EPERM`, `EINVAL`, `ENOENT` (nobody has it).
pub const RG_LINE_DETACH: usize = BASE + 43;

/// `grant(pidfd, grants: u32) -> 0`: sets what a process is granted: [`GRANT_DEVICES`] or
/// nothing, with [`GRANT_INHERIT`] also to the processes that it starts from then on. The
/// first process may use devices without, what it starts may not; a grant outlives `execve`.
/// Errors: `EPERM` (the caller is not the first process), `EBADF`, `EINVAL`.
pub const RG_GRANT: usize = BASE + 44;

/// `ports(first: u16, count: u32) -> fd`: a range of I/O ports. A `pread` or `pwrite` of 1, 2
/// or 4 bytes at an offset is one access of that width to port `first` plus the offset.
///
/// Each access asks whether the caller may use devices (`EPERM`), so that the descriptor is
/// of no use to others. Errors: `EPERM`, `EINVAL` (no such ports; no such width),
/// `EBUSY` (some are the kernel's own), `EMFILE`, `ENFILE`.
pub const RG_PORTS: usize = BASE + 45;

/// `registers(physical: u64, length: u64) -> fd`: device registers in physical memory. A
/// `pread` or `pwrite` of 1, 2, 4 or 8 bytes at an offset that is a multiple of that is one
/// uncached access of that width.
///
/// Errors: as [`RG_PORTS`]; `EBUSY` also where it is RAM; `ENOMEM`.
pub const RG_REGISTERS: usize = BASE + 46;

/// `policy(flags: u32, events: u32) -> fd`: the caller is to be the machine's scheduling
/// policy, until the last descriptor is closed, or the process ends that [waits](RG_POLICY_WAIT).
///
/// The descriptor is mapped shared, all of it: [`policy`](crate::policy) says what is there.
/// `events`: the [kinds](crate::policy::Kind::bit) that are told; [`POLICY_RANKED`]: ranks are
/// looked at. From now on events are told, the first of them one for each thread there is;
/// decisions count from the first call that waits. A `write` ends the policy, and says why
/// in the log (printable ASCII; an empty line: by its own wish). It can be polled: `POLLHUP` once it has ended. Other flags: `O_CLOEXEC`.
///
/// Errors: `EPERM` (the caller [may not](RG_GRANT)), `EINVAL`, `EBUSY` (there is a policy),
/// `ENOMEM`, `EMFILE`, `ENFILE`.
pub const RG_POLICY: usize = BASE + 48;

/// `policy_wait(fd, kicks: u64, pause: u64, timeout: u64) -> count`: the decisions so far are
/// published; waits until `pause` nanoseconds have passed and there are events, or `timeout`
/// is over: how many events there are.
///
/// The cores in `kicks` (core n has bit n modulo 64) choose anew what they run. The thread
/// runs ahead of everything else on its core until it calls again: within
/// [`POLICY_PATIENCE`] of what it is to be told, or the kernel's own policy takes over. Its
/// runs take half of the time at most: beyond that it waits longer. The first
/// process that calls is the policy's; its own threads are not its to decide about.
///
/// Errors: `EBADF`, `EINVAL` (no policy's), `EPERM` (another process waits), `ENODEV` (it has
/// ended: [`RG_POLICY_STATUS`] says why), `EINTR`.
pub const RG_POLICY_WAIT: usize = BASE + 49;

/// `policy_status(buf: *mut u8, size: usize) -> usize`: the policy in force, and how the last
/// one ended, as text: lines as [`RG_COUNTERS`]'s. Length and errors as [`RG_CORES`].
pub const RG_POLICY_STATUS: usize = BASE + 50;

/// [`RG_POLICY`]: ranks are looked at.
pub const POLICY_RANKED: u32 = 1;

/// How long a policy may take to answer, in nanoseconds.
pub const POLICY_PATIENCE: u64 = 95_000_000;

/// [`RG_LINE`]: the number is a global system interrupt.
pub const LINE_GSI: u32 = 1;
/// [`RG_LINE`]: the line is edge-triggered.
pub const LINE_EDGE: u32 = 2;
/// [`RG_LINE`]: the line is level-triggered.
pub const LINE_LEVEL: u32 = 4;

/// [`RG_GRANT`]: it may use devices.
pub const GRANT_DEVICES: u32 = 1;
/// [`RG_GRANT`]: so may the processes that it starts.
pub const GRANT_INHERIT: u32 = 2;

/// A timeout that never comes.
pub const FOREVER: u64 = u64::MAX;

/// Most messages that a channel can be made to hold.
pub const MOST_CAPACITY: usize = 1 << 16;

/// What [`RG_VERSION`] returns.
pub const VERSION: u32 = 6;

/// The machine's memory, in bytes. `total` is the sum of all others:
/// every frame is in exactly one state at any time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryInfo {
    /// Usable memory that the firmware reported.
    pub total: u64,
    /// Frames that nobody uses.
    pub free: u64,
    /// Page-table pages of user address spaces.
    pub page_tables: u64,
    /// Pages of processes and of files in memory.
    pub user: u64,
    /// Frames given to the kernel heap.
    pub kernel_heap: u64,
    /// Kernel stacks.
    pub kernel_stacks: u64,
    /// The kernel image, the initramfs and what was set aside at boot.
    pub boot: u64,
}

impl MemoryInfo {
    /// The fields in order, as words. The layout above has no padding.
    #[must_use]
    pub fn to_words(&self) -> [u64; 7] {
        [
            self.total,
            self.free,
            self.page_tables,
            self.user,
            self.kernel_heap,
            self.kernel_stacks,
            self.boot,
        ]
    }
}
