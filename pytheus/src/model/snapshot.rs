//! Plain data between collecting and encoding: collectors give it, encoders see nothing else.

use std::borrow::Cow;

use crate::model::descriptor::{Descriptor, Kind};
use crate::model::number;
pub use crate::model::number::Number;

/// A family at one moment: what stands behind one `# TYPE` line.
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
    /// What a collector got wrong when it added samples.
    pub(crate) mistake: Option<String>,
}

/// One line of output.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub(crate) suffix: &'static str,
    pub(crate) labels: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) value: Number,
}

impl FamilySnapshot {
    /// A family without samples.
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

    /// Adds a sample. The labels are named, in any order; one that is left out is empty.
    ///
    /// A label that the family does not have, or that is given twice, is a mistake: the scrape leaves the family out,
    /// counts it and reports it. So is a value that the kind does not allow:
    ///
    /// | kind | a value may be |
    /// |---|---|
    /// | gauge | any, infinities, NaN and minus zero among them |
    /// | counter, and the counts of a histogram or summary | not NaN, and not below 0: Prometheus would take that for a reset |
    /// | sums of a histogram or summary | any but NaN; below 0, where what was observed is |
    /// | info | 1; leave the sample out when the fact does not hold |
    pub fn push(&mut self, labels: &[(&str, &str)], value: impl Into<Number>) {
        let values = self.values(labels);
        self.push_values(&values, value);
    }

    /// Adds a histogram series: its upper bounds with how many values fell into each (not cumulative), how many lay
    /// above all of them, and the sum of all values. Labels are as for [`push`](Self::push).
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

    /// Adds a summary series: how many values, and their sum. Labels are as for [`push`](Self::push).
    pub fn push_summary(&mut self, labels: &[(&str, &str)], count: u64, sum: f64) {
        let values = self.values(labels);
        self.push_part("_sum", &values, None, sum.into());
        self.push_part("_count", &values, None, count.into());
    }

    /// The values of named labels, in the order of the family's.
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

    /// Adds a sample, the label values in the order of the sorted names.
    pub(crate) fn push_values(&mut self, label_values: &[&str], value: impl Into<Number>) {
        self.push_part("", label_values, None, value.into());
    }

    /// As [`push_histogram`](Self::push_histogram), the label values in the order of the sorted names.
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

    /// Adds a sample of a part of a series: its suffix, and the label that the part brings (`le`).
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

    /// The full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the metric means.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The unit, when one was given.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The names of the labels, sorted; without those that parts bring (`le`) or a registry adds.
    pub fn label_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.label_names.iter().map(String::as_str)
    }

    /// The samples, the parts of one series next to each other.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

impl Sample {
    /// What is appended to the name of the family: nothing, or `_bucket`, `_sum`, `_count`.
    pub fn suffix(&self) -> &'static str {
        self.suffix
    }

    /// Names and values. An empty value is the same as the label being absent, and encoders leave it out.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value.
    pub fn value(&self) -> Number {
        self.value
    }

    /// Does the sample carry exactly these labels, whatever their order, empty values being absent?
    pub fn has_labels(&self, wanted: &[(&str, &str)]) -> bool {
        let present = |(_, value): &(&str, &str)| !value.is_empty();
        self.labels().filter(present).count() == wanted.iter().copied().filter(present).count()
            && wanted.iter().copied().filter(present).all(|label| self.labels().any(|own| own == label))
    }
}
