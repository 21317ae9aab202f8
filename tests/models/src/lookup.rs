//! Series are looked up while other threads add some.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage;
use crate::support::{Case, assert_all_slots_are_free, join, model, spawn};

/// Fault: the reader finds an uninitialised series, or a wrong one; or it misses a series of an earlier look-up in the
/// grown table.
#[test]
fn a_lookup_is_consistent_while_the_table_grows() {
    let (early, late) = (Case::new("a look-up before the series"), Case::new("a look-up after the series"));
    model(2, move || {
        let family = Arc::new(Family::new(&["a", "b"]));
        let reading = Arc::clone(&family);
        let reader = spawn(move || {
            let first = reading.count_found("c");
            let second = reading.count_found("c");
            assert_eq!(reading.count_found("a"), Some(true));
            assert!(first.is_none() || second == Some(true), "{second:?} after {first:?}");
            [first, second].into_iter().flatten().count()
        });
        let found = family.add("c");
        // There is no room: the table grows.
        family.add("d");
        let counted = join(reader);
        early.reached(counted < 2);
        late.reached(counted == 2);
        assert_eq!(storage::sum(found.slot()), counted as u64);
        assert_eq!(storage::sum(family.find("a").expect("never removed").slot()), 1);
        drop((found, family));
        assert_all_slots_are_free();
    });
}

/// Fault: two threads make a missing series twice, and the count of one is lost.
#[test]
fn two_threads_make_the_same_series() {
    model(2, || {
        let family = Arc::new(Family::new(&[]));
        let counting = Arc::clone(&family);
        let other = spawn(move || counting.count("a"));
        family.count("a");
        join(other);
        assert_eq!(storage::sum(family.find("a").expect("just counted").slot()), 2);
    });
}
