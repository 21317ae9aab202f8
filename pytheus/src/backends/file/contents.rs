//! What the log of a file says.

use std::sync::Arc;

use crate::backends::{At, FamilyKey, SeriesKey};

/// A series, as the log of a file knows it.
#[derive(Debug, Clone)]
pub(super) struct PeerSeries {
    /// The number of its family in the file.
    pub(super) family: u32,
    pub(super) key: SeriesKey,
    pub(super) at: At,
    /// Where it goes on.
    pub(super) also: Option<At>,
    /// Shows before anyone has counted in it.
    pub(super) promised: bool,
    /// Nobody counts in it any more, and its cells may belong to another one.
    pub(super) ended: bool,
}

pub(super) type Families = Vec<Arc<FamilyKey>>;
