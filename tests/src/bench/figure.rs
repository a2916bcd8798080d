//! What a number means: its name, its unit, and how good it must be.

use super::case::System;
use super::noise::Better;

/// One kind of number that a case prints.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The name that the timing program prints before the value.
    pub name: String,
    /// What the reader sees.
    pub label: String,
    /// The unit of what the program prints.
    pub unit: Unit,
    /// How good this kernel must be.
    pub targets: Vec<Target>,
}

impl Figure {
    /// A figure without a target.
    pub fn new(name: impl Into<String>, label: impl Into<String>, unit: Unit) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            unit,
            targets: Vec::new(),
        }
    }

    /// Which way is good: as its targets say, else its unit.
    #[must_use]
    pub fn better(&self) -> Better {
        match self.targets.first().map(|target| target.bound) {
            Some(Bound::AtMost(_)) => Better::Less,
            Some(Bound::AtLeast(_)) => Better::More,
            None => self.unit.better(),
        }
    }

    /// At most this part of another system's.
    #[must_use]
    pub fn at_most(mut self, part: f64, against: System) -> Self {
        self.targets.push(Target {
            against: Some(against),
            bound: Bound::AtMost(part),
        });
        self
    }

    /// At least this part of another system's.
    #[must_use]
    pub fn at_least_part(mut self, part: f64, against: System) -> Self {
        self.targets.push(Target {
            against: Some(against),
            bound: Bound::AtLeast(part),
        });
        self
    }

    /// At most this, whatever others do.
    #[must_use]
    pub fn at_most_itself(mut self, value: f64) -> Self {
        self.targets.push(Target {
            against: None,
            bound: Bound::AtMost(value),
        });
        self
    }

    /// At least this, whatever others do.
    #[must_use]
    pub fn at_least(mut self, value: f64) -> Self {
        self.targets.push(Target {
            against: None,
            bound: Bound::AtLeast(value),
        });
        self
    }
}

/// A unit, and how its values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, shown so.
    Nanoseconds,
    /// Nanoseconds, shown as microseconds.
    Microseconds,
    /// Nanoseconds, shown as milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Instructions of all cores.
    Instructions,
    /// How often something happened.
    Count,
    /// A part of what is ideal.
    Efficiency,
    /// Bytes, shown as KiB.
    Kibibytes,
    /// One of two figures over the other.
    Ratio,
}

impl Unit {
    /// The word behind a label; empty where the label says it all.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Nanoseconds => ", ns",
            Self::Microseconds => ", µs",
            Self::Milliseconds => ", ms",
            Self::Seconds => ", s",
            Self::Kibibytes => ", KiB",
            Self::Instructions | Self::Count | Self::Efficiency | Self::Ratio => "",
        }
    }

    /// What a value is divided by before it is shown.
    #[must_use]
    pub fn divisor(self) -> f64 {
        match self {
            Self::Microseconds => 1e3,
            Self::Milliseconds => 1e6,
            Self::Kibibytes => 1024.0,
            _ => 1.0,
        }
    }

    /// Which way is good where nothing else is said.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::Nanoseconds
            | Self::Microseconds
            | Self::Milliseconds
            | Self::Seconds
            | Self::Instructions
            | Self::Kibibytes
            | Self::Ratio => Better::Less,
            Self::Efficiency => Better::More,
            Self::Count => Better::Neither,
        }
    }

    /// A value as it is shown: three digits or more.
    #[must_use]
    pub fn shown(self, value: f64) -> String {
        let value = value / self.divisor();
        let digits = match (self, value.abs()) {
            (Self::Instructions | Self::Count, _) => 0,
            (_, size) if size >= 100.0 => 0,
            (_, size) if size >= 10.0 => 1,
            _ => 2,
        };
        format!("{value:.digits$}")
    }
}

/// What this kernel's median must keep to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The system whose median is divided by; none where the value itself is meant.
    pub against: Option<System>,
    /// The bound.
    pub bound: Bound,
}

/// A bound that a value, or a ratio of two, keeps to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

impl Bound {
    /// In words, with its number shown by `shown`.
    pub fn text(self, shown: impl Fn(f64) -> String) -> String {
        match self {
            Self::AtMost(most) => format!("at most {}", shown(most)),
            Self::AtLeast(least) => format!("at least {}", shown(least)),
        }
    }

    /// Whether a value keeps to it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// A part of something as it is shown: small ones, such as a thousandth, with more digits.
#[must_use]
pub fn part(value: f64) -> String {
    let digits = if value < 0.1 { 4 } else { 2 };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::{Better, Bound, Figure, Unit, part};

    #[test]
    fn which_way_is_good_says_the_target_and_else_the_unit() {
        let alive = Figure::new("alive", "alive at once", Unit::Count);
        assert_eq!(alive.better(), Better::Neither);
        assert_eq!(alive.at_least(400.0).better(), Better::More);
        let even = Figure::new("even", "two processes", Unit::Efficiency);
        assert_eq!(even.better(), Better::More);
        let memory = Figure::new("memory", "of each", Unit::Kibibytes);
        assert_eq!(memory.better(), Better::Less);
    }

    #[test]
    fn values_are_shown_in_their_unit_with_three_digits() {
        assert_eq!(Unit::Microseconds.shown(97_512.0), "97.5");
        assert_eq!(Unit::Milliseconds.shown(255_400_000.0), "255");
        assert_eq!(Unit::Nanoseconds.shown(1234.5), "1234");
        assert_eq!(Unit::Efficiency.shown(0.954), "0.95");
        assert_eq!(Unit::Instructions.shown(12.6), "13");
    }

    #[test]
    fn a_bound_is_told_in_its_unit_and_a_small_part_keeps_its_digits() {
        let kibibytes = |value| Unit::Kibibytes.shown(value);
        assert_eq!(Bound::AtMost(262_144.0).text(kibibytes), "at most 256");
        assert_eq!(Bound::AtMost(0.001).text(part), "at most 0.0010");
        assert_eq!(Bound::AtLeast(0.95).text(part), "at least 0.95");
    }

    #[test]
    fn a_bound_holds_on_its_own_edge() {
        assert!(Bound::AtMost(0.5).holds(0.5) && !Bound::AtMost(0.5).holds(0.51));
        assert!(Bound::AtLeast(0.95).holds(0.95) && !Bound::AtLeast(0.95).holds(0.94));
    }
}
