//! How many rounds a quick run of several suites has time for.
//!
//! Every group has its first round. A further one is begun while the suite's share of the
//! time lasts for another that takes as long as the last; what a suite leaves over is the
//! next one's.

use std::time::{Duration, Instant};

use super::Depth;

/// When a quick run of all suites begins no more rounds but the first ones, which may take a
/// quarter of an hour by themselves.
const QUICK: Duration = Duration::from_secs(6 * 60);

/// When further rounds have to end.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    begun: Instant,
    suites: usize,
}

impl Pace {
    /// From now on, for so many suites. None: the groups' own numbers of rounds hold, since
    /// one suite was asked for, or a full run.
    #[must_use]
    pub fn begin(depth: Depth, suites: usize) -> Option<Self> {
        let begun = Instant::now();
        (depth == Depth::Quick && suites > 1).then_some(Self { begun, suites })
    }

    /// When the rounds of the suite after `done` others have to end.
    #[must_use]
    pub fn end(self, done: usize) -> Instant {
        self.begun + QUICK.mul_f64((done + 1) as f64 / self.suites as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_quick_suites_share_the_time() {
        assert!(Pace::begin(Depth::Full, 11).is_none());
        assert!(Pace::begin(Depth::Quick, 1).is_none());
        let pace = Pace::begin(Depth::Quick, 4).unwrap();
        assert_eq!(pace.end(0) - pace.begun, QUICK / 4);
        assert_eq!(pace.end(3) - pace.begun, QUICK);
    }
}
