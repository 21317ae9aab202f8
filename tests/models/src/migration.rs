//! Pages migrate to a backend while their thread counts.

use crate::storage::{self, Cells, NoRoom, Page, PageSource, Series, Slot, end_thread, pinned, set_max_shards};
use crate::support::{Case, count, count_by, join, model, series, series_of, spawn, with_cells};

/// A source of leaked pages, without a limit.
pub(crate) struct Leaked;

impl PageSource for Leaked {
    fn page(&self, _: u32, _: u32) -> Option<&'static Page> {
        Some(Box::leak(Box::new(Page::new())))
    }
}

pub(crate) fn migrate_all() {
    assert_eq!(storage::migrate(Box::new(Leaked)), Ok(()), "there is room");
}

/// Leaves a shard with a page, also in its cache, to the next thread: no page is made during the migration.
fn leave_a_shard(series: &Series) {
    (0..2).for_each(|_| assert!(count_by(series, 0)));
    end_thread();
}

/// Returns the count, with that of pending pages.
fn synced_sum(slot: Slot) -> u64 {
    storage::sync_pending();
    storage::sum(slot)
}

/// Fault: counts in the old page are lost, since their thread misses the migration, or since they are copied over its
/// counts in the new page.
#[test]
fn no_count_is_lost_while_pages_migrate() {
    let (during, late) =
        (Case::new("a count before the migration, and one after it"), Case::new("a late count in the old page"));
    model(1, move || {
        let series = series("");
        leave_a_shard(&series);
        let counting = series.clone();
        let thread = spawn(move || (0..3).for_each(|_| assert!(count(&counting))));
        migrate_all();
        let moved = storage::sum(series.slot());
        let now = synced_sum(series.slot());
        assert!(moved <= now && now <= 3, "{now} after {moved}");
        during.reached((1..3).contains(&moved));
        late.reached(moved < now);
        join(thread);
        assert_eq!(synced_sum(series.slot()), 3);
    });
}

/// Fault: a reader copies the old page over its thread's counts in the new one.
#[test]
fn a_reader_syncs_pending_pages_while_the_thread_adopts_the_new_page() {
    model(1, || {
        let series = series("");
        leave_a_shard(&series);
        let counting = series.clone();
        let thread = spawn(move || (0..2).for_each(|_| assert!(count(&counting))));
        migrate_all();
        let first = synced_sum(series.slot());
        let second = synced_sum(series.slot());
        assert!(first <= second && second <= 2, "{second} after {first}");
        join(thread);
        assert_eq!(synced_sum(series.slot()), 2);
    });
}

/// Fault: the next owner of the shard misses late counts of the one before.
#[test]
fn a_shard_of_the_pool_changes_hands_while_pages_migrate() {
    let late = Case::new("a late count in the old page");
    model(1, move || {
        set_max_shards(0);
        let series = series("");
        // Two shards, each with a page.
        (0..2).for_each(|_| assert!(pinned(|_| count(&series))));
        let counting = series.clone();
        let thread = spawn(move || (0..2).for_each(|_| assert!(count(&counting))));
        migrate_all();
        let moved = storage::sum(series.slot());
        assert!(count(&series));
        late.reached(moved < 4);
        join(thread);
        assert_eq!(synced_sum(series.slot()), 5);
    });
}

/// Fault: the sum of one moment is copied with the buckets of another, or the thread goes on with the wrong one of the
/// two sums.
#[test]
fn observations_are_whole_while_pages_migrate() {
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
        migrate_all();
        let now = seen();
        between.reached(now == 1);
        join(thread);
        assert_eq!(seen(), 2);
    });
}

/// Fault: work with a late end is in progress for ever.
#[test]
fn work_in_progress_ends_while_pages_migrate() {
    model(3, || {
        let series = series_of("", storage::GAUGE_CELLS);
        leave_a_shard(&series);
        let working = series.clone();
        let thread = spawn(move || {
            with_cells(&working, Cells::begin_work);
            with_cells(&working, Cells::end_work);
        });
        migrate_all();
        join(thread);
        storage::sync_pending();
        assert_eq!(storage::in_progress(series.slot()), 0);
    });
}

/// Fault: some pages migrate although there is no room for all.
#[test]
fn no_page_migrates_without_room_for_all() {
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
        assert_eq!(synced_sum(series.slot()), 3);
    });
}
