//! Directories and pages are made at the first use.

use crate::storage::{self, CellSet, Cells, shared_cells};
use crate::support::{Case, count, join, model, series, series_of, spawn};

/// Fault: each thread makes a page, and the discarded one has a count; or a reader gets an uninitialised page.
#[test]
fn two_threads_make_the_same_page_of_shared_cells() {
    let half = Case::new("a reader between the two");
    model(2, move || {
        let series = series_of("", storage::GAUGE_CELLS);
        let slot = series.slot();
        let threads = [(); 2].map(|()| {
            let series = series.clone();
            spawn(move || {
                let added = &mut |cells: Cells| assert!(cells.add_to_value(1.0), "never relocated");
                assert!(series.update(CellSet::Shared, added).is_ok(), "never removed");
            })
        });
        let value = || shared_cells(slot).map_or(Some(0.0), Cells::value).expect("never relocated");
        let mut before = 0.0;
        for _ in 0..2 {
            let now = value();
            assert!((before..=2.0).contains(&now), "{now} after {before}");
            before = now;
            half.reached(f64::to_bits(now) == 1.0_f64.to_bits());
        }
        threads.into_iter().for_each(join);
        assert_eq!(value().to_bits(), 2.0_f64.to_bits());
    });
}

/// Fault: a reader gets an uninitialised shard, directory or page.
#[test]
fn a_reader_adds_up_while_a_thread_makes_its_first_page() {
    let (none, all) = (Case::new("a reader before the first count"), Case::new("a reader after the second"));
    model(4, move || {
        let series = series("");
        let counting = series.clone();
        let thread = spawn(move || (count(&counting), count(&counting)));
        let first = storage::sum(series.slot());
        let second = storage::sum(series.slot());
        assert!(first <= second && second <= 2, "{second} after {first}");
        none.reached(first == 0);
        all.reached(first == 2);
        assert_eq!(join(thread), (true, true));
        assert_eq!(storage::sum(series.slot()), 2);
    });
}

/// Fault: an update of a shared cell is lost.
#[test]
fn shared_cells_lose_no_update() {
    model(3, || {
        let series = series("");
        let slot = series.slot();
        assert!(series.update(CellSet::Shared, &mut |cells| assert!(cells.set_flag(0))).is_ok());
        let other = spawn(move || {
            let cells = shared_cells(slot).expect("made before");
            assert!(cells.set_flag(1) && cells.clear_flag(0));
        });
        let cells = shared_cells(slot).expect("made before");
        assert!(cells.set_flag(2) && cells.set_flag(3));
        join(other);
        assert_eq!(cells.flags(), Some(0b1110));
    });
}
