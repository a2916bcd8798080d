//! When two lists of samples differ by more than noise. One rule, for a run against an older
//! one and for this kernel against Linux.
//!
//! A median has changed where both hold:
//!
//! 1. it differs by a least effect: 10 % of wall time, 5 % on Bochs's clock, 3 % of
//!    instructions; by 25 % of wall time where a side has fewer than three samples; and where
//!    there were fewer than five boots by as much as the host's own speed varied meanwhile
//!    ([`host_walk`](super::host_walk));
//! 2. the interquartile ranges do not overlap; of fewer than five samples, the whole ranges.
//!
//! No rank test: samples come in handfuls from few boots, and those of one boot are alike. A
//! test that takes them for independent calls every difference between two boots significant.
//! With three boots in equal parts, the quartiles lie in the outer two, so that the range
//! between them has in it what boots differ by. The least effect is there since a boot more or
//! less quiet than any of the others is no news. Instructions hardly vary, but
//! 1.9 % were seen once (`docs/benchmarks.md`).

use super::case::Kind;
use super::host_walk::ENOUGH_BOOTS;
use super::statistics::Samples;

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Times, instructions, memory.
    Less,
    /// Parts of what is ideal.
    More,
    /// A number that says how something was measured.
    Neither,
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Within noise.
    Same,
    /// Beyond noise, the good way.
    Better,
    /// Beyond noise, the bad way.
    Worse,
    /// Beyond noise, and neither way is good.
    Other,
    /// A side was not measured.
    NotMeasured,
    /// A median is zero or less: it has no ratio.
    NoRatio,
}

/// Samples that are too few to have quartiles.
const FEW: usize = 5;
/// Samples that are too few to have a range that says anything.
const VERY_FEW: usize = 3;

/// What a difference must be beyond.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// What the numbers are.
    pub kind: Kind,
    /// By what factor wall times may differ by the host alone; 1 or more.
    pub unevenness: f64,
}

impl Rule {
    /// The least effect, as a part.
    #[must_use]
    pub fn least_effect(self, fewest_samples: usize) -> f64 {
        let host = self.unevenness - 1.0;
        match self.kind {
            Kind::Wall if fewest_samples < VERY_FEW => host.max(0.25),
            Kind::Wall => host.max(0.10),
            Kind::Virtual => 0.05,
            Kind::Instructions => 0.03,
        }
    }

    /// What the second is, seen from the first.
    #[must_use]
    pub fn judge(self, better: Better, first: &Samples, second: &Samples) -> Change {
        let (Some(before), Some(after)) = (first.median(), second.median()) else {
            return Change::NotMeasured;
        };
        if before == after {
            return Change::Same;
        }
        if before <= 0.0 || after <= 0.0 {
            return Change::NoRatio;
        }
        let least = self.least_effect(first.count().min(second.count()));
        // By ratio, so that twice and half are as far from one.
        let is_small = (after / before).ln().abs() <= least.ln_1p();
        if is_small || overlap(spread(first), spread(second)) {
            return Change::Same;
        }
        match better {
            Better::Neither => Change::Other,
            Better::Less if after < before => Change::Better,
            Better::More if after > before => Change::Better,
            Better::Less | Better::More => Change::Worse,
        }
    }
}

/// The rule in a sentence, for the reader of a result.
#[must_use]
pub fn rule() -> String {
    let percent = |kind, samples| {
        let even = Rule {
            kind,
            unevenness: 1.0,
        };
        format!("{:.0} %", 100.0 * even.least_effect(samples))
    };
    format!(
        "beyond noise: the medians differ by more than {} of wall time ({} where there are fewer \
         than {VERY_FEW} samples; where there are fewer than {ENOUGH_BOOTS} boots, by more than the \
         host's own speed varied), {} of virtual time or {} of instructions, and the \
         interquartile ranges (of fewer than {FEW} samples the whole ranges) do not overlap",
        percent(Kind::Wall, FEW),
        percent(Kind::Wall, 1),
        percent(Kind::Virtual, FEW),
        percent(Kind::Instructions, FEW),
    )
}

/// The quartiles; of few samples, the least and the most.
fn spread(samples: &Samples) -> Option<(f64, f64)> {
    if samples.count() < FEW {
        return samples.range();
    }
    samples.quartile(1).zip(samples.quartile(3))
}

fn overlap(one: Option<(f64, f64)>, other: Option<(f64, f64)>) -> bool {
    match (one, other) {
        (Some((least, most)), Some((other_least, other_most))) => {
            least <= other_most && other_least <= most
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Change, Kind, Rule};

    fn change(kind: Kind, better: Better, first: &[f64], second: &[f64]) -> Change {
        let samples = |values: &[f64]| values.iter().copied().collect();
        let rule = Rule {
            kind,
            unevenness: 1.0,
        };
        rule.judge(better, &samples(first), &samples(second))
    }

    #[test]
    fn an_uneven_host_is_no_news() {
        let samples = |value: f64| [value; 5].into_iter().collect();
        let judge = |kind, after| {
            let rule = Rule {
                kind,
                unevenness: 2.0,
            };
            rule.judge(Better::Less, &samples(100.0), &samples(after))
        };
        assert_eq!(judge(Kind::Wall, 199.0), Change::Same);
        assert_eq!(judge(Kind::Wall, 51.0), Change::Same);
        assert_eq!(judge(Kind::Wall, 201.0), Change::Worse);
        assert_eq!(judge(Kind::Instructions, 104.0), Change::Worse);
    }

    #[test]
    fn a_change_is_beyond_its_least_effect_and_beyond_the_spread() {
        let wall = |first: &[f64], second: &[f64]| change(Kind::Wall, Better::Less, first, second);
        let old = [10.0, 10.1, 10.2, 10.3, 10.4];
        assert_eq!(wall(&old, &[11.0, 11.1, 11.2, 11.2, 11.4]), Change::Same);
        assert_eq!(wall(&old, &[11.5, 11.6, 11.7, 11.7, 11.9]), Change::Worse);
        assert_eq!(wall(&old, &[9.0, 9.0, 9.1, 9.2, 9.2]), Change::Better);
        // Far apart by the medians, and one into the other.
        assert_eq!(wall(&old, &[8.0, 9.0, 14.0, 15.0, 16.0]), Change::Same);
        // One wild sample of five does not make the ranges overlap; of four it does.
        assert_eq!(wall(&old, &[10.0, 12.0, 12.1, 12.2, 12.3]), Change::Worse);
        assert_eq!(wall(&old, &[10.0, 12.0, 12.1, 12.2]), Change::Same);
    }

    #[test]
    fn each_kind_has_its_own_least_effect_and_a_single_wall_time_a_wide_one() {
        for (kind, within, beyond) in [
            (Kind::Wall, 124.0, 126.0),
            (Kind::Virtual, 104.9, 105.1),
            (Kind::Instructions, 102.9, 103.1),
        ] {
            let to = |after| change(kind, Better::Less, &[100.0], &[after]);
            assert_eq!(to(within), Change::Same, "{kind:?}");
            assert_eq!(to(beyond), Change::Worse, "{kind:?}");
            assert_eq!(
                change(kind, Better::Less, &[beyond], &[100.0]),
                Change::Better
            );
        }
    }

    #[test]
    fn the_rule_is_told_with_its_own_numbers() {
        let rule = super::rule();
        for part in [
            "10 % of wall",
            "25 % where",
            "fewer than 3",
            "fewer than 5 boots",
            "5 % of virt",
            "3 % of inst",
        ] {
            assert!(rule.contains(part), "{rule}");
        }
    }

    #[test]
    fn what_is_good_depends_on_the_figure() {
        let halved = |better| change(Kind::Virtual, better, &[1.0], &[0.5]);
        assert_eq!(halved(Better::More), Change::Worse);
        assert_eq!(halved(Better::Less), Change::Better);
        assert_eq!(halved(Better::Neither), Change::Other);
    }

    #[test]
    fn without_a_median_or_a_ratio_nothing_is_said() {
        let counted =
            |first: &[f64], second: &[f64]| change(Kind::Instructions, Better::Less, first, second);
        assert_eq!(counted(&[], &[1.0]), Change::NotMeasured);
        assert_eq!(counted(&[0.0], &[0.0]), Change::Same);
        assert_eq!(counted(&[0.0], &[9.0]), Change::NoRatio);
        assert_eq!(counted(&[-3.0], &[9.0]), Change::NoRatio);
    }
}
