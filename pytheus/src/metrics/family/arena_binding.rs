//! Where the series of a family lie, when a backend has a say in it.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::backends::api::{
    Aggregation, Arena, BackendError, CellAddr, FamilyKey, NewSeries, Offered, SeriesKey, cells,
};
use crate::backends::runtime;
use crate::clock;
use crate::metrics::family::core::{FamilyCore, Members};
use crate::metrics::family::zero_series;
use crate::model::descriptor::Kind;
use crate::model::key::{self, Key};
use crate::report;
use crate::storage::{self, Series, Slot, SlotRef};
use crate::sync;

impl FamilyCore {
    /// A series of these values, with cells, that is not in the family yet.
    pub(crate) fn make(&self, members: &Members, values: &[&str], promised: bool) -> Series {
        let (head, text) = key::encode(&self.descriptor().labels, values);
        let slot = match members.arena() {
            Some(arena) => self.begin_new(arena, &SeriesKey::from_parts(&head, &text), promised),
            None => storage::allocate_slot(self.cells()),
        };
        Series::new(&head, &text, self.cells(), slot)
    }

    /// The facts that were stated, of an info metric.
    pub(crate) fn stated(&self) -> Option<Series> {
        self.members().stated.clone().filter(|series| !series.is_removed())
    }

    /// Tells the arena of all series, those that come later included.
    ///
    /// # Errors
    ///
    /// When it could not take note of all of them.
    pub(crate) fn begin_in(&self, arena: &Arc<dyn Arena>) -> Result<(), BackendError> {
        let Some(key) = self.key.get() else { return Ok(()) };
        self.start();
        let mut promised: HashSet<_> = zero_series::of(self.descriptor()).into_iter().collect();
        let mut members = self.members();
        promised.extend(members.promised.iter().cloned());
        members.arena = Some(Offered::new(arena));
        for series in self.in_order().iter() {
            let values: Vec<_> = self.labels(series).values().map(str::to_owned).collect();
            let begun = self.begin_known(key, &**arena, series, promised.contains(&values));
            // At once: who counts there meanwhile finds its value gone, and tries again.
            self.closed_index.moved(&self.descriptor().labels, &values, series);
            for (place, _) in members.declared.iter().filter(|(_, known)| known.is(series)) {
                place.point_to(series.slot_ref());
            }
            begun?;
        }
        Ok(())
    }

    /// Begins a series that may have counted elsewhere.
    fn begin_known(
        &self,
        key: &Arc<FamilyKey>,
        arena: &dyn Arena,
        series: &Series,
        promised: bool,
    ) -> Result<(), BackendError> {
        let (head, text) = series.key();
        let labels = SeriesKey::from_parts(head, text);
        if is_common(key, arena) {
            let at = arena.common(key, &labels, promised || self.is_always_shown())?;
            series.relocate_to(Some(slot(at)?)).then_some(()).ok_or("there is no room for it")?;
        } else {
            if matches!(self.descriptor().kind(), Kind::Gauge | Kind::Info | Kind::StateSet) {
                // All threads write there: the cells are moved one series at a time.
                series.relocate_to(None).then_some(()).ok_or("there is no room for it")?;
            }
            arena.begin(&NewSeries { family: key, series: &labels, at: at(series.slot()), promised })?;
        }
        if series.extra().is_live() {
            arena.extend(at(series.slot()), at(series.extra()))?;
        }
        Ok(())
    }

    /// A slot for a series that is about to be made; one that leads to no cells when it can't be begun.
    pub(crate) fn begin_new(&self, arena: &Arc<dyn Arena>, series: &SeriesKey, promised: bool) -> Slot {
        let Some(key) = self.key.get() else { return storage::allocate_slot(self.cells()) };
        let begun = if is_common(key, &**arena) {
            arena.common(key, series, promised || self.is_always_shown()).and_then(slot)
        } else {
            let new = storage::allocate_slot(self.cells());
            let begun = match new {
                Slot::NONE => Ok(()),
                _ => arena.begin(&NewSeries { family: key, series, at: at(new), promised }),
            };
            if begun.is_err() {
                storage::free_slot(new, self.cells());
            }
            begun.map(|()| new)
        };
        begun.unwrap_or_else(|error| {
            unknown(key, &error);
            Slot::NONE
        })
    }

    /// Tries once more to begin a series that could not be begun.
    ///
    /// Where a backend has a say in it, once in a second at most, as it may take a while, until there is room for one: then
    /// there may be for others. Else as soon as some cells were given back.
    #[cold]
    pub(crate) fn begin_again(&self, series: &Series) {
        static TRIED: Mutex<Option<Instant>> = Mutex::new(None);
        let members = self.members();
        if series.is_removed() || series.slot() != Slot::NONE {
            return;
        }
        let slot = if let Some(arena) = members.arena() {
            let is_due = |tried: &mut Option<Instant>| {
                let due = tried.is_none_or(|tried| tried.elapsed() >= Duration::from_secs(1));
                *tried = if due { clock::EXISTS.then(Instant::now) } else { *tried };
                due
            };
            if !is_due(&mut sync::lock(&TRIED)) {
                return;
            }
            let (head, text) = series.key();
            let slot = self.begin_new(arena, &SeriesKey::from_parts(head, text), false);
            if slot != Slot::NONE {
                *sync::lock(&TRIED) = None;
            }
            slot
        } else {
            // Before the try, lest what is given back meanwhile is missed.
            let given_back = storage::freed_slots();
            if self.no_room_since.swap(given_back, Relaxed) == given_back {
                return;
            }
            storage::allocate_slot(self.cells())
        };
        if slot != Slot::NONE {
            self.no_room_since.store(0, Relaxed);
            series.bind(slot);
            self.sorted_cache.settled();
            let values: Vec<_> = self.labels(series).values().collect();
            self.closed_index.added(&self.descriptor().labels, &values, series);
        }
    }

    /// Do series show whatever they hold? A state set of which no state holds is as good as any.
    fn is_always_shown(&self) -> bool {
        self.descriptor().kind() == Kind::StateSet
    }

    /// Gives a series its extra cells, unless it has some.
    ///
    /// # Errors
    ///
    /// When the backend has no room to take note of them.
    pub(crate) fn extend(&self, series: &Series) -> Result<(), BackendError> {
        if series.extra() != Slot::NONE || series.is_removed() {
            return Ok(());
        }
        let members = self.members();
        if series.extra() != Slot::NONE || series.is_removed() || !series.slot().is_live() {
            return Ok(());
        }
        let extra = series.extra_or_make();
        match (members.arena(), self.key.get()) {
            (Some(arena), Some(key)) if extra.is_live() => {
                arena.extend(at(series.slot()), at(extra)).inspect_err(|error| unknown(key, error))
            }
            _ => Ok(()),
        }
    }

    /// Has a series removed that other processes may have.
    pub(crate) fn end_elsewhere(&self, series: &(impl Key + ?Sized)) {
        if let Some(key) = self.key.get()
            && runtime::is_shared()
        {
            let (head, text) = key::encode(&self.descriptor().labels, &series.values());
            runtime::removed(Arc::clone(key), SeriesKey::from_parts(&head, &text));
        }
    }

    /// Tells a declared metric of the extra cell that its series has got.
    pub(crate) fn refresh(&self, place: &'static SlotRef) {
        let members = self.members();
        if let Some((_, series)) = members.declared.iter().find(|(known, _)| std::ptr::eq(*known, place)) {
            place.point_to(series.slot_ref());
        }
    }

    /// Takes note that a series was removed, here or everywhere.
    pub(crate) fn end(&self, members: &Members, series: &Series, everywhere: bool) {
        if let Some(arena) = members.arena()
            && series.slot().is_live()
        {
            arena.end(at(series.slot()));
        }
        if let Some(key) = self.key.get()
            && everywhere
            && runtime::is_shared()
            // What all processes write has ended for all of them.
            && !members.arena.as_ref().is_some_and(|arena| is_common(key, arena.of_anyone()))
        {
            let (head, text) = series.key();
            runtime::removed(Arc::clone(key), SeriesKey::from_parts(head, text));
        }
    }

    /// How many cells a series has.
    fn cells(&self) -> u16 {
        u16::try_from(cells(self.descriptor())).unwrap_or(u16::MAX) // More buckets than fit, a descriptor refuses.
    }
}

impl Members {
    /// What is told of series, unless it is the parent's, of which nothing is known here yet.
    fn arena(&self) -> Option<&Arc<dyn Arena>> {
        self.arena.as_ref().and_then(Offered::get)
    }
}

impl Drop for FamilyCore {
    /// Ends its series, before others count in their cells.
    fn drop(&mut self) {
        let members = self.members();
        if members.arena().is_none() {
            return;
        }
        for series in self.in_order().iter() {
            if !series.slot().is_live() || at(series.slot()).page < CellAddr::COMMON {
                self.end(&members, series, false);
            } else if series.extra().is_live() {
                // It is there for other processes still, and goes on in these cells.
                std::mem::forget(series.clone());
            }
        }
    }
}

/// Do all processes write to the cells of the series of this family?
fn is_common(family: &FamilyKey, arena: &dyn Arena) -> bool {
    family.aggregation() == Aggregation::Shared && arena.has_common()
}

fn at(slot: Slot) -> CellAddr {
    let (page, cell) = slot.page_and_cell();
    CellAddr { page, cell }
}

fn slot(at: CellAddr) -> Result<Slot, BackendError> {
    Slot::of(at.page, at.cell).ok_or_else(|| format!("there are no cells at {at:?}").into())
}

/// Has a series reported that a backend could not take note of: not at once, for the family is locked.
fn unknown(key: &FamilyKey, error: &BackendError) {
    let message =
        format!("a series of `{key}` can't be shared with other processes, and counts nothing until it can: {error}");
    report::defer_report(("series", key.name()), message);
}
