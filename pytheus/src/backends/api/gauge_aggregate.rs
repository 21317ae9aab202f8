//! The rule by which the values of several processes become one, for all backends.

use std::cmp::Ordering;

use crate::backends::api::aggregation::Aggregation;
use crate::storage::ExactSum;

/// Aggregates the values that processes have for one series of a gauge into the one that a scrape shows.
///
/// The built-in backends use this rule, and a backend of your own should: then a gauge shows the same value whichever
/// backend is loaded, and whatever the order in which processes are read.
///
/// ```
/// use pytheus::backends::custom::{Aggregation, GaugeAggregate};
///
/// let mut greatest = GaugeAggregate::new(Aggregation::LiveMax);
/// assert_eq!(greatest.value(), None);
/// greatest.add(f64::NAN, 0);
/// greatest.add(3.0, 0);
/// assert_eq!(greatest.value(), Some(3.0));
/// ```
///
/// | [`Aggregation`] | result | NaN | equal times |
/// |---|---|---|---|
/// | `LiveSum` | the sum, to about 106 bits, rounded once | the sum is NaN; so it is of both infinities | |
/// | `LiveMin`, `LiveMax` | the least, the greatest value; infinities are values | left out, unless every value is NaN | |
/// | `MostRecent`, `LiveMostRecent` | the value that was set last | a value like any other | the greater value stands; any number stands before NaN |
///
/// Processes without a value are not added: the aggregate of none has no value. Zero has no sign: `-0.0` is shown as `0`.
/// `Add` and `Shared` are aggregated as a sum. [`PerProcess`](Aggregation::PerProcess) has a series for each process and needs
/// no aggregate; two values under the same labels are aggregated as the most recent.
///
/// A sum depends on the order of processes only where it is beyond all use: when it overflows on the way, or when values
/// differ by more than 30 decimal digits.
#[derive(Debug, Clone, Copy)]
pub struct GaugeAggregate {
    aggregation: Aggregation,
    sum: ExactSum,
    set_at: u64,
    is_empty: bool,
}

impl GaugeAggregate {
    /// Starts without any value.
    pub const fn new(aggregation: Aggregation) -> Self {
        Self { aggregation, sum: ExactSum::ZERO, set_at: 0, is_empty: true }
    }

    /// Adds the value of one process, set at that time: in nanoseconds since 1970, as
    /// [`Change::set_at`](crate::backends::custom::Change::set_at) says it. The time matters for the most recent value alone.
    pub fn add(&mut self, value: f64, set_at: u64) {
        // Takes the sign of zero away.
        let value = value + 0.0;
        let replaces = self.is_empty
            || match self.aggregation {
                Aggregation::LiveSum | Aggregation::Add | Aggregation::Shared => {
                    self.sum += value;
                    self.set_at = self.set_at.max(set_at);
                    return;
                }
                Aggregation::LiveMin => is_less(value, self.sum.value()),
                Aggregation::LiveMax => is_greater(value, self.sum.value()),
                Aggregation::MostRecent | Aggregation::LiveMostRecent | Aggregation::PerProcess => {
                    match set_at.cmp(&self.set_at) {
                        Ordering::Equal => is_greater(value, self.sum.value()),
                        order => order.is_gt(),
                    }
                }
            };
        if replaces {
            (self.sum, self.set_at, self.is_empty) = (ExactSum::new(value, 0.0), set_at, false);
        }
    }

    /// Returns the aggregated value; `None` when no value was added.
    pub fn value(&self) -> Option<f64> {
        (!self.is_empty).then(|| self.sum.value())
    }

    /// Returns the time at which the value was set.
    pub fn set_at(&self) -> u64 {
        self.set_at
    }

    /// The value before it is rounded.
    #[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
    pub(crate) fn sum(&self) -> ExactSum {
        self.sum
    }
}

/// Is the value less, where NaN gives way to every number?
fn is_less(value: f64, than: f64) -> bool {
    value < than || than.is_nan() && !value.is_nan()
}

/// Is the value greater, where NaN gives way to every number?
fn is_greater(value: f64, than: f64) -> bool {
    value > than || than.is_nan() && !value.is_nan()
}

/// Values, each with its time, and what each mode makes of them: least, greatest, sum, most recent.
#[cfg(test)]
type Case = (&'static [(f64, u64)], [&'static str; 4]);

/// Each backend shows the same of these.
#[cfg(test)]
pub(crate) const CASES: &[Case] = {
    const NAN: f64 = f64::NAN;
    const INFINITY: f64 = f64::INFINITY;
    &[
        (&[(3.0, 20), (-1.0, 30), (4.0, 10)], ["-1", "4", "6", "-1"]),
        (&[(3.0, 10), (NAN, 20)], ["3", "3", "NaN", "NaN"]),
        (&[(3.0, 20), (NAN, 10)], ["3", "3", "NaN", "3"]),
        (&[(NAN, 10), (NAN, 10)], ["NaN", "NaN", "NaN", "NaN"]),
        (&[(3.0, 10), (NAN, 10), (2.0, 10)], ["2", "3", "NaN", "3"]),
        (&[(1.0, 5), (2.0, 5)], ["1", "2", "3", "2"]),
        (&[(-0.0, 7), (0.0, 7)], ["0", "0", "0", "0"]),
        (&[(-0.0, 7)], ["0", "0", "0", "0"]),
        (&[(INFINITY, 1), (-INFINITY, 2), (1.0, 3)], ["-inf", "inf", "NaN", "1"]),
        (&[(INFINITY, 1), (1.0, 1)], ["1", "inf", "inf", "inf"]),
        (&[(0.1, 1), (0.2, 2), (0.3, 3)], ["0.1", "0.3", "0.6", "0.3"]),
        (&[(1e16, 3), (1.0, 2), (-1e16, 1)], ["-10000000000000000", "10000000000000000", "1", "10000000000000000"]),
        // Times that differ in the last place of all 64 bits.
        (&[(9.0, 1_800_000_000_000_000_001), (1.0, 1_800_000_000_000_000_002)], ["1", "9", "10", "1"]),
    ]
};

/// The modes of the [cases](CASES), in their order.
#[cfg(test)]
pub(crate) const MODES: [Aggregation; 4] =
    [Aggregation::LiveMin, Aggregation::LiveMax, Aggregation::LiveSum, Aggregation::LiveMostRecent];

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate<'a>(aggregation: Aggregation, values: impl IntoIterator<Item = &'a (f64, u64)>) -> Option<String> {
        let mut aggregate = GaugeAggregate::new(aggregation);
        values.into_iter().for_each(|(value, set_at)| aggregate.add(*value, *set_at));
        aggregate.value().map(|value| value.to_string())
    }

    fn permutations<T: Copy>(values: &[T]) -> Vec<Vec<T>> {
        if values.is_empty() {
            return vec![Vec::new()];
        }
        let with_first = |first: usize| {
            let mut rest = values.to_vec();
            let first = rest.remove(first);
            permutations(&rest).into_iter().map(move |rest| std::iter::once(first).chain(rest).collect())
        };
        (0..values.len()).flat_map(with_first).collect()
    }

    #[test]
    fn each_mode_makes_one_value_of_several_as_the_table_says() {
        for (values, expected) in CASES {
            for (aggregation, expected) in MODES.into_iter().zip(expected) {
                for values in permutations(values) {
                    assert_eq!(
                        aggregate(aggregation, &values).as_deref(),
                        Some(*expected),
                        "{aggregation:?} of {values:?}"
                    );
                }
            }
        }
        assert!(MODES.into_iter().all(|aggregation| aggregate(aggregation, []).is_none()));
    }

    #[test]
    fn processes_in_any_order_give_the_same_value() {
        let values = [f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, 0.0, 0.1, -0.2, 0.3, 1e16, 1e-9];
        let all: Vec<(f64, u64)> = values.into_iter().flat_map(|value| [(value, 1), (value, 2)]).collect();
        let modes = MODES.into_iter().chain([Aggregation::MostRecent, Aggregation::PerProcess]);
        for aggregation in modes {
            for one in &all {
                for two in &all {
                    for three in &all {
                        let orders = permutations(&[*one, *two, *three]);
                        let expected = aggregate(aggregation, &orders[0]);
                        for order in &orders[1..] {
                            assert_eq!(aggregate(aggregation, order), expected, "{aggregation:?} of {order:?}");
                        }
                    }
                }
            }
        }
    }
}
