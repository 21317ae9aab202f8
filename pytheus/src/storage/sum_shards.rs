//! Adds up the counts of all threads.

use std::ops::Deref;

use super::exact_sum::ExactSum;
use super::series::Series;
use super::shard::migration::{self, MigrationLock};
use super::shard::page::{Cells, Slot};
use super::shard::{Shard, thread};
use crate::sync::shim::{Relaxed, hint};

/// Returns the cells of a slot in all shards.
fn all_shards(slot: Slot) -> impl Iterator<Item = Cells> {
    thread::all().filter_map(move |shard| shard.cells(slot))
}

/// Returns the sum of whole numbers over all threads; wraps at 2^64.
pub(crate) fn sum(slot: Slot) -> u64 {
    let _lock = migration::block();
    all_shards(slot).fold(0, |sum, cells| sum.wrapping_add(cells.at(0).load(Relaxed)))
}

/// Returns the sum of floats over all threads.
pub(crate) fn sum_floats(slot: Slot) -> f64 {
    let _lock = migration::block();
    floats(slot)
}

fn floats(slot: Slot) -> f64 {
    let mut sum = ExactSum::ZERO;
    all_shards(slot).for_each(|cells| sum += f64::from_bits(cells.at(0).load(Relaxed)));
    sum.value()
}

/// Returns how much work of a gauge is in progress, never less than there is.
pub(crate) fn in_progress(slot: Slot) -> u64 {
    let _lock = migration::block();
    let (begun, ended) = begun_and_ended(slot);
    begun.wrapping_sub(ended)
}

/// Returns how much work of a gauge was in progress at one moment of this call: two identical reads form a consistent
/// snapshot, as neither count decreases in any thread.
pub(crate) fn in_progress_snapshot(slot: Slot) -> u64 {
    const MAX_TRIES: usize = 100;
    let _lock = migration::block();
    let mut before = begun_and_ended(slot);
    let mut least = u64::MAX;
    for _ in 0..MAX_TRIES {
        let (begun, ended) = begun_and_ended(slot);
        least = least.min(begun.wrapping_sub(ended));
        if (begun, ended) == before {
            return begun.wrapping_sub(ended);
        }
        before = (begun, ended);
        hint::spin_loop();
    }
    // Each read was too high by the work begun during it, and the lowest of them by little.
    least
}

/// Returns the work begun, and the work ended before; both wrap at 2^64.
fn begun_and_ended(slot: Slot) -> (u64, u64) {
    // In this order: the end of some work, on any thread, is never read without its beginning.
    let ended = all_shards(slot).fold(0, |sum: u64, cells| sum.wrapping_add(cells.ended()));
    let begun = all_shards(slot).fold(0, |sum: u64, cells| sum.wrapping_add(cells.begun()));
    (begun, ended)
}

/// Prefetches the record of a series.
#[inline]
pub(crate) fn prefetch_series(series: &Series) {
    prefetch(series.slot_ref());
}

/// Prefetches two cache lines.
#[inline]
fn prefetch<T>(start: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let start = std::ptr::from_ref(start).cast::<i8>();
        // SAFETY: a hint, without a read, whatever the address.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start);
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(64));
        }
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = start;
}

/// Sorted series, and their slots in an array of their own, so that a scrape reads counts without touching each record.
#[derive(Debug, Default)]
pub(crate) struct SortedSeries {
    series: Vec<Series>,
    slots: Vec<Slot>,
}

impl From<Vec<Series>> for SortedSeries {
    fn from(series: Vec<Series>) -> Self {
        let slots = series.iter().map(Series::slot).collect();
        Self { series, slots }
    }
}

impl Deref for SortedSeries {
    type Target = [Series];

    #[inline]
    fn deref(&self) -> &[Series] {
        &self.series
    }
}

impl SortedSeries {
    /// Returns the slot of each series.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Returns the shards with counts of some of the series, perhaps.
    pub(crate) fn counting_shards(&self) -> CountingShards {
        // By page, whatever the other bits are.
        let first = self.slots.iter().min_by_key(|slot| slot.page());
        let ends = first.zip(self.slots.iter().max_by_key(|slot| slot.page()));
        let has_counted = |shard: &&Shard| ends.is_some_and(|(first, last)| shard.has_any(*first, *last));
        let lock = migration::block();
        CountingShards { shards: thread::all().filter(has_counted).collect(), _lock: lock }
    }

    /// Calls `show` with the sum of whole numbers of each series and, if there may be some, the sum of its fractions.
    pub(crate) fn sums(&self, with_fractions: bool, mut show: impl FnMut(u64, f64)) {
        // In batches, shard by shard: neighbouring series share cache lines, and each page is read in one go.
        let mut sums = [0_u64; 128];
        let CountingShards { shards, _lock } = self.counting_shards();
        for (series, slots) in self.series.chunks(sums.len()).zip(self.slots.chunks(sums.len())) {
            let sums = &mut sums[..slots.len()];
            sums.fill(0);
            for shard in &shards {
                for (slot, sum) in slots.iter().zip(&mut *sums) {
                    if let Some(cells) = shard.cells(*slot) {
                        *sum = sum.wrapping_add(cells.at(0).load(Relaxed));
                    }
                }
            }
            for (series, sum) in series.iter().zip(sums) {
                let fractions = if with_fractions { series.extra() } else { Slot::NONE };
                // Read later than the whole number, without harm, as neither decreases.
                show(*sum, if fractions == Slot::NONE { 0.0 } else { floats(fractions) });
            }
        }
    }
}

/// The shards with counts of some series, without the shards of threads that begin to count later.
pub(crate) struct CountingShards {
    shards: Vec<&'static Shard>,
    _lock: MigrationLock,
}

impl CountingShards {
    /// Reads as [`observed`] does, in these shards.
    pub(crate) fn observed(&self, slot: Slot, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
        observed_in(self.shards.iter().filter_map(|shard| shard.cells(slot)), counts, scratch)
    }

    /// Prefetches the observations of a series.
    #[inline]
    pub(crate) fn prefetch(&self, slot: Slot) {
        self.shards.iter().filter_map(|shard| shard.cells(slot)).for_each(|cells| prefetch(cells.at(0)));
    }
}

/// Adds the observations of all threads to `counts`, one per bucket, and returns the sum of the same observations.
pub(crate) fn observed(slot: Slot, counts: &mut [u64]) -> f64 {
    let _lock = migration::block();
    observed_in(all_shards(slot), counts, &mut Vec::new())
}

fn observed_in(cells: impl Iterator<Item = Cells>, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
    let mut sum = ExactSum::ZERO;
    cells.for_each(|cells| sum += cells.observed(counts, scratch));
    sum.value()
}
