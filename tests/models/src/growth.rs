//! Segments of a table are split and merged, a few series at a time, while others look up, add and remove.
//!
//! A segment has four buckets here, of which three are used: the fourth series splits it, by the lowest bit of its letter.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage;
use crate::support::{Case, assert_all_slots_are_free, join, model, spawn};

/// Could go wrong: the reader comes to the half of a split segment that does not have its series, to a directory or a
/// segment that it does not see made, or to one that was dropped.
#[test]
fn a_look_up_finds_a_series_while_its_segment_is_split_and_merged() {
    model(2, || {
        let family = Arc::new(Family::new(&["a", "b", "c"]));
        let reading = Arc::clone(&family);
        let reader = spawn(move || [reading.count_found("c"), reading.count_found("b")]);
        // Both halves, and a directory of two entries.
        family.add("d");
        // One half again, and a directory of one entry.
        family.remove("d");
        family.remove("a");
        assert_eq!(join(reader), [Some(true); 2]);
        drop(family);
        assert_all_slots_are_free();
    });
}

/// Could go wrong: what a reader counts in the series that it has found where that stood before the split is lost, though
/// it came before the removal; or it is not told of the removal, though it came after.
#[test]
fn a_series_is_removed_from_the_half_of_a_split_segment_while_it_is_counted_in() {
    let (before, after) = (Case::new("a count before the removal"), Case::new("a count after the removal"));
    model(2, move || {
        let family = Arc::new(Family::new(&["a", "b", "c"]));
        let counting = Arc::clone(&family);
        let other = spawn(move || {
            counting.count("a");
            counting.count("a");
        });
        family.add("d");
        let removed = family.remove("a").expect("never removed before");
        join(other);
        let (old, new) = (storage::sum(removed.slot()), family.find("a").map_or(0, |new| storage::sum(new.slot())));
        assert_eq!(old + new, 2, "{old} before and {new} after the removal");
        before.reached(old == 2);
        after.reached(new == 2);
        drop((removed, family));
        assert_all_slots_are_free();
    });
}

/// Could go wrong: of two threads that add to one full segment, one adds to what the other has replaced; or a third does
/// not find what was there all the time.
#[test]
fn two_threads_add_to_a_segment_that_has_to_be_split() {
    model(2, || {
        let family = Arc::new(Family::new(&["a", "b"]));
        let adding = Arc::clone(&family);
        let other = spawn(move || {
            adding.count("c");
            assert_eq!(adding.count_found("a"), Some(true));
        });
        family.count("d");
        assert_eq!(family.count_found("b"), Some(true));
        join(other);
        for name in ["a", "b", "c", "d"] {
            assert_eq!(storage::sum(family.find(name).expect("never removed").slot()), 1, "{name}");
        }
    });
}

/// Could go wrong: what is removed step by step stays where a segment is split between two steps.
#[test]
fn a_series_is_added_between_the_steps_of_a_removal_of_all() {
    let (stays, goes) = (Case::new("a series that stays"), Case::new("a series that goes"));
    model(2, move || {
        let family = Arc::new(Family::new(&["a", "b", "c"]));
        let adding = Arc::clone(&family);
        let other = spawn(move || drop(adding.add("d")));
        family.clear();
        join(other);
        assert!(
            ["a", "b", "c"].iter().all(|name| family.find(name).is_none()),
            "a series that was there is still there"
        );
        let found = family.find("d").is_some();
        stays.reached(found);
        goes.reached(!found);
        drop(family);
        assert_all_slots_are_free();
    });
}
