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
#[cfg(all(unix, not(loom)))]
mod mmap;
mod series;
mod shard;
mod sum_shards;
mod table;

pub(crate) use cell_layout::{GAUGE_CELLS, observation_cells};
pub(crate) use exact_sum::Sum;
#[cfg(all(unix, not(loom)))]
pub(crate) use mmap::Mapped;
pub(crate) use series::{Part, Place, Removed, Series};
#[cfg(loom)]
pub(crate) use shard::migration::NoRoom;
pub(crate) use shard::migration::{Source, catch_up};
pub use shard::page::Page;
pub(crate) use shard::page::{COMMON_PAGE, Cells, Room, Slot};
#[cfg(loom)]
pub(crate) use shard::thread::end_thread;
pub(crate) use shard::thread::{
    begin_anew_in_children, forks, give_back_slot, move_to, not_settled, now_settled, pinned, set_most_shards,
    shared_cells, slots_given_back, take_back, take_slot, was_forked,
};
pub(crate) use sum_shards::{Sorted, in_progress, in_progress_at_once, look_ahead, observed, sum, sum_floats};
pub(crate) use table::{Cursor, Table, Writer};
