//! The part of a family that all its handles share: the children by their label values.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Metric;
use super::child::Child;
use super::limit::Limit;
use crate::backends::{FamilyTotals, SeriesTotals};
use crate::collector::{Collector, Counted};
use crate::descriptor::{Descriptor, Kind, MAX_ZERO_SERIES};
use crate::error::CollectError;
use crate::labels::{LabelSpec, LabelValues, Labels};
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
    hasher: RandomState,
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
            hasher: RandomState::default(),
        };
        core.clear();
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
        loop {
            let hash = self.hash(&values[..]);
            if let Some(child) = children.table.find(hash, |child| matches(child, &values[..])) {
                return Arc::clone(child);
            }
            if children.admit(&values) {
                return children.add(self, hash, &values);
            }
            // Ends when every label has become `__other__`: that series is always admitted.
            if let Some(label) = children.limit.collapse(&mut values) {
                crate::diagnostics::overflowed(self.descriptor.name(), self.descriptor.labels[label].name());
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

    /// Removes all children; those that are there from the start begin again at zero, in the same step.
    pub(super) fn clear(&self) {
        let zeros = self.zero_series();
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        children.remove_all();
        for values in zeros {
            // Whatever the limit keeps free for others: there are never more of these than it allows.
            let hash = self.hash(&values[..]);
            if children.table.find(hash, |child| matches(child, &values[..])).is_none() {
                children.add(self, hash, &values);
            }
        }
    }

    /// Makes a child of these values the only one, and acts on its cells before anyone can see it.
    pub(super) fn replace_all(&self, with: &LabelValues, act: impl FnOnce(&M::Cells)) {
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        children.remove_all();
        act(&children.add(self, self.hash(with), &with.to_vec()).cells);
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

    fn add<S: AsRef<str>>(&mut self, core: &FamilyCore<M>, hash: u64, values: &[S]) -> Arc<Child<M::Cells>> {
        let values = LabelValues::from_slice(&values.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        let child = Arc::new(Child::new(values, M::cells(&core.descriptor)));
        self.insert(hash, &core.hasher, Arc::clone(&child));
        child
    }

    fn remove_all(&mut self) {
        for child in self.table.drain() {
            child.retire();
            self.limit.removed(&child.values);
        }
    }

    fn insert(&mut self, hash_of: u64, hasher: &RandomState, child: Arc<Child<M::Cells>>) {
        self.limit.added(&child.values);
        self.table.insert_unique(hash_of, child, |child| hash(hasher, &child.values));
    }
}

fn hash(hasher: &RandomState, key: &(impl Key + ?Sized)) -> u64 {
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
