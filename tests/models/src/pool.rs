//! Threads without a shard of their own take one from the pool for each update.

use crate::storage::{self, set_max_shards};
use crate::support::{Case, count, join, model, series, spawn};

/// Fault: two threads have the same shard at once, and a count is lost; or the second owner misses the first one's
/// count.
#[test]
fn two_threads_never_have_the_same_shard_of_the_pool() {
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

/// Fault: two threads both lease the last shard of the limit, or a reader misses the shard of one.
#[test]
fn one_of_two_threads_uses_the_pool_when_the_limit_is_one_shard() {
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

/// Fault: destructors of an ending thread count in the shard that it has given up.
#[test]
fn an_ending_thread_counts_in_a_shard_of_the_pool() {
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
