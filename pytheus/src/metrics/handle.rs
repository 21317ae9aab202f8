//! The way from a metric to the cells of its series.
#![allow(private_interfaces, private_bounds, reason = "the traits are named in bounds alone")]

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use crate::metrics::declared::Declared;
use crate::metrics::family::{FamilyCore, record_no_room};
use crate::model::descriptor::Descriptor;
use crate::storage::{CellSet, Cells, Series, SlotRef};

/// A series, or the labels of one: the second half of a metric's type.
pub trait Target {
    /// Returns the family.
    fn core(&self) -> &Arc<FamilyCore>;

    /// Returns the description given here; that of a shared family may differ in help and defaults.
    fn declared_descriptor(&self) -> &Descriptor;
}

/// A target that can be updated: a series, or labels of which each required one has a value.
pub trait Updatable: Target {
    /// Updates the cells of this set; those of a removed series come back from zero.
    fn update(&self, set: CellSet, act: impl Fn(Cells));

    /// Looks up the series, without adding one.
    fn lookup(&self) -> Option<Series>;

    /// Calls a function with a handle of the series.
    fn with_handle<R>(&self, act: impl FnOnce(&Handle) -> R) -> R;

    /// Returns a function that finds the series later.
    fn later(&self) -> impl FnOnce() -> Handle + use<Self>;

    /// Removes the series from its family; false when there is none.
    fn remove(&self) -> bool;
}

/// Refers to the cells of one series.
#[derive(Clone)]
pub struct Handle(Source);

#[derive(Clone)]
pub(crate) enum Source {
    /// The series of a declaration, which finds its family at the first use.
    Declared(&'static Declared),
    Resolved(ResolvedSeries),
}

/// A series, and the family in which it comes back when it was removed.
#[derive(Clone)]
pub(crate) struct ResolvedSeries {
    core: Arc<FamilyCore>,
    pub(crate) series: Series,
}

impl Handle {
    pub(crate) const fn declared(declared: &'static Declared) -> Self {
        Self(Source::Declared(declared))
    }

    pub(crate) fn resolved(core: Arc<FamilyCore>, series: Series) -> Self {
        Self(Source::Resolved(ResolvedSeries { core, series }))
    }

    pub(crate) fn source(&self) -> &Source {
        &self.0
    }

    /// Returns the reference to the cells, as far as this handle knows it.
    #[inline]
    pub(crate) fn slot_ref(&self) -> &SlotRef {
        match &self.0 {
            Source::Declared(declared) => declared.slot_ref(),
            Source::Resolved(resolved) => resolved.series.slot_ref(),
        }
    }

    /// Takes `act` by value: its captures stay in registers where this is not called.
    #[cold]
    #[inline(never)]
    fn update_cold(&self, set: CellSet, act: impl Fn(Cells)) {
        self.update_slow(set, &mut |cells| act(cells));
    }

    fn update_slow(&self, set: CellSet, act: &mut dyn FnMut(Cells)) {
        match &self.0 {
            Source::Declared(declared) => declared.update_slow(set, act),
            Source::Resolved(ResolvedSeries { core, series }) => {
                if record_no_room(core.update_slow(series, set, act)).is_err() {
                    core.update(&core.labels(series), set, act);
                }
            }
        }
    }

    /// Refers to the extra cells that the series has got since.
    pub(crate) fn refresh(&self) {
        if let Source::Declared(declared) = &self.0 {
            declared.refresh();
        }
    }

    /// Returns the series; a removed one comes back from zero.
    pub(crate) fn series(&self) -> Series {
        match &self.0 {
            Source::Declared(declared) => declared.series(),
            Source::Resolved(ResolvedSeries { core, series }) => {
                if series.is_removed() {
                    core.series(&core.labels(series))
                } else {
                    series.clone()
                }
            }
        }
    }

    /// Makes this the only series of its family, and acts on it before another thread can find it.
    pub(crate) fn replace_all(&self, act: impl FnOnce(&Series)) {
        match &self.0 {
            Source::Declared(declared) => declared.core().replace_all(declared.values(), act),
            Source::Resolved(ResolvedSeries { core, series }) => core.replace_all(&core.labels(series), act),
        }
    }
}

impl Target for Handle {
    #[inline]
    fn core(&self) -> &Arc<FamilyCore> {
        match &self.0 {
            Source::Declared(declared) => declared.core(),
            Source::Resolved(resolved) => &resolved.core,
        }
    }

    #[inline]
    fn declared_descriptor(&self) -> &Descriptor {
        match &self.0 {
            Source::Declared(declared) => declared.descriptor(),
            Source::Resolved(resolved) => resolved.core.descriptor(),
        }
    }
}

impl Updatable for Handle {
    #[inline]
    fn update(&self, set: CellSet, act: impl Fn(Cells)) {
        match self.slot_ref().cells(set) {
            Some(cells) => act(cells),
            None => self.update_cold(set, act),
        }
    }

    fn lookup(&self) -> Option<Series> {
        match &self.0 {
            Source::Declared(declared) => declared.core().lookup(declared.values()),
            Source::Resolved(ResolvedSeries { core, series }) => {
                if series.is_removed() {
                    core.lookup(&core.labels(series))
                } else {
                    Some(series.clone())
                }
            }
        }
    }

    #[inline]
    fn with_handle<R>(&self, act: impl FnOnce(&Handle) -> R) -> R {
        act(self)
    }

    fn later(&self) -> impl FnOnce() -> Handle + use<> {
        let handle = self.clone();
        move || handle
    }

    fn remove(&self) -> bool {
        match &self.0 {
            Source::Declared(declared) => declared.core().remove(declared.values()),
            Source::Resolved(ResolvedSeries { core, series }) => core.remove(&core.labels(series)),
        }
    }
}

/// Shows the name and the labels, as `hits_total{"method": "GET"}`.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.core().descriptor().name())?;
        let labels = match &self.0 {
            Source::Declared(declared) => {
                let names = declared.descriptor().label_names();
                names.zip(declared.values().iter().copied()).collect::<Vec<_>>()
            }
            Source::Resolved(ResolvedSeries { core, series }) => core.labels(series).iter().collect(),
        };
        f.debug_map().entries(labels).finish()
    }
}

/// Repeats an update of a shared cell while the cell is being relocated.
#[inline]
pub(crate) fn retry_relocated(mut act: impl FnMut(&Cell<bool>)) {
    // A series without cells is not updated: it counts as done.
    let done = Cell::new(true);
    act(&done);
    while !done.replace(true) {
        std::hint::spin_loop();
        act(&done);
    }
}
