//! How long an idle core looks for work before it halts: as long as it has lately paid.
//!
//! A wake-up from a halt costs more than a switch, so a core that is about to be woken had better
//! stay awake; but in a machine whose cores share fewer real ones, who looks takes from who works.
//! What the last waits were like decides, as in Linux's governor `haltpoll`
//! (`drivers/cpuidle/governors/haltpoll.c`): the time doubles where a core that had halted was
//! woken so soon that a longer look would have found the work, and is halved where it was not.

/// The least time that is worth a look, in nanoseconds.
const LEAST: u64 = 20_000;

/// One core's time to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HaltPoll {
    /// In nanoseconds.
    span: u64,
}

impl HaltPoll {
    /// A core of which nothing is known: it begins with the least time.
    #[must_use]
    pub const fn new() -> Self {
        Self { span: LEAST }
    }

    /// How long to look now, in nanoseconds, where `most` is allowed.
    #[must_use]
    pub fn span(self, most: u64) -> u64 {
        self.span.min(most)
    }

    /// The core had halted, `waited` nanoseconds after it had found nothing to do it had work
    /// again.
    pub fn was_woken(&mut self, waited: u64, most: u64) {
        self.span = if waited <= most {
            (self.span * 2).clamp(LEAST, most.max(LEAST))
        } else {
            (self.span / 2).max(LEAST)
        };
    }
}

impl Default for HaltPoll {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{HaltPoll, LEAST};

    const MOST: u64 = 1_000_000;

    /// How many of these waits end while the core still looks, and how long it looks in vain.
    fn play(waits: impl Iterator<Item = u64>, most: u64) -> (usize, u64) {
        let mut poll = HaltPoll::new();
        let mut found = 0;
        let mut in_vain = 0;
        for waited in waits {
            let span = poll.span(most);
            if waited <= span {
                found += 1;
            } else {
                in_vain += span;
                poll.was_woken(waited, most);
            }
        }
        (found, in_vain)
    }

    #[test]
    fn waits_that_are_short_are_found_after_a_few() {
        let (found, in_vain) = play(std::iter::repeat_n(600_000, 1000), MOST);
        assert!(found >= 990, "{found}");
        assert!(in_vain < 2 * MOST, "{in_vain}");
    }

    #[test]
    fn a_core_that_sleeps_for_long_looks_for_the_least_time() {
        let mut poll = HaltPoll::new();
        for _ in 0..10 {
            poll.was_woken(600_000, MOST);
        }
        assert_eq!(poll.span(MOST), MOST);
        for _ in 0..10 {
            poll.was_woken(5_000_000, MOST);
        }
        assert_eq!(poll.span(MOST), LEAST);
    }

    #[test]
    fn who_may_not_look_does_not() {
        let (found, in_vain) = play(std::iter::repeat_n(600, 1000), 0);
        assert_eq!((found, in_vain), (0, 0));
    }

    #[test]
    fn every_second_wait_long_costs_less_than_it_waits() {
        let waits = (0..1000).map(|index| if index % 2 == 0 { 50_000 } else { 3_000_000 });
        let (_, in_vain) = play(waits.clone(), MOST);
        assert!(in_vain < waits.sum::<u64>() / 20, "{in_vain}");
    }
}
