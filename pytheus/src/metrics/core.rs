//! The part of a family that all its handles share: the series by their labels.

use std::any::TypeId;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::Metric;
use super::bounds::Bounds;
use super::combinations::Combinations;
use super::handle::noted;
use super::limit::Limit;
use super::order::Order;
use super::route::Route;
use super::sources::Sources;
use super::zeros;
use crate::backends::api::ProcessArena;
use crate::backends::custom::FamilyKey;
use crate::backends::runtime;
use crate::diagnostics;
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
    pub(super) key: OnceLock<Arc<FamilyKey>>,
    /// The type that counts here: state sets of different enums are not the same metric.
    metric: TypeId,
    pub(super) table: Table,
    pub(super) combinations: Combinations,
    hasher: RandomState,
    members: Mutex<Members>,
    /// Threads that wait for them.
    waiting: AtomicUsize,
    /// Of a histogram.
    pub(super) bounds: Bounds,
    pub(super) order: Order,
    pub(super) sources: Sources,
    /// True once the series that are there from the start have been made.
    started: AtomicBool,
    /// How often cells had been given back when there was no room for a series; 0 when there was.
    pub(super) no_room_since: AtomicUsize,
    /// Odd while series are removed and others come in their place, which is to be seen as one step.
    pub(super) steps: AtomicUsize,
    /// Held meanwhile, also where those who add series need not wait: before the members.
    pub(super) stepping: Mutex<()>,
}

pub(super) struct Members {
    pub(super) writer: TableWriter,
    pub(super) limit: Limit,
    /// Series that are there from the start besides those that the descriptor tells.
    pub(super) promised: Vec<Vec<String>>,
    /// Declared metrics that have found their series, until it is removed.
    pub(super) declared: Vec<(&'static SlotRef, Series)>,
    /// The series that was made the only one last: the facts of an info metric.
    pub(super) stated: Option<Series>,
    /// What is told of series.
    pub(super) arena: Option<ProcessArena>,
}

impl FamilyCore {
    /// A family that metrics of this type count in.
    pub(super) fn new(descriptor: Descriptor, metric: TypeId) -> Self {
        let limit = Limit::new(descriptor.labels.len(), descriptor.limit());
        let bounds = Bounds::new(descriptor.buckets());
        let combinations = Combinations::new(&descriptor.labels);
        // The first hasher of the process takes a lock of its crate's own.
        let _inside = sync::enter();
        Self {
            descriptor,
            key: OnceLock::new(),
            metric,
            table: Table::new(),
            combinations,
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
            order: Order::new(),
            sources: Sources::default(),
            started: AtomicBool::new(false),
            no_room_since: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            stepping: Mutex::new(()),
        }
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Is it this type that counts here?
    pub(super) fn counts<M: Metric>(&self) -> bool {
        self.metric == TypeId::of::<M>()
    }

    #[inline]
    pub(super) fn labels<'a>(&'a self, series: &'a Series) -> Labels<'a> {
        let (head, text) = series.key();
        Labels::new(&self.descriptor.labels, head, text)
    }

    /// Acts on the cells of the series of this key, which is made when there is none: the one that the limit allows.
    #[inline]
    pub(super) fn update(&self, key: &(impl Key + ?Sized), set: CellSet, mut act: impl FnMut(Cells)) {
        let hash = self.hash(key);
        let done = pinned(|pin| {
            let series = self.table.find(pin, hash, |series| self.labels(series).are(key)).ok_or(Removed)?;
            match series.slot_ref().cells(set) {
                Some(cells) => {
                    act(cells);
                    Ok(Room::Found)
                }
                None => self.touch(&series, set, &mut act),
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
    pub(super) fn touch(&self, series: &Series, set: CellSet, act: &mut dyn FnMut(Cells)) -> Result<Room, Removed> {
        runtime::ensure_loaded();
        if series.slot() == Slot::NONE {
            self.begin_again(series);
        }
        if set == CellSet::Extra {
            // Before anyone can find that cell.
            self.order.expect_fractions();
            if self.extend(series).is_err() {
                return Ok(Room::None);
            }
        }
        series.update(set, act)
    }

    /// The places of combinations, for who has these labels.
    pub(super) fn combinations(&self, specs: &[LabelSpec]) -> Arc<[SlotRef]> {
        self.combinations.shared(&self.descriptor.labels, specs)
    }

    /// The same as [`update`](Self::update) where the place of the combination leads nowhere yet, or not any more.
    pub(super) fn update_at(&self, place: &SlotRef, key: &(impl Key + ?Sized), set: CellSet, act: impl FnMut(Cells)) {
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
        while noted(self.touch(&self.series(values), set, act)).is_err() {}
    }

    /// The series of this key, made when there is none: the one that the limit allows.
    pub(super) fn series(&self, key: &(impl Key + ?Sized)) -> Series {
        if let Some(series) = self.find(key) {
            return series;
        }
        self.start();
        let mut route = Route::new(key);
        let series = {
            let mut members = self.members();
            let found = route.follow(self, &members.limit);
            found.unwrap_or_else(|| self.add(&mut members, &route.values[..].values(), false))
        };
        for label in route.gave_way {
            diagnostics::overflowed(self.descriptor.name(), self.descriptor.labels[label].name());
        }
        report::flush_deferred();
        series
    }

    /// The series that [`series`](Self::series) would give, unless it would have to be made.
    pub(super) fn peek(&self, key: &(impl Key + ?Sized)) -> Option<Series> {
        self.start();
        self.find(key).or_else(|| Route::new(key).follow(self, &self.members().limit))
    }

    /// Leads a declared metric to its series from now on, until that is removed; gives the series.
    ///
    /// Not where the limit has merged it: there may be room again the next time.
    pub(super) fn declare(&self, place: &'static SlotRef, values: &[&str]) -> Series {
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
    pub(super) fn start(&self) {
        runtime::after_fork();
        if self.started.load(Acquire) {
            return;
        }
        let zeros = zeros::series(&self.descriptor);
        let mut members = self.members();
        if !self.started.load(Acquire) {
            self.add_missing(&mut members, &zeros);
            let promised = members.promised.clone();
            self.add_missing(&mut members, &promised);
            self.started.store(true, Release);
        }
    }

    /// Makes this series one of those that are there from the start. Runs no code of the user's.
    pub(super) fn promise(&self, values: &[&str]) {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        let mut members = self.members();
        if self.started.load(Acquire) {
            self.add_missing(&mut members, std::slice::from_ref(&values));
        }
        members.promised.push(values);
    }

    /// All series, by label values.
    pub(super) fn sorted(&self) -> Arc<SortedSeries> {
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
    pub(super) fn in_order(&self) -> Arc<SortedSeries> {
        self.order.sorted(|a, b| self.labels(a).compare(&self.labels(b)))
    }

    pub(super) fn members(&self) -> Guarded<MutexGuard<'_, Members>> {
        sync::try_lock(&self.members).unwrap_or_else(|| {
            self.waiting.fetch_add(1, Relaxed);
            let members = sync::lock(&self.members);
            self.waiting.fetch_sub(1, Relaxed);
            members
        })
    }

    /// Lets threads that wait for the members have them before this one does again: the lock is not fair.
    pub(super) fn let_others(&self) {
        const LONGEST: Duration = Duration::from_micros(100);
        if self.waiting.load(Relaxed) == 0 {
            return;
        }
        let start = Instant::now();
        while self.waiting.load(Relaxed) != 0 && start.elapsed() < LONGEST {
            std::thread::yield_now();
        }
    }

    pub(super) fn find(&self, key: &(impl Key + ?Sized)) -> Option<Series> {
        let hash = self.hash(key);
        pinned(|pin| self.table.find(pin, hash, |series| self.labels(series).are(key)).map(|series| series.clone()))
    }

    #[inline]
    pub(super) fn hash(&self, key: &(impl Key + ?Sized)) -> u64 {
        let mut state = self.hasher.build_hasher();
        key.each(&mut |value| {
            // By itself, length and all: `ab`,`c` is not `a`,`bc`.
            state.write(value.as_bytes());
            true
        });
        state.finish()
    }

    pub(super) fn hash_of(&self, series: &Series) -> u64 {
        self.hash(&self.labels(series))
    }

    /// Adds a series of these values, which is not there.
    fn add(&self, members: &mut Members, values: &[&str], promised: bool) -> Series {
        let series = self.make(members, values, promised);
        self.put(members, values, &series);
        series
    }

    pub(super) fn put(&self, members: &mut Members, values: &[&str], series: &Series) {
        members.limit.added(values);
        self.order.added(series.clone());
        self.table.insert(&mut members.writer, self.hash(values), series.clone(), &|series| self.hash_of(series));
        self.combinations.added(&self.descriptor.labels, values, series);
    }

    /// As far as the limit has room, whatever it keeps free for others.
    pub(super) fn add_missing(&self, members: &mut Members, series: &[Vec<String>]) {
        for values in series {
            if self.find(&values[..]).is_none() && members.limit.has_room() {
                self.add(members, &values[..].values(), true);
            }
        }
    }
}
