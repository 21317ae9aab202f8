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

mod cell_layout;
mod cells;
mod exact_sum;
#[cfg(all(unix, feature = "file", not(loom)))]
mod mmap;
mod series;
mod shard;
mod sum_shards;
mod table;

pub(crate) use cell_layout::{GAUGE_CELLS, observation_cells};
pub(crate) use exact_sum::ExactSum;
#[cfg(all(unix, feature = "file", not(loom)))]
pub(crate) use mmap::Mapped;
pub(crate) use series::{CellSet, Removed, Series, SlotRef};
#[cfg(loom)]
pub(crate) use shard::migration::NoRoom;
pub(crate) use shard::migration::{PageSource, sync_pending};
pub use shard::page::Page;
pub(crate) use shard::page::{Cells, FIRST_SHARED_PAGE, Room, Slot};
#[cfg(loom)]
pub(crate) use shard::thread::end_thread;
pub(crate) use shard::thread::{
    allocate_slot, clear_fork_pending, fork_generation, free_slot, freed_slots, is_fork_pending, migrate, pinned,
    reset_in_children, rollback, set_fork_pending, set_max_shards, shared_cells,
};
pub(crate) use sum_shards::{
    SortedSeries, in_progress, in_progress_snapshot, observed, prefetch_series, sum, sum_floats,
};
pub(crate) use table::{Table, TableCursor, TableWriter};
