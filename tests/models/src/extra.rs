//! The extra cell of a series is made at the first need.

use loom::sync::Arc;

use crate::family::Family;
use crate::storage::{self, CellSet};
use crate::support::{assert_all_slots_are_free, join, model, series, spawn};

/// Fault: each thread makes a cell, and the count or the slot of one is lost.
#[test]
fn two_threads_make_the_same_extra_cell() {
    model(3, || {
        let series = series("");
        let add = |amount| {
            let series = series.clone();
            spawn(move || series.update(CellSet::Extra, &mut |cells| cells.add_float(amount)).is_ok())
        };
        for thread in [add(0.25), add(0.5)] {
            assert!(join(thread));
        }
        assert_eq!(storage::sum_floats(series.extra()).to_bits(), 0.75_f64.to_bits());
        drop(series);
        assert_all_slots_are_free();
    });
}

/// Fault: the mark of the removal is lost, and threads go on counting in the cell; or the cell is lost, with its slot.
#[test]
fn an_extra_cell_is_made_while_the_series_is_removed() {
    model(3, || {
        let family = Arc::new(Family::new(&[]));
        let kept = family.add("a");
        let adding = Arc::clone(&family);
        let other = spawn(move || adding.add_extra("a", 0.5));
        drop(family.remove("a"));
        assert!(kept.slot_ref().cells(CellSet::Extra).is_none(), "without cells from now on");
        assert!(kept.update(CellSet::Extra, &mut |_| ()).is_err(), "it is removed from now on");
        let added = if join(other) { 0.5_f64 } else { 0.0 };
        assert_eq!(storage::sum_floats(kept.extra()).to_bits(), added.to_bits());
        drop((kept, family));
        assert_all_slots_are_free();
    });
}
