//! Helpers of the models.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use loom::model::Builder;
use loom::thread::JoinHandle;

use crate::storage::{self, CellSet, Cells, Series, end_thread};

/// Runs `body` in all interleavings with this many preemptions at most.
///
/// `LOOM_MAX_PREEMPTIONS` in the environment raises the limit.
pub(crate) fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.max_branches = 20_000;
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(move || {
        body();
        end_thread();
    });
}

/// Spawns a thread that gives up its shard when it ends.
pub(crate) fn spawn<R: 'static>(act: impl FnOnce() -> R + 'static) -> JoinHandle<R> {
    loom::thread::spawn(move || {
        let result = act();
        end_thread();
        result
    })
}

pub(crate) fn join<R>(thread: JoinHandle<R>) -> R {
    thread.join().expect("a model ends with the first panic")
}

/// Makes a series of one cell.
pub(crate) fn series(name: &str) -> Series {
    series_of(name, 1)
}

/// Makes a series of this many cells.
pub(crate) fn series_of(name: &str, cells: usize) -> Series {
    let run = u16::try_from(cells).expect("less than a page");
    Series::new(b"", name, run, storage::allocate_slot(run))
}

/// Calls `act` with this thread's cells, as a handle does; false when the series was removed.
fn try_with_cells(series: &Series, act: impl Fn(Cells)) -> bool {
    match series.slot_ref().cells(CellSet::Own) {
        Some(cells) => {
            act(cells);
            true
        }
        None => series.update(CellSet::Own, &mut |cells| act(cells)).is_ok(),
    }
}

/// Calls `act` with this thread's cells of a series that is never removed.
pub(crate) fn with_cells(series: &Series, act: impl Fn(Cells)) {
    assert!(try_with_cells(series, act), "never removed");
}

/// Adds to a series; false when it was removed.
pub(crate) fn count_by(series: &Series, amount: u64) -> bool {
    try_with_cells(series, |cells| cells.add(amount))
}

/// Adds one to a series; false when it was removed.
pub(crate) fn count(series: &Series) -> bool {
    count_by(series, 1)
}

/// Checks, after all series were dropped, that each slot is free once, and zero.
pub(crate) fn assert_all_slots_are_free() {
    let all: Vec<_> = (0..8).map(|_| series("")).collect();
    for (index, series) in all.iter().enumerate() {
        assert!(series.slot().is_live(), "a slot is lost");
        assert!(all[..index].iter().all(|other| other.slot() != series.slot()), "a slot is allocated twice");
        assert_eq!(storage::sum(series.slot()), 0, "a slot is reused with old counts");
    }
}

/// A case that some interleaving has to reach; else the model shows nothing.
pub(crate) struct Case {
    what: &'static str,
    reached: AtomicBool,
}

impl Case {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, reached: AtomicBool::new(false) }
    }

    pub(crate) fn reached(&self, reached: bool) {
        self.reached.fetch_or(reached, Relaxed);
    }
}

/// At the end of the model.
impl Drop for Case {
    fn drop(&mut self) {
        assert!(self.reached.load(Relaxed) || std::thread::panicking(), "no interleaving has {}", self.what);
    }
}
