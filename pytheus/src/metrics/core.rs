//! The part of a family that all its handles share: the children by their label values.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Metric;
use super::child::Child;
use super::limit::Limit;
use crate::backends::{self, FamilyTotals, SeriesTotals};
use crate::collector::{Collector, Counted};
use crate::descriptor::{Descriptor, Kind};
use crate::diagnostics;
use crate::error::CollectError;
use crate::labels::{LabelSpec, LabelValues, Labels};
use crate::snapshot::FamilySnapshot;
use crate::storage::Cells as _;

/// The part of a family that all its handles share.
///
/// No code of the user's runs under its lock: label values are text before it is taken, and what is removed is dropped
/// after it is released.
pub(crate) struct FamilyCore<M: Metric> {
    descriptor: Descriptor,
    children: RwLock<Children<M>>,
    hasher: RandomState,
    /// True once the children that are there from the start have been made.
    started: AtomicBool,
}

struct Children<M: Metric> {
    table: HashTable<Arc<Child<M::Cells>>>,
    limit: Limit,
    /// Series that are there from the start besides those that the descriptor tells.
    promised: Vec<LabelValues>,
}

/// The way to the child of some values, on which labels may have to give way to the limit.
struct Route<'a> {
    values: Vec<Cow<'a, str>>,
    gave_way: Vec<usize>,
}

impl<'a> Route<'a> {
    fn new<S: AsRef<str>>(values: &'a [S]) -> Self {
        Self { values: values.iter().map(|value| Cow::Borrowed(value.as_ref())).collect(), gave_way: Vec::new() }
    }

    /// Goes on until a child is found; `None` when one may be added.
    fn follow<M: Metric>(&mut self, core: &FamilyCore<M>, children: &Children<M>) -> Option<Arc<Child<M::Cells>>> {
        loop {
            if let Some(child) = children.find(core.hash(&self.values), &self.values) {
                return Some(Arc::clone(child));
            }
            if children.limit.admits(&self.values) {
                return None;
            }
            // Ends when every label has become `__other__`: that series is always admitted.
            self.gave_way.extend(children.limit.collapse(&mut self.values));
        }
    }
}

impl<M: Metric> FamilyCore<M> {
    pub(super) fn new(descriptor: Descriptor) -> Self {
        let limit = Limit::new(descriptor.labels.len(), descriptor.limit());
        Self {
            descriptor,
            children: RwLock::new(Children { table: HashTable::new(), limit, promised: Vec::new() }),
            hasher: RandomState::default(),
            started: AtomicBool::new(false),
        }
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(super) fn labels<'a>(&'a self, values: &'a LabelValues) -> Labels<'a> {
        Labels::new(&self.descriptor.labels, values)
    }

    /// The child of these values, made when there is none: the one that the limit allows.
    pub(super) fn child<S: AsRef<str>>(&self, values: &[S]) -> Arc<Child<M::Cells>> {
        if let Some(child) = self.read().find(self.hash(values), values) {
            return Arc::clone(child);
        }
        self.start();
        let mut route = Route::new(values);
        let found = route.follow(self, &self.read());
        let child = found.unwrap_or_else(|| {
            let mut children = self.write();
            match route.follow(self, &children) {
                Some(child) => child,
                None => children.add(self, self.hash(&route.values), &route.values),
            }
        });
        for label in route.gave_way {
            diagnostics::overflowed(self.descriptor.name(), self.descriptor.labels[label].name());
        }
        child
    }

    /// The child that [`child`](Self::child) would give, unless it would have to be made.
    pub(super) fn peek<S: AsRef<str>>(&self, values: &[S]) -> Option<Arc<Child<M::Cells>>> {
        self.start();
        Route::new(values).follow(self, &self.read())
    }

    /// A child that is not in the family.
    pub(super) fn apart<S: AsRef<str>>(&self, values: &[S]) -> Arc<Child<M::Cells>> {
        Arc::new(Child::new(LabelValues::from_slice(values), M::cells(&self.descriptor)))
    }

    /// The child that counts in place of a removed one, from zero.
    ///
    /// Always another one: a writer may still be at the cells of the removed one.
    #[cold]
    pub(super) fn revive(&self, removed: &Child<M::Cells>) -> Arc<Child<M::Cells>> {
        if let Some(child) = removed.successor() {
            return child;
        }
        let child = self.child(removed.values.as_slice());
        // Not one where the limit has merged it: there may be room again the next time.
        if child.values == removed.values {
            removed.succeed(&child);
        }
        child
    }

    pub(super) fn remove<S: AsRef<str>>(&self, values: &[S]) -> bool {
        self.start();
        let hash = self.hash(values);
        let removed = self.write().remove(hash, values);
        removed.is_some()
    }

    /// Removes the children that `keep` refuses.
    pub(super) fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool) {
        for child in self.children_now() {
            if !keep(self.labels(&child.values)) {
                self.remove(child.values.as_slice());
            }
        }
    }

    /// Removes the children that match; those of them that are there from the start begin again at zero, in the same
    /// step.
    pub(super) fn clear(&self, matches: impl Fn(&LabelValues) -> bool) {
        self.start();
        let mut zeros: Vec<_> = self.zero_series().iter().map(|values| LabelValues::from_slice(values)).collect();
        let mut children = self.write();
        zeros.extend(children.promised.iter().cloned());
        zeros.retain(&matches);
        let removed = children.remove_all(matches);
        children.add_missing(self, &zeros);
        drop(children);
        drop(removed);
    }

    /// Makes a child of these values the only one, and acts on its cells before anyone can see it.
    pub(super) fn replace_all(&self, with: &LabelValues, act: impl FnOnce(&M::Cells)) {
        self.start();
        let hash = self.hash(with.as_slice());
        let mut children = self.write();
        let removed = children.remove_all(|_| true);
        act(&children.add(self, hash, with.as_slice()).cells);
        drop(children);
        drop(removed);
    }

    /// Makes the children that are there from the start, unless that was done.
    ///
    /// Not when the family is made: the defaults may be the work of code that counts in a declared metric itself.
    fn start(&self) {
        if self.started.load(Acquire) {
            return;
        }
        let zeros: Vec<_> = self.zero_series().iter().map(|values| LabelValues::from_slice(values)).collect();
        let mut children = self.write();
        if !self.started.load(Acquire) {
            children.add_missing(self, &zeros);
            let promised = children.promised.clone();
            children.add_missing(self, &promised);
            self.started.store(true, Release);
        }
    }

    /// Makes this series one of those that are there from the start. Runs no code of the user's.
    pub(super) fn promise(&self, values: LabelValues) {
        let mut children = self.write();
        if self.started.load(Acquire) {
            children.add_missing(self, std::slice::from_ref(&values));
        }
        children.promised.push(values);
    }

    fn children_now(&self) -> Vec<Arc<Child<M::Cells>>> {
        self.start();
        self.read().table.iter().map(Arc::clone).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Children<M>> {
        self.children.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Children<M>> {
        self.children.write().unwrap_or_else(PoisonError::into_inner)
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
            // There are few enough of them: the descriptor was checked.
            let mut rows: Vec<Vec<Cow<'_, str>>> = vec![Vec::new()];
            for set in sets {
                let longer = |row: &Vec<_>, value: &'static str| [&row[..], &[Cow::Borrowed(value)]].concat();
                rows = rows.iter().flat_map(|row| set.iter().map(move |value| longer(row, value))).collect();
            }
            series.extend(rows);
        }
        series
    }

    fn hash<S: AsRef<str>>(&self, values: &[S]) -> u64 {
        hash(&self.hasher, values)
    }
}

impl<M: Metric> Children<M> {
    fn find<S: AsRef<str>>(&self, hash: u64, values: &[S]) -> Option<&Arc<Child<M::Cells>>> {
        self.table.find(hash, |child| child.values.matches(values))
    }

    fn add<S: AsRef<str>>(&mut self, core: &FamilyCore<M>, hash_of: u64, values: &[S]) -> Arc<Child<M::Cells>> {
        let child = core.apart(values);
        self.limit.added(&child.values);
        self.table.insert_unique(hash_of, Arc::clone(&child), |child| hash(&core.hasher, child.values.as_slice()));
        child
    }

    /// As far as the limit has room, whatever it keeps free for others.
    fn add_missing(&mut self, core: &FamilyCore<M>, series: &[LabelValues]) {
        for values in series {
            let hash = core.hash(values.as_slice());
            if self.find(hash, values.as_slice()).is_none() && self.limit.has_room() {
                self.add(core, hash, values.as_slice());
            }
        }
    }

    /// Gives the child out, so that it is dropped without the lock: it may hold a closure of the user's.
    fn remove<S: AsRef<str>>(&mut self, hash: u64, values: &[S]) -> Option<Arc<Child<M::Cells>>> {
        let entry = self.table.find_entry(hash, |child| child.values.matches(values)).ok()?;
        let (child, _) = entry.remove();
        child.retire();
        self.limit.removed(&child.values);
        Some(child)
    }

    /// As [`remove`](Self::remove).
    fn remove_all(&mut self, matches: impl Fn(&LabelValues) -> bool) -> Vec<Arc<Child<M::Cells>>> {
        let removed: Vec<_> = self.table.extract_if(|child| matches(&child.values)).collect();
        for child in &removed {
            child.retire();
            self.limit.removed(&child.values);
        }
        removed
    }
}

fn hash<S: AsRef<str>>(hasher: &RandomState, values: &[S]) -> u64 {
    let mut state = hasher.build_hasher();
    for value in values {
        state.write(value.as_ref().as_bytes());
        // Ends the value: `ab`,`c` is not `a`,`bc`. No UTF-8 text has this byte.
        state.write_u8(0xff);
    }
    state.finish()
}

impl<M: Metric> Collector for FamilyCore<M> {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.descriptor.clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        let mut totals = [self.totals()];
        backends::current().load(&mut totals)?;
        Ok(totals.iter().map(|totals| self.snapshot(totals)).collect())
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
            if parts.is_empty() {
                diagnostics::reading_failed(self.descriptor.name(), &self.labels(&child.values));
            }
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
