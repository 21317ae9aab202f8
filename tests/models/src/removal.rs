//! Series are removed while others look them up and count in them.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage::{self, CellSet, SlotRef, set_max_shards};
use crate::support::{Case, assert_all_slots_are_free, count, join, model, series, spawn};

/// Could go wrong: the reader is in a series that is dropped; or its count ends up in the next series, which has the
/// same slot. It looks twice: who sees it look for the second time is to see what it did the first time.
#[test]
fn what_was_found_is_not_dropped_while_it_is_looked_at() {
    look_while_it_is_removed(3, 1);
}

/// As above, and the removal could miss the shard that the reader has borrowed, made a moment ago.
#[test]
fn what_was_found_from_a_borrowed_shard_is_not_dropped() {
    look_while_it_is_removed(2, 0);
}

fn look_while_it_is_removed(preemptions: usize, shards: usize) {
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
        assert_eq!(storage::sum(new.slot()), 0, "what was counted in one series is in another");
        drop((new, family));
        assert_all_slots_are_free();
    });
}

/// Could go wrong: the reader is in buckets that are dropped after the table has grown, or has shrunk.
#[test]
fn buckets_are_not_dropped_while_they_are_looked_at() {
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

/// Could go wrong: the thread that gives back the last reference does not see what the other has counted, so that it
/// is still there when the slot is used again; or the last reference of both is the last, or of none.
#[test]
fn the_last_handle_is_dropped_by_any_thread() {
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
        assert_eq!(storage::sum(new.slot()), 0, "what was counted in one series is in another");
        drop((new, family));
        assert_all_slots_are_free();
    });
}

/// Could go wrong: what ends in a thread that has no cells of the series yet makes some for a place that leads nowhere
/// by then. They would be there for every such place: what that thread counts first in any series would be lost.
#[test]
fn a_place_is_led_nowhere_while_cells_are_made() {
    let (counted, missed) = (Case::new("a count before the removal"), Case::new("a count after the removal"));
    model(3, move || {
        let series = series("");
        series.extra_or_make();
        let place = Arc::new(SlotRef::unbound());
        place.point_to(series.slot_ref());
        let leaving = Arc::clone(&place);
        let other = spawn(move || {
            leaving.with_extra_cells(|cells| cells.add(1));
            assert!(SlotRef::unbound().cells(CellSet::Extra).is_none(), "a place that leads nowhere has cells");
        });
        place.invalidate();
        join(other);
        let sum = storage::sum(series.extra());
        counted.reached(sum == 1);
        missed.reached(sum == 0);
    });
}

/// Could go wrong: who finds the mark of a removed series finds that series again, and so never ends; or what is
/// counted after the removal is lost.
#[test]
fn a_series_that_is_removed_comes_back_with_what_is_counted_then() {
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
