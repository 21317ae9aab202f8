//! Pages move to where a backend wants them while their thread counts.

use crate::storage::{
    self, CellSet, Cells, NoRoom, Page, PageSource, Series, Slot, end_thread, pinned, set_max_shards,
};
use crate::support::{Case, count, join, model, series, series_of, spawn};

/// Pages that are leaked, as long as there is room.
pub(crate) struct Leaked;

impl PageSource for Leaked {
    fn page(&self, _: u32, _: u32) -> Option<&'static Page> {
        Some(Box::leak(Box::new(Page::new())))
    }
}

pub(crate) fn move_all() {
    assert_eq!(storage::migrate(Box::new(Leaked)), Ok(()), "there is room");
}

fn with_cells(series: &Series, act: impl Fn(Cells)) {
    match series.slot_ref().cells(CellSet::Own) {
        Some(cells) => act(cells),
        None => assert!(series.update(CellSet::Own, &mut |cells| act(cells)).is_ok(), "never removed"),
    }
}

/// Leaves a shard that has a page, and a way to it, to the thread that comes next: none is made while pages move.
fn leave_a_shard(series: &Series) {
    with_cells(series, |_| ());
    with_cells(series, |_| ());
    end_thread();
}

/// What was counted, with what came late.
fn caught_up(slot: Slot) -> u64 {
    storage::sync_pending();
    storage::sum(slot)
}

/// Could go wrong: what is counted in the old page is lost, for the thread does not see that it has moved, or what it
/// has counted there is copied over what it counts in the new one.
#[test]
fn nothing_is_lost_of_what_is_counted_while_pages_move() {
    let (during, late) = (Case::new("a count before the move, and one after it"), Case::new("a count that comes late"));
    model(1, move || {
        let series = series("");
        leave_a_shard(&series);
        let counting = series.clone();
        let thread = spawn(move || (0..3).for_each(|_| assert!(count(&counting))));
        move_all();
        let moved = storage::sum(series.slot());
        let now = caught_up(series.slot());
        assert!(moved <= now && now <= 3, "{now} after {moved}");
        during.reached((1..3).contains(&moved));
        late.reached(moved < now);
        join(thread);
        assert_eq!(caught_up(series.slot()), 3);
    });
}

/// Could go wrong: a reader copies the old page over what its thread counts in the new one.
#[test]
fn a_reader_catches_up_while_the_thread_comes_to_the_new_page() {
    model(1, || {
        let series = series("");
        leave_a_shard(&series);
        let counting = series.clone();
        let thread = spawn(move || (0..2).for_each(|_| assert!(count(&counting))));
        move_all();
        let first = caught_up(series.slot());
        let second = caught_up(series.slot());
        assert!(first <= second && second <= 2, "{second} after {first}");
        join(thread);
        assert_eq!(caught_up(series.slot()), 2);
    });
}

/// Could go wrong: the one that has the shard next does not see what the one before has counted late.
#[test]
fn a_shard_is_borrowed_by_one_after_the_other_while_pages_move() {
    let late = Case::new("a count that comes late");
    model(1, move || {
        set_max_shards(0);
        let series = series("");
        // Two of them, each with a page.
        (0..2).for_each(|_| assert!(pinned(|_| count(&series))));
        let counting = series.clone();
        let thread = spawn(move || (0..2).for_each(|_| assert!(count(&counting))));
        move_all();
        let moved = storage::sum(series.slot());
        assert!(count(&series));
        late.reached(moved < 4);
        join(thread);
        assert_eq!(caught_up(series.slot()), 5);
    });
}

/// Could go wrong: the sum of one moment is copied with the buckets of another, or the thread goes on with the wrong one
/// of the two sums.
#[test]
fn observations_are_whole_while_pages_move() {
    const VALUES: [f64; 2] = [1.0, 2.0];
    let between = Case::new("a reader between two observations");
    model(1, move || {
        let series = series_of("", storage::observation_cells(1));
        leave_a_shard(&series);
        let observing = series.clone();
        let thread =
            spawn(move || VALUES.iter().for_each(|value| with_cells(&observing, |cells| cells.observe(0, *value))));
        let slot = series.slot();
        let seen = || {
            storage::sync_pending();
            let mut counts = [0];
            let sum = storage::observed(slot, &mut counts);
            let expected: f64 = VALUES.iter().take(usize::try_from(counts[0]).expect("two at most")).sum();
            assert_eq!(sum.to_bits(), (expected + 0.0).to_bits(), "torn: {counts:?} and {sum}");
            counts[0]
        };
        move_all();
        let now = seen();
        between.reached(now == 1);
        join(thread);
        assert_eq!(seen(), 2);
    });
}

/// Could go wrong: work that ends late is in progress for ever.
#[test]
fn work_in_progress_ends_while_pages_move() {
    model(3, || {
        let series = series_of("", storage::GAUGE_CELLS);
        leave_a_shard(&series);
        let working = series.clone();
        let thread = spawn(move || {
            with_cells(&working, Cells::begin_work);
            with_cells(&working, Cells::end_work);
        });
        move_all();
        join(thread);
        storage::sync_pending();
        assert_eq!(storage::in_progress(series.slot()), 0);
    });
}

/// Could go wrong: a part of the pages has moved where there is no room for all.
#[test]
fn nothing_moves_where_there_is_no_room() {
    struct Full;
    impl PageSource for Full {
        fn page(&self, _: u32, _: u32) -> Option<&'static Page> {
            None
        }
    }
    model(1, || {
        let series = series("");
        assert!(count(&series));
        leave_a_shard(&series);
        let counting = series.clone();
        let thread = spawn(move || [(); 2].map(|()| count(&counting)));
        let _ = storage::migrate(Box::new(Full)).is_err_and(|error| error == NoRoom);
        assert_eq!(join(thread), [true; 2]);
        assert_eq!(caught_up(series.slot()), 3);
    });
}
