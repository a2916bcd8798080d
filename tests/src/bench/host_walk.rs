//! The host's own speed while a machine is measured: a walk of fixed length through memory, timed
//! before each boot and once in a second of it.
//!
//! Where other guests share the host, its caches and its cores change their speed within seconds, by
//! a factor of two and more, which no load average shows. A loop of arithmetic does not see it
//! either: beside one that varied by 5 % an interpreter in QEMU took from 69 to 217 ms for the same
//! work, and this walk from 11 to 28. A wall time is to be read beside it. It is timed by the clock of
//! its thread, since the machine that is measured may have all cores for itself.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::statistics::Samples;
use crate::meanwhile::meanwhile;
use crate::random::Random;

/// Words that are walked through: 4 MiB, more than a core's own caches hold, as what an emulator
/// uses of its code, its tables and its guest's memory is.
const WORDS: usize = 1 << 20;
/// Steps of a walk, each of which waits for the one before: a millisecond or two.
const STEPS: usize = 30_000;
/// Between two walks while a machine runs.
const PAUSE: Duration = Duration::from_secs(1);
/// So many boots average over a host's moods.
pub const ENOUGH_BOOTS: usize = 5;
/// An unevenness that is worth a word.
const UNEVEN: f64 = 1.25;

/// The ground of all walks.
#[derive(Debug)]
pub struct HostWalk {
    /// Each word is the place of the next: one circle of all.
    next: Vec<u32>,
}

impl HostWalk {
    /// Makes it: 4 MiB.
    #[must_use]
    pub fn new() -> Self {
        let mut next: Vec<u32> = (0..WORDS as u32).collect();
        let mut random = Random::new(1);
        // Sattolo's algorithm.
        for last in (1..WORDS).rev() {
            next.swap(last, random.below(last));
        }
        Self { next }
    }

    /// Walks once from a place; where it ended, and what it took in nanoseconds.
    fn walk(&self, from: u32) -> (u32, f64) {
        let begun = nanoseconds_of_thread();
        let mut place = black_box(from);
        for _ in 0..STEPS {
            place = self.next[place as usize];
        }
        (black_box(place), nanoseconds_of_thread() - begun)
    }

    /// Walks once, does something, and walks again in each second of it; the nanoseconds of each
    /// go into the samples.
    pub fn beside<T>(&self, samples: &mut Samples, work: impl FnOnce() -> T) -> T {
        let (mut place, spent) = self.walk(0);
        samples.push(spent);
        let tick = || {
            let walk = self.walk(place);
            place = walk.0;
            samples.push(walk.1);
        };
        meanwhile(PAUSE, tick, work)
    }
}

fn nanoseconds_of_thread() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

impl Default for HostWalk {
    fn default() -> Self {
        Self::new()
    }
}

/// By what factor the walks of all systems differ, from the first decile to the last; 1 without any.
#[must_use]
fn spread(walks: &[Samples]) -> f64 {
    let all = pooled(walks);
    match all.decile(1).zip(all.decile(9)) {
        Some((fast, slow)) if fast > 0.0 => slow / fast,
        _ => 1.0,
    }
}

/// By what factor wall times may differ that so many boots of each system took beside these walks, by the
/// host alone: 1 where there are boots enough for their own range to show it.
#[must_use]
pub fn unevenness(walks: &[Samples], boots: usize) -> f64 {
    if boots >= ENOUGH_BOOTS {
        1.0
    } else {
        spread(walks)
    }
}

fn pooled(walks: &[Samples]) -> Samples {
    walks.iter().flat_map(Samples::all).copied().collect()
}

/// A line about the walks beside a section; None where there were none.
#[must_use]
pub fn line(walks: &[Samples]) -> Option<String> {
    let all = pooled(walks);
    let (median, (least, most)) = (all.median()?, all.range()?);
    let milliseconds = |nanoseconds: f64| nanoseconds / 1e6;
    let mut line = format!(
        "host: a fixed walk through memory took {:.2} ms ({:.2}-{:.2}) meanwhile",
        milliseconds(median),
        milliseconds(least),
        milliseconds(most)
    );
    let spread = spread(walks);
    if spread > UNEVEN {
        let _ = write!(line, "; an uneven host, by a factor of {spread:.1}");
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{HostWalk, Samples, WORDS, line, unevenness};

    fn walks(values: &[f64]) -> Samples {
        values.iter().copied().collect()
    }

    #[test]
    fn the_walk_comes_to_every_word() {
        let ground = HostWalk::new();
        let mut place = 0;
        for step in 1..=WORDS {
            place = ground.next[place as usize];
            assert_eq!(place == 0, step == WORDS);
        }
    }

    #[test]
    fn walks_go_on_beside_the_work_and_end_with_it() {
        let mut samples = Samples::default();
        let ground = HostWalk::new();
        assert_eq!(ground.beside(&mut samples, || 7), 7);
        assert_eq!(samples.count(), 1);
        ground.beside(&mut samples, || {
            std::thread::sleep(Duration::from_millis(2500));
        });
        assert!((3..=4).contains(&samples.count()), "{samples:?}");
        assert!(samples.all().iter().all(|spent| *spent > 1e4));
    }

    #[test]
    fn an_uneven_host_is_said() {
        let even = [walks(&[1e6, 1.1e6]), walks(&[1.05e6])];
        assert_eq!(
            line(&even).unwrap(),
            "host: a fixed walk through memory took 1.05 ms (1.00-1.10) meanwhile"
        );
        let uneven = [walks(&[1e6, 1e6]), walks(&[2e6, 2e6])];
        assert!(
            line(&uneven)
                .unwrap()
                .ends_with("; an uneven host, by a factor of 2.0")
        );
        assert_eq!(line(&[]), None);
    }

    #[test]
    fn few_boots_have_the_hosts_moods_in_them_and_many_average_over_them() {
        let uneven = [walks(&[1e6, 1e6]), walks(&[2e6, 2e6])];
        assert!((unevenness(&uneven, 1) - 2.0).abs() < 1e-9);
        assert!((unevenness(&uneven, 10) - 1.0).abs() < 1e-9);
        assert!((unevenness(&[], 1) - 1.0).abs() < 1e-9);
    }
}
