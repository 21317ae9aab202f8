//! The state of a table's one writer.

use super::super::series::Series;
use super::super::shard::thread;
use super::buckets::{Entries, REMOVED, Segment, SegmentDirectory, prefix_of};
use crate::sync::epoch::Retired;
use crate::sync::shim::{Relaxed, Release};

/// The right to change a table, the occupancy of its segments, and its garbage.
#[derive(Debug)]
pub(crate) struct TableWriter {
    /// Series.
    pub(super) len: usize,
    /// By the first entry of each segment.
    pub(super) segments: Vec<Occupancy>,
    /// Segments with one entry. The directory can be halved when there are none.
    pub(super) deepest: usize,
    garbage: Retired<Garbage>,
    /// Changes since the last collection.
    changes: usize,
    /// Series moved and entries copied by the last change.
    #[cfg(test)]
    pub(super) moved: usize,
}

/// How full a segment is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Occupancy {
    /// The number of hash bits shared by all series of the segment: the local depth. Valid for each entry; the other
    /// fields for the first alone.
    pub(super) depth: u32,
    /// Series.
    pub(super) len: u32,
    /// Buckets with a series or a tombstone.
    pub(super) used: u32,
}

/// Memory unlinked from a table, to be dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "to be dropped")]
pub(super) enum Garbage {
    Series(Series),
    Segment(Segment),
    Directory(SegmentDirectory),
}

/// Changes per collection, as that reads the pins of all threads.
const COLLECT_AFTER: usize = if cfg!(loom) { 1 } else { 32 };

/// Garbage dropped by one change: dropping delays the change, and the threads behind it.
const DROP_AT_ONCE: usize = 64;

impl TableWriter {
    pub(crate) const fn new() -> Self {
        Self {
            len: 0,
            segments: Vec::new(),
            deepest: 0,
            garbage: Retired::new(),
            changes: 0,
            #[cfg(test)]
            moved: 0,
        }
    }

    /// Returns the number of series.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "but in a test")]
    pub(super) fn reset_moved(&mut self) {
        #[cfg(test)]
        {
            self.moved = 0;
        }
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, unused_variables, reason = "but in a test")]
    pub(super) fn count_moved(&mut self, count: usize) {
        #[cfg(test)]
        {
            self.moved += count;
        }
    }

    /// Returns the first entry of the segment of these bits of a hash.
    pub(super) fn first(&self, entries: Entries<'_>, prefix: usize) -> usize {
        let entry = prefix % entries.len();
        entry % (1 << self.segments[entry].depth)
    }

    pub(super) fn occupancy(&mut self, entries: Entries<'_>, hash: u64) -> &mut Occupancy {
        let first = self.first(entries, prefix_of(hash));
        &mut self.segments[first]
    }

    /// Points all entries of a segment's bits to it.
    pub(super) fn publish(&mut self, entries: Entries<'_>, first: usize, occupancy: Occupancy, segment: Segment) {
        let all = (first..entries.len()).step_by(1 << occupancy.depth);
        entries.point(all.clone(), segment);
        all.for_each(|entry| self.segments[entry].depth = occupancy.depth);
        self.segments[first] = occupancy;
    }

    /// Replaces a series by a tombstone, and marks it as removed.
    pub(super) fn unlink(&mut self, entries: Entries<'_>, first: usize, index: usize) -> Option<Series> {
        let buckets = entries.buckets(first)?;
        let removed = Series::clone(&*buckets.at(index)?);
        // In this order: a reader of the mark looks it up again, and does not find the same series.
        buckets.tag(index).store(REMOVED, Release);
        removed.remove();
        // SAFETY: `insert` has put it there with `into_raw`; with this tag it is not unlinked again.
        let held = unsafe { Series::from_raw(buckets.series(index).load(Relaxed)) };
        self.retire(Garbage::Series(held));
        self.segments[first].len -= 1;
        self.len -= 1;
        Some(removed)
    }

    pub(super) fn retire(&mut self, garbage: Garbage) {
        thread::retire(&mut self.garbage, garbage);
    }

    /// Drops some garbage, after a collection if there were enough changes. The more garbage was still in use, the
    /// later is the next one.
    pub(super) fn after_change(&mut self, changes: usize) {
        self.changes += changes;
        if self.garbage.len() != 0 && self.changes >= COLLECT_AFTER.max(self.garbage.len() / 8) {
            self.collect(changes);
        } else {
            self.garbage.drop_some(DROP_AT_ONCE.max(changes * 2));
        }
    }

    pub(super) fn collect(&mut self, changes: usize) {
        self.changes = 0;
        if self.garbage.len() != 0 {
            thread::collect(&mut self.garbage);
            self.garbage.drop_some(DROP_AT_ONCE.max(changes * 2));
        }
    }
}
