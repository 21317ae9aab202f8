//! A shard goes to another thread when its own thread ends.

use crate::storage;
use crate::support::{count, join, model, series, series_of, spawn};

/// Fault: the next owner misses the last count, and so loses it; or two threads own the shard at once; or a reader
/// misses a shard or a page of an earlier read.
#[test]
fn the_next_owner_goes_on_from_the_last_count() {
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

/// Fault: the next owner misses the parity of the count, and with it the valid sum.
#[test]
fn the_next_owner_goes_on_from_the_last_sum() {
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
