//! The numbers of one family: what a scrape reads, and an encoder writes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::backends::api::aggregation::Aggregation;
use crate::backends::api::family_key::{self, FamilyKey};
use crate::backends::api::process_label::process_label;
use crate::backends::api::series_key::{self, SeriesKey};
use crate::backends::api::versions::Declared;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::key::Labels;
use crate::model::number::Number;
use crate::model::process;
use crate::model::snapshot::{FamilySnapshot, HistogramPoint, PointValue, StatesPoint, SummaryPoint};
use crate::storage::{self, SortedSeries};

/// The numbers of one family: its series in order, and their parts.
pub(crate) struct FamilyTotals<'a> {
    descriptor: Described<'a>,
    /// By label values.
    series: Keys,
    /// The parts of each series, one after the other.
    parts: Vec<Number>,
    /// The series that show nothing, by their place, in order: those that could not be read, and gauges that nobody has set
    /// where 0 is no value.
    missing: Vec<usize>,
    /// The label `pid` of this process, where a backend has said so.
    process: Option<Arc<str>>,
}

enum Described<'a> {
    Own(&'a Descriptor),
    Put(Arc<FamilyKey>),
}

enum Keys {
    Own(Arc<SortedSeries>),
    Put(Arc<[SeriesKey]>),
}

impl<'a> FamilyTotals<'a> {
    /// Makes totals of series in order, with the same number of parts for each.
    pub(crate) fn new(
        descriptor: &'a Descriptor,
        series: Arc<SortedSeries>,
        parts: Vec<Number>,
        missing: Vec<usize>,
    ) -> Self {
        Self { descriptor: Described::Own(descriptor), series: Keys::Own(series), parts, missing, process: None }
    }

    /// Takes the totals provided by a backend.
    pub(crate) fn put(declared: Declared, process: Option<Arc<str>>) -> Self {
        let Declared { family, series, parts, .. } = declared;
        let in_order = series.windows(2).all(|pair| pair[0].compare(&pair[1], &family).is_lt());
        let (series, parts) = if in_order { (series, parts) } else { sort(&family, &series, &parts) };
        Self { descriptor: Described::Put(family), series: Keys::Put(series), parts, missing: Vec::new(), process }
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        match &self.descriptor {
            Described::Own(descriptor) => descriptor,
            Described::Put(family) => family.descriptor(),
        }
    }

    /// Puts in a series that this process alone knows, in place of what is there.
    pub(crate) fn set(&mut self, labels: &Labels<'_>, part: Number) {
        let (Keys::Put(series), Described::Put(family)) = (&mut self.series, &self.descriptor) else { return };
        let Some(key) = adapted(family, labels, self.process.as_deref()) else { return };
        match series.binary_search_by(|known| known.compare(&key, family)) {
            Ok(place) => self.parts[place] = part,
            Err(place) => {
                let mut all = series.to_vec();
                all.insert(place, key);
                *series = all.into();
                self.parts.insert(place, part);
            }
        }
    }

    /// Takes note that a series could not be read.
    pub(crate) fn leave_out(&mut self, labels: &Labels<'_>) {
        if let (Keys::Put(series), Described::Put(family)) = (&self.series, &self.descriptor)
            && let Some(key) = adapted(family, labels, self.process.as_deref())
            && let Ok(place) = series.binary_search_by(|known| known.compare(&key, family))
            && let Err(at) = self.missing.binary_search(&place)
        {
            self.missing.insert(at, place);
        }
    }

    /// Labels and parts of each series, but for those that could not be read.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Labels<'_>, &[Number])> {
        let all = self.parts.chunks_exact(self.part_count()).enumerate();
        let readable = all.filter(|(place, _)| self.is_readable(*place));
        readable.map(|(place, parts)| (self.labels(place), parts))
    }

    /// Shows the labels of each series and its parts; not of those that could not be read.
    pub(crate) fn each(&self, mut show: impl FnMut(Labels<'_>, &[Number])) {
        // Series lie anywhere in memory: each is looked for while those before it are written.
        const AHEAD: usize = 16;
        for (place, parts) in self.parts.chunks_exact(self.part_count()).enumerate() {
            if let Keys::Own(series) = &self.series
                && let Some(series) = series.get(place + AHEAD)
            {
                storage::prefetch_series(series);
            }
            if self.is_readable(place) {
                show(self.labels(place), parts);
            }
        }
    }

    #[inline]
    fn is_readable(&self, place: usize) -> bool {
        self.missing.is_empty() || self.missing.binary_search(&place).is_err()
    }

    #[inline]
    fn labels(&self, place: usize) -> Labels<'_> {
        let specs = &self.descriptor().labels;
        match &self.series {
            Keys::Own(series) => {
                let (head, text) = series[place].key();
                Labels::new(specs, head, text)
            }
            Keys::Put(series) => series[place].labels_of(specs),
        }
    }

    /// The series of this process, which were not put in by a backend.
    pub(crate) fn own_series(&self) -> Option<&Arc<SortedSeries>> {
        match &self.series {
            Keys::Own(series) => Some(series),
            Keys::Put(_) => None,
        }
    }

    /// The parts of all series.
    pub(crate) fn parts(&self) -> &[Number] {
        &self.parts
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        match &self.series {
            Keys::Own(series) => series.len(),
            Keys::Put(series) => series.len(),
        }
    }

    /// The labels of the last series in order.
    pub(crate) fn last_labels(&self) -> Option<Labels<'_>> {
        self.len().checked_sub(1).map(|last| self.labels(last))
    }

    /// How many parts a series has.
    pub(crate) fn part_count(&self) -> usize {
        family_key::part_count(self.descriptor()).max(1)
    }

    /// The points that the numbers make.
    pub(crate) fn snapshot(&self) -> FamilySnapshot {
        let mut snapshot = FamilySnapshot::new(self.descriptor());
        for (labels, parts) in self.iter() {
            if let Some(value) = self.value(parts) {
                snapshot.push_point(&labels.values().collect::<Vec<_>>(), value);
            }
        }
        snapshot
    }

    /// The value of a series; `None` for an info metric whose facts are not stated.
    fn value(&self, parts: &[Number]) -> Option<PointValue> {
        let descriptor = self.descriptor();
        Some(match (descriptor.kind(), parts) {
            (Kind::Counter | Kind::Gauge, [value]) => PointValue::Number(*value),
            (Kind::Summary, [count, sum]) => {
                PointValue::Summary(SummaryPoint { count: count.as_count(), sum: sum.as_f64(), quantiles: Vec::new() })
            }
            (Kind::Histogram, [counts @ .., sum]) => {
                let (bounds, counts) = (descriptor.buckets().to_vec(), counts.to_vec());
                PointValue::Histogram(HistogramPoint { bounds, counts, sum: sum.as_f64() })
            }
            (Kind::Info, [Number::Int(1)]) => PointValue::Info,
            (Kind::StateSet, flags) => {
                let names = descriptor.states().iter().map(|state| Cow::Borrowed(*state)).collect();
                PointValue::States(StatesPoint { names, flags: flags.to_vec() })
            }
            _ => return None,
        })
    }
}

/// The labels of a series of this process, as a family that was put in has them: with that of the process where it tells
/// series apart. `None` when they are not its labels.
fn adapted(family: &FamilyKey, labels: &Labels<'_>, process: Option<&str>) -> Option<SeriesKey> {
    if family.aggregation() != Aggregation::PerProcess || labels.get("pid").is_some() {
        return series_key::translate(labels, family);
    }
    let process = process.map_or_else(|| Cow::Owned(process_label(process::id(), None)), Cow::Borrowed);
    let values = family.descriptor().labels.iter().map(|label| match label.name() {
        "pid" => &*process,
        name => labels.get(name).or_else(|| label.default_text()).unwrap_or_default(),
    });
    Some(SeriesKey::new(family, &values.collect::<Vec<_>>()))
}

/// The series in order, each with its parts; of several alike, the first.
fn sort(family: &FamilyKey, series: &[SeriesKey], parts: &[Number]) -> (Arc<[SeriesKey]>, Vec<Number>) {
    let mut sorted: Vec<_> = series.iter().zip(parts.chunks_exact(family.part_count())).collect();
    sorted.sort_by(|(one, _), (other, _)| one.compare(other, family));
    sorted.dedup_by(|(one, _), (other, _)| one == other);
    (
        sorted.iter().map(|(key, _)| (*key).clone()).collect(),
        sorted.iter().flat_map(|(_, parts)| *parts).copied().collect(),
    )
}

impl fmt::Debug for FamilyTotals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.descriptor().name())?;
        f.debug_map().entries(self.iter()).finish()
    }
}
