//! Conversion between two clocks: `(ticks * multiplier) >> shift`, with a product of 128
//! bits, so that no number of ticks overflows on the way.

use super::NANOSECONDS;

/// The ratio of two frequencies, as a fixed-point number.
///
/// Conversion rounds down, and is short by less than 2 ticks of the result or one part in
/// 2^62 of it, whichever is more. Results that do not fit in 64 bits saturate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    multiplier: u64,
    shift: u32,
}

impl Scale {
    /// From ticks of a clock of that frequency to nanoseconds.
    #[must_use]
    pub const fn to_nanoseconds(hz: u64) -> Self {
        Self::between(hz, NANOSECONDS)
    }

    /// From nanoseconds to ticks of a clock of that frequency.
    #[must_use]
    pub const fn from_nanoseconds(hz: u64) -> Self {
        Self::between(NANOSECONDS, hz)
    }

    /// From ticks of one clock to ticks of another. A frequency of 0 counts as 1.
    #[must_use]
    pub const fn between(from_hz: u64, to_hz: u64) -> Self {
        let from = if from_hz == 0 { 1 } else { from_hz } as u128;
        let to = if to_hz == 0 { 1 } else { to_hz } as u128;
        // The largest shift whose multiplier fits: `to / from < 2^64`, so 0 always does.
        let mut shift = 63;
        while shift > 0 && (to << shift) / from > u64::MAX as u128 {
            shift -= 1;
        }
        Self {
            multiplier: ((to << shift) / from) as u64,
            shift,
        }
    }

    /// Converts, rounding down.
    #[must_use]
    #[inline]
    pub const fn convert(self, ticks: u64) -> u64 {
        let product = (ticks as u128 * self.multiplier as u128) >> self.shift;
        if product > u64::MAX as u128 {
            u64::MAX
        } else {
            product as u64
        }
    }

    /// The multiplier and shift: for those who convert elsewhere (user space).
    #[must_use]
    pub const fn parts(self) -> (u64, u32) {
        (self.multiplier, self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_second_is_a_thousand_million_nanoseconds() {
        for hz in [
            1_193_182,
            3_579_545,
            24_000_000,
            2_999_999_999,
            5_700_000_000,
        ] {
            let second = Scale::to_nanoseconds(hz).convert(hz);
            assert!(
                (999_999_999..=NANOSECONDS).contains(&second),
                "{hz} {second}"
            );
        }
    }

    #[test]
    fn a_century_of_ticks_is_exact_to_a_microsecond() {
        let hz = 3_000_000_000;
        let seconds = 100 * 365 * 86_400;
        let nanoseconds = Scale::to_nanoseconds(hz).convert(hz * seconds);
        assert!(seconds * NANOSECONDS - nanoseconds < 1_000);
    }

    #[test]
    fn the_largest_counter_saturates() {
        assert_eq!(Scale::to_nanoseconds(1_000).convert(u64::MAX), u64::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn conversion_is_the_rational_number_rounded_down_or_one_less(
            ticks: u64,
            from in 1_u64..,
            to in 1_u64..=100_000_000_000,
        ) {
            // The fixed point's own error: below 2^-shift for each tick.
            let exact = u128::from(ticks) * u128::from(to) / u128::from(from);
            let exact = u64::try_from(exact).unwrap_or(u64::MAX);
            let scale = Scale::between(from, to);
            let got = scale.convert(ticks);
            let slack = (u128::from(ticks) >> scale.parts().1) as u64 + 1;
            prop_assert!(got <= exact);
            prop_assert!(got == u64::MAX || exact - got <= slack, "{got} {exact}");
        }

        #[test]
        fn time_never_goes_back_by_conversion(a: u64, b: u64, hz in 1_u64..=100_000_000_000) {
            let scale = Scale::to_nanoseconds(hz);
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(scale.convert(early) <= scale.convert(late));
        }

        #[test]
        fn there_and_back_loses_less_than_a_tick_and_rounding(
            nanoseconds in 0_u64..1 << 57,
            hz in 1_000_000_u64..=100_000_000_000,
        ) {
            let ticks = Scale::from_nanoseconds(hz).convert(nanoseconds);
            let back = Scale::to_nanoseconds(hz).convert(ticks);
            prop_assert!(back <= nanoseconds);
            prop_assert!(nanoseconds - back <= NANOSECONDS / hz + 3);
        }
    }
}
