//! Accounts: what a spawned process, and all that it starts, may use together.
//!
//! A process that is spawned with limits begins an account, within its maker's. Its
//! children, however they are made, are in the same one, and so are theirs; those that are
//! spawned with limits of their own begin one within. Where a limit is reached, every
//! process in the account is killed, and [`Account::ended_by`] tells why.
//!
//! Memory is counted by frames ([`crate::memory::ledger`]) and looked at when there is none;
//! CPU time is added up when a thread leaves a core, and looked at by the core that runs
//! one; the deadline is a timer.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use linux_raw_sys::general as linux;
use roentgen_abi::spawn::{LIMIT_CPU_TIME, LIMIT_DEADLINE, LIMIT_MEMORY, UNLIMITED};
use spin::Once;

use super::process::Process;
use super::thread::Thread;
use crate::cpu;
use crate::errno::{Errno, Result};
use crate::memory::PAGE_SIZE;
use crate::memory::ledger::{Ledger, LedgerHandle};
use crate::sync::IrqLock;
use crate::time::{self, Armed, Expire, Instant};

crate::counters! {
    /// Accounts that reached a limit.
    static ENDED = "accounts_ended";
}

/// The least time between two looks at CPU time, as long as nothing is due.
const LEAST_STEP: Duration = Duration::from_millis(1);

/// The limits of an account; [`UNLIMITED`]: none.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: u64,
    /// Nanoseconds of CPU time.
    pub cpu_time: u64,
    /// Nanoseconds from now.
    pub deadline: u64,
}

impl Limits {
    fn are_none(&self) -> bool {
        [self.memory, self.cpu_time, self.deadline] == [UNLIMITED; 3]
    }
}

/// What a process and all that it starts may use.
pub struct Account {
    parent: Option<Arc<Account>>,
    ledger: Option<LedgerHandle>,
    cpu_limit: u64,
    /// Nanoseconds that its threads ran, as far as they are added up.
    cpu_used: AtomicU64,
    /// Everybody in it and in those within it, until their ends. Signals are sent under this
    /// lock, so none that sending takes is held when it is taken.
    members: IrqLock<BTreeMap<u32, Arc<Process>>>,
    /// The limit that was reached (`LIMIT_…`); 0: none.
    ended_by: AtomicU32,
    deadline: Once<Armed>,
}

impl Account {
    /// The account of a process that `maker`'s process spawns with these limits.
    #[must_use]
    pub fn begin(limits: &Limits, maker: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        if limits.are_none() {
            return maker.cloned();
        }
        let ledger = (limits.memory != UNLIMITED).then(|| {
            let within = maker.and_then(Self::ledger);
            LedgerHandle::new(limits.memory / PAGE_SIZE as u64, within)
        });
        let account = Arc::new(Self {
            parent: maker.cloned(),
            ledger,
            cpu_limit: limits.cpu_time,
            cpu_used: AtomicU64::new(0),
            members: IrqLock::new(BTreeMap::new()),
            ended_by: AtomicU32::new(0),
            deadline: Once::new(),
        });
        if limits.deadline != UNLIMITED {
            let deadline = Instant::now() + Duration::from_nanos(limits.deadline);
            let target = Arc::new(Deadline(Arc::downgrade(&account)));
            account.deadline.call_once(|| time::arm(deadline, target));
        }
        Some(account)
    }

    /// This account, and those that it is within.
    fn chain(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        core::iter::successors(Some(self), |account| account.parent.as_ref())
    }

    /// The ledger that its processes' frames are charged to.
    fn ledger(self: &Arc<Self>) -> Option<&LedgerHandle> {
        self.chain().find_map(|account| account.ledger.as_ref())
    }

    /// As [`Account::ledger`], for the core that runs one of them.
    #[must_use]
    pub fn ledger_pointer(self: &Arc<Self>) -> Option<core::ptr::NonNull<Ledger>> {
        self.ledger().map(LedgerHandle::pointer)
    }

    /// Takes a process in, before it begins.
    ///
    /// # Errors
    /// `EAGAIN`: the account has ended.
    pub fn join(self: &Arc<Self>, process: &Arc<Process>) -> Result<()> {
        for account in self.chain() {
            let before = account.members.lock().insert(process.id(), process.clone());
            drop(before);
        }
        // Whoever ended it meanwhile saw this process, or is seen here.
        if self.ended_by() == 0 {
            return Ok(());
        }
        // This process may be the one that was told of it.
        self.leave(process);
        Err(Errno::EAGAIN)
    }

    fn forget(self: &Arc<Self>, process: &Process) {
        for account in self.chain() {
            let removed = account.members.lock().remove(&process.id());
            drop(removed);
        }
    }

    /// A process has ended. Where a limit ended it, the others end too.
    pub fn leave(self: &Arc<Self>, process: &Process) {
        self.forget(process);
        for account in self.chain() {
            if account.ended_by.load(Ordering::SeqCst) != 0 {
                account.kill_all();
            }
        }
    }

    fn kill_all(&self) {
        let members: Vec<_> = self.members.lock().values().cloned().collect();
        for member in members {
            if !member.is_ending() {
                member.send_signal(linux::SIGKILL);
            }
        }
    }

    /// The limit that it, or one that it is within, has reached; 0: none.
    #[must_use]
    pub fn ended_by(self: &Arc<Self>) -> u32 {
        self.chain()
            .map(|account| account.ended_by.load(Ordering::SeqCst))
            .find(|limit| *limit != 0)
            .unwrap_or(0)
    }

    /// Ends it: one of its processes is killed here, and the rest by that one's end. So it
    /// may be called from an interrupt.
    fn end(&self, limit: u32) {
        let is_first = self
            .ended_by
            .compare_exchange(0, limit, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok();
        if !is_first {
            return;
        }
        ENDED.add(1);
        // Under the lock: a reference of its own might be the last one.
        if let Some(process) = self.members.lock().values().next() {
            process.send_signal(linux::SIGKILL);
        }
    }

    /// There is no frame for `process`, one of its own, because a memory limit was reached:
    /// the account that has it ends.
    pub fn end_at_limit(self: &Arc<Self>, process: &Process) {
        let is_full = |account: &&Arc<Self>| {
            let ledger = account.ledger.as_ref();
            ledger.is_some_and(LedgerHandle::is_full)
        };
        // The nearest limit where others have given something back meanwhile.
        let nearest = || self.chain().find(|account| account.ledger.is_some());
        if let Some(account) = self.chain().find(is_full).or_else(nearest) {
            account.end(LIMIT_MEMORY);
        }
        // It would only try again until its turn comes.
        process.send_signal(linux::SIGKILL);
    }

    /// Adds what `thread`, which runs on this core, has run since this was done last.
    pub(super) fn settle(self: &Arc<Self>, thread: &Thread) {
        let run = thread.run_nanos();
        let new = run.saturating_sub(thread.settled.swap(run, Ordering::Relaxed));
        for account in self.chain() {
            account.cpu_used.fetch_add(new, Ordering::Relaxed);
        }
    }

    /// When the core that runs one of its threads should look again; None: never.
    pub(super) fn next_look(self: &Arc<Self>) -> Option<Instant> {
        let left = self
            .chain()
            .filter(|account| account.cpu_limit != UNLIMITED)
            .map(|account| {
                let used = account.cpu_used.load(Ordering::Relaxed);
                account.cpu_limit.saturating_sub(used)
            })
            .min()?;
        // All cores may run threads of it.
        let step = Duration::from_nanos(left / cpu::count().max(1) as u64);
        Some(Instant::now() + step.max(LEAST_STEP))
    }

    /// Ends what has used its CPU time up.
    pub(super) fn look(self: &Arc<Self>) {
        for account in self.chain() {
            if account.cpu_used.load(Ordering::Relaxed) >= account.cpu_limit {
                account.end(LIMIT_CPU_TIME);
            }
        }
    }
}

struct Deadline(Weak<Account>);

impl Expire for Deadline {
    fn expire(&self) {
        if let Some(account) = self.0.upgrade() {
            account.end(LIMIT_DEADLINE);
        }
    }
}
