//! The places of sockets.

use core::any::Any;
use std::sync::{Arc, Weak};

use crate::errno::{Errno, Result};
use crate::sync::SleepMutex;

/// Where a socket is bound to: whoever connects finds it here while it lives.
#[derive(Default)]
pub struct SocketPlace {
    socket: SleepMutex<Option<Weak<dyn Any + Send + Sync>>>,
}

impl SocketPlace {
    /// Names the socket that is bound here.
    pub fn set(&self, socket: Weak<dyn Any + Send + Sync>) {
        *self.socket.lock() = Some(socket);
    }

    /// The socket that is bound here.
    ///
    /// # Errors
    /// `ECONNREFUSED` where it is gone.
    pub fn get(&self) -> Result<Arc<dyn Any + Send + Sync>> {
        let socket = self.socket.lock().as_ref().and_then(Weak::upgrade);
        socket.ok_or(Errno::ECONNREFUSED)
    }
}
