//! What sockets are ready for (`tcp_poll`, `unix_poll`, `datagram_poll`).

use core::sync::atomic::Ordering;

use super::{Connection, Role, SHUT_READING, SHUT_WRITING, Socket};
use crate::fs::file::Events;

const READABLE: Events = Events::IN.union(Events::RDNORM);
const WRITABLE: Events = Events::OUT.union(Events::WRNORM);

impl Socket {
    /// What it is ready for now.
    pub(super) fn ready_events(&self) -> Events {
        let connection = {
            let state = self.state.lock();
            match &state.role {
                Role::Connected { connection, .. } => connection.clone(),
                Role::Listening(listener) => {
                    let listener = listener.clone();
                    drop(state);
                    return match listener.is_ready() {
                        true => READABLE,
                        false => Events::empty(),
                    };
                }
                Role::Datagram(_) => {
                    drop(state);
                    return self.datagram_events();
                }
                Role::Idle => {
                    drop(state);
                    return self.idle_events();
                }
            }
        };
        self.connection_events(&connection)
    }

    fn has_error(&self) -> bool {
        self.end.error.load(Ordering::SeqCst) != 0
    }

    fn idle_events(&self) -> Events {
        let mut events = Events::HUP | WRITABLE;
        if self.has_error() {
            events |= Events::ERR;
        }
        // A connection that was refused.
        if self.is_shut(SHUT_READING) {
            events |= READABLE | Events::RDHUP;
        }
        events
    }

    fn connection_events(&self, connection: &Connection) -> Events {
        let (has_data, is_read_out) = {
            let queue = connection.incoming.queue.lock();
            (!queue.messages.is_empty(), queue.has_end())
        };
        let (is_write_over, peer_is_gone) = {
            let queue = connection.outgoing.queue.lock();
            (queue.is_finished || queue.is_unread, queue.is_unread)
        };
        let mut events = Events::empty();
        if has_data {
            events |= READABLE;
        }
        if is_read_out {
            events |= READABLE | Events::RDHUP;
        }
        let is_hung_up = is_read_out && (is_write_over || peer_is_gone);
        if is_hung_up {
            events |= Events::HUP;
        }
        if connection.outgoing.is_writable() {
            events |= WRITABLE;
        }
        if self.has_error() {
            events |= Events::ERR;
        }
        events
    }

    fn datagram_events(&self) -> Events {
        let mut events = WRITABLE;
        if !self.inbox.queue.lock().messages.is_empty() {
            events |= READABLE;
        }
        if self.is_shut(SHUT_READING) {
            events |= READABLE | Events::RDHUP;
            if self.is_shut(SHUT_WRITING) {
                events |= Events::HUP;
            }
        }
        if self.has_error() {
            events |= Events::ERR;
        }
        events
    }
}
