//! Pseudo-terminals (`pty(7)`): a terminal whose hardware is another process.
//!
//! The slave is an ordinary [`Terminal`]; the master's writes are its keystrokes, and its
//! output is what the master reads. No packet mode.

use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use linux_raw_sys::{general as linux, ioctl as request};
use streams::byte_ring::ByteRing;
use streams::terminal::Settings;

use super::{Backend, Terminal, TerminalFile, control, input_room};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::block;
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::fs::inode::{Inode, Kind, NewContent, NewInode, device_number, device_parts};
use crate::fs::path::{self, LastName};
use crate::memory::user::{self, Destination, Source};
use crate::sync::{IrqLock, SleepMutex, WaitQueue};
use crate::task;

/// Major number of the slaves (`UNIX98_PTY_SLAVE_MAJOR`).
pub const MAJOR: u32 = 136;

/// Pseudo-terminals at a time.
const MOST: u32 = 4096;

/// Bytes of output that wait for the master.
const CAPACITY: usize = 16 << 10;

/// Bytes moved at a time.
const PIECE: usize = 4096;

/// The group that owns slaves (`tty` in every distribution).
const TTY_GROUP: u32 = 5;

/// The masters that are open, by index.
static OPEN: SleepMutex<BTreeMap<u32, Weak<Pair>>> = SleepMutex::new(BTreeMap::new());

/// What lies between both sides.
struct Wire {
    output: IrqLock<ByteRing>,
    /// Told when the master may read or write, when output has room, and when a side
    /// goes.
    changed: WaitQueue,
}

/// A master and its slave.
struct Pair {
    index: u32,
    wire: Arc<Wire>,
    slave: Arc<Terminal>,
    is_locked: AtomicBool,
    /// Open files of the slave, and whether there ever was one.
    slaves: AtomicUsize,
    has_been_opened: AtomicBool,
}

impl Backend for Wire {
    fn queue(&self, bytes: &[u8]) -> bool {
        self.output.lock().push_whole(&[bytes])
    }

    fn start(&self) {
        self.changed.wake_all();
    }

    fn has_room(&self) -> bool {
        self.output.lock().room() >= PIECE
    }

    fn is_drained(&self) -> bool {
        // The master's reading is not transmission: Linux does not wait for it either.
        true
    }

    fn room_queue(&self) -> &WaitQueue {
        &self.changed
    }

    fn input_changed(&self, received: usize, _room: usize) {
        if received == 0 {
            self.changed.wake_all();
        }
    }

    fn discard_output(&self) {
        self.output.lock().clear();
    }
}

/// Counts an open file of a slave, while it lives.
pub struct SlavePresence(Arc<Pair>);

impl SlavePresence {
    /// For `terminal`, if it is a slave whose master is open.
    pub fn of(terminal: &Arc<Terminal>) -> Option<Self> {
        let (major, index) = device_parts(terminal.device());
        if major != MAJOR {
            return None;
        }
        let pair = OPEN.lock().get(&index).and_then(Weak::upgrade)?;
        pair.slaves.fetch_add(1, Ordering::SeqCst);
        pair.has_been_opened.store(true, Ordering::SeqCst);
        Some(Self(pair))
    }
}

impl Drop for SlavePresence {
    fn drop(&mut self) {
        if self.0.slaves.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.wire.changed.wake_all();
        }
    }
}

/// The slave with this index, for opening it.
///
/// # Errors
/// `ENXIO` where there is none, `EIO` where it is locked.
pub fn find(index: u32) -> Result<Arc<Terminal>> {
    let pair = OPEN.lock().get(&index).and_then(Weak::upgrade);
    let pair = pair.ok_or(Errno::ENXIO)?;
    if pair.is_locked.load(Ordering::SeqCst) {
        return Err(Errno::EIO);
    }
    Ok(pair.slave.clone())
}

/// An open master.
struct Master {
    pair: Arc<Pair>,
    /// /dev/ptmx.
    node: Arc<dyn Inode>,
}

/// Opens /dev/ptmx: makes a pair, and the slave's name below /dev/pts.
///
/// # Errors
/// `ENOSPC` where there are too many; those of making the name.
pub fn open_master(node: Arc<dyn Inode>) -> Result<Arc<dyn FileObject>> {
    let mut open = OPEN.lock();
    let index = (0..MOST)
        .find(|index| !open.contains_key(index))
        .ok_or(Errno::ENOSPC)?;
    let wire = Arc::new(Wire {
        output: IrqLock::new(ByteRing::new(CAPACITY)),
        changed: WaitQueue::new(),
    });
    let pair = Arc::new(Pair {
        index,
        slave: Terminal::new(wire.clone(), device_number(MAJOR, index)),
        wire,
        is_locked: AtomicBool::new(true),
        slaves: AtomicUsize::new(0),
        has_been_opened: AtomicBool::new(false),
    });
    pair.slave.set_settings(Settings::pseudo_terminal());
    make_name(index)?;
    open.insert(index, Arc::downgrade(&pair));
    Ok(Arc::new(Master { pair, node }))
}

/// The directory /dev/pts; made where it is not there yet.
fn directory() -> Result<Arc<dyn Inode>> {
    let last = path::resolve_last(&crate::fs::kernel_base()?, b"/dev/pts")?;
    let LastName::Name(name) = last.name else {
        return Err(Errno::ENOENT);
    };
    match path::find(&last.directory, &name) {
        Err(Errno::ENOENT) => {
            let new = crate::fs::root_owned(NewContent::Directory, 0o755);
            last.directory.create(&name, new)
        }
        found => found,
    }
}

fn make_name(index: u32) -> Result<()> {
    let new = NewInode {
        content: NewContent::Device(Kind::CharacterDevice, device_number(MAJOR, index)),
        permissions: 0o620,
        uid: task::current_process().credentials().euid,
        gid: TTY_GROUP,
    };
    directory()?.create(index.to_string().as_bytes(), new)?;
    Ok(())
}

impl Drop for Master {
    fn drop(&mut self) {
        let mut open = OPEN.lock();
        open.remove(&self.pair.index);
        if let Ok(directory) = directory() {
            let _ = directory.unlink(self.pair.index.to_string().as_bytes());
        }
        drop(open);
        self.pair.slave.hang_up();
    }
}

impl Master {
    fn is_alone(&self) -> bool {
        let pair = &self.pair;
        pair.has_been_opened.load(Ordering::SeqCst) && pair.slaves.load(Ordering::SeqCst) == 0
    }

    fn room(&self) -> usize {
        input_room(&self.pair.slave.state.lock())
    }

    /// `TIOCGPTPEER`: opens the slave without its name.
    fn open_peer(&self, flags: u32) -> Result<usize> {
        let name = format!("/dev/pts/{}", self.pair.index).into_bytes();
        let inode = path::find(&directory()?, self.pair.index.to_string().as_bytes())?;
        let file = TerminalFile::new(self.pair.slave.clone(), Some(inode));
        let status = flags & (linux::O_ACCMODE | linux::O_NONBLOCK);
        if flags & linux::O_NOCTTY == 0 {
            super::session::attach_if_free(&self.pair.slave);
        }
        let files = task::current_process().files();
        let file = OpenFile::new(Arc::new(file), status, name);
        files.install(file, flags & linux::O_CLOEXEC != 0)
    }
}

impl FileObject for Master {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        let wire = &self.pair.wire;
        let mut piece = vec![0; PIECE.min(to.remaining())];
        let count = block(&wire.changed, file.is_nonblocking(), None, || {
            // Asked before the buffer: what the last slave wrote comes first.
            let is_alone = self.is_alone();
            let count = wire.output.lock().pop(&mut piece);
            match count {
                0 if is_alone => Some(Err(Errno::EIO)),
                0 => None,
                count => Some(Ok(count)),
            }
        })?;
        wire.changed.wake_all();
        to.write(piece.get(..count).unwrap_or_default())
    }

    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let wire = &self.pair.wire;
        let mut piece = vec![0; PIECE.min(from.remaining())];
        let mut done = 0;
        while from.remaining() > 0 {
            let step = block(&wire.changed, file.is_nonblocking(), None, || {
                let room = self.room();
                (room > 0).then_some(Ok(room))
            })
            .and_then(|room| from.read(&mut piece[..PIECE.min(room).min(from.remaining())]));
            match step {
                Ok(count) => {
                    self.pair.slave.input(&piece[..count]);
                    done += count;
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        // The echo is ours to read.
        wire.changed.wake_all();
        Ok(done)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        let mut events = Events::empty();
        if self.is_alone() {
            events |= Events::HUP;
        }
        if !self.pair.wire.output.lock().is_empty() {
            events |= Events::IN | Events::RDNORM;
        }
        if self.room() > 0 {
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.pair.wire.changed)
    }

    fn ioctl(&self, file: &OpenFile, number: u32, argument: usize) -> Result<usize> {
        match number {
            request::TIOCGPTN => user::write(argument, &self.pair.index)?,
            request::TIOCSPTLCK => {
                let locks: i32 = user::read(argument)?;
                self.pair.is_locked.store(locks != 0, Ordering::SeqCst);
            }
            request::TIOCGPTLCK => {
                let is_locked = i32::from(self.pair.is_locked.load(Ordering::SeqCst));
                user::write(argument, &is_locked)?;
            }
            request::TIOCGPTPEER => return self.open_peer(argument as u32),
            request::FIONREAD => {
                let count = self.pair.wire.output.lock().len();
                user::write(argument, &i32::try_from(count).unwrap_or(i32::MAX))?;
            }
            request::TIOCGPGRP => {
                let group = self.pair.slave.foreground().unwrap_or(0);
                user::write(argument, &group)?;
            }
            // The rest is about the slave (tty_mode_ioctl's real_tty).
            _ => return control::ioctl(&self.pair.slave, file, number, argument),
        }
        Ok(0)
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.node.metadata().to_stat())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
