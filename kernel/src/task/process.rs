//! A process: an address space, open files, signals, and the threads that share them.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use linux_raw_sys::general as linux;
use roentgen_abi::syscall::{GRANT_DEVICES, GRANT_INHERIT};
use sched::ending::{Ending, Fate};
use spin::Once;

use super::account::Account;
use super::credentials::Credentials;
use super::signal::cpu_timers::{self, CpuTimers};
use super::signal::{ProcessSignals, SigInfo};
use super::spawn::Spawned;
use super::thread::Thread;
use super::usage::{Usage, UsageSum};
use super::{exit, wait};
use crate::errno::{Errno, Result};
use crate::first_process;
use crate::fs::path::Location;
use crate::fs::{FdTable, FsContext, OpenFile};
use crate::memory::space::AddressSpace;
use crate::sync::{IrqLock, SleepMutex, WaitQueue};
use crate::time::Instant;

/// A resource's soft and hard limit.
pub type Limit = (u64, u64);

const LIMITS: usize = linux::RLIM_NLIMITS as usize;
const UNLIMITED: Limit = (u64::MAX, u64::MAX);

/// Linux's defaults, with what this kernel enforces.
fn default_limits() -> [Limit; LIMITS] {
    let mut limits = [UNLIMITED; LIMITS];
    limits[linux::RLIMIT_STACK as usize] = (8 << 20, u64::MAX);
    limits[linux::RLIMIT_CORE as usize] = (0, u64::MAX);
    limits[linux::RLIMIT_NOFILE as usize] = (1024, 1_048_576);
    limits[linux::RLIMIT_MEMLOCK as usize] = (8 << 20, 8 << 20);
    limits[linux::RLIMIT_NPROC as usize] = (63_000, 63_000);
    limits[linux::RLIMIT_SIGPENDING as usize] = (63_000, 63_000);
    limits[linux::RLIMIT_MSGQUEUE as usize] = (819_200, 819_200);
    limits[linux::RLIMIT_NICE as usize] = (0, 0);
    limits[linux::RLIMIT_RTPRIO as usize] = (0, 0);
    limits
}

/// What `/proc` tells about the program.
#[derive(Clone)]
pub struct Program {
    /// The ELF file, which nobody can write while it runs; None before there is a
    /// program, and after the end.
    pub executable: Option<Arc<OpenFile>>,
    /// User addresses of the argument strings: first byte, byte after the last.
    pub arguments: (usize, usize),
    /// The same for the environment.
    pub environment: (usize, usize),
    /// The auxiliary vector: pairs of words, the last one `AT_NULL` (System V ABI,
    /// AMD64 supplement, 3.4.3).
    pub auxiliary: Arc<[u64]>,
}

impl Default for Program {
    fn default() -> Self {
        Self {
            executable: None,
            arguments: (0, 0),
            environment: (0, 0),
            auxiliary: Arc::new([]),
        }
    }
}

/// Process state that `wait` sees.
pub(super) struct Family {
    pub(super) parent: Weak<Process>,
    /// None once it has ended: nobody will wait for them.
    pub(super) children: Option<Vec<Arc<Process>>>,
}

/// A process.
pub struct Process {
    id: u32,
    group: AtomicU32,
    session: AtomicU32,
    /// The parent's id, or [`INIT_ID`]: `family` has the parent itself.
    pub(super) parent_id: AtomicU32,
    space: IrqLock<Option<Arc<AddressSpace>>>,
    files: IrqLock<Arc<FdTable>>,
    fs: IrqLock<Arc<FsContext>>,
    credentials: IrqLock<Credentials>,
    limits: IrqLock<[Limit; LIMITS]>,
    program: SleepMutex<Program>,
    pub(super) threads: IrqLock<Vec<Arc<Thread>>>,
    pub(super) family: IrqLock<Family>,
    signals: ProcessSignals,
    /// Woken when a child changes state.
    pub(super) child_events: WaitQueue,
    /// Woken when this process stops, goes on or ends, and when a thread ends.
    pub(super) self_events: WaitQueue,
    /// Whether it ends.
    pub(super) ending: Ending,
    /// Who gives its id back.
    pub(super) fate: Fate,
    pub(super) stop_state: AtomicU32,
    /// What its threads that have ended used.
    pub(super) ended: UsageSum,
    /// What children used that were waited for, and theirs.
    pub(super) children: UsageSum,
    /// When it began.
    pub(super) started: Instant,
    /// Woken by the child's exec or exit (`vfork`).
    pub(super) vfork_done: AtomicBool,
    /// Signal that tells the parent of the end.
    pub(super) exit_signal: AtomicU32,
    /// Its last thread's name, once that is gone.
    last_name: IrqLock<Vec<u8>>,
    cpu_timers: CpuTimers,
    pub(super) real_timer: IrqLock<Option<Arc<super::signal::timers::IntervalTimer>>>,
    /// Whether it has called `execve` since it was forked.
    pub(super) has_executed: AtomicBool,
    /// Whether the programs that it executes are loaded where they always are.
    has_fixed_layout: AtomicBool,
    /// Id of the thread whose `execve` ends all others; 0: none.
    pub(super) exec_owner: AtomicU32,
    spawned: Once<Box<Spawned>>,
    /// What it and others may use together; None: what there is.
    account: Once<Arc<Account>>,
    /// The process below the first one that it descends from, or itself.
    tree: u32,
    /// What it was granted (`GRANT_…`).
    grants: AtomicU32,
}

/// All processes that are not reaped yet. Taken from interrupt handlers (^C).
static PROCESSES: IrqLock<BTreeMap<u32, Arc<Process>>> = IrqLock::new(BTreeMap::new());
/// All threads, by id.
static THREADS: IrqLock<BTreeMap<u32, Weak<Thread>>> = IrqLock::new(BTreeMap::new());
static NEXT_ID: AtomicU32 = AtomicU32::new(2);

/// Largest process id plus one (`/proc/sys/kernel/pid_max`).
pub const ID_LIMIT: u32 = 4_194_304;

/// The id of the process that is not there: parent of the first one and of orphans.
pub const INIT_ID: u32 = 1;

/// A fresh id for a process or thread.
///
/// # Errors
/// `EAGAIN` where all are in use.
pub fn new_id() -> Result<u32> {
    for _ in 0..ID_LIMIT {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed) % ID_LIMIT;
        let is_free = id > INIT_ID
            && !THREADS.lock().contains_key(&id)
            && !PROCESSES.lock().contains_key(&id);
        if is_free {
            return Ok(id);
        }
    }
    Err(Errno::EAGAIN)
}

/// The process with this id.
#[must_use]
pub fn find(id: u32) -> Option<Arc<Process>> {
    PROCESSES.lock().get(&id).cloned()
}

/// The thread with this id.
#[must_use]
pub fn find_thread(id: u32) -> Option<Arc<Thread>> {
    THREADS.lock().get(&id).and_then(Weak::upgrade)
}

/// All processes, by id.
#[must_use]
pub fn all() -> Vec<Arc<Process>> {
    loop {
        let count = PROCESSES.lock().len();
        let mut list = Vec::with_capacity(count + 8);
        let processes = PROCESSES.lock();
        if processes.len() <= list.capacity() {
            list.extend(processes.values().cloned());
            return list;
        }
    }
}

pub(super) fn register(process: &Arc<Process>) {
    PROCESSES.lock().insert(process.id, process.clone());
}

pub(super) fn register_thread(thread: &Arc<Thread>) {
    THREADS.lock().insert(thread.id(), Arc::downgrade(thread));
}

pub(super) fn forget(id: u32) {
    let removed = PROCESSES.lock().remove(&id);
    drop(removed);
}

pub(super) fn forget_thread(id: u32) {
    let removed = THREADS.lock().remove(&id);
    drop(removed);
}

/// Number of threads that exist.
#[must_use]
pub fn thread_count() -> usize {
    THREADS.lock().len()
}

/// Sends a signal to every process of a group; whether there was one.
pub fn signal_group(group: u32, signal: u32) -> bool {
    let members: Vec<_> = all()
        .into_iter()
        .filter(|process| process.group_id() == group)
        .collect();
    for process in &members {
        process.send_signal(signal);
    }
    !members.is_empty()
}

/// Kills all processes that are meant, and those that these were just making; how many.
///
/// Whoever ends takes along whom it registers from then on ([`end_with_maker`]). Who was
/// registered before its maker was killed is found by looking again.
pub fn kill_all(mut is_meant: impl FnMut(&Process) -> bool) -> usize {
    let mut killed = BTreeSet::new();
    loop {
        let before = killed.len();
        for process in all() {
            if is_meant(&process) && killed.insert(process.id()) {
                process.send_signal(linux::SIGKILL);
            }
        }
        if killed.len() == before {
            return before;
        }
    }
}

/// Ends a new process, registered and not started, whose maker was killed while it made it:
/// whoever killed a group or a tree need not have seen it.
pub(super) fn end_with_maker(process: &Process, maker: &Process) {
    if maker.is_ending() {
        exit::begin(process, wait::status_of_signal(linux::SIGKILL));
    }
}

impl Process {
    /// A process without threads.
    #[must_use]
    pub fn new(
        id: u32,
        space: Option<Arc<AddressSpace>>,
        files: Arc<FdTable>,
        fs: Arc<FsContext>,
        parent: Weak<Self>,
    ) -> Arc<Self> {
        let maker = parent.upgrade();
        let parent_id = maker.as_ref().map_or(INIT_ID, |parent| parent.id);
        let tree = match maker {
            Some(maker) if maker.id != first_process::id() => maker.tree(),
            _ => id,
        };
        let fate = Fate::new();
        if parent_id == INIT_ID {
            // It has not begun, so it has not ended.
            let _ = fate.orphan();
        }
        Arc::new(Self {
            id,
            parent_id: AtomicU32::new(parent_id),
            group: AtomicU32::new(id),
            session: AtomicU32::new(id),
            space: IrqLock::new(space),
            files: IrqLock::new(files),
            fs: IrqLock::new(fs),
            credentials: IrqLock::new(Credentials::default()),
            limits: IrqLock::new(default_limits()),
            program: SleepMutex::new(Program::default()),
            threads: IrqLock::new(Vec::new()),
            family: IrqLock::new(Family {
                parent,
                children: Some(Vec::new()),
            }),
            signals: ProcessSignals::new(),
            child_events: WaitQueue::new(),
            self_events: WaitQueue::new(),
            ending: Ending::new(),
            fate,
            stop_state: AtomicU32::new(0),
            ended: UsageSum::default(),
            children: UsageSum::default(),
            started: Instant::now(),
            vfork_done: AtomicBool::new(true),
            exit_signal: AtomicU32::new(linux::SIGCHLD),
            last_name: IrqLock::new(Vec::new()),
            cpu_timers: CpuTimers::new(),
            real_timer: IrqLock::new(None),
            has_executed: AtomicBool::new(false),
            has_fixed_layout: AtomicBool::new(false),
            exec_owner: AtomicU32::new(0),
            spawned: Once::new(),
            account: Once::new(),
            tree,
            grants: AtomicU32::new(0),
        })
    }

    /// What it has as a spawned process; None for others.
    #[must_use]
    pub fn spawned(&self) -> Option<&Spawned> {
        self.spawned.get().map(|spawned| &**spawned)
    }

    /// It is a spawned process; before it begins.
    pub(super) fn set_spawned(&self, spawned: Spawned) {
        self.spawned.call_once(|| Box::new(spawned));
    }

    /// What it and others may use together.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        self.account.get()
    }

    /// It is in this account from now on; before it begins.
    ///
    /// # Errors
    /// `EAGAIN`: the account has ended.
    pub(super) fn join_account(self: &Arc<Self>, account: &Arc<Account>) -> Result<()> {
        account.join(self)?;
        self.account.call_once(|| account.clone());
        Ok(())
    }

    /// The id of the process below the first one that it descends from, or its own.
    #[must_use]
    pub fn tree(&self) -> u32 {
        self.tree
    }

    /// Its wait status, once it is ending.
    #[must_use]
    pub fn wait_status(&self) -> u32 {
        self.ending.status()
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The parent's id; [`INIT_ID`] for the first process and for orphans.
    #[must_use]
    pub fn parent_id(&self) -> u32 {
        // Whoever spawned it has it in no list, to tell it of the end.
        if self.spawned().is_some() && self.parent().is_none_or(|parent| parent.is_zombie()) {
            return INIT_ID;
        }
        self.parent_id.load(Ordering::Relaxed)
    }

    /// The parent, if it still is there.
    #[must_use]
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.family.lock().parent.upgrade()
    }

    /// Process group.
    #[must_use]
    pub fn group_id(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }

    /// Session.
    #[must_use]
    pub fn session_id(&self) -> u32 {
        self.session.load(Ordering::Relaxed)
    }

    /// Moves it to a process group.
    pub fn set_group(&self, group: u32) {
        self.group.store(group, Ordering::Relaxed);
    }

    /// Moves it to a session.
    pub fn set_session(&self, session: u32) {
        self.session.store(session, Ordering::Relaxed);
    }

    /// Its address space.
    ///
    /// # Panics
    /// For a process that has ended, and for the kernel's own; neither has threads
    /// that could ask.
    #[must_use]
    pub fn space(&self) -> Arc<AddressSpace> {
        match self.try_space() {
            Some(space) => space,
            None => panic!("process {} has no address space", self.id),
        }
    }

    /// Its address space; None once it has ended.
    #[must_use]
    pub fn try_space(&self) -> Option<Arc<AddressSpace>> {
        self.space.lock().clone()
    }

    pub(super) fn replace_space(
        &self,
        space: Option<Arc<AddressSpace>>,
    ) -> Option<Arc<AddressSpace>> {
        core::mem::replace(&mut *self.space.lock(), space)
    }

    /// Its descriptors.
    #[must_use]
    pub fn files(&self) -> Arc<FdTable> {
        self.files.lock().clone()
    }

    /// The open file behind one of its descriptors; not one opened with `O_PATH`.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn file(&self, descriptor: i32) -> Result<Arc<OpenFile>> {
        self.files.lock().get(descriptor)
    }

    /// Gives it another table; the old one's files are closed where nobody else has it.
    pub(super) fn replace_files(&self, files: Arc<FdTable>) {
        let old = core::mem::replace(&mut *self.files.lock(), files);
        old.leave();
    }

    /// It never begins: what its maker had it share is as before.
    pub(super) fn abandon(&self) {
        let files = core::mem::take(&mut *self.files.lock());
        files.abandon();
        if let Some(account) = self.account() {
            account.leave(self);
        }
    }

    /// Its working directory and file mode mask.
    #[must_use]
    pub fn fs(&self) -> Arc<FsContext> {
        self.fs.lock().clone()
    }

    /// Who it acts for.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.credentials.lock().clone()
    }

    /// Changes who it acts for.
    pub fn set_credentials(&self, credentials: Credentials) {
        let old = core::mem::replace(&mut *self.credentials.lock(), credentials);
        drop(old);
    }

    /// Soft and hard limit of a resource (`RLIMIT_…`); unlimited for unknown ones.
    #[must_use]
    pub fn limit(&self, resource: u32) -> Limit {
        self.limits
            .lock()
            .get(resource as usize)
            .copied()
            .unwrap_or(UNLIMITED)
    }

    /// Sets a limit. What the address space or the scheduler enforces is told to them.
    pub fn set_limit(&self, resource: u32, limit: Limit) {
        if let Some(slot) = self.limits.lock().get_mut(resource as usize) {
            *slot = limit;
        }
        if resource == linux::RLIMIT_CPU {
            cpu_timers::limit(self, limit.0, limit.1);
        }
        self.tell_space_its_limits();
    }

    pub(super) fn tell_space_its_limits(&self) {
        if let Some(space) = self.try_space() {
            space.set_limits(
                self.limit(linux::RLIMIT_STACK).0,
                self.limit(linux::RLIMIT_AS).0,
                self.limit(linux::RLIMIT_DATA).0,
            );
        }
    }

    /// Whether it may use devices: the first process may, and who was granted it.
    #[must_use]
    pub fn may_use_devices(&self) -> bool {
        self.id == first_process::id() || self.grants.load(Ordering::Relaxed) & GRANT_DEVICES != 0
    }

    /// Sets what it is granted (`GRANT_…`).
    pub fn set_grants(&self, grants: u32) {
        self.grants.store(grants, Ordering::Relaxed);
    }

    pub(super) fn copy_attributes(&self, from: &Self) {
        let grants = from.grants.load(Ordering::Relaxed);
        if grants & GRANT_INHERIT != 0 {
            self.set_grants(grants);
        }
        self.set_credentials(from.credentials());
        self.set_fixed_layout(from.has_fixed_layout());
        let limits = *from.limits.lock();
        *self.limits.lock() = limits;
        let (soft, hard) = limits[linux::RLIMIT_CPU as usize];
        self.cpu_timers.set_limits(soft, hard);
        self.set_group(from.group_id());
        self.set_session(from.session_id());
        let program = from.program.lock().clone();
        *self.program.lock() = program;
    }

    /// Its program's file and argument addresses.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program.lock().clone()
    }

    pub(super) fn set_program(&self, program: Program) {
        let old = core::mem::replace(&mut *self.program.lock(), program);
        drop(old);
    }

    /// Where the program was found; None once it has ended.
    #[must_use]
    pub fn executable(&self) -> Option<Location> {
        let program = self.program.lock();
        program.executable.as_ref()?.location().cloned()
    }

    /// Where the argument strings lie.
    #[must_use]
    pub fn argument_range(&self) -> (usize, usize) {
        self.program.lock().arguments
    }

    /// Where the environment strings lie.
    #[must_use]
    pub fn environment_range(&self) -> (usize, usize) {
        self.program.lock().environment
    }

    /// Its threads.
    #[must_use]
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().clone()
    }

    /// How many threads it has.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        self.threads.lock().len()
    }

    pub(super) fn add_thread(&self, thread: Arc<Thread>) {
        self.threads.lock().push(thread);
    }

    /// The name of its first thread; where it has ended, of its last one.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        let first = self.threads.lock().first().cloned();
        first.map_or_else(|| self.last_name.lock().clone(), |thread| thread.name())
    }

    /// Its last thread leaves.
    pub(super) fn keep_name(&self, name: Vec<u8>) {
        let none = core::mem::replace(&mut *self.last_name.lock(), name);
        drop(none);
    }

    /// What is pending for all of its threads, and what its signals do.
    #[must_use]
    pub fn signals(&self) -> &ProcessSignals {
        &self.signals
    }

    /// Sends it a signal as the kernel does.
    pub fn send_signal(&self, signal: u32) {
        super::signal::send_to_process(self, SigInfo::from_kernel(signal));
    }

    /// Whether it is ending: its threads leave at the next chance.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.has_begun()
    }

    /// Whether it has ended and waits for its parent.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        self.fate.has_ended()
    }

    /// Woken when it ends, and at other times: whoever waits asks [`Self::is_zombie`].
    #[must_use]
    pub fn end(&self) -> &WaitQueue {
        &self.self_events
    }

    /// Whether its id still is its own: it was not waited for.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        find(self.id).is_some_and(|found| core::ptr::eq(&*found, self))
    }

    /// Whether a stop signal holds it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop_state.load(Ordering::Acquire) & super::wait::STOPPED != 0
    }

    /// Whether it has called `execve` since it was forked.
    #[must_use]
    pub fn has_executed(&self) -> bool {
        self.has_executed.load(Ordering::Relaxed)
    }

    /// Whether nothing is drawn at random about the addresses of what it executes
    /// (`ADDR_NO_RANDOMIZE`).
    #[must_use]
    pub fn has_fixed_layout(&self) -> bool {
        self.has_fixed_layout.load(Ordering::Relaxed)
    }

    /// Sets that; what was the case before.
    pub fn set_fixed_layout(&self, is_fixed: bool) -> bool {
        self.has_fixed_layout.swap(is_fixed, Ordering::Relaxed)
    }

    /// Nanoseconds that its threads have run, now.
    #[must_use]
    pub fn run_nanos(&self) -> u64 {
        let now = Instant::now();
        let threads = self.threads.lock();
        let alive: u64 = threads.iter().map(|thread| thread.run_nanos_at(now)).sum();
        alive + self.ended.get().run()
    }

    /// What its threads have used, now, those that have ended among them.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let now = Instant::now();
        let threads = self.threads.lock();
        let alive: Usage = threads.iter().map(|thread| thread.usage_at(now)).sum();
        alive + self.ended.get()
    }

    /// What the children used that it waited for, and theirs.
    #[must_use]
    pub fn children_usage(&self) -> Usage {
        self.children.get()
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Its real-time interval timer; `fresh` becomes it where there is none yet.
    pub fn real_timer_or(
        &self,
        fresh: Arc<super::signal::timers::IntervalTimer>,
    ) -> Arc<super::signal::timers::IntervalTimer> {
        self.real_timer.lock().get_or_insert(fresh).clone()
    }

    /// Its timers on CPU time.
    #[must_use]
    pub fn cpu_timers(&self) -> &CpuTimers {
        &self.cpu_timers
    }

    /// Its live children.
    #[must_use]
    pub fn children(&self) -> Vec<Arc<Self>> {
        self.family.lock().children.clone().unwrap_or_default()
    }

    /// It is the parent that `child` is told to have. Where it has ended already, nobody
    /// waits for `child`.
    pub(super) fn adopt(&self, child: &Arc<Self>) {
        match &mut self.family.lock().children {
            Some(children) => children.push(child.clone()),
            // It has not begun, so it has not ended.
            None => drop(child.fate.orphan()),
        }
    }
}
