//! An open terminal: reading, writing, polling.

use core::any::Any;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::session::{Background, check_background};
use super::{Terminal, input_room, pty};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::{block, empty_stat};
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::fs::inode::Inode;
use crate::memory::user::{Destination, Source};
use crate::sync::{WaitError, WaitQueue};
use crate::time::Instant;

/// Output bytes processed at a time: up to eight times as many go out.
const OUTPUT_PIECE: usize = 512;

/// Input bytes copied at a time.
const INPUT_PIECE: usize = 4096;

/// One open file of a terminal.
pub struct TerminalFile {
    pub(super) terminal: Arc<Terminal>,
    /// Where it was found; None for the first process's.
    inode: Option<Arc<dyn Inode>>,
    _presence: Option<pty::SlavePresence>,
}

/// What a non-canonical read waits for (termios(3), "Canonical and noncanonical mode").
struct Patience {
    /// Bytes that end the read.
    minimum: usize,
    /// Before the first byte; None is for ever.
    first: Option<Duration>,
    /// Between two bytes.
    between: Option<Duration>,
}

impl TerminalFile {
    /// An open file of `terminal`.
    #[must_use]
    pub fn new(terminal: Arc<Terminal>, inode: Option<Arc<dyn Inode>>) -> Self {
        let presence = pty::SlavePresence::of(&terminal);
        Self {
            terminal,
            inode,
            _presence: presence,
        }
    }

    fn patience(&self) -> Patience {
        let state = self.terminal.state.lock();
        let settings = state.discipline.settings();
        let time = Duration::from_millis(100 * settings.tenths());
        let timer = (!time.is_zero()).then_some(time);
        match settings.minimum() {
            _ if settings.is_canonical() => Patience {
                minimum: 1,
                first: None,
                between: None,
            },
            0 => Patience {
                minimum: 1,
                first: Some(time),
                between: None,
            },
            minimum => Patience {
                minimum,
                first: None,
                between: timer,
            },
        }
    }

    /// Takes up to `to.len()` bytes; whether the read ends with them. None where there is
    /// no input.
    fn take(&self, to: &mut [u8]) -> Option<(usize, bool)> {
        let mut state = self.terminal.state.lock();
        if !state.discipline.is_readable(1) {
            return None;
        }
        let taken = state.discipline.read(to);
        let room = input_room(&state);
        self.terminal.backend.input_changed(0, room);
        Some(taken)
    }

    /// Waits for input. None where the read ends here: hung up, or its time is over.
    fn wait(&self, file: &OpenFile, deadline: Option<Instant>) -> Result<Option<()>> {
        let terminal = &self.terminal;
        let ready = || {
            // Asked before the input: what was typed last comes before the end.
            let has_end = terminal.is_hung_up() || terminal.has_input_ended.load(Ordering::SeqCst);
            let has_input = terminal.state.lock().discipline.is_readable(1);
            match has_input {
                true => Some(Ok(Some(()))),
                false if has_end => Some(Ok(None)),
                false => None,
            }
        };
        // A read that does not wait at all ends with no bytes rather than with EAGAIN.
        let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if file.is_nonblocking() && !is_over {
            return block(&terminal.changed, true, None, ready);
        }
        match terminal.changed.wait_until(deadline, ready) {
            Ok(answer) => answer,
            Err(WaitError::TimedOut) => Ok(None),
            Err(WaitError::Interrupted) => Err(Errno::RestartOrEintr),
        }
    }

    /// Processes and sends one piece of output; waits for room first.
    fn send(&self, file: &OpenFile, bytes: &[u8], processed: &mut Vec<u8>) -> Result<()> {
        let terminal = &self.terminal;
        let attempt = || {
            if terminal.is_hung_up() {
                return Some(Err(Errno::EIO));
            }
            let mut state = terminal.state.lock();
            if state.discipline.is_stopped() {
                return None;
            }
            let cursor = state.discipline.save_cursor();
            processed.clear();
            state.discipline.process_output(bytes, processed);
            if terminal.backend.queue(processed) {
                return Some(Ok(()));
            }
            state.discipline.restore_cursor(cursor);
            None
        };
        block(
            terminal.backend.room_queue(),
            file.is_nonblocking(),
            None,
            attempt,
        )
    }
}

impl FileObject for TerminalFile {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        check_background(&self.terminal, Background::Read)?;
        if to.remaining() == 0 {
            return Ok(0);
        }
        let patience = self.patience();
        let mut deadline = patience.first.map(|time| Instant::now() + time);
        let mut piece = vec![0; INPUT_PIECE.min(to.remaining())];
        let mut done = 0;
        let answer = loop {
            let room = piece.len().min(to.remaining());
            if room == 0 {
                break Ok(());
            }
            match self.take(&mut piece[..room]) {
                Some((count, ends_read)) => {
                    match to.write(&piece[..count]) {
                        Ok(written) if written == count => done += count,
                        Ok(written) => {
                            done += written;
                            break Ok(());
                        }
                        Err(error) => break Err(error),
                    }
                    if ends_read {
                        break Ok(());
                    }
                    if let Some(time) = patience.between {
                        deadline = Some(Instant::now() + time);
                    }
                }
                None if done >= patience.minimum => break Ok(()),
                None => match self.wait(file, deadline) {
                    Ok(Some(())) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                },
            }
        };
        self.terminal.backend.start();
        match answer {
            Err(error) if done == 0 => Err(error),
            _ => Ok(done),
        }
    }

    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        check_background(&self.terminal, Background::Write)?;
        let mut piece = [0; OUTPUT_PIECE];
        let mut processed = Vec::with_capacity(2 * OUTPUT_PIECE);
        let mut done = 0;
        while from.remaining() > 0 {
            let step = from.read(&mut piece).and_then(|count| {
                self.send(file, &piece[..count], &mut processed)
                    .inspect_err(|_| from.unread(count))
                    .map(|()| count)
            });
            self.terminal.backend.start();
            match step {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        if self.terminal.is_hung_up() {
            return Events::all() - Events::PRI - Events::NVAL - Events::RDHUP;
        }
        let (has_input, is_stopped) = {
            let state = self.terminal.state.lock();
            (
                state.discipline.is_pollable(),
                state.discipline.is_stopped(),
            )
        };
        let mut events = Events::empty();
        if has_input || self.terminal.has_input_ended.load(Ordering::SeqCst) {
            events |= Events::IN | Events::RDNORM;
        }
        if !is_stopped && self.terminal.backend.has_room() {
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.terminal.changed)
    }

    fn ioctl(&self, file: &OpenFile, request: u32, argument: usize) -> Result<usize> {
        super::control::ioctl(&self.terminal, file, request, argument)
    }

    fn stat(&self) -> Result<linux::stat> {
        if let Some(inode) = &self.inode {
            return Ok(inode.metadata().to_stat());
        }
        let mut stat = empty_stat();
        stat.st_mode = linux::S_IFCHR | 0o600;
        stat.st_nlink = 1;
        stat.st_rdev = self.terminal.device;
        stat.st_blksize = 4096;
        Ok(stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
