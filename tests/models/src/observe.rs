//! Observations are read while a thread observes.

use crate::storage::{self, Series};
use crate::support::{Case, join, model, series_of, spawn, with_cells};

/// Buckets and values: each sum stands for one set of observations.
const OBSERVED: [(usize, f64); 3] = [(0, 1.0), (1, 2.0), (0, 4.0)];

/// Returns how many observations a read has seen: the first ones, and whole.
fn seen(series: &Series) -> usize {
    let mut counts = [0; 2];
    let sum = storage::observed(series.slot(), &mut counts);
    let first = |n: usize| {
        let mut expected = ([0; 2], 0.0);
        for (bucket, value) in &OBSERVED[..n] {
            expected.0[*bucket] += 1;
            expected.1 += value;
        }
        expected
    };
    let is_whole = |n: &usize| first(*n).0 == counts && first(*n).1.to_bits() == sum.to_bits();
    (0..=OBSERVED.len()).find(is_whole).unwrap_or_else(|| panic!("torn: {counts:?} and {sum}"))
}

fn observe(series: &Series, n: usize) {
    let (bucket, value) = OBSERVED[n];
    with_cells(series, |cells| cells.observe(bucket, value));
}

/// Fault: a read gets the buckets of one moment and the sum of another, or a later read gets less.
#[test]
fn a_read_sees_whole_observations() {
    let between = Case::new("a reader between two observations");
    model(3, move || {
        let series = series_of("", storage::observation_cells(2));
        let writing = series.clone();
        let writer = spawn(move || (0..OBSERVED.len()).for_each(|n| observe(&writing, n)));
        let first = seen(&series);
        let second = seen(&series);
        assert!(first <= second, "{second} observations after {first}");
        between.reached(first == 1 && second == 2);
        join(writer);
        assert_eq!(seen(&series), OBSERVED.len());
    });
}
