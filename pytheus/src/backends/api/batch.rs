//! Messages from a process to a backend.

use std::fmt;
use std::sync::Arc;

use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::series_key::SeriesKey;
use crate::clock;
use crate::model::process;
use crate::model::snapshot::Number;

/// Counts of a process since its last batch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Batch {
    /// The sender.
    pub writer: WriterId,
    /// The sequence number: 1 for the first batch of a writer, then one more for each batch or removal.
    pub sequence: u64,
    /// The changed series, each once.
    pub changes: Vec<Change>,
}

impl Batch {
    /// Makes a batch: for tests of a backend.
    pub fn new(writer: WriterId, sequence: u64, changes: Vec<Change>) -> Self {
        Self { writer, sequence, changes }
    }
}

/// The change of one series.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Change {
    /// The family of the series.
    pub family: Arc<FamilyKey>,
    /// The labels of the series.
    pub series: SeriesKey,
    /// The growth of each part since the last batch: of a gauge, it may be negative. [`FamilyKey::part_count`] lists the
    /// parts.
    pub deltas: Vec<Number>,
    /// Each part as counted by this writer, since it began or the series was removed.
    pub totals: Vec<Number>,
    /// Whether the value was set meanwhile: `totals` then replace the values of other writers. Only where the
    /// [aggregation](FamilyKey::aggregation) is [`Shared`](crate::backends::custom::Aggregation::Shared).
    pub was_set: bool,
    /// When the value was set last, in nanoseconds since 1970. Only where the aggregation is
    /// [`MostRecent`](crate::backends::custom::Aggregation::MostRecent) or
    /// [`LiveMostRecent`](crate::backends::custom::Aggregation::LiveMostRecent).
    pub set_at: u64,
}

impl Change {
    /// Makes the change of a series that was not set: for tests of a backend.
    pub fn new(family: Arc<FamilyKey>, series: SeriesKey, deltas: Vec<Number>, totals: Vec<Number>) -> Self {
        Self { family, series, deltas, totals, was_set: false, set_at: 0 }
    }
}

/// Series to remove.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Removal {
    /// The sender.
    pub writer: WriterId,
    /// The sequence number, counted together with the batches.
    pub sequence: u64,
    /// The series.
    pub series: Vec<(Arc<FamilyKey>, SeriesKey)>,
}

impl Removal {
    /// Makes a removal: for tests of a backend.
    pub fn new(writer: WriterId, sequence: u64, series: Vec<(Arc<FamilyKey>, SeriesKey)>) -> Self {
        Self { writer, sequence, series }
    }
}

/// Identifies a process while it has the backend. A forked child is another writer, and so is the next process with the same
/// process id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriterId(u128);

impl WriterId {
    /// Returns an id that no other process has.
    pub fn random() -> Self {
        use std::hash::BuildHasher as _;
        // A child has the random keys of its parent.
        let here_and_now = (process::id(), clock::here_and_now());
        let half = || u128::from(std::hash::RandomState::new().hash_one(&here_and_now));
        // The keys of two `RandomState` differ by one, their hashes in every bit.
        Self(half() << 64 | half())
    }
}

impl fmt::Display for WriterId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
