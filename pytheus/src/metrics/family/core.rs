//! The state that all handles of a family share: its series, by their labels.

use std::any::{Any, TypeId};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use crate::backends::api::{LocalFamily, ProcessArena};
use crate::backends::custom::FamilyKey;
use crate::backends::runtime;
use crate::collector::{self, FindLocalFamily};
use crate::diagnostics::{self, Dropped};
use crate::metrics::family::bounds::Bounds;
use crate::metrics::family::callbacks::Callbacks;
use crate::metrics::family::closed_index::ClosedIndex;
use crate::metrics::family::limit::{Limit, Overflow};
use crate::metrics::family::sorted_cache::SortedCache;
use crate::metrics::family::sources::ReadTotal;
use crate::metrics::family::zero_series;
use crate::model::descriptor::Descriptor;
use crate::model::key::{Key, Labels};
use crate::model::labels::LabelSpec;
use crate::report;
use crate::storage::{CellSet, Cells, Removed, Room, Series, Slot, SlotRef, SortedSeries, Table, TableWriter, pinned};
use crate::sync::{self, Guarded};

/// The state that all handles of a family share.
///
/// A look-up of a series takes no lock and writes no shared memory. Adding and removing take one, under which no user code
/// runs: label values are rendered before, and removed closures are dropped after.
pub(crate) struct FamilyCore {
    descriptor: Descriptor,
    /// The identity between processes, from the registration on.
    pub(crate) key: OnceLock<Arc<FamilyKey>>,
    /// The type that counts here: state sets of different enums are different metrics.
    metric: TypeId,
    pub(crate) table: Table,
    pub(crate) closed_index: ClosedIndex,
    hasher: RandomState,
    members: Mutex<Members>,
    /// The number of threads waiting for the members.
    waiting: AtomicUsize,
    /// The bucket bounds of a histogram.
    pub(crate) bounds: Bounds,
    pub(crate) sorted_cache: SortedCache,
    pub(crate) callbacks: Callbacks,
    pub(crate) sources: Callbacks<ReadTotal>,
    /// Whether the zero series have been added.
    started: AtomicBool,
    /// The count of freed cells at the last failed allocation of a series; 0 after one that succeeded.
    pub(crate) no_room_since: AtomicUsize,
    /// A [sequence lock](https://en.wikipedia.org/wiki/Seqlock): odd while series are replaced, which a scrape sees as one
    /// step.
    pub(crate) version: AtomicUsize,
    /// Held for the whole replacement, before the members; threads that add series do not wait for it.
    pub(crate) replacement: Mutex<()>,
}

pub(crate) struct Members {
    pub(crate) writer: TableWriter,
    pub(crate) limit: Limit,
    /// Zero series besides those of the descriptor.
    pub(crate) zero_series: Vec<Vec<String>>,
    /// References of declared metrics and their series, until its removal.
    pub(crate) declared: Vec<(&'static SlotRef, Series)>,
    /// The series of the last replacement: the facts of an info metric.
    pub(crate) facts: Option<Series>,
    /// The backend's arena, which is notified of series.
    pub(crate) arena: Option<ProcessArena>,
}

/// Finds the family behind a collector.
static FIND_LOCAL_FAMILY: FindLocalFamily = |collector| {
    let core = (collector as Arc<dyn Any + Send + Sync>).downcast::<FamilyCore>();
    core.ok().map(|core| core as Arc<dyn LocalFamily>)
};

impl FamilyCore {
    /// Makes a family for metrics of this type.
    pub(crate) fn new(descriptor: Descriptor, metric: TypeId) -> Self {
        let limit = Limit::new(descriptor.labels.len(), descriptor.limit());
        let bounds = Bounds::new(descriptor.buckets());
        let closed_index = ClosedIndex::new(&descriptor.labels);
        collector::FIND_LOCAL_FAMILY.get_or_init(|| &FIND_LOCAL_FAMILY);
        // The first hasher of a process takes a lock inside its crate.
        let _inside = sync::enter();
        Self {
            descriptor,
            key: OnceLock::new(),
            metric,
            table: Table::new(),
            closed_index,
            hasher: RandomState::default(),
            members: Mutex::new(Members {
                writer: TableWriter::new(),
                limit,
                zero_series: Vec::new(),
                declared: Vec::new(),
                facts: None,
                arena: None,
            }),
            waiting: AtomicUsize::new(0),
            bounds,
            sorted_cache: SortedCache::new(),
            callbacks: Callbacks::new(),
            sources: Callbacks::new(),
            started: AtomicBool::new(false),
            no_room_since: AtomicUsize::new(0),
            version: AtomicUsize::new(0),
            replacement: Mutex::new(()),
        }
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Returns the type that counts here.
    pub(crate) fn metric(&self) -> TypeId {
        self.metric
    }

    #[inline]
    pub(crate) fn labels<'a>(&'a self, series: &'a Series) -> Labels<'a> {
        let (head, text) = series.key();
        Labels::new(&self.descriptor.labels, head, text)
    }

    /// Updates the cells of the series with this key, or of the one that the limit allows; adds it when it is missing.
    #[inline]
    pub(crate) fn update(&self, key: &(impl Key + ?Sized), set: CellSet, mut act: impl FnMut(Cells)) {
        let hash = self.hash(key);
        let done = pinned(|pin| {
            let series = self.table.find(pin, hash, |series| self.labels(series).are(key)).ok_or(Removed)?;
            match series.slot_ref().cells(set) {
                Some(cells) => {
                    act(cells);
                    Ok(Room::Found)
                }
                None => self.update_slow(&series, set, &mut act),
            }
        });
        if done != Ok(Room::Found) {
            // The slow path may wait, and counts an update without room.
            self.update_new(&key.values(), set, &mut act);
        }
    }

    /// Updates the cells of a series, which are allocated when they do not exist yet.
    ///
    /// # Errors
    ///
    /// Reports a removed series.
    #[cold]
    pub(crate) fn update_slow(
        &self,
        series: &Series,
        set: CellSet,
        act: &mut dyn FnMut(Cells),
    ) -> Result<Room, Removed> {
        runtime::ensure_loaded();
        if series.slot() == Slot::NONE {
            self.retry_allocation(series);
        }
        if set == CellSet::Extra {
            // Before the cell is visible to a scrape.
            self.sorted_cache.expect_fractions();
            if self.extend(series).is_err() {
                return Ok(Room::None);
            }
        }
        series.update(set, act)
    }

    /// Returns the references by combination, for a declaration with these labels.
    pub(crate) fn combinations(&self, specs: &[LabelSpec]) -> Arc<[SlotRef]> {
        self.closed_index.shared(&self.descriptor.labels, specs)
    }

    /// Updates as [`update`](Self::update), where the reference of the combination is unbound or invalidated.
    pub(crate) fn update_at(
        &self,
        slot_ref: &SlotRef,
        key: &(impl Key + ?Sized),
        set: CellSet,
        act: impl FnMut(Cells),
    ) {
        self.update(key, set, act);
        if set == CellSet::Extra && !slot_ref.is_invalidated() {
            let _no_removals = self.members();
            if let Some(series) = self.find(key).filter(|series| series.slot() == slot_ref.slot()) {
                slot_ref.point_to(series.slot_ref());
            }
        }
    }

    #[cold]
    fn update_new(&self, values: &[&str], set: CellSet, act: &mut dyn FnMut(Cells)) {
        // Repeats after a concurrent removal.
        while record_no_room(self.update_slow(&self.series(values), set, act)).is_err() {}
    }

    /// Returns the series of this key, or the one that the limit allows; adds it when it is missing.
    pub(crate) fn series(&self, key: &(impl Key + ?Sized)) -> Series {
        if let Some(series) = self.find(key) {
            return series;
        }
        self.ensure_zero_series();
        let mut overflow = Overflow::new(key);
        let series = {
            let mut members = self.members();
            let found = overflow.resolve(&members.limit, |values| self.find(values));
            found.unwrap_or_else(|| self.add(&mut members, &overflow.values[..].values(), false))
        };
        for label in overflow.labels {
            diagnostics::overflowed(self.descriptor.name(), self.descriptor.labels[label].name());
        }
        report::flush_deferred();
        series
    }

    /// Looks up the series of this key, or the one that the limit allows, without adding any.
    pub(crate) fn lookup(&self, key: &(impl Key + ?Sized)) -> Option<Series> {
        self.ensure_zero_series();
        self.find(key).or_else(|| Overflow::new(key).resolve(&self.members().limit, |values| self.find(values)))
    }

    /// Binds a declared metric to its series until the removal, and returns the series.
    ///
    /// A series merged by the limit is not bound: there may be room for the declaration's own later.
    pub(crate) fn bind_declared(&self, slot_ref: &'static SlotRef, values: &[&str]) -> Series {
        let series = self.series(values);
        if self.labels(&series).are(values) {
            let mut members = self.members();
            // Bound once: the reference is never reused, as a thread may still write to the cells of a removed series.
            if !slot_ref.is_bound() && series.slot_ref().slot().is_live() {
                slot_ref.point_to(series.slot_ref());
                members.declared.push((slot_ref, series.clone()));
            }
        }
        series
    }

    /// Adds the zero series, once.
    ///
    /// Not in the constructor: a default may be an expression that counts in a declared metric itself.
    pub(crate) fn ensure_zero_series(&self) {
        runtime::after_fork();
        if self.started.load(Acquire) {
            return;
        }
        let zero_series = zero_series::of(&self.descriptor);
        let mut members = self.members();
        if !self.started.load(Acquire) {
            self.add_missing(&mut members, &zero_series);
            let zeros = members.zero_series.clone();
            self.add_missing(&mut members, &zeros);
            self.started.store(true, Release);
        }
    }

    /// Adds a zero series. Runs no user code.
    pub(crate) fn add_zero_series(&self, values: &[&str]) {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        let mut members = self.members();
        if self.started.load(Acquire) {
            self.add_missing(&mut members, std::slice::from_ref(&values));
        }
        members.zero_series.push(values);
    }

    /// Returns all series by label values, from before or after a replacement.
    pub(crate) fn sorted(&self) -> Arc<SortedSeries> {
        self.ensure_zero_series();
        let sorted = || self.sorted_now();
        let version = self.version.load(Acquire);
        if version.is_multiple_of(2) {
            let series = sorted();
            if self.version.load(Acquire) == version {
                return series;
            }
        }
        let _no_replacement = sync::lock(&self.replacement);
        sorted()
    }

    /// Returns the series of this moment by label values.
    pub(crate) fn sorted_now(&self) -> Arc<SortedSeries> {
        self.sorted_cache.sorted(|a, b| self.labels(a).compare(&self.labels(b)))
    }

    pub(crate) fn members(&self) -> Guarded<MutexGuard<'_, Members>> {
        sync::try_lock(&self.members).unwrap_or_else(|| {
            self.waiting.fetch_add(1, Relaxed);
            let members = sync::lock(&self.members);
            self.waiting.fetch_sub(1, Relaxed);
            members
        })
    }

    /// Yields to threads waiting for the members, as the lock is not fair.
    pub(crate) fn yield_members(&self) {
        const LONGEST: Duration = Duration::from_micros(100);
        if self.waiting.load(Relaxed) == 0 {
            return;
        }
        let start = Instant::now();
        while self.waiting.load(Relaxed) != 0 && start.elapsed() < LONGEST {
            std::thread::yield_now();
        }
    }

    pub(crate) fn find(&self, key: &(impl Key + ?Sized)) -> Option<Series> {
        let hash = self.hash(key);
        pinned(|pin| self.table.find(pin, hash, |series| self.labels(series).are(key)).map(|series| series.clone()))
    }

    #[inline]
    pub(crate) fn hash(&self, key: &(impl Key + ?Sized)) -> u64 {
        let mut state = self.hasher.build_hasher();
        key.each(&mut |value| {
            // Each value is hashed with its length: `ab`,`c` differs from `a`,`bc`.
            state.write(value.as_bytes());
            true
        });
        state.finish()
    }

    pub(crate) fn hash_of(&self, series: &Series) -> u64 {
        self.hash(&self.labels(series))
    }

    /// Adds a series of these values, which the family lacks.
    fn add(&self, members: &mut Members, values: &[&str], is_zero_series: bool) -> Series {
        let series = self.new_series(members, values, is_zero_series);
        self.insert(members, values, &series);
        series
    }

    pub(crate) fn insert(&self, members: &mut Members, values: &[&str], series: &Series) {
        members.limit.added(values);
        self.sorted_cache.added(series.clone());
        self.table.insert(&mut members.writer, self.hash(values), series.clone(), &|series| self.hash_of(series));
        self.closed_index.added(&self.descriptor.labels, values, series);
    }

    /// Adds the missing ones as far as the limit allows, including the share kept for `__other__`.
    pub(crate) fn add_missing(&self, members: &mut Members, series: &[Vec<String>]) {
        for values in series {
            if self.find(&values[..]).is_none() && members.limit.has_room() {
                self.add(members, &values[..].values(), true);
            }
        }
    }
}

/// Counts an update whose series has no cells.
///
/// # Errors
///
/// Passes a removal on.
pub(crate) fn record_no_room(done: Result<Room, Removed>) -> Result<(), Removed> {
    if done? == Room::None {
        diagnostics::dropped(Dropped::NoRoom);
        report::flush_deferred();
    }
    Ok(())
}
