//! Segments of a table are split and merged while other threads look up, add and remove series.
//!
//! A segment has four buckets here, with room for three series: the fourth splits it, by the lowest bit of its letter.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage;
use crate::support::{Case, assert_all_slots_are_free, join, model, spawn};

/// Fault: the reader gets the wrong half of a split segment, or an uninitialised or freed directory or segment.
#[test]
fn a_lookup_finds_a_series_while_its_segment_is_split_and_merged() {
    model(2, || {
        let family = Arc::new(Family::new(&["a", "b", "c"]));
        let reading = Arc::clone(&family);
        let reader = spawn(move || [reading.count_found("c"), reading.count_found("b")]);
        // Both halves, and a directory of two entries.
        family.add("d");
        // A single half again, and a directory of one entry.
        family.remove("d");
        family.remove("a");
        assert_eq!(join(reader), [Some(true); 2]);
        drop(family);
        assert_all_slots_are_free();
    });
}

/// Fault: a count through the old segment is lost, though before the removal; or it misses the mark, though after the
/// removal.
#[test]
fn a_series_is_removed_from_a_split_segment_while_a_thread_counts_in_it() {
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

/// Fault: two threads add to a full segment, and one of them to the memory that the other has replaced; or a series
/// that was there all the time is not found.
#[test]
fn two_threads_add_to_a_full_segment() {
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

/// Fault: a walk of removals skips a series when a segment is split between two steps.
#[test]
fn a_series_is_added_between_the_steps_of_a_clear() {
    let (stays, goes) = (Case::new("a new series that stays"), Case::new("a new series that is removed"));
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
