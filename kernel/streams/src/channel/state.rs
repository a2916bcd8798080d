//! What a channel's lock guards: the messages in order, and who may still send or receive.
//!
//! Pure bookkeeping: nothing here waits, and nothing allocates or drops a message but where
//! it says so, because the kernel holds a spin lock around it.

use alloc::collections::VecDeque;

/// What an end of a channel may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// It may send.
    pub sends: bool,
    /// It may receive.
    pub receives: bool,
}

/// How many ends may do one of both.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    now: usize,
    /// How many there have been, these included.
    ever: u64,
}

impl Ends {
    fn add(&mut self) {
        self.now += 1;
        self.ever += 1;
    }

    /// Whether there once was another end than one's own, and is none now. `is_own`:
    /// whether one's own end is among these.
    fn others_are_gone(&self, is_own: bool) -> bool {
        self.ever > u64::from(is_own) && self.now <= usize::from(is_own)
    }
}

/// Why a message can never be sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The channel was closed (`EPIPE`).
    Closed,
    /// All others are gone that could have done their part (`ECONNRESET`).
    Deserted,
}

/// Why a message was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many are inside as may be.
    Full,
    /// There is no storage for one more: [`State::grow`] first.
    NoStorage,
    /// It will never be.
    Never(End),
}

/// What there is for a receiver.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<M, X> {
    /// The oldest message, to be delivered: [`State::finish`] or [`State::put_back`] must
    /// follow.
    Message(M),
    /// The oldest message is not for this receiver, who says why; it stays.
    Unfit(X),
    /// Nothing, yet.
    Nothing,
    /// Nothing, for ever.
    Never(End),
}

/// What an end can do at once, for pollers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A message is inside.
    pub has_message: bool,
    /// None is inside, and none will ever be.
    pub is_over: bool,
    /// There is room for a message.
    pub has_room: bool,
    /// Nothing that is sent will ever be received.
    pub is_refused: bool,
}

/// Who has to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Those that wait for a message.
    pub receivers: bool,
    /// Those that wait for room.
    pub senders: bool,
}

/// A channel's messages and ends.
pub struct State<M> {
    messages: VecDeque<M>,
    /// The oldest message's number; the others follow.
    first: u64,
    /// Messages that were taken out and may come back: they have a place still, and while
    /// there are any nobody is told that none is left.
    in_delivery: usize,
    capacity: usize,
    is_closed: bool,
    senders: Ends,
    receivers: Ends,
    /// Ends that may do both, now.
    both: usize,
}

impl<M> State<M> {
    /// A channel of up to `capacity` messages, with no end.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            // Not 0: what was taken out may come back after others.
            first: 1 << 32,
            in_delivery: 0,
            capacity,
            is_closed: false,
            senders: Ends::default(),
            receivers: Ends::default(),
            both: 0,
        }
    }

    /// One more end.
    pub fn join(&mut self, rights: Rights) {
        if rights.sends {
            self.senders.add();
        }
        if rights.receives {
            self.receivers.add();
        }
        self.both += usize::from(rights.sends && rights.receives);
    }

    /// An end goes. The messages that nobody can receive any more, for the caller to drop.
    pub fn leave(&mut self, rights: Rights) -> VecDeque<M> {
        self.senders.now -= usize::from(rights.sends);
        self.receivers.now -= usize::from(rights.receives);
        self.both -= usize::from(rights.sends && rights.receives);
        if self.receivers.now == 0 {
            return core::mem::take(&mut self.messages);
        }
        VecDeque::new()
    }

    /// An end goes that never was any other end's peer: it was made for a message that was
    /// not sent. As [`State::leave`], and nobody remembers it.
    pub fn retract(&mut self, rights: Rights) -> VecDeque<M> {
        self.senders.ever -= u64::from(rights.sends);
        self.receivers.ever -= u64::from(rights.receives);
        self.leave(rights)
    }

    /// Whom an end that went may concern: those for whom it was the last other one.
    #[must_use]
    pub fn concerned(&self, gone: Rights) -> Concerned {
        // One that is left is nobody's other where it is the waiting one's own.
        let is_last = |left: usize| left == 0 || (left == 1 && self.both > 0);
        Concerned {
            receivers: gone.sends && is_last(self.senders.now),
            senders: gone.receives && is_last(self.receivers.now),
        }
    }

    /// Nothing is sent any more.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Messages that have a place: inside, or being delivered.
    fn placed(&self) -> usize {
        self.messages.len() + self.in_delivery
    }

    /// Whether there is room for a message.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.placed() < self.capacity
    }

    /// Whether a message is inside.
    #[must_use]
    pub fn has_message(&self) -> bool {
        !self.messages.is_empty()
    }

    /// Why nothing that this end sends will ever be received.
    fn send_end(&self, by: Rights) -> Option<End> {
        if self.is_closed {
            return Some(End::Closed);
        }
        let is_deserted = self.receivers.others_are_gone(by.receives);
        is_deserted.then_some(End::Deserted)
    }

    /// Why nothing will ever come for this end any more.
    fn receive_end(&self, by: Rights) -> Option<End> {
        if self.placed() > 0 {
            return None;
        }
        if self.is_closed {
            return Some(End::Closed);
        }
        let is_deserted = self.senders.others_are_gone(by.sends);
        is_deserted.then_some(End::Deserted)
    }

    /// Takes a message in.
    ///
    /// # Errors
    /// The message, and why.
    pub fn push(&mut self, by: Rights, message: M) -> Result<(), (M, Refusal)> {
        if let Some(end) = self.send_end(by) {
            return Err((message, Refusal::Never(end)));
        }
        if !self.has_room() {
            return Err((message, Refusal::Full));
        }
        // What is being delivered must find its place again.
        if self.placed() >= self.messages.capacity() {
            return Err((message, Refusal::NoStorage));
        }
        self.messages.push_back(message);
        Ok(())
    }

    /// How much storage the next message needs, in messages.
    #[must_use]
    pub fn storage(&self) -> usize {
        let needed = (self.placed() + 1).next_power_of_two().max(4);
        needed.min(self.capacity)
    }

    /// Moves the messages into `storage`, which is empty, where that is larger; what is to
    /// be dropped.
    pub fn grow(&mut self, mut storage: VecDeque<M>) -> VecDeque<M> {
        if storage.capacity() > self.messages.capacity() {
            storage.append(&mut self.messages);
            core::mem::swap(&mut storage, &mut self.messages);
        }
        storage
    }

    /// Takes the oldest message out, to be delivered, where `examine` lets it.
    pub fn pull<X>(
        &mut self,
        by: Rights,
        examine: impl FnOnce(&M) -> Result<(), X>,
    ) -> Found<M, X> {
        if let Some(Err(why)) = self.messages.front().map(examine) {
            return Found::Unfit(why);
        }
        if let Some(message) = self.messages.pop_front() {
            self.in_delivery += 1;
            self.first += 1;
            return Found::Message(message);
        }
        self.receive_end(by).map_or(Found::Nothing, Found::Never)
    }

    /// A message was delivered.
    pub fn finish(&mut self) {
        self.in_delivery -= 1;
    }

    /// A message could not be delivered: it is the oldest again.
    pub fn put_back(&mut self, message: M) {
        self.in_delivery -= 1;
        self.first -= 1;
        self.messages.push_front(message);
    }

    /// Whether nothing will ever come for some receiver: none of them can send, or the one
    /// that can may be who waits.
    #[must_use]
    pub fn is_over_for_some(&self) -> bool {
        let is_deserted = match self.senders.now {
            0 => true,
            1 => self.both == 1 && self.senders.ever > 1,
            _ => false,
        };
        self.placed() == 0 && (self.is_closed || is_deserted)
    }

    /// What an end can do at once.
    #[must_use]
    pub fn readiness(&self, of: Rights) -> Readiness {
        Readiness {
            has_message: self.has_message(),
            is_over: self.receive_end(of).is_some(),
            has_room: self.has_room(),
            is_refused: self.send_end(of).is_some(),
        }
    }

    /// The messages inside, the oldest first.
    #[must_use]
    pub fn messages(&self) -> &VecDeque<M> {
        &self.messages
    }

    /// The messages from `number` on, each with its number, for who looks at them a few at a
    /// time. A message keeps its number while it is inside.
    pub fn messages_from(&self, number: u64) -> impl Iterator<Item = (u64, &M)> {
        let start = number.max(self.first);
        let skipped = usize::try_from(start - self.first).unwrap_or(usize::MAX);
        let rest = self.messages.range(skipped.min(self.messages.len())..);
        (start..).zip(rest)
    }

    /// How many messages it can hold, and how many ends may send and receive now.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.capacity, self.senders.now, self.receivers.now)
    }
}

#[cfg(test)]
mod tests;
