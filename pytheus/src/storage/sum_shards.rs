//! What all threads have counted, together.

use std::ops::Deref;

use super::exact_sum::ExactSum;
use super::series::Series;
use super::shard::migration::{self, MigrationLock};
use super::shard::page::{Cells, Slot};
use super::shard::{Shard, thread};
use crate::sync::shim::{Relaxed, hint};

/// The cells of this part in all shards that have them.
fn all_shards(slot: Slot) -> impl Iterator<Item = Cells> {
    thread::all().filter_map(move |shard| shard.cells(slot))
}

/// The sum of whole numbers over all threads; wraps at 2^64.
pub(crate) fn sum(slot: Slot) -> u64 {
    let _lock = migration::block();
    all_shards(slot).fold(0, |sum, cells| sum.wrapping_add(cells.at(0).load(Relaxed)))
}

/// The sum of floats over all threads.
pub(crate) fn sum_floats(slot: Slot) -> f64 {
    let _lock = migration::block();
    floats(slot)
}

fn floats(slot: Slot) -> f64 {
    let mut sum = ExactSum::ZERO;
    all_shards(slot).for_each(|cells| sum += f64::from_bits(cells.at(0).load(Relaxed)));
    sum.value()
}

/// How much work of a gauge is in progress: never less than there is.
pub(crate) fn in_progress(slot: Slot) -> u64 {
    let _lock = migration::block();
    let (begun, ended) = begun_and_ended(slot);
    begun.wrapping_sub(ended)
}

/// How much work of a gauge is in progress, at one moment of this call.
pub(crate) fn in_progress_snapshot(slot: Slot) -> u64 {
    const ROUNDS: usize = 100;
    let _lock = migration::block();
    let mut before = begun_and_ended(slot);
    let mut least = u64::MAX;
    for _ in 0..ROUNDS {
        let (begun, ended) = begun_and_ended(slot);
        least = least.min(begun.wrapping_sub(ended));
        // Neither ever goes down in any thread: nothing began or ended between the two looks.
        if (begun, ended) == before {
            return begun.wrapping_sub(ended);
        }
        before = (begun, ended);
        hint::spin_loop();
    }
    // Work begins all the time: each look was too much by what began during it, the least of them by little.
    least
}

/// The work that was begun, and that which was ended before; both wrap at 2^64.
fn begun_and_ended(slot: Slot) -> (u64, u64) {
    // In this order: of what has ended, the beginning is seen, too, in whichever thread it was.
    let ended = all_shards(slot).fold(0, |sum: u64, cells| sum.wrapping_add(cells.ended()));
    let begun = all_shards(slot).fold(0, |sum: u64, cells| sum.wrapping_add(cells.begun()));
    (begun, ended)
}

/// Lets the processor look for the record of a series, which is read soon.
#[inline]
pub(crate) fn prefetch_series(series: &Series) {
    prefetch(series.slot_ref());
}

/// Lets the processor look for what begins here: two lines of its caches.
#[inline]
fn prefetch<T>(start: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let start = std::ptr::from_ref(start).cast::<i8>();
        // SAFETY: nothing is read, wherever the addresses lead.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start);
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(64));
        }
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = start;
}

/// Series in order, and their slots side by side: what they count is read without a look at each of them.
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
    /// The slot of each series.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The threads that may have counted in one of the series.
    pub(crate) fn counting_shards(&self) -> CountingShards {
        // By page, whatever is in the other bits.
        let ends =
            self.slots.iter().min_by_key(|slot| slot.page()).zip(self.slots.iter().max_by_key(|slot| slot.page()));
        let counted = |shard: &&Shard| ends.is_some_and(|(first, last)| shard.has_any(*first, *last));
        let lock = migration::block();
        CountingShards { shards: thread::all().filter(counted).collect(), _lock: lock }
    }

    /// Shows each sum of whole numbers over all threads, and that of the fractions beside it, if there may be some.
    pub(crate) fn sums(&self, with_fractions: bool, mut show: impl FnMut(u64, f64)) {
        // A few at a time: what was read of a series for one thread is at hand for the next.
        let mut sums = [0_u64; 128];
        let CountingShards { shards, _lock } = self.counting_shards();
        for (series, slots) in self.series.chunks(sums.len()).zip(self.slots.chunks(sums.len())) {
            let sums = &mut sums[..slots.len()];
            sums.fill(0);
            // One thread after the other, so that its pages are read one after the other.
            for shard in &shards {
                for (slot, sum) in slots.iter().zip(&mut *sums) {
                    if let Some(cells) = shard.cells(*slot) {
                        *sum = sum.wrapping_add(cells.at(0).load(Relaxed));
                    }
                }
            }
            for (series, sum) in series.iter().zip(sums) {
                let fractions = if with_fractions { series.extra() } else { Slot::NONE };
                // Beside the whole number that was read before: neither ever goes down.
                show(*sum, if fractions == Slot::NONE { 0.0 } else { floats(fractions) });
            }
        }
    }
}

/// The threads that may have counted in some series. Those that begin to count there later are not among them.
pub(crate) struct CountingShards {
    shards: Vec<&'static Shard>,
    _lock: MigrationLock,
}

impl CountingShards {
    /// As [`observed`], of these threads.
    pub(crate) fn observed(&self, slot: Slot, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
        observed_in(self.shards.iter().filter_map(|shard| shard.cells(slot)), counts, scratch)
    }

    /// Lets the processor look for what these threads have observed in a series, which is read soon.
    #[inline]
    pub(crate) fn prefetch(&self, slot: Slot) {
        self.shards.iter().filter_map(|shard| shard.cells(slot)).for_each(|cells| prefetch(cells.at(0)));
    }
}

/// Adds what all threads have observed to `counts`, one per bucket, and gives the sum of the same observations.
pub(crate) fn observed(slot: Slot, counts: &mut [u64]) -> f64 {
    let _lock = migration::block();
    observed_in(all_shards(slot), counts, &mut Vec::new())
}

fn observed_in(cells: impl Iterator<Item = Cells>, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
    let mut sum = ExactSum::ZERO;
    cells.for_each(|cells| sum += cells.observed(counts, scratch));
    sum.value()
}
