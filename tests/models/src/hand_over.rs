//! A shard goes to another thread when its own ends.

use crate::storage;
use crate::support::{count, join, model, series, series_of, spawn};

/// Could go wrong: the next thread takes the shard and does not see the last count in it, and so loses it; or both
/// have it at once. A reader that adds up meanwhile could miss a shard, or a page, that it has seen before.
#[test]
fn a_thread_goes_on_where_the_one_before_it_ended() {
    model(2, || {
        let series = series("");
        let threads = [series.clone(), series.clone()].map(|series| spawn(move || count(&series)));
        let mut before = 0;
        for _ in 0..2 {
            let now = storage::sum(series.slot());
            assert!((before..=2).contains(&now), "{now} after {before}");
            before = now;
        }
        for thread in threads {
            assert!(join(thread));
        }
        assert_eq!(storage::sum(series.slot()), 2);
    });
}

/// Could go wrong: the parity of the count, which says where the sum is, is not that of the thread before.
#[test]
fn a_thread_goes_on_with_the_sum_of_the_one_before_it() {
    model(3, || {
        let series = series_of("", storage::observation_cells(1));
        let threads = [1.0, 2.0].map(|value| {
            let series = series.clone();
            spawn(move || series.update(storage::CellSet::Own, &mut |cells| cells.observe(0, value)).is_ok())
        });
        for thread in threads {
            assert!(join(thread));
        }
        let mut counts = [0];
        let sum = storage::observed(series.slot(), &mut counts);
        assert_eq!((counts, sum.to_bits()), ([2], 3.0_f64.to_bits()));
    });
}
