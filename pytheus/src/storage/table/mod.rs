//! Finds a series by its labels. Readers write nothing that others read, and wait for nobody.
//!
//! The table is one of *extendible hashing*: a directory, indexed by some bits of the hash, of segments of the same small
//! size. A full segment is split in two, and the directory is copied once in a while: a few pointers for each segment. So
//! no insertion moves more than one segment of series, however many there are; a removal merges segments in the same way.
//!
//! A split, a merge and a copy are made beside what is there, and readers are led to them by one store. What was there
//! stays as it was until no reader looks at it any more (`epoch`): a reader who is still there misses the series that came
//! since, and finds those that have gone marked as removed.

mod buckets;
#[cfg(all(test, not(loom)))]
mod tests;
mod writer;

use std::fmt;

use super::series::{Raw, Series, SeriesRef};
use crate::sync::epoch::Pinned;
use crate::sync::shim::{AcqRel, Acquire, AtomicPtr, Relaxed, constant};
use buckets::{
    Buckets, DirectoryHeader, EMPTY, Entries, LEAST, PREFIX_BITS, Segment, SegmentDirectory, prefix_of, room, tag_of,
};
pub(crate) use writer::TableWriter;
use writer::{Garbage, Occupancy};

/// Series by the hash of their labels.
///
/// A byte of the hash stands apart from the pointers: a byte that differs spares a look at the series. One writer at a
/// time, who holds the [`Writer`].
pub(crate) struct Table(AtomicPtr<DirectoryHeader>);

/// Buckets of a segment of a table that has several.
const SEGMENT: usize = if cfg!(loom) { 4 } else { 512 };

/// How far a walk through a table has come, whatever is added and removed meanwhile.
///
/// Counts the bits that lead to a segment from the lowest on, as if they stood the other way round: the halves of a
/// segment that is split then follow one another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TableCursor(u32);

impl Table {
    constant! {
        pub(crate) fn new() -> Self {
            Self(AtomicPtr::new(std::ptr::null_mut()))
        }
    }

    /// The series of this hash that `is_it`.
    #[inline]
    pub(crate) fn find<'p>(
        &self,
        _: &'p Pinned<'_>,
        hash: u64,
        is_it: impl Fn(&Series) -> bool,
    ) -> Option<SeriesRef<'p>> {
        // SAFETY: null, or a directory that `publish` has put there; neither it nor a segment to which it leads is dropped
        // while the thread is pinned.
        let entries = unsafe { Entries::<'p>::new(self.0.load(Acquire)) }?;
        let buckets = entries.buckets(prefix_of(hash))?;
        let wanted = tag_of(hash);
        let mut place = buckets.first(hash);
        // Ends: some buckets are empty.
        loop {
            let tag = buckets.tag(place).load(Acquire);
            if tag == wanted {
                // SAFETY: it is not dropped meanwhile. A sweep after a removal sees a thread that was pinned before; one
                // that is pinned later finds the tag `REMOVED`, by the two sides of `barrier`.
                let found = unsafe { SeriesRef::new(buckets.series(place).load(Acquire)) };
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
    pub(crate) fn insert(&self, writer: &mut TableWriter, hash: u64, series: Series, hash_of: &dyn Fn(&Series) -> u64) {
        writer.begin_change();
        let entries = self.with_room(writer, hash, hash_of);
        if let Some(buckets) = entries.buckets(prefix_of(hash)) {
            let is_new = buckets.put(hash, series.into_raw());
            let held = writer.occupancy(entries, hash);
            held.used += u32::from(is_new);
            held.len += 1;
            writer.len += 1;
        }
        writer.changed(1);
    }

    /// Takes out the series of this hash that `is_it`, marked as removed.
    pub(crate) fn remove(
        &self,
        writer: &mut TableWriter,
        hash: u64,
        is_it: impl Fn(&Series) -> bool,
        hash_of: &dyn Fn(&Series) -> u64,
    ) -> Option<Series> {
        writer.begin_change();
        let entries = self.entries()?;
        let buckets = entries.buckets(prefix_of(hash))?;
        let wanted = tag_of(hash);
        let tag = |place: &usize| buckets.tag(*place).load(Relaxed);
        let candidates = buckets.places(hash).take_while(|place| tag(place) != EMPTY);
        let mut candidates = candidates.filter(|place| tag(place) == wanted);
        let place = candidates.find(|place| buckets.at(*place).is_some_and(|series| is_it(&series)))?;
        let first = writer.first(entries, prefix_of(hash));
        let removed = writer.take_out(entries, first, place);
        self.shrink(writer, first, hash_of);
        writer.changed(1);
        removed
    }

    /// Takes out the series of one segment that match, marked as removed, and moves the cursor on; false when it has come
    /// to the end of the table.
    ///
    /// A series that is there all the time is looked at, be it more than once; of those that come meanwhile, some are.
    pub(crate) fn remove_some(
        &self,
        writer: &mut TableWriter,
        cursor: &mut TableCursor,
        matches: &dyn Fn(&Series) -> bool,
        hash_of: &dyn Fn(&Series) -> u64,
        removed: &mut Vec<Series>,
    ) -> bool {
        writer.begin_change();
        let Some(entries) = self.entries() else { return false };
        let prefix = cursor.0.reverse_bits() >> (u32::BITS - PREFIX_BITS);
        let first = writer.first(entries, prefix as usize);
        let Some(buckets) = entries.buckets(first) else { return false };
        let before = removed.len();
        for place in 0..buckets.len() {
            if buckets.at(place).is_some_and(|series| matches(&series)) {
                removed.extend(writer.take_out(entries, first, place));
            }
        }
        let width = 1 << (PREFIX_BITS - writer.segments[first].depth);
        cursor.0 = (cursor.0 | (width - 1)) + 1;
        self.shrink(writer, first, hash_of);
        writer.changed(removed.len() - before);
        cursor.0 < 1 << PREFIX_BITS
    }

    /// The entries, with room in the segment of this hash.
    fn with_room(&self, writer: &mut TableWriter, hash: u64, hash_of: &dyn Fn(&Series) -> u64) -> Entries<'_> {
        loop {
            let Some(entries) = self.entries() else {
                self.rebuild(writer, LEAST, hash_of);
                continue;
            };
            let (len, buckets) = (entries.len(), entries.bucket_count());
            let Occupancy { depth, len: series, used } = *writer.occupancy(entries, hash);
            let first = writer.first(entries, prefix_of(hash));
            if (used as usize) < room(buckets) {
                return entries;
            }
            if (series as usize) <= buckets / 2 {
                // Mostly tombstones.
                Self::renew(writer, entries, first, hash_of);
            } else if len == 1 && buckets < SEGMENT {
                self.rebuild(writer, buckets * 2, hash_of);
            } else if 1 << depth < len {
                Self::split(writer, entries, first, hash_of);
            } else if len < 1 << PREFIX_BITS && writer.len >= len * buckets / 4 {
                self.resize(writer, entries, len * 2);
            } else {
                // Many series have the same hash, or nearly: a larger directory would not tell them apart.
                self.rebuild(writer, buckets * 2, hash_of);
            }
        }
    }

    /// Makes less of the table after a removal from the segment of this entry, if little is in it.
    fn shrink(&self, writer: &mut TableWriter, mut first: usize, hash_of: &dyn Fn(&Series) -> u64) {
        while let Some(entries) = self.entries() {
            let buckets = entries.bucket_count();
            if entries.len() == 1 {
                if buckets > 64 && writer.len < buckets / 8 {
                    self.rebuild(writer, (writer.len * 2).next_power_of_two().max(LEAST), hash_of);
                }
                return;
            }
            let Occupancy { depth, len, .. } = writer.segments[first];
            if depth == 0 {
                return;
            }
            let other = first ^ 1 << (depth - 1);
            let beside = writer.segments[other];
            if beside.depth != depth || (len + beside.len) as usize > buckets / 8 * 3 {
                return;
            }
            first = first.min(other);
            self.merge(writer, entries, first, hash_of);
        }
    }

    /// Splits a segment in two by the next bit of the hash.
    fn split(writer: &mut TableWriter, entries: Entries<'_>, first: usize, hash_of: &dyn Fn(&Series) -> u64) {
        let depth = writer.segments[first].depth;
        let second = first | 1 << depth;
        let parts = [0, 1].map(|_| Segment::new(entries.bucket_count()));
        let mut lens = [0; 2];
        for series in entries.buckets(first).into_iter().flat_map(Buckets::all) {
            writer.moves(1);
            let hash = hash_of_raw(series, hash_of);
            let part = prefix_of(hash) >> depth & 1;
            parts[part].buckets().put(hash, series);
            lens[part] += 1;
        }
        // SAFETY: once; the entries that lead there are led elsewhere before it is dropped.
        let old = unsafe { entries.take(first) };
        for (first, (segment, len)) in [first, second].into_iter().zip(parts.into_iter().zip(lens)) {
            writer.lead(entries, first, Occupancy { depth: depth + 1, len, used: len }, segment);
        }
        writer.deepest += if 2 << depth == entries.len() { 2 } else { 0 };
        writer.retire(Garbage::Segment(old));
    }

    /// Merges two segments whose hashes differ in one bit that was told apart last.
    fn merge(&self, writer: &mut TableWriter, entries: Entries<'_>, first: usize, hash_of: &dyn Fn(&Series) -> u64) {
        let depth = writer.segments[first].depth - 1;
        let merged = Segment::new(entries.bucket_count());
        let mut len = 0;
        let old = [first, first | 1 << depth].map(|first| {
            for series in entries.buckets(first).into_iter().flat_map(Buckets::all) {
                writer.moves(1);
                merged.buckets().put(hash_of_raw(series, hash_of), series);
                len += 1;
            }
            // SAFETY: once; the entries that lead there are led elsewhere before it is dropped.
            unsafe { entries.take(first) }
        });
        writer.lead(entries, first, Occupancy { depth, len, used: len }, merged);
        for segment in old {
            writer.retire(Garbage::Segment(segment));
        }
        writer.deepest -= if 2 << depth == entries.len() { 2 } else { 0 };
        if writer.deepest == 0 {
            self.resize(writer, entries, entries.len() / 2);
        }
    }

    /// Moves the series of one segment to another of the same size.
    fn renew(writer: &mut TableWriter, entries: Entries<'_>, first: usize, hash_of: &dyn Fn(&Series) -> u64) {
        let new = Segment::new(entries.bucket_count());
        for series in entries.buckets(first).into_iter().flat_map(Buckets::all) {
            writer.moves(1);
            new.buckets().put(hash_of_raw(series, hash_of), series);
        }
        let Occupancy { depth, len, .. } = writer.segments[first];
        // SAFETY: once; the entries that lead there are led elsewhere before it is dropped.
        let old = unsafe { entries.take(first) };
        writer.lead(entries, first, Occupancy { depth, len, used: len }, new);
        writer.retire(Garbage::Segment(old));
    }

    /// Copies the directory to one of twice or half as many entries.
    fn resize(&self, writer: &mut TableWriter, entries: Entries<'_>, len: usize) {
        let new = SegmentDirectory::new(entries.bucket_count(), len);
        for entry in 0..len {
            new.entries().copy(entry, entries, entry);
        }
        writer.moves(len / 8);
        writer.segments.truncate(len);
        for entry in writer.segments.len()..len {
            let depth = writer.segments[entry % entries.len()].depth;
            writer.segments.push(Occupancy { depth, ..Occupancy::default() });
        }
        writer.deepest = writer.segments.iter().filter(|held| 1 << held.depth == len).count();
        self.publish(writer, new);
    }

    /// Moves all to segments of so many buckets: where there is one, or where hashes are of no use.
    fn rebuild(&self, writer: &mut TableWriter, buckets: usize, hash_of: &dyn Fn(&Series) -> u64) {
        let len = self.entries().map_or(1, Entries::len);
        let new = SegmentDirectory::new(buckets, len);
        let mut held = vec![Occupancy { depth: len.trailing_zeros(), ..Occupancy::default() }; len];
        let segments: Vec<_> = (0..len).map(|_| Segment::new(buckets)).collect();
        let mut old = Vec::new();
        if let Some(entries) = self.entries() {
            for first in 0..len {
                if writer.first(entries, first) != first {
                    continue;
                }
                for series in entries.buckets(first).into_iter().flat_map(Buckets::all) {
                    writer.moves(1);
                    let hash = hash_of_raw(series, hash_of);
                    let entry = prefix_of(hash) % len;
                    segments[entry].buckets().put(hash, series);
                    held[entry].len += 1;
                    held[entry].used += 1;
                }
                // SAFETY: once; the directory that leads there is dropped with it.
                old.push(unsafe { entries.take(first) });
            }
        }
        for (entry, segment) in segments.into_iter().enumerate() {
            new.entries().lead(std::iter::once(entry), segment);
        }
        (writer.segments, writer.deepest) = (held, len);
        self.publish(writer, new);
        for segment in old {
            writer.retire(Garbage::Segment(segment));
        }
        // At once, if it can be: there may be many families of few series.
        writer.collect(0);
    }

    /// Leads readers to another directory.
    fn publish(&self, writer: &mut TableWriter, new: SegmentDirectory) {
        let old = self.0.swap(new.into_raw(), AcqRel);
        // SAFETY: put there by this function, and not reachable from now on.
        if let Some(old) = unsafe { SegmentDirectory::from_raw(old) } {
            writer.retire(Garbage::SegmentDirectory(old));
        }
    }

    /// For the one writer, who alone drops directories and segments.
    fn entries(&self) -> Option<Entries<'_>> {
        // SAFETY: null, or a directory of `publish`. It is dropped by a sweep after it was replaced, at the end of a method
        // of the writer, which holds no entries any more.
        unsafe { Entries::new(self.0.load(Acquire)) }
    }
}

/// The hash of a series behind a pointer that a table holds, for the one writer.
fn hash_of_raw(series: *mut Raw, hash_of: &dyn Fn(&Series) -> u64) -> u64 {
    // SAFETY: the table holds it until the one writer takes it out.
    unsafe { SeriesRef::new(series) }.map_or(0, |series| hash_of(&series))
}

impl Drop for Table {
    fn drop(&mut self) {
        let head = self.0.load(Acquire);
        // SAFETY: null, or a directory of `publish`; nobody else can reach it any more.
        let Some(directory) = (unsafe { SegmentDirectory::from_raw(head) }) else { return };
        let entries = directory.entries();
        let first = (0..entries.len()).filter(|entry| entries.is_first(*entry));
        // SAFETY: once for each; the table ends here.
        let segments: Vec<_> = first.map(|entry| unsafe { entries.take(entry) }).collect();
        for series in segments.iter().flat_map(|segment| segment.buckets().all()) {
            // SAFETY: `insert` has put it there with `into_raw`, and the table ends here.
            drop(unsafe { Series::from_raw(series) });
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
