//! Removal of one series, of matching ones, or of all.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering::AcqRel;

use crate::metrics::family::callbacks::ReadValue;
use crate::metrics::family::core::{FamilyCore, Members};
use crate::metrics::family::sources::ReadTotal;
use crate::metrics::family::zero_series;
use crate::model::key::{Key, Labels};
use crate::storage::{Series, TableCursor};
use crate::sync::{self, Guarded};

/// The number of series removed under one lock: an upper bound on the wait of a thread that adds one.
const STEP: usize = 500;

/// The closures of removed series.
type Closures = (Vec<ReadValue>, Vec<ReadTotal>);

impl FamilyCore {
    pub(crate) fn remove(&self, key: &(impl Key + ?Sized)) -> bool {
        self.ensure_zero_series();
        let (hash, mut members) = (self.hash(key), self.members());
        let (is_it, hash_of) = (|series: &Series| self.labels(series).are(key), |series: &Series| self.hash_of(series));
        let removed = self.table.remove(&mut members.writer, hash, is_it, &hash_of);
        drop(self.removed(members, removed.as_slice(), true, &mut |_| {}));
        if removed.is_none() {
            self.remove_elsewhere(key);
        }
        removed.is_some()
    }

    /// Removes the series that `keep` refuses.
    pub(crate) fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool) {
        for series in self.sorted().iter() {
            if !keep(self.labels(series)) {
                self.remove(&self.labels(series));
                self.yield_members();
            }
        }
    }

    /// Removes the matching series; zero series among them begin again at zero. A scrape sees all of that or none.
    ///
    /// A large family is locked several times, each for a moment, so that other threads can add series in between.
    pub(crate) fn clear(&self, matches: impl Fn(&[&str]) -> bool) {
        self.ensure_zero_series();
        let mut zeros = zero_series::of(self.descriptor());
        let one = sync::lock(&self.replacement);
        let mut members = self.members();
        zeros.extend(members.zero_series.iter().cloned());
        zeros.retain(|values| matches(&values.iter().map(String::as_str).collect::<Vec<_>>()));
        self.version.fetch_add(1, AcqRel);
        let matches = |labels: Labels<'_>| matches(&labels.values().collect::<Vec<_>>());
        let (mut cursor, mut closures) = (TableCursor::default(), Vec::new());
        loop {
            let (removed, more) = self.remove_some(&mut members, &mut cursor, &matches);
            closures.push(self.removed(members, &removed, true, &mut |members| {
                if !more {
                    self.add_missing(members, &zeros);
                    self.version.fetch_add(1, AcqRel);
                }
            }));
            if !more {
                break;
            }
            drop(removed);
            self.yield_members();
            members = self.members();
        }
        drop(one);
        drop(closures);
    }

    /// Makes a series of this key the only one, and acts on it before other threads can find it.
    pub(crate) fn replace_all(&self, with: &(impl Key + ?Sized), act: impl FnOnce(&Series)) {
        self.ensure_zero_series();
        let one = sync::lock(&self.replacement);
        let mut members = self.members();
        self.version.fetch_add(1, AcqRel);
        let (mut cursor, mut removed) = (TableCursor::default(), Vec::new());
        loop {
            let (some, more) = self.remove_some(&mut members, &mut cursor, &|_| true);
            removed.extend(some);
            if !more {
                break;
            }
        }
        let values = with.values();
        let series = self.new_series(&members, &values, false);
        act(&series);
        members.facts = Some(series.clone());
        let closures = self.removed(members, &removed, false, &mut |members| {
            self.insert(members, &values, &series);
            self.version.fetch_add(1, AcqRel);
        });
        drop(one);
        drop(closures);
    }

    /// Removes matching series from the table, from the cursor on; returns false at the end.
    fn remove_some(
        &self,
        members: &mut Members,
        cursor: &mut TableCursor,
        matches: &dyn Fn(Labels<'_>) -> bool,
    ) -> (Vec<Series>, bool) {
        let matches = |series: &_| matches(self.labels(series));
        let hash_of = |series: &Series| self.hash_of(series);
        let mut removed = Vec::new();
        while self.table.remove_some(&mut members.writer, cursor, &matches, &hash_of, &mut removed) {
            if removed.len() >= STEP {
                return (removed, true);
            }
        }
        (removed, false)
    }

    /// Records removed series, here or `everywhere`, and calls `then` in the same step. Returns the closures of the user:
    /// they may run any code when they are dropped, and so are dropped without a lock.
    #[must_use]
    fn removed(
        &self,
        mut members: Guarded<MutexGuard<'_, Members>>,
        removed: &[Series],
        everywhere: bool,
        then: &mut dyn FnMut(&mut Members),
    ) -> Closures {
        for series in removed {
            let values: Vec<_> = self.labels(series).values().collect();
            members.limit.removed(&values);
            self.closed_index.removed(&self.descriptor().labels, &values, series);
            self.unbind(&members, series, everywhere);
            members.declared.retain(|(slot_ref, known)| {
                let other = !known.is(series);
                if !other {
                    slot_ref.invalidate();
                    // Leaked: a thread may still write to its cells without a reference.
                    std::mem::forget(known.clone());
                }
                other
            });
        }
        let closures = (self.callbacks.remove(removed), self.sources.remove(removed));
        let many = self.sorted_cache.removed(removed.len(), members.writer.len());
        then(&mut members);
        drop(members);
        if many {
            self.sorted_cache.forget();
        }
        closures
    }
}
