//! Process groups that nobody is left to continue: when the end of a process orphans a
//! group with stopped members, all of it gets `SIGHUP` and `SIGCONT` (POSIX.1-2017, 3.263
//! and `_Exit`).
//!
//! Looking at a group takes a look at every process, so it is only done while one is
//! stopped.

use core::sync::atomic::{AtomicUsize, Ordering};

use linux_raw_sys::general as linux;

use super::process::{self, Process};

/// How many processes are stopped.
static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// One more process is stopped.
pub(super) fn note_stop() {
    STOPPED.fetch_add(1, Ordering::AcqRel);
}

/// One of them goes on, or has ended.
pub(super) fn note_going_on() {
    STOPPED.fetch_sub(1, Ordering::AcqRel);
}

/// Whether nobody is left in the session who could continue the group: no member has a
/// parent in another group of the same session.
#[must_use]
pub fn is_orphaned(group: u32) -> bool {
    !process::all()
        .iter()
        .filter(|process| process.group_id() == group && !process.is_zombie())
        .any(|process| {
            process::find(process.parent_id()).is_some_and(|parent| may_continue(&parent, process))
        })
}

fn may_continue(parent: &Process, child: &Process) -> bool {
    parent.group_id() != child.group_id() && parent.session_id() == child.session_id()
}

/// The groups that `process`, which is about to leave its family, keeps from being
/// orphaned, it or as a parent. Empty where nothing is stopped.
pub(super) fn kept_by(process: &Process) -> Vec<u32> {
    if STOPPED.load(Ordering::Acquire) == 0 {
        return Vec::new();
    }
    let mut groups: Vec<u32> = process
        .children()
        .iter()
        .filter(|child| may_continue(process, child))
        .map(|child| child.group_id())
        .collect();
    if process
        .parent()
        .is_some_and(|parent| may_continue(&parent, process))
    {
        groups.push(process.group_id());
    }
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Tells those of `groups` that are orphaned now and have a stopped member.
pub(super) fn tell(groups: &[u32]) {
    for &group in groups {
        let has_stopped = process::all().iter().any(|process| {
            process.group_id() == group && process.is_stopped() && !process.is_zombie()
        });
        if has_stopped && is_orphaned(group) {
            process::signal_group(group, linux::SIGHUP);
            process::signal_group(group, linux::SIGCONT);
        }
    }
}
