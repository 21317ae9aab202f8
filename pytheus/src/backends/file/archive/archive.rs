//! What the dead have baseline_of, and what was removed of what the living count.
//!
//! One file that is never changed: a new one takes its place, under the directory's lock, in one step. Who has read one
//! can tell at any time whether it is still the one that is there.

use std::collections::HashSet;
use std::sync::Arc;

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::backends::file::dir::Identity;
use crate::backends::file::format::{ExactAmount, FileId};

/// What the dead have counted.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    /// How many there were before.
    pub(crate) generation: u64,
    pub(crate) families: Vec<ArchivedFamily>,
    /// Files whose counts are included, and which may still be there: to be left out.
    pub(crate) folded: HashSet<FileId>,
    pub(crate) tombstones: Vec<Tombstone>,
    /// Where it was read; open, so that no other file is taken for it. None: there was none.
    pub(crate) file: Option<Identity>,
}

/// The counts of a family.
#[derive(Debug, Clone)]
pub(crate) struct ArchivedFamily {
    pub(crate) key: Arc<FamilyKey>,
    /// The number of the last process that has declared it like this.
    pub(crate) newest: u64,
    /// Each with as many parts as the family's width. Of a gauge that shows the most recent value, the whole number is the
    /// time at which it was set.
    pub(crate) series: Vec<(SeriesKey, Box<[ExactAmount]>)>,
}

/// A series that was removed while a process counted in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tombstone {
    /// In whose file.
    pub(crate) file: FileId,
    /// Its number there.
    pub(crate) series: u32,
    /// What it had counted by then, which doesn't count any more; see [`counted`](crate::backends::file::archive::tombstones::baseline_of).
    pub(crate) amounts: Box<[ExactAmount]>,
}

impl Archive {
    /// Forgets what is said of files that are gone, or that count no more.
    pub(crate) fn forget(&mut self, present: &HashSet<FileId>) {
        let Self { folded, tombstones, .. } = self;
        folded.retain(|id| present.contains(id));
        tombstones.retain(|tombstones| present.contains(&tombstones.file) && !folded.contains(&tombstones.file));
    }
}
