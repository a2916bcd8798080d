//! AF_NETLINK: questions about the network's interfaces (`NETLINK_ROUTE`). The kernel is
//! the only one that answers, and its answers are in the sender's inbox when the send
//! returns. What they say is decided in [`formats::rtnetlink`].
//!
//! Interfaces never change, so that members of groups are never told of anything.

use std::collections::BTreeSet;

use formats::netlink::Requests;
use formats::rtnetlink;

use super::address::Address;
use super::interface::LOOPBACK;
use super::transfer::{Sending, gather};
use super::{Role, Socket};
use crate::errno::{Errno, Result};
use crate::memory::user::Source;
use crate::sync::SleepMutex;
use crate::task;

/// The kernel's own address: where requests go and answers come from.
pub(super) const KERNEL: Address = Address::Netlink { port: 0, groups: 0 };

/// Ports that are taken. They are chosen by programs and say nothing about processes.
static PORTS: SleepMutex<BTreeSet<u32>> = SleepMutex::new(BTreeSet::new());

/// Ports for those whose process's number is taken begin here and go down, as on Linux.
const LAST_EXTRA: u32 = (-4097_i32).cast_unsigned();
const FIRST_EXTRA: u32 = i32::MIN.cast_unsigned();

/// Frees a port that [`bind`] gave.
pub(super) fn release(port: u32) {
    PORTS.lock().remove(&port);
}

/// Takes `port`, or one that is free where it is 0.
///
/// # Errors
/// `EADDRINUSE`.
pub(super) fn bind(port: u32, groups: u32) -> Result<(Address, u32)> {
    let own = task::current_process().id();
    let mut ports = PORTS.lock();
    let port = match port {
        0 => core::iter::once(own)
            .chain((FIRST_EXTRA..=LAST_EXTRA).rev())
            .find(|port| !ports.contains(port))
            .ok_or(Errno::EADDRINUSE)?,
        port => port,
    };
    if !ports.insert(port) {
        return Err(Errno::EADDRINUSE);
    }
    Ok((Address::Netlink { port, groups }, port))
}

impl Socket {
    /// Sends requests, and takes the kernel's answers in.
    pub(super) fn send_netlink(
        &self,
        from: &mut Source<'_>,
        mut sending: Sending,
    ) -> Result<usize> {
        if from.remaining() == 0 {
            return Err(Errno::ENODATA);
        }
        let is_root = task::current_process().credentials().euid == 0;
        let target = match (sending.address.take(), &self.state.lock().role) {
            (Some(address), _) => address,
            (None, Role::Datagram(Some(peer))) => peer.address.clone(),
            (None, _) => KERNEL,
        };
        match target {
            KERNEL => {}
            _ if !is_root => return Err(Errno::EPERM),
            // Groups get a copy, and have no members that read it.
            Address::Netlink { port: 0, .. } => {}
            _ => return Err(Errno::ECONNREFUSED),
        }
        self.autobind()?;
        let Address::Netlink { port, .. } = self.local_address() else {
            return Err(Errno::EINVAL);
        };
        let length = from.remaining();
        if length > self.end.send_buffer().saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        let bytes = gather(from, length)?;
        for request in Requests::new(&bytes) {
            for datagram in rtnetlink::answer(&request, port, is_root, &[LOOPBACK]) {
                let limit = self.options.lock().receive_buffer;
                if self.inbox.queue.lock().messages.cost() > limit {
                    // The reader is told that it has missed something.
                    self.end.set_error(Errno::ENOBUFS);
                    return Ok(length);
                }
                // One that is being closed misses nothing.
                let _ = self.inbox.push(datagram, sending.tag(KERNEL), false);
            }
        }
        Ok(length)
    }
}
