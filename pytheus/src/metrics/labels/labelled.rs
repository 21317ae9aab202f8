//! Labels of a declared metric as the target of its updates: which of them have a value is part of the type.
#![allow(private_interfaces, private_bounds, reason = "as the traits of handles")]

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::metrics::declared::Declared;
use crate::metrics::family::{FamilyCore, FamilyHandle};
use crate::metrics::handle::{Handle, Target, Updatable};
use crate::metrics::labels::typestate::{AllSet, LabelList};
use crate::model::descriptor::Descriptor;
use crate::model::key::{Key, Labels};
use crate::storage::{CellSet, Cells, Series, SlotRef};

/// The labels of a declared metric, some of which have a value: the target of a `Counter<Labelled<L>>`.
///
/// `metric!` writes a type with one method per label, which dereferences to such a metric. `L` says which labels have a value.
/// Once each required one has, updates find the series by its labels, without a handle in between.
///
/// To keep a handle in a struct, give it a type that can be named: `to_series()` returns the plain metric of a finished one,
/// `to_partial()` a [`Partial`](crate::metrics::Partial) of any.
///
/// ```
/// use pytheus::metrics::{Counter, Partial};
///
/// pytheus::metric! {
///     /// Hits of a page.
///     static PAGE_HITS: Counter = "labelled_hits_total" { labels: { method, status = "200" } };
///
///     /// Rows read.
///     static ROWS: Counter = "rows_read_total" { labels: { table, shard } };
/// }
///
/// PAGE_HITS.method("GET").inc();
/// let get = PAGE_HITS.method("GET");
/// get.status("404").inc_by(2.0);
/// let lost: Counter = get.status("404").to_series();
/// assert_eq!(lost.get(), 2.0);
///
/// struct Table {
///     rows: Partial<Counter>,
/// }
///
/// let users = Table { rows: ROWS.table("users").to_partial() };
/// users.rows.labels([("shard", 3)])?.inc();
///
/// // Everything that was not found, of whatever method:
/// PAGE_HITS.retain(|labels| labels.get("status") != Some("404"));
/// # pytheus::assert_metric!("labelled_hits_total" { method = "GET", status = "404" } += 0, {});
/// # Ok::<(), pytheus::error::LabelError>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "labels alone count nothing: call a method of the metric"]
pub struct Labelled<L> {
    declared: &'static Declared,
    labels: L,
}

impl<L> Labelled<L> {
    #[inline]
    pub(crate) const fn new(declared: &'static Declared, labels: L) -> Self {
        Self { declared, labels }
    }

    #[inline]
    pub(crate) fn with<New>(&self, change: impl FnOnce(&L) -> New) -> Labelled<New> {
        Labelled { declared: self.declared, labels: change(&self.labels) }
    }

    #[inline]
    pub(crate) fn family(&self) -> &'static FamilyHandle {
        self.declared.family()
    }
}

impl<L: LabelList> Labelled<L> {
    /// Returns the values given so far, in the order of the sorted names.
    pub(crate) fn given(&self) -> Vec<Option<String>> {
        let mut given = Vec::new();
        self.labels.given(&mut given);
        given
    }

    /// Finds the series with these labels empty; defaults stand in for others without a value.
    pub(crate) fn handle_without(&self, labels: &[&str]) -> Handle {
        let specs = self.declared.descriptor().labels.iter();
        let values = specs.zip(self.given()).map(|(spec, given)| {
            let default = || spec.default_value().filter(|_| !labels.contains(&spec.name()));
            given.or_else(|| default().map(Cow::into_owned)).unwrap_or_default()
        });
        let core = self.declared.core();
        Handle::resolved(Arc::clone(core), core.series(&values.collect::<Vec<_>>()[..]))
    }

    pub(crate) fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool) {
        let given = self.given();
        self.core().retain(|labels| !fits(&given, labels.iter().map(|(_, value)| value)) || keep(labels));
    }

    pub(crate) fn clear(&self) {
        let given = self.given();
        self.core().clear(|values| fits(&given, values.iter().copied()));
    }
}

impl<L: AllSet> Labelled<L> {
    #[inline]
    fn with_key<'a, R>(&'a self, act: impl for<'k> FnOnce(&'static Arc<FamilyCore>, &L::Key<'k>) -> R) -> R {
        let mut buffers = L::Buffers::default();
        act(self.declared.core(), &self.labels.key(&self.declared.descriptor().labels, &mut buffers))
    }

    /// Returns the reference to the series, where all labels have closed sets.
    #[inline]
    fn combination(&self) -> Option<&'static SlotRef> {
        self.family().combinations.get(self.labels.index(&self.declared.descriptor().labels, 0)?)
    }

    /// Updates by labels, where there is no reference or it leads to no cells.
    #[cold]
    #[inline(never)]
    fn update_cold(&self, set: CellSet, act: impl Fn(Cells)) {
        self.with_key(|core, key| match self.combination() {
            Some(slot_ref) => core.update_at(slot_ref, key, set, act),
            None => core.update(key, set, act),
        });
    }
}

impl<L> Target for Labelled<L> {
    #[inline]
    fn core(&self) -> &Arc<FamilyCore> {
        self.declared.core()
    }

    #[inline]
    fn declared_descriptor(&self) -> &Descriptor {
        self.declared.descriptor()
    }
}

impl<L: AllSet> Updatable for Labelled<L> {
    #[inline]
    fn update(&self, set: CellSet, act: impl Fn(Cells)) {
        if !L::CLOSED {
            return self.with_key(|core, key| core.update(key, set, act));
        }
        match self.combination().and_then(|slot_ref| slot_ref.cells(set)) {
            Some(cells) => act(cells),
            None => self.update_cold(set, act),
        }
    }

    fn lookup(&self) -> Option<Series> {
        self.with_key(|core, key| core.lookup(key))
    }

    fn with_handle<R>(&self, act: impl FnOnce(&Handle) -> R) -> R {
        let handle = self.with_key(|core, key| Handle::resolved(Arc::clone(core), core.series(key)));
        act(&handle)
    }

    fn later(&self) -> impl FnOnce() -> Handle + use<L> {
        let core = self.declared.core();
        let values: Vec<_> = self.with_key(|_, key| key.values().into_iter().map(str::to_owned).collect());
        move || Handle::resolved(Arc::clone(core), core.series(&values[..]))
    }

    fn remove(&self) -> bool {
        self.with_key(|core, key| core.remove(key))
    }
}

/// Shows the name and the labels given so far, as `hits_total{"method": "GET"}`.
impl<L: LabelList> fmt::Debug for Labelled<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (descriptor, given) = (self.declared.descriptor(), self.given());
        f.write_str(descriptor.name())?;
        let given = descriptor.label_names().zip(&given);
        f.debug_map().entries(given.filter_map(|(name, value)| Some((name, value.as_ref()?)))).finish()
    }
}

/// Whether a series has all the values that were given.
fn fits<'a>(given: &[Option<String>], values: impl Iterator<Item = &'a str>) -> bool {
    given.iter().zip(values).all(|(given, value)| given.as_ref().is_none_or(|given| given == value))
}
