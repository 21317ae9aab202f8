//! Work in progress passes between threads while others read.

use crate::storage::{self, Cells, Series};
use crate::support::{Case, join, model, series_of, spawn, with_cells};

fn gauge() -> Series {
    series_of("", storage::GAUGE_CELLS)
}

/// Begins work here and ends it in a thread of its own, twice in a row.
fn pass_on(series: &Series) {
    for _ in 0..2 {
        with_cells(series, Cells::begin_work);
        let ending = series.clone();
        join(spawn(move || with_cells(&ending, Cells::end_work)));
    }
}

/// Fault: an end is read without its beginning, or ends of one moment with beginnings of another.
#[test]
fn work_passed_to_another_thread_is_never_read_below_zero() {
    let during = Case::new("a reader while there is work");
    model(2, move || {
        let series = gauge();
        let passing = series.clone();
        let passer = spawn(move || pass_on(&passing));
        let seen = storage::in_progress(series.slot());
        assert!(seen <= 2, "{} in progress", seen.cast_signed());
        during.reached(seen == 1);
        join(passer);
        assert_eq!(storage::in_progress(series.slot()), 0);
    });
}

/// Fault: the snapshot is of no moment, and a gauge is set to a value that stays wrong.
#[test]
fn a_snapshot_of_work_in_progress_was_true_at_some_moment() {
    let between = Case::new("a reader after the end of some work, before more begins");
    model(2, move || {
        let series = gauge();
        with_cells(&series, Cells::begin_work);
        let other = series.clone();
        let worker = spawn(move || {
            with_cells(&other, Cells::end_work);
            with_cells(&other, Cells::begin_work);
        });
        let seen = storage::in_progress_snapshot(series.slot());
        assert!(seen <= 1, "{} in progress", seen.cast_signed());
        between.reached(seen == 0);
        join(worker);
        assert_eq!(storage::in_progress_snapshot(series.slot()), 1);
    });
}
