//! Work in progress goes from thread to thread while others look.

use crate::storage::{self, CellSet, Cells, Series};
use crate::support::{Case, join, model, series_of, spawn};

fn with_cells(series: &Series, act: impl Fn(Cells)) {
    match series.slot_ref().cells(CellSet::Own) {
        Some(cells) => act(cells),
        None => assert!(series.update(CellSet::Own, &mut |cells| act(cells)).is_ok(), "never removed"),
    }
}

fn gauge() -> Series {
    series_of("", storage::GAUGE_CELLS)
}

/// Begins some work here that ends in a thread of its own, twice, one after the other.
fn pass_on(series: &Series) {
    for _ in 0..2 {
        with_cells(series, Cells::begin_work);
        let ending = series.clone();
        join(spawn(move || with_cells(&ending, Cells::end_work)));
    }
}

/// Could go wrong: an end is seen without its beginning, or ends of one moment with beginnings of another.
#[test]
fn work_that_is_passed_on_is_never_seen_below_zero() {
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

/// Could go wrong: what is seen is of no moment, and a gauge that is set is wrong for good.
#[test]
fn what_is_seen_at_once_was_in_progress_at_some_moment() {
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
