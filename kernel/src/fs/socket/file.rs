//! A socket as a file: `read(2)`, `write(2)`, `ioctl(2)`, closing.

use core::any::Any;

use linux_raw_sys::{general as linux, ioctl as request, net};

use super::transfer::Sending;
use super::{Kind, Socket, interface};
use crate::errno::{Errno, Result};
use crate::fs::file::{Events, FileObject, OpenFile};
use crate::memory::user::{self, Destination, Source};
use crate::sync::WaitQueue;

impl FileObject for Socket {
    fn read(&self, file: &OpenFile, to: &mut Destination<'_>) -> Result<usize> {
        if to.remaining() == 0 && !self.has_messages() {
            return Ok(0);
        }
        let flags = if file.is_nonblocking() {
            net::MSG_DONTWAIT
        } else {
            0
        };
        self.receive(to, flags).map(|received| received.count)
    }

    fn write(&self, file: &OpenFile, from: &mut Source<'_>) -> Result<usize> {
        let flags = if file.is_nonblocking() {
            net::MSG_DONTWAIT
        } else {
            0
        };
        self.send(from, Sending::plain(flags))
    }

    fn poll(&self, _file: &OpenFile) -> Events {
        self.ready_events()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.end.events)
    }

    fn ioctl(&self, _file: &OpenFile, number: u32, argument: usize) -> Result<usize> {
        match number {
            request::FIONREAD => {
                let count = match (self.connection(), self.kind) {
                    (Some(connection), _) => connection.incoming.available(),
                    (None, Kind::Datagram | Kind::Raw) => self.inbox.first_length(),
                    _ => return Err(Errno::EINVAL),
                };
                user::write(argument, &i32::try_from(count).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            request::TIOCOUTQ => {
                let count = self
                    .connection()
                    .map_or(0, |connection| connection.outgoing.available());
                user::write(argument, &i32::try_from(count).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            request::SIOCATMARK if self.is_tcp() => {
                user::write(argument, &0_i32)?;
                Ok(0)
            }
            number => interface::ioctl(self.domain, number, argument).unwrap_or(Err(Errno::ENOTTY)),
        }
    }

    fn stat(&self) -> Result<linux::stat> {
        Ok(self.inode.stat())
    }

    fn release(&self, _file: &OpenFile) {
        self.close();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
