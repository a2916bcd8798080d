//! Events on their way from any core to the policy.
//!
//! A core that has an event takes a number, if the policy has read enough by then, writes
//! the event into that number's place, and its number, from 1, last: the policy reads up to
//! the first place that does not have its number. Nobody waits for anybody; what finds no
//! room is counted. The policy says what it has read by a count in the shared memory, and
//! is believed only as far as that can be true; what it misreads then is its own loss.
//!
//! Whether it is to be woken: it says that it listens, and looks; a core puts its event
//! there, and looks whether it listens; between the two steps of each stands a fence
//! (`tests/loom/ring.rs`). Of several cores, one wakes it.

use roentgen_abi::policy::{CONSUMED, EVENT_WORDS, EVENTS, Event, LOST, RING};

use super::{Fault, Memory};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// How often a core tries to get a number, at most: then its event is lost.
const TRIES: usize = 16;

/// The kernel's side of the ring.
pub struct Ring {
    /// Numbers given to events.
    given: AtomicU64,
    lost: AtomicU64,
    /// The policy waits for events.
    listens: AtomicBool,
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Self {
        Self {
            given: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            listens: AtomicBool::new(false),
        }
    }

    /// A number for an event. None: there is no room.
    fn take_number(&self, memory: &impl Memory) -> Result<Option<u64>, Fault> {
        for _ in 0..TRIES {
            let consumed = memory.word(CONSUMED).load(Ordering::Acquire);
            let given = self.given.load(Ordering::Acquire);
            let waiting = given.wrapping_sub(consumed);
            if waiting > EVENTS as u64 {
                // Both may have gone on in between; else it is a lie.
                if memory.word(CONSUMED).load(Ordering::Acquire) == consumed
                    && self.given.load(Ordering::Acquire) == given
                {
                    return Err(Fault::Consumed);
                }
                continue;
            }
            if waiting == EVENTS as u64 {
                return Ok(None);
            }
            if self
                .given
                .compare_exchange(given, given + 1, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                return Ok(Some(given));
            }
        }
        Ok(None)
    }

    /// Puts an event there. True: the policy is to be woken, by the caller alone.
    ///
    /// # Errors
    /// The policy's count of what it has read cannot be true.
    pub fn push(&self, memory: &impl Memory, event: &Event) -> Result<bool, Fault> {
        let Some(number) = self.take_number(memory)? else {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            memory.word(LOST).store(lost, Ordering::Relaxed);
            return Ok(self.is_listening());
        };
        let place = RING + (number % EVENTS as u64) as usize * EVENT_WORDS;
        for (index, word) in event.encode().into_iter().enumerate() {
            memory
                .word(place + 1 + index)
                .store(word, Ordering::Relaxed);
        }
        memory.word(place).store(number + 1, Ordering::Release);
        Ok(self.is_listening())
    }

    fn is_listening(&self) -> bool {
        // Pairs with the one in `listen`.
        fence(Ordering::SeqCst);
        self.listens.load(Ordering::Relaxed) && self.listens.swap(false, Ordering::Relaxed)
    }

    /// The policy is to be woken by the next event, unless there are some: how many.
    pub fn listen(&self, memory: &impl Memory) -> u64 {
        self.listens.store(true, Ordering::Relaxed);
        // Pairs with the one in `is_listening`.
        fence(Ordering::SeqCst);
        self.waiting(memory)
    }

    /// It does not wait any more.
    pub fn stop_listening(&self) {
        self.listens.store(false, Ordering::Relaxed);
    }

    /// Events that the policy has not read, as far as it says.
    pub fn waiting(&self, memory: &impl Memory) -> u64 {
        let consumed = memory.word(CONSUMED).load(Ordering::Acquire);
        let waiting = self.given.load(Ordering::Acquire).wrapping_sub(consumed);
        waiting.min(EVENTS as u64)
    }

    /// Events that were put there.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    /// Events that found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
