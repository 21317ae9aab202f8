//! Cells, where numbers are counted, and the table from labels to the cells of a series. Knows no metric.
//!
//! Each thread counts in a *shard* of its own, with a load and a store ([sharded counters]). A series has a *slot*: the
//! same address in every shard. Pages of cells are made when they are first used.
//!
//! ```text
//! slot  ->  this thread's shard  ->  page  ->  cell
//! ```
//!
//! The first pages of a shard are in a cache, one step away; the others, and those of other threads, in a page table.
//! Each unusual case (a first use, a removed series, a thread without a shard) is a page missing from the cache. The
//! fast path therefore has one branch.
//!
//! [sharded counters]: https://mirrors.edge.kernel.org/pub/linux/kernel/people/paulmck/perfbook/perfbook.html
//! "P. McKenney, Is Parallel Programming Hard, And, If So, What Can You Do About It?, chapter 5, Counting"

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
