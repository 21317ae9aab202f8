//! The meaning of the cells of a series, by their offset from the first.

/// The shared cells of a gauge: its value; whether work in progress is counted beside it; and a version, changed by
/// each `set` of the value.
pub(super) const VALUE: usize = 0;
pub(super) const IN_FLIGHT: usize = 1;
pub(super) const VERSION: usize = 2;

/// The number of these.
pub(crate) const GAUGE_CELLS: usize = 3;

/// The extra cells of a gauge, of each thread: how much work the thread has begun, and how much it has ended.
pub(super) const BEGUN: usize = 0;
pub(super) const ENDED: usize = 1;

/// Returns the extra cells for a series of this length: fractions of a counter, work in progress of a gauge.
pub(super) fn extra_cells(run: u16) -> u16 {
    if usize::from(run) == GAUGE_CELLS { 2 } else { 1 }
}

/// The cells of observations: their count, two sums, and the buckets.
pub(super) const COUNT: usize = 0;
const SUMS: usize = 1;
pub(super) const FIRST_BUCKET: usize = 3;

/// Returns the number of cells for observations in this many buckets.
pub(crate) const fn observation_cells(buckets: usize) -> usize {
    FIRST_BUCKET + buckets
}

/// Returns whether a run of this length holds observations. All other runs are shorter.
pub(super) fn is_observed(run: u16) -> bool {
    usize::from(run) > FIRST_BUCKET
}

/// Returns the cell of the valid sum after this many observations.
#[inline]
pub(super) fn sum_after(count: u64) -> usize {
    SUMS + usize::from(count % 2 == 1)
}
