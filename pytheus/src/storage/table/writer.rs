//! The state of a table that its one writer keeps.

use super::super::series::Series;
use super::super::shard::thread;
use super::buckets::{Entries, REMOVED, Segment, SegmentDirectory, prefix_of};
use crate::sync::epoch::Retired;
use crate::sync::shim::{Relaxed, Release};

/// The right to change a table, what is known of its segments, and what was taken out of it.
#[derive(Debug)]
pub(crate) struct TableWriter {
    /// Series.
    pub(super) len: usize,
    /// How full each segment is, by the first entry that leads there.
    pub(super) segments: Vec<Occupancy>,
    /// How many segments one entry alone leads to.
    pub(super) deepest: usize,
    garbage: Retired<Garbage>,
    /// Changes since there was a look at what can be dropped.
    since: usize,
    /// Series that were moved, and entries that were copied, by the last change.
    #[cfg(test)]
    pub(super) moved: usize,
}

/// How full a segment is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Occupancy {
    /// So many bits of the hash are the same in the whole segment. Right for each entry; the rest for the first alone.
    pub(super) depth: u32,
    /// Series.
    pub(super) len: u32,
    /// Buckets that are not empty.
    pub(super) used: u32,
}

/// Series that were taken out of a table, to be dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "to be dropped")]
pub(super) enum Garbage {
    Series(Series),
    Segment(Segment),
    SegmentDirectory(SegmentDirectory),
}

/// After how many changes it is worth to look at all threads.
const COLLECT_AFTER: usize = if cfg!(loom) { 1 } else { 32 };

/// How much is dropped at once: all that is dropped within a change delays who makes it, and who waits for it.
const DROP_AT_ONCE: usize = 64;

impl TableWriter {
    pub(crate) const fn new() -> Self {
        Self {
            len: 0,
            segments: Vec::new(),
            deepest: 0,
            garbage: Retired::new(),
            since: 0,
            #[cfg(test)]
            moved: 0,
        }
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "but in a test")]
    pub(super) fn begin_change(&mut self) {
        #[cfg(test)]
        {
            self.moved = 0;
        }
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "but in a test")]
    pub(super) fn moves(&mut self, count: usize) {
        #[cfg(test)]
        {
            self.moved += count;
        }
        #[cfg(not(test))]
        let _ = count;
    }

    /// The first of the entries that lead to the segment of these bits of a hash.
    pub(super) fn first(&self, entries: Entries<'_>, prefix: usize) -> usize {
        let entry = prefix % entries.len();
        entry % (1 << self.segments[entry].depth)
    }

    pub(super) fn occupancy(&mut self, entries: Entries<'_>, hash: u64) -> &mut Occupancy {
        let first = self.first(entries, prefix_of(hash));
        &mut self.segments[first]
    }

    /// Leads readers to a segment, by all entries of so many bits of the hash.
    pub(super) fn lead(&mut self, entries: Entries<'_>, first: usize, occupancy: Occupancy, to: Segment) {
        let all = (first..entries.len()).step_by(1 << occupancy.depth);
        entries.lead(all.clone(), to);
        all.for_each(|entry| self.segments[entry].depth = occupancy.depth);
        self.segments[first] = occupancy;
    }

    pub(super) fn take_out(&mut self, entries: Entries<'_>, first: usize, place: usize) -> Option<Series> {
        let buckets = entries.buckets(first)?;
        let removed = Series::clone(&*buckets.at(place)?);
        // First out of sight, then marked: who finds the mark and looks again does not find the series again.
        buckets.tag(place).store(REMOVED, Release);
        removed.remove();
        // SAFETY: `insert` has put it there with `into_raw`, and with this tag it is not taken out again.
        let held = unsafe { Series::from_raw(buckets.series(place).load(Relaxed)) };
        self.retire(Garbage::Series(held));
        self.segments[first].len -= 1;
        self.len -= 1;
        Some(removed)
    }

    pub(super) fn retire(&mut self, garbage: Garbage) {
        thread::retire(&mut self.garbage, garbage);
    }

    /// Drops some of what nobody looks at any more, and looks for more of it after so many changes: the more there is that
    /// somebody still looked at, the later again.
    pub(super) fn changed(&mut self, changes: usize) {
        self.since += changes;
        if self.garbage.len() != 0 && self.since >= COLLECT_AFTER.max(self.garbage.len() / 8) {
            self.collect(changes);
        } else {
            self.garbage.drop_some(DROP_AT_ONCE.max(changes * 2));
        }
    }

    pub(super) fn collect(&mut self, changes: usize) {
        self.since = 0;
        if self.garbage.len() != 0 {
            thread::collect(&mut self.garbage);
            self.garbage.drop_some(DROP_AT_ONCE.max(changes * 2));
        }
    }
}
