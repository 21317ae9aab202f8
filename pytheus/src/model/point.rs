//! Points: the value of a series at one moment, as collectors give it and encoders read it.

use std::borrow::Cow;

use crate::model::number::Number;

/// A series of a family at one moment: its labels and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub(crate) labels: PointLabels,
    pub(crate) value: PointValue,
}

/// Names and values.
pub(crate) type PointLabels = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// The value of a point, by the kind of its family.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PointValue {
    /// Of a counter or a gauge.
    Number(Number),
    /// Of a histogram.
    Histogram(HistogramPoint),
    /// Of a summary.
    Summary(SummaryPoint),
    /// Of a state set.
    States(StatesPoint),
    /// Of an info metric, whose labels are the facts.
    Info,
}

/// The value of a histogram with classic buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPoint {
    pub(crate) bounds: Vec<f64>,
    /// One more than there are bounds, of whole numbers.
    pub(crate) counts: Vec<Number>,
    pub(crate) sum: f64,
}

/// The value of a summary.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryPoint {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) quantiles: Vec<(f64, f64)>,
}

/// The value of a state set.
#[derive(Debug, Clone, PartialEq)]
pub struct StatesPoint {
    pub(crate) names: Vec<Cow<'static, str>>,
    /// 1 for a state that holds, else 0.
    pub(crate) flags: Vec<Number>,
}

impl Point {
    /// Returns names and values of the labels, those of the registry first. An empty value is the same as an absent label.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the value.
    pub fn value(&self) -> &PointValue {
        &self.value
    }
}

impl HistogramPoint {
    /// Returns the finite upper bounds, in rising order.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// Returns the number of values in each bucket, not cumulative; the last is the number above all bounds.
    pub fn counts(&self) -> impl ExactSizeIterator<Item = u64> {
        self.counts.iter().map(|count| count.as_count())
    }

    /// Returns the number of all values.
    pub fn count(&self) -> u64 {
        self.counts().fold(0, u64::wrapping_add)
    }

    /// Returns the sum of all values.
    pub fn sum(&self) -> f64 {
        self.sum
    }
}

impl SummaryPoint {
    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of all values.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Returns quantiles, from 0 to 1, each with its value. A [`Summary`](crate::Summary) has none.
    pub fn quantiles(&self) -> &[(f64, f64)] {
        &self.quantiles
    }
}

impl StatesPoint {
    /// Returns each state, and whether it holds.
    pub fn states(&self) -> impl Iterator<Item = (&str, bool)> {
        self.names.iter().zip(&self.flags).map(|(name, flag)| (&**name, *flag == Number::Int(1)))
    }
}
