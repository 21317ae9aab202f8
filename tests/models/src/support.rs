//! What the models share.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use loom::model::Builder;
use loom::thread::JoinHandle;

use crate::storage::{self, CellSet, Cells, Series, end_thread};

/// Runs `body` in all interleavings in which no more than so many turns are taken away from a thread.
///
/// `LOOM_MAX_PREEMPTIONS` in the environment looks further.
pub(crate) fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.max_branches = 20_000;
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(move || {
        body();
        end_thread();
    });
}

/// A thread that hands its shard on when it ends.
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

/// A series of one cell.
pub(crate) fn series(name: &str) -> Series {
    series_of(name, 1)
}

/// A series of so many cells.
pub(crate) fn series_of(name: &str, cells: usize) -> Series {
    let run = u16::try_from(cells).expect("less than a page");
    Series::new(b"", name, run, storage::allocate_slot(run))
}

/// Adds one, as a handle does; false when the series was removed.
pub(crate) fn count(series: &Series) -> bool {
    match series.slot_ref().cells(CellSet::Own) {
        Some(cells) => {
            cells.add(1);
            true
        }
        None => series.update(CellSet::Own, &mut |cells: Cells| cells.add(1)).is_ok(),
    }
}

/// All series are dropped: each slot is there again, once, with a cell that is zero.
pub(crate) fn assert_all_slots_are_free() {
    let all: Vec<_> = (0..8).map(|_| series("")).collect();
    for (place, series) in all.iter().enumerate() {
        assert!(series.slot().is_live(), "a slot is lost");
        assert!(all[..place].iter().all(|other| other.slot() != series.slot()), "a slot is given out twice");
        assert_eq!(storage::sum(series.slot()), 0, "a slot is used again with what was counted before");
    }
}

/// What some interleaving has to come by, or the model shows nothing.
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

/// With the model.
impl Drop for Case {
    fn drop(&mut self) {
        assert!(self.reached.load(Relaxed) || std::thread::panicking(), "no interleaving has {}", self.what);
    }
}
