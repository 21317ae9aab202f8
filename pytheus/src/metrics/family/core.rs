//! The part of a family that all its handles share: the series by their labels.

use std::any::TypeId;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use crate::backends::api::Offered;
use crate::backends::custom::FamilyKey;
use crate::backends::runtime;
use crate::diagnostics::{self, Dropped};
use crate::metrics::family::bounds::Bounds;
use crate::metrics::family::callbacks::Callbacks;
use crate::metrics::family::closed_index::ClosedIndex;
use crate::metrics::family::limit::{Limit, Overflow};
use crate::metrics::family::sorted_cache::SortedCache;
use crate::metrics::family::zero_series;
use crate::model::descriptor::Descriptor;
use crate::model::key::{Key, Labels};
use crate::model::labels::LabelSpec;
use crate::report;
use crate::storage::{CellSet, Cells, Removed, Room, Series, Slot, SlotRef, SortedSeries, Table, TableWriter, pinned};
use crate::sync::{self, Guarded};

/// The part of a family that all its handles share.
///
/// Finding a series takes no lock and writes nothing that other threads read. Adding and removing one does; no code of
/// the user's runs under it: label values are text before it is taken, and closures that are removed are dropped after
/// it is released.
pub(crate) struct FamilyCore {
    descriptor: Descriptor,
    /// What all processes know it by, once it is in a registry.
    pub(crate) key: OnceLock<Arc<FamilyKey>>,
    /// The type that counts here: state sets of different enums are not the same metric.
    metric: TypeId,
    pub(crate) table: Table,
    pub(crate) closed_index: ClosedIndex,
    hasher: RandomState,
    members: Mutex<Members>,
    /// Threads that wait for them.
    waiting: AtomicUsize,
    /// Of a histogram.
    pub(crate) bounds: Bounds,
    pub(crate) sorted_cache: SortedCache,
    pub(crate) callbacks: Callbacks,
    /// True once the series that are there from the start have been made.
    started: AtomicBool,
    /// How often cells had been given back when there was no room for a series; 0 when there was.
    pub(crate) no_room_since: AtomicUsize,
    /// Odd while series are removed and others come in their place, which is to be seen as one step.
    pub(crate) steps: AtomicUsize,
    /// Held meanwhile, also where those who add series need not wait: before the members.
    pub(crate) stepping: Mutex<()>,
}

pub(crate) struct Members {
    pub(crate) writer: TableWriter,
    pub(crate) limit: Limit,
    /// Series that are there from the start besides those that the descriptor tells.
    pub(crate) promised: Vec<Vec<String>>,
    /// Declared metrics that have found their series, until it is removed.
    pub(crate) declared: Vec<(&'static SlotRef, Series)>,
    /// The series that was made the only one last: the facts of an info metric.
    pub(crate) stated: Option<Series>,
    /// What is told of series.
    pub(crate) arena: Option<Offered>,
}

impl FamilyCore {
    /// A family that metrics of this type count in.
    pub(crate) fn new(descriptor: Descriptor, metric: TypeId) -> Self {
        let limit = Limit::new(descriptor.labels.len(), descriptor.limit());
        let bounds = Bounds::new(descriptor.buckets());
        let closed_index = ClosedIndex::new(&descriptor.labels);
        // The first hasher of the process takes a lock of its crate's own.
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
                promised: Vec::new(),
                declared: Vec::new(),
                stated: None,
                arena: None,
            }),
            waiting: AtomicUsize::new(0),
            bounds,
            sorted_cache: SortedCache::new(),
            callbacks: Callbacks::default(),
            started: AtomicBool::new(false),
            no_room_since: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            stepping: Mutex::new(()),
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

    /// Acts on the cells of the series of this key, which is made when there is none: the one that the limit allows.
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
            // Counts what finds no room, for which it may have to wait.
            self.update_new(&key.values(), set, &mut act);
        }
    }

    /// Acts on the cells of a series, which are made when they do not exist yet.
    ///
    /// # Errors
    ///
    /// When it was removed.
    #[cold]
    pub(crate) fn update_slow(
        &self,
        series: &Series,
        set: CellSet,
        act: &mut dyn FnMut(Cells),
    ) -> Result<Room, Removed> {
        runtime::begin();
        if series.slot() == Slot::NONE {
            self.begin_again(series);
        }
        if set == CellSet::Extra {
            // Before anyone can find that cell.
            self.sorted_cache.expect_fractions();
            if self.extend(series).is_err() {
                return Ok(Room::None);
            }
        }
        series.update(set, act)
    }

    /// The places of combinations, for who has these labels.
    pub(crate) fn combinations(&self, specs: &[LabelSpec]) -> Arc<[SlotRef]> {
        self.closed_index.shared(&self.descriptor.labels, specs)
    }

    /// The same as [`update`](Self::update) where the place of the combination leads nowhere yet, or not any more.
    pub(crate) fn update_at(&self, place: &SlotRef, key: &(impl Key + ?Sized), set: CellSet, act: impl FnMut(Cells)) {
        self.update(key, set, act);
        if set == CellSet::Extra && !place.is_invalidated() {
            let _no_removals = self.members();
            if let Some(series) = self.find(key).filter(|series| series.slot() == place.slot()) {
                place.point_to(series.slot_ref());
            }
        }
    }

    #[cold]
    fn update_new(&self, values: &[&str], set: CellSet, act: &mut dyn FnMut(Cells)) {
        // Again, when it is removed at the same time.
        while record_no_room(self.update_slow(&self.series(values), set, act)).is_err() {}
    }

    /// The series of this key, made when there is none: the one that the limit allows.
    pub(crate) fn series(&self, key: &(impl Key + ?Sized)) -> Series {
        if let Some(series) = self.find(key) {
            return series;
        }
        self.start();
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

    /// The series that [`series`](Self::series) would give, unless it would have to be made.
    pub(crate) fn lookup(&self, key: &(impl Key + ?Sized)) -> Option<Series> {
        self.start();
        self.find(key).or_else(|| Overflow::new(key).resolve(&self.members().limit, |values| self.find(values)))
    }

    /// Leads a declared metric to its series from now on, until that is removed; gives the series.
    ///
    /// Not where the limit has merged it: there may be room again the next time.
    pub(crate) fn declare(&self, place: &'static SlotRef, values: &[&str]) -> Series {
        let series = self.series(values);
        if self.labels(&series).are(values) {
            let mut members = self.members();
            // Once: a thread may be at the cells of one that was removed, so that the reference is never given back.
            if !place.is_bound() && series.slot_ref().slot().is_live() {
                place.point_to(series.slot_ref());
                members.declared.push((place, series.clone()));
            }
        }
        series
    }

    /// Makes the series that are there from the start, unless that was done.
    ///
    /// Not when the family is made: the defaults may be the work of code that counts in a declared metric itself.
    pub(crate) fn start(&self) {
        runtime::forked();
        if self.started.load(Acquire) {
            return;
        }
        let zero_series = zero_series::of(&self.descriptor);
        let mut members = self.members();
        if !self.started.load(Acquire) {
            self.add_missing(&mut members, &zero_series);
            let promised = members.promised.clone();
            self.add_missing(&mut members, &promised);
            self.started.store(true, Release);
        }
    }

    /// Makes this series one of those that are there from the start. Runs no code of the user's.
    pub(crate) fn promise(&self, values: &[&str]) {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        let mut members = self.members();
        if self.started.load(Acquire) {
            self.add_missing(&mut members, std::slice::from_ref(&values));
        }
        members.promised.push(values);
    }

    /// All series, by label values.
    pub(crate) fn sorted(&self) -> Arc<SortedSeries> {
        self.start();
        let sorted = || self.in_order();
        let steps = self.steps.load(Acquire);
        if steps.is_multiple_of(2) {
            let series = sorted();
            if self.steps.load(Acquire) == steps {
                return series;
            }
        }
        let _no_steps = sync::lock(&self.stepping);
        sorted()
    }

    /// All series that are there at this moment, by label values.
    pub(crate) fn in_order(&self) -> Arc<SortedSeries> {
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

    /// Lets threads that wait for the members have them before this one does again: the lock is not fair.
    pub(crate) fn let_others(&self) {
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
            // By itself, length and all: `ab`,`c` is not `a`,`bc`.
            state.write(value.as_bytes());
            true
        });
        state.finish()
    }

    pub(crate) fn hash_of(&self, series: &Series) -> u64 {
        self.hash(&self.labels(series))
    }

    /// Adds a series of these values, which is not there.
    fn add(&self, members: &mut Members, values: &[&str], promised: bool) -> Series {
        let series = self.make(members, values, promised);
        self.put(members, values, &series);
        series
    }

    pub(crate) fn put(&self, members: &mut Members, values: &[&str], series: &Series) {
        members.limit.added(values);
        self.sorted_cache.added(series.clone());
        self.table.insert(&mut members.writer, self.hash(values), series.clone(), &|series| self.hash_of(series));
        self.closed_index.added(&self.descriptor.labels, values, series);
    }

    /// As far as the limit has room, whatever it keeps free for others.
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
/// Passes on that the series was removed.
pub(crate) fn record_no_room(done: Result<Room, Removed>) -> Result<(), Removed> {
    if done? == Room::None {
        diagnostics::dropped(Dropped::NoRoom);
        report::flush_deferred();
    }
    Ok(())
}
