//! The host's own speed: a loop of fixed length, timed before each boot. Where other guests share
//! the host its speed can halve for seconds, which no load average shows; a wall time is to be read
//! beside this.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use super::statistics::Samples;

/// Some ten milliseconds of steps that wait for each other.
const STEPS: u32 = 6_000_000;

/// Beyond this much between the fastest and the slowest, the host was not the same for all.
const UNEVEN: f64 = 1.25;

/// Runs the loop once: what it took, in nanoseconds.
#[must_use]
pub fn nanoseconds() -> f64 {
    let begun = Instant::now();
    let mut value = black_box(1_u64);
    for _ in 0..STEPS {
        // The multiplier of Knuth's MMIX generator; the shift keeps it from being foreseen.
        value = (value ^ (value >> 29)).wrapping_mul(6_364_136_223_846_793_005);
    }
    black_box(value);
    begun.elapsed().as_secs_f64() * 1e9
}

/// A line about what the loop took before all boots of a section; None where it was not run.
#[must_use]
pub fn line(systems: &[Samples]) -> Option<String> {
    let all: Samples = systems.iter().flat_map(Samples::all).copied().collect();
    let (median, (least, most)) = (all.median()?, all.range()?);
    let milliseconds = |nanoseconds: f64| nanoseconds / 1e6;
    let mut line = format!(
        "host: a fixed loop before each boot took {:.1} ms ({:.1}-{:.1})",
        milliseconds(median),
        milliseconds(least),
        milliseconds(most)
    );
    if most > least * UNEVEN {
        let _ = write!(
            line,
            "; it was up to {:.1} times slower meanwhile",
            most / least
        );
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::{line, nanoseconds};

    #[test]
    fn the_loop_is_not_optimised_away() {
        assert!(nanoseconds() > 1e6);
    }

    #[test]
    fn an_uneven_host_is_said() {
        let even = [
            [10e6, 11e6].into_iter().collect(),
            [10.5e6].into_iter().collect(),
        ];
        assert_eq!(
            line(&even).unwrap(),
            "host: a fixed loop before each boot took 10.5 ms (10.0-11.0)"
        );
        let uneven = [[10e6].into_iter().collect(), [21e6].into_iter().collect()];
        assert!(
            line(&uneven)
                .unwrap()
                .ends_with("; it was up to 2.1 times slower meanwhile")
        );
        assert_eq!(line(&[]), None);
    }
}
