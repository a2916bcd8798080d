//! Memory has run out under a page fault: which tree of processes pays.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use roentgen_abi::spawn::LIMIT_MACHINE;

use super::process::{self, Process};
use super::thread::Thread;
use crate::first_process;
use crate::memory::pressure;
use crate::sync::{IrqLock, WaitQueue};
use crate::time::Instant;

/// How long a victim may take to give its memory back before another one is chosen.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a thread waits before it tries again.
const PAUSE: Duration = Duration::from_millis(1);

crate::counters! {
    /// Trees of processes that were ended because the machine had no memory.
    static TREES = "out_of_memory_kills";
}

/// The first process ends the machine with itself: it must be so many times as large as
/// the others to be chosen.
const FIRST_PROCESS_BONUS: u64 = 4;

/// The tree whose end was asked for last, and when.
static VICTIM: IrqLock<Option<(u32, Instant)>> = IrqLock::new(None);

/// Whether somebody is choosing. One at a time: the others, whose faults fail on their cores
/// at the same moment, would find the largest ending and take the next one too.
static IS_CHOOSING: AtomicBool = AtomicBool::new(false);

/// Sees to it that memory becomes free, or that the current thread's process ends; then
/// the fault may be tried again. Nothing where it failed on purpose. No locks are held.
pub fn relieve(thread: &Thread) {
    if thread.failing.take_note() {
        return;
    }
    // Who failed before the last victim was gone may come here when it is.
    if pressure::room() > 0 {
        return;
    }
    if !IS_CHOOSING.swap(true, Ordering::Acquire) {
        if !is_underway() {
            end_largest();
        }
        IS_CHOOSING.store(false, Ordering::Release);
    }
    if !thread.process().is_ending() {
        let _ = WaitQueue::new().wait_until(Some(Instant::now() + PAUSE), || None::<()>);
    }
}

fn end_largest() {
    let Some(tree) = choose() else {
        return;
    };
    *VICTIM.lock() = Some((tree, Instant::now()));
    // Before anybody can know by the end itself.
    TREES.add(1);
    let count = process::kill_all(|process| {
        let is_member = process.tree() == tree;
        if let Some(spawned) = process.spawned().filter(|_| is_member) {
            spawned.note_limit(LIMIT_MACHINE);
        }
        is_member
    });
    crate::warn!("out of memory: process {tree} ends, and what it started ({count} in all)");
}

/// Whether a victim is about to give back what it has.
fn is_underway() -> bool {
    let Some((id, since)) = *VICTIM.lock() else {
        return false;
    };
    let has_memory = members(id).any(|process| process.try_space().is_some());
    has_memory && Instant::now().since(since) < PATIENCE
}

/// The id of the tree ([`Process::tree`]) with the most memory, of equals the youngest.
fn choose() -> Option<u32> {
    let mut trees = BTreeMap::new();
    for process in process::all() {
        if let Some(space) = process.try_space().filter(|_| !process.is_ending()) {
            *trees.entry(process.tree()).or_insert(0) += space.own_pages();
        }
    }
    let weight = |tree, pages| match tree == first_process::id() {
        true => pages / FIRST_PROCESS_BONUS,
        false => pages,
    };
    trees
        .into_iter()
        .max_by_key(|(tree, pages)| (weight(*tree, *pages), *tree))
        .map(|(tree, _)| tree)
}

/// The processes of a tree.
fn members(tree: u32) -> impl Iterator<Item = Arc<Process>> {
    let all = process::all().into_iter();
    all.filter(move |process| process.tree() == tree)
}
