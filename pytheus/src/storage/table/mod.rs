//! Finds a series by its labels. Readers wait for no thread, and write to no shared memory.
//!
//! A table of [extendible hashing]: a directory, indexed by some bits of the hash, of segments of the same small size.
//! A full segment is split in two; the directory, a few pointers per segment, is copied when it doubles. An insertion
//! therefore moves the series of one segment at most, however many there are. A removal merges segments in the same
//! way.
//!
//! A split, a merge and a copy are made beside the old memory, and published by one store. The old memory stays as it
//! was until it is reclaimed ([`epoch`](crate::sync::epoch)): a reader of the old memory misses series added
//! since, and finds removed ones with their mark.
//!
//! [extendible hashing]: https://dl.acm.org/doi/10.1145/320083.320092
//! "R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong, Extendible hashing: a fast access method for dynamic files,
//! 1979"

mod buckets;
#[cfg(all(test, not(loom)))]
mod tests;
mod writer;

use std::fmt;

use super::series::{RawSeries, Series, SeriesRef};
use crate::sync::epoch::Pinned;
use crate::sync::shim::{AcqRel, Acquire, AtomicPtr, Relaxed, constant};
use buckets::{
    Buckets, DirectoryHeader, EMPTY, Entries, LEAST, PREFIX_BITS, Segment, SegmentDirectory, prefix_of, room, tag_of,
};
pub(crate) use writer::TableWriter;
use writer::{Garbage, Occupancy};

/// Series by the hash of their labels.
///
/// A byte of each hash, the tag, is stored beside the pointers: most other series are skipped without a look at their
/// labels, as in a [Swiss table](https://abseil.io/about/design/swisstables). A single thread at a time writes, with
/// the
/// [`TableWriter`].
pub(crate) struct Table(AtomicPtr<DirectoryHeader>);

/// Buckets of a segment in a table of several.
const SEGMENT: usize = if cfg!(loom) { 4 } else { 512 };

/// The progress of a walk through a changing table.
///
/// Counts the bits of the directory's index in reverse, from the lowest on: the halves of a split segment then
/// follow one another, as in the [`SCAN`](https://redis.io/docs/latest/commands/scan/) of Redis.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TableCursor(u32);

impl Table {
    constant! {
        pub(crate) fn new() -> Self {
            Self(AtomicPtr::new(std::ptr::null_mut()))
        }
    }

    /// Returns the series with this hash that `is_it`.
    #[inline]
    pub(crate) fn find<'p>(
        &self,
        _: &'p Pinned<'_>,
        hash: u64,
        is_it: impl Fn(&Series) -> bool,
    ) -> Option<SeriesRef<'p>> {
        // SAFETY: null, or a directory of `publish`. Neither it nor its segments are freed while the
        // thread is pinned.
        let entries = unsafe { Entries::<'p>::new(self.0.load(Acquire)) }?;
        let buckets = entries.buckets(prefix_of(hash))?;
        let wanted = tag_of(hash);
        let mut index = buckets.first(hash);
        // Ends, as some buckets are empty.
        loop {
            let tag = buckets.tag(index).load(Acquire);
            if tag == wanted {
                // SAFETY: the series is not freed meanwhile. The collection after a removal sees an earlier pin of
                // this thread; a thread with a later pin finds the tag `REMOVED`, by the barrier of the epoch.
                let series = unsafe { SeriesRef::new(buckets.series(index).load(Acquire)) };
                if let Some(series) = series.filter(|series| is_it(series)) {
                    return Some(series);
                }
            } else if tag == EMPTY {
                return None;
            }
            index = buckets.after(index);
        }
    }

    /// Adds a series with labels not in the table yet.
    pub(crate) fn insert(&self, writer: &mut TableWriter, hash: u64, series: Series, hash_of: &dyn Fn(&Series) -> u64) {
        writer.reset_moved();
        let entries = self.with_room(writer, hash, hash_of);
        if let Some(buckets) = entries.buckets(prefix_of(hash)) {
            let is_new = buckets.put(hash, series.into_raw());
            let occupancy = writer.occupancy(entries, hash);
            occupancy.used += u32::from(is_new);
            occupancy.len += 1;
            writer.len += 1;
        }
        writer.after_change(1);
    }

    /// Removes the series with this hash that `is_it`, and marks it as removed.
    pub(crate) fn remove(
        &self,
        writer: &mut TableWriter,
        hash: u64,
        is_it: impl Fn(&Series) -> bool,
        hash_of: &dyn Fn(&Series) -> u64,
    ) -> Option<Series> {
        writer.reset_moved();
        let entries = self.entries()?;
        let buckets = entries.buckets(prefix_of(hash))?;
        let wanted = tag_of(hash);
        let tag = |index: &usize| buckets.tag(*index).load(Relaxed);
        let candidates = buckets.probe(hash).take_while(|index| tag(index) != EMPTY);
        let mut candidates = candidates.filter(|index| tag(index) == wanted);
        let index = candidates.find(|index| buckets.at(*index).is_some_and(|series| is_it(&series)))?;
        let first = writer.first(entries, prefix_of(hash));
        let removed = writer.unlink(entries, first, index);
        self.shrink(writer, first, hash_of);
        writer.after_change(1);
        removed
    }

    /// Removes the matching series of one segment, marks them as removed, and advances the cursor; false at the end of
    /// the table.
    ///
    /// A series present during the whole walk is visited, perhaps more than once; a series added meanwhile
    /// may be visited.
    pub(crate) fn remove_some(
        &self,
        writer: &mut TableWriter,
        cursor: &mut TableCursor,
        matches: &dyn Fn(&Series) -> bool,
        hash_of: &dyn Fn(&Series) -> u64,
        removed: &mut Vec<Series>,
    ) -> bool {
        writer.reset_moved();
        let Some(entries) = self.entries() else { return false };
        let prefix = cursor.0.reverse_bits() >> (u32::BITS - PREFIX_BITS);
        let first = writer.first(entries, prefix as usize);
        let Some(buckets) = entries.buckets(first) else { return false };
        let before = removed.len();
        for index in 0..buckets.len() {
            if buckets.at(index).is_some_and(|series| matches(&series)) {
                removed.extend(writer.unlink(entries, first, index));
            }
        }
        let width = 1 << (PREFIX_BITS - writer.segments[first].depth);
        cursor.0 = (cursor.0 | (width - 1)) + 1;
        self.shrink(writer, first, hash_of);
        writer.after_change(removed.len() - before);
        cursor.0 < 1 << PREFIX_BITS
    }

    /// Makes room in the segment of this hash, and returns the entries.
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
                // Full of tombstones.
                rewrite(writer, entries, &[first], depth, hash_of);
            } else if len == 1 && buckets < SEGMENT {
                self.rebuild(writer, buckets * 2, hash_of);
            } else if 1 << depth < len {
                split(writer, entries, first, hash_of);
            } else if len < 1 << PREFIX_BITS && writer.len >= len * buckets / 4 {
                self.resize(writer, entries, len * 2);
            } else {
                // Many series have similar hashes, not told apart by a larger directory.
                self.rebuild(writer, buckets * 2, hash_of);
            }
        }
    }

    /// Makes the table smaller after a removal from the segment of this entry, if few series are left there.
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
            let buddy = first ^ 1 << (depth - 1);
            let beside = writer.segments[buddy];
            if beside.depth != depth || (len + beside.len) as usize > buckets / 8 * 3 {
                return;
            }
            first = first.min(buddy);
            rewrite(writer, entries, &[first, first | 1 << (depth - 1)], depth - 1, hash_of);
            writer.deepest -= if 1 << depth == entries.len() { 2 } else { 0 };
            if writer.deepest == 0 {
                self.resize(writer, entries, entries.len() / 2);
            }
        }
    }

    /// Copies the directory to one of twice or half as many entries.
    fn resize(&self, writer: &mut TableWriter, entries: Entries<'_>, len: usize) {
        let new = SegmentDirectory::new(entries.bucket_count(), len);
        for entry in 0..len {
            new.entries().copy(entry, entries, entry);
        }
        writer.count_moved(len / 8);
        writer.segments.truncate(len);
        for entry in writer.segments.len()..len {
            let depth = writer.segments[entry % entries.len()].depth;
            writer.segments.push(Occupancy { depth, ..Occupancy::default() });
        }
        writer.deepest = writer.segments.iter().filter(|occupancy| 1 << occupancy.depth == len).count();
        self.publish(writer, new);
    }

    /// Moves all series to segments of another size: in a table of one segment, or if their hashes are too similar.
    fn rebuild(&self, writer: &mut TableWriter, buckets: usize, hash_of: &dyn Fn(&Series) -> u64) {
        let len = self.entries().map_or(1, Entries::len);
        let new = SegmentDirectory::new(buckets, len);
        let mut occupancy = vec![Occupancy { depth: len.trailing_zeros(), ..Occupancy::default() }; len];
        let segments: Vec<_> = (0..len).map(|_| Segment::new(buckets)).collect();
        let mut old = Vec::new();
        if let Some(entries) = self.entries() {
            for first in (0..len).filter(|entry| entries.is_first(*entry)) {
                old.push(drain(writer, entries, first, hash_of, &mut |hash, series| {
                    let entry = prefix_of(hash) % len;
                    segments[entry].buckets().put(hash, series);
                    occupancy[entry].len += 1;
                    occupancy[entry].used += 1;
                }));
            }
        }
        for (entry, segment) in segments.into_iter().enumerate() {
            new.entries().point(std::iter::once(entry), segment);
        }
        (writer.segments, writer.deepest) = (occupancy, len);
        self.publish(writer, new);
        for segment in old {
            writer.retire(Garbage::Segment(segment));
        }
        // At once, if possible, as there may be many families of few series.
        writer.collect(0);
    }

    /// Publishes another directory.
    fn publish(&self, writer: &mut TableWriter, new: SegmentDirectory) {
        let old = self.0.swap(new.into_raw(), AcqRel);
        // SAFETY: put there by this function, and unreachable from now on.
        if let Some(old) = unsafe { SegmentDirectory::from_raw(old) } {
            writer.retire(Garbage::Directory(old));
        }
    }

    /// Returns the entries, for the one writer, since no other thread frees directories and segments.
    fn entries(&self) -> Option<Entries<'_>> {
        // SAFETY: null, or a directory of `publish`. A collection may free it after it was replaced, at the end of a
        // method of the writer, after the last use of entries.
        unsafe { Entries::new(self.0.load(Acquire)) }
    }
}

/// Splits a segment in two by the next bit of the hash.
fn split(writer: &mut TableWriter, entries: Entries<'_>, first: usize, hash_of: &dyn Fn(&Series) -> u64) {
    let depth = writer.segments[first].depth;
    let halves = [0, 1].map(|_| Segment::new(entries.bucket_count()));
    let mut lens = [0; 2];
    let old = drain(writer, entries, first, hash_of, &mut |hash, series| {
        let half = prefix_of(hash) >> depth & 1;
        halves[half].buckets().put(hash, series);
        lens[half] += 1;
    });
    for (first, (segment, len)) in [first, first | 1 << depth].into_iter().zip(halves.into_iter().zip(lens)) {
        writer.publish(entries, first, Occupancy { depth: depth + 1, len, used: len }, segment);
    }
    writer.deepest += if 2 << depth == entries.len() { 2 } else { 0 };
    writer.retire(Garbage::Segment(old));
}

/// Rewrites segments as one of this depth: two buddies, with one bit of the hash between them, or one full of
/// tombstones.
fn rewrite(
    writer: &mut TableWriter,
    entries: Entries<'_>,
    firsts: &[usize],
    depth: u32,
    hash_of: &dyn Fn(&Series) -> u64,
) {
    let new = Segment::new(entries.bucket_count());
    let mut len = 0;
    let mut put = |hash, series| {
        new.buckets().put(hash, series);
        len += 1;
    };
    let old: Vec<_> = firsts.iter().map(|first| drain(writer, entries, *first, hash_of, &mut put)).collect();
    writer.publish(entries, firsts[0], Occupancy { depth, len, used: len }, new);
    for segment in old {
        writer.retire(Garbage::Segment(segment));
    }
}

/// Passes all series of a segment to `put`, with their hashes, and returns the segment. The caller points its entries
/// elsewhere before it drops it.
fn drain(
    writer: &mut TableWriter,
    entries: Entries<'_>,
    first: usize,
    hash_of: &dyn Fn(&Series) -> u64,
    put: &mut dyn FnMut(u64, *mut RawSeries),
) -> Segment {
    for raw in entries.buckets(first).into_iter().flat_map(Buckets::all) {
        writer.count_moved(1);
        // SAFETY: the table holds it until the one writer removes it.
        let series = unsafe { SeriesRef::new(raw) };
        put(series.map_or(0, |series| hash_of(&series)), raw);
    }
    // SAFETY: once for each segment, and the caller points its entries elsewhere.
    unsafe { entries.take(first) }
}

impl Drop for Table {
    fn drop(&mut self) {
        let head = self.0.load(Acquire);
        // SAFETY: null, or a directory of `publish`, out of reach for other threads.
        let Some(directory) = (unsafe { SegmentDirectory::from_raw(head) }) else { return };
        let entries = directory.entries();
        let firsts = (0..entries.len()).filter(|entry| entries.is_first(*entry));
        // SAFETY: once for each segment, as the table ends here.
        let segments: Vec<_> = firsts.map(|entry| unsafe { entries.take(entry) }).collect();
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
