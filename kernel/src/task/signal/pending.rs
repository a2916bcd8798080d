//! Signals that wait: of a standard one the first, of a realtime one each, in order.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::{BTreeMap, VecDeque};

use linux_raw_sys::general as linux;

use super::bit;
use super::info::{Detail, SI_TIMER, SigInfo};
use crate::errno::{Errno, Result};
use crate::sync::IrqLock;

/// First signal that queues.
const FIRST_REALTIME: u32 = 32;

/// Signals that a fault of the thread itself causes: they come before all others.
const SYNCHRONOUS: u64 = bit(linux::SIGSEGV)
    | bit(linux::SIGBUS)
    | bit(linux::SIGILL)
    | bit(linux::SIGTRAP)
    | bit(linux::SIGFPE)
    | bit(linux::SIGSYS);

/// What waits, by signal. No queue is empty.
#[derive(Default)]
struct Pending {
    queues: BTreeMap<u32, VecDeque<SigInfo>>,
    count: usize,
}

impl Pending {
    /// Whether there was memory for it.
    fn push(&mut self, info: SigInfo) -> bool {
        let queue = self.queues.entry(info.signal).or_default();
        let has_room = queue.try_reserve(1).is_ok();
        if has_room {
            queue.push_back(info);
            self.count += 1;
        } else if queue.is_empty() {
            self.queues.remove(&info.signal);
        }
        has_room
    }

    /// Whether it is of a timer whose signal waits already, which then tells of its expiry too.
    fn joins(&mut self, info: SigInfo) -> bool {
        let Detail::Timer(timer, overruns, _) = info.detail else {
            return false;
        };
        let mut waiting = self.queues.get_mut(&info.signal).into_iter().flatten();
        waiting.any(|waiting| match &mut waiting.detail {
            Detail::Timer(its, so_far, _) if *its == timer => {
                *so_far = so_far.saturating_add(overruns).saturating_add(1);
                true
            }
            _ => false,
        })
    }

    fn pop(&mut self, signal: u32) -> Option<SigInfo> {
        let queue = self.queues.get_mut(&signal)?;
        let info = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&signal);
        }
        self.count -= usize::from(info.is_some());
        info
    }
}

/// A pending set with its mask readable without the lock.
pub(super) struct PendingSet {
    mask: AtomicU64,
    pending: IrqLock<Pending>,
}

impl PendingSet {
    pub(super) const fn new() -> Self {
        Self {
            mask: AtomicU64::new(0),
            pending: IrqLock::new(Pending {
                queues: BTreeMap::new(),
                count: 0,
            }),
        }
    }

    pub(super) fn mask(&self) -> u64 {
        self.mask.load(Ordering::SeqCst)
    }

    /// Adds a signal: a standard one once, a realtime one as often as it comes, while fewer than
    /// `limit` wait; of a timer one, with its overruns (`timer_getoverrun(2)`). Beyond the limit
    /// only that there was one is kept (`__send_signal_locked` of Linux).
    ///
    /// # Errors
    /// `EAGAIN` where that would lose what a program wanted to be queued: a realtime signal that
    /// was not sent by `kill`, nor by a timer.
    pub(super) fn add(&self, info: SigInfo, limit: usize) -> Result<()> {
        let mut pending = self.pending.lock();
        if pending.joins(info) {
            return Ok(());
        }
        let is_standard = info.signal < FIRST_REALTIME;
        if is_standard && self.mask() & bit(info.signal) != 0 {
            return Ok(());
        }
        let has_room = is_standard || pending.count < limit;
        if !(has_room && pending.push(info)) {
            let is_from_program = info.code < 0 && info.code != SI_TIMER;
            if !is_standard && is_from_program {
                return Err(Errno::EAGAIN);
            }
        }
        self.mask.fetch_or(bit(info.signal), Ordering::SeqCst);
        Ok(())
    }

    /// Takes the first signal of `wanted`: synchronous ones first, then by number.
    pub(super) fn take(&self, wanted: u64) -> Option<SigInfo> {
        let mut pending = self.pending.lock();
        let ready = self.mask() & wanted;
        if ready == 0 {
            return None;
        }
        let synchronous = ready & SYNCHRONOUS;
        let first = if synchronous != 0 { synchronous } else { ready };
        let signal = first.trailing_zeros() + 1;
        let info = pending.pop(signal);
        if !pending.queues.contains_key(&signal) {
            self.mask.fetch_and(!bit(signal), Ordering::SeqCst);
        }
        // Where there was no room only the bit told of it.
        Some(info.unwrap_or(SigInfo::from_kernel(signal)))
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.pending.lock().count
    }

    pub(super) fn remove(&self, mask: u64) {
        let mut pending = self.pending.lock();
        pending.queues.retain(|signal, _| bit(*signal) & mask == 0);
        pending.count = pending.queues.values().map(VecDeque::len).sum();
        self.mask.fetch_and(!mask, Ordering::SeqCst);
    }
}
