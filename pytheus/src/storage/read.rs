//! What all threads have counted, together.

use super::page::{Cells, Slot};
use super::series::Series;
use super::sync::Relaxed;
use super::thread;

/// The cells of this part in all shards that have them.
fn everywhere(slot: Slot) -> impl Iterator<Item = Cells> {
    thread::all().filter_map(move |shard| shard.cells(slot))
}

/// The sum of whole numbers over all threads; wraps at 2^64.
pub(crate) fn sum(slot: Slot) -> u64 {
    everywhere(slot).fold(0, |sum, cells| sum.wrapping_add(cells.at(0).load(Relaxed)))
}

/// The sum of floats over all threads.
pub(crate) fn sum_floats(slot: Slot) -> f64 {
    everywhere(slot).fold(0.0, |sum, cells| sum + f64::from_bits(cells.at(0).load(Relaxed)))
}

/// Adds what all threads have counted in each series to `sums`, one per series.
///
/// One thread after the other, so that its pages are read one after the other.
pub(crate) fn sums(series: &[Series], sums: &mut [u64]) {
    for shard in thread::all() {
        for (series, sum) in series.iter().zip(&mut *sums) {
            if let Some(cells) = shard.cells(series.place().slot().original()) {
                *sum = sum.wrapping_add(cells.at(0).load(Relaxed));
            }
        }
    }
}

/// Adds what all threads have observed to `counts`, one per bucket, and gives the sum of the same observations.
pub(crate) fn observed(slot: Slot, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
    scratch.resize(counts.len(), 0);
    everywhere(slot).fold(0.0, |sum, cells| sum + cells.observed(counts, scratch))
}
