//! The numbers of families: what a backend completes, and an encoder writes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::family;
use super::members::{self, Counted};
use super::versions::{self, Declared};
use super::{Combine, FamilyKey, SeriesKey, process_label};
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::key::Labels;
use crate::model::number::Number;
use crate::model::process;
use crate::model::snapshot::FamilySnapshot;
use crate::storage::{self, Sorted};

/// What a scrape of one registry shows, for a [backend](super::Backend::load) to complete.
pub struct Totals<'a> {
    scope: Cow<'a, str>,
    own: Vec<Own<'a>>,
    /// Of families that this process does not have: each with its declarations.
    others: Vec<Vec<Declared>>,
    deadline: Option<Instant>,
    /// The label `pid` of this process; its number, unless the backend says so.
    process: Option<Arc<str>>,
}

/// A family of this process.
struct Own<'a> {
    family: &'a dyn Counted,
    key: Option<Arc<FamilyKey>>,
    /// The totals that the backend has of it, by declaration.
    put: Vec<Declared>,
}

impl<'a> Totals<'a> {
    pub(crate) fn new(scope: Cow<'a, str>, families: impl IntoIterator<Item = &'a dyn Counted>) -> Self {
        let own = families.into_iter().map(|family| Own { family, key: family.key(), put: Vec::new() });
        Self { scope, own: own.collect(), others: Vec::new(), deadline: None, process: None }
    }

    /// The scrape is to have them by then.
    pub(crate) fn until(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    /// When the [patience](super::Backend::patience) of the scrape ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The scope of the registry: what belongs to another one is not asked for.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The families that this process has. There may be others, of other programs.
    pub fn families(&self) -> impl Iterator<Item = &Arc<FamilyKey>> {
        self.own.iter().filter_map(|own| own.key.as_ref())
    }

    /// Does the scrape show this family? Those of the [scope](Self::scope) it does, and [those that are
    /// here](Self::families), which may have come from another registry.
    pub fn wants(&self, family: &FamilyKey) -> bool {
        family.scope() == self.scope || self.families().any(|own| own.is(family))
    }

    /// Names this process: the label `pid` of its series in families that have [one for each
    /// process](super::Combine::PerProcess), as [`process_label`](super::process_label) makes it.
    ///
    /// To be called before totals are put in. Gauges that are read by a closure need it; without it, the label is the number
    /// of the process.
    pub fn name_process(&mut self, label: impl Into<Arc<str>>) {
        self.process = Some(label.into());
    }

    /// Puts in the totals of a family: its series, and the [parts](FamilyKey::width) of each, one after the other.
    ///
    /// In place of what this process has counted in the same family. A family that is not [wanted](Self::wants) is left out.
    ///
    /// Where processes [declare](FamilyKey::difference) a family in several ways, the totals of each declaration are put in by
    /// themselves, in the order in which processes have last begun to use it. They are merged: a label that one lacks shows
    /// its default, counts of buckets stand at the next bound, and what adds up is added up.
    pub fn put(&mut self, family: Arc<FamilyKey>, series: impl Into<Arc<[SeriesKey]>>, parts: Vec<Number>) {
        self.put_declared(family, series, parts, Vec::new(), true);
    }

    /// As [`put`](Self::put), with more about the declaration, for families that have several.
    ///
    /// `set_at` says when the value of each series was set, in nanoseconds since 1970, of a gauge that shows the
    /// [most recent](Combine::MostRecent) one: the latest of all declarations shows. It is empty where that is not known.
    ///
    /// `is_live` says whether a living process has the declaration. If none has, and a living one has declared the gauge in
    /// another mode, the value of this declaration is over.
    pub fn put_declared(
        &mut self,
        family: Arc<FamilyKey>,
        series: impl Into<Arc<[SeriesKey]>>,
        mut parts: Vec<Number>,
        set_at: Vec<u64>,
        is_live: bool,
    ) {
        let series = series.into();
        let width = family.width();
        debug_assert_eq!(parts.len(), series.len() * width, "the parts of {family}");
        parts.resize(series.len() * width, Number::Int(0));
        let times = if family.combine().is_by_time() { set_at } else { Vec::new() };
        let declared = Declared { family, series, parts, times, is_live };
        let family = &declared.family;
        if let Some(own) = self.own.iter_mut().find(|own| own.key.as_ref().is_some_and(|key| key.is(family))) {
            own.put.push(declared);
        } else if family.scope() == self.scope && !members::has(family) {
            // A local family that was not asked for belongs to another registry.
            match self.others.iter_mut().find(|other| other[0].family.is(family)) {
                Some(other) => other.push(declared),
                None => self.others.push(vec![declared]),
            }
        }
    }

    /// The families of this process, in their order, then those of others.
    pub(crate) fn finish(self) -> (Vec<FamilyTotals<'a>>, Vec<FamilyTotals<'a>>) {
        let process = self.process;
        let own = self.own.into_iter().map(|Own { family, put, .. }| {
            let Some(merged) = versions::merge(put).or_else(|| apart(family, process.as_ref())) else {
                return family.totals();
            };
            let mut totals = FamilyTotals::put(merged);
            totals.process.clone_from(&process);
            // Not before: closures may ask for other metrics, which no backend and none of its locks is to wait for.
            if family.descriptor().kind() == totals.descriptor().kind() {
                family.overlay(&mut totals);
            }
            totals
        });
        let others = self.others.into_iter().filter_map(versions::merge).map(FamilyTotals::put);
        (own.collect(), others.collect())
    }
}

impl fmt::Debug for Totals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totals").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The numbers of one family: its series in order, and their parts.
pub struct FamilyTotals<'a> {
    descriptor: Described<'a>,
    /// By label values.
    series: Keys,
    /// Those of each series, one after the other.
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
    Own(Arc<Sorted>),
    Put(Arc<[SeriesKey]>),
}

impl<'a> FamilyTotals<'a> {
    /// As many parts for each series, in its order.
    pub(crate) fn new(
        descriptor: &'a Descriptor,
        series: Arc<Sorted>,
        parts: Vec<Number>,
        missing: Vec<usize>,
    ) -> Self {
        Self { descriptor: Described::Own(descriptor), series: Keys::Own(series), parts, missing, process: None }
    }

    /// What a backend has put in.
    fn put(Declared { family, series, parts, .. }: Declared) -> Self {
        let in_order = series.windows(2).all(|pair| pair[0].compare(&pair[1], &family).is_lt());
        let (series, parts) = if in_order { (series, parts) } else { sort(&family, &series, &parts) };
        Self {
            descriptor: Described::Put(family),
            series: Keys::Put(series),
            parts,
            missing: Vec::new(),
            process: None,
        }
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
        let all = self.parts.chunks_exact(self.width()).enumerate();
        let readable = all.filter(|(place, _)| self.is_readable(*place));
        readable.map(|(place, parts)| (self.labels(place), parts))
    }

    /// Shows the labels of each series, as they are exposed, and its parts; not of those that could not be read.
    pub(crate) fn each(&self, mut show: impl FnMut(&str, &[Number])) {
        // Series lie anywhere in memory: each is looked for while those before it are written.
        const AHEAD: usize = 16;
        for (place, parts) in self.parts.chunks_exact(self.width()).enumerate() {
            if let Keys::Own(series) = &self.series
                && let Some(series) = series.get(place + AHEAD)
            {
                storage::look_ahead(series);
            }
            if self.is_readable(place) {
                show(self.labels(place).exposed(), parts);
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
    pub(crate) fn own_series(&self) -> Option<&Arc<Sorted>> {
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
    pub(crate) fn width(&self) -> usize {
        family::width(self.descriptor()).max(1)
    }

    /// The samples that the numbers make.
    pub(crate) fn snapshot(&self) -> FamilySnapshot {
        let mut snapshot = FamilySnapshot::new(self.descriptor());
        for (labels, parts) in self.iter() {
            self.samples(&labels, parts, &mut snapshot);
        }
        snapshot
    }

    fn samples(&self, labels: &Labels<'_>, parts: &[Number], out: &mut FamilySnapshot) {
        let descriptor = self.descriptor();
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

/// A family that has a series for each process, of which a backend that tells processes apart has none yet. What closures
/// read is put in with the label of this process, as it will be later.
fn apart(family: &dyn Counted, process: Option<&Arc<str>>) -> Option<Declared> {
    let (key, _) = family.key().filter(|key| key.combine() == Combine::PerProcess).zip(process)?;
    let descriptor = key.descriptor().clone().with_labels(["pid"]).ok()?;
    let family = Arc::new(FamilyKey::new(key.scope(), descriptor));
    Some(Declared { family, series: Arc::default(), parts: Vec::new(), times: Vec::new(), is_live: true })
}

/// The labels of a series of this process, as a family that was put in has them: with that of the process where it tells
/// series apart. `None` when they are not its labels.
fn adapted(family: &FamilyKey, labels: &Labels<'_>, process: Option<&str>) -> Option<SeriesKey> {
    if family.combine() != Combine::PerProcess || labels.get("pid").is_some() {
        return family::translate(labels, family);
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
    let mut sorted: Vec<_> = series.iter().zip(parts.chunks_exact(family.width())).collect();
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
