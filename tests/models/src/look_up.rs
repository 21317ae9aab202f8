//! Series are looked up while others are added.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage;
use crate::support::{Case, assert_all_slots_are_free, join, model, spawn};

/// Could go wrong: the reader finds a series that it does not see made, or a wrong one; or it misses in the grown
/// table what it has found before.
#[test]
fn a_series_is_found_or_not_while_the_table_grows() {
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
        // For this one there is no room.
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

/// Could go wrong: two threads that miss a series make it twice, and one of them counts where nobody looks.
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
