//! What is counted of a core.

use core::sync::atomic::{AtomicU64, Ordering};

/// Buckets of the wake-to-run latency; see [`Latencies`].
pub const BUCKETS: usize = 32;

/// A number that only its own core changes: no locked instruction is needed.
#[derive(Debug, Default)]
pub struct OwnCount(AtomicU64);

impl OwnCount {
    /// Counts `amount` more. Only for the core that it belongs to.
    pub fn add(&self, amount: u64) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now.wrapping_add(amount), Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that several cores change.
#[derive(Debug, Default)]
pub struct SharedCount(AtomicU64);

impl SharedCount {
    /// Counts `amount` more.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long tasks waited from their wake-up until they ran: bucket n counts those that
/// waited less than 2^n nanoseconds, and not less than half of that; the last one has
/// all that waited longer.
#[derive(Debug, Default)]
pub struct Latencies([OwnCount; BUCKETS]);

impl Latencies {
    fn bucket(nanos: u64) -> usize {
        ((u64::BITS - nanos.leading_zeros()) as usize).min(BUCKETS - 1)
    }

    /// Counts one.
    pub fn add(&self, nanos: u64) {
        self.0[Self::bucket(nanos)].add(1);
    }

    /// All buckets.
    #[must_use]
    pub fn get(&self) -> [u64; BUCKETS] {
        core::array::from_fn(|bucket| self.0[bucket].get())
    }
}

/// A core's counts. At any time at which nobody changes its queues, `queued` is the sum
/// of `popped`, `stolen`, `dropped`, and of what is queued there.
///
/// Counters are no part of any protocol: they are core's own atomics under the model
/// checkers too.
#[derive(Debug, Default)]
pub struct Counts {
    /// Tasks put into its queues, its inbox included.
    pub queued: SharedCount,
    /// Tasks that it took from there itself, to run or to send on.
    pub popped: OwnCount,
    /// Tasks that other cores took.
    pub stolen: SharedCount,
    /// Entries taken out whose task was not to be run any more.
    pub dropped: OwnCount,
    /// Searches in the queues of others.
    pub steals_tried: OwnCount,
    /// Searches that found something.
    pub steals_done: OwnCount,
    /// Tasks moved here by those.
    pub steals_moved: OwnCount,
    /// Tasks given to cores with less to do.
    pub pushed: OwnCount,
    /// Tasks sent to where they may run.
    pub forwarded: OwnCount,
    /// Tasks that began to run here and that a policy from outside decides about.
    pub governed: OwnCount,
    /// Switches from one task to another.
    pub switches: OwnCount,
    /// Tasks that began to run here and ran elsewhere before.
    pub migrations: OwnCount,
    /// Tasks that lost the core before they gave it up.
    pub preemptions: OwnCount,
    /// Times that a task ahead of the others went to the back.
    pub deferrals: OwnCount,
    /// Interrupts sent to other cores so that they look at their inbox.
    pub interrupts_sent: OwnCount,
    /// Times that it halted.
    pub halts: OwnCount,
    /// Times that it found work while it polled.
    pub polls_hit: OwnCount,
    /// How long tasks waited.
    pub latencies: Latencies,
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_counted_in_the_bucket_above_it() {
        let latencies = Latencies::default();
        for nanos in [0, 1, 2, 3, 1000, u64::MAX] {
            latencies.add(nanos);
        }
        let buckets = latencies.get();
        assert_eq!((buckets[0], buckets[1], buckets[2]), (1, 1, 2));
        assert_eq!((buckets[10], buckets[BUCKETS - 1]), (1, 1));
    }
}
