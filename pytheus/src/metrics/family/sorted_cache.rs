//! The series of a family in the order of exposition, cached between scrapes.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::storage::{Series, SortedSeries};
use crate::sync::{lock, try_lock};

/// The sorted series, and the additions since the last scrape.
///
/// A scrape sorts and merges the additions without the lock, and no growing vector is copied under it. So a thread that adds
/// or removes series waits for neither.
pub(crate) struct SortedCache {
    known: Mutex<Known>,
    /// Serializes scrapes.
    sorting: Mutex<()>,
    /// Whether some series has fractions, in its extra cells.
    fractions: AtomicBool,
}

struct Known {
    sorted: Arc<SortedSeries>,
    added: Added,
    /// The number of removed series in both.
    removed: usize,
    /// Whether a series without cells has got some since.
    settled: bool,
}

/// Series in chunks: one vector would be copied as it grows.
#[derive(Default)]
struct Added(Vec<Vec<Series>>);

/// The number of series in a chunk.
const PIECE: usize = 1024;

impl Added {
    fn push(&mut self, series: Series) {
        match self.0.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(series),
            _ => self.0.push(vec![series]),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns all but the removed ones.
    fn live(self) -> Vec<Series> {
        self.0.into_iter().flatten().filter(|series| !series.is_removed()).collect()
    }
}

impl SortedCache {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::new(Known { sorted: Arc::default(), added: Added::default(), removed: 0, settled: false }),
            sorting: Mutex::new(()),
            fractions: AtomicBool::new(false),
        }
    }

    /// Records a series about to have fractions.
    pub(crate) fn expect_fractions(&self) {
        self.fractions.store(true, Relaxed);
    }

    /// Returns whether some series has fractions.
    pub(crate) fn has_fractions(&self) -> bool {
        self.fractions.load(Relaxed)
    }

    pub(crate) fn added(&self, series: Series) {
        lock(&self.known).added.push(series);
    }

    /// Records that a series without cells has got some, so that the cached slots are read again.
    pub(crate) fn settled(&self) {
        lock(&self.known).settled = true;
    }

    /// Records removals; returns true when the removed series are more than the rest, and should be [forgotten](Self::forget)
    /// without waiting for a scrape.
    #[must_use]
    pub(crate) fn removed(&self, count: usize, left: usize) -> bool {
        let mut known = lock(&self.known);
        known.removed += count;
        known.removed > left + 64
    }

    /// Drops removed series from the cache, without the lock of threads that add series. A concurrent scrape does the same,
    /// and is left alone.
    pub(crate) fn forget(&self) {
        let Some(_one) = try_lock(&self.sorting) else { return };
        let (sorted, added) = {
            let mut known = lock(&self.known);
            // Not 0: the next scrape looks for series removed in the meantime.
            known.removed = 1;
            (Arc::clone(&known.sorted), std::mem::take(&mut known.added))
        };
        let live: Vec<_> = sorted.iter().filter(|series| !series.is_removed()).cloned().collect();
        let (live, mut rest) = (Arc::new(live.into()), Added::default());
        added.live().into_iter().for_each(|series| rest.push(series));
        let before = {
            let mut known = lock(&self.known);
            let later = std::mem::replace(&mut known.added, rest);
            known.added.extend(later);
            std::mem::replace(&mut known.sorted, live)
        };
        // The last references to many series are dropped without the lock.
        drop((before, sorted));
    }

    /// Returns all series in order.
    pub(crate) fn sorted(&self, compare: impl Fn(&Series, &Series) -> Ordering) -> Arc<SortedSeries> {
        let _one = lock(&self.sorting);
        let (sorted, added) = {
            let mut known = lock(&self.known);
            if known.added.is_empty() && known.removed == 0 && !known.settled {
                return Arc::clone(&known.sorted);
            }
            (known.removed, known.settled) = (0, false);
            (Arc::clone(&known.sorted), std::mem::take(&mut known.added))
        };
        let mut added = added.live();
        added.sort_unstable_by(&compare);
        let merged = Arc::new(merge(&sorted, added, compare).into());
        let before = std::mem::replace(&mut lock(&self.known).sorted, Arc::clone(&merged));
        drop((before, sorted));
        merged
    }
}

/// Merges both, without the removed ones.
fn merge(sorted: &[Series], added: Vec<Series>, compare: impl Fn(&Series, &Series) -> Ordering) -> Vec<Series> {
    let mut merged = Vec::with_capacity(sorted.len() + added.len());
    let mut added = added.into_iter().peekable();
    for series in sorted.iter().filter(|series| !series.is_removed()) {
        while let Some(new) = added.next_if(|new| compare(new, series).is_lt()) {
            merged.push(new);
        }
        merged.push(series.clone());
    }
    merged.extend(added);
    merged
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::cell::Cell;
    use std::sync::Arc;

    use crate::metrics::Counter;
    use crate::metrics::family::FamilyCore;

    #[test]
    fn what_is_removed_while_it_is_sorted_does_not_stay() {
        let family = Counter::builder("sorted", "S.")
            .label_names(["n"])
            .unregistered()
            .build()
            .expect("the description is right");
        let make = |n: usize| family.labels([("n", format!("{n:03}"))]).expect("the label is right");
        for n in 0..200 {
            make(n);
        }
        let core = (family.collector() as Arc<dyn Any + Send + Sync>).downcast::<FamilyCore>().expect("a family");
        assert_eq!(core.sorted().len(), 200);
        make(999);
        let compared = Cell::new(0);
        core.sorted_cache.sorted(|a, b| {
            compared.set(compared.get() + 1);
            if compared.get() == 200 {
                // Enough removals for an immediate clean-up.
                family.clear();
            }
            core.labels(a).compare(&core.labels(b))
        });
        assert_eq!(core.sorted().len(), 0);
    }
}
