//! Finds a series by its labels. Readers write nothing that others read, and wait for nobody.

use std::fmt;

use super::epoch::{Pinned, Retired};
use super::series::{Found, Raw, Series};
use super::sync::{AcqRel, Acquire, AtomicPtr, AtomicU8, Relaxed, Release, Watch, constant};
use super::thread;

/// Series by the hash of their labels.
///
/// Linear probing, one byte of the hash apart from the pointers: a byte that differs spares a look at the series. One
/// writer at a time, who holds the [`Writer`].
pub(crate) struct Table(AtomicPtr<Buckets>);

#[derive(Debug)]
struct Buckets {
    watch: Watch,
    /// [`EMPTY`], [`REMOVED`], or seven bits of the hash and [`TAKEN`].
    tags: Box<[AtomicU8]>,
    series: Box<[AtomicPtr<Raw>]>,
}

const EMPTY: u8 = 0;
const REMOVED: u8 = 1;
const TAKEN: u8 = 0x80;

/// The right to change a table, and what was taken out of it.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Series.
    len: usize,
    /// Buckets that are not empty.
    used: usize,
    garbage: Retired<Garbage>,
    /// Changes since there was a look at what can be dropped.
    since: usize,
}

/// What was taken out of a table, to be dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "to be dropped")]
enum Garbage {
    Series(Series),
    Buckets(Box<Buckets>),
}

impl Buckets {
    /// A power of two, so that a remainder is a mask.
    fn new(len: usize) -> Self {
        Self {
            watch: Watch::new(),
            tags: (0..len).map(|_| AtomicU8::new(EMPTY)).collect(),
            series: (0..len).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect(),
        }
    }

    /// The places where a series of this hash may be, in order.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> {
        let next = |place: &usize| Some(self.after(*place));
        std::iter::successors(Some(self.first(hash)), next).take(self.tags.len())
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a remainder")]
    fn first(&self, hash: u64) -> usize {
        self.watch.look();
        hash as usize & (self.tags.len() - 1)
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.tags.len() - 1)
    }

    /// The series at a place, for the one writer.
    fn at(&self, place: usize) -> Option<Found<'_>> {
        let taken = self.tags[place].load(Relaxed) & TAKEN != 0;
        // SAFETY: the table holds it until the one writer takes it out.
        taken.then(|| unsafe { Found::new(self.series[place].load(Relaxed)) })?
    }

    /// Puts a series into a free bucket; true when that was never used.
    fn put(&self, hash: u64, series: *mut Raw) -> bool {
        for place in self.places(hash) {
            let tag = self.tags[place].load(Relaxed);
            if tag == EMPTY || tag == REMOVED {
                self.series[place].store(series, Release);
                self.tags[place].store(tag_of(hash), Release);
                return tag == EMPTY;
            }
        }
        unreachable!("a quarter of the buckets is empty")
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the highest bits are what is left")]
fn tag_of(hash: u64) -> u8 {
    TAKEN | (hash >> 57) as u8
}

impl Table {
    constant! {
        pub(crate) fn new() -> Self {
            Self(AtomicPtr::new(std::ptr::null_mut()))
        }
    }

    /// The series of this hash that `is_it`.
    #[inline]
    pub(crate) fn find<'p>(&self, _: &'p Pinned<'_>, hash: u64, is_it: impl Fn(&Series) -> bool) -> Option<Found<'p>> {
        // SAFETY: null, or buckets that `replace` has put there; they are not dropped while the thread is pinned.
        let buckets = unsafe { self.0.load(Acquire).as_ref() }?;
        let wanted = tag_of(hash);
        let mut place = buckets.first(hash);
        // Ends: a quarter of the buckets is empty.
        loop {
            let tag = buckets.tags.get(place)?.load(Acquire);
            if tag == wanted {
                // SAFETY: it is not dropped meanwhile. A sweep after a removal sees a thread that was pinned before; one
                // that is pinned later finds the tag `REMOVED`, by the two sides of `barrier`.
                let found = unsafe { Found::new(buckets.series.get(place)?.load(Acquire)) };
                if let Some(found) = found.filter(|found| is_it(found)) {
                    return Some(found);
                }
            } else if tag == EMPTY {
                return None;
            }
            place = buckets.after(place);
        }
    }

    /// Adds a series; none of its labels is there.
    pub(crate) fn insert(&self, writer: &mut Writer, hash: u64, series: Series, hash_of: &dyn Fn(&Series) -> u64) {
        let room = self.buckets().map_or(0, |buckets| buckets.tags.len() / 4 * 3);
        if writer.used >= room {
            self.rebuild(writer, writer.len + 1, hash_of);
        }
        if let Some(buckets) = self.buckets() {
            writer.used += usize::from(buckets.put(hash, series.into_raw()));
            writer.len += 1;
        }
        writer.changed(1);
    }

    /// Takes out the series of this hash that `is_it`, marked as removed.
    pub(crate) fn remove(
        &self,
        writer: &mut Writer,
        hash: u64,
        is_it: impl Fn(&Series) -> bool,
        hash_of: &dyn Fn(&Series) -> u64,
    ) -> Option<Series> {
        let buckets = self.buckets()?;
        let wanted = tag_of(hash);
        let tag = |place: &usize| buckets.tags[*place].load(Relaxed);
        let candidates = buckets.places(hash).take_while(|place| tag(place) != EMPTY);
        let mut candidates = candidates.filter(|place| tag(place) == wanted);
        let place = candidates.find(|place| buckets.at(*place).is_some_and(|series| is_it(&series)))?;
        let removed = writer.take_out(buckets, place);
        self.shrink(writer, hash_of);
        writer.changed(1);
        removed
    }

    /// Takes out the series that match, marked as removed.
    pub(crate) fn remove_all(
        &self,
        writer: &mut Writer,
        matches: &dyn Fn(&Series) -> bool,
        hash_of: &dyn Fn(&Series) -> u64,
    ) -> Vec<Series> {
        let Some(buckets) = self.buckets() else { return Vec::new() };
        let matching = |place: &usize| buckets.at(*place).is_some_and(|series| matches(&series));
        let places = (0..buckets.tags.len()).filter(matching);
        let removed: Vec<_> = places.filter_map(|place| writer.take_out(buckets, place)).collect();
        self.shrink(writer, hash_of);
        writer.changed(removed.len());
        removed
    }

    /// Gives up buckets when few are in use.
    fn shrink(&self, writer: &mut Writer, hash_of: &dyn Fn(&Series) -> u64) {
        if self.buckets().is_some_and(|buckets| buckets.tags.len() > 64 && writer.len < buckets.tags.len() / 8) {
            self.rebuild(writer, writer.len, hash_of);
        }
    }

    /// Moves all to as many buckets as befit so many series.
    fn rebuild(&self, writer: &mut Writer, len: usize, hash_of: &dyn Fn(&Series) -> u64) {
        let new = Box::new(Buckets::new((len * 2).next_power_of_two().max(4)));
        if let Some(old) = self.buckets() {
            for place in 0..old.tags.len() {
                if let Some(series) = old.at(place) {
                    new.put(hash_of(&series), old.series[place].load(Relaxed));
                }
            }
        }
        writer.used = writer.len;
        let old = self.0.swap(Box::into_raw(new), AcqRel);
        if !old.is_null() {
            // SAFETY: put there by this function as a box, and not reachable from now on.
            let old = unsafe { Box::from_raw(old) };
            thread::retire(&mut writer.garbage, Garbage::Buckets(old));
            // At once, if it can be: they may be as large as those in use.
            writer.sweep();
        }
    }

    /// For the one writer, who alone drops buckets.
    fn buckets(&self) -> Option<&Buckets> {
        // SAFETY: null, or a box of `rebuild`. It is dropped by a sweep after it was replaced, at the end of a method
        // of the writer, which holds no buckets any more.
        unsafe { self.0.load(Acquire).as_ref() }
    }
}

/// After how many changes it is worth to look at all threads.
const SWEEP_AFTER: usize = if cfg!(loom) { 1 } else { 32 };

impl Writer {
    pub(crate) const fn new() -> Self {
        Self { len: 0, used: 0, garbage: Retired::new(), since: 0 }
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn take_out(&mut self, buckets: &Buckets, place: usize) -> Option<Series> {
        let removed = Series::clone(&*buckets.at(place)?);
        // First out of sight, then marked: who finds the mark and looks again does not find the series again.
        buckets.tags[place].store(REMOVED, Release);
        removed.remove();
        // SAFETY: `insert` has put it there with `into_raw`, and with this tag it is not taken out again.
        let held = unsafe { Series::from_raw(buckets.series[place].load(Relaxed)) };
        thread::retire(&mut self.garbage, Garbage::Series(held));
        self.len -= 1;
        Some(removed)
    }

    /// Sweeps after so many changes: the more there is that somebody still looked at, the later again.
    fn changed(&mut self, changes: usize) {
        self.since += changes;
        if self.garbage.len() != 0 && self.since >= SWEEP_AFTER.max(self.garbage.len() / 8) {
            self.sweep();
        }
    }

    /// Drops what nobody looks at any more.
    fn sweep(&mut self) {
        self.since = 0;
        drop(thread::sweep(&mut self.garbage));
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let buckets = self.0.load(Acquire);
        if buckets.is_null() {
            return;
        }
        // SAFETY: a box of `rebuild`; nobody else can reach it any more.
        let buckets = unsafe { Box::from_raw(buckets) };
        for (tag, series) in buckets.tags.iter().zip(&buckets.series) {
            if tag.load(Relaxed) & TAKEN != 0 {
                // SAFETY: `insert` has put it there with `into_raw`, and the table ends here.
                drop(unsafe { Series::from_raw(series.load(Relaxed)) });
            }
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
