//! The numbers of a family: what a backend completes, and an encoder writes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::descriptor::{Descriptor, Kind};
use crate::key::Labels;
use crate::number::Number;
use crate::snapshot::FamilySnapshot;
use crate::storage::{self, Series, Sorted};

/// The numbers of one family: its series in order, and their parts.
pub struct FamilyTotals<'a> {
    descriptor: &'a Descriptor,
    /// By label values.
    series: Arc<Sorted>,
    /// Those of each series, one after the other.
    parts: Vec<Number>,
    /// Series that could not be read, by their place.
    missing: Vec<usize>,
}

impl<'a> FamilyTotals<'a> {
    /// As many parts for each series, in its order.
    pub(crate) fn new(
        descriptor: &'a Descriptor,
        series: Arc<Sorted>,
        parts: Vec<Number>,
        missing: Vec<usize>,
    ) -> Self {
        Self { descriptor, series, parts, missing }
    }

    pub(crate) fn descriptor(&self) -> &'a Descriptor {
        self.descriptor
    }

    /// Labels and parts of each series, but for those that could not be read.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Labels<'_>, &[Number])> {
        let all = self.series.iter().zip(self.parts.chunks_exact(self.width())).enumerate();
        let readable = all.filter(|(place, _)| self.missing.is_empty() || !self.missing.contains(place));
        readable.map(|(_, (series, parts))| (self.labels(series), parts))
    }

    /// Shows the labels of each series, as they are exposed, and its parts; not of those that could not be read.
    pub(crate) fn each(&self, mut show: impl FnMut(&str, &[Number])) {
        // Series lie anywhere in memory: each is looked for while those before it are written.
        const AHEAD: usize = 16;
        for (place, (series, parts)) in self.series.iter().zip(self.parts.chunks_exact(self.width())).enumerate() {
            if let Some(series) = self.series.get(place + AHEAD) {
                storage::look_ahead(series);
            }
            if self.missing.is_empty() || !self.missing.contains(&place) {
                show(self.labels(series).exposed(), parts);
            }
        }
    }

    fn labels<'s>(&'s self, series: &'s Series) -> Labels<'s> {
        let (head, text) = series.key();
        Labels::new(&self.descriptor.labels, head, text)
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// The labels of the last series in order.
    pub(crate) fn last_labels(&self) -> Option<Labels<'_>> {
        self.series.last().map(|series| self.labels(series))
    }

    /// How many parts a series has.
    pub(crate) fn width(&self) -> usize {
        (self.parts.len() / self.series.len().max(1)).max(1)
    }

    /// The samples that the numbers make.
    pub(crate) fn snapshot(&self) -> FamilySnapshot {
        let mut snapshot = FamilySnapshot::new(self.descriptor);
        for (labels, parts) in self.iter() {
            self.samples(&labels, parts, &mut snapshot);
        }
        snapshot
    }

    fn samples(&self, labels: &Labels<'_>, parts: &[Number], out: &mut FamilySnapshot) {
        let descriptor = self.descriptor;
        let values: Vec<_> = labels.values().collect();
        match (descriptor.kind(), parts) {
            (Kind::Counter | Kind::Gauge, [value]) => out.push_values(&values, *value),
            (Kind::Summary, [count, sum]) => {
                out.push_part("_sum", &values, None, *sum);
                out.push_part("_count", &values, None, *count);
            }
            (Kind::Histogram, [counts @ .., above, sum]) => {
                let buckets = descriptor.buckets().iter().copied().zip(counts.iter().map(|count| count.as_count()));
                out.push_buckets(&values, buckets, above.as_count(), sum.as_f64());
            }
            (Kind::Info, [Number::Int(1)]) => out.push_values(&values, 1_u64),
            (Kind::StateSet, flags) => {
                for (state, held) in descriptor.states().iter().zip(flags) {
                    let label = (Cow::Owned(descriptor.name().to_owned()), Cow::Borrowed(*state));
                    out.push_part("", &values, Some(label), *held);
                }
            }
            // An info metric whose facts are not stated.
            _ => {}
        }
    }
}

impl fmt::Debug for FamilyTotals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.descriptor.name())?;
        f.debug_map().entries(self.iter()).finish()
    }
}
