//! What all threads write goes to other cells while they write it.

use crate::moving::move_all;
use crate::storage::{self, CellSet, Cells, Series, Slot, shared_cells};
use crate::support::{Case, join, model, series_of, spawn};

/// As a metric does: again, where the value has gone to another slot.
fn retry_relocated(series: &Series, act: impl Fn(Cells) -> bool) {
    let done = std::cell::Cell::new(false);
    while !done.get() {
        loom::thread::yield_now();
        let act = |cells| done.set(act(cells));
        match series.slot_ref().cells(CellSet::Shared) {
            Some(cells) => act(cells),
            None => assert!(series.update(CellSet::Shared, &mut |cells| act(cells)).is_ok(), "never removed"),
        }
    }
}

fn inc(series: &Series, amount: f64) {
    retry_relocated(series, |cells| cells.add_to_value(amount));
}

fn set(series: &Series, value: f64) {
    retry_relocated(series, |cells| cells.set(value, None));
}

/// Lets the series go to cells elsewhere.
fn go(series: &Series) {
    assert!(series.relocate_to(Slot::of(2, 0)), "there is room");
}

fn cells(series: &Series) -> Cells {
    shared_cells(series.slot()).expect("touched before")
}

fn value(series: &Series) -> f64 {
    storage::sync_pending();
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

/// Could go wrong: the value that is set last is not the one that shows, for one that was set before comes late.
#[test]
fn what_a_thread_sets_last_shows_when_a_gauge_goes_elsewhere() {
    model(3, || {
        let gauge = gauge();
        let setting = gauge.clone();
        let thread = spawn(move || {
            set(&setting, 5.0);
            inc(&setting, 2.0);
            set(&setting, 9.0);
            inc(&setting, 2.0);
        });
        go(&gauge);
        join(thread);
        assert_eq!(value(&gauge).to_bits(), 11.0_f64.to_bits());
        assert_ne!(cells(&gauge).version(), 0, "it was set");
    });
}

/// Could go wrong: the flag that a thread raises last is not up, or another one is, too.
#[test]
fn the_flag_that_is_raised_last_is_up_when_flags_go_elsewhere() {
    model(3, || {
        move_all();
        let flags = series_of("", 1);
        retry_relocated(&flags, |cells| cells.set_flag(0));
        let raising = flags.clone();
        let thread = spawn(move || (1..=2).for_each(|flag| retry_relocated(&raising, |cells| cells.set_only(flag))));
        go(&flags);
        join(thread);
        storage::sync_pending();
        assert_eq!(cells(&flags).flags(), Some(1 << 2));
    });
}

/// Could go wrong: of flags that are raised and lowered at the same time, one is lost.
#[test]
fn no_change_of_a_flag_is_lost_when_flags_go_elsewhere() {
    model(3, || {
        move_all();
        let flags = series_of("", 1);
        retry_relocated(&flags, |cells| cells.set_flag(0));
        let changing = flags.clone();
        let thread = spawn(move || {
            retry_relocated(&changing, |cells| cells.set_flag(1));
            retry_relocated(&changing, |cells| cells.clear_flag(0));
        });
        go(&flags);
        join(thread);
        storage::sync_pending();
        assert_eq!(cells(&flags).flags(), Some(1 << 1));
    });
}

/// Could go wrong: who sets the gauge later does not know of the work in progress, and the value is wrong for good.
#[test]
fn work_that_was_marked_is_known_when_a_gauge_goes_elsewhere() {
    let early = Case::new("one that marks before");
    model(3, move || {
        let gauge = gauge();
        let marking = gauge.clone();
        let thread = spawn(move || mark(&marking));
        go(&gauge);
        early.reached(cells(&gauge).has_in_flight());
        join(thread);
        assert!(cells(&gauge).has_in_flight(), "no reader has caught up yet");
    });
}

fn mark(series: &Series) {
    retry_relocated(series, Cells::set_in_flight);
}
