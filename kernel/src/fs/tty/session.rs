//! Controlling terminals, and what processes in the background may do
//! (POSIX.1-2017, 11.1).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use linux_raw_sys::general as linux;
use streams::terminal::Settings;

use super::Terminal;
use crate::errno::{Errno, Result};
use crate::sync::SleepMutex;
use crate::task::{self, orphans::is_orphaned};

/// The controlling terminal of each session that has one. Before a terminal's state in
/// the lock order.
static TERMINALS: SleepMutex<BTreeMap<u32, Weak<Terminal>>> = SleepMutex::new(BTreeMap::new());

/// What a process in the background tries to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Reading: `SIGTTIN`.
    Read,
    /// Writing: `SIGTTOU`, under `TOSTOP` only.
    Write,
    /// Changing something: `SIGTTOU`.
    Change,
}

/// The controlling terminal of the current process.
#[must_use]
pub fn controlling_terminal() -> Option<Arc<Terminal>> {
    terminal_of(task::current_process().session_id())
}

/// The controlling terminal of `session`.
#[must_use]
pub fn terminal_of(session: u32) -> Option<Arc<Terminal>> {
    TERMINALS.lock().get(&session).and_then(Weak::upgrade)
}

/// Makes `terminal` the controlling one of `session`, with `group` in the foreground.
pub fn attach(terminal: &Arc<Terminal>, session: u32, group: u32) {
    let mut terminals = TERMINALS.lock();
    let before = {
        let mut state = terminal.state.lock();
        state.foreground = Some(group);
        state.session.replace(session)
    };
    if let Some(before) = before {
        terminals.remove(&before);
    }
    terminals.insert(session, Arc::downgrade(terminal));
}

/// As [`attach`], for a session leader without a terminal that opens one that nobody has.
pub fn attach_if_free(terminal: &Arc<Terminal>) {
    let process = task::current_process();
    let session = process.session_id();
    let is_free = terminal.state.lock().session.is_none();
    if process.id() == session && is_free && terminal_of(session).is_none() {
        attach(terminal, session, process.group_id());
    }
}

/// `TIOCSCTTY`: `steals` is its argument, for root.
///
/// # Errors
/// `EPERM`.
pub fn take(terminal: &Arc<Terminal>, steals: bool) -> Result<()> {
    let process = task::current_process();
    let session = process.session_id();
    let owner = terminal.state.lock().session;
    if process.id() == session && owner == Some(session) {
        return Ok(());
    }
    if process.id() != session || terminal_of(session).is_some() {
        return Err(Errno::EPERM);
    }
    if owner.is_some() && !(steals && process.credentials().euid == 0) {
        return Err(Errno::EPERM);
    }
    attach(terminal, session, process.group_id());
    Ok(())
}

/// The session `session` gives its terminal up (`TIOCNOTTY` by its leader, or the leader's
/// end): the foreground group is told.
pub fn leave(session: u32) {
    let terminal = TERMINALS.lock().remove(&session);
    let Some(terminal) = terminal.and_then(|terminal| terminal.upgrade()) else {
        return;
    };
    let group = {
        let mut state = terminal.state.lock();
        state.session = None;
        state.foreground.take()
    };
    if let Some(group) = group {
        task::process::signal_group(group, linux::SIGHUP);
        task::process::signal_group(group, linux::SIGCONT);
    }
}

/// Whether the current process may do this now.
///
/// # Errors
/// `RestartOrEintr` after a `SIGTTIN` or `SIGTTOU`; `EIO` where reading cannot even be
/// stopped.
pub fn check_background(terminal: &Terminal, what: Background) -> Result<()> {
    let process = task::current_process();
    let (session, foreground, settings): (_, _, Settings) = {
        let state = terminal.state.lock();
        (
            state.session,
            state.foreground,
            *state.discipline.settings(),
        )
    };
    let group = process.group_id();
    if session != Some(process.session_id()) || foreground.is_none_or(|front| front == group) {
        return Ok(());
    }
    if what == Background::Write && !settings.has_local(linux::TOSTOP) {
        return Ok(());
    }
    let signal = match what {
        Background::Read => linux::SIGTTIN,
        Background::Write | Background::Change => linux::SIGTTOU,
    };
    let is_blocked = task::current().signals().blocked() & task::signal::bit(signal) != 0;
    let is_deaf = is_blocked || process.signals().is_ignored(signal);
    match what {
        Background::Read if is_deaf || is_orphaned(group) => return Err(Errno::EIO),
        Background::Write | Background::Change if is_deaf => return Ok(()),
        Background::Write | Background::Change if is_orphaned(group) => return Err(Errno::EIO),
        _ => {}
    }
    task::process::signal_group(group, signal);
    Err(Errno::RestartOrEintr)
}
