//! Plain data between collecting and encoding: made by collectors, read by encoders.

use std::borrow::Cow;

use crate::model::descriptor::{Descriptor, Kind};
use crate::model::number;
pub use crate::model::number::Number;

/// A family at one moment: the samples below one `# TYPE` line.
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
    pub(crate) samples: Vec<Sample>,
    /// A collector's mistake in the samples.
    pub(crate) mistake: Option<String>,
}

/// A line of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub(crate) suffix: &'static str,
    pub(crate) labels: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) value: Number,
}

impl FamilySnapshot {
    /// Makes a family without samples.
    pub fn new(descriptor: &Descriptor) -> Self {
        Self {
            name: descriptor.name().to_owned(),
            help: descriptor.help().to_owned(),
            kind: descriptor.kind(),
            unit: descriptor.unit().map(str::to_owned),
            label_names: descriptor.label_names().map(str::to_owned).collect(),
            samples: Vec::new(),
            mistake: None,
        }
    }

    /// Adds a sample. The labels are named, in any order; a missing one is empty.
    ///
    /// An unknown or repeated label is a mistake: the scrape leaves the family out, counts and reports it. So is a
    /// value that the kind does not allow:
    ///
    /// | kind | allowed values |
    /// |---|---|
    /// | gauge | any, also infinities, NaN and minus zero |
    /// | counter, and the counts of a histogram or summary | not NaN, and not below 0: Prometheus would take that for a reset |
    /// | sums of a histogram or summary | any but NaN; below 0 with negative observations |
    /// | info | 1; leave the sample out if the fact does not hold |
    pub fn push(&mut self, labels: &[(&str, &str)], value: impl Into<Number>) {
        let values = self.values(labels);
        self.push_values(&values, value);
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
        let values = self.values(labels);
        self.push_buckets(&values, buckets, above, sum);
    }

    /// Adds a summary series: the number of values, and their sum. Labels are as for [`push`](Self::push).
    pub fn push_summary(&mut self, labels: &[(&str, &str)], count: u64, sum: f64) {
        let values = self.values(labels);
        self.push_part("_sum", &values, None, sum.into());
        self.push_part("_count", &values, None, count.into());
    }

    /// Returns the values of named labels, in the family's order.
    fn values<'a>(&mut self, labels: &[(&str, &'a str)]) -> Vec<&'a str> {
        let mut values = vec![None; self.label_names.len()];
        for (name, value) in labels {
            match self.label_names.iter().position(|known| known == name) {
                Some(place) if values[place].is_none() => values[place] = Some(*value),
                Some(_) => self.mistake = Some(format!("`{}`: the label `{name}` is given twice", self.name)),
                None => {
                    let known = self.label_names.join("`, `");
                    self.mistake = Some(format!("`{}` has no label `{name}`, but `{known}`", self.name));
                }
            }
        }
        values.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Adds a sample, with label values in the order of the sorted names.
    pub(crate) fn push_values(&mut self, label_values: &[&str], value: impl Into<Number>) {
        self.push_part("", label_values, None, value.into());
    }

    /// Adds buckets as [`push_histogram`](Self::push_histogram) does, with label values in the order of the sorted
    /// names.
    pub(crate) fn push_buckets(
        &mut self,
        label_values: &[&str],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        above: u64,
        sum: f64,
    ) {
        let buckets = buckets.into_iter().map(|(bound, count)| (Cow::Owned(number::to_text(bound)), count));
        let mut total = Number::Int(0);
        for (bound, count) in buckets.chain([(Cow::Borrowed("+Inf"), above)]) {
            total = total + Number::Int(count);
            self.push_part("_bucket", label_values, Some((Cow::Borrowed("le"), bound)), total);
        }
        self.push_part("_sum", label_values, None, sum.into());
        self.push_part("_count", label_values, None, total);
    }

    /// Adds a sample of a part of a series: its suffix, and the part's own label (`le`).
    pub(crate) fn push_part(
        &mut self,
        suffix: &'static str,
        label_values: &[&str],
        part_label: Option<(Cow<'static, str>, Cow<'static, str>)>,
        value: Number,
    ) {
        let mut labels = Vec::with_capacity(label_values.len() + usize::from(part_label.is_some()));
        for (name, value) in self.label_names.iter().zip(label_values) {
            labels.push((Cow::Owned(name.clone()), Cow::Owned((*value).to_owned())));
        }
        labels.extend(part_label);
        self.samples.push(Sample { suffix, labels, value });
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

    /// Returns the samples, the parts of a series next to each other.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
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
