//! The way from a metric to the cells of its series.

use std::fmt;
use std::sync::Arc;

use super::Metric;
use super::core::FamilyCore;
use super::declared::Declared;
use crate::collector::Collector;
use crate::diagnostics::{self, Dropped};
use crate::model::descriptor::Descriptor;
use crate::report;
use crate::storage::{CellSet, Cells, Removed, Room, Series, SlotRef};

/// What can be counted in: one series, or the labels of one.
pub(super) trait Target {
    /// Acts on the cells of this part; those of a removed series come back from zero.
    fn update(&self, set: CellSet, act: impl Fn(Cells));

    /// The series as it is; `None` when there is none.
    fn peek(&self) -> Option<Series>;

    fn core(&self) -> &Arc<FamilyCore>;

    /// The description at this place; that of a shared family may differ in help and defaults.
    fn descriptor(&self) -> &Descriptor;
}

/// Counts the update that has found no room.
///
/// # Errors
///
/// Those that it is given.
pub(super) fn noted(done: Result<Room, Removed>) -> Result<(), Removed> {
    if done? == Room::None {
        diagnostics::dropped(Dropped::NoRoom);
        report::flush_deferred();
    }
    Ok(())
}

/// What a metric holds: the way to the cells of one series.
pub struct Handle<M: Metric>(Source<M>);

pub(super) enum Source<M: Metric> {
    /// A declared metric: finds its family at the first use.
    Declared(&'static Declared<M>),
    Kept(Kept),
}

/// A series, and the family in which it comes back when it was removed.
#[derive(Clone)]
pub(super) struct Kept {
    core: Arc<FamilyCore>,
    pub(super) series: Series,
}

impl<M: Metric> Handle<M> {
    pub(super) const fn declared(declared: &'static Declared<M>) -> Self {
        Self(Source::Declared(declared))
    }

    pub(super) fn kept(core: Arc<FamilyCore>, series: Series) -> Self {
        Self(Source::Kept(Kept { core, series }))
    }

    pub(super) fn source(&self) -> &Source<M> {
        &self.0
    }

    /// Where the cells are, as far as this handle knows.
    #[inline]
    pub(super) fn slot_ref(&self) -> &SlotRef {
        match &self.0 {
            Source::Declared(declared) => declared.slot_ref(),
            Source::Kept(kept) => kept.series.slot_ref(),
        }
    }

    /// By value: what `act` has captured stays in registers where this is not called.
    #[cold]
    #[inline(never)]
    fn update_anew(&self, set: CellSet, act: impl Fn(Cells)) {
        self.update_slowly(set, &mut |cells| act(cells));
    }

    fn update_slowly(&self, set: CellSet, act: &mut dyn FnMut(Cells)) {
        match &self.0 {
            Source::Declared(declared) => declared.update_slowly(set, act),
            Source::Kept(Kept { core, series }) => {
                if noted(core.touch(series, set, act)).is_err() {
                    core.update(&core.labels(series), set, act);
                }
            }
        }
    }

    /// Has it find the extra cells that its series has got.
    pub(super) fn refresh(&self) {
        if let Source::Declared(declared) = &self.0 {
            declared.refresh();
        }
    }

    /// The series as it is now, for as long as it is not removed; a removed one comes back from zero.
    pub(super) fn now(&self) -> Series {
        match &self.0 {
            Source::Declared(declared) => declared.series_now(),
            Source::Kept(Kept { core, series }) => {
                if series.is_removed() {
                    core.series(&core.labels(series))
                } else {
                    series.clone()
                }
            }
        }
    }

    /// Takes the series out of its family; false when it was not there.
    pub(super) fn remove(&self) -> bool {
        match &self.0 {
            Source::Declared(declared) => declared.core().remove(declared.own_values()),
            Source::Kept(Kept { core, series }) => core.remove(&core.labels(series)),
        }
    }

    /// Makes this the only series of its family, and acts on it before anyone can see it.
    pub(super) fn replace_all(&self, act: impl FnOnce(&Series)) {
        match &self.0 {
            Source::Declared(declared) => declared.core().replace_all(declared.own_values(), act),
            Source::Kept(Kept { core, series }) => core.replace_all(&core.labels(series), act),
        }
    }

    pub(super) fn collector(&self) -> Arc<dyn Collector> {
        Arc::clone(self.core()) as Arc<dyn Collector>
    }
}

impl<M: Metric> Target for Handle<M> {
    #[inline]
    fn update(&self, set: CellSet, act: impl Fn(Cells)) {
        match self.slot_ref().cells(set) {
            Some(cells) => act(cells),
            None => self.update_anew(set, act),
        }
    }

    fn peek(&self) -> Option<Series> {
        match &self.0 {
            Source::Declared(declared) => declared.core().peek(declared.own_values()),
            Source::Kept(Kept { core, series }) => {
                if series.is_removed() {
                    core.peek(&core.labels(series))
                } else {
                    Some(series.clone())
                }
            }
        }
    }

    #[inline]
    fn core(&self) -> &Arc<FamilyCore> {
        match &self.0 {
            Source::Declared(declared) => declared.core(),
            Source::Kept(kept) => &kept.core,
        }
    }

    #[inline]
    fn descriptor(&self) -> &Descriptor {
        match &self.0 {
            Source::Declared(declared) => declared.descriptor(),
            Source::Kept(kept) => kept.core.descriptor(),
        }
    }
}

impl<M: Metric> Clone for Handle<M> {
    #[inline]
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Source::Declared(declared) => Source::Declared(declared),
            Source::Kept(kept) => Source::Kept(kept.clone()),
        })
    }
}

impl<M: Metric> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.core().descriptor().name())?;
        let labels = match &self.0 {
            Source::Declared(declared) => {
                let names = declared.descriptor().label_names();
                names.zip(declared.own_values().iter().copied()).collect::<Vec<_>>()
            }
            Source::Kept(Kept { core, series }) => core.labels(series).iter().collect(),
        };
        f.debug_map().entries(labels).finish()
    }
}
