//! The binding of a family to the arena of a backend, which holds the cells of its series.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::backends::api::{
    Aggregation, Arena, BackendError, CellAddr, FamilyKey, NewSeries, ProcessArena, SeriesKey, cells,
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
    /// Makes a series of these values, with cells, without adding it to the family.
    pub(crate) fn new_series(&self, members: &Members, values: &[&str], is_zero_series: bool) -> Series {
        let (head, text) = key::encode(&self.descriptor().labels, values);
        let slot = match members.arena() {
            Some(arena) => self.allocate_bound(arena, &SeriesKey::from_parts(&head, &text), is_zero_series),
            None => storage::allocate_slot(self.cells()),
        };
        Series::new(&head, &text, self.cells(), slot)
    }

    /// Returns the facts of an info metric.
    pub(crate) fn facts(&self) -> Option<Series> {
        self.members().facts.clone().filter(|series| !series.is_removed())
    }

    /// Notifies the arena of all series, including later ones.
    ///
    /// # Errors
    ///
    /// Reports series without room in the arena.
    pub(crate) fn bind_to(&self, arena: &Arc<dyn Arena>) -> Result<(), BackendError> {
        let Some(key) = self.key.get() else { return Ok(()) };
        self.ensure_zero_series();
        let mut zeros: HashSet<_> = zero_series::of(self.descriptor()).into_iter().collect();
        let mut members = self.members();
        zeros.extend(members.zero_series.iter().cloned());
        members.arena = Some(ProcessArena::new(arena));
        for series in self.sorted_now().iter() {
            let values: Vec<_> = self.labels(series).values().map(str::to_owned).collect();
            let begun = self.bind_existing(key, &**arena, series, zeros.contains(&values));
            // At once: a thread that counts meanwhile finds the value relocated, and retries.
            self.closed_index.moved(&self.descriptor().labels, &values, series);
            for (slot_ref, _) in members.declared.iter().filter(|(_, known)| known.is(series)) {
                slot_ref.point_to(series.slot_ref());
            }
            begun?;
        }
        Ok(())
    }

    /// Begins a series with counts from before the arena.
    fn bind_existing(
        &self,
        key: &Arc<FamilyKey>,
        arena: &dyn Arena,
        series: &Series,
        is_zero_series: bool,
    ) -> Result<(), BackendError> {
        let (head, text) = series.key();
        let labels = SeriesKey::from_parts(head, text);
        if is_shared(key, arena) {
            let at = arena.shared_cells(key, &labels, is_zero_series || self.is_always_shown())?;
            series.relocate_to(Some(slot(at)?)).then_some(()).ok_or("there is no room for it")?;
        } else {
            if matches!(self.descriptor().kind(), Kind::Gauge | Kind::Info | Kind::StateSet) {
                // All threads write to these cells, which are therefore relocated one series at a time.
                series.relocate_to(None).then_some(()).ok_or("there is no room for it")?;
            }
            arena.add_series(&NewSeries { family: key, series: &labels, at: at(series.slot()), is_zero_series })?;
        }
        if series.extra().is_live() {
            arena.add_cells(at(series.slot()), at(series.extra()))?;
        }
        Ok(())
    }

    /// Allocates a slot for a new series; returns the slot without cells when the arena has no room.
    pub(crate) fn allocate_bound(&self, arena: &Arc<dyn Arena>, series: &SeriesKey, is_zero_series: bool) -> Slot {
        let Some(key) = self.key.get() else { return storage::allocate_slot(self.cells()) };
        let begun = if is_shared(key, &**arena) {
            arena.shared_cells(key, series, is_zero_series || self.is_always_shown()).and_then(slot)
        } else {
            let new = storage::allocate_slot(self.cells());
            let begun = match new {
                Slot::NONE => Ok(()),
                _ => arena.add_series(&NewSeries { family: key, series, at: at(new), is_zero_series }),
            };
            if begun.is_err() {
                storage::free_slot(new, self.cells());
            }
            begun.map(|()| new)
        };
        begun.unwrap_or_else(|error| {
            report_unbound(key, &error);
            Slot::NONE
        })
    }

    /// Retries a series without cells.
    ///
    /// With an arena, at most once a second until it has room again, as a try may take a while; else as soon as cells were
    /// freed.
    #[cold]
    pub(crate) fn retry_allocation(&self, series: &Series) {
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
            let slot = self.allocate_bound(arena, &SeriesKey::from_parts(head, text), false);
            if slot != Slot::NONE {
                *sync::lock(&TRIED) = None;
            }
            slot
        } else {
            // Read before the try, so that no freed cell is missed.
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

    /// Returns whether series show at any value. A state set shows when all states are disabled.
    fn is_always_shown(&self) -> bool {
        self.descriptor().kind() == Kind::StateSet
    }

    /// Gives a series its extra cells, unless it has some.
    ///
    /// # Errors
    ///
    /// Reports an arena without room.
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
                arena.add_cells(at(series.slot()), at(extra)).inspect_err(|error| report_unbound(key, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes a series in other processes.
    pub(crate) fn remove_elsewhere(&self, series: &(impl Key + ?Sized)) {
        if let Some(key) = self.key.get()
            && runtime::is_installed()
        {
            let (head, text) = key::encode(&self.descriptor().labels, &series.values());
            runtime::queue_removal(Arc::clone(key), SeriesKey::from_parts(&head, &text));
        }
    }

    /// Points a declared metric to the extra cell of its series.
    pub(crate) fn refresh(&self, slot_ref: &'static SlotRef) {
        let members = self.members();
        if let Some((_, series)) = members.declared.iter().find(|(known, _)| std::ptr::eq(*known, slot_ref)) {
            slot_ref.point_to(series.slot_ref());
        }
    }

    /// Notifies the backend of a removal, here or everywhere.
    pub(crate) fn unbind(&self, members: &Members, series: &Series, everywhere: bool) {
        if let Some(arena) = members.arena()
            && series.slot().is_live()
        {
            arena.free_series(at(series.slot()));
        }
        if let Some(key) = self.key.get()
            && everywhere
            && runtime::is_installed()
            // A removal of cells shared by all processes needs no message.
            && !members.arena.as_ref().is_some_and(|arena| is_shared(key, arena.unchecked()))
        {
            let (head, text) = series.key();
            runtime::queue_removal(Arc::clone(key), SeriesKey::from_parts(head, text));
        }
    }

    /// Returns the number of cells of a series.
    fn cells(&self) -> u16 {
        u16::try_from(cells(self.descriptor())).unwrap_or(u16::MAX) // More buckets than fit, a descriptor refuses.
    }
}

impl Members {
    /// Returns the arena; none in a forked child, whose parent owns it.
    fn arena(&self) -> Option<&Arc<dyn Arena>> {
        self.arena.as_ref().and_then(ProcessArena::get)
    }
}

impl Drop for FamilyCore {
    /// Ends the series before their cells are reused.
    fn drop(&mut self) {
        let members = self.members();
        if members.arena().is_none() {
            return;
        }
        for series in self.sorted_now().iter() {
            if !series.slot().is_live() || at(series.slot()).page < CellAddr::FIRST_SHARED_PAGE {
                self.unbind(&members, series, false);
            } else if series.extra().is_live() {
                // Other processes still use the series: its cells are leaked.
                std::mem::forget(series.clone());
            }
        }
    }
}

/// Returns whether all processes write to the cells of this family.
fn is_shared(family: &FamilyKey, arena: &dyn Arena) -> bool {
    family.aggregation() == Aggregation::Shared && arena.shares_gauges()
}

fn at(slot: Slot) -> CellAddr {
    let (page, cell) = slot.page_and_cell();
    CellAddr { page, cell }
}

fn slot(at: CellAddr) -> Result<Slot, BackendError> {
    Slot::of(at.page, at.cell).ok_or_else(|| format!("there are no cells at {at:?}").into())
}

/// Defers a report on a series without room in the backend, as the family is locked.
fn report_unbound(key: &FamilyKey, error: &BackendError) {
    let message =
        format!("a series of `{key}` can't be shared with other processes, and counts nothing until it can: {error}");
    report::defer_report(("series", key.name()), message);
}
