//! What a process sends to a backend.

use std::fmt;
use std::sync::Arc;

use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::series_key::SeriesKey;
use crate::clock;
use crate::model::process;
use crate::model::snapshot::Number;

/// What a process has counted since the batch before.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Who sends it.
    pub writer: WriterId,
    /// The number of the batch: 1 for the first of a writer, then one more for each, removals included.
    pub sequence: u64,
    /// The series that have changed, each once.
    pub changes: Vec<Change>,
}

/// What has changed in one series.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its family.
    pub family: Arc<FamilyKey>,
    /// Its labels.
    pub series: SeriesKey,
    /// How much each part has grown since the batch before: of a gauge, that may be negative. See
    /// [`FamilyKey::part_count`] for the parts.
    pub deltas: Vec<Number>,
    /// Each part as this writer has counted it, since it began or the series was removed.
    pub totals: Vec<Number>,
    /// Whether the value was set meanwhile: `totals` then stand in place of what others have said before. Only where
    /// the family [combines](FamilyKey::aggregation) as [`Shared`](crate::backends::custom::Aggregation::Shared).
    pub set: bool,
    /// When the value was set last, in nanoseconds since 1970, where the family combines as
    /// [`MostRecent`](crate::backends::custom::Aggregation::MostRecent) or [`LiveMostRecent`](crate::backends::custom::Aggregation::LiveMostRecent).
    pub stamp: u64,
}

/// Series to be removed.
#[derive(Debug, Clone)]
pub struct Removal {
    /// Who removes them.
    pub writer: WriterId,
    /// The number of the removal, counted with the batches.
    pub sequence: u64,
    /// Which.
    pub series: Vec<(Arc<FamilyKey>, SeriesKey)>,
}

/// A process, for as long as it has the backend: a child, or the next one to get a process number, is another writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriterId(u128);

impl WriterId {
    /// One that no other process has.
    pub(crate) fn random() -> Self {
        use std::hash::BuildHasher as _;
        // A child has the random keys of its parent.
        let here_and_now = (process::id(), clock::here_and_now());
        let half = || u128::from(std::hash::RandomState::new().hash_one(&here_and_now));
        // The keys of the two differ by one, their hashes by all.
        Self(half() << 64 | half())
    }
}

impl fmt::Display for WriterId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
