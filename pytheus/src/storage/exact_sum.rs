//! Sums of floats, independent of the order of addition.

/// A compensated sum, kept to about 106 bits and rounded once in the end. It does not depend on the order of threads
/// and processes, so no rounding makes a growing total decrease.
///
/// A [double-double](https://en.wikipedia.org/wiki/Quadruple-precision_floating-point_format#Double-double_arithmetic)
/// built on the error-free sum of two floats, [2Sum](https://en.wikipedia.org/wiki/2Sum) (D. Knuth, *The Art of
/// Computer Programming*, volume 2, section 4.2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ExactSum {
    high: f64,
    /// The rounding error of `high`.
    low: f64,
}

impl ExactSum {
    pub(crate) const ZERO: Self = Self { high: 0.0, low: 0.0 };

    /// Makes a sum of its two [parts](Self::parts).
    #[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
    pub(crate) fn new(high: f64, low: f64) -> Self {
        let mut sum = Self { high, low: 0.0 };
        sum += low;
        sum
    }

    /// Returns the rounded sum.
    #[inline]
    pub(crate) fn value(self) -> f64 {
        self.high
    }

    /// Returns the rounded sum and its rounding error.
    pub(crate) fn parts(self) -> (f64, f64) {
        (self.high, self.low)
    }
}

impl std::ops::AddAssign<f64> for ExactSum {
    #[inline]
    fn add_assign(&mut self, amount: f64) {
        let (high, low) = two_sum(self.high, amount);
        // The error of an infinite sum is a NaN, and would stay one.
        if high.is_finite() {
            (self.high, self.low) = two_sum(high, self.low + low);
        } else {
            *self = Self { high, low: 0.0 };
        }
    }
}

impl std::ops::AddAssign for ExactSum {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self += other.high;
        *self += other.low;
    }
}

impl std::ops::SubAssign for ExactSum {
    /// Subtracts; a sum minus itself is zero, even if it is infinite.
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        if *self == other {
            *self = Self::ZERO;
        } else {
            *self += -other.high;
            *self += -other.low;
        }
    }
}

/// Returns the rounded sum and the exact rounding error.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let other = sum - a;
    (sum, (a - (sum - other)) + (b - other))
}

#[cfg(test)]
mod tests {
    use super::ExactSum;

    #[test]
    fn a_sum_does_not_depend_on_the_order() {
        let amounts: Vec<f64> = (1..200).map(|n| 1.0 / f64::from(n) * 10_f64.powi(n % 9)).collect();
        let sum = |amounts: &mut dyn Iterator<Item = &f64>| {
            let mut sum = ExactSum::ZERO;
            amounts.for_each(|amount| sum += *amount);
            sum.value()
        };
        let forwards = sum(&mut amounts.iter());
        let backwards = sum(&mut amounts.iter().rev());
        assert_eq!(forwards.to_bits(), backwards.to_bits());
        let halves = {
            let (mut one, mut other) = (ExactSum::ZERO, ExactSum::ZERO);
            amounts.iter().step_by(2).for_each(|amount| one += *amount);
            amounts.iter().skip(1).step_by(2).for_each(|amount| other += *amount);
            one += other;
            one.value()
        };
        assert_eq!(forwards.to_bits(), halves.to_bits());
    }

    #[test]
    fn an_infinite_sum_stays_infinite_until_it_is_subtracted() {
        let mut sum = ExactSum::new(f64::INFINITY, 0.0);
        sum += 1.0;
        assert_eq!(sum.parts(), (f64::INFINITY, 0.0));
        sum -= sum;
        assert_eq!(sum, ExactSum::ZERO);
    }

    #[test]
    fn subtraction_undoes_an_addition_exactly() {
        let mut sum = ExactSum::ZERO;
        sum += 1e16;
        sum += 0.1;
        sum -= ExactSum::new(1e16, 0.0);
        assert_eq!(sum.value().to_bits(), 0.1_f64.to_bits());
    }
}
