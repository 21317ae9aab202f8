//! Memory for the cells of a process, in place of the heap.

use std::sync::Arc;

use crate::backends::api::error::BackendError;
use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::series_key::SeriesKey;
use crate::storage;
pub use crate::storage::Page;

/// Memory for the cells of this process, in place of the heap: in a file mapped by others, for one.
///
/// Called when a page is first touched or a series is made, from the thread that does so and under locks of this crate: it
/// may take its time, but must not count in a metric, nor wait for another thread.
pub trait Arena: Send + Sync + 'static {
    /// Returns a page of cells, all zero, that stays for the rest of the process; `None` when there is no more room.
    ///
    /// Called once for each `shard` and `page`. One thread at a time writes to the pages of a shard, except for shard 0,
    /// which all threads write. Its pages from [`CellAddr::FIRST_SHARED_PAGE`] on are those named by
    /// [`shared_cells`](Self::shared_cells), which all processes write.
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page>;

    /// Records a series, before its first count.
    ///
    /// # Errors
    ///
    /// When it can't be recorded. Updates of the series are then dropped, and counted as `no_room`.
    fn add_series(&self, series: &NewSeries<'_>) -> Result<(), BackendError>;

    /// Records that a series has cells elsewhere, too, besides [`NewSeries::at`].
    ///
    /// # Errors
    ///
    /// The same as [`add_series`](Self::add_series).
    fn add_cells(&self, series: CellAddr, extra: CellAddr) -> Result<(), BackendError>;

    /// Records that no thread of this process counts in a series any more, before its cells are used again.
    ///
    /// Shared cells of all processes stay in place: the series becomes one that was never set.
    fn free_series(&self, series: CellAddr);

    /// Shows the recorded series to other processes, once earlier counts are in place.
    ///
    /// # Errors
    ///
    /// When they can't be shown; the backend is not loaded then.
    fn publish(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Whether all processes write the same cells for shared gauges: those that [`shared_cells`](Self::shared_cells)
    /// returns. Otherwise shared gauges have cells like other series, for a backend that receives
    /// [batches](crate::backends::custom::Backend::apply).
    fn shares_gauges(&self) -> bool {
        true
    }

    /// Returns the cells of a shared gauge, in pages from [`CellAddr::FIRST_SHARED_PAGE`] on: the same for the same series
    /// in every process.
    ///
    /// `is_zero_series` is true for a series that shows before its first count.
    ///
    /// # Errors
    ///
    /// When there is no room.
    fn shared_cells(
        &self,
        family: &Arc<FamilyKey>,
        series: &SeriesKey,
        is_zero_series: bool,
    ) -> Result<CellAddr, BackendError>;
}

/// A series that begins.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewSeries<'a> {
    /// The family of the series.
    pub family: &'a Arc<FamilyKey>,
    /// The labels of the series.
    pub series: &'a SeriesKey,
    /// The address of its first cell, in every shard; see the [layout](FamilyKey::cells).
    pub at: CellAddr,
    /// Whether it shows before its first count.
    pub is_zero_series: bool,
}

impl<'a> NewSeries<'a> {
    /// Makes a series that shows once it was counted in: for tests of an arena.
    pub fn new(family: &'a Arc<FamilyKey>, series: &'a SeriesKey, at: CellAddr) -> Self {
        Self { family, series, at, is_zero_series: false }
    }
}

/// An arena of this process, not valid in its children.
#[derive(Clone)]
pub(crate) struct ProcessArena {
    arena: Arc<dyn Arena>,
    forks: usize,
}

impl ProcessArena {
    pub(crate) fn new(arena: &Arc<dyn Arena>) -> Self {
        Self { arena: Arc::clone(arena), forks: storage::fork_generation() }
    }

    /// Returns the arena, which may be that of the parent process: no series may be added there.
    pub(crate) fn unchecked(&self) -> &dyn Arena {
        &*self.arena
    }

    /// Returns the arena, unless it is that of the parent process.
    pub(crate) fn get(&self) -> Option<&Arc<dyn Arena>> {
        (self.forks == storage::fork_generation()).then_some(&self.arena)
    }
}

/// The address of a cell, in each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellAddr {
    /// The number of the page.
    pub page: u32,
    /// The cell in the page.
    pub cell: u32,
}

impl CellAddr {
    /// The first page of shard 0 that all processes write.
    pub const FIRST_SHARED_PAGE: u32 = crate::storage::FIRST_SHARED_PAGE;
}
