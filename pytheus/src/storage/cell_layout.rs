//! Which cells a series has, and what each holds.

/// The cells of a gauge that all threads write: its value; whether work in progress is counted beside it; and a mark that
/// changes whenever the value is set.
pub(super) const VALUE: usize = 0;
pub(super) const IN_FLIGHT: usize = 1;
pub(super) const VERSION: usize = 2;

/// The cells that a gauge takes, of those that all threads write.
pub(crate) const GAUGE_CELLS: usize = 3;

/// The cells of each thread: what work of a gauge it has begun, and what it has ended, wherever that began.
pub(super) const BEGUN: usize = 0;
pub(super) const ENDED: usize = 1;

/// How many of these there are.
pub(super) const PROGRESS_CELLS: u16 = 2;

/// The cells that a series of so many may need besides: a counter for fractions, a gauge for work in progress.
pub(super) fn extra_cells(run: u16) -> u16 {
    if usize::from(run) == GAUGE_CELLS { PROGRESS_CELLS } else { 1 }
}

/// The cells of observations: how many there were, two sums, and the buckets.
pub(super) const COUNT: usize = 0;
pub(super) const SUMS: usize = 1;
pub(super) const FIRST_BUCKET: usize = 3;

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
pub(super) fn sum_after(count: u64) -> usize {
    SUMS + usize::from(count % 2 == 1)
}
