//! Spawned processes: begun from a [`Template`], or as a clone of their maker, with
//! limits of their own, something that they are given, and an answer that they leave.
//!
//! Nobody waits for such a process as for a child: when it ends its id is free, and how it
//! ended is read through its descriptor (`RG_JOIN`).

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::account::{Account, Limits};
use super::clone;
use super::process::{self, Process};
use super::template::Template;
use super::thread::{Affinity, Thread};
use super::{Current, exit, scheduler, wait};
use crate::cpu::entry::TrapFrame;
use crate::errno::{Errno, Result};
use crate::fs::{OpenFile, channel, pidfd};
use crate::memory::pressure;
use crate::message::Message;
use crate::sync::IrqLock;

crate::counters! {
    /// Processes spawned.
    static SPAWNS = "spawns";
}

/// What a spawned process has that others have not.
pub struct Spawned {
    payload: IrqLock<Option<Message>>,
    answer: IrqLock<Option<Message>>,
    /// Which limit ended it (`LIMIT_…`); 0: none.
    limit: AtomicU32,
}

/// What it begins from.
pub enum Origin<'a> {
    /// A template.
    Template(Arc<Template>),
    /// Its maker, whose call this is.
    Maker(&'a TrapFrame),
}

/// What is to be spawned.
pub struct Request<'a> {
    /// What it begins from.
    pub origin: Origin<'a>,
    /// Added to its maker's nice value, who may do that.
    pub nice: i32,
    /// What it and all that it starts may use.
    pub limits: Limits,
    /// The cores it may run on; one of them at least is up. None: the maker's.
    pub affinity: Option<Affinity>,
    /// Its name; None: the maker's.
    pub name: Option<Vec<u8>>,
    /// Files that it gets, and their descriptors there.
    pub files: Vec<(Arc<OpenFile>, i32)>,
    /// Where its id is stored in its memory, where it is its maker's clone; 0: nowhere.
    pub id_address: usize,
    /// What it is given.
    pub payload: Message,
}

/// A process that was made and does not run yet.
pub struct Ready {
    process: Arc<Process>,
    thread: Arc<Thread>,
}

impl Ready {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// A file for it.
    #[must_use]
    pub fn file(&self) -> Arc<OpenFile> {
        pidfd::create(self.process.clone(), 0)
    }

    /// Lets it run.
    pub fn start(self) {
        SPAWNS.add(1);
        process::register_thread(&self.thread);
        self.process.add_thread(self.thread.clone());
        process::register(&self.process);
        process::end_with_maker(&self.process, &super::current_process());
        scheduler::start_new(&self.thread);
    }

    /// It is not to be after all.
    pub fn cancel(self) {
        let payload = self.process.spawned().and_then(Spawned::take_payload);
        if let Some(payload) = payload {
            payload.take_back();
        }
        self.process.abandon();
    }
}

/// Makes a process.
///
/// # Errors
/// `EAGAIN` at a limit, `EBADF` for a descriptor beyond one, `ENOMEM`.
pub fn spawn(request: &mut Request<'_>) -> Result<Ready> {
    let maker = super::current();
    pressure::check_room(Errno::ENOMEM)?;
    clone::check_count(maker.process())?;
    let id = process::new_id()?;
    let (process, thread) = match &request.origin {
        Origin::Template(template) => from_template(id, &maker, template)?,
        Origin::Maker(frame) => {
            let as_fork = clone::Request::default();
            let process = clone::new_process(id, &maker, &as_fork)?;
            let thread = clone::new_thread(id, &process, &maker, &as_fork, frame)
                .inspect_err(|_| process.abandon())?;
            (process, thread)
        }
    };
    let ready = Ready { process, thread };
    match furnish(&ready, &maker, request) {
        Ok(()) => Ok(ready),
        Err(error) => {
            ready.cancel();
            Err(error)
        }
    }
}

fn from_template(
    id: u32,
    maker: &Current,
    template: &Template,
) -> Result<(Arc<Process>, Arc<Thread>)> {
    let parent = maker.process();
    let mut frame = template.registers.frame;
    frame.rax = 0;
    let process = Process::new(
        id,
        Some(template.space.space()?),
        template.files.fork()?,
        parent.fs().fork(),
        Arc::downgrade(parent),
    );
    process.copy_attributes(parent);
    process.set_program(template.program.clone());
    process.signals().copy_actions(&template.signals);
    process.tell_space_its_limits();
    let thread = Thread::new_user(
        id,
        process.clone(),
        frame,
        template.registers.fpu.duplicate(),
        template.registers.bases,
        maker.name(),
    )
    .inspect_err(|_| process.abandon())?;
    thread.signals().start_with_blocked(template.blocked);
    thread
        .signals()
        .set_alternate_stack(template.alternate_stack);
    thread.inherit_scheduling(maker);
    Ok((process, thread))
}

fn furnish(ready: &Ready, maker: &Thread, request: &mut Request<'_>) -> Result<()> {
    let Ready { process, thread } = ready;
    if let Some(account) = Account::begin(&request.limits, maker.process().account()) {
        process.join_account(&account)?;
    }
    if request.nice != 0 {
        thread.set_niceness(maker.niceness() + request.nice);
    }
    if let Some(affinity) = request.affinity {
        thread.set_affinity(affinity);
    }
    if let Some(name) = &request.name {
        thread.set_name(name);
    }
    let id_address = match &request.origin {
        Origin::Template(template) => template.id_address,
        Origin::Maker(_) => request.id_address,
    };
    if id_address != 0 {
        thread.set_clear_on_exit(id_address);
        clone::store_in_child(process, id_address, process.id());
    }
    for (file, descriptor) in request.files.drain(..) {
        process
            .files()
            .place(descriptor, channel::for_another(file))?;
    }
    process.set_spawned(Spawned {
        payload: IrqLock::new(Some(core::mem::take(&mut request.payload))),
        answer: IrqLock::new(None),
        limit: AtomicU32::new(0),
    });
    Ok(())
}

impl Spawned {
    /// Takes what it was given; None where that was done.
    #[must_use]
    pub fn take_payload(&self) -> Option<Message> {
        self.payload.lock().take()
    }

    /// Puts back what could not be delivered.
    pub fn return_payload(&self, message: Message) {
        *self.payload.lock() = Some(message);
    }

    /// Takes what it left; None where that was nothing, or somebody took it.
    #[must_use]
    pub fn take_answer(&self) -> Option<Message> {
        self.answer.lock().take()
    }

    /// This limit ended it (0: none); the first one counts.
    pub fn note_limit(&self, limit: u32) {
        let _ = self
            .limit
            .compare_exchange(0, limit, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Puts back what could not be delivered.
    pub fn return_answer(&self, message: Message) {
        *self.answer.lock() = Some(message);
    }

    /// Whether it left an answer that nobody took.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.answer.lock().is_some()
    }

    /// Which limit ended it.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Acquire)
    }
}

/// Ends the current process with an exit status and an answer.
pub fn finish(status: u32, answer: Message) -> ! {
    leave_answer(&super::current_process(), status, answer);
    // Nothing is dropped from here on.
    exit::exit_thread();
}

fn leave_answer(process: &Process, status: u32, answer: Message) {
    if let Some(spawned) = process.spawned()
        && !process.is_ending()
    {
        spawned.return_answer(answer);
        process.space().tell_written();
    }
    exit::begin(process, wait::status_of_exit(status));
}
