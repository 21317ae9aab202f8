//! Threads without a shard of their own borrow one for each update.

use crate::storage::{self, set_max_shards};
use crate::support::{Case, count, join, model, series, spawn};

/// Could go wrong: two threads have the same shard at once, and one count of two is lost; or the second does not see
/// what the first has counted in it.
#[test]
fn two_threads_never_borrow_the_same_shard() {
    model(3, || {
        set_max_shards(0);
        let series = series("");
        let counting = series.clone();
        let other = spawn(move || [(); 2].map(|()| count(&counting)));
        assert!(count(&series));
        assert_eq!(join(other), [true; 2]);
        assert_eq!(storage::sum(series.slot()), 3);
    });
}

/// Could go wrong: two threads both get the last shard that there may be, or a reader misses that of the other.
#[test]
fn one_of_two_threads_borrows_when_there_may_be_one_shard() {
    let between = Case::new("a reader between the two");
    model(2, move || {
        set_max_shards(1);
        let series = series("");
        let threads = [series.clone(), series.clone()].map(|series| spawn(move || count(&series)));
        let seen = storage::sum(series.slot());
        assert!(seen <= 2, "{seen} of 2 counts");
        between.reached(seen == 1);
        assert_eq!(threads.map(join), [true; 2]);
        assert_eq!(storage::sum(series.slot()), 2);
    });
}

/// Could go wrong: what the destructors of a thread count goes to the shard that it has handed on.
#[test]
fn a_thread_that_ends_counts_in_a_borrowed_shard() {
    model(2, || {
        let series = series("");
        let threads = [series.clone(), series.clone()].map(|series| {
            spawn(move || {
                let before = count(&series);
                storage::end_thread();
                before && count(&series)
            })
        });
        assert_eq!(threads.map(join), [true; 2]);
        assert_eq!(storage::sum(series.slot()), 4);
    });
}
