//! What is done to cells: by the one thread that writes them, or by all.

use super::page::{Cells, Page};
use super::sync::{AcqRel, Acquire, Relaxed, Release, hint};

/// Of a thread's own cells. Plain loads and stores: nobody else writes there.
impl Cells {
    /// Adds to a whole number; wraps at 2^64.
    #[inline]
    pub(crate) fn add(self, amount: u64) {
        let cell = self.at(0);
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Adds to a float.
    #[inline]
    pub(crate) fn add_float(self, amount: f64) {
        let cell = self.at(0);
        cell.store((f64::from_bits(cell.load(Relaxed)) + amount).to_bits(), Relaxed);
    }

    /// Counts a value in a bucket and adds it to the sum, so that [`observed`](Self::observed) sees both or neither.
    ///
    /// There are two sums, and the parity of the count says which one holds. The other is written first; the count of
    /// the bucket then makes the observation seen, all at once: should this thread stop in between, nothing was
    /// observed.
    #[inline]
    pub(crate) fn observe(self, bucket: usize, value: f64) {
        // The buckets would tell, but this is one cell.
        let count = self.at(COUNT);
        let before = count.load(Relaxed);
        let (old, new) = (sum_after(before), sum_after(before.wrapping_add(1)));
        let sum = f64::from_bits(self.at(old).load(Relaxed)) + value;
        // Release: who sees this sum of a later count sees the bucket that has made it later.
        self.at(new).store(sum.to_bits(), Release);
        let bucket = self.at(FIRST_BUCKET + bucket);
        bucket.store(bucket.load(Relaxed).wrapping_add(1), Release);
        count.store(before.wrapping_add(1), Relaxed);
    }

    /// As [`Page::observed`].
    pub(super) fn observed(self, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
        self.page.observed(self.slot.cell(), counts, scratch)
    }
}

/// Of cells that another thread writes, or another process.
impl Page {
    /// Adds what was observed in the run of cells that begins there to `counts`, one per bucket, and gives the sum of the
    /// same observations. The run ends in this page.
    ///
    /// Waits for no writer, but starts again when one has observed meanwhile. `scratch` saves allocations.
    pub fn observed(&self, first: usize, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
        scratch.resize(counts.len(), 0);
        let cell = |offset: usize| self.cell(first + offset);
        loop {
            let mut before = 0_u64;
            for (place, seen) in scratch.iter_mut().enumerate() {
                *seen = cell(FIRST_BUCKET + place).load(Acquire);
                before = before.wrapping_add(*seen);
            }
            let sum = cell(sum_after(before)).load(Acquire);
            // No bucket ever goes down: when their total is the same, so is each of them.
            let buckets = (0..counts.len()).map(|place| cell(FIRST_BUCKET + place).load(Acquire));
            if buckets.fold(0, u64::wrapping_add) == before {
                for (count, seen) in counts.iter_mut().zip(&*scratch) {
                    *count = count.wrapping_add(*seen);
                }
                return f64::from_bits(sum);
            }
            hint::spin_loop();
        }
    }
}

/// Of observations whose writer may have been cut off in the middle of one.
impl Cells {
    /// Counts what is in the buckets: that is what was observed. For the one writer.
    pub(super) fn mend(self, run: u16) {
        let buckets = FIRST_BUCKET..usize::from(run);
        let observed = buckets.fold(0_u64, |sum, place| sum.wrapping_add(self.at(place).load(Relaxed)));
        self.at(COUNT).store(observed, Relaxed);
    }
}

/// The cells of a gauge that all threads write: its value, and whether work in progress is counted beside it.
const VALUE: usize = 0;
const TRACKED: usize = 1;

/// Those of each thread: what it has begun, and what it has ended, wherever that began.
const BEGUN: usize = 0;
const ENDED: usize = 1;

/// The cells that a gauge takes.
pub(crate) const GAUGE_CELLS: usize = 2;

/// Of a gauge.
impl Cells {
    /// Has this been [marked](Self::mark_tracked)? Of the cells that all threads write.
    pub(crate) fn is_tracked(self) -> bool {
        self.at(TRACKED).load(Acquire) != 0
    }

    /// Takes note that there is, or was, work in progress. Of the cells that all threads write.
    pub(crate) fn mark_tracked(self) {
        self.at(TRACKED).store(1, Release);
    }

    /// Has this thread, or one that had its shard before, begun any work?
    #[inline]
    pub(crate) fn has_begun(self) -> bool {
        self.at(BEGUN).load(Relaxed) != 0
    }

    /// Begins some work, which was [marked](Self::mark_tracked).
    #[inline]
    pub(crate) fn begin(self) {
        let begun = self.at(BEGUN);
        // Release: who sees this beginning sees what had ended before.
        begun.store(begun.load(Relaxed).wrapping_add(1), Release);
    }

    /// Ends some work, of this thread or another.
    #[inline]
    pub(crate) fn end(self) {
        let ended = self.at(ENDED);
        // Release: who sees the end sees the beginning.
        ended.store(ended.load(Relaxed).wrapping_add(1), Release);
    }

    pub(super) fn begun(self) -> u64 {
        self.at(BEGUN).load(Acquire)
    }

    pub(super) fn ended(self) -> u64 {
        self.at(ENDED).load(Acquire)
    }
}

/// The cells of observations: how many there were, two sums, and the buckets.
const COUNT: usize = 0;
const SUMS: usize = 1;
const FIRST_BUCKET: usize = 3;

/// The cells that observations in so many buckets take.
pub(crate) const fn observation_cells(buckets: usize) -> usize {
    FIRST_BUCKET + buckets
}

/// Does a run of so many cells hold observations? All other series take less.
pub(super) fn is_observed(run: u16) -> bool {
    usize::from(run) > FIRST_BUCKET
}

/// The sum that holds after so many observations.
#[inline]
fn sum_after(count: u64) -> usize {
    SUMS + usize::from(count % 2 == 1)
}

/// Of cells that all threads write.
impl Cells {
    pub(crate) fn load(self) -> u64 {
        self.at(VALUE).load(Acquire)
    }

    pub(crate) fn load_float(self) -> f64 {
        f64::from_bits(self.load())
    }

    #[inline]
    pub(crate) fn set_float(self, value: f64) {
        self.at(0).store(value.to_bits(), Release);
    }

    #[inline]
    pub(crate) fn shared_add_float(self, amount: f64) {
        let cell = self.at(0);
        let mut seen = cell.load(Relaxed);
        let sum = |seen| (f64::from_bits(seen) + amount).to_bits();
        while let Err(now) = cell.compare_exchange_weak(seen, sum(seen), AcqRel, Relaxed) {
            seen = now;
        }
    }

    /// Raises this flag and lowers all others, in one step.
    pub(crate) fn raise_only(self, flag: u32) {
        self.at(0).store(1 << flag, Release);
    }

    pub(crate) fn raise(self, flag: u32) {
        self.at(0).fetch_or(1 << flag, AcqRel);
    }

    pub(crate) fn lower(self, flag: u32) {
        self.at(0).fetch_and(!(1 << flag), AcqRel);
    }
}
