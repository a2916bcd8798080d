//! Terminals: the console, and pseudo-terminals.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod.rs` | [`Terminal`]: state, what the hardware side calls |
//! | [`file`] | an open terminal: reading, writing, polling |
//! | [`control`] | `ioctl(2)`: settings, size, flow |
//! | [`session`] | controlling terminals, background processes |
//! | [`pty`] | pseudo-terminals |
//!
//! Not here: what typed bytes mean (crate `streams`, `terminal`), and the hardware
//! ([`Backend`]).
//!
//! Lock order: a terminal's state, then its backend's. Signals are sent with neither
//! held.

mod control;
mod file;
mod pty;
mod session;

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;
use streams::terminal::{CAPACITY, Discipline, Effects, Settings, TerminalSignal};

use super::file::{FileObject, OpenFile};
use super::inode::{Inode, device_parts};
use super::path;
use crate::errno::{Errno, Result};
use crate::sync::{IrqLock, WaitQueue, Wake};
use crate::task;

pub use file::TerminalFile;
pub use session::{controlling_terminal, leave};

/// The hardware of a terminal.
pub trait Backend: Send + Sync {
    /// Queues output, all of it or nothing; says whether. Called with the terminal's
    /// state locked.
    fn queue(&self, bytes: &[u8]) -> bool;

    /// Sends what is queued. Called with nothing locked, by threads only.
    fn start(&self);

    /// Whether a few kilobytes of output find room.
    fn has_room(&self) -> bool;

    /// Whether all output has gone out.
    fn is_drained(&self) -> bool;

    /// Told when `has_room` or `is_drained` come true.
    fn room_queue(&self) -> &WaitQueue;

    /// `received` bytes were taken from the hardware, or readers made room; `room` bytes
    /// of input fit now. Called with the terminal's state locked.
    fn input_changed(&self, received: usize, room: usize);

    /// Throws queued output away, where it can (`TCOFLUSH`). As `input_changed`.
    fn discard_output(&self) {}
}

/// Rows and columns, and pixels where somebody set them (`struct winsize`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    rows: u16,
    columns: u16,
    width: u16,
    height: u16,
}

struct State {
    discipline: Discipline,
    size: Size,
    /// The session that it controls, and that session's foreground process group.
    session: Option<u32>,
    foreground: Option<u32>,
}

/// A terminal, seen from the side of its processes.
pub struct Terminal {
    state: IrqLock<State>,
    backend: Arc<dyn Backend>,
    /// Its device number, as in `st_rdev`.
    device: u64,
    is_hung_up: AtomicBool,
    /// `TIOCEXCL`.
    is_exclusive: AtomicBool,
    /// Reads end where no input is left: the host's standard input has ended.
    has_input_ended: AtomicBool,
    /// Told when there is input, and when output has room or is allowed again.
    changed: Arc<WaitQueue>,
}

/// Hands the backend's "room" on to those who poll the terminal.
struct RoomBridge(Arc<WaitQueue>);

impl Wake for RoomBridge {
    fn wake(&self) {
        self.0.wake_all();
    }
}

impl Terminal {
    /// A terminal with the default settings.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, device: u64) -> Arc<Self> {
        let changed = Arc::new(WaitQueue::new());
        backend
            .room_queue()
            .add(Arc::new(RoomBridge(changed.clone())));
        Arc::new(Self {
            state: IrqLock::new(State {
                discipline: Discipline::default(),
                size: Size::default(),
                session: None,
                foreground: None,
            }),
            backend,
            device,
            is_hung_up: AtomicBool::new(false),
            is_exclusive: AtomicBool::new(false),
            has_input_ended: AtomicBool::new(false),
            changed,
        })
    }

    /// Starts with other settings than a console's.
    fn set_settings(&self, settings: Settings) {
        self.state.lock().discipline.set_settings(settings);
    }

    /// Its device number.
    #[must_use]
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Opens it for the first process; lets input come.
    #[must_use]
    pub fn open(self: &Arc<Self>) -> Arc<OpenFile> {
        self.allow_input();
        let found = super::kernel_base()
            .and_then(|base| path::resolve(&base, b"/dev/console", true))
            .ok();
        let inode = found.as_ref().map(|location| location.inode.clone());
        let file = Arc::new(TerminalFile::new(self.clone(), inode));
        match found {
            Some(location) => OpenFile::at(file, linux::O_RDWR, location),
            None => OpenFile::new(file, linux::O_RDWR, b"/dev/console".to_vec()),
        }
    }

    /// Tells the hardware how much input it may deliver.
    pub fn allow_input(&self) {
        let state = self.state.lock();
        self.backend.input_changed(0, input_room(&state));
        drop(state);
        self.backend.start();
    }

    /// The foreground process group.
    #[must_use]
    pub fn foreground(&self) -> Option<u32> {
        self.state.lock().foreground
    }

    /// Makes it the controlling terminal of `session`, with `group` in the foreground:
    /// for the first process.
    pub fn set_foreground(self: &Arc<Self>, session: u32, group: u32) {
        session::attach(self, session, group);
    }

    /// Takes typed bytes from the hardware; may run in an interrupt.
    pub fn input(&self, bytes: &[u8]) {
        let mut effects = Effects::default();
        let (group, wakes, is_started) = {
            let mut state = self.state.lock();
            let was_stopped = state.discipline.is_stopped();
            state.discipline.receive(bytes, &mut effects);
            if effects.flush_output {
                self.backend.discard_output();
            }
            // An echo that finds no room is dropped, as on Linux.
            for piece in effects.echo.chunks(1024) {
                self.backend.queue(piece);
            }
            self.backend.input_changed(bytes.len(), input_room(&state));
            let is_started = was_stopped && !state.discipline.is_stopped();
            (
                state.foreground,
                state.discipline.is_readable(1),
                is_started,
            )
        };
        if wakes {
            self.changed.wake_all();
        }
        if is_started {
            self.tell_writers();
        }
        for signal in effects.signals {
            let number = match signal {
                TerminalSignal::Interrupt => linux::SIGINT,
                TerminalSignal::Quit => linux::SIGQUIT,
                TerminalSignal::Suspend => linux::SIGTSTP,
            };
            if let Some(group) = group {
                task::process::signal_group(group, number);
            }
        }
    }

    /// Sets rows and columns; the foreground group hears of a change.
    pub fn set_size(&self, rows: u16, columns: u16) {
        let old = self.state.lock().size;
        self.resize(Size {
            rows,
            columns,
            ..old
        });
    }

    fn resize(&self, size: Size) {
        let group = {
            let mut state = self.state.lock();
            let has_changed = state.size != size;
            state.size = size;
            state.foreground.filter(|_| has_changed)
        };
        if let Some(group) = group {
            task::process::signal_group(group, linux::SIGWINCH);
        }
    }

    /// The hardware is gone: reads end, writes fail, the session's leader is told.
    pub fn hang_up(&self) {
        self.is_hung_up.store(true, Ordering::SeqCst);
        let (session, foreground) = {
            let state = self.state.lock();
            (state.session, state.foreground)
        };
        self.changed.wake_all();
        self.backend.room_queue().wake_all();
        if let Some(leader) = session.and_then(task::process::find) {
            leader.send_signal(linux::SIGHUP);
            leader.send_signal(linux::SIGCONT);
        }
        if let Some(group) = foreground.filter(|group| Some(*group) != session) {
            task::process::signal_group(group, linux::SIGHUP);
            task::process::signal_group(group, linux::SIGCONT);
        }
    }

    /// No more input will come: reads end once it is empty.
    pub fn end_input(&self) {
        self.has_input_ended.store(true, Ordering::SeqCst);
        self.changed.wake_all();
    }

    /// Output is allowed again. The bridge tells the pollers as well.
    fn tell_writers(&self) {
        self.backend.room_queue().wake_all();
    }

    fn is_hung_up(&self) -> bool {
        self.is_hung_up.load(Ordering::SeqCst)
    }
}

/// Bytes that may come: a little is kept back for the ends of lines.
fn input_room(state: &State) -> usize {
    state.discipline.room().min(CAPACITY - 1)
}

/// Opens the terminal with device number `device`, found at `node`: the console, the
/// process's own (`/dev/tty`), or a pseudo-terminal's sides.
///
/// # Errors
/// `ENXIO` where there is no such terminal, `EIO` for a locked pseudo-terminal, `EBUSY`
/// for one that is taken.
pub fn open_device(node: Arc<dyn Inode>, device: u64, flags: u32) -> Result<Arc<dyn FileObject>> {
    let terminal = match device_parts(device) {
        (5, 0) => controlling_terminal().ok_or(Errno::ENXIO)?,
        (5, 1) => crate::console::terminal().ok_or(Errno::ENXIO)?,
        (5, 2) => return pty::open_master(node),
        (pty::MAJOR, index) => pty::find(index)?,
        _ => return Err(Errno::ENXIO),
    };
    if terminal.is_hung_up() {
        return Err(Errno::EIO);
    }
    let is_root = task::current_process().credentials().euid == 0;
    if terminal.is_exclusive.load(Ordering::Relaxed) && !is_root {
        return Err(Errno::EBUSY);
    }
    terminal.allow_input();
    // /dev/console never becomes anybody's by being opened (tty_open).
    if flags & linux::O_NOCTTY == 0 && device_parts(device) != (5, 1) {
        session::attach_if_free(&terminal);
    }
    Ok(Arc::new(TerminalFile::new(terminal, Some(node))))
}
