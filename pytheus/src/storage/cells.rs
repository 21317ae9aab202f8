//! What is done to cells: by the one thread that writes them, or by all.

use super::cell_layout::{BEGUN, COUNT, ENDED, FIRST_BUCKET, IN_FLIGHT, VALUE, VERSION, sum_after};
use super::shard::page::{Cells, Page};
use crate::sync::shim::{AcqRel, Acquire, Relaxed, Release, SeqCst, fence, hint};

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

/// What stands in place of a value, or of flags, that has gone to another slot: a NaN that nobody sets.
const RELOCATED: u64 = 0xfff9_6d6f_7665_6421;

/// The bits of a value. All zero are those of one that was never set, so zero itself has a sign.
#[inline]
fn bits_of(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits == 0 { signed_zero() } else { bits }
}

/// Out of line, so that the processor guesses that it is not needed, and nobody waits for a choice.
#[cold]
#[inline(never)]
fn signed_zero() -> u64 {
    (-0.0_f64).to_bits()
}

#[inline]
fn value_of(bits: u64) -> f64 {
    // Takes the sign of zero away.
    f64::from_bits(bits) + 0.0
}

/// Of a gauge.
impl Cells {
    /// Has this been [marked](Self::set_in_flight)?
    pub(crate) fn has_in_flight(self) -> bool {
        self.at(IN_FLIGHT).load(Acquire) != 0
    }

    /// Takes note that there is, or was, work in progress; false when the value has gone to another slot.
    #[must_use]
    pub(crate) fn set_in_flight(self) -> bool {
        self.at(IN_FLIGHT).store(1, Release);
        // Either this sees that the value has gone, or what lets it go sees the note.
        fence(SeqCst);
        self.value().is_some()
    }

    /// The value, as others may have added to it; `None` when it has gone to another slot.
    pub(crate) fn value(self) -> Option<f64> {
        match self.at(VALUE).load(Acquire) {
            RELOCATED => None,
            bits => Some(value_of(bits)),
        }
    }

    /// Whether the value was ever set or added to, or there ever was work in progress.
    pub(crate) fn is_set(self) -> bool {
        self.at(VALUE).load(Acquire) != 0 || self.has_in_flight()
    }

    /// Changes whenever the value is set.
    pub(crate) fn version(self) -> u64 {
        self.at(VERSION).load(Acquire)
    }

    /// Sets the value, and the mark to `at`; to another one than before when there is none. False when the value has gone
    /// to another slot.
    #[inline]
    #[must_use]
    pub(crate) fn set(self, value: f64, at: Option<u64>) -> bool {
        let mark = self.at(VERSION);
        if mark.load(Relaxed) == 0 {
            // Before the value, too: who lets that go sees that it was set.
            mark.store(at.unwrap_or(1), Relaxed);
        }
        // No plain store, which would go over what stands for a value that has gone: what the same thread sets later
        // elsewhere is to win.
        if !self.change(|_| bits_of(value)) {
            return false;
        }
        // Later than the value: who sees the mark sees that or a later one. Of two at a time one may be missed, but not
        // that there was one.
        mark.store(at.unwrap_or_else(|| mark.load(Relaxed).wrapping_add(1)), Release);
        true
    }

    /// Sets the mark alone.
    pub(crate) fn set_version(self, at: u64) {
        self.at(VERSION).store(at, Release);
    }

    /// Adds to the value; false when it has gone to another slot.
    #[inline]
    #[must_use]
    pub(crate) fn add_to_value(self, amount: f64) -> bool {
        // A zero with a sign adds as one without.
        self.change(|bits| bits_of(f64::from_bits(bits) + amount))
    }

    /// Lets the value, or the flags, go to other cells, which other processes may write already; those of a gauge if
    /// `is_gauge`.
    pub(super) fn relocate_to(self, other: Self, is_gauge: bool) {
        let value = self.at(VALUE).swap(RELOCATED, AcqRel);
        // See `set_in_flight`.
        fence(SeqCst);
        if is_gauge && self.has_in_flight() {
            let _ = other.set_in_flight();
        }
        let mark = if is_gauge { self.version() } else { 0 };
        match value {
            0 => {}
            // Set by this process, which is the last to do so.
            bits if !is_gauge || mark != 0 => {
                other.at(VALUE).store(bits, Release);
                if is_gauge {
                    other.set_version(mark);
                }
            }
            bits => {
                let _ = other.add_to_value(value_of(bits));
            }
        }
    }
}

/// Of the work in progress of a gauge.
impl Cells {
    /// Has this thread, or one that had its shard before, begun any work?
    #[inline]
    pub(crate) fn has_begun_work(self) -> bool {
        self.at(BEGUN).load(Relaxed) != 0
    }

    /// Begins some work, which was [marked](Self::set_in_flight).
    #[inline]
    pub(crate) fn begin_work(self) {
        let begun = self.at(BEGUN);
        // Release: who sees this beginning sees what had ended before.
        begun.store(begun.load(Relaxed).wrapping_add(1), Release);
    }

    /// Ends some work, of this thread or another.
    #[inline]
    pub(crate) fn end_work(self) {
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

/// Of flags, which all threads write. Those that change them say false when they have gone to another slot.
impl Cells {
    /// The flags; `None` when they have gone to another slot.
    pub(crate) fn flags(self) -> Option<u64> {
        Some(self.at(VALUE).load(Acquire)).filter(|flags| *flags != RELOCATED)
    }

    /// Raises this flag and lowers all others, in one step.
    pub(crate) fn set_only(self, flag: u32) -> bool {
        self.change(|_| 1 << flag)
    }

    pub(crate) fn set_flag(self, flag: u32) -> bool {
        self.change(|flags| flags | 1 << flag)
    }

    pub(crate) fn clear_flag(self, flag: u32) -> bool {
        self.change(|flags| flags & !(1 << flag))
    }

    #[inline]
    fn change(self, change: impl Fn(u64) -> u64) -> bool {
        let cell = self.at(VALUE);
        let mut seen = cell.load(Relaxed);
        while seen != RELOCATED {
            match cell.compare_exchange_weak(seen, change(seen), AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }
}
