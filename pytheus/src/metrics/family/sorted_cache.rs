//! The order in which the series of a family are exposed, kept from one scrape to the next.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::storage::{Series, SortedSeries};
use crate::sync::{lock, try_lock};

/// The series in order, and what came in since they were sorted.
///
/// A thread that adds or removes series waits neither for a scrape, which sorts what is new without the lock, and merges, nor
/// for the allocator to copy what came in.
pub(crate) struct SortedCache {
    known: Mutex<Known>,
    /// One scrape at a time.
    sorting: Mutex<()>,
    /// Whether a series may have fractions, which are looked for in the series itself.
    fractions: AtomicBool,
}

struct Known {
    sorted: Arc<SortedSeries>,
    added: Added,
    /// How many of both were removed.
    removed: usize,
    /// Has one of both found its cells since?
    settled: bool,
}

/// Series, in pieces: one list of all would be copied as it grows.
#[derive(Default)]
struct Added(Vec<Vec<Series>>);

/// Series in a piece.
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

    /// All of them that were not removed.
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

    /// Takes note that a series is about to have fractions.
    pub(crate) fn expect_fractions(&self) {
        self.fractions.store(true, Relaxed);
    }

    /// May a series have fractions?
    pub(crate) fn has_fractions(&self) -> bool {
        self.fractions.load(Relaxed)
    }

    pub(crate) fn added(&self, series: Series) {
        lock(&self.known).added.push(series);
    }

    /// Takes note that a series has cells which had none, once it leads there: what was known of it is put right.
    pub(crate) fn settled(&self) {
        lock(&self.known).settled = true;
    }

    /// Takes note that so many series were removed, and so many are left; true when it is time to [forget](Self::forget)
    /// them, where nobody scrapes.
    #[must_use]
    pub(crate) fn removed(&self, count: usize, left: usize) -> bool {
        let mut known = lock(&self.known);
        known.removed += count;
        known.removed > left + 64
    }

    /// Drops what is known of series that were removed. Without the lock that keeps who adds series waiting; not while a
    /// scrape sorts, which does the same.
    pub(crate) fn forget(&self) {
        let Some(_one) = try_lock(&self.sorting) else { return };
        let (sorted, added) = {
            let mut known = lock(&self.known);
            // Not 0: a scrape is to look for those that are removed just now.
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
        // The last reference to many series, which is dropped without the lock.
        drop((before, sorted));
    }

    /// All series in order.
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

/// Both in one, without those that were removed.
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
    use std::cell::Cell;

    use crate::metrics::Counter;

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
        let core = family.core();
        assert_eq!(core.sorted().len(), 200);
        make(999);
        let compared = Cell::new(0);
        core.sorted_cache.sorted(|a, b| {
            compared.set(compared.get() + 1);
            if compared.get() == 200 {
                // So many that the order is put right at once.
                family.clear();
            }
            core.labels(a).compare(&core.labels(b))
        });
        assert_eq!(core.sorted().len(), 0);
    }
}
