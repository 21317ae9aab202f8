//! Everything under one name: the children by their label values.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashTable;

use super::Metric;
use super::child::{Child, Handle};
use super::limit::Limit;
use crate::backends::{FamilyTotals, SeriesTotals};
use crate::collector::{Collector, Counted};
use crate::descriptor::{Descriptor, Kind, MAX_ZERO_SERIES};
use crate::error::{CollectError, LabelError};
use crate::labels::{LabelSpec, LabelValue, LabelValues, Labels};
use crate::snapshot::FamilySnapshot;
use crate::storage::Cells as _;

/// The label values of a series that is looked for, wherever they stand: visited in the order of the sorted names.
pub(crate) trait Key {
    fn visit(&self, see: &mut dyn FnMut(&str));

    /// A copy of the values.
    fn to_vec(&self) -> Vec<String> {
        let mut values = Vec::new();
        self.visit(&mut |value| values.push(value.to_owned()));
        values
    }
}

impl<S: AsRef<str>> Key for [S] {
    fn visit(&self, see: &mut dyn FnMut(&str)) {
        for value in self {
            see(value.as_ref());
        }
    }
}

impl Key for LabelValues {
    fn visit(&self, see: &mut dyn FnMut(&str)) {
        self.iter().for_each(see);
    }
}

/// The part of a family that all its handles share.
pub(crate) struct FamilyCore<M: Metric> {
    descriptor: Descriptor,
    children: RwLock<Children<M>>,
    hasher: foldhash::fast::RandomState,
}

struct Children<M: Metric> {
    table: HashTable<Arc<Child<M::Cells>>>,
    limit: Limit,
}

impl<M: Metric> FamilyCore<M> {
    pub(super) fn new(descriptor: Descriptor) -> Self {
        let limit = Limit::new(descriptor.labels.len(), descriptor.limit());
        let core = Self {
            descriptor,
            children: RwLock::new(Children { table: HashTable::new(), limit }),
            hasher: foldhash::fast::RandomState::default(),
        };
        for values in core.zero_series() {
            core.child(&values[..]);
        }
        core
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(super) fn labels<'a>(&'a self, values: &'a LabelValues) -> Labels<'a> {
        Labels::new(&self.descriptor.labels, values)
    }

    /// The child of these values, made when there is none: the one that the limit allows.
    pub(super) fn child(&self, key: &(impl Key + ?Sized)) -> Arc<Child<M::Cells>> {
        if let Some(child) = self.find(key) {
            return child;
        }
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        let mut values = key.to_vec();
        let mut admitted = false;
        loop {
            let hash = self.hash(&values[..]);
            if let Some(child) = children.table.find(hash, |child| matches(child, &values[..])) {
                return Arc::clone(child);
            }
            if admitted || children.admit(&values) {
                let child = Arc::new(Child::new(
                    LabelValues::from_slice(&values.iter().map(String::as_str).collect::<Vec<_>>()),
                    M::cells(&self.descriptor),
                ));
                children.insert(hash, &self.hasher, Arc::clone(&child));
                return child;
            }
            match children.limit.collapse(&mut values) {
                Some(label) => {
                    crate::diagnostics::overflowed(self.descriptor.name(), self.descriptor.labels[label].name());
                }
                // Every label has become `__other__`: the one series above the limit.
                None => admitted = true,
            }
        }
    }

    pub(super) fn find(&self, key: &(impl Key + ?Sized)) -> Option<Arc<Child<M::Cells>>> {
        let children = self.children.read().unwrap_or_else(PoisonError::into_inner);
        children.table.find(self.hash(key), |child| matches(child, key)).map(Arc::clone)
    }

    /// The child that counts in place of a removed one: the same from zero, or one that was made since.
    #[cold]
    pub(super) fn revive(&self, removed: &Arc<Child<M::Cells>>) -> Arc<Child<M::Cells>> {
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        let hash = self.hash(&removed.values);
        if let Some(child) = children.table.find(hash, |child| child.values == removed.values) {
            return Arc::clone(child);
        }
        let values = removed.values.to_vec();
        if !children.admit(&values) {
            drop(children);
            return self.child(&values[..]);
        }
        removed.restart();
        children.insert(hash, &self.hasher, Arc::clone(removed));
        Arc::clone(removed)
    }

    pub(super) fn remove(&self, key: &(impl Key + ?Sized)) -> bool {
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        match children.table.find_entry(self.hash(key), |child| matches(child, key)) {
            Ok(entry) => {
                let (child, _) = entry.remove();
                child.retire();
                children.limit.removed(&child.values);
                true
            }
            Err(_) => false,
        }
    }

    /// Removes the children that `keep` refuses.
    pub(super) fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool) {
        // The user's closure runs without the lock: it may count in this very family.
        let doomed: Vec<_> =
            self.children_now().into_iter().filter(|child| !keep(self.labels(&child.values))).collect();
        for child in doomed {
            self.remove(&child.values);
        }
    }

    /// Removes all children; those that are there from the start begin again at zero.
    fn clear(&self) {
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        let Children { table, limit } = &mut *children;
        for child in table.drain() {
            child.retire();
            limit.removed(&child.values);
        }
        drop(children);
        for values in self.zero_series() {
            self.child(&values[..]);
        }
    }

    fn children_now(&self) -> Vec<Arc<Child<M::Cells>>> {
        let children = self.children.read().unwrap_or_else(PoisonError::into_inner);
        children.table.iter().map(Arc::clone).collect()
    }

    /// The series that exist before anything is counted: the only one, that of the defaults, all of closed sets.
    fn zero_series(&self) -> Vec<Vec<Cow<'_, str>>> {
        let labels = &self.descriptor.labels;
        if M::KIND == Kind::Info {
            return Vec::new();
        }
        let mut series = Vec::new();
        series.extend(labels.iter().map(LabelSpec::default_value).collect::<Option<Vec<_>>>());
        let closed: Option<Vec<_>> = labels.iter().map(LabelSpec::values).collect();
        if let Some(sets) = closed.filter(|sets| self.descriptor.zeros && !sets.is_empty()) {
            let product = sets.iter().try_fold(1_usize, |product, set| product.checked_mul(set.len()));
            let most = self.descriptor.limit().unwrap_or(MAX_ZERO_SERIES).min(MAX_ZERO_SERIES);
            if product.is_some_and(|product| product <= most) {
                series.extend(sets.iter().fold(vec![Vec::new()], |rows: Vec<Vec<Cow<'_, str>>>, set| {
                    rows.iter()
                        .flat_map(|row| {
                            set.iter().map(|value| {
                                let mut row = row.clone();
                                row.push(Cow::Borrowed(*value));
                                row
                            })
                        })
                        .collect()
                }));
            }
        }
        series
    }

    fn hash(&self, key: &(impl Key + ?Sized)) -> u64 {
        hash(&self.hasher, key)
    }
}

impl<M: Metric> Children<M> {
    fn admit(&mut self, values: &[String]) -> bool {
        self.limit.admits(self.table.iter().map(|child| &child.values), values)
    }

    fn insert(&mut self, hash_of: u64, hasher: &foldhash::fast::RandomState, child: Arc<Child<M::Cells>>) {
        self.limit.added(&child.values);
        self.table.insert_unique(hash_of, child, |child| hash(hasher, &child.values));
    }
}

fn hash(hasher: &foldhash::fast::RandomState, key: &(impl Key + ?Sized)) -> u64 {
    let mut state = hasher.build_hasher();
    key.visit(&mut |value| {
        state.write(value.as_bytes());
        // Ends the value: `ab`,`c` is not `a`,`bc`. No UTF-8 text has this byte.
        state.write_u8(0xff);
    });
    state.finish()
}

fn matches<C>(child: &Child<C>, key: &(impl Key + ?Sized)) -> bool {
    let mut own = child.values.iter();
    let mut equal = true;
    key.visit(&mut |value| equal = equal && own.next() == Some(value));
    equal && own.next().is_none()
}

impl<M: Metric> Collector for FamilyCore<M> {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.descriptor.clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        Ok(vec![self.snapshot(&self.totals())])
    }

    fn as_counted(&self) -> Option<&dyn Counted> {
        Some(self)
    }
}

impl<M: Metric> Counted for FamilyCore<M> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn totals(&self) -> FamilyTotals<'_> {
        let mut children = self.children_now();
        children.sort_unstable_by(|a, b| a.values.cmp(&b.values));
        let series = children.iter().map(|child| {
            let mut parts = Vec::new();
            child.cells.read(&mut parts);
            SeriesTotals { labels: child.values.clone(), parts }
        });
        FamilyTotals { descriptor: &self.descriptor, series: series.collect() }
    }

    fn snapshot(&self, totals: &FamilyTotals<'_>) -> FamilySnapshot {
        let mut snapshot = FamilySnapshot::new(totals.descriptor);
        for series in &totals.series {
            M::samples(totals.descriptor, &series.labels, &series.parts, &mut snapshot);
        }
        snapshot
    }
}

/// A metric with labels whose names are known at run time: made by a [builder](super::Builder).
///
/// ```
/// use pytheus::metrics::Counter;
///
/// let hits = Counter::new("hits_total", "Hits of a page.")
///     .labels(["method", "status"])
///     .default_labels([("status", "200")])
///     .build()?;
///
/// hits.labels([("method", "GET")])?.inc();
/// let get = hits.partial([("method", "GET")])?;
/// get.labels([("status", "404")])?.inc();
///
/// let error = hits.labels([("status", "404")]).unwrap_err();
/// assert_eq!(error.missing(), ["method"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Family<M: Metric>(Arc<FamilyCore<M>>);

impl<M: Metric> Family<M> {
    pub(super) fn new(core: Arc<FamilyCore<M>>) -> Self {
        Self(core)
    }

    pub(super) fn core(&self) -> &Arc<FamilyCore<M>> {
        &self.0
    }

    /// What the metric is.
    pub fn descriptor(&self) -> &Descriptor {
        self.0.descriptor()
    }

    /// The series of these labels, in any order; defaults stand in for those left out.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown or given twice; the error names them all.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError> {
        self.partial(labels)?.finish()
    }

    /// Some of the labels; the rest follows later, on a handle that can be kept.
    ///
    /// # Errors
    ///
    /// When a label is unknown or given twice.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Partial<M>, LabelError> {
        let none = vec![None; self.descriptor().labels.len()];
        Partial { core: Arc::clone(&self.0), values: none }.partial(labels)
    }

    /// Takes out the series of these labels; false when there is none.
    ///
    /// An update through a handle that still refers to it brings it back, from zero.
    ///
    /// # Errors
    ///
    /// Those of [`labels`](Self::labels).
    pub fn remove<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<bool, LabelError> {
        let values = self.partial(labels)?.complete()?;
        Ok(self.0.remove(&values[..]))
    }

    /// Takes out the series that `keep` refuses.
    pub fn retain(&self, keep: impl FnMut(Labels<'_>) -> bool) {
        self.0.retain(keep);
    }

    /// Takes out all series. Those that are there from the start, without labels or of closed sets, begin at zero.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// The family as something that can be registered.
    pub fn collector(&self) -> Arc<dyn Collector> {
        Arc::clone(&self.0) as Arc<dyn Collector>
    }

    pub(super) fn child(&self, key: &(impl Key + ?Sized)) -> M {
        M::from_handle(Handle::child(Arc::clone(&self.0), self.0.child(key)))
    }
}

impl<M: Metric> Clone for Family<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Metric> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.descriptor().name()).finish()
    }
}

/// Some labels of a [`Family`], to be kept and finished later.
pub struct Partial<M: Metric> {
    core: Arc<FamilyCore<M>>,
    /// In the order of the sorted names.
    values: Vec<Option<String>>,
}

impl<M: Metric> Partial<M> {
    /// The series, once the rest of the labels is given; a label that is given again takes the new value.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown or given twice in this call.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError> {
        self.partial(labels)?.finish()
    }

    /// More of the labels.
    ///
    /// # Errors
    ///
    /// When a label is unknown or given twice in this call.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelError> {
        let specs = &self.core.descriptor().labels;
        let mut values = self.values.clone();
        let mut given = vec![false; specs.len()];
        let mut error = self.error();
        for (name, value) in labels {
            let name = name.as_ref();
            match specs.binary_search_by(|spec| spec.name().cmp(name)) {
                Ok(place) if given[place] => error.repeated.push(name.to_owned()),
                Ok(place) => {
                    given[place] = true;
                    values[place] = Some(value.into_label().into_owned());
                }
                Err(_) => error.unknown.push(name.to_owned()),
            }
        }
        if error.unknown.is_empty() && error.repeated.is_empty() {
            return Ok(Self { core: Arc::clone(&self.core), values });
        }
        error.missing = self.missing(&values);
        Err(error)
    }

    fn finish(self) -> Result<M, LabelError> {
        let values = self.complete()?;
        let child = self.core.child(&values[..]);
        Ok(M::from_handle(Handle::child(self.core, child)))
    }

    /// All values, defaults included.
    fn complete(&self) -> Result<Vec<String>, LabelError> {
        let specs = self.core.descriptor().labels.iter();
        let values = self
            .values
            .iter()
            .zip(specs)
            .map(|(value, spec)| value.clone().or_else(|| spec.default_value().map(Cow::into_owned)));
        values.collect::<Option<Vec<_>>>().ok_or_else(|| {
            let mut error = self.error();
            error.missing = self.missing(&self.values);
            error
        })
    }

    fn missing(&self, values: &[Option<String>]) -> Vec<String> {
        let specs = self.core.descriptor().labels.iter();
        let lacks = specs.zip(values).filter(|(spec, value)| value.is_none() && spec.default_value().is_none());
        lacks.map(|(spec, _)| spec.name().to_owned()).collect()
    }

    fn error(&self) -> LabelError {
        let descriptor = self.core.descriptor();
        LabelError {
            metric: descriptor.name().to_owned(),
            expected: descriptor.label_names().map(str::to_owned).collect(),
            missing: Vec::new(),
            unknown: Vec::new(),
            repeated: Vec::new(),
        }
    }
}

impl<M: Metric> Clone for Partial<M> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), values: self.values.clone() }
    }
}

impl<M: Metric> fmt::Debug for Partial<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.core.descriptor().label_names().zip(&self.values);
        f.write_str(self.core.descriptor().name())?;
        f.debug_map().entries(given.filter_map(|(name, value)| Some((name, value.as_ref()?)))).finish()
    }
}
