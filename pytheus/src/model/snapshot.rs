//! Plain data between collecting and encoding: made by collectors, read by encoders.

use std::borrow::Cow;

use crate::model::descriptor::{Descriptor, Kind};
use crate::model::number;
pub use crate::model::number::Number;
use crate::model::point::PointLabels;
pub use crate::model::point::{HistogramPoint, Point, PointValue, StatesPoint, SummaryPoint};

/// A family at one moment: a point for each of its series.
///
/// ```
/// use pytheus::descriptor::{Descriptor, Kind};
/// use pytheus::snapshot::FamilySnapshot;
///
/// let descriptor = Descriptor::new(Kind::Gauge, "disk_free_bytes", "Free space.")?.with_labels(["disk"])?;
/// let mut disks = FamilySnapshot::new(&descriptor);
/// disks.push(&[("disk", "sda")], 2.5e11);
/// # Ok::<(), pytheus::error::DescriptorError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FamilySnapshot {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<String>,
    pub(crate) label_names: Vec<String>,
    pub(crate) points: Vec<Point>,
    /// A collector's mistake in the points.
    pub(crate) mistake: Option<String>,
}

/// A line of the text: a part of a point, under its sample name.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    suffix: &'static str,
    labels: PointLabels,
    value: Number,
}

impl FamilySnapshot {
    /// Makes a family without points.
    pub fn new(descriptor: &Descriptor) -> Self {
        Self {
            name: descriptor.name().to_owned(),
            help: descriptor.help().to_owned(),
            kind: descriptor.kind(),
            unit: descriptor.unit().map(str::to_owned),
            label_names: descriptor.label_names().map(str::to_owned).collect(),
            points: Vec::new(),
            mistake: None,
        }
    }

    /// Adds a series of a counter, a gauge or an info metric. The labels are named, in any order; a missing one is empty.
    ///
    /// An unknown or repeated label is a mistake: the scrape leaves the family out, counts and reports it. So is a
    /// value that the kind does not allow:
    ///
    /// | kind | allowed values |
    /// |---|---|
    /// | gauge | any, also infinities, NaN and minus zero |
    /// | counter, and the counts of a histogram or summary | not NaN, and not below 0: Prometheus would take that for a reset |
    /// | sums of a histogram or summary | any but NaN; below 0 with negative observations |
    /// | info | 1; leave the series out if the fact does not hold |
    pub fn push(&mut self, labels: &[(&str, &str)], value: impl Into<Number>) {
        let labels = self.labels(labels);
        let value = value.into();
        let value = match self.kind {
            Kind::Info if value == Number::Int(1) => PointValue::Info,
            _ => PointValue::Number(value),
        };
        self.points.push(Point { labels, value });
    }

    /// Adds a histogram series: its upper bounds with the number of values in each bucket (not cumulative), the number
    /// above all bounds, and the sum of all values. Labels are as for [`push`](Self::push).
    ///
    /// ```
    /// # use pytheus::descriptor::{Descriptor, Kind};
    /// # use pytheus::snapshot::FamilySnapshot;
    /// let descriptor = Descriptor::new(Kind::Histogram, "gc_seconds", "Collections.")?.with_buckets([0.01, 0.1])?;
    /// let mut pauses = FamilySnapshot::new(&descriptor);
    /// pauses.push_histogram(&[], [(0.01, 3), (0.1, 1)], 0, 0.07);
    /// # Ok::<(), pytheus::error::DescriptorError>(())
    /// ```
    pub fn push_histogram(
        &mut self,
        labels: &[(&str, &str)],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        above: u64,
        sum: f64,
    ) {
        let labels = self.labels(labels);
        let (bounds, mut counts): (Vec<_>, Vec<_>) =
            buckets.into_iter().map(|(bound, count)| (bound, Number::Int(count))).unzip();
        counts.push(Number::Int(above));
        self.points.push(Point { labels, value: PointValue::Histogram(HistogramPoint { bounds, counts, sum }) });
    }

    /// Adds a summary series: the number of values, and their sum. Labels are as for [`push`](Self::push).
    pub fn push_summary(&mut self, labels: &[(&str, &str)], count: u64, sum: f64) {
        self.push_quantiles(labels, count, sum, []);
    }

    /// Adds a summary series with quantiles, from 0 to 1 and in rising order, each with its value.
    pub fn push_quantiles(
        &mut self,
        labels: &[(&str, &str)],
        count: u64,
        sum: f64,
        quantiles: impl IntoIterator<Item = (f64, f64)>,
    ) {
        let labels = self.labels(labels);
        let value = SummaryPoint { count, sum, quantiles: quantiles.into_iter().collect() };
        self.points.push(Point { labels, value: PointValue::Summary(value) });
    }

    /// Adds a series of a state set: each state, and whether it holds.
    pub fn push_states<S: Into<Cow<'static, str>>>(
        &mut self,
        labels: &[(&str, &str)],
        states: impl IntoIterator<Item = (S, bool)>,
    ) {
        let labels = self.labels(labels);
        let (names, flags) =
            states.into_iter().map(|(name, holds)| (name.into(), Number::Int(u64::from(holds)))).unzip();
        self.points.push(Point { labels, value: PointValue::States(StatesPoint { names, flags }) });
    }

    /// Orders named labels as the family has them.
    fn labels(&mut self, labels: &[(&str, &str)]) -> PointLabels {
        let mut values = vec![None; self.label_names.len()];
        for (name, value) in labels {
            match self.label_names.iter().position(|known| known == name) {
                Some(index) if values[index].is_none() => values[index] = Some(*value),
                Some(_) => self.mistake = Some(format!("`{}`: the label `{name}` is given twice", self.name)),
                None => {
                    let known = self.label_names.join("`, `");
                    self.mistake = Some(format!("`{}` has no label `{name}`, but `{known}`", self.name));
                }
            }
        }
        let values: Vec<_> = values.into_iter().map(Option::unwrap_or_default).collect();
        self.labels_of(&values)
    }

    fn labels_of(&self, values: &[&str]) -> PointLabels {
        let owned = |(name, value): (&String, &&str)| (Cow::Owned(name.clone()), Cow::Owned((*value).to_owned()));
        self.label_names.iter().zip(values).map(owned).collect()
    }

    /// Adds a point, with label values in the order of the sorted names.
    pub(crate) fn push_point(&mut self, label_values: &[&str], value: PointValue) {
        let labels = self.labels_of(label_values);
        self.points.push(Point { labels, value });
    }

    /// Returns the full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the help text.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the unit, if there is one.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Returns the names of the labels, sorted, without those of parts (`le`) and registries.
    pub fn label_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.label_names.iter().map(String::as_str)
    }

    /// Returns the points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Makes the lines that the points are in Prometheus text: a number under the family's name, the parts of others under
    /// a name with a suffix or with a label of their own. The parts of a point stand next to each other.
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for point in &self.points {
            let mut add = |suffix, own: Option<(&str, &str)>, value| {
                let mut labels = point.labels.clone();
                labels.extend(own.map(|(name, value)| (Cow::Owned(name.to_owned()), Cow::Owned(value.to_owned()))));
                samples.push(Sample { suffix, labels, value });
            };
            match &point.value {
                PointValue::Number(number) => add("", None, *number),
                PointValue::Info => add("", None, Number::Int(1)),
                PointValue::Histogram(histogram) => {
                    let mut total = Number::Int(0);
                    let bounds = histogram.bounds.iter().copied().chain([f64::INFINITY]);
                    for (bound, count) in bounds.zip(&histogram.counts) {
                        total = total + *count;
                        add("_bucket", Some(("le", &number::to_canonical_text(bound))), total);
                    }
                    add("_sum", None, Number::Float(histogram.sum));
                    add("_count", None, total);
                }
                PointValue::Summary(summary) => {
                    for (quantile, value) in &summary.quantiles {
                        let quantile = number::to_canonical_text(*quantile);
                        add("", Some(("quantile", &quantile)), Number::Float(*value));
                    }
                    add("_sum", None, Number::Float(summary.sum));
                    add("_count", None, Number::Int(summary.count));
                }
                PointValue::States(states) => {
                    for (name, flag) in states.names.iter().zip(&states.flags) {
                        add("", Some((&self.name, name)), *flag);
                    }
                }
            }
        }
        samples
    }
}

impl Sample {
    /// Returns the suffix of the name: none, or `_bucket`, `_sum`, `_count`.
    pub fn suffix(&self) -> &'static str {
        self.suffix
    }

    /// Returns names and values. Encoders leave out an empty value, which is the same as an absent label.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the value.
    pub fn value(&self) -> Number {
        self.value
    }

    /// Returns whether the sample has exactly these labels, in any order; empty values count as absent.
    pub fn has_labels(&self, wanted: &[(&str, &str)]) -> bool {
        let present = |(_, value): &(&str, &str)| !value.is_empty();
        self.labels().filter(present).count() == wanted.iter().copied().filter(present).count()
            && wanted.iter().copied().filter(present).all(|label| self.labels().any(|own| own == label))
    }
}
