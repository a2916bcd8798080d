//! Signals that reach us while a machine runs, as flags and one descriptor to wait on.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::{SigId, flag, low_level};

use crate::error::{Error, Result};

const HANDLED: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGWINCH];

/// Handlers for as long as this lives.
pub struct Signals {
    pipe: UnixStream,
    flags: [Arc<AtomicBool>; HANDLED.len()],
    registered: Vec<SigId>,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn listen() -> Result<Self> {
        let refused = || Error::io("signal handlers");
        let (pipe, writer) = UnixStream::pair().map_err(refused())?;
        pipe.set_nonblocking(true).map_err(refused())?;
        let flags: [Arc<AtomicBool>; HANDLED.len()] = Default::default();
        let mut signals = Self {
            pipe,
            flags,
            registered: Vec::new(),
        };
        for (signal, set) in HANDLED.iter().zip(&signals.flags) {
            // The flag first: who wakes up by the pipe must find it.
            signals
                .registered
                .push(flag::register(*signal, Arc::clone(set)).map_err(refused())?);
            let writer = writer.try_clone().map_err(refused())?;
            signals
                .registered
                .push(low_level::pipe::register(*signal, writer).map_err(refused())?);
        }
        Ok(signals)
    }

    /// The signals that came since the last call.
    pub fn take(&mut self) -> Vec<i32> {
        while matches!(self.pipe.read(&mut [0; 64]), Ok(count) if count > 0) {}
        HANDLED
            .iter()
            .zip(&self.flags)
            .filter(|(_, flag)| flag.swap(false, Ordering::SeqCst))
            .map(|(signal, _)| *signal)
            .collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            low_level::unregister(id);
        }
    }
}
