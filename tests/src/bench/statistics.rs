//! Samples of one figure, and what is said of them: the median, and the whole range.
//!
//! Wall time under an emulator has a long tail and no known distribution, so there is no
//! mean here and no confidence: whoever reads a median sees the range beside it.

/// Samples in the order in which they were taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one; what is no number is left out.
    pub fn push(&mut self, sample: f64) {
        if sample.is_finite() {
            self.0.push(sample);
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[f64] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The middle one; of an even number the mean of the middle two. None without samples.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        if sorted.len().is_multiple_of(2) {
            return Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0);
        }
        Some(upper)
    }

    /// The first or third quartile, or the second, which is the median: between two samples by
    /// their distance. None without samples.
    #[must_use]
    pub fn quartile(&self, number: usize) -> Option<f64> {
        self.quantile(number, 4)
    }

    /// A decile, from the first to the ninth, as [`quartile`](Self::quartile) has it.
    #[must_use]
    pub fn decile(&self, number: usize) -> Option<f64> {
        self.quantile(number, 10)
    }

    fn quantile(&self, number: usize, of: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = sorted.len().checked_sub(1)? * number.min(of);
        let lower = *sorted.get(place / of)?;
        let upper = *sorted.get(place.div_ceil(of))?;
        Some(lower + (upper - lower) * (place % of) as f64 / of as f64)
    }

    /// The least and the most. None without samples.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        let first = *self.0.first()?;
        Some(self.0.iter().fold((first, first), |(least, most), sample| {
            (least.min(*sample), most.max(*sample))
        }))
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        let mut all = Self::default();
        samples.into_iter().for_each(|sample| all.push(sample));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;

    fn samples(values: &[f64]) -> Samples {
        values.iter().copied().collect()
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(samples(&[9.0, 1.0, 5.0]).median(), Some(5.0));
        assert_eq!(samples(&[9.0, 1.0, 5.0, 6.0]).median(), Some(5.5));
        assert_eq!(samples(&[7.0]).median(), Some(7.0));
        assert_eq!(samples(&[]).median(), None);
    }

    #[test]
    fn quartiles_lie_between_the_samples() {
        let five = samples(&[50.0, 10.0, 30.0, 20.0, 40.0]);
        assert_eq!(
            (five.quartile(1), five.quartile(3)),
            (Some(20.0), Some(40.0))
        );
        let two = samples(&[0.0, 8.0]);
        assert_eq!((two.quartile(1), two.quartile(3)), (Some(2.0), Some(6.0)));
        assert_eq!(two.quartile(2), two.median());
        assert_eq!(samples(&[]).quartile(1), None);
        let deciles = (five.decile(0), five.decile(1), five.decile(9));
        assert_eq!(deciles, (Some(10.0), Some(14.0), Some(46.0)));
    }

    #[test]
    fn the_range_has_every_sample_in_it() {
        assert_eq!(samples(&[2.0, -3.0, 8.0]).range(), Some((-3.0, 8.0)));
        assert_eq!(samples(&[]).range(), None);
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
        let samples = samples(&[f64::NAN, 1.0, f64::INFINITY]);
        assert_eq!(samples.all(), [1.0]);
        assert_eq!(samples.median(), Some(1.0));
    }
}
