//! One series of a family, and the handles that count in it.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::Metric;
use super::core::FamilyCore;
use super::declared::Declared;
use crate::collector::Collector;
use crate::labels::LabelValues;
use crate::storage::Cells;

/// One series: its key and its cells.
pub(crate) struct Child<C> {
    pub(super) values: LabelValues,
    pub(super) cells: C,
    /// False once it was removed from its family.
    live: AtomicBool,
    /// The child that counts in place of this one, for handles that still refer to it.
    ///
    /// Weak: the family alone keeps it, or one idle handle would keep all that ever came after.
    successor: RwLock<Weak<Self>>,
}

impl<C: Cells> Child<C> {
    pub(super) fn new(values: LabelValues, cells: C) -> Self {
        Self { values, cells, live: AtomicBool::new(true), successor: RwLock::new(Weak::new()) }
    }

    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.live.load(Acquire)
    }

    pub(super) fn retire(&self) {
        self.live.store(false, Release);
    }

    /// The child in place of this one, if that lives.
    pub(super) fn successor(&self) -> Option<Arc<Self>> {
        let successor = self.successor.read().unwrap_or_else(PoisonError::into_inner).upgrade();
        successor.filter(|child| child.is_live())
    }

    pub(super) fn succeed(&self, child: &Arc<Self>) {
        *self.successor.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(child);
    }
}

/// What a metric holds: the way to the cells of one series.
pub struct Handle<M: Metric>(Source<M>);

enum Source<M: Metric> {
    /// A declared metric: finds its family at the first use.
    Declared(&'static Declared<M>),
    Child {
        family: Arc<FamilyCore<M>>,
        child: Arc<Child<M::Cells>>,
    },
}

impl<M: Metric> Handle<M> {
    pub(super) const fn declared(declared: &'static Declared<M>) -> Self {
        Self(Source::Declared(declared))
    }

    pub(super) fn child(family: Arc<FamilyCore<M>>, child: Arc<Child<M::Cells>>) -> Self {
        Self(Source::Child { family, child })
    }

    /// Acts on the cells; those of a removed series come back from zero.
    #[inline]
    pub(super) fn update<R>(&self, act: impl FnOnce(&M::Cells) -> R) -> R {
        let child = self.resolve();
        if child.is_live() { act(&child.cells) } else { act(&self.core().revive(child).cells) }
    }

    /// Reads the cells; a removed series reads as a new one, and stays removed.
    pub(super) fn read<R>(&self, act: impl FnOnce(&M::Cells) -> R) -> R {
        let child = self.resolve();
        if child.is_live() {
            return act(&child.cells);
        }
        match child.successor().or_else(|| self.core().peek(child.values.as_slice())) {
            Some(child) => act(&child.cells),
            None => act(&M::cells(self.core().descriptor())),
        }
    }

    /// Takes the series out of its family; false when it was not there.
    pub(super) fn remove(&self) -> bool {
        self.core().remove(self.resolve().values.as_slice())
    }

    pub(super) fn core(&self) -> &Arc<FamilyCore<M>> {
        match &self.0 {
            Source::Declared(declared) => declared.family().core(),
            Source::Child { family, .. } => family,
        }
    }

    /// The series as it is now: that of a removed one comes back from zero.
    pub(super) fn now(&self) -> Arc<Child<M::Cells>> {
        let child = self.resolve();
        if child.is_live() { Arc::clone(child) } else { self.core().revive(child) }
    }

    pub(super) fn values(&self) -> &LabelValues {
        &self.resolve().values
    }

    pub(super) fn collector(&self) -> Arc<dyn Collector> {
        Arc::clone(self.core()) as Arc<dyn Collector>
    }

    #[inline]
    fn resolve(&self) -> &Arc<Child<M::Cells>> {
        match &self.0 {
            Source::Declared(declared) => declared.own_child(),
            Source::Child { child, .. } => child,
        }
    }
}

impl<M: Metric> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Source::Declared(declared) => Source::Declared(declared),
            Source::Child { family, child } => Source::Child { family: Arc::clone(family), child: Arc::clone(child) },
        })
    }
}

impl<M: Metric> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.core();
        let labels = core.labels(self.values());
        f.write_str(core.descriptor().name())?;
        f.debug_map().entries(labels.iter()).finish()
    }
}
