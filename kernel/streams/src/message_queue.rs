//! What lies between two sockets: messages in order, each with what came along with it.
//!
//! One queue serves streams and datagrams: a stream's reader joins messages until one
//! carries something of its own (`T`: descriptors, credentials), a datagram's reader
//! takes one and drops its rest.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What a message costs beside its bytes, so that empty ones are bounded as well.
pub const OVERHEAD: usize = 256;

/// One write, or a piece of one.
pub struct Message<T> {
    bytes: Vec<u8>,
    start: usize,
    /// What came along with the bytes.
    pub tag: T,
}

impl<T> Message<T> {
    /// A message of `bytes`.
    pub fn new(bytes: Vec<u8>, tag: T) -> Self {
        Self {
            bytes,
            start: 0,
            tag,
        }
    }

    /// The bytes that were not read yet.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Messages, bounded by a number of bytes.
pub struct MessageQueue<T> {
    messages: VecDeque<Message<T>>,
    length: usize,
    cost: usize,
}

impl<T> Default for MessageQueue<T> {
    fn default() -> Self {
        Self {
            messages: VecDeque::new(),
            length: 0,
            cost: 0,
        }
    }
}

impl<T> MessageQueue<T> {
    /// Bytes inside.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no message, not even an empty one.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// What the messages cost, in bytes: counted against a socket's buffer size.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Appends a message.
    pub fn push(&mut self, message: Message<T>) {
        self.length += message.bytes().len();
        self.cost += message.bytes().len() + OVERHEAD;
        self.messages.push_back(message);
    }

    /// Appends `bytes` to the last message where `joins` allows it and they fit without
    /// moving it; says whether.
    pub fn join(&mut self, bytes: &[u8], joins: impl FnOnce(&T) -> bool) -> bool {
        match self.messages.back_mut() {
            Some(last)
                if last.bytes.capacity() - last.bytes.len() >= bytes.len() && joins(&last.tag) =>
            {
                last.bytes.extend_from_slice(bytes);
                self.length += bytes.len();
                self.cost += bytes.len();
                true
            }
            _ => false,
        }
    }

    /// The message at `index`, counted from the oldest.
    pub fn get(&self, index: usize) -> Option<&Message<T>> {
        self.messages.get(index)
    }

    /// The oldest message, to take its tag's contents.
    pub fn front_mut(&mut self) -> Option<&mut Message<T>> {
        self.messages.front_mut()
    }

    /// Marks `count` bytes of the oldest message as read; gives the message once it is
    /// read to its end.
    pub fn consume(&mut self, count: usize) -> Option<Message<T>> {
        let front = self.messages.front_mut()?;
        let count = count.min(front.bytes().len());
        front.start += count;
        self.length -= count;
        self.cost -= count;
        if front.bytes().is_empty() {
            return self.pop();
        }
        None
    }

    /// Takes the oldest message, read or not.
    pub fn pop(&mut self) -> Option<Message<T>> {
        let message = self.messages.pop_front()?;
        self.length -= message.bytes().len();
        self.cost -= message.bytes().len() + OVERHEAD;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stream_of_messages_is_the_bytes_that_went_in(
            steps in prop::collection::vec((0_u8..3, prop::collection::vec(any::<u8>(), 1..40)), 0..80),
        ) {
            let mut queue = MessageQueue::default();
            let mut model: VecDeque<u8> = VecDeque::new();
            for (step, bytes) in steps {
                match step {
                    0 => {
                        let mut roomy = Vec::with_capacity(100);
                        roomy.extend_from_slice(&bytes);
                        queue.push(Message::new(roomy, ()));
                        model.extend(&bytes);
                    }
                    1 => {
                        if queue.join(&bytes, |()| true) {
                            model.extend(&bytes);
                        }
                    }
                    _ => {
                        let mut wanted = bytes.len();
                        while wanted > 0 {
                            let Some(front) = queue.get(0) else { break };
                            let take = front.bytes().len().min(wanted);
                            let expected: Vec<u8> = model.drain(..take).collect();
                            prop_assert_eq!(&front.bytes()[..take], &expected[..]);
                            queue.consume(take);
                            wanted -= take;
                        }
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert!(queue.cost() >= queue.len());
            }
            while queue.pop().is_some() {}
            prop_assert_eq!((queue.len(), queue.cost()), (0, 0));
        }
    }
}
