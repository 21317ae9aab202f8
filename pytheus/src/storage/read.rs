//! What all threads have counted, together.

use std::ops::Deref;

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

/// Lets the processor look for the record of a series, which is read soon.
#[inline]
pub(crate) fn look_ahead(series: &Series) {
    expect(series.place());
}

/// Lets the processor look for what all threads have observed in a series, which is read soon.
#[inline]
pub(crate) fn look_ahead_observed(slot: Slot) {
    everywhere(slot).for_each(|cells| expect(cells.at(0)));
}

/// Lets the processor look for what begins here: two lines of its caches.
#[inline]
fn expect<T>(start: &T) {
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
pub(crate) struct Sorted {
    series: Vec<Series>,
    slots: Vec<Slot>,
}

impl From<Vec<Series>> for Sorted {
    fn from(series: Vec<Series>) -> Self {
        let slots = series.iter().map(Series::slot).collect();
        Self { series, slots }
    }
}

impl Deref for Sorted {
    type Target = [Series];

    #[inline]
    fn deref(&self) -> &[Series] {
        &self.series
    }
}

impl Sorted {
    /// The slot of each series.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Shows each sum of whole numbers over all threads, and the slot of the fractions beside it, if there are some.
    pub(crate) fn sums(&self, mut show: impl FnMut(u64, Slot)) {
        // A few at a time: what was read of a series for one thread is at hand for the next.
        let mut sums = [0_u64; 128];
        let with_fractions = thread::has_extras();
        for (series, slots) in self.series.chunks(sums.len()).zip(self.slots.chunks(sums.len())) {
            let sums = &mut sums[..slots.len()];
            sums.fill(0);
            // One thread after the other, so that its pages are read one after the other.
            for shard in thread::all() {
                for (slot, sum) in slots.iter().zip(&mut *sums) {
                    if let Some(cells) = shard.cells(*slot) {
                        *sum = sum.wrapping_add(cells.at(0).load(Relaxed));
                    }
                }
            }
            for (series, sum) in series.iter().zip(sums) {
                show(*sum, if with_fractions { series.extra() } else { Slot::NONE });
            }
        }
    }
}

/// Adds what all threads have observed to `counts`, one per bucket, and gives the sum of the same observations.
pub(crate) fn observed(slot: Slot, counts: &mut [u64], scratch: &mut Vec<u64>) -> f64 {
    scratch.resize(counts.len(), 0);
    everywhere(slot).fold(0.0, |sum, cells| sum + cells.observed(counts, scratch))
}
