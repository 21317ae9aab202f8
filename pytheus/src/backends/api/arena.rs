//! Where cells lie.

use std::sync::Arc;

use crate::backends::api::backend::BackendError;
use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::series_key::SeriesKey;
use crate::storage;
pub use crate::storage::Page;

/// Where the cells of this process lie, in place of the heap: in a file that others map, say.
///
/// Called when a page is first touched or a series is made, from whichever thread does so and under locks of this crate:
/// it may take its time, but must not count in a metric, and waits for no other thread.
pub trait Arena: Send + Sync + 'static {
    /// A page of cells, all zero, that stays for the rest of the process; `None` when there is no more room.
    ///
    /// Asked for once for each `shard` and `page`. One thread alone writes to the pages of a shard at a time, but those
    /// of shard 0, to which all threads write. The pages from [`CellAddr::COMMON`] on of shard 0 are those that
    /// [`common`](Self::common) has named; all processes write to them.
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page>;

    /// Takes note of a series, before anyone counts in it.
    ///
    /// # Errors
    ///
    /// When it can't be noted. What is counted in it is then dropped, and counted as `no_room`.
    fn begin(&self, series: &NewSeries<'_>) -> Result<(), BackendError>;

    /// Takes note that a series that has begun there goes on in cells elsewhere, too: see [`NewSeries::at`].
    ///
    /// # Errors
    ///
    /// As of [`begin`](Self::begin).
    fn extend(&self, series: CellAddr, also: CellAddr) -> Result<(), BackendError>;

    /// Takes note that nobody of this process counts in a series any more, before its cells are used again.
    ///
    /// The cells of all processes stay where they are: there it makes the series one that was never set.
    fn end(&self, series: CellAddr);

    /// Shows to others what was begun here, once what was counted before is in its place.
    ///
    /// # Errors
    ///
    /// When it can't be shown; the backend is not loaded then.
    fn ready(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Whether all processes write to the cells of gauges that they share: they lie where [`common`](Self::common) says.
    /// Else they are as those of others, for a backend that is [sent](crate::backends::custom::Backend::apply) what changes.
    fn has_common(&self) -> bool {
        true
    }

    /// The cells of a series that all processes write, in pages from [`CellAddr::COMMON`] on: of a gauge that they share.
    /// The same for the same series, in every process.
    ///
    /// `promised` is true for a series that shows before anyone has counted in it.
    ///
    /// # Errors
    ///
    /// When there is no room.
    fn common(&self, family: &Arc<FamilyKey>, series: &SeriesKey, promised: bool) -> Result<CellAddr, BackendError>;
}

/// A series that begins.
#[derive(Debug)]
pub struct NewSeries<'a> {
    /// Its family.
    pub family: &'a Arc<FamilyKey>,
    /// Its labels.
    pub series: &'a SeriesKey,
    /// The first of its cells, in every shard; see the [layout](FamilyKey::cells).
    pub at: CellAddr,
    /// Whether it shows before anyone has counted in it.
    pub promised: bool,
}

/// An arena that was offered to this process: none to a child of it.
#[derive(Clone)]
pub(crate) struct Offered {
    arena: Arc<dyn Arena>,
    forks: usize,
}

impl Offered {
    pub(crate) fn new(arena: &Arc<dyn Arena>) -> Self {
        Self { arena: Arc::clone(arena), forks: storage::fork_generation() }
    }

    /// The arena, which may be that of the parent of this process: nothing is to be begun there.
    pub(crate) fn of_anyone(&self) -> &dyn Arena {
        &*self.arena
    }

    /// The arena, unless it is that of the parent of this process.
    pub(crate) fn get(&self) -> Option<&Arc<dyn Arena>> {
        (self.forks == storage::fork_generation()).then_some(&self.arena)
    }
}

/// Where cells begin, in each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellAddr {
    /// The page.
    pub page: u32,
    /// The cell of that page.
    pub cell: u32,
}

impl CellAddr {
    /// From this page on, the pages of shard 0 belong to all processes.
    pub const COMMON: u32 = crate::storage::FIRST_SHARED_PAGE;
}
