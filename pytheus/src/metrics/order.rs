//! The order in which the series of a family are exposed, kept from one scrape to the next.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::storage::{Series, Sorted, lock};

/// The series in order, and what came in since they were sorted.
///
/// Who adds and removes series does not wait for a scrape: it sorts what is new without the lock, and merges.
pub(super) struct Order {
    known: Mutex<Known>,
    /// One scrape at a time.
    sorting: Mutex<()>,
    /// Whether a series may have fractions, which are looked for in the series itself.
    fractions: AtomicBool,
}

struct Known {
    sorted: Arc<Sorted>,
    added: Vec<Series>,
    /// How many of both were removed.
    removed: usize,
    /// Has one of both found its cells since?
    settled: bool,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::new(Known { sorted: Arc::default(), added: Vec::new(), removed: 0, settled: false }),
            sorting: Mutex::new(()),
            fractions: AtomicBool::new(false),
        }
    }

    /// Takes note that a series is about to have fractions.
    pub(super) fn expect_fractions(&self) {
        self.fractions.store(true, Relaxed);
    }

    /// May a series have fractions?
    pub(super) fn has_fractions(&self) -> bool {
        self.fractions.load(Relaxed)
    }

    pub(super) fn added(&self, series: Series) {
        let added = &mut lock(&self.known).added;
        if added.len() == added.capacity() {
            // A quarter at a time, not twice as much: there may be a million that nobody scrapes.
            added.reserve_exact(added.len() / 4 + 4);
        }
        added.push(series);
    }

    /// Takes note that a series has cells which had none, once it leads there: what was known of it is put right.
    pub(super) fn settled(&self) {
        lock(&self.known).settled = true;
    }

    /// Takes note that so many series were removed, and so many are left.
    pub(super) fn removed(&self, count: usize, left: usize) {
        let mut known = lock(&self.known);
        known.removed += count;
        // Where nobody scrapes, it is done here, once in a while.
        if known.removed > left + 64 {
            // Not 0: a scrape that sorts just now may put back what is taken out here, for the next to find.
            known.removed = 1;
            known.added.retain(|series| !series.is_removed());
            let live = known.sorted.iter().filter(|series| !series.is_removed());
            known.sorted = Arc::new(live.cloned().collect::<Vec<_>>().into());
        }
    }

    /// All series in order.
    pub(super) fn sorted(&self, compare: impl Fn(&Series, &Series) -> Ordering) -> Arc<Sorted> {
        let _one = lock(&self.sorting);
        let (sorted, mut added) = {
            let mut known = lock(&self.known);
            if known.added.is_empty() && known.removed == 0 && !known.settled {
                return Arc::clone(&known.sorted);
            }
            (known.removed, known.settled) = (0, false);
            (Arc::clone(&known.sorted), std::mem::take(&mut known.added))
        };
        added.retain(|series| !series.is_removed());
        added.sort_unstable_by(&compare);
        let merged = Arc::new(merge(&sorted, added, compare).into());
        lock(&self.known).sorted = Arc::clone(&merged);
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
        let family =
            Counter::new("sorted", "S.").labels(["n"]).unregistered().build().expect("the description is right");
        let make = |n: usize| family.labels([("n", format!("{n:03}"))]).expect("the label is right");
        for n in 0..200 {
            make(n);
        }
        let core = family.core();
        assert_eq!(core.sorted().len(), 200);
        make(999);
        let compared = Cell::new(0);
        core.order.sorted(|a, b| {
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
