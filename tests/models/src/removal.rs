//! Series are removed while other threads look them up and count in them.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage::{self, CellSet, SlotRef, set_max_shards};
use crate::support::{Case, assert_all_slots_are_free, count, join, model, series, spawn};

/// Fault: the reader uses a freed series; or its count ends up in the next series with the same slot. It is pinned
/// twice: a collector of the second pin is to see all that it did during the first.
#[test]
fn a_pinned_series_is_not_freed() {
    read_during_a_removal(3, 1);
}

/// As above; the removal could also miss a new shard of the pool.
#[test]
fn a_series_pinned_by_a_shard_of_the_pool_is_not_freed() {
    read_during_a_removal(2, 0);
}

fn read_during_a_removal(preemptions: usize, shards: usize) {
    let (found, reused) = (Case::new("a look-up before the removal"), Case::new("a slot used again meanwhile"));
    model(preemptions, move || {
        set_max_shards(shards);
        let family = Arc::new(Family::new(&["a"]));
        let reading = Arc::clone(&family);
        let reader = spawn(move || [reading.count_found("a"), reading.count_found("a")]);
        let old = family.remove("a").expect("never removed before").slot();
        let new = family.add("b");
        assert_eq!(storage::sum(new.slot()), 0, "the slot of a new series is zero");
        let seen = join(reader);
        found.reached(seen[0].is_some());
        reused.reached(seen[0].is_some() && new.slot() == old);
        assert_eq!(storage::sum(new.slot()), 0, "a count of one series is in another");
        drop((new, family));
        assert_all_slots_are_free();
    });
}

/// Fault: the reader uses buckets that are freed after the table has grown, or has shrunk.
#[test]
fn pinned_buckets_are_not_freed() {
    model(2, || {
        let family = Arc::new(Family::new(&["a", "b", "c"]));
        let reading = Arc::clone(&family);
        let reader = spawn(move || reading.count_found("c"));
        // No room: the table grows.
        family.add("d");
        assert_eq!(family.clear(), 4);
        family.add("e");
        family.remove("e");
        join(reader);
        drop(family);
        assert_all_slots_are_free();
    });
}

/// Fault: the thread with the last reference misses a count of the other, which is still there when the slot is reused;
/// or both references are the last, or none is.
#[test]
fn any_thread_may_drop_the_last_handle() {
    let (counted, missed) = (Case::new("a count before the removal"), Case::new("a count after the removal"));
    model(3, move || {
        let family = Arc::new(Family::new(&[]));
        let kept = family.add("a");
        let other = spawn(move || count(&kept));
        drop(family.remove("a"));
        let new = series("b");
        assert_eq!(storage::sum(new.slot()), 0, "the slot of a new series is zero");
        let seen = join(other);
        counted.reached(seen);
        missed.reached(!seen);
        assert_eq!(storage::sum(new.slot()), 0, "a count of one series is in another");
        drop((new, family));
        assert_all_slots_are_free();
    });
}

/// Fault: a thread without cells of the series makes some for a reference that was invalidated meanwhile. All
/// invalidated references would share them, and first counts of that thread in any series would be lost.
#[test]
fn a_slot_reference_is_invalidated_while_cells_are_made() {
    let (counted, missed) = (Case::new("a count before the removal"), Case::new("a count after the removal"));
    model(3, move || {
        let series = series("");
        series.extra_or_make();
        let slot_ref = Arc::new(SlotRef::unbound());
        slot_ref.point_to(series.slot_ref());
        let leaving = Arc::clone(&slot_ref);
        let other = spawn(move || {
            leaving.with_extra_cells(|cells| cells.add(1));
            assert!(SlotRef::unbound().cells(CellSet::Extra).is_none(), "an unbound reference has cells");
        });
        slot_ref.invalidate();
        join(other);
        let sum = storage::sum(series.extra());
        counted.reached(sum == 1);
        missed.reached(sum == 0);
    });
}

/// Fault: a retry after the mark of a removed series finds the same series again, and never ends; or a count after the
/// removal is lost.
#[test]
fn a_removed_series_comes_back_with_later_counts() {
    let (both, one) = (Case::new("a count after the removal"), Case::new("a count before the removal"));
    model(2, move || {
        let family = Arc::new(Family::new(&["a"]));
        let counting = Arc::clone(&family);
        let other = spawn(move || counting.count("a"));
        family.remove("a");
        family.count("a");
        join(other);
        let left = storage::sum(family.find("a").expect("just counted").slot());
        assert!((1..=2).contains(&left), "{left} of 2 counts");
        both.reached(left == 2);
        one.reached(left == 1);
        drop(family);
        assert_all_slots_are_free();
    });
}
