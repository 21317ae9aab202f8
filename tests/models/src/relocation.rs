//! Shared cells are relocated while other threads write them.

use crate::migration::migrate_all;
use crate::storage::{self, CellSet, Cells, Series, Slot, shared_cells};
use crate::support::{Case, join, model, series_of, spawn};

/// Retries after a relocation, as a metric does.
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

/// Relocates the series to a shared page.
fn relocate(series: &Series) {
    assert!(series.relocate_to(Slot::of(2, 0)), "there is room");
}

fn cells(series: &Series) -> Cells {
    shared_cells(series.slot()).expect("touched before")
}

fn value(series: &Series) -> f64 {
    storage::sync_pending();
    cells(series).value().expect("relocated once")
}

fn gauge() -> Series {
    migrate_all();
    let gauge = series_of("", storage::GAUGE_CELLS);
    inc(&gauge, 1.0);
    gauge
}

/// Fault: a concurrent increment stays in the old cells, or is added twice.
#[test]
fn no_increment_is_lost_when_a_gauge_is_relocated() {
    let (early, late) =
        (Case::new("an increment before the relocation"), Case::new("an increment after the relocation"));
    model(3, move || {
        let gauge = gauge();
        let adding = gauge.clone();
        let thread = spawn(move || [2.0, 4.0].into_iter().for_each(|amount| inc(&adding, amount)));
        relocate(&gauge);
        let now = value(&gauge);
        early.reached(now >= 3.0);
        late.reached(now < 7.0);
        join(thread);
        assert_eq!(value(&gauge).to_bits(), 7.0_f64.to_bits());
    });
}

/// Fault: an earlier `set` of the same thread overwrites a later one.
#[test]
fn the_last_set_wins_when_a_gauge_is_relocated() {
    model(3, || {
        let gauge = gauge();
        let setting = gauge.clone();
        let thread = spawn(move || {
            set(&setting, 5.0);
            inc(&setting, 2.0);
            set(&setting, 9.0);
            inc(&setting, 2.0);
        });
        relocate(&gauge);
        join(thread);
        assert_eq!(value(&gauge).to_bits(), 11.0_f64.to_bits());
        assert_ne!(cells(&gauge).version(), 0, "it was set");
    });
}

/// Fault: the last flag is not set, or another one is, too.
#[test]
fn the_last_flag_is_set_when_flags_are_relocated() {
    model(3, || {
        migrate_all();
        let flags = series_of("", 1);
        retry_relocated(&flags, |cells| cells.set_flag(0));
        let setting = flags.clone();
        let thread = spawn(move || (1..=2).for_each(|flag| retry_relocated(&setting, |cells| cells.set_only(flag))));
        relocate(&flags);
        join(thread);
        storage::sync_pending();
        assert_eq!(cells(&flags).flags(), Some(1 << 2));
    });
}

/// Fault: a concurrent change of a flag is lost.
#[test]
fn no_change_of_a_flag_is_lost_when_flags_are_relocated() {
    model(3, || {
        migrate_all();
        let flags = series_of("", 1);
        retry_relocated(&flags, |cells| cells.set_flag(0));
        let changing = flags.clone();
        let thread = spawn(move || {
            retry_relocated(&changing, |cells| cells.set_flag(1));
            retry_relocated(&changing, |cells| cells.clear_flag(0));
        });
        relocate(&flags);
        join(thread);
        storage::sync_pending();
        assert_eq!(cells(&flags).flags(), Some(1 << 1));
    });
}

/// Fault: a later `set` does not know of the work in progress, and the value stays wrong.
#[test]
fn work_in_progress_is_known_when_a_gauge_is_relocated() {
    let early = Case::new("work before the relocation");
    model(3, move || {
        let gauge = gauge();
        let working = gauge.clone();
        let thread = spawn(move || retry_relocated(&working, Cells::set_in_flight));
        relocate(&gauge);
        early.reached(cells(&gauge).has_in_flight());
        join(thread);
        assert!(cells(&gauge).has_in_flight(), "the flag is in the new cells");
    });
}
