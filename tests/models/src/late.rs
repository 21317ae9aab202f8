//! What all threads write goes to other cells while they write it.

use crate::moving::move_all;
use crate::storage::{self, Cells, Part, Series, Slot, shared_cells};
use crate::support::{Case, join, model, series_of, spawn};

/// As a metric does: again, where the value has gone to another slot.
fn until_done(series: &Series, act: impl Fn(Cells) -> bool) {
    let done = std::cell::Cell::new(false);
    while !done.get() {
        loom::thread::yield_now();
        let act = |cells| done.set(act(cells));
        match series.place().cells(Part::Shared) {
            Some(cells) => act(cells),
            None => assert!(series.update(Part::Shared, &mut |cells| act(cells)).is_ok(), "never removed"),
        }
    }
}

fn inc(series: &Series, amount: f64) {
    until_done(series, |cells| cells.add_to_value(amount));
}

/// Lets the series go to cells elsewhere.
fn go(series: &Series) {
    assert!(series.go_to(Slot::of(2, 0)), "there is room");
}

fn cells(series: &Series) -> Cells {
    shared_cells(series.slot()).expect("touched before")
}

fn value(series: &Series) -> f64 {
    storage::catch_up();
    cells(series).value().expect("nobody moves it any more")
}

fn gauge() -> Series {
    move_all();
    let gauge = series_of("", storage::GAUGE_CELLS);
    inc(&gauge, 1.0);
    gauge
}

/// Could go wrong: what is added at the same time stays where nobody looks, or is added twice.
#[test]
fn nothing_that_is_added_is_lost_when_a_gauge_goes_elsewhere() {
    let (early, late) = (Case::new("one that adds before"), Case::new("one that adds afterwards"));
    model(3, move || {
        let gauge = gauge();
        let adding = gauge.clone();
        let thread = spawn(move || [2.0, 4.0].into_iter().for_each(|amount| inc(&adding, amount)));
        go(&gauge);
        let now = value(&gauge);
        early.reached(now >= 3.0);
        late.reached(now < 7.0);
        join(thread);
        assert_eq!(value(&gauge).to_bits(), 7.0_f64.to_bits());
    });
}

/// Could go wrong: of flags that are raised and lowered at the same time, one is lost.
#[test]
fn no_change_of_a_flag_is_lost_when_flags_go_elsewhere() {
    model(3, || {
        move_all();
        let flags = series_of("", 1);
        until_done(&flags, |cells| cells.raise(0));
        let changing = flags.clone();
        let thread = spawn(move || {
            until_done(&changing, |cells| cells.raise(1));
            until_done(&changing, |cells| cells.lower(0));
        });
        go(&flags);
        join(thread);
        storage::catch_up();
        assert_eq!(cells(&flags).flags(), Some(1 << 1));
    });
}
