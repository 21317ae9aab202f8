//! Cells: where numbers are counted, and the table that finds those of a series. Knows no metric.
//!
//! A *shard* holds the cells that one thread alone writes, so that counting is a load and a store. A series has a *slot*:
//! the same place in every shard. Pages of cells are made when they are first touched.
//!
//! ```text
//! slot  ->  this thread's shard  ->  page  ->  cell
//! ```
//!
//! The first pages of a shard are found in one step, those that are further, and those of other threads, through a
//! directory.
//!
//! What is out of the ordinary (a first use, a series that was removed, a thread without a shard) leads to a page that
//! is missing, and so through the one branch there is.

#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
mod at_exit;
/// Nothing is called at the end of a process here.
#[cfg(not(all(unix, not(any(target_os = "emscripten", loom, miri)))))]
mod at_exit {
    pub(crate) fn at_exit(_: fn()) {}
}
mod barrier;
mod buckets;
mod cells;
#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
mod child;
mod epoch;
#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
mod fork;
/// Nothing forks here.
#[cfg(not(all(unix, not(any(target_os = "emscripten", loom, miri)))))]
mod fork {
    pub(super) fn watch() {}
}
mod gate;
#[cfg(all(unix, not(loom)))]
mod map;
mod moving;
mod page;
mod read;
mod series;
mod shard;
mod slots;
mod sum;
mod sync;
mod table;
mod thread;

pub(crate) use at_exit::at_exit;
pub(crate) use cells::{GAUGE_CELLS, observation_cells};
#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
pub use child::CloseOnFork;
#[cfg(all(unix, feature = "conformance"))]
pub(crate) use fork::fork_here;
pub(crate) use gate::{Held, enter, lock, read, try_lock, write};
#[cfg(all(unix, not(loom)))]
pub(crate) use map::Mapped;
#[cfg(loom)]
pub(crate) use moving::NoRoom;
pub(crate) use moving::{Source, catch_up};
pub use page::Page;
pub(crate) use page::{COMMON_PAGE, Cells, Slot};
pub(crate) use read::{Sorted, in_progress, in_progress_at_once, look_ahead, observed, sum, sum_floats};
pub(crate) use series::{Place, Removed, Room, Series};
pub(crate) use sum::Sum;
pub(crate) use table::{Cursor, Table, Writer};
#[cfg(loom)]
pub(crate) use thread::end_thread;
pub(crate) use thread::{
    begin_anew_in_children, forks, give_back_slot, move_to, not_settled, now_settled, pinned, set_most_shards,
    shared_cells, slots_given_back, take_back, take_slot, was_forked,
};

/// Which cells of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The thread's own.
    Own,
    /// One cell more of the thread's own, for what few series need.
    Extra,
    /// Those that all threads write.
    Shared,
}
