//! Operations on cells: of their one writer, or of all threads.

use super::cell_layout::{BEGUN, COUNT, ENDED, FIRST_BUCKET, IN_FLIGHT, VALUE, VERSION, sum_after};
use super::shard::page::{Cells, Page};
use crate::sync::shim::{AcqRel, Acquire, Relaxed, Release, SeqCst, fence, hint};

/// Cells of one thread. No other thread writes them, so plain loads and stores lose nothing.
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

    /// Counts a value in a bucket and adds it to the sum; [`observed`](Page::observed) sees both or neither.
    ///
    /// Of the two sums, the parity of the count tells the valid one. The other one is written first; the
    /// increment of the bucket then publishes the observation. A thread stopped in between has observed nothing.
    #[inline]
    pub(crate) fn observe(self, bucket: usize, value: f64) {
        // Redundant, as the buckets add up to it, but one cell.
        let count = self.at(COUNT);
        let before = count.load(Relaxed);
        let (old, new) = (sum_after(before), sum_after(before.wrapping_add(1)));
        let sum = f64::from_bits(self.at(old).load(Relaxed)) + value;
        // Release: a reader of the sum of a later count sees the bucket behind that count.
        self.at(new).store(sum.to_bits(), Release);
        self.increment(FIRST_BUCKET + bucket);
        count.store(before.wrapping_add(1), Relaxed);
    }

    /// Reads as [`Page::observed`] does.
    pub(super) fn observed(self, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
        self.page.observed(self.slot.cell(), counts, scratch)
    }

    /// Release: a reader of the new number sees all earlier writes.
    #[inline]
    fn increment(self, offset: usize) {
        let cell = self.at(offset);
        cell.store(cell.load(Relaxed).wrapping_add(1), Release);
    }
}

/// Cells of another thread or process.
impl Page {
    /// Adds the observations in the run of cells from `first` on to `counts`, one per bucket, and returns the sum
    /// of the same observations. The run ends in this page.
    ///
    /// Reads as a [seqlock] does, with the total of the buckets as its sequence number: waits for no writer, but reads
    /// again if there was an observation meanwhile. `scratch` saves allocations.
    ///
    /// [seqlock]: https://www.hpl.hp.com/techreports/2012/HPL-2012-68.pdf
    pub fn observed(&self, first: usize, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
        scratch.resize(counts.len(), 0);
        let cell = |offset: usize| self.cell(first + offset);
        loop {
            let mut before = 0_u64;
            for (bucket, seen) in scratch.iter_mut().enumerate() {
                *seen = cell(FIRST_BUCKET + bucket).load(Acquire);
                before = before.wrapping_add(*seen);
            }
            let sum = cell(sum_after(before)).load(Acquire);
            // No bucket decreases: if the total is the same, so is each of them.
            let buckets = (0..counts.len()).map(|bucket| cell(FIRST_BUCKET + bucket).load(Acquire));
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

/// The value of a relocated cell: a NaN beyond the results of arithmetic.
const RELOCATED: u64 = 0xfff9_6d6f_7665_6421;

/// Returns the bits of a value. All bits zero stand for an unset gauge, and the negative zero for zero.
#[inline]
fn bits_of(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits == 0 { negative_zero() } else { bits }
}

/// Out of line: a predicted branch in place of a conditional move on the path of each update.
#[cold]
#[inline(never)]
fn negative_zero() -> u64 {
    (-0.0_f64).to_bits()
}

#[inline]
fn value_of(bits: u64) -> f64 {
    // Makes a negative zero positive.
    f64::from_bits(bits) + 0.0
}

/// Cells of a gauge, shared by all threads. Updates return false once the cells were relocated; the caller then tries
/// again with the new ones.
impl Cells {
    /// Returns whether there is, or was, work in progress.
    pub(crate) fn has_in_flight(self) -> bool {
        self.at(IN_FLIGHT).load(Acquire) != 0
    }

    /// Records work in progress.
    #[must_use]
    pub(crate) fn set_in_flight(self) -> bool {
        self.at(IN_FLIGHT).store(1, Release);
        // Either this thread sees the relocation, or the relocation sees the flag.
        fence(SeqCst);
        self.value().is_some()
    }

    /// Returns the value; `None` once it was relocated.
    pub(crate) fn value(self) -> Option<f64> {
        self.flags().map(value_of)
    }

    /// Returns whether the gauge was ever set, added to, or had work in progress.
    pub(crate) fn is_set(self) -> bool {
        self.at(VALUE).load(Acquire) != 0 || self.has_in_flight()
    }

    /// Returns the version, changed by each `set`.
    pub(crate) fn version(self) -> u64 {
        self.at(VERSION).load(Acquire)
    }

    /// Sets the value, and its version to `at`, or to the next one.
    #[inline]
    #[must_use]
    pub(crate) fn set(self, value: f64, at: Option<u64>) -> bool {
        let version = self.at(VERSION);
        if version.load(Relaxed) == 0 {
            // Before the value, for a relocation in between.
            version.store(at.unwrap_or(1), Relaxed);
        }
        // A plain store could overwrite `RELOCATED`, and then hide later values in the new cells.
        if !self.update_value(|_| bits_of(value)) {
            return false;
        }
        // After the value: a reader of the version sees this value or a later one. Two concurrent calls may
        // count as one version, but never as none.
        version.store(at.unwrap_or_else(|| version.load(Relaxed).wrapping_add(1)), Release);
        true
    }

    /// Sets the version alone.
    pub(crate) fn set_version(self, at: u64) {
        self.at(VERSION).store(at, Release);
    }

    /// Adds to the value.
    #[inline]
    #[must_use]
    pub(crate) fn add_to_value(self, amount: f64) -> bool {
        self.update_value(|bits| bits_of(f64::from_bits(bits) + amount))
    }

    /// Relocates a gauge, or flags, to other cells, perhaps in use by other processes already.
    pub(super) fn relocate_to(self, other: Self, is_gauge: bool) {
        let bits = self.at(VALUE).swap(RELOCATED, AcqRel);
        // Pairs with `set_in_flight`.
        fence(SeqCst);
        if is_gauge && self.has_in_flight() {
            let _ = other.set_in_flight();
        }
        let version = if is_gauge { self.version() } else { 0 };
        if bits == 0 {
            return;
        }
        if is_gauge && version == 0 {
            let _ = other.add_to_value(value_of(bits));
            return;
        }
        // This process has set it last.
        other.at(VALUE).store(bits, Release);
        if is_gauge {
            other.set_version(version);
        }
    }

    #[inline]
    fn update_value(self, update: impl Fn(u64) -> u64) -> bool {
        let cell = self.at(VALUE);
        let mut seen = cell.load(Relaxed);
        while seen != RELOCATED {
            match cell.compare_exchange_weak(seen, update(seen), AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }
}

/// Cells of one thread for the work in progress of a gauge. Work begun by one thread may be ended by another.
impl Cells {
    /// Returns whether a thread with this shard has ever begun work.
    #[inline]
    pub(crate) fn has_begun_work(self) -> bool {
        self.at(BEGUN).load(Relaxed) != 0
    }

    /// Begins work, after [`set_in_flight`](Self::set_in_flight).
    #[inline]
    pub(crate) fn begin_work(self) {
        self.increment(BEGUN);
    }

    /// Ends work.
    #[inline]
    pub(crate) fn end_work(self) {
        self.increment(ENDED);
    }

    pub(super) fn begun(self) -> u64 {
        self.at(BEGUN).load(Acquire)
    }

    pub(super) fn ended(self) -> u64 {
        self.at(ENDED).load(Acquire)
    }
}

/// Flags of a state set, shared by all threads. As for a gauge, updates return false once they were relocated.
impl Cells {
    /// Returns the flags; `None` once they were relocated.
    pub(crate) fn flags(self) -> Option<u64> {
        Some(self.at(VALUE).load(Acquire)).filter(|flags| *flags != RELOCATED)
    }

    /// Sets this flag and clears all others, in one step.
    pub(crate) fn set_only(self, flag: u32) -> bool {
        self.update_value(|_| 1 << flag)
    }

    pub(crate) fn set_flag(self, flag: u32) -> bool {
        self.update_value(|flags| flags | 1 << flag)
    }

    pub(crate) fn clear_flag(self, flag: u32) -> bool {
        self.update_value(|flags| flags & !(1 << flag))
    }
}
