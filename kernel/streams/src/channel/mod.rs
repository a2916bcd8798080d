//! Channels: who is told of what, and when.
//!
//! Here: the order of steps by which no wake-up is lost, over any lock and any wait queue,
//! so that a model checker can run the very code (`tests/loom`). Not here: messages, files,
//! user memory, time.
//!
//! The protocol. Whoever waits subscribes to a queue of waiters and looks at the state
//! then, again and again, until it leaves; whoever changes the state does so under its lock,
//! and then tells the waiters. What one can use is told to one: a message to a receiver, a
//! place to a sender. It may have gone no further than to be told, or have used another one
//! before it was told of this: so whoever leaves a queue of waiters and sees that something is
//! there tells the next ([`Channel::receive`], [`Channel::send`]). What ends something for good is told
//! to all. Pollers have a queue of their own: they use nothing, and what they were told
//! must not be missed by a thread that waits.

pub mod state;

use alloc::collections::VecDeque;

pub use state::{Concerned, End, Found, Readiness, Refusal, Rights, State};

/// A lock around a value, that nothing sleeps, allocates or drops messages under.
pub trait Lock {
    /// What it guards.
    type Value;

    /// Runs `body` with the lock held.
    fn with<R>(&self, body: impl FnOnce(&mut Self::Value) -> R) -> R;
}

/// Threads that wait, in the order of their coming.
pub trait Waiters {
    /// How long a thread waits.
    type Patience;
    /// Why it gave up.
    type GaveUp;

    /// Waits until `ready` gives a value: asks it, then subscribes, and asks it again at
    /// once and whenever it was told.
    ///
    /// # Errors
    /// It gave up: it may have been told after `ready` was asked last.
    fn wait<R>(
        &self,
        patience: Self::Patience,
        ready: impl FnMut() -> Option<R>,
    ) -> Result<R, Self::GaveUp>;

    /// Tells the one that was not told for longest.
    fn wake_one(&self);

    /// Tells all.
    fn wake_all(&self);
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// It has to wait for room.
    Full,
    /// It never can be.
    Never(End),
    /// There is no memory for one more to be inside.
    NoMemory,
}

/// A channel: `L` guards a [`State`].
pub struct Channel<L, W> {
    state: L,
    receivers: W,
    senders: W,
    pollers: W,
}

impl<M, L: Lock<Value = State<M>>, W: Waiters> Channel<L, W> {
    /// A channel around its state, with three empty queues of waiters.
    pub const fn new(state: L, receivers: W, senders: W, pollers: W) -> Self {
        Self {
            state,
            receivers,
            senders,
            pollers,
        }
    }

    /// One more end. Nobody has to be told: it can only begin something.
    pub fn join(&self, rights: Rights) {
        self.state.with(|state| state.join(rights));
    }

    /// An end goes. The messages that nobody can receive any more, for the caller to drop.
    #[must_use]
    pub fn leave(&self, rights: Rights) -> VecDeque<M> {
        self.lose(rights, State::leave)
    }

    /// An end goes as if it never had been.
    #[must_use]
    pub fn retract(&self, rights: Rights) -> VecDeque<M> {
        self.lose(rights, State::retract)
    }

    /// Tells only those for whom something has ended: of a thousand receivers, each would
    /// otherwise be woken for each that goes.
    fn lose(
        &self,
        rights: Rights,
        end: impl FnOnce(&mut State<M>, Rights) -> VecDeque<M>,
    ) -> VecDeque<M> {
        let (orphans, concerned) = self
            .state
            .with(|state| (end(state, rights), state.concerned(rights)));
        self.tell_of_the_end(concerned);
        orphans
    }

    /// Nothing is sent any more; what is inside can still be received.
    pub fn close(&self) {
        self.state.with(State::close);
        self.tell_of_the_end(Concerned {
            receivers: true,
            senders: true,
        });
    }

    fn tell_of_the_end(&self, concerned: Concerned) {
        if concerned.receivers {
            self.receivers.wake_all();
        }
        if concerned.senders {
            self.senders.wake_all();
        }
        if concerned.receivers || concerned.senders {
            self.pollers.wake_all();
        }
    }

    /// Sends a message, if it can be done at once. `has_memory` is asked for so many bytes,
    /// where the channel has to grow.
    ///
    /// # Errors
    /// The message, and why.
    pub fn try_send(
        &self,
        by: Rights,
        message: M,
        has_memory: impl Fn(usize) -> bool,
    ) -> Result<(), (M, Unsent)> {
        let mut message = message;
        loop {
            match self.state.with(|state| state.push(by, message)) {
                Ok(()) => break,
                Err((back, Refusal::Full)) => return Err((back, Unsent::Full)),
                Err((back, Refusal::Never(end))) => return Err((back, Unsent::Never(end))),
                Err((back, Refusal::NoStorage)) => {
                    if !self.grow(&has_memory) {
                        return Err((back, Unsent::NoMemory));
                    }
                    message = back;
                }
            }
        }
        self.receivers.wake_one();
        self.pollers.wake_all();
        Ok(())
    }

    /// Allocates and frees outside of the lock; false where there is no memory.
    #[cold]
    fn grow(&self, has_memory: impl Fn(usize) -> bool) -> bool {
        let needed = self.state.with(|state| state.storage());
        let mut storage = VecDeque::new();
        let is_refused = !has_memory(needed * size_of::<M>());
        if is_refused || storage.try_reserve_exact(needed).is_err() {
            return false;
        }
        let unused = self.state.with(|state| state.grow(storage));
        drop(unused);
        true
    }

    /// Waits until `attempt`, which calls [`Channel::try_send`], gives an answer.
    ///
    /// # Errors
    /// The waiting was given up.
    pub fn send<R>(
        &self,
        patience: W::Patience,
        attempt: impl FnMut() -> Option<R>,
    ) -> Result<R, W::GaveUp> {
        let (answer, has_waited) = wait(&self.senders, patience, attempt);
        if has_waited && self.state.with(|state| state.has_room()) {
            self.senders.wake_one();
        }
        answer
    }

    /// Takes the oldest message out, if there is one and `examine` lets it be taken. Once it
    /// was delivered, [`Channel::finish`] must follow; [`Channel::put_back`] if it was not.
    pub fn try_receive<X>(
        &self,
        by: Rights,
        examine: impl FnOnce(&M) -> Result<(), X>,
    ) -> Found<M, X> {
        self.state.with(|state| state.pull(by, examine))
    }

    /// Waits until `attempt`, which calls [`Channel::try_receive`], gives an answer.
    ///
    /// # Errors
    /// The waiting was given up.
    pub fn receive<R>(
        &self,
        patience: W::Patience,
        attempt: impl FnMut() -> Option<R>,
    ) -> Result<R, W::GaveUp> {
        let (answer, has_waited) = wait(&self.receivers, patience, attempt);
        if has_waited && self.state.with(|state| state.has_message()) {
            self.receivers.wake_one();
        }
        answer
    }

    /// A message was delivered: its place is free.
    pub fn finish(&self) {
        let (was_full, is_over) = self.state.with(|state| {
            let was_full = !state.has_room();
            state.finish();
            (was_full, state.is_over_for_some())
        });
        // Also where it was not full before. Whoever leaves tells the next all the same, but
        // two that have a place each need not wait for one another.
        self.senders.wake_one();
        if was_full {
            self.pollers.wake_all();
        }
        if is_over {
            self.receivers.wake_all();
            self.pollers.wake_all();
        }
    }

    /// A message was not delivered: it is the oldest again, for anybody.
    pub fn put_back(&self, message: M) {
        self.state.with(|state| state.put_back(message));
        self.receivers.wake_one();
        self.pollers.wake_all();
    }

    /// What an end can do at once.
    pub fn readiness(&self, of: Rights) -> Readiness {
        self.state.with(|state| state.readiness(of))
    }

    /// The waiters that are told whenever [`Channel::readiness`] may have changed.
    pub fn pollers(&self) -> &W {
        &self.pollers
    }

    /// Looks at the state, under its lock.
    pub fn inspect<R>(&self, look: impl FnOnce(&State<M>) -> R) -> R {
        self.state.with(|state| look(state))
    }
}

/// Waits, and says whether it was among those that are told.
fn wait<W: Waiters, R>(
    waiters: &W,
    patience: W::Patience,
    mut attempt: impl FnMut() -> Option<R>,
) -> (Result<R, W::GaveUp>, bool) {
    let mut asked = 0_u32;
    let answer = waiters.wait(patience, || {
        asked = asked.saturating_add(1);
        attempt()
    });
    (answer, asked > 1)
}
